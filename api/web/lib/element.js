/** DOM elements from function calls instead of HTML strings. */

/** @typedef {Node | string | number | false | null | undefined} Child */

/**
 * Props that `h` sets as attributes rather than as properties of the element.
 * @typedef {{
 *   class?: string,
 *   for?: string,
 *   role?: string,
 *   dataset?: Record<string, string | number>,
 *   style?: Record<string, string | number>,
 *   [aria: `aria-${string}`]: string | number | null,
 * }} Attributes
 */

/**
 * @template {keyof HTMLElementTagNameMap} Tag
 * @typedef {Omit<Partial<HTMLElementTagNameMap[Tag]>, keyof Attributes> & Attributes} Props
 */

/**
 * Create an element. Props that start with `on` become event listeners.
 * @template {keyof HTMLElementTagNameMap} Tag
 * @param {Tag} tag
 * @param {Props<Tag>} [props]
 * @param {...(Child | Child[])} children
 * @returns {HTMLElementTagNameMap[Tag]}
 */
export function h(tag, props, ...children) {
  const element = document.createElement(tag);
  for (const [name, value] of Object.entries(props ?? {})) setProp(element, name, value);
  element.append(...toNodes(children));
  return element;
}

/**
 * Replace the children of an element.
 * @param {Element} element
 * @param {...(Child | Child[])} children
 */
export function fill(element, ...children) {
  element.replaceChildren(...toNodes(children));
}

/**
 * Like `fill`, but keeps keyboard focus inside the element.
 * @param {HTMLElement} element which can be focused
 * @param {...(Child | Child[])} children
 */
export function fillKeepingFocus(element, ...children) {
  const hadFocus = element.contains(document.activeElement);
  fill(element, ...children);
  if (hadFocus) element.focus();
}

/**
 * Create an SVG element.
 * @template {keyof SVGElementTagNameMap} Tag
 * @param {Tag} tag
 * @param {Record<string, string | number>} attributes
 * @param {...SVGElement} children
 * @returns {SVGElementTagNameMap[Tag]}
 */
export function svg(tag, attributes, ...children) {
  const element = document.createElementNS('http://www.w3.org/2000/svg', tag);
  for (const [name, value] of Object.entries(attributes)) element.setAttribute(name, String(value));
  element.append(...children);
  return element;
}

/**
 * @param {HTMLElement} element
 * @param {string} name
 * @param {any} value of a type that `Props` has checked
 */
function setProp(element, name, value) {
  if (name.startsWith('on')) element.addEventListener(name.slice(2), value);
  else if (name === 'dataset') Object.assign(element.dataset, value);
  else if (name === 'style') {
    for (const [rule, setting] of Object.entries(value)) element.style.setProperty(rule, setting);
  } else if (name.startsWith('aria-') || ['class', 'for', 'role'].includes(name)) {
    if (value !== null) element.setAttribute(name, value);
  } else Object.assign(element, { [name]: value });
}

/**
 * @param {(Child | Child[])[]} children
 * @returns {(Node | string)[]}
 */
function toNodes(children) {
  return children
    .flat()
    .filter((child) => child !== null && child !== undefined && child !== false)
    .map((child) => (child instanceof Node ? child : String(child)));
}

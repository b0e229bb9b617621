/** Building the document: elements from plain calls, never from strings of HTML. */

/** @typedef {Node | string | number | false | null | undefined} Child */

/**
 * An element. `props` beginning with `on` are listeners, those with a dash and `role`, `for` and
 * `class` are attributes, `dataset` and `style` are objects, and the rest are properties.
 * @param {string} tag
 * @param {Record<string, any>} [props]
 * @param {...(Child | Child[])} children
 * @returns {HTMLElement & Record<string, any>}
 */
export function h(tag, props = {}, ...children) {
  const element = document.createElement(tag);
  for (const [name, value] of Object.entries(props)) assign(element, name, value);
  element.append(...present(children));
  return element;
}

/**
 * Put these in place of what the element holds.
 * @param {Element} element
 * @param {...(Child | Child[])} children
 */
export function fill(element, ...children) {
  element.replaceChildren(...present(children));
}

/**
 * The same, and who was reading in it goes on reading there, rather than at the top of the page.
 * @param {HTMLElement} element that can be focused
 * @param {...(Child | Child[])} children
 */
export function refill(element, ...children) {
  const isRead = element.contains(document.activeElement);
  fill(element, ...children);
  if (isRead) element.focus();
}

/**
 * An SVG element.
 * @param {string} tag
 * @param {Record<string, string | number>} attributes
 * @param {...SVGElement} children
 * @returns {SVGElement}
 */
export function svg(tag, attributes = {}, ...children) {
  const element = document.createElementNS('http://www.w3.org/2000/svg', tag);
  for (const [name, value] of Object.entries(attributes)) element.setAttribute(name, String(value));
  element.append(...children);
  return element;
}

function assign(element, name, value) {
  if (value === undefined) return;
  if (name.startsWith('on')) element.addEventListener(name.slice(2), value);
  else if (name === 'dataset') Object.assign(element.dataset, value);
  else if (name === 'style')
    for (const [rule, to] of Object.entries(value)) element.style.setProperty(rule, to);
  else if (name.includes('-') || ['role', 'for', 'class', 'list'].includes(name)) {
    if (value !== null && value !== false) element.setAttribute(name, value);
  } else element[name] = value;
}

function present(children) {
  return children
    .flat()
    .filter((child) => child !== null && child !== undefined && child !== false)
    .map((child) => (child instanceof Node ? child : String(child)));
}

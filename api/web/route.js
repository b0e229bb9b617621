/** The page's address: everything a view shows is in the part behind `#`, so a link reopens it. */

/** @typedef {{view: string, query: URLSearchParams}} Route */

/** @returns {Route} */
export function readRoute() {
  const [view, query] = location.hash.replace(/^#\/?/, '').split('?');
  return { view: view || 'segment', query: new URLSearchParams(query ?? '') };
}

/**
 * A link to a view.
 * @param {string} view
 * @param {Record<string, string | number | null | undefined>} [query] empty ones are left out
 */
export function link(view, query = {}) {
  const given = Object.entries(query).filter(
    ([, value]) => value !== null && value !== undefined && value !== '',
  );
  // Slashes and commas may stand in a fragment, and ids are easier to read with them.
  const text = new URLSearchParams(given.map(([name, value]) => [name, String(value)]))
    .toString()
    .replaceAll('%2F', '/')
    .replaceAll('%2C', ',');
  return `#/${view}${text ? `?${text}` : ''}`;
}

/**
 * Go to a link, as a click on it would.
 * @param {string} to
 */
export function go(to) {
  location.hash = to;
}

/**
 * Note what the view shows now, without a new entry in the history.
 * @param {string} to
 */
export function note(to) {
  if (location.hash !== to) history.replaceState(null, '', to);
}

/** The page's address: the part after `#` holds everything that a view shows, so links reopen it. */

import { queryString } from './query_string.js';

/** The address of what is shown. */
let current = '';

/** @returns {{view: string, query: URLSearchParams}} */
export function readRoute() {
  // A name behind the first `?` may have more of them.
  const [view, ...query] = location.hash.replace(/^#\/?/, '').split('?');
  return { view: view || 'segment', query: new URLSearchParams(query.join('?')) };
}

/** What the address names is shown from now on. */
export function acceptRoute() {
  current = location.hash;
}

/** Return to the address of what is shown: the user stays. */
export function rejectRoute() {
  history.pushState(null, '', current);
}

/**
 * A link to a view.
 * @param {string} view
 * @param {import('./query_string.js').Query} [query] empty values are left out
 */
export function link(view, query = {}) {
  const text = queryString(query)
    // A fragment may hold slashes and commas, and ids are easier to read with them.
    .replaceAll('%2F', '/')
    .replaceAll('%2C', ',');
  return `#/${view}${text && `?${text}`}`;
}

/**
 * Follow a link, with a new entry in the browser's history.
 * @param {string} to
 */
export function navigate(to) {
  location.hash = to;
}

/**
 * Update the address to what the view shows, without a new entry in the history.
 * @param {string} to
 */
export function replaceLink(to) {
  // A link was followed, and the browser has not announced it yet: it must not be overwritten.
  if (location.hash !== current) return;
  if (current !== to) history.replaceState(null, '', to);
  current = location.hash;
}

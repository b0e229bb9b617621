/** @typedef {Record<string, string | number | null | undefined>} Query */

/**
 * A query string without its `?`.
 * @param {Query} query empty values are left out
 */
export function queryString(query) {
  const params = new URLSearchParams();
  for (const [name, value] of Object.entries(query)) {
    if (value !== null && value !== undefined && value !== '') params.set(name, String(value));
  }
  return params.toString();
}

/** What the browser keeps for the page: `local` for all its tabs, `session` for this one. */

export const local = storage('localStorage');
export const session = storage('sessionStorage');

/**
 * The storage of the browser, or one that lasts as long as the page, where the user forbids it.
 * @param {'localStorage' | 'sessionStorage'} name
 * @returns {Pick<Storage, 'getItem' | 'setItem' | 'removeItem'>}
 */
function storage(name) {
  try {
    if (window[name]) return window[name];
  } catch {
    // Reading the property is what fails.
  }
  /** @type {Map<string, string>} */
  const kept = new Map();
  return {
    getItem: (key) => kept.get(key) ?? null,
    setItem: (key, value) => void kept.set(key, value),
    removeItem: (key) => void kept.delete(key),
  };
}

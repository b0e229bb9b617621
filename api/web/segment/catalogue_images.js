/**
 * The images of the catalogue by their position. Where the service counts them, any part can be
 * fetched at once, and is when it is looked at; what is searched for comes page after page.
 */

import { get } from '../http.js';

const PAGE = 200;

export class CatalogueImages extends EventTarget {
  /** Ids by position, with holes where nothing was fetched. @type {string[]} */
  #ids = [];
  #total = null;
  #next = null;
  #isBegun = false;
  #seen = [0, 0];
  #closing = new AbortController();
  /** @type {{part: string, abort: AbortController} | null} */
  #loading = null;

  /** @param {{dataset: string, q: string}} filter */
  constructor(filter) {
    super();
    this.filter = filter;
    this.#load();
  }

  close() {
    this.#closing.abort();
    this.#loading?.abort.abort();
  }

  /** How many there are, as far as is known. */
  get count() {
    return this.#total ?? this.#ids.length;
  }

  /** Whether there may be more than `count`. */
  get isOpen() {
    return this.#total === null && (!this.#isBegun || this.#next !== null);
  }

  /**
   * @param {number} position
   * @returns {string | undefined} undefined where nothing is, or nothing was fetched yet
   */
  at(position) {
    return this.#ids[position];
  }

  /**
   * @param {string} id
   * @returns {number} -1 when it was not fetched
   */
  find(id) {
    return this.#ids.indexOf(id);
  }

  /**
   * Where an image stands, also when it was not fetched yet.
   * @param {string} id
   * @returns {Promise<number>} -1 when it is none of these, or may not have come yet in a search
   */
  async locate(id) {
    const { dataset, q } = this.filter;
    const isCounted = id && !q && (!dataset || id.startsWith(`${dataset}/`));
    if (this.find(id) >= 0 || !isCounted) return this.find(id);
    try {
      const query = { dataset, at: id, limit: 1 };
      return (await get('v1/images', query, this.#closing.signal)).offset;
    } catch {
      return -1; // It was shown by its id all the same: the list is a help, not a condition.
    }
  }

  /** @param {number} first @param {number} last positions that are in view */
  see(first, last) {
    this.#seen = [first, last];
    this.#load();
  }

  /** What to ask for next, null when all that is looked at is here. */
  #missing() {
    if (!this.#isBegun) return {};
    const [first, last] = this.#seen;
    if (this.#total === null) {
      // A page of a search can be empty while more follow.
      const isShort = last >= this.#ids.length || this.#ids.length < PAGE / 2;
      return this.#next && isShort ? { cursor: this.#next } : null;
    }
    for (let offset = first - (first % PAGE); offset < Math.min(last, this.#total); offset += PAGE)
      if (!(offset in this.#ids)) return { offset };
    return null;
  }

  /** Fetch what is missing; what is fetched for a place that was left is given up. */
  async #load() {
    const missing = this.#missing();
    if (!missing) return;
    const part = JSON.stringify(missing);
    if (this.#loading?.part === part) return;
    this.#loading?.abort.abort();
    const abort = new AbortController();
    this.#loading = { part, abort };
    try {
      const page = await get('v1/images', { ...this.filter, ...missing, limit: PAGE }, abort.signal);
      this.#loading = null;
      this.#take(page, missing.offset ?? this.#ids.length);
      this.#load();
    } catch (error) {
      if (error.name === 'AbortError') return;
      this.#loading = null;
      this.dispatchEvent(new CustomEvent('failure', { detail: error }));
    }
  }

  #take({ images, next, total }, start) {
    this.#isBegun = true;
    this.#next = next;
    // Images may have gone since they were counted.
    this.#total = images.length || total === null ? total : Math.min(total, start);
    images.forEach(({ id }, at) => {
      this.#ids[start + at] = id;
    });
    this.dispatchEvent(new CustomEvent('change', { detail: { first: start, last: start + images.length } }));
  }
}

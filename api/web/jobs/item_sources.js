/**
 * Where the rows of the item table come from. Each source has a `count`, gives the item of a row
 * when it has it, loads what is seen, and tells `change` when there is something new.
 */

import { get } from '../http.js';

const PAGE = 100;
const PAUSE_MS = 700;

/** All items in order, loaded where they are looked at. */
export class OrderedItems extends EventTarget {
  /** @type {Map<number, any[]>} pages by number */
  #pages = new Map();
  #asked = new Set();
  #stale = new Set();
  #seen = [0, 0];
  #timer = 0;

  /** @param {string} job @param {number} count */
  constructor(job, count) {
    super();
    this.job = job;
    this.count = count;
  }

  close() {
    clearTimeout(this.#timer);
  }

  /** @param {number} row */
  item(row) {
    return this.#pages.get(Math.floor(row / PAGE))?.[row % PAGE];
  }

  /** @param {number} first @param {number} last rows that are in view */
  see(first, last) {
    this.#seen = [Math.floor(first / PAGE), Math.floor(Math.max(first, last - 1) / PAGE)];
    for (let page = this.#seen[0]; page <= this.#seen[1]; page += 1) {
      if (!this.#pages.has(page) && !this.#asked.has(page)) this.#load(page);
    }
  }

  /** @param {number} index of an item that changed */
  touch(index) {
    const page = Math.floor(index / PAGE);
    if (page < this.#seen[0] || page > this.#seen[1]) {
      this.#pages.delete(page);
      return;
    }
    this.#stale.add(page);
    this.#timer ||= setTimeout(() => this.#reload(), PAUSE_MS);
  }

  /** Look at everything in view again. */
  touchAll() {
    for (const page of this.#pages.keys()) this.touch(page * PAGE);
  }

  #reload() {
    this.#timer = 0;
    for (const page of this.#stale) this.#load(page);
    this.#stale.clear();
  }

  async #load(page) {
    this.#asked.add(page);
    try {
      const { items } = await get(`v1/jobs/${this.job}/items`, { cursor: page * PAGE, limit: PAGE });
      this.#pages.set(page, items);
      this.dispatchEvent(new Event('change'));
    } finally {
      this.#asked.delete(page);
    }
  }
}

/** The failed items, a page after the other. */
export class FailedItems extends EventTarget {
  #items = [];
  #next = '0';
  #isLoading = false;

  /** @param {string} job */
  constructor(job) {
    super();
    this.job = job;
    this.#more();
  }

  get count() {
    return this.#items.length;
  }

  close() {}

  /** @param {number} row */
  item(row) {
    return this.#items[row];
  }

  see(_, last) {
    if (last >= this.#items.length) this.#more();
  }

  /** A new failure may be anywhere, so the list is made anew. */
  touchAll() {
    this.#items = [];
    this.#next = '0';
    this.#more();
  }

  touch() {}

  async #more() {
    if (this.#isLoading || this.#next === null) return;
    this.#isLoading = true;
    try {
      const page = await get(`v1/jobs/${this.job}/items`, {
        state: 'failed',
        cursor: this.#next,
        limit: PAGE,
      });
      this.#items.push(...page.items);
      this.#next = page.next;
    } finally {
      this.#isLoading = false;
    }
    this.dispatchEvent(new Event('change'));
  }
}

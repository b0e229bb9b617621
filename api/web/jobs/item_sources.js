/**
 * Where the rows of the item table come from. Each source has a `count`, gives the item of a row
 * when it has it, loads what is seen, hears of the job, and tells `change` when there is something
 * new. This one has all items in order, loaded where they are looked at.
 */

import { get } from '../http.js';

const PAGE = 100;
const PAUSE_MS = 700;

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

  /** @param {any} job as it is now: once it has ended, everything in view is looked at again */
  update(job) {
    if (job.finished_at !== null) for (const page of this.#pages.keys()) this.touch(page * PAGE);
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
    } catch {
      // It is asked for again when it is looked at or changes: the history says what is wrong.
    } finally {
      this.#asked.delete(page);
    }
  }
}

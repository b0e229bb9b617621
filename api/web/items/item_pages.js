/** The items of a job that match a query, by their place in the list. A page is loaded when it comes into view. */

import { listItems } from '../lib/api/client.js';
import { isAbort } from '../lib/api/http.js';
import { Emitter } from '../lib/emitter.js';
import { apiQuery, isPlain } from './item_query.js';

/** @typedef {import('../lib/api/schemas.js').Item} Item */
/** @typedef {import('../lib/api/schemas.js').Job} Job */
/** @typedef {import('./item_query.js').ItemQuery} ItemQuery */

const PAGE_SIZE = 100;
const RELOAD_DELAY_MS = 700;
/** A list in another order than that of the job may change everywhere. */
const REORDER_DELAY_MS = 1500;

/** @extends {Emitter<{change: [], failure: [error: unknown]}>} */
export class ItemPages extends Emitter {
  /** @type {Map<number, Item[]>} by page number */
  #pages = new Map();
  /** @type {Set<number>} */
  #loading = new Set();
  /** Counts the loads, whose answers may overtake each other. */
  #loads = 0;
  /** @type {Map<number, number>} the load that each page is from */
  #answered = new Map();
  /** @type {Set<number>} */
  #stale = new Set();
  #visible = { first: 0, last: 0 };
  #timer = 0;
  #closing = new AbortController();
  #job;
  #query;
  #isPlain;

  /**
   * @param {string} job
   * @param {ItemQuery} query
   */
  constructor(job, query) {
    super();
    this.#job = job;
    this.#query = apiQuery(query);
    this.#isPlain = isPlain(query);
    /** @type {number | null} null until it is known */
    this.total = null;
  }

  close() {
    clearTimeout(this.#timer);
    this.#closing.abort();
  }

  /** The number of items known so far. */
  get count() {
    return this.total ?? 0;
  }

  /** @param {number} row */
  item(row) {
    return this.#pages.get(Math.floor(row / PAGE_SIZE))?.[row % PAGE_SIZE];
  }

  /**
   * The item at a place that may not be loaded. Throws Problem.
   * @param {number} row
   * @returns {Promise<Item | undefined>}
   */
  async fetch(row) {
    if (row < 0 || (this.total !== null && row >= this.total)) return undefined;
    const known = this.item(row);
    if (known) return known;
    await this.#load(Math.floor(row / PAGE_SIZE));
    return this.item(row);
  }

  /**
   * The place of an item in the list, -1 when it is not there. Throws Problem.
   * @param {number} index
   */
  async locate(index) {
    if (this.#isPlain) return this.total === null || index < this.total ? index : -1;
    for (const [page, items] of this.#pages) {
      const at = items.findIndex((item) => item.index === index);
      if (at >= 0) return page * PAGE_SIZE + at;
    }
    try {
      const query = { ...this.#query, at: index, limit: 1 };
      const { offset } = await listItems(this.#job, query, this.#closing.signal);
      return offset ?? -1;
    } catch (error) {
      if (error instanceof Error && 'code' in error && error.code === 'item_not_found') return -1;
      throw error;
    }
  }

  /**
   * @param {number} first row
   * @param {number} end
   */
  setVisible(first, end) {
    this.#visible = {
      first: Math.floor(first / PAGE_SIZE),
      last: Math.floor(Math.max(first, end - 1) / PAGE_SIZE),
    };
    this.#loadVisible();
  }

  /** @param {number} index of an item that changed */
  itemChanged(index) {
    if (!this.#isPlain) {
      this.#reloadSoon(REORDER_DELAY_MS);
      return;
    }
    const page = Math.floor(index / PAGE_SIZE);
    if (page < this.#visible.first || page > this.#visible.last) this.#pages.delete(page);
    else this.#stale.add(page);
    this.#reloadSoon(RELOAD_DELAY_MS);
  }

  /** @param {Job} job which changed */
  jobChanged(job) {
    if (this.#isPlain && this.total !== job.counts.total) {
      this.total = job.counts.total;
      this.emit('change');
      this.#loadVisible();
    }
    if (job.finished_at !== null) this.reload();
  }

  /** Load what is shown again. */
  reload() {
    for (const page of this.#pages.keys()) this.#stale.add(page);
    this.#reloadSoon(0);
  }

  #loadVisible() {
    for (let page = this.#visible.first; page <= this.#visible.last; page += 1) {
      if (!this.#pages.has(page) && !this.#loading.has(page)) this.#loadQuietly(page);
    }
  }

  /** @param {number} delay milliseconds */
  #reloadSoon(delay) {
    if (this.#closing.signal.aborted) return;
    this.#timer ||= setTimeout(() => this.#reload(), delay);
  }

  #reload() {
    this.#timer = 0;
    const { first, last } = this.#visible;
    if (!this.#isPlain) {
      for (const page of this.#pages.keys()) {
        if (page < first || page > last) this.#pages.delete(page);
        else this.#stale.add(page);
      }
      this.#stale.add(first);
    }
    for (const page of this.#stale) {
      if (page >= first && page <= last) this.#loadQuietly(page);
      else this.#pages.delete(page);
    }
    this.#stale.clear();
    this.#loadVisible();
  }

  /** @param {number} page */
  async #loadQuietly(page) {
    try {
      await this.#load(page);
    } catch (error) {
      if (!isAbort(error)) this.emit('failure', error);
    }
  }

  /** @param {number} page */
  async #load(page) {
    this.#loads += 1;
    const load = this.#loads;
    this.#loading.add(page);
    try {
      const place = this.#isPlain ? 'cursor' : 'offset';
      const query = { ...this.#query, [place]: page * PAGE_SIZE, limit: PAGE_SIZE };
      const { items, total } = await listItems(this.#job, query, this.#closing.signal);
      if (load < (this.#answered.get(page) ?? 0)) return;
      this.#answered.set(page, load);
      this.#pages.set(page, items);
      const { first, last } = this.#visible;
      const isCounted = !this.#isPlain && this.total !== total;
      if (isCounted) this.total = total;
      // What is selected out of view, 100 pages of a large job, is drawn when it comes into view.
      if (isCounted || (page >= first && page <= last)) this.emit('change');
    } finally {
      this.#loading.delete(page);
    }
  }
}

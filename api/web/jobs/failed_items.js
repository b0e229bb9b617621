/** The failed items of a job, a source of rows like OrderedItems: read as far as somebody looks. */

import { get } from '../http.js';

const PAGE = 500;
/** Their places are known only page after page, so a page is large. */

export class FailedItems extends EventTarget {
  #items = [];
  /** @type {string | null} */
  #next = '0';
  #seen = 0;
  #isStale = true;
  #isLoading = false;

  /** @param {any} job */
  constructor(job) {
    super();
    this.job = job.id;
    this.count = job.counts.failed;
    this.#load();
  }

  close() {
    this.isClosed = true;
  }

  /** @param {number} row */
  item(row) {
    return this.#items[row];
  }

  see(_, last) {
    this.#seen = last;
    this.#load();
  }

  touch() {}

  /** @param {any} job as it is now: a new failure may be anywhere, so the list is made anew */
  update({ counts, finished_at: end }) {
    if (counts.failed === this.count && end === null) return;
    this.count = counts.failed;
    this.#isStale = true;
    this.#load();
  }

  get #isShort() {
    return this.#next !== null && this.#items.length < Math.min(this.#seen, this.count);
  }

  async #load() {
    if (this.#isLoading) return;
    this.#isLoading = true;
    try {
      while (!this.isClosed && (this.#isStale || this.#isShort)) await this.#read();
    } catch {
      // It is asked for again when somebody scrolls or the job changes.
    } finally {
      this.#isLoading = false;
    }
  }

  async #read() {
    if (this.#isStale) [this.#isStale, this.#next] = [false, '0'];
    const isFirst = this.#next === '0';
    const query = { state: 'failed', cursor: this.#next, limit: PAGE };
    const { items, next } = await get(`v1/jobs/${this.job}/items`, query);
    this.#items = isFirst ? items : [...this.#items, ...items];
    this.#next = next;
    if (next === null) this.count = this.#items.length;
    this.dispatchEvent(new Event('change'));
  }
}

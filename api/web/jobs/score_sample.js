/** The scores of a job's images one by one, gathered page by page: for the worst, and for an interval. */

import { get } from '../http.js';

const PAGE = 250;
const PAUSE_MS = 1500;
const MOST = 20_000;
/** Images read at most: a tab should not hold a million of them. */
const FEWEST = 5;
/** Images below which an interval would say nothing. */
const Z = 1.959964;

export class ScoreSample extends EventTarget {
  /** @type {Map<number, any>} items by index, without what the table does not show */
  #items = new Map();
  #ranked = [];
  #next = 0;
  #timer = 0;
  #isReading = false;

  /** @param {string} job */
  constructor(job) {
    super();
    this.job = job;
    this.expected = 0;
    this.isOpen = true;
  }

  close() {
    clearTimeout(this.#timer);
    this.isClosed = true;
  }

  /** @param {any} job as it is now */
  update(job) {
    this.expected = job.counts.succeeded;
    const hasEnded = job.finished_at !== null;
    // Items that ended out of order were passed over while the job ran.
    if (hasEnded && this.isOpen && this.#items.size < this.expected) this.#next = 0;
    this.isOpen = !hasEnded;
    if (this.#items.size < Math.min(this.expected, MOST)) this.#later(0);
  }

  get count() {
    return this.#ranked.length;
  }

  /** @param {number} row from the worst */
  item(row) {
    return this.#ranked[row];
  }

  see() {}

  touch() {}

  /** Mean IoU of an image with its 95 % interval (Student's t), or null for too few. */
  interval() {
    const values = this.#ranked.map((item) => item.result.scores.mean_iou);
    if (values.length < FEWEST) return null;
    const mean = values.reduce((sum, value) => sum + value, 0) / values.length;
    const spread = Math.sqrt(
      values.reduce((sum, value) => sum + (value - mean) ** 2, 0) / (values.length - 1),
    );
    return {
      mean,
      margin: (quantile(values.length - 1) * spread) / Math.sqrt(values.length),
      images: values.length,
    };
  }

  #later(pause) {
    if (!this.isClosed) this.#timer ||= setTimeout(() => this.#read(), pause);
  }

  async #read() {
    this.#timer = 0;
    if (this.#isReading) return;
    this.#isReading = true;
    try {
      const { items, next } = await get(`v1/jobs/${this.job}/items`, {
        state: 'succeeded',
        cursor: this.#next,
        limit: PAGE,
      });
      for (const item of items) this.#items.set(item.index, item);
      if (items.length) this.#next = items.at(-1).index + 1;
      const scored = [...this.#items.values()].filter(
        (item) => item.result.scores?.mean_iou !== undefined && item.result.scores.mean_iou !== null,
      );
      this.#ranked = scored.sort((one, other) => one.result.scores.mean_iou - other.result.scores.mean_iou);
      this.dispatchEvent(new Event('change'));
      if ((next || this.isOpen) && this.#items.size < MOST) this.#later(next ? 0 : PAUSE_MS);
    } catch {
      this.#later(PAUSE_MS);
    } finally {
      this.#isReading = false;
    }
  }
}

/** The 97.5 % quantile of Student's t (Abramowitz and Stegun, 26.7.5), for four degrees and more. */
function quantile(degrees) {
  return Z + (Z ** 3 + Z) / (4 * degrees) + (5 * Z ** 5 + 16 * Z ** 3 + 3 * Z) / (96 * degrees ** 2);
}

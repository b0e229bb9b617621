/** A job that is watched: told anew whenever something happens to it, until it has ended. */

import { get } from '../http.js';
import { followEvents } from './event_stream.js';

export const OPEN_STATES = new Set(['queued', 'running']);
const PAUSE_MS = 400;
/** Items end faster than anybody reads: the job is asked for at most this often. */

export class JobWatch extends EventTarget {
  #stop = new AbortController();
  #timer = 0;

  /** @param {string} id */
  constructor(id) {
    super();
    this.id = id;
    /** @type {any} */
    this.job = null;
  }

  get isOpen() {
    return OPEN_STATES.has(this.job?.state);
  }

  close() {
    this.#stop.abort();
    clearTimeout(this.#timer);
  }

  /** Tell the job as it is, and follow it when it is open. Throws Problem. */
  async start() {
    await this.#refresh();
    if (this.isOpen) this.#follow();
  }

  async #follow() {
    const { signal } = this.#stop;
    try {
      await followEvents(`v1/jobs/${this.id}/events`, (event) => this.#take(event), signal);
      clearTimeout(this.#timer);
      this.#timer = 0;
      if (!signal.aborted) await this.#refresh();
    } catch (error) {
      if (error.name !== 'AbortError') this.dispatchEvent(new CustomEvent('problem', { detail: error }));
    }
  }

  #take({ type, data }) {
    if (type === 'item') this.dispatchEvent(new CustomEvent('item', { detail: data }));
    if (type === 'job' && !OPEN_STATES.has(data.state)) return true;
    this.#timer ||= setTimeout(() => {
      this.#timer = 0;
      this.#refresh().catch(() => {});
    }, PAUSE_MS);
    return false;
  }

  async #refresh() {
    this.job = await get(`v1/jobs/${this.id}`, {}, this.#stop.signal);
    this.dispatchEvent(new Event('job'));
  }
}

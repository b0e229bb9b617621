/** Watches a job: reads it again whenever one of its events says that it changed. */

import { getJob } from '../lib/api/client.js';
import { isAbort } from '../lib/api/http.js';
import { Emitter } from '../lib/emitter.js';
import { untilAnswered } from '../lib/recovery.js';
import { followEvents } from './event_stream.js';

/** @typedef {import('../lib/api/schemas.js').Job} Job */
/** @typedef {import('../lib/api/schemas.js').ItemState} ItemState */

const OPEN_STATES = ['queued', 'running'];
/** Items end faster than the job needs to be read. */
const MIN_READ_INTERVAL_MS = 400;

/**
 * @extends {Emitter<{
 *   job: [job: Job],
 *   item: [index: number, state: ItemState],
 *   failure: [error: unknown],
 *   connection: [error: unknown],
 * }>} `connection`: why the events do not come, null when they come again
 */
export class JobWatcher extends Emitter {
  #closing = new AbortController();
  #timer = 0;
  #isFollowing = false;
  /** Counts the reads, whose answers may overtake each other. */
  #reads = 0;
  /** The read whose answer was told last. */
  #told = 0;
  #id;

  /** @param {string} id */
  constructor(id) {
    super();
    this.#id = id;
  }

  close() {
    this.#closing.abort();
    clearTimeout(this.#timer);
  }

  /** Read the job, and follow its events until it has ended. Throws Problem. */
  async start() {
    const job = await this.#read();
    if (isOpen(job) && !this.#isFollowing) this.#follow();
  }

  async #follow() {
    const { signal } = this.#closing;
    this.#isFollowing = true;
    try {
      await followEvents(
        `v1/jobs/${this.#id}/events`,
        (event) => this.#onEvent(event),
        (error) => this.emit('connection', error),
        signal,
      );
      clearTimeout(this.#timer);
      this.#timer = 0;
      // No event follows that would read it again.
      if (!signal.aborted) await untilAnswered(() => this.#read(), signal);
    } catch (error) {
      if (!isAbort(error)) this.emit('failure', error);
    } finally {
      this.#isFollowing = false;
    }
  }

  /**
   * @param {import('./event_stream.js').StreamEvent} event
   * @returns {boolean} whether the job has ended
   */
  #onEvent({ type, data }) {
    if (type === 'item') this.emit('item', data.index, data.state);
    if (type === 'job' && !isOpen(data)) return true;
    this.#timer ||= setTimeout(() => {
      this.#timer = 0;
      this.#read().catch(() => {}); // The next event reads it again.
    }, MIN_READ_INTERVAL_MS);
    return false;
  }

  async #read() {
    this.#reads += 1;
    const read = this.#reads;
    const job = await getJob(this.#id, {}, this.#closing.signal);
    if (read > this.#told) {
      this.#told = read;
      this.emit('job', job);
    }
    return job;
  }
}

/** @param {{state: string}} job */
export function isOpen({ state }) {
  return OPEN_STATES.includes(state);
}

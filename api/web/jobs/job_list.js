/** The history of jobs, newest first. */

import { listJobs } from '../lib/api/client.js';
import { fill, h } from '../lib/element.js';
import { dateTime, t } from '../lib/i18n.js';
import { failureNote } from '../lib/recovery.js';
import { link } from '../lib/route.js';
import { progressBar } from './job_progress.js';
import { stateBadge } from './state_badge.js';

/** @typedef {import('../lib/api/schemas.js').Job} Job */

const PAGE_SIZE = 50;
const POLL_MS = 4000;
const LANES = /** @type {const} */ (['batch', 'interactive', 'all']);

export class JobList {
  /** @type {Job[]} */
  #jobs = [];
  /** @type {Set<string>} ids of jobs that were deleted, which late answers still list */
  #removed = new Set();
  /** @type {string | null} */
  #nextCursor = null;
  #currentId = '';
  #timer = 0;
  #isClosed = false;
  #lane;
  #list = h('ul', { class: 'job-list' });
  #note = h('div', { class: 'note', role: 'status' });
  #more = h(
    'button',
    { type: 'button', hidden: true, onclick: () => this.#load(this.#nextCursor) },
    t('jobs.more'),
  );

  /** @param {string} lane shown first: `batch`, `interactive` or `all` */
  constructor(lane) {
    this.#lane = h(
      'select',
      { 'aria-label': t('jobs.lane'), onchange: () => this.#restart() },
      LANES.map((value) =>
        h('option', { value, selected: value === lane }, t(`jobs.lane.${value}`)),
      ),
    );
    this.element = h(
      'section',
      { class: 'history', 'aria-label': t('jobs.history') },
      h(
        'div',
        { class: 'history-header' },
        h('a', { class: 'button primary', href: link('jobs', { new: 1 }) }, t('jobs.new')),
        this.#lane,
      ),
      this.#note,
      this.#list,
      this.#more,
    );
    this.#restart();
  }

  close() {
    this.#isClosed = true;
    clearTimeout(this.#timer);
  }

  /** @param {string} id of the job that is shown, which may be new */
  setCurrent(id) {
    this.#currentId = id;
    this.#draw();
    if (id && !this.#jobs.some((job) => job.id === id)) this.#load(null);
  }

  /** @param {string} id of a job that was deleted */
  remove(id) {
    this.#removed.add(id);
    this.#jobs = this.#jobs.filter((job) => job.id !== id);
    this.#draw();
  }

  /** @param {Job} job as it is now */
  update(job) {
    const at = this.#jobs.findIndex(({ id }) => id === job.id);
    if (at < 0) return;
    this.#jobs[at] = job;
    this.#draw();
  }

  #restart() {
    clearTimeout(this.#timer);
    this.#jobs = [];
    this.#load(null);
  }

  /** @param {string | null} cursor null for the newest jobs */
  async #load(cursor) {
    const lane = this.#lane.value;
    try {
      const filter = lane === 'all' ? {} : { lane };
      const page = await listJobs({ ...filter, limit: PAGE_SIZE, cursor });
      if (lane !== this.#lane.value) return;
      const found = page.jobs.filter(({ id }) => !this.#removed.has(id));
      const loaded = new Set(found.map(({ id }) => id));
      const others = this.#jobs.filter(({ id }) => !loaded.has(id));
      this.#jobs = cursor ? [...others, ...found] : [...found, ...others];
      if (cursor || others.length === 0) this.#nextCursor = page.next;
      fill(this.#note, this.#jobs.length ? '' : t('jobs.none'));
      this.#draw();
    } catch (error) {
      const retry = () => this.#load(cursor);
      if (lane === this.#lane.value) fill(this.#note, failureNote(error, retry));
    }
    clearTimeout(this.#timer);
    if (!this.#isClosed) this.#timer = setTimeout(() => this.#load(null), POLL_MS);
  }

  #draw() {
    this.#more.hidden = !this.#nextCursor;
    const old = [...this.#list.children];
    // Unchanged rows stay in the document, so that they keep the focus.
    const rows = this.#jobs.map((job, at) => {
      const row = this.#row(job);
      const shown = old[at];
      return shown?.isEqualNode(row) ? shown : row;
    });
    if (rows.length === old.length && rows.every((row, at) => row === old[at])) return;
    const focused = document.activeElement;
    const href = this.#list.contains(focused) && focused?.getAttribute('href');
    fill(this.#list, rows);
    const anchor = href && this.#list.querySelector(`[href="${href}"]`);
    if (anchor instanceof HTMLElement) anchor.focus();
  }

  /** @param {Job} job */
  #row(job) {
    const { counts } = job;
    return h(
      'li',
      {},
      h(
        'a',
        {
          href: link('jobs', { job: job.id }),
          'aria-current': job.id === this.#currentId ? 'true' : null,
        },
        h('span', { class: 'job-name' }, jobName(job)),
        // Only what is out of the ordinary needs a word.
        job.state !== 'succeeded' && stateBadge(job.state),
        h(
          'span',
          { class: 'note' },
          t('jobs.images', { n: counts.total }),
          ' · ',
          dateTime(job.created_at),
        ),
        counts.failed > 0 &&
          h('span', { class: 'failure-count' }, t('jobs.failures', { n: counts.failed })),
        job.progress < 1 && job.finished_at === null && progressBar(job),
      ),
    );
  }
}

/** @param {Job} job */
export function jobName({ name, dataset, id }) {
  return name ?? dataset ?? t('jobs.unnamed', { id: id.slice(-6) });
}

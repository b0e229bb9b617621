/** The history: jobs, newest first. */

import { fill, h } from '../element.js';
import { get } from '../http.js';
import { explain } from '../problem.js';
import { link } from '../route.js';
import { t, when } from '../words.js';
import { badge } from './badge.js';
import { fillbar } from './progress.js';

const PAGE = 50;
const EVERY_MS = 4000;
const LANES = ['batch', 'interactive', ''];

export class JobList {
  #jobs = [];
  #next = null;
  #timer = 0;
  #isClosed = false;

  /** @param {string} lane shown first */
  constructor(lane) {
    this.current = '';
    this.lane = h(
      'select',
      { 'aria-label': t('jobs.lane'), onchange: () => this.#restart() },
      LANES.map((value) =>
        h('option', { value, selected: value === lane }, t(`jobs.lane.${value || 'all'}`)),
      ),
    );
    this.list = h('ul', { class: 'joblist' });
    this.note = h('p', { class: 'note', role: 'status' });
    this.more = h(
      'button',
      { type: 'button', hidden: true, onclick: () => this.#load(this.#next) },
      t('jobs.more'),
    );
    this.element = h(
      'section',
      { class: 'history', 'aria-label': t('jobs.history') },
      h(
        'div',
        { class: 'historyhead' },
        h('a', { class: 'button primary', href: link('jobs', { new: 1 }) }, t('jobs.new')),
        this.lane,
      ),
      this.note,
      this.list,
      this.more,
    );
    this.#restart();
  }

  close() {
    this.#isClosed = true;
    clearTimeout(this.#timer);
  }

  /** @param {string} id of the job that is shown; it may be a new one */
  setCurrent(id) {
    this.current = id;
    this.#draw();
    if (id && !this.#jobs.some((job) => job.id === id)) this.#load(null);
  }

  /** @param {any} job as somebody who watches it knows it */
  put(job) {
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

  async #load(cursor) {
    const lane = this.lane.value;
    try {
      const page = await get('v1/jobs', { lane, limit: PAGE, cursor });
      if (lane !== this.lane.value) return;
      const known = new Set(page.jobs.map(({ id }) => id));
      const others = this.#jobs.filter(({ id }) => !known.has(id));
      // A page further down goes behind what is there, the newest before.
      this.#jobs = cursor ? [...others, ...page.jobs] : [...page.jobs, ...others];
      if (cursor || others.length === 0) this.#next = page.next;
      fill(this.note, this.#jobs.length ? '' : t('jobs.none'));
      this.#draw();
    } catch (error) {
      fill(this.note, explain(error));
    }
    clearTimeout(this.#timer);
    if (!this.#isClosed) this.#timer = setTimeout(() => this.#load(null), EVERY_MS);
  }

  #draw() {
    this.more.hidden = !this.#next;
    const rows = this.#jobs.map((job) => this.#row(job));
    const old = [...this.list.children];
    // Rows that say the same stay, and with them the focus.
    rows.forEach((row, at) => {
      if (old[at]?.isEqualNode(row)) rows[at] = old[at];
    });
    if (rows.length === old.length && rows.every((row, at) => row === old[at])) return;
    const focused = this.list.contains(document.activeElement) && document.activeElement.getAttribute('href');
    fill(this.list, rows);
    if (focused) this.list.querySelector(`[href="${focused}"]`)?.focus();
  }

  #row(job) {
    return h(
      'li',
      {},
      h(
        'a',
        { href: link('jobs', { job: job.id }), 'aria-current': job.id === this.current ? 'true' : null },
        h('span', { class: 'jobname' }, job.name ?? t('jobs.unnamed', { id: job.id.slice(-6) })),
        badge(job.state),
        h('span', { class: 'note' }, t('jobs.images', { n: job.counts.total }), ' · ', when(job.created_at)),
        job.counts.failed > 0 &&
          h('span', { class: 'failednote' }, t('jobs.failures', { n: job.counts.failed })),
        job.progress < 1 && job.finished_at === null && fillbar(job),
      ),
    );
  }
}

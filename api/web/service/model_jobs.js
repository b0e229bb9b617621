/** What the jobs of this service say of a model: its scores, its confusion matrix and its speed. */

import { jobName } from '../jobs/job_list.js';
import { intervalText } from '../jobs/job_progress.js';
import { ScoreReport } from '../jobs/score_report.js';
import { listJobs } from '../lib/api/client.js';
import { fill, h } from '../lib/element.js';
import { number, percent, t } from '../lib/i18n.js';
import { failureNote } from '../lib/recovery.js';
import { link } from '../lib/route.js';
import { loadTaxonomy } from '../lib/taxonomy.js';
import { table } from './table.js';

/** @typedef {import('../lib/api/schemas.js').Job} Job */

/** Jobs that are looked through, the latest first. */
const JOBS = 200;
const SHOWN = 5;

export class ModelJobs {
  /** @type {ScoreReport | null} */
  #report = null;
  #isClosed = false;

  /** @param {string} model `name@version` */
  constructor(model) {
    this.element = h('div', { class: 'model-jobs' });
    this.#load(model);
  }

  close() {
    this.#isClosed = true;
    this.#report?.close();
  }

  /** @param {string} model */
  async #load(model) {
    try {
      const taxonomy = await loadTaxonomy();
      const { jobs } = await listJobs({ lane: 'batch', limit: JOBS });
      if (!this.#isClosed) this.#show(model, jobs, taxonomy);
    } catch (error) {
      fill(
        this.element,
        failureNote(error, () => this.#load(model)),
      );
    }
  }

  /**
   * @param {string} model
   * @param {Job[]} jobs
   * @param {import('../lib/taxonomy.js').Taxonomy} taxonomy
   */
  #show(model, jobs, taxonomy) {
    fill(this.element);
    const ended = jobs.filter((job) => job.model === model && job.finished_at !== null);
    if (!ended.length) return;
    const scored = ended.find(({ scores }) => scores !== null);
    const interval = h('p', { class: 'note' });
    fill(
      this.element,
      h(
        'section',
        { class: 'card' },
        h('h2', {}, t('model.jobs')),
        jobTable(ended.slice(0, SHOWN)),
        interval,
      ),
    );
    if (!scored) return;
    const report = new ScoreReport(scored.id, taxonomy);
    this.#report = report;
    report.on('change', ({ interval: found }) => {
      if (found) interval.textContent = `${jobName(scored)}: ${intervalText(found)}`;
    });
    this.element.append(report.element);
    report.show(scored);
  }
}

/** @param {Job[]} jobs */
function jobTable(jobs) {
  return table(
    [
      { title: t('batch.name') },
      { title: t('items.title'), isNumber: true },
      { title: t('service.miou'), isNumber: true },
      { title: t('service.rate'), isNumber: true },
    ],
    jobs.map((job) => [
      h('a', { href: link('jobs', { job: job.id }) }, jobName(job)),
      number(job.counts.total),
      percent(job.scores?.mean_iou),
      speed(job),
    ]),
  );
}

/**
 * Images per second, of the images that were inferred.
 * @param {Job} job
 */
function speed({ counts, started_at: start, finished_at: end }) {
  const inferred = counts.succeeded - counts.cached;
  if (!start || !end || !inferred) return '–';
  const seconds = (Date.parse(end) - Date.parse(start)) / 1000;
  return seconds > 0 ? number(inferred / seconds, 1) : '–';
}

/** The progress of a job: a bar and figures. */

import { fill, h } from '../lib/element.js';
import { duration, number, percent, t } from '../lib/i18n.js';

/** @typedef {import('../lib/api/schemas.js').Job} Job */
/** @typedef {import('../lib/api/schemas.js').ScoreReport} ScoreReport */

/** Below this share of independent images, the reader is told. */
const ALIKE = 0.9;

/**
 * A bar of the shares that succeeded and failed.
 * @param {Job} job
 */
export function progressBar({ counts, progress }) {
  /** @param {'succeeded' | 'failed'} state */
  const part = (state) =>
    h('i', { class: state, style: { width: `${(counts[state] / counts.total) * 100}%` } });
  return h(
    'span',
    {
      class: 'progress-bar',
      role: 'progressbar',
      'aria-label': t('progress.label'),
      'aria-valuemin': 0,
      'aria-valuemax': 100,
      'aria-valuenow': Math.round(progress * 100),
    },
    part('succeeded'),
    part('failed'),
  );
}

export class JobProgress {
  #bar = h('div');
  #figures = h('dl', { class: 'stats' });

  constructor() {
    this.element = h('div', { class: 'progress' }, this.#bar, this.#figures);
  }

  /**
   * @param {Job} job
   * @param {ScoreReport | null} report
   */
  show(job, report) {
    fill(this.#bar, progressBar(job));
    fill(this.#figures, itemFigures(job), timeFigures(job), scoreFigures(job, report));
  }
}

/** @param {Job} job */
function itemFigures({ counts }) {
  const done = `${number(counts.succeeded)} / ${number(counts.total)}`;
  const cached = counts.cached > 0 && t('progress.cached', { n: counts.cached });
  return [
    figure('done', done, cached),
    counts.failed > 0 && figure('failed', number(counts.failed)),
  ];
}

/** @param {Job} job */
function timeFigures(job) {
  if (job.finished_at !== null) {
    if (job.started_at === null) return [];
    const ms = Date.parse(job.finished_at) - Date.parse(job.started_at);
    return [figure('took', duration(ms / 1000))];
  }
  return [
    job.images_per_second !== null && figure('rate', number(job.images_per_second, 1)),
    job.eta_seconds !== null && figure('eta', duration(job.eta_seconds)),
    job.state === 'queued' &&
      job.queue_position !== null &&
      figure('position', number(job.queue_position)),
  ];
}

/**
 * @param {Job} job
 * @param {ScoreReport | null} report
 */
function scoreFigures({ scores }, report) {
  if (!scores) return [];
  const interval = report?.interval;
  const detail = interval ? intervalText(interval) : t('progress.scored', { n: scores.images });
  return [
    figure('miou', percent(scores.mean_iou), detail),
    figure('accuracy', percent(scores.accuracy)),
  ];
}

/** @param {import('../lib/api/schemas.js').ScoreInterval} interval */
export function intervalText({ mean, margin, images, effective_images: effective }) {
  const isAlike = effective < images * ALIKE;
  const values = { mean: percent(mean), margin: percent(margin), n: images };
  if (!isAlike) return t('progress.interval', values);
  return t('progress.interval.alike', { ...values, effective: Math.max(1, Math.round(effective)) });
}

/**
 * @param {'done' | 'failed' | 'rate' | 'eta' | 'position' | 'took' | 'miou' | 'accuracy'} name
 * @param {string} value
 * @param {string | false | null} [detail]
 */
function figure(name, value, detail) {
  return h(
    'div',
    {},
    h('dt', {}, t(`progress.${name}`)),
    h('dd', { dataset: { figure: name } }, value),
    detail && h('dd', { class: 'detail-note' }, detail),
  );
}

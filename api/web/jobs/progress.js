/** How far a job is: a bar, and the figures. */

import { fill, h } from '../element.js';
import { duration, number, percent, t } from '../words.js';

/**
 * A bar of what succeeded and what failed.
 * @param {any} job
 */
export function fillbar({ counts, progress }) {
  const part = (name) => h('i', { class: name, style: { width: `${(counts[name] / counts.total) * 100}%` } });
  return h(
    'span',
    {
      class: 'fillbar',
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

export class Progress {
  constructor() {
    this.bar = h('div');
    this.figures = h('dl', { class: 'figures' });
    this.element = h('div', { class: 'progress' }, this.bar, this.figures);
  }

  /**
   * @param {any} job
   * @param {{mean: number, margin: number, images: number} | null} interval of the images' mean IoU
   */
  show(job, interval) {
    const { counts, scores } = job;
    const isOpen = job.finished_at === null;
    fill(this.bar, fillbar(job));
    fill(
      this.figures,
      figure(
        'done',
        `${number(counts.succeeded + counts.failed)} / ${number(counts.total)}`,
        counts.cached > 0 && t('progress.cached', { n: counts.cached }),
      ),
      counts.failed > 0 && figure('failed', number(counts.failed)),
      isOpen && job.images_per_second !== null && figure('rate', number(job.images_per_second, 1)),
      isOpen && job.eta_seconds !== null && figure('eta', duration(job.eta_seconds)),
      isOpen &&
        job.state === 'queued' &&
        job.queue_position !== null &&
        figure('position', number(job.queue_position)),
      !isOpen &&
        job.started_at &&
        figure('took', duration((new Date(job.finished_at) - new Date(job.started_at)) / 1000)),
      scores &&
        figure(
          'miou',
          percent(scores.mean_iou),
          interval &&
            t('progress.interval', {
              mean: percent(interval.mean),
              margin: percent(interval.margin),
              n: interval.images,
            }),
        ),
      scores && figure('accuracy', percent(scores.accuracy)),
    );
  }
}

function figure(name, value, note) {
  return h(
    'div',
    {},
    h('dt', {}, t(`progress.${name}`)),
    h('dd', { dataset: { figure: name } }, value),
    note && h('dd', { class: 'aside' }, note),
  );
}

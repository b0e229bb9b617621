/** How it stands with a mask, in words. */

import { number, t } from '../words.js';

/**
 * What a mask waits for.
 * @param {any} job @param {number} workers that are alive
 */
export function waiting(job, workers) {
  if (!workers) return t('predict.noworker');
  if (job.state === 'queued' && job.queue_position) return t('predict.queued', { n: job.queue_position });
  return t('predict.running');
}

/**
 * What a mask took.
 * @param {any} result of its item
 */
export function timing({ cached, timings_ms: spent }) {
  if (cached) return ` · ${t('predict.cached')}`;
  return spent.infer === undefined ? '' : ` · ${t('predict.took', { ms: number(spent.infer) })}`;
}

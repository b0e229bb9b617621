/** Status text for a mask. */

import { number, t } from '../../lib/i18n.js';
import { shortModel } from '../../lib/names.js';

/**
 * What a mask waits for.
 * @param {import('../../lib/api/schemas.js').Job} job
 * @param {import('../../lib/api/schemas.js').Worker[] | null} workers that are alive; null when unknown
 */
export function waitingText(job, workers) {
  if (workers?.length === 0) return t('predict.noworker');
  if (job.state === 'queued' && job.queue_position) {
    return t('predict.queued', { n: job.queue_position });
  }
  // Workers say what they have in memory; loading a model takes longer than many images.
  const isLoaded = !workers || workers.some(({ loaded }) => !loaded || loaded.includes(job.model));
  return isLoaded ? t('predict.running') : t('predict.loading', { model: shortModel(job.model) });
}

/**
 * How a mask was made: from the cache, or in how many milliseconds. Empty when that is unknown.
 * @param {import('../../lib/api/schemas.js').Result} result
 */
export function timingText({ cached, timings_ms: { infer } }) {
  if (cached) return t('predict.cached');
  return infer === undefined ? '' : t('predict.took', { ms: number(infer) });
}

/** What is looked at: an image, its annotated mask, and the mask that the service makes of it. */

import { call, fetchObject, get, imagePath, Problem } from '../http.js';
import { readMask } from './mask_png.js';

/** @typedef {import('./mask_png.js').Mask} Mask */
/** @typedef {{job: any, item: any}} Ended an item with its job, once it has ended */

const PATIENCE_S = 20;
const FINAL = new Set(['succeeded', 'completed_with_errors', 'failed', 'canceled', 'expired']);

/**
 * The image's pixels as shown; its thumbnail where a browser cannot show the format.
 * @param {any} image as the API describes it
 * @param {AbortSignal} signal
 * @returns {Promise<{bitmap: ImageBitmap, isThumbnail: boolean}>}
 */
export async function loadPhoto(image, signal) {
  const blob = await fetchObject(image.content_url, signal);
  try {
    return { bitmap: await createImageBitmap(blob), isThumbnail: false };
  } catch (error) {
    if (error.name === 'AbortError') throw error;
    const small = await (await call(imagePath(image.id, 'thumbnail'), { signal })).blob();
    return { bitmap: await createImageBitmap(small), isThumbnail: true };
  }
}

/**
 * The annotated mask of an image that has one.
 * @param {any} image @param {AbortSignal} signal
 * @returns {Promise<Mask>}
 */
export async function loadTruth(image, signal) {
  return readMask(await fetchObject(image.truth_url, signal));
}

/**
 * The mask of an ended item. Throws the item's Problem when it failed.
 * @param {Ended} ended @param {AbortSignal} signal
 * @returns {Promise<Mask>}
 */
export async function loadPrediction({ job, item }, signal) {
  if (item.error) throw new Problem(item.error);
  if (!item.result) throw new Problem({ code: `job_${job.state}`, retryable: true });
  return loadForm(job, item, 'png', signal);
}

/**
 * How sure the model is of each pixel, 0 to 255; only of a job that was asked for it.
 * @param {Ended} ended @param {AbortSignal} signal
 * @returns {Promise<Mask>}
 */
export async function loadConfidence({ job, item }, signal) {
  return loadForm(job, item, 'confidence', signal);
}

/**
 * Where a mask is, in one of the API's forms.
 * @param {string} job @param {number} index @param {string} form
 */
export function maskPath(job, index, form) {
  return `v1/jobs/${job}/items/${index}/mask?format=${form}`;
}

/**
 * An item once its job has ended, or the item has.
 * @param {string} job @param {number} index
 * @param {(job: any) => void} tell is told the job while it is waited for
 * @param {AbortSignal} signal
 * @returns {Promise<Ended>}
 */
export async function awaitItem(job, index, tell, signal) {
  let state = await get(`v1/jobs/${job}`, {}, signal);
  for (;;) {
    const item = await get(`v1/jobs/${job}/items/${index}`, {}, signal);
    if (item.result || item.error || FINAL.has(state.state)) return { job: state, item };
    tell(state);
    state = await get(`v1/jobs/${job}`, { wait: PATIENCE_S }, signal);
  }
}

/**
 * Ask for an image's mask. The same image with the same model is the same job, so looking at it
 * again asks for nothing new, unless `afresh`.
 * @param {any} image @param {string} model
 * @param {{afresh?: boolean, confidence?: boolean}} how `confidence`: with that beside it
 * @param {AbortSignal} signal
 * @returns {Promise<string>} the job's id
 */
export async function askForMask(image, model, { afresh = false, confidence = false }, signal) {
  const json = { images: [{ id: image.id }], model, lane: 'interactive', confidence };
  const facts = [image.sha256, image.truth_sha256 ?? '', model].map((fact) => fact.slice(0, 40));
  // A key has at most 256 characters; of a longer id the end tells images apart.
  const key = `${confidence ? 'sure' : 'page'} ${facts.join(' ')} ${image.id.slice(-120)}`;
  const headers = afresh ? {} : { 'Idempotency-Key': key };
  const response = await call('v1/jobs', { method: 'POST', json, headers, signal });
  const job = await response.json();
  const wasStopped =
    response.headers.has('Idempotency-Replayed') && ['canceled', 'expired'].includes(job.state);
  return wasStopped ? askForMask(image, model, { afresh: true, confidence }, signal) : job.id;
}

async function loadForm(job, item, form, signal) {
  return readMask(await (await call(maskPath(job.id, item.index, form), { signal })).blob());
}

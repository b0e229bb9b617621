/** Loads the pixels that the panes show: the photo and its masks. */

import { imagePath, maskPath } from '../../lib/api/client.js';
import { fetchObject, isAbort, Problem, readBlob, request } from '../../lib/api/http.js';
import { decodeMask } from '../viewer/mask_png.js';

/** @typedef {import('../../lib/api/schemas.js').Image} Image */
/** @typedef {import('./mask_job.js').FinishedItem} FinishedItem */

/**
 * The photo; its thumbnail when the browser cannot decode the format.
 * @param {Image} image
 * @param {AbortSignal} signal
 * @returns {Promise<{bitmap: ImageBitmap, isThumbnail: boolean}>}
 */
export async function loadPhoto(image, signal) {
  const blob = await fetchObject(image.content_url, signal);
  try {
    return { bitmap: await unaborted(createImageBitmap(blob), signal), isThumbnail: false };
  } catch (error) {
    if (isAbort(error)) throw error;
    const thumbnail = await readBlob(await request(imagePath(image.id, 'thumbnail'), { signal }));
    return { bitmap: await unaborted(createImageBitmap(thumbnail), signal), isThumbnail: true };
  }
}

/**
 * The annotated mask.
 * @param {string} url
 * @param {AbortSignal} signal
 */
export async function loadTruth(url, signal) {
  return unaborted(decodeMask(await fetchObject(url, signal)), signal);
}

/**
 * The predicted mask. Throws the Problem of an item that failed.
 * @param {FinishedItem} finished
 * @param {AbortSignal} signal
 */
export async function loadPrediction({ job, item, png }, signal) {
  if (png) return unaborted(decodeMask(png), signal);
  if (item.error) throw problemOf(item.error);
  if (!item.result) throw new Problem({ code: `job_${job.state}`, retryable: true });
  return loadMask({ job, item }, 'png', signal);
}

/** @param {import('../../lib/api/schemas.js').Problem} error of an item */
export function problemOf(error) {
  const problem = new Problem(error);
  problem.isFinal = !error.retryable;
  return problem;
}

/**
 * The confidence of each pixel, 0 to 255, of a job that asked for it.
 * @param {FinishedItem} finished
 * @param {AbortSignal} signal
 */
export async function loadConfidence(finished, signal) {
  return loadMask(finished, 'confidence', signal);
}

/**
 * @param {FinishedItem} finished
 * @param {string} format
 * @param {AbortSignal} signal
 */
async function loadMask({ job, item }, format, signal) {
  const blob = await readBlob(await request(maskPath(job.id, item.index, format), { signal }));
  return unaborted(decodeMask(blob), signal);
}

/**
 * What was decoded. Another image may have been opened meanwhile: then it throws as an aborted request does.
 * @template T
 * @param {Promise<T>} decoded
 * @param {AbortSignal} signal
 */
async function unaborted(decoded, signal) {
  const value = await decoded;
  signal.throwIfAborted();
  return value;
}

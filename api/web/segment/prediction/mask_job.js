/** Jobs that make the mask of one image. */

import { createJob, getItem, getJob, segmentImage } from '../../lib/api/client.js';
import { Problem } from '../../lib/api/http.js';
import { pixelsText } from '../../lib/pixels/pixels_text.js';

/** @typedef {import('../../lib/api/schemas.js').Image} Image */
/** @typedef {import('../../lib/api/schemas.js').Job} Job */
/** @typedef {import('../../lib/api/schemas.js').Pixels} Pixels */
/** @typedef {import('../../lib/api/schemas.js').Quality} Quality */
/** @typedef {import('../../lib/api/schemas.js').Item} Item */
/** @typedef {{job: Pick<Job, 'id' | 'state' | 'model' | 'confidence'>, item: Item, png?: Blob}} FinishedItem an item that ended, its job, and its mask if that came with it */

const LONG_POLL_S = 20;
/** A mask that takes longer is waited for while its image is shown. */
const SEGMENT_WAIT_S = 1;
/** Parts of an idempotency key, which has up to 256 characters: of a hash, of an id, and of others. */
const MAX_KEY_HASH = 20;
const MAX_KEY_ID = 60;
const MAX_KEY_PART = 40;
/** The API's limit for names of items. */
const MAX_NAME = 256;
const MAX_JOB_NAME = 200;

/** @type {{model: string, job: string, item: Item, png: Blob | null} | null} of the latest file */
let segmented = null;

/**
 * Send a file for its mask, which `takeSegmented` returns.
 * @param {import('../../lib/files/upload.js').SelectedFile} selected
 * @param {string} model `name@version`; empty for the one in service
 * @param {AbortSignal} signal
 * @returns {Promise<{id: string}>} the image
 */
export async function segmentFile({ file, path }, model, signal) {
  const query = { model, name: path.slice(-MAX_NAME), wait: SEGMENT_WAIT_S };
  segmented = { model, ...(await segmentImage(file, query, signal)) };
  return { id: segmented.item.image_id };
}

/**
 * The job of the latest file, if it is of this image and this model, and what came with it. It is
 * returned once: later looks at the image request its mask.
 * @param {string} image
 * @param {string} model `name@version`; empty for the one in service
 * @returns {{job: string, finished: FinishedItem | null} | null}
 */
export function takeSegmented(image, model) {
  const found = segmented;
  if (found?.item.image_id !== image || found.model !== model) return null;
  segmented = null;
  const { job, item, png } = found;
  if (!png || !item.result) return { job, finished: null };
  const state = /** @type {const} */ ('succeeded');
  const facts = { id: job, state, model: item.result.artifact, confidence: false };
  return { job, finished: { job: facts, item, png } };
}

/**
 * Create a job for the mask of an image.
 *
 * The same image, model, pixels and quality give the same idempotency key, so looking at an image
 * again makes no new job, unless `retry` is set.
 * @param {Image} image
 * @param {string} model
 * @param {{name: string, pixels: Pixels | null, quality?: Quality, retry?: boolean, confidence?: boolean}} options
 * `name`: of the image, for people; `pixels`: null for what its dataset says; `confidence`: computed
 * beside the mask
 * @param {AbortSignal} signal
 * @returns {Promise<string>} the job's id
 */
export async function requestMask(image, model, options, signal) {
  const { name, pixels, quality = 'standard', retry = false, confidence = false } = options;
  const lane = /** @type {const} */ ('interactive');
  const images = [{ id: image.id, custom_id: name.slice(-MAX_NAME) }];
  const jobName = name.slice(-MAX_JOB_NAME);
  const body = { images, name: jobName, model, quality, pixels, lane, confidence };
  const idempotencyKey = [
    confidence ? 'confidence' : 'page',
    ...[image.sha256, image.truth_sha256 ?? ''].map((hash) => hash.slice(0, MAX_KEY_HASH)),
    encodeURIComponent(image.id).slice(-MAX_KEY_ID), // A header holds ASCII only.
    model.slice(-MAX_KEY_PART), // Its version is at its end.
    pixelsText(pixels ?? image.pixels).slice(-MAX_KEY_PART),
    quality,
    encodeURIComponent(name).slice(-MAX_KEY_PART),
  ].join(' ');
  const anew = () => requestMask(image, model, { ...options, retry: true }, signal);
  try {
    const { job, isReplayed } = await createJob(
      body,
      retry ? { signal } : { signal, idempotencyKey },
    );
    const wasStopped = isReplayed && (job.state === 'canceled' || job.state === 'expired');
    return wasStopped ? anew() : job.id;
  } catch (error) {
    // The ends of two long ids are the same.
    if (error instanceof Problem && error.code === 'idempotency_conflict') return anew();
    throw error;
  }
}

/**
 * Request the mask of an image as a job did: of the same model, quality and pixels.
 * @param {Image} image
 * @param {string} id of the job
 * @param {Parameters<typeof requestMask>[2]} options
 * @param {AbortSignal} signal
 */
export async function requestAgain(image, id, options, signal) {
  const { model, quality, pixels } = await getJob(id, {}, signal);
  return requestMask(image, model, { ...options, quality, pixels }, signal);
}

/**
 * Wait until an item or its whole job has ended.
 * @param {string} id of the job
 * @param {number} index of the item
 * @param {(job: Job) => void} onProgress called while the item is waited for
 * @param {AbortSignal} signal
 * @returns {Promise<FinishedItem>}
 */
export async function waitForItem(id, index, onProgress, signal) {
  let job = await getJob(id, {}, signal);
  for (;;) {
    const item = await getItem(id, index, signal);
    if (item.result || item.error || job.finished_at !== null) return { job, item };
    onProgress(job);
    job = await getJob(id, { wait: LONG_POLL_S }, signal);
  }
}

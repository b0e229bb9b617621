/** The job that makes the masks of a second model over the images of a first job. */

import { jobName } from '../jobs/job_list.js';
import { createJob, getJob, listItems } from '../lib/api/client.js';
import { language, t } from '../lib/i18n.js';
import { shortModel } from '../lib/names.js';

/** @typedef {import('../lib/api/schemas.js').ImageRef} ImageRef */
/** @typedef {import('../lib/api/schemas.js').Job} Job */

const LONG_POLL_S = 20;
const PAGE_SIZE = 1000;
/** The API's limit for a list of images; datasets have none. */
const MAX_IMAGES = 10_000;
const MAX_JOB_NAME = 200;

/**
 * The same choice gives the same job, and masks that exist are not made again.
 * @param {Job} job
 * @param {string} model `name@version`
 * @returns {Promise<string>} the other job's id. Throws Problem.
 */
export async function requestOther(job, model) {
  const images = job.dataset ? { dataset: job.dataset } : { images: await imagesOf(job) };
  const text = t('compare.name', { name: jobName(job), model: shortModel(model) });
  const name = text.slice(0, MAX_JOB_NAME);
  const { pixels, quality } = job;
  const lane = /** @type {const} */ ('batch');
  const made = await createJob(
    { ...images, name, model, quality, pixels, lane, confidence: false },
    // The name of the job is in the user's language.
    { idempotencyKey: `compare ${language} ${job.id} ${quality} ${model}`.slice(0, 256) },
  );
  return made.job.id;
}

/**
 * Wait for the end of a job. Throws Problem.
 * @param {string} id
 * @param {(job: Job) => void} onProgress
 * @param {AbortSignal} signal
 */
export async function waitForJob(id, onProgress, signal) {
  let job = await getJob(id, {}, signal);
  while (job.finished_at === null) {
    onProgress(job);
    job = await getJob(id, { wait: LONG_POLL_S }, signal);
  }
  return job;
}

/** @param {Job} job */
async function imagesOf({ id, counts }) {
  /** @type {ImageRef[]} */
  const images = [];
  const end = Math.min(counts.total, MAX_IMAGES);
  for (let cursor = 0; cursor < end; cursor += PAGE_SIZE) {
    const { items } = await listItems(id, { cursor, limit: Math.min(PAGE_SIZE, end - cursor) });
    for (const { image_id: image, custom_id: custom } of items) {
      images.push(custom ? { id: image, custom_id: custom } : { id: image });
    }
  }
  return images;
}

/** The endpoints of the API that the page uses, with their types. Each call throws Problem. */

import { queryString } from '../query_string.js';
import { getJson, Problem, readBlob, readJson, request } from './http.js';

/** @import {CatalogueEntry, Dataset, DisagreementPage, Image, ImagePage, Item, ItemPage, Job, JobCreate, JobPage, Model, ModelList, ScoreReport, ServiceStatus, TaxonomyInfo} from './schemas.js' */
/** @import {Query} from '../query_string.js' */

/** @returns {Promise<TaxonomyInfo>} */
export function getTaxonomy() {
  return getJson('v1/taxonomy');
}

/**
 * @param {AbortSignal} [signal]
 * @returns {Promise<Dataset[]>}
 */
export function listDatasets(signal) {
  return getJson('v1/datasets', {}, signal);
}

/**
 * @param {Query} query
 * @param {AbortSignal} [signal]
 * @returns {Promise<ImagePage>}
 */
export function listImages(query, signal) {
  return getJson('v1/images', query, signal);
}

/**
 * @param {string} id
 * @param {AbortSignal} [signal]
 * @returns {Promise<Image>}
 */
export function getImage(id, signal) {
  return getJson(imagePath(id), {}, signal);
}

/**
 * @param {File} file
 * @param {string} path below the folder it came from: its name in the service
 * @param {AbortSignal} signal
 * @returns {Promise<Image>}
 */
export async function uploadImage(file, path, signal) {
  const [result] = await sendFile('v1/images', file, path, signal);
  return result.image;
}

/**
 * Send an image, and get its mask in the same request or, after `wait` seconds, its job. Throws
 * the Problem of an image that is not accepted; one that fails later has an item with its error.
 * @param {File} file
 * @param {{model: string, name: string, wait: number}} query
 * @param {AbortSignal} signal
 * @returns {Promise<{job: string, item: Item, png: Blob | null}>} `job`: its id; `png`: the mask
 */
export async function segmentImage(file, query, signal) {
  const path = `v1/segment?${queryString(query)}`;
  let job = '';
  try {
    const response = await request(path, { method: 'POST', body: file, signal });
    job = lastPart(response.headers.get('Location') ?? '');
    const item = response.headers.get('Roadmask-Item');
    if (item) return { job, item: JSON.parse(item), png: await readBlob(response) };
  } catch (error) {
    if (!(error instanceof Problem && error.job)) throw error;
    job = lastPart(error.job);
  }
  return { job, item: await getItem(job, 0, signal), png: null };
}

/** @param {string} url */
function lastPart(url) {
  return url.slice(url.lastIndexOf('/') + 1);
}

/**
 * Upload an annotated mask.
 * @param {File} file
 * @param {string} labels label set of the mask; empty for category indices
 * @param {AbortSignal} signal
 * @returns {Promise<{sha256: string}>}
 */
export async function uploadTruth(file, labels, signal) {
  const query = queryString({ labels });
  const [result] = await sendFile(`v1/truths${query && `?${query}`}`, file, file.name, signal);
  return result.truth;
}

/**
 * @param {string} path of the API
 * @param {File} file
 * @param {string} name
 * @param {AbortSignal} signal
 * @returns {Promise<any[]>}
 */
async function sendFile(path, file, name, signal) {
  const body = new FormData();
  body.append('files', file, name);
  return readJson(await request(path, { method: 'POST', body, signal }));
}

/**
 * Put uploaded images into a dataset, which is made if there is none of this name.
 * @param {string} dataset
 * @param {CatalogueEntry[]} entries
 */
export async function registerImages(dataset, entries) {
  const path = `v1/datasets/${encodeURIComponent(dataset)}/images`;
  await request(path, { method: 'POST', json: entries });
}

/**
 * Make a mask the truth of an image.
 * @param {string} id
 * @param {Blob} png
 */
export async function putTruth(id, png) {
  await request(`${imagePath(id)}/truth`, { method: 'PUT', body: png });
}

/**
 * @param {Query} query
 * @returns {Promise<JobPage>}
 */
export function listJobs(query) {
  return getJson('v1/jobs', query);
}

/**
 * @param {string} id
 * @param {{wait?: number}} [query] `wait`: seconds that the API waits for the job's end
 * @param {AbortSignal} [signal]
 * @returns {Promise<Job>}
 */
export function getJob(id, query, signal) {
  return getJson(`v1/jobs/${id}`, query, signal);
}

/**
 * @param {JobCreate} json
 * @param {{idempotencyKey?: string, signal?: AbortSignal}} [options]
 * @returns {Promise<{job: Job, isReplayed: boolean}>} `isReplayed`: the key had made this job before
 */
export async function createJob(json, { idempotencyKey, signal } = {}) {
  const response = await request('v1/jobs', {
    method: 'POST',
    json,
    headers: idempotencyKey ? { 'Idempotency-Key': idempotencyKey } : {},
    signal: signal ?? null,
  });
  return {
    job: await readJson(response),
    isReplayed: response.headers.has('Idempotency-Replayed'),
  };
}

/**
 * @param {string} id
 * @param {'cancel' | 'retry'} action
 */
export async function changeJob(id, action) {
  await request(`v1/jobs/${id}/${action}`, { method: 'POST' });
}

/**
 * Delete a job, an image or a dataset, with all that was made of it.
 * @param {'jobs' | 'images' | 'datasets'} kind
 * @param {string} name id or name, whose slashes stay slashes
 */
export async function erase(kind, name) {
  const path = name.split('/').map(encodeURIComponent).join('/');
  await request(`v1/${kind}/${path}`, { method: 'DELETE' });
}

/**
 * @param {string} job
 * @param {Query} query
 * @param {AbortSignal} [signal]
 * @returns {Promise<ItemPage>}
 */
export function listItems(job, query, signal) {
  return getJson(`v1/jobs/${job}/items`, query, signal);
}

/**
 * @param {string} job
 * @returns {Promise<ScoreReport>}
 */
export function getScores(job) {
  return getJson(`v1/jobs/${job}/scores`);
}

/**
 * Where the masks of two jobs over the same images differ: some items at a time.
 * @param {string} job
 * @param {Query} query `other`: the other job; `cursor`: `next` of the page before
 * @param {AbortSignal} signal
 * @returns {Promise<DisagreementPage>}
 */
export function getDisagreement(job, query, signal) {
  return getJson(`v1/jobs/${job}/disagreement`, query, signal);
}

/**
 * @param {string} job
 * @param {number} index
 * @param {AbortSignal} [signal]
 * @returns {Promise<Item>}
 */
export function getItem(job, index, signal) {
  return getJson(`v1/jobs/${job}/items/${index}`, {}, signal);
}

/**
 * @param {AbortSignal} [signal]
 * @returns {Promise<ModelList>}
 */
export function listModels(signal) {
  return getJson('v1/models', {}, signal);
}

/**
 * @param {string} name of a version, `name@version`
 * @returns {Promise<Model>}
 */
export function getModel(name) {
  return getJson(`v1/models/${encodeURIComponent(name)}`);
}

/**
 * @param {AbortSignal} [signal]
 * @returns {Promise<ServiceStatus>}
 */
export function getService(signal) {
  return getJson('v1/service', {}, signal);
}

/** Throws the Problem when a job that is sent now would not be done. */
export async function checkReady() {
  await getJson('readyz');
}

/**
 * @param {string} id whose slashes stay slashes
 * @param {'thumbnail'} [part]
 */
export function imagePath(id, part) {
  const path = `v1/images/${id.split('/').map(encodeURIComponent).join('/')}`;
  return part ? `${path}/${part}` : path;
}

/**
 * The mask of an item at the size of a thumbnail.
 * @param {string} job
 * @param {number} index
 */
export function maskThumbnailPath(job, index) {
  return `v1/jobs/${job}/items/${index}/thumbnail`;
}

/**
 * @param {string} job
 * @param {number} index
 * @param {string} format
 */
export function maskPath(job, index, format) {
  return `v1/jobs/${job}/items/${index}/mask?format=${format}`;
}

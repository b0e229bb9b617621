/** File formats of masks: which ones the API offers, their names and filename extensions. */

import { getJson } from '../api/http.js';
import { hasText, t } from '../i18n.js';

const ITEM_MASK = '/v1/jobs/{job_id}/items/{index}/mask';
const JOB_ANNOTATIONS = '/v1/jobs/{job_id}/annotations';
/** @type {Record<string, string>} */
const EXTENSIONS = {
  png: 'png',
  index: 'index.png',
  labelids: 'labelids.png',
  trainids: 'trainids.png',
  color: 'color.png',
  overlay: 'overlay.jpg',
  polygons: 'geojson',
  cvat: 'cvat.xml',
  confidence: 'confidence.png',
  npz: 'npz',
};

/**
 * The formats that the API's OpenAPI document offers. Confidence is included only for a job that
 * asked for it.
 * @param {Pick<import('../api/schemas.js').Job, 'confidence'> | null} job
 * @returns {Promise<{perImage: string[], perJob: string[]}>} `perJob`: one file holds all masks
 */
export async function exportFormats(job) {
  const api = await getJson('openapi.json');
  return {
    perImage: formatsOf(api, ITEM_MASK).filter(
      (format) => format !== 'confidence' || job?.confidence,
    ),
    perJob: formatsOf(api, JOB_ANNOTATIONS),
  };
}

/**
 * @param {string} name without an extension
 * @param {string} format
 */
export function maskFilename(name, format) {
  return `${name}.${EXTENSIONS[format] ?? `${format}.json`}`;
}

/** @param {string} format */
export function formatName(format) {
  const key = `format.${format}`;
  return hasText(key) ? t(key) : format;
}

/** @typedef {{enum?: string[], $ref?: string, allOf?: {$ref: string}[]}} Schema */
/** @typedef {{parameters: {name: string, schema: Schema}[]}} Operation */

/**
 * The values of an operation's `format` parameter.
 * @param {{paths: Record<string, {get: Operation}>, components: {schemas: Record<string, Schema>}}} api
 * @param {string} path
 * @returns {string[]}
 */
function formatsOf(api, path) {
  const schema = api.paths[path]?.get.parameters.find(({ name }) => name === 'format')?.schema;
  const references = [schema, ...(schema?.allOf ?? [])].map((part) => part?.$ref ?? '');
  const named = references.map((ref) => api.components.schemas[ref.split('/').at(-1) ?? '']);
  return schema?.enum ?? named.find((found) => found !== undefined)?.enum ?? [];
}

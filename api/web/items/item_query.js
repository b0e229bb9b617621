/** Which items of a job are listed, and in which order. The links to the list and to each of its items keep it. */

import { hasText, t } from '../lib/i18n.js';
import { categoryName } from '../lib/taxonomy.js';

/** @typedef {'all' | 'worst' | 'unsure' | 'failed'} Preset */
/** @typedef {{preset: Preset, sort: string, where: string, find: string}} ItemQuery `sort`: empty for that of the preset; `find`: words of a name */

/** @type {Record<Preset, {sort?: string, state?: string}>} */
const PRESETS = {
  all: {},
  worst: { sort: 'iou' },
  unsure: { sort: 'confidence' },
  failed: { state: 'failed' },
};

/** @type {ItemQuery} */
export const ALL_ITEMS = { preset: 'all', sort: '', where: '', find: '' };

/**
 * @param {URLSearchParams} params of a link
 * @returns {ItemQuery}
 */
export function readItemQuery(params) {
  const preset = params.get('items') ?? '';
  return {
    preset: isPreset(preset) ? preset : 'all',
    sort: params.get('sort') ?? '',
    where: params.get('where') ?? '',
    find: params.get('find') ?? '',
  };
}

/**
 * The query as part of a link.
 * @param {ItemQuery} query
 */
export function linkQuery({ preset, sort, where, find }) {
  return { items: preset === 'all' ? null : preset, sort, where, find };
}

/**
 * The query as the API reads it.
 * @param {ItemQuery} query
 */
export function apiQuery({ preset, sort, where, find }) {
  return { ...PRESETS[preset], ...(sort ? { sort } : {}), where, q: find };
}

/**
 * Whether all items are listed in the order of the job.
 * @param {ItemQuery} query
 */
export function isPlain({ preset, sort, where, find }) {
  return preset === 'all' && !sort && !where && !find;
}

/**
 * @param {ItemQuery} one
 * @param {ItemQuery} other
 */
export function isSameQuery(one, other) {
  return JSON.stringify(one) === JSON.stringify(other);
}

/**
 * What the order is, for people. Empty for the order of the job.
 * @param {ItemQuery} query
 */
export function orderText({ preset, sort, where, find }) {
  const parts = [where, find && `“${find}”`];
  if (sort) parts.unshift(sortName(sort));
  else if (preset !== 'all') parts.unshift(t(`order.${preset}`));
  return parts.filter(Boolean).join(' · ');
}

/** @param {string} sort as the API reads it */
export function sortName(sort) {
  const name = sort.replace(/^-/, '');
  const key = `sort.${sort}`;
  if (hasText(key)) return t(key);
  const label = categoryName({ name: name.replace(/\.iou$/, '') });
  if (name.endsWith('.iou')) return t('sort.worst', { name: label });
  return t(sort.startsWith('-') ? 'sort.most' : 'sort.least', { name: label });
}

/**
 * @param {string} name
 * @returns {name is Preset}
 */
function isPreset(name) {
  return name in PRESETS;
}

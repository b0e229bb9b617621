/** Problems in words: what happened and what to do, in the reader's language. */

import { h } from './element.js';
import { has, language, t } from './words.js';

/**
 * One sentence or two about an error.
 * @param {any} error a Problem, an item's `error`, or anything that was thrown
 */
export function explain(error) {
  const key = `error.${error.code ?? (error instanceof RangeError ? 'no_mask' : 'internal_error')}`;
  // The service speaks English, and knows the particulars.
  if (language === 'en' && error.detail) return error.detail;
  return has(key) ? t(key) : error.detail || error.title || t('error.internal_error');
}

/**
 * The same with a headline.
 * @param {any} error
 */
export function problemNote(error) {
  const title = error.title && language === 'en' ? error.title : t('error.title');
  return h('div', { class: 'problem' }, h('strong', {}, title), h('span', {}, explain(error)));
}

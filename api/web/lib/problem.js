/** Error messages in the user's language. */

import { Problem } from './api/http.js';
import { h } from './element.js';
import { hasText, language, t } from './i18n.js';

/** @import {Problem as ProblemBody} from './api/schemas.js' */

/**
 * What happened and what to do about it.
 * @param {unknown} error a Problem, the `error` of an item or a job, or anything that was thrown
 */
export function explain(error) {
  const { code, title, detail } = toProblem(error);
  // The API's own text is in English, and more specific.
  if (language === 'en' && detail) return detail;
  const key = `error.${code}`;
  return hasText(key) ? t(key) : detail || title || t('error.internal_error');
}

/**
 * The same with a headline.
 * @param {unknown} error
 */
export function problemNote(error) {
  const { title } = toProblem(error);
  // Below the text of a malformed condition stands where it is malformed.
  const [text, ...lines] = explain(error).split('\n');
  return h(
    'div',
    { class: 'problem' },
    h('strong', {}, language === 'en' && title ? title : t('error.title')),
    h('span', {}, text),
    lines.length > 0 && h('pre', {}, lines.join('\n')),
  );
}

/**
 * @param {unknown} error
 * @returns {Problem | ProblemBody}
 */
function toProblem(error) {
  if (error instanceof RangeError) return new Problem({ code: 'not_a_mask' });
  if (error instanceof Error && !(error instanceof Problem)) {
    console.error(error);
    return new Problem({ code: 'page_error' });
  }
  return /** @type {Problem | ProblemBody} */ (error);
}

/** The view "Jobs". */

import { h } from '../element.js';
import { t } from '../words.js';

/** @param {HTMLElement} root */
export async function openJobs(root) {
  root.append(h('div', { class: 'page' }, h('h1', {}, t('nav.jobs'))));
  return { update() {}, close() {} };
}

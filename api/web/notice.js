/** Short notices at the edge of the page, which go away by themselves. */

import { h } from './element.js';

const SHOWN_MS = 6000;
const box = h('div', { class: 'notices', role: 'status' });

/** @param {string} words */
export function notify(words) {
  if (!box.isConnected) document.body.append(box);
  const notice = h('div', { class: 'notice' }, words);
  box.append(notice);
  setTimeout(() => notice.remove(), SHOWN_MS);
}

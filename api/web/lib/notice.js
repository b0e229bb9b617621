/** Short messages at the edge of the page. */

import { h } from './element.js';
import { t } from './i18n.js';

const SHOWN_MS = 6000;
const container = h('div', { class: 'notices', role: 'status' });

/**
 * Show a message, which disappears by itself.
 * @param {string} message
 * @param {string} [href] of what it is about
 */
export function notify(message, href) {
  const close = showNotice(
    message,
    href && h('a', { href, onclick: () => close() }, t('notice.open')),
  );
  setTimeout(close, SHOWN_MS);
}

/**
 * Show a message until it is closed.
 * @param {...import('./element.js').Child} content
 * @returns {() => void} closes it
 */
export function showNotice(...content) {
  if (!container.isConnected) document.body.append(container);
  const notice = h('div', { class: 'notice' }, ...content);
  container.append(notice);
  return () => notice.remove();
}

/** The menu "Share": the link to what is shown, and the code that makes it. */

import { h } from '../element.js';
import { downloadMenu } from '../files/download.js';
import { t } from '../i18n.js';
import { notify } from '../notice.js';
import { copyText } from './copy.js';

/** @param {() => import('./snippets.js').Snippet[]} snippets of what is shown now */
export function shareMenu(snippets) {
  return downloadMenu(t('share.title'), async () => [
    copyButton(t('copy.link'), () => location.href),
    ...snippets().map(({ label, text }) => copyButton(label, () => text)),
  ]);
}

/**
 * @param {string} label
 * @param {() => string} text
 */
function copyButton(label, text) {
  const onclick = async () => {
    if (await copyText(text())) notify(t('copy.done'));
  };
  return h('button', { type: 'button', class: 'menu-button', onclick }, label);
}

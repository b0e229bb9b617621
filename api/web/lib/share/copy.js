/** Text for the clipboard. */

import { h } from '../element.js';
import { t } from '../i18n.js';
import { notify } from '../notice.js';

const CONFIRMED_MS = 2000;

/**
 * Copy a text, and say so.
 * @param {string} text
 */
export async function copyText(text) {
  // Browsers offer the clipboard to https and localhost only.
  const isCopied = await (navigator.clipboard?.writeText(text) ?? Promise.reject()).then(
    () => true,
    () => copySelected(text),
  );
  if (!isCopied) notify(t('copy.failed'));
  return isCopied;
}

/**
 * A command or a code that can be copied.
 * @param {string} text
 */
export function codeBlock(text) {
  const button = h('button', { type: 'button' }, t('copy.copy'));
  button.addEventListener('click', async () => {
    if (!(await copyText(text))) return;
    button.textContent = t('copy.done');
    setTimeout(() => {
      button.textContent = t('copy.copy');
    }, CONFIRMED_MS);
  });
  return h('div', { class: 'code-block' }, h('pre', { tabIndex: 0 }, h('code', {}, text)), button);
}

/** @param {string} text */
function copySelected(text) {
  const area = h('textarea', { class: 'visually-hidden', value: text, readOnly: true });
  document.body.append(area);
  area.select();
  const isCopied = document.execCommand('copy');
  area.remove();
  return isCopied;
}

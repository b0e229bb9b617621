/** The API key: prompted for when the service requires one, kept in this tab or in this browser. */

import { h } from '../element.js';
import { t } from '../i18n.js';
import { local, session } from '../storage.js';

const STORAGE_KEY = 'roadmask-key';
/** @type {Promise<boolean> | null} */
let prompt = null;

/** The key of this tab, else that of this browser, or null. */
export function currentKey() {
  return session.getItem(STORAGE_KEY) ?? local.getItem(STORAGE_KEY);
}

/**
 * Prompt for a key, once for all requests that wait for it.
 * @param {string | null} rejected the key that the service did not accept, if one was sent
 * @returns {Promise<boolean>} whether there is another key now
 */
export function promptForKey(rejected) {
  if (currentKey() !== rejected) return Promise.resolve(true);
  prompt ??= openDialog(rejected !== null).finally(() => {
    prompt = null;
  });
  return prompt;
}

/**
 * @param {boolean} wasRejected
 * @returns {Promise<boolean>} whether a key was entered
 */
function openDialog(wasRejected) {
  const input = h('input', {
    type: 'password',
    id: 'key',
    required: true,
    autocomplete: 'off',
    spellcheck: false,
  });
  const keep = h('input', { type: 'checkbox', id: 'key-keep' });
  const form = h(
    'form',
    { method: 'dialog', class: 'stack' },
    h('h2', { id: 'key-title' }, t('key.title')),
    h('p', {}, t(wasRejected ? 'key.rejected' : 'key.help')),
    h('label', { for: 'key' }, t('key.label')),
    input,
    h('div', { class: 'category' }, keep, h('label', { for: 'key-keep' }, t('key.keep'))),
    h('button', { class: 'primary', value: 'submit' }, t('key.submit')),
  );
  const dialog = h('dialog', { class: 'card', 'aria-labelledby': 'key-title' }, form);
  document.body.append(dialog);
  dialog.showModal();
  return new Promise((resolve) => {
    dialog.addEventListener('close', () => {
      const key = dialog.returnValue === 'submit' ? input.value.trim() : '';
      if (key) {
        // A rejected key of the browser would come back with the next tab.
        local.removeItem(STORAGE_KEY);
        (keep.checked ? local : session).setItem(STORAGE_KEY, key);
        if (keep.checked) session.removeItem(STORAGE_KEY);
      }
      dialog.remove();
      resolve(Boolean(key));
    });
  });
}

/** The API key: asked for when the service wants one, kept for as long as the tab is open. */

import { h } from './element.js';
import { t } from './words.js';

const NAME = 'roadmask-key';
/** @type {Promise<boolean> | null} */
let asking = null;

/** The key of this tab, if one was given. */
export function currentKey() {
  return sessionStorage.getItem(NAME);
}

/**
 * Ask for a key, once for all requests that wait for it.
 * @param {string | null} refused the key that the service did not take, if one was sent
 * @returns {Promise<boolean>} whether there is another one now
 */
export function askKey(refused) {
  if (currentKey() !== refused) return Promise.resolve(true);
  asking ??= openDialog(refused).finally(() => {
    asking = null;
  });
  return asking;
}

function openDialog(refused) {
  const input = h('input', {
    type: 'password',
    id: 'key',
    required: true,
    autocomplete: 'off',
    spellcheck: false,
  });
  const form = h(
    'form',
    { method: 'dialog', class: 'stack' },
    h('h2', { id: 'key-title' }, t('key.title')),
    h('p', {}, refused ? t('key.refused') : t('key.why')),
    h('label', { for: 'key' }, t('key.label')),
    input,
    h('button', { class: 'primary', value: 'use' }, t('key.use')),
  );
  const dialog = h('dialog', { class: 'card', 'aria-labelledby': 'key-title' }, form);
  document.body.append(dialog);
  dialog.showModal();
  return new Promise((resolve) => {
    dialog.addEventListener('close', () => {
      const key = dialog.returnValue === 'use' ? input.value.trim() : '';
      if (key) sessionStorage.setItem(NAME, key);
      dialog.remove();
      resolve(Boolean(key));
    });
  });
}

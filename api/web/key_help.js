/** The keys of the page, in a dialog that `?` opens. */

import { h } from './lib/element.js';
import { t } from './lib/i18n.js';

const KEYS = /** @type {const} */ ({
  'keys.walk': ['N', 'P'],
  'keys.layers': ['1', '2', '3', '4'],
  'keys.difference': ['D'],
  'keys.disagreement': ['M'],
  'keys.confidence': ['C'],
  'keys.swipe': ['S'],
  'keys.outlines': ['O'],
  'keys.pan': ['←', '↑', '→', '↓'],
  'keys.zoom': ['+', '−', '0'],
  'keys.help': ['?'],
});

/** Open the dialog on `?`, unless the user is typing. */
export function installKeyHelp() {
  addEventListener('keydown', ({ key, target }) => {
    const isTyping = target instanceof Element && target.closest('input, select, textarea, dialog');
    if (key === '?' && !isTyping) openKeyHelp();
  });
}

export function openKeyHelp() {
  const rows = Object.entries(KEYS).map(([key, names]) =>
    h(
      'div',
      {},
      h(
        'dt',
        {},
        names.map((name) => h('kbd', {}, name)),
      ),
      h('dd', {}, t(/** @type {keyof typeof KEYS} */ (key))),
    ),
  );
  const dialog = h(
    'dialog',
    { class: 'card', 'aria-labelledby': 'keys-title' },
    h('h2', { id: 'keys-title' }, t('keys.title')),
    h('dl', { class: 'keys' }, rows),
    h('form', { method: 'dialog' }, h('button', { class: 'primary' }, t('keys.close'))),
  );
  dialog.addEventListener('close', () => dialog.remove());
  document.body.append(dialog);
  dialog.showModal();
}

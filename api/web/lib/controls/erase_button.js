/** A button that deletes something, after a question. */

import { erase } from '../api/client.js';
import { h } from '../element.js';
import { t } from '../i18n.js';
import { notify } from '../notice.js';
import { explain } from '../problem.js';

/** @typedef {{kind: 'jobs' | 'images' | 'datasets', id: string, name: string}} Erasable `name`: for people */

/**
 * @param {() => Erasable | null} wanted what is shown now
 * @param {(erased: Erasable) => void} onErased
 */
export function eraseButton(wanted, onErased) {
  const button = h('button', { type: 'button', class: 'quiet' }, t('erase.button'));
  button.addEventListener('click', async () => {
    const target = wanted();
    if (!target || !confirm(t(`erase.${target.kind}`, { name: target.name }))) return;
    button.disabled = true;
    try {
      await erase(target.kind, target.id);
      notify(t('erase.done', { name: target.name }));
      onErased(target);
    } catch (error) {
      notify(explain(error));
    }
    button.disabled = false;
  });
  return button;
}

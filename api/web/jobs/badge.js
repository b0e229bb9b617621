/** A state as a word with its colour. */

import { h } from '../element.js';
import { t } from '../words.js';

const KINDS = {
  succeeded: 'good',
  completed_with_errors: 'warn',
  failed: 'bad',
  expired: 'bad',
  running: 'busy',
};

/** @param {string} state of a job or an item */
export function badge(state) {
  return h('span', { class: 'badge', dataset: { kind: KINDS[state] ?? 'idle' } }, t(`state.${state}`));
}

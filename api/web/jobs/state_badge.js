/** The state of a job or an item, as a coloured badge. */

import { h } from '../lib/element.js';
import { t } from '../lib/i18n.js';

/** @typedef {import('../lib/api/schemas.js').JobState} JobState */
/** @typedef {import('../lib/api/schemas.js').ItemState} ItemState */

/** @type {Record<JobState | ItemState, string>} */
const KINDS = {
  queued: 'idle',
  running: 'busy',
  succeeded: 'good',
  completed_with_errors: 'warn',
  failed: 'bad',
  canceled: 'idle',
  expired: 'bad',
};

/** @param {JobState | ItemState} state */
export function stateBadge(state) {
  return h('span', { class: 'badge', dataset: { kind: KINDS[state] } }, t(`state.${state}`));
}

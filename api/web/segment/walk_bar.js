/** The buttons to the previous and the next image, and the place in the list that they walk. */

import { h } from '../lib/element.js';
import { t } from '../lib/i18n.js';

/**
 * @typedef {{position: number, count: number | null, order: string}} Place `position`: from 0, -1
 * when it is unknown; `count`: null when it is unknown; `order`: of the list, for people
 */

export class WalkBar {
  #place = h('span', { class: 'place', role: 'status' });
  #previous;
  #next;

  /** @param {(steps: number) => void} step to another image */
  constructor(step) {
    this.#previous = stepButton('‹', t('walk.previous'), () => step(-1));
    this.#next = stepButton('›', t('walk.next'), () => step(1));
    this.element = h(
      'div',
      { class: 'walk', role: 'group', 'aria-label': t('walk.title') },
      this.#previous,
      this.#place,
      this.#next,
    );
  }

  /** @param {Place} place */
  show({ position, count, order }) {
    const isKnown = position >= 0;
    const values = { at: position + 1, n: count ?? 0 };
    const text = t(count === null ? 'walk.at' : 'walk.place', values);
    const shown = isKnown ? [text, order].filter(Boolean).join(', ') : order;
    // Screen readers announce each change, so an equal text is left alone.
    if (this.#place.textContent !== shown) this.#place.textContent = shown;
    this.#previous.disabled = isKnown && position === 0;
    this.#next.disabled = isKnown && count !== null && position >= count - 1;
  }
}

/**
 * @param {string} sign
 * @param {string} label
 * @param {() => void} onclick
 */
function stepButton(sign, label, onclick) {
  const props = { class: 'icon', title: label, 'aria-label': label, onclick };
  return h('button', { type: 'button', ...props }, sign);
}

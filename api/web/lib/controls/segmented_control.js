/** A segmented control: a row of buttons of which one is pressed. */

import { h } from '../element.js';

/** @template {string} Value */
export class SegmentedControl {
  /** @type {Map<Value, HTMLButtonElement>} */
  #buttons;

  /**
   * @param {string} label
   * @param {[Value, string][]} choices values with their labels
   * @param {(value: Value) => void} onChoice
   */
  constructor(label, choices, onChoice) {
    this.#buttons = new Map(
      choices.map(([value, text]) => [
        value,
        h('button', { type: 'button', onclick: () => onChoice(value) }, text),
      ]),
    );
    this.element = h(
      'div',
      { class: 'segmented', role: 'group', 'aria-label': label },
      ...this.#buttons.values(),
    );
  }

  /** @param {Value} value the pressed button */
  set(value) {
    for (const [own, button] of this.#buttons) {
      button.setAttribute('aria-pressed', String(own === value));
    }
  }

  /**
   * @param {Value} value
   * @param {boolean} isOffered whether its button is shown
   */
  offer(value, isOffered) {
    const button = this.#buttons.get(value);
    if (button) button.hidden = !isOffered;
  }
}

/** A menu of models: a first choice without a name, then the versions. */

import { modelOptions } from '../../lib/controls/model_options.js';
import { fill, h } from '../../lib/element.js';
import { Emitter } from '../../lib/emitter.js';

/** @typedef {import('../../lib/api/schemas.js').Model} Model */

/** @extends {Emitter<{change: []}>} `change`: the user chose */
export class ModelMenu extends Emitter {
  /** `name@version`; empty for the first choice. */
  #value;
  #first = '–';
  /** @type {Model[]} */
  #models = [];

  /**
   * @param {string} label
   * @param {string} value `name@version`; empty for the first choice
   */
  constructor(label, value) {
    super();
    this.#value = value;
    this.element = h('select', { 'aria-label': label, hidden: true });
    this.element.addEventListener('change', () => {
      this.#value = this.element.value;
      this.emit('change');
    });
    this.#draw();
  }

  get value() {
    return this.#value;
  }

  set value(value) {
    this.#value = value;
    this.#draw();
  }

  /**
   * @param {string} first text of the first choice
   * @param {Model[]} models
   */
  offer(first, models) {
    this.#first = first;
    this.#models = models;
    this.#draw();
  }

  #draw() {
    const first = h('option', { value: '' }, this.#first);
    fill(this.element, first, modelOptions(this.#models, this.#value));
    this.element.value = this.#value;
  }
}

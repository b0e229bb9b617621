/** The menu of models: the one in service, or another version. */

import { listModels } from '../../lib/api/client.js';
import { modelOptions } from '../../lib/controls/model_options.js';
import { fill, h } from '../../lib/element.js';
import { Emitter } from '../../lib/emitter.js';
import { t } from '../../lib/i18n.js';
import { fullName, shortModel } from '../../lib/names.js';

/** @typedef {import('../../lib/api/schemas.js').Model} Model */

/** @extends {Emitter<{change: []}>} */
export class ModelSelect extends Emitter {
  /** `name@version`; empty for the model in service. */
  #value;
  /** @type {Promise<void> | null} */
  #list = null;
  #inService = '';
  /** @type {Model[]} besides the one in service */
  #models = [];
  #hasChoice = false;

  /** @param {string} value `name@version`; empty for the model in service */
  constructor(value) {
    super();
    this.#value = value;
    this.element = h('select', { 'aria-label': t('batch.model'), hidden: true });
    this.element.addEventListener('change', () => {
      this.#value = this.element.value;
      this.emit('change');
    });
  }

  get value() {
    return this.#value;
  }

  set value(value) {
    this.#value = value;
    this.#draw();
  }

  /** Whether there is more than one model. */
  get hasChoice() {
    return this.#hasChoice;
  }

  /**
   * The model to request, by its full name; `default` when that is unknown.
   * @param {AbortSignal} signal
   */
  async resolve(signal) {
    this.#list ??= this.#load(signal);
    try {
      await this.#list;
    } catch (error) {
      this.#list = null;
      throw error;
    }
    return this.#value || this.#inService || 'default';
  }

  /** @param {AbortSignal} signal */
  async #load(signal) {
    const { models, in_service: inService } = await listModels(signal);
    this.#inService = inService ?? '';
    this.#models = models.filter((model) => fullName(model) !== inService);
    this.#hasChoice = this.#models.length > 0;
    this.element.hidden = !this.#hasChoice && !this.#value;
    this.#draw();
  }

  #draw() {
    const model = this.#inService ? shortModel(this.#inService) : '–';
    fill(
      this.element,
      h('option', { value: '' }, t('batch.default', { model })),
      modelOptions(this.#models, this.#value),
    );
    this.element.value = this.#value;
  }
}

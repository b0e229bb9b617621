/** The choice of the model: the one in service, or another version. */

import { t } from '../../lib/i18n.js';
import { fullName, shortModel } from '../../lib/names.js';
import { ModelMenu } from './model_menu.js';

export class ModelSelect {
  #list;
  /** Whether there is more than one model. */
  #hasChoice = false;
  #isOffered = true;

  /**
   * @param {string} value `name@version`; empty for the model in service
   * @param {import('./model_list.js').ModelList} list
   */
  constructor(value, list) {
    this.#list = list;
    this.menu = new ModelMenu(t('batch.model'), value);
  }

  get value() {
    return this.menu.value;
  }

  set value(value) {
    this.menu.value = value;
  }

  /** @param {boolean} isOffered not for an item of a job, whose model is known */
  offer(isOffered) {
    this.#isOffered = isOffered;
    this.menu.element.hidden = !isOffered || !(this.#hasChoice || this.value);
  }

  /**
   * The model to request, by its full name; `default` when that is unknown. Throws Problem.
   * @param {AbortSignal} signal
   */
  async resolve(signal) {
    const { models, in_service: inService } = await this.#list.load();
    signal.throwIfAborted();
    const others = models.filter((model) => fullName(model) !== inService);
    const model = inService ? shortModel(inService) : '–';
    this.#hasChoice = others.length > 0;
    this.menu.offer(t('batch.default', { model }), others);
    this.offer(this.#isOffered);
    return this.value || inService || 'default';
  }
}

/** Which model makes the masks: the one in service, or another version that there is. */

import { fill, h } from '../element.js';
import { get } from '../http.js';
import { t } from '../words.js';

export class ModelChoice extends EventTarget {
  /** @type {Promise<void> | null} */
  #known = null;

  /** @param {string} value `name@version`; empty for the one in service */
  constructor(value) {
    super();
    this.value = value;
    this.isChoice = false;
    this.current = '';
    this.element = h('select', {
      'aria-label': t('batch.model'),
      hidden: true,
      onchange: () => {
        this.value = this.element.value;
        this.dispatchEvent(new Event('change'));
      },
    });
  }

  /** @param {string} value as in the constructor */
  set(value) {
    this.value = value;
    this.element.value = value;
  }

  /**
   * The model to ask for by its full name, or `default` where nobody knows it.
   * @param {AbortSignal} signal
   */
  async chosen(signal) {
    this.#known ??= this.#list(signal);
    try {
      await this.#known;
    } catch (error) {
      this.#known = null;
      throw error;
    }
    return this.value || this.current || 'default';
  }

  async #list(signal) {
    const { models, in_service: current } = await get('v1/models', {}, signal);
    this.current = current ?? '';
    const names = models.map(({ name, version }) => `${name}@${version}`).filter((name) => name !== current);
    this.isChoice = names.length > 0;
    this.element.hidden = !this.isChoice;
    fill(
      this.element,
      h('option', { value: '' }, t('batch.default', { model: current ?? '–' })),
      names.map((name) => h('option', { value: name }, name)),
    );
    this.element.value = this.value;
  }
}

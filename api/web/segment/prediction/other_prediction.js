/** The mask of a second model beside that of the first: the menu that chooses it, and its request. */

import { listModels } from '../../lib/api/client.js';
import { isAbort } from '../../lib/api/http.js';
import { modelOptions } from '../../lib/controls/model_options.js';
import { fill, h } from '../../lib/element.js';
import { Emitter } from '../../lib/emitter.js';
import { t } from '../../lib/i18n.js';
import { shortModel } from '../../lib/names.js';
import { failureNote } from '../../lib/recovery.js';
import { loadPrediction } from './image_data.js';
import { requestMask, waitForItem } from './mask_job.js';
import { waitingText } from './status_text.js';

/** @typedef {import('../../lib/api/schemas.js').Image} Image */
/** @typedef {import('../viewer/mask_png.js').Mask} Mask */

/** @extends {Emitter<{change: [], mask: [mask: Mask]}>} `change`: another model, or none, was chosen; `mask`: its mask is shown */
export class OtherPrediction extends Emitter {
  /** `name@version`; empty for none. */
  #value;
  #viewer;
  /** @type {Promise<void> | null} */
  #list = null;
  /** @type {import('../../lib/api/schemas.js').Model[]} */
  #models = [];

  /**
   * @param {string} value `name@version`; empty for none
   * @param {import('../viewer/viewer.js').Viewer} viewer
   */
  constructor(value, viewer) {
    super();
    this.#value = value;
    this.#viewer = viewer;
    this.element = h('select', { 'aria-label': t('compare.with'), hidden: true });
    this.element.addEventListener('change', () => {
      this.#value = this.element.value;
      this.emit('change');
    });
    this.#draw();
  }

  get value() {
    return this.#value;
  }

  /** @param {string} value of a link */
  restore(value) {
    this.#value = value;
    this.#draw();
  }

  /**
   * Show the mask of the chosen model, if one is chosen.
   * @param {Image} image
   * @param {{name: string, pixels: import('../../lib/api/schemas.js').Pixels | null}} options of the
   * request: `name` of the image, for people
   * @param {AbortSignal} signal
   */
  async show(image, options, signal) {
    this.#list ??= this.#load(signal);
    const model = this.#value;
    const pane = this.#viewer.panes.other;
    try {
      await this.#list;
      if (!model) return;
      pane.setTitle(shortModel(model));
      pane.setMessage(t('predict.requesting'));
      const id = await requestMask(image, model, options, signal);
      const onProgress = (/** @type {import('../../lib/api/schemas.js').Job} */ job) =>
        pane.setMessage(waitingText(job, null));
      const mask = await loadPrediction(await waitForItem(id, 0, onProgress, signal), signal);
      if (model !== this.#value) return;
      this.#viewer.setMask('other', mask);
      this.emit('mask', mask);
    } catch (error) {
      if (isAbort(error)) return;
      this.#list = null;
      pane.setMessage(failureNote(error, () => this.show(image, options, signal)));
    }
  }

  /** @param {AbortSignal} signal */
  async #load(signal) {
    const { models } = await listModels(signal);
    this.#models = models;
    this.#draw();
  }

  #draw() {
    fill(
      this.element,
      h('option', { value: '' }, t('compare.with')),
      modelOptions(this.#models, this.#value),
    );
    this.element.value = this.#value;
    this.element.hidden = this.#models.length < 2 && !this.#value;
  }
}

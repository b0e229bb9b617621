/** The mask of a second model beside that of the first: the menu that chooses it, and its request. */

import { isAbort } from '../../lib/api/http.js';
import { Emitter } from '../../lib/emitter.js';
import { t } from '../../lib/i18n.js';
import { shortModel } from '../../lib/names.js';
import { failureNote } from '../../lib/recovery.js';
import { loadPrediction } from './image_data.js';
import { requestMask, waitForItem } from './mask_job.js';
import { ModelMenu } from './model_menu.js';
import { waitingText } from './status_text.js';

/** @typedef {import('../../lib/api/schemas.js').Image} Image */
/** @typedef {import('../../lib/api/schemas.js').Job} Job */
/** @typedef {import('../viewer/mask_png.js').Mask} Mask */

/** @extends {Emitter<{mask: [mask: Mask]}>} `mask`: the mask of the second model is shown */
export class OtherPrediction extends Emitter {
  #viewer;
  #list;
  #choosing = new AbortController();

  /**
   * @param {string} value `name@version`; empty for none
   * @param {import('../viewer/viewer.js').Viewer} viewer
   * @param {import('./model_list.js').ModelList} list
   */
  constructor(value, viewer, list) {
    super();
    this.#viewer = viewer;
    this.#list = list;
    this.menu = new ModelMenu(t('compare.with'), value);
  }

  get value() {
    return this.menu.value;
  }

  set value(value) {
    this.menu.value = value;
  }

  /**
   * Show the mask of the chosen model, if one is chosen. What an earlier call waits for is given up.
   * @param {Image} image
   * @param {{name: string, pixels: import('../../lib/api/schemas.js').Pixels | null}} options of the
   * request: `name` of the image, for people
   * @param {AbortSignal} ofImage ends with the image
   */
  async show(image, options, ofImage) {
    this.#choosing.abort();
    this.#choosing = new AbortController();
    const signal = AbortSignal.any([ofImage, this.#choosing.signal]);
    const pane = this.#viewer.panes.other;
    try {
      const { models } = await this.#list.load();
      signal.throwIfAborted();
      const model = this.value;
      this.menu.offer(t('compare.with'), models);
      this.menu.element.hidden = models.length < 2 && !model;
      if (!model) return;
      pane.setTitle(shortModel(model));
      pane.setMessage(t('predict.requesting'));
      const id = await requestMask(image, model, options, signal);
      const onProgress = (/** @type {Job} */ job) => pane.setMessage(waitingText(job, null));
      const mask = await loadPrediction(await waitForItem(id, 0, onProgress, signal), signal);
      this.#viewer.setMask('other', mask);
      this.emit('mask', mask);
    } catch (error) {
      if (isAbort(error)) return;
      pane.setMessage(failureNote(error, () => this.show(image, options, ofImage)));
    }
  }
}

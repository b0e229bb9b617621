/** Loads the confidence of the shown mask when it is selected. It costs worker time, so not before. */

import { isAbort } from '../../lib/api/http.js';
import { t } from '../../lib/i18n.js';
import { failureNote } from '../../lib/recovery.js';
import { loadConfidence } from './image_data.js';
import { requestMask, waitForItem } from './mask_job.js';

/** @typedef {import('../../lib/api/schemas.js').Image} Image */
/** @typedef {import('./mask_job.js').FinishedItem} FinishedItem */
/** @typedef {{image: Image, name: string, finished: FinishedItem, signal: AbortSignal}} Inspected `signal`: ends with the image */

export class ConfidenceLoader {
  /** @type {AbortSignal | null} of the image whose confidence is being loaded */
  #loading = null;
  #viewer;
  #options;
  #show;

  /**
   * @param {import('../viewer/viewer.js').Viewer} viewer
   * @param {import('../display_options.js').DisplayOptions} options
   * @param {(finished: FinishedItem, signal: AbortSignal) => Promise<void>} show another mask of the image
   */
  constructor(viewer, options, show) {
    this.#viewer = viewer;
    this.#options = options;
    this.#show = show;
  }

  /** @param {Inspected} inspected */
  async ensure(inspected) {
    const { prediction, confidence } = this.#viewer.masks;
    if (!prediction) return;
    const pane = this.#viewer.panes.prediction;
    const isMissing = this.#options.thirdPane === 'confidence' && !confidence;
    pane.setMessage(...(isMissing ? [t('confidence.computing')] : []));
    const { signal } = inspected;
    if (!isMissing || this.#loading === signal) return;
    this.#loading = signal;
    try {
      const finished = await this.#withConfidence(inspected);
      this.#viewer.setMask('confidence', await loadConfidence(finished, signal));
    } catch (error) {
      const isShown = this.#options.thirdPane === 'confidence';
      const retry = () => this.ensure(inspected);
      if (!isAbort(error) && isShown) pane.setMessage(failureNote(error, retry));
    }
    if (this.#loading === signal) this.#loading = null;
  }

  /**
   * The finished item if it has confidence, else that of a new job with the same model and quality.
   * @param {Inspected} inspected
   */
  async #withConfidence({ image, name, finished, signal }) {
    if (finished.job.confidence) return finished;
    const model = finished.item.result?.artifact ?? finished.job.model;
    const { pixels = null, quality = 'standard' } = finished.item.result ?? {};
    const wanted = { name, pixels, quality, confidence: true };
    const id = await requestMask(image, model, wanted, signal);
    const other = await waitForItem(id, 0, () => {}, signal);
    // Its mask is shown, too: mask and confidence must come from one inference.
    await this.#show(other, signal);
    return other;
  }
}

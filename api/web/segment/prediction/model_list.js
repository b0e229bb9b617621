/** The models of the service, asked for once for all the menus of a view. */

import { listModels } from '../../lib/api/client.js';

/** @typedef {import('../../lib/api/schemas.js').ModelList} Models */

export class ModelList {
  /** @type {Promise<Models> | null} */
  #models = null;

  /**
   * Throws Problem; then the next call asks again. The list belongs to no image: whoever waits for it
   * with one looks afterwards whether that image is still shown.
   */
  load() {
    this.#models ??= listModels().catch((error) => {
      this.#models = null;
      throw error;
    });
    return this.#models;
  }
}

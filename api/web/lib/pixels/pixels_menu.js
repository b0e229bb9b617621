/** The menu of what the samples of the inspected image mean. */

import { h } from '../element.js';
import { Emitter } from '../emitter.js';
import { t } from '../i18n.js';
import { PixelsFields } from './pixels_fields.js';
import { parsePixels, pixelsText } from './pixels_text.js';

/** @extends {Emitter<{change: []}>} */
export class PixelsMenu extends Emitter {
  #fields = new PixelsFields('image', () => this.emit('change'));
  #said = h('p', { class: 'note' });

  /** @param {string} text as in links; empty for nothing */
  constructor(text) {
    super();
    this.element = h(
      'details',
      { class: 'dropdown', hidden: true },
      h('summary', {}, t('pixels.menu')),
      h('div', { class: 'menu pixels-menu' }, this.#said, this.#fields.element),
    );
    this.text = text;
  }

  /** As in links; empty for what the dataset or the file says. */
  get text() {
    return pixelsText(this.#fields.value);
  }

  set text(text) {
    this.#fields.value = parsePixels(text);
  }

  /** Null for what the dataset or the file says. */
  get value() {
    return this.#fields.value;
  }

  /**
   * Offer the menu for images that may need it.
   * @param {import('../api/schemas.js').Image | null} image null for an item of a job, which has its
   * pixels already
   */
  offer(image) {
    const isOdd = image && (image.bit_depth > 8 || image.channels === 1 || image.pixels);
    this.element.hidden = !isOdd && !(image && this.text);
    const said = pixelsText(image?.pixels);
    this.#said.hidden = !said;
    this.#said.textContent = said && t('pixels.dataset', { pixels: said });
  }
}

/** The pixel under the pointer: its position, and the category that each mask has there. */

import { fill, h } from '../lib/element.js';
import { number, percent, t } from '../lib/i18n.js';
import { categoryColor, categoryName, swatch } from '../lib/taxonomy.js';
import { probability } from './viewer/confidence_legend.js';

/** @typedef {import('./viewer/mask_png.js').Mask} Mask */
/** @typedef {import('./viewer/pane.js').Pixel} Pixel */

export class PixelInfo {
  #taxonomy;

  /** @param {import('../lib/taxonomy.js').Taxonomy} taxonomy */
  constructor(taxonomy) {
    this.#taxonomy = taxonomy;
    this.element = h('output', { class: 'pixel-info', 'aria-live': 'off' });
    this.show(null, {}, false);
  }

  /**
   * @param {Pixel | null} pixel
   * @param {import('./viewer/viewer.js').Masks} masks
   * @param {boolean} byKeyboard whether screen readers announce it; mouse users see it
   */
  show(pixel, masks, byKeyboard) {
    this.element.setAttribute('aria-live', byKeyboard ? 'polite' : 'off');
    if (pixel) this.#showPixel(pixel, masks);
    else {
      const hasMouse = !matchMedia('(pointer: coarse)').matches;
      fill(this.element, h('span', { class: 'note' }, t(hasMouse ? 'pixel.hint' : 'pixel.touch')));
    }
  }

  /**
   * @param {Pixel} pixel
   * @param {import('./viewer/viewer.js').Masks} masks
   */
  #showPixel(pixel, { truth, prediction, other, confidence }) {
    const expected = truth && indexAt(truth, pixel);
    const predicted = prediction && indexAt(prediction, pixel);
    const second = other && indexAt(other, pixel);
    const differs =
      expected !== undefined &&
      predicted !== undefined &&
      expected !== this.#taxonomy.void &&
      expected !== predicted;
    fill(
      this.element,
      h('span', { class: 'position' }, `x ${number(pixel.x)} · y ${number(pixel.y)}`),
      expected !== undefined && this.#category(t('pane.truth'), expected),
      predicted !== undefined && this.#category(t('pane.prediction'), predicted),
      second !== undefined && this.#category(t('pane.other'), second),
      differs && h('span', { class: 'wrong' }, t('pixel.differs')),
      confidence &&
        h(
          'span',
          { class: 'value' },
          `${t('pane.confidence')}: `,
          h('b', {}, percent(probability(indexAt(confidence, pixel) ?? 0))),
        ),
    );
  }

  /**
   * @param {string} label
   * @param {number} index
   */
  #category(label, index) {
    const category = this.#taxonomy.categories[index];
    return (
      category &&
      h(
        'span',
        { class: 'value' },
        `${label}: `,
        swatch(categoryColor(category)),
        h('b', {}, categoryName(category)),
      )
    );
  }
}

/**
 * @param {Mask} mask
 * @param {Pixel} pixel
 */
function indexAt(mask, { x, y }) {
  return mask.indices[y * mask.width + x];
}

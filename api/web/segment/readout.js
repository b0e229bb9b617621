/** The value under the cursor: where it is, and what each mask says there. */

import { fill, h } from '../element.js';
import { categoryName, swatch } from '../taxonomy.js';
import { number, percent, t } from '../words.js';
import { probability } from './confidence.js';

export class Readout {
  /** @param {import('../taxonomy.js').Taxonomy} taxonomy */
  constructor(taxonomy) {
    this.taxonomy = taxonomy;
    this.element = h('output', { class: 'readout', 'aria-live': 'off' });
    this.show(null, {}, false);
  }

  /**
   * @param {{x: number, y: number} | null} pixel
   * @param {Record<string, import('./mask_png.js').Mask>} masks as the panes have them
   * @param {boolean} byKeys whether to say it aloud: who moves a mouse sees it
   */
  show(pixel, masks, byKeys) {
    this.element.setAttribute('aria-live', byKeys ? 'polite' : 'off');
    if (!pixel) {
      fill(
        this.element,
        h(
          'span',
          { class: 'note' },
          t(matchMedia('(pointer: coarse)').matches ? 'readout.touch' : 'readout.none'),
        ),
      );
      return;
    }
    const values = ['truth', 'prediction']
      .filter((name) => masks[name])
      .map((name) => [name, valueAt(masks[name], pixel)]);
    const isWrong =
      values.length === 2 && values[0][1] !== this.taxonomy.void && values[0][1] !== values[1][1];
    fill(
      this.element,
      h('span', { class: 'place' }, `x ${number(pixel.x)} · y ${number(pixel.y)}`),
      values.map(([name, index]) => this.#value(name, index)),
      isWrong && h('span', { class: 'wrong' }, t('readout.differ')),
      masks.confidence &&
        h(
          'span',
          { class: 'value' },
          `${t('pane.confidence')}: `,
          h('b', {}, percent(probability(valueAt(masks.confidence, pixel)))),
        ),
    );
  }

  #value(name, index) {
    const category = this.taxonomy.categories[index];
    return h(
      'span',
      { class: 'value' },
      `${t(`pane.${name}`)}: `,
      swatch(category),
      h('b', {}, categoryName(category)),
    );
  }
}

function valueAt(mask, { x, y }) {
  return mask.indices[y * mask.width + x];
}

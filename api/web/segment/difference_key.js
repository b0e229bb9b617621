/** What the colours of the difference view mean, and how much of the picture has each. */

import { fill, h } from '../element.js';
import { swatch } from '../taxonomy.js';
import { percent, t } from '../words.js';
import { DIFFERENCE, shares } from './raster.js';

/** @typedef {import('./mask_png.js').Mask} Mask */

export class DifferenceKey {
  constructor() {
    this.element = h('div', { class: 'differences', hidden: true, role: 'status' });
  }

  /** @param {Mask | undefined} difference that is shown now */
  show(difference) {
    this.element.hidden = !difference;
    const parts = difference ? shares(difference, DIFFERENCE.length) : [];
    fill(
      this.element,
      parts.map((share, index) => {
        const [name, [red, green, blue]] = DIFFERENCE[index];
        return h(
          'span',
          { class: 'category' },
          swatch({ color: [red, green, blue] }),
          t(`difference.${name}`),
          h('b', {}, percent(share)),
        );
      }),
    );
  }
}

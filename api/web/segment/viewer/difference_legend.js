/**
 * Explains the colours of the difference mask. Same and different are shares of the annotated pixels,
 * so that "same" is the accuracy.
 */

import { fill, h } from '../../lib/element.js';
import { percent, t } from '../../lib/i18n.js';
import { cssColor, swatch } from '../../lib/taxonomy.js';
import { DIFFERENCE_CLASSES, shares, UNKNOWN } from './raster.js';

export class DifferenceLegend {
  constructor() {
    this.element = h('div', { class: 'difference-legend', hidden: true, role: 'status' });
  }

  /** @param {import('./mask_png.js').Mask | undefined} difference undefined hides the legend */
  show(difference) {
    this.element.hidden = !difference;
    const found = difference ? shares(difference, DIFFERENCE_CLASSES.length) : [];
    const annotated = 1 - (found[UNKNOWN] ?? 0);
    fill(
      this.element,
      DIFFERENCE_CLASSES.map(
        ({ name, color }, index) =>
          (index !== UNKNOWN || annotated < 1) &&
          h(
            'span',
            { class: 'category' },
            swatch(cssColor(color)),
            t(`difference.${name}`),
            h('b', {}, percent(index === UNKNOWN ? found[index] : (found[index] ?? 0) / annotated)),
          ),
      ),
    );
  }
}

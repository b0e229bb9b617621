/** The colours of confidence, and the legend that explains them. */

import { fill, h } from '../../lib/element.js';
import { percent, t } from '../../lib/i18n.js';
import { cssColor } from '../../lib/taxonomy.js';

/** @typedef {import('./mask_png.js').Mask} Mask */
/** @typedef {import('../../lib/taxonomy.js').Color} Color */

const MAX_VALUE = 255;
/** Below this probability another category may be as likely. */
const DOUBTFUL = 0.5;

/** @type {Color} */
const CERTAIN = [0, 0, 4];
/**
 * Matplotlib's inferno, reversed: doubtful pixels are bright, and the order of the colours stays
 * visible to colour-blind users.
 * @type {Color[]}
 */
const COLOR_STOPS = [[252, 255, 164], [249, 142, 9], [188, 55, 84], [87, 16, 110], CERTAIN];

/** Colours by confidence value, 0 (uncertain) to 255 (certain). */
export const CONFIDENCE_COLORS = Array.from({ length: MAX_VALUE + 1 }, (_, value) =>
  interpolate(value / MAX_VALUE),
);

/**
 * @param {number} value 0 to 255, as the API stores it
 * @returns {number} probability, 0 to 1
 */
export function probability(value) {
  return value / MAX_VALUE;
}

export class ConfidenceLegend {
  #summary = h('p', { role: 'status' });

  constructor() {
    this.element = h(
      'div',
      { class: 'confidence-legend', hidden: true },
      h('b', {}, t('pane.confidence')),
      h(
        'div',
        { class: 'colorbar', role: 'img', 'aria-label': t('confidence.colorbar') },
        h('span', {}, `${percent(0, 0)} ${t('confidence.low')}`),
        h('i', { style: { '--colors': COLOR_STOPS.map(cssColor).join() } }),
        h('span', {}, `${t('confidence.high')} ${percent(1, 0)}`),
      ),
      this.#summary,
    );
  }

  /** @param {Mask | undefined} confidence undefined hides the legend */
  show(confidence) {
    this.element.hidden = !confidence;
    fill(this.#summary, confidence && t('confidence.summary', summary(confidence.indices)));
  }
}

/**
 * @param {number} position 0 to 1
 * @returns {Color}
 */
function interpolate(position) {
  const at = position * (COLOR_STOPS.length - 1);
  const from = Math.floor(at);
  const left = COLOR_STOPS[from] ?? CERTAIN;
  const right = COLOR_STOPS[from + 1] ?? CERTAIN;
  /** @param {0 | 1 | 2} channel */
  const mix = (channel) =>
    Math.round(left[channel] + (right[channel] - left[channel]) * (at - from));
  return [mix(0), mix(1), mix(2)];
}

/** @param {Uint8Array} values */
function summary(values) {
  let sum = 0;
  let doubtful = 0;
  for (const value of values) {
    sum += value;
    if (probability(value) < DOUBTFUL) doubtful += 1;
  }
  return {
    mean: percent(probability(sum / values.length)),
    share: percent(doubtful / values.length),
    limit: percent(DOUBTFUL, 0),
  };
}

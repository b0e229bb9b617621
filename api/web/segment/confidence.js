/** Confidence: how sure the model is of each pixel, its colours, and what they mean. */

import { fill, h } from '../element.js';
import { percent, t } from '../words.js';
import { rgba } from './raster.js';

/** @typedef {import('./mask_png.js').Mask} Mask */

const CERTAIN = 255;
const LIMIT = 0.5;
/** Below it another category may be as likely. */

/**
 * Inferno, from unsure to certain: what is worth a look is bright, and it keeps its order for eyes
 * that tell no colours apart.
 */
const ANCHORS = [
  [252, 255, 164],
  [249, 142, 9],
  [188, 55, 84],
  [87, 16, 110],
  [0, 0, 4],
];

/** A colour for each of the values that the API gives: 0 unsure, 255 certain. */
export const CONFIDENCE_COLORS = Uint32Array.from({ length: CERTAIN + 1 }, (_, value) => {
  const at = (value / CERTAIN) * (ANCHORS.length - 1);
  const from = Math.min(Math.floor(at), ANCHORS.length - 2);
  const [left, right] = [ANCHORS[from], ANCHORS[from + 1]];
  const mix = (part) => Math.round(left[part] + (right[part] - left[part]) * (at - from));
  return rgba(mix(0), mix(1), mix(2), 1);
});

/**
 * The probability that a value stands for, 0 to 1.
 * @param {number} value
 */
export function probability(value) {
  return value / CERTAIN;
}

/** The scale below the pictures, with the picture's figures in words. */
export class ConfidenceScale {
  constructor() {
    this.summary = h('p', { role: 'status' });
    const colors = ANCHORS.map((color) => `rgb(${color})`).join();
    this.element = h(
      'div',
      { class: 'scale', hidden: true },
      h('b', {}, t('pane.confidence')),
      h(
        'div',
        { class: 'steps', role: 'img', 'aria-label': t('confidence.scale') },
        h('span', {}, `${percent(0, 0)} ${t('confidence.low')}`),
        h('i', { style: { '--colors': colors } }),
        h('span', {}, `${t('confidence.high')} ${percent(1, 0)}`),
      ),
      this.summary,
    );
  }

  /** @param {Mask | undefined} confidence that is shown now */
  show(confidence) {
    this.element.hidden = !confidence;
    if (confidence) fill(this.summary, t('confidence.summary', figures(confidence.indices)));
    else fill(this.summary);
  }
}

function figures(values) {
  let sum = 0;
  let below = 0;
  for (const value of values) {
    sum += value;
    if (probability(value) < LIMIT) below += 1;
  }
  const mean = probability(sum / values.length);
  return { mean: percent(mean), share: percent(below / values.length), limit: percent(LIMIT, 0) };
}

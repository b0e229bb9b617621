/** A small line of the last minutes' values. */

import { svg } from '../element.js';

const KEPT = 100;
const HEIGHT = 40;

export class Sparkline {
  #values = [];

  constructor() {
    this.line = svg('polyline', {
      points: '',
      fill: 'none',
      stroke: 'currentColor',
      'stroke-width': 1.5,
      'vector-effect': 'non-scaling-stroke',
    });
    this.element = svg(
      'svg',
      {
        class: 'sparkline',
        viewBox: `0 0 ${KEPT - 1} ${HEIGHT}`,
        preserveAspectRatio: 'none',
        'aria-hidden': 'true',
      },
      this.line,
    );
  }

  /** @param {number} value the newest */
  add(value) {
    this.#values = [...this.#values, value].slice(-KEPT);
    const highest = Math.max(1, ...this.#values);
    const start = KEPT - this.#values.length;
    this.line.setAttribute(
      'points',
      this.#values
        .map((each, at) => `${start + at},${HEIGHT - 2 - (each / highest) * (HEIGHT - 4)}`)
        .join(' '),
    );
  }
}

/** A sparkline of the last values. */

import { svg } from '../lib/element.js';

const CAPACITY = 100;
const HEIGHT = 40;
const PADDING = 2;

export class Sparkline {
  /** @type {number[]} */
  #values = [];
  #line = svg('polyline', {
    points: '',
    fill: 'none',
    stroke: 'currentColor',
    'stroke-width': 1.5,
    'vector-effect': 'non-scaling-stroke',
  });

  constructor() {
    this.element = svg(
      'svg',
      {
        class: 'sparkline',
        viewBox: `0 0 ${CAPACITY - 1} ${HEIGHT}`,
        preserveAspectRatio: 'none',
        'aria-hidden': 'true',
      },
      this.#line,
    );
  }

  /** @param {number} value */
  add(value) {
    this.#values = [...this.#values, value].slice(-CAPACITY);
    // A line along the bottom, or of two points, tells nothing.
    const isTelling = this.#values.length > 2 && this.#values.some((each) => each > 0);
    this.element.toggleAttribute('hidden', !isTelling);
    const highest = Math.max(1, ...this.#values);
    const start = CAPACITY - this.#values.length;
    const points = this.#values.map((each, at) => {
      const y = HEIGHT - PADDING - (each / highest) * (HEIGHT - 2 * PADDING);
      return `${start + at},${y}`;
    });
    this.#line.setAttribute('points', points.join(' '));
  }
}

/** A sample photo that is swiped to its mask. */

import { h } from '../lib/element.js';
import { t } from '../lib/i18n.js';
import { palette } from '../lib/palette.js';
import { decodeMask } from './viewer/mask_png.js';
import { categoryInk, drawMask } from './viewer/raster.js';

/** @typedef {import('./viewer/mask_png.js').Mask} Mask */

const PHOTO = new URL('../samples/crossing.jpg', import.meta.url).href;
const MASK = new URL('../samples/crossing.png', import.meta.url).href;
const OPACITY = 0.6;
const [WIDTH, HEIGHT] = [960, 640];

export class Hero {
  /** @type {Mask | null} */
  #mask = null;
  #taxonomy;
  #canvas = h('canvas', { width: WIDTH, height: HEIGHT });
  #divider = h('input', {
    type: 'range',
    class: 'divider',
    min: '0',
    max: '100',
    value: '22',
    'aria-label': t('hero.divider'),
  });
  #unsubscribe = palette.on('change', () => this.#draw());

  /** @param {import('../lib/taxonomy.js').Taxonomy} taxonomy */
  constructor(taxonomy) {
    this.#taxonomy = taxonomy;
    const photo = h('img', { src: PHOTO, alt: t('hero.photo'), width: WIDTH, height: HEIGHT });
    this.element = h('figure', { class: 'hero' }, photo, this.#canvas, this.#divider);
    this.#divider.addEventListener('input', () => this.#place());
    this.#place();
    this.#load();
  }

  close() {
    this.#unsubscribe();
  }

  #place() {
    this.element.style.setProperty('--divider', String(Number(this.#divider.value) / 100));
  }

  async #load() {
    const response = await fetch(MASK).catch(() => null);
    if (!response?.ok) return; // The photo alone still shows what goes in.
    this.#mask = await decodeMask(await response.blob());
    this.#draw();
  }

  #draw() {
    if (!this.#mask) return;
    const ink = categoryInk(this.#taxonomy.categories, {
      opacity: OPACITY,
      outlines: true,
      hidden: new Set(),
      highlighted: null,
    });
    const placement = { scale: 1, left: 0, top: 0 };
    const pixels = drawMask(this.#mask, ink, placement, WIDTH, HEIGHT);
    this.#canvas.getContext('2d')?.putImageData(pixels, 0, 0);
  }
}

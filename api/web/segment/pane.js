/** One of the pictures: a canvas that shows the photo and, over it, a layer of indices. */

import { fill, h } from '../element.js';
import { t } from '../words.js';
import { followGestures } from './gestures.js';
import { paint } from './raster.js';

/** @typedef {import('./mask_png.js').Mask} Mask */

export class Pane extends EventTarget {
  #photo = null;
  #layer = null;
  #waiting = false;
  #scratch = document.createElement('canvas');

  /**
   * @param {string} name `image`, `truth` or `prediction`
   * @param {import('./viewport.js').Viewport} viewport
   */
  constructor(name, viewport) {
    super();
    this.name = name;
    this.viewport = viewport;
    this.canvas = h('canvas', { tabIndex: 0, role: 'img', 'aria-describedby': 'pane-keys' });
    this.cross = h('div', { class: 'cross', hidden: true });
    this.message = h('div', { class: 'message', hidden: true, role: 'status' });
    this.stage = h('div', { class: 'stage' }, this.canvas, this.cross, this.message);
    this.caption = h('figcaption');
    this.element = h('figure', { class: 'pane', dataset: { pane: name } }, this.caption, this.stage);
    this.setTitle(t(`pane.${name}`));
    this.size = new ResizeObserver(() => this.#resize());
    this.size.observe(this.canvas);
    this.redraw = () => this.draw();
    viewport.addEventListener('change', this.redraw);
    followGestures(this);
  }

  close() {
    this.size.disconnect();
    this.viewport.removeEventListener('change', this.redraw);
  }

  /** @param {string} title */
  setTitle(title) {
    fill(this.caption, title);
    this.canvas.setAttribute('aria-label', title);
  }

  /** @param {ImageBitmap | null} photo may be smaller than the picture it stands for */
  setPhoto(photo) {
    this.#photo = photo;
    this.draw();
  }

  /** @param {{mask: Mask, colors: Uint32Array, opacity: number} | null} layer */
  setLayer(layer) {
    this.#layer = layer;
    this.draw();
  }

  /** @param {...(Node | string)} words instead of a picture; nothing to show the picture */
  say(...words) {
    fill(this.message, words);
    this.message.hidden = words.length === 0;
  }

  /**
   * The picture's pixel at a place of the screen, also beyond its borders.
   * @param {number} clientX @param {number} clientY
   */
  pixelAt(clientX, clientY) {
    const box = this.canvas.getBoundingClientRect();
    const { scale, left, top } = this.viewport.place(box.width, box.height);
    return {
      x: Math.floor((clientX - box.left - left) / scale),
      y: Math.floor((clientY - box.top - top) / scale),
    };
  }

  /** @param {{x: number, y: number} | null} pixel to mark, as all panes do */
  point(pixel) {
    this.cross.hidden = !pixel;
    if (!pixel) return;
    const box = this.canvas.getBoundingClientRect();
    const { scale, left, top } = this.viewport.place(box.width, box.height);
    this.cross.style.translate = `${left + (pixel.x + 0.5) * scale}px ${top + (pixel.y + 0.5) * scale}px`;
  }

  draw() {
    if (this.#waiting) return;
    this.#waiting = true;
    requestAnimationFrame(() => {
      this.#waiting = false;
      this.#drawNow();
    });
  }

  #resize() {
    const density = devicePixelRatio;
    this.canvas.width = Math.max(1, Math.round(this.canvas.clientWidth * density));
    this.canvas.height = Math.max(1, Math.round(this.canvas.clientHeight * density));
    this.#drawNow();
  }

  #drawNow() {
    const { width, height } = this.canvas;
    const context = this.canvas.getContext('2d');
    context.clearRect(0, 0, width, height);
    const placement = this.viewport.place(width, height);
    if (this.#photo) this.#drawPhoto(context, placement);
    if (this.#layer) this.#drawLayer(context, placement);
    this.canvas.dataset.placement = JSON.stringify(placement);
  }

  #drawPhoto(context, { scale, left, top }) {
    context.imageSmoothingEnabled = scale < 2;
    context.imageSmoothingQuality = 'high';
    context.drawImage(this.#photo, left, top, this.viewport.width * scale, this.viewport.height * scale);
  }

  #drawLayer(context, placement) {
    const { mask, colors, opacity } = this.#layer;
    const { width, height } = this.canvas;
    Object.assign(this.#scratch, { width, height });
    this.#scratch.getContext('2d').putImageData(paint(mask, colors, placement, width, height), 0, 0);
    context.globalAlpha = opacity;
    context.drawImage(this.#scratch, 0, 0);
    context.globalAlpha = 1;
  }
}

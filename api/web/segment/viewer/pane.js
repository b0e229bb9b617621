/** One pane of the viewer: a canvas with the photo, and a mask over it. */

import { fill, h } from '../../lib/element.js';
import { Emitter } from '../../lib/emitter.js';
import { t } from '../../lib/i18n.js';
import { addGestures } from './gestures.js';
import { drawMask } from './raster.js';

/** @typedef {{x: number, y: number}} Pixel of the image */
/** @typedef {{mask: import('./mask_png.js').Mask, ink: import('./raster.js').Ink}} MaskLayer */
/** @typedef {import('./viewport.js').Placement} Placement */
/** @typedef {{begin: (pixel: Pixel) => void, move: (pixel: Pixel) => void, end: (isKept: boolean) => void}} Brush `isKept`: false when the stroke was the beginning of a gesture of two fingers, or a palm */

/** @extends {Emitter<{point: [pixel: Pixel | null, byKeyboard: boolean], flick: [steps: number]}>} `flick`: a finger went across the whole image, to the next (1) or previous (-1) one */
export class Pane extends Emitter {
  /** @type {ImageBitmap | null} */
  #photo = null;
  /** @type {MaskLayer | null} */
  #maskLayer = null;
  /** @type {Pixel | null} that the crosshair is on */
  #pixel = null;
  /** @type {Brush | null} */
  brush = null;
  #isDrawPending = false;
  #offscreen = document.createElement('canvas');
  #crosshair = h('div', { class: 'crosshair', hidden: true });
  #message = h('div', { class: 'message', hidden: true, role: 'status' });
  #caption = h('figcaption');
  #resizeObserver = new ResizeObserver(() => this.#resize());
  #unsubscribe;

  /**
   * @param {import('../display_options.js').Layer} name
   * @param {import('./viewport.js').Viewport} viewport
   */
  constructor(name, viewport) {
    super();
    this.viewport = viewport;
    this.canvas = h('canvas', { tabIndex: 0, role: 'img', 'aria-describedby': 'pane-keys' });
    this.element = h(
      'figure',
      { class: 'pane', dataset: { pane: name } },
      this.#caption,
      h('div', { class: 'stage' }, this.canvas, this.#crosshair, this.#message),
    );
    this.setTitle(t(`pane.${name}`));
    this.#resizeObserver.observe(this.canvas);
    this.#unsubscribe = viewport.on('change', () => this.#requestDraw());
    addGestures(this);
  }

  close() {
    this.#resizeObserver.disconnect();
    this.#unsubscribe();
  }

  /** @param {string} title */
  setTitle(title) {
    fill(this.#caption, title);
    this.canvas.setAttribute('aria-label', title);
  }

  /** @param {ImageBitmap | null} photo which may be smaller than the image it stands for */
  setPhoto(photo) {
    this.#photo = photo;
    this.#requestDraw();
  }

  /** Draw again, because a mask that is shown has changed. */
  redraw() {
    this.#requestDraw();
  }

  /** @param {Brush | null} brush that takes strokes instead of panning; null for none */
  setBrush(brush) {
    this.brush = brush;
    this.canvas.classList.toggle('painted', brush !== null);
  }

  /** @param {MaskLayer | null} layer */
  setMaskLayer(layer) {
    this.#maskLayer = layer;
    this.#requestDraw();
  }

  /** @param {...(Node | string)} content in front of the canvas; none shows the canvas */
  setMessage(...content) {
    fill(this.#message, content);
    this.#message.hidden = content.length === 0;
  }

  /**
   * The image pixel at a point of the screen. It may lie outside the image.
   * @param {number} clientX
   * @param {number} clientY
   * @returns {Pixel}
   */
  pixelAt(clientX, clientY) {
    const box = this.canvas.getBoundingClientRect();
    const { scale, left, top } = this.viewport.place(box);
    return {
      x: Math.floor((clientX - box.left - left) / scale),
      y: Math.floor((clientY - box.top - top) / scale),
    };
  }

  /** @param {Pixel | null} pixel to put the crosshair on */
  setCrosshair(pixel) {
    this.#pixel = pixel;
    this.#placeCrosshair();
  }

  /** The crosshair stays on its pixel whatever moves the image. */
  #placeCrosshair() {
    const pixel = this.#pixel;
    this.#crosshair.hidden = !pixel;
    if (!pixel) return;
    const { scale, left, top } = this.viewport.place(this.canvas.getBoundingClientRect());
    const x = left + (pixel.x + 0.5) * scale;
    const y = top + (pixel.y + 0.5) * scale;
    this.#crosshair.style.translate = `${x}px ${y}px`;
  }

  #requestDraw() {
    if (this.#isDrawPending) return;
    this.#isDrawPending = true;
    requestAnimationFrame(() => {
      this.#isDrawPending = false;
      this.#draw();
    });
  }

  #resize() {
    const density = devicePixelRatio;
    this.canvas.width = Math.max(1, Math.round(this.canvas.clientWidth * density));
    this.canvas.height = Math.max(1, Math.round(this.canvas.clientHeight * density));
    this.#draw();
  }

  #draw() {
    const context = context2d(this.canvas);
    context.clearRect(0, 0, this.canvas.width, this.canvas.height);
    const placement = this.viewport.place(this.canvas);
    if (this.#photo) this.#drawPhoto(context, this.#photo, placement);
    if (this.#maskLayer) this.#drawMaskLayer(context, this.#maskLayer, placement);
    this.#placeCrosshair();
    // For the tests of the page.
    this.canvas.dataset.placement = JSON.stringify(placement);
  }

  /**
   * @param {CanvasRenderingContext2D} context
   * @param {ImageBitmap} photo
   * @param {Placement} placement
   */
  #drawPhoto(context, photo, { scale, left, top }) {
    context.imageSmoothingEnabled = scale < 2;
    context.imageSmoothingQuality = 'high';
    const { width, height } = this.viewport;
    context.drawImage(photo, left, top, width * scale, height * scale);
  }

  /**
   * @param {CanvasRenderingContext2D} context
   * @param {MaskLayer} layer
   * @param {Placement} placement
   */
  #drawMaskLayer(context, { mask, ink }, placement) {
    const { width, height } = this.canvas;
    const pixels = drawMask(mask, ink, placement, width, height);
    // `putImageData` would replace the photo, so the pixels go through a second canvas.
    Object.assign(this.#offscreen, { width, height });
    context2d(this.#offscreen).putImageData(pixels, 0, 0);
    context.drawImage(this.#offscreen, 0, 0);
  }
}

/** @param {HTMLCanvasElement} canvas */
function context2d(canvas) {
  return /** @type {CanvasRenderingContext2D} */ (canvas.getContext('2d'));
}

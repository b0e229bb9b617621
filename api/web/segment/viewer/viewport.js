/** The visible part of the image. All panes share one viewport, so that they zoom and pan together. */

import { Emitter } from '../../lib/emitter.js';

/** Screen pixels per image pixel at the highest zoom. */
const MAX_SCALE = 40;

/**
 * Where the image lies in a pane: screen pixels per image pixel, and the image's corner.
 * @typedef {{scale: number, left: number, top: number}} Placement
 */
/** @typedef {{width: number, height: number}} Size */

/** @extends {Emitter<{change: []}>} */
export class Viewport extends Emitter {
  #width = 1;
  #height = 1;
  /** The centre, as shares of the image's width and height. */
  #x = 0.5;
  #y = 0.5;
  /** 1 fits the whole image into the pane. */
  zoom = 1;

  get width() {
    return this.#width;
  }

  get height() {
    return this.#height;
  }

  /** @param {Size} image pixels */
  setImageSize({ width, height }) {
    this.#width = width;
    this.#height = height;
  }

  get showsWholeImage() {
    return this.zoom === 1;
  }

  /**
   * The viewport as text for a link; empty for the whole image.
   * @override
   */
  toString() {
    if (this.showsWholeImage) return '';
    return [this.#x, this.#y, this.zoom].map((value) => Number(value.toFixed(5))).join(',');
  }

  /** @param {string} text which `toString` gave */
  parse(text) {
    const [x = NaN, y = NaN, zoom = NaN] = text.split(',').map(Number);
    const isValid = x >= 0 && y >= 0 && zoom >= 1;
    [this.#x, this.#y, this.zoom] = isValid ? [x, y, zoom] : [0.5, 0.5, 1];
    this.emit('change');
  }

  reset() {
    this.parse('');
  }

  /**
   * @param {Size} pane
   * @returns {Placement}
   */
  place({ width, height }) {
    const scale = Math.min(width / this.#width, height / this.#height) * this.zoom;
    return {
      scale,
      left: Math.round(offset(width, this.#width * scale, this.#x)),
      top: Math.round(offset(height, this.#height * scale, this.#y)),
    };
  }

  /**
   * Zoom and keep the image point under (px, py) in place.
   * @param {number} factor
   * @param {Size} pane
   * @param {number} px screen pixels from the pane's left edge
   * @param {number} py screen pixels from the pane's top edge
   */
  zoomAt(factor, pane, px, py) {
    const before = this.place(pane);
    const maxZoom = MAX_SCALE / (before.scale / this.zoom);
    const x = (px - before.left) / before.scale;
    const y = (py - before.top) / before.scale;
    this.zoom = Math.min(Math.max(maxZoom, 1), Math.max(1, this.zoom * factor));
    const { scale } = this.place(pane);
    this.#moveTo(
      (x + (pane.width / 2 - px) / scale) / this.#width,
      (y + (pane.height / 2 - py) / scale) / this.#height,
      pane,
    );
  }

  /**
   * @param {number} dx screen pixels
   * @param {number} dy screen pixels
   * @param {Size} pane
   */
  pan(dx, dy, pane) {
    const { scale } = this.place(pane);
    this.#moveTo(this.#x - dx / scale / this.#width, this.#y - dy / scale / this.#height, pane);
  }

  /**
   * Move the centre, and keep the pane inside the image.
   * @param {number} x
   * @param {number} y
   * @param {Size} pane
   */
  #moveTo(x, y, pane) {
    const { scale } = this.place(pane);
    this.#x = clampCentre(x, pane.width / (2 * this.#width * scale));
    this.#y = clampCentre(y, pane.height / (2 * this.#height * scale));
    this.emit('change');
  }
}

/**
 * Where the image begins along one axis; an image smaller than the pane is centred.
 * @param {number} pane
 * @param {number} size
 * @param {number} centre
 */
function offset(pane, size, centre) {
  if (size <= pane) return (pane - size) / 2;
  return Math.min(0, Math.max(pane - size, pane / 2 - centre * size));
}

/**
 * @param {number} centre
 * @param {number} half of the pane, as a share of the image
 */
function clampCentre(centre, half) {
  return half >= 0.5 ? 0.5 : Math.min(1 - half, Math.max(half, centre));
}

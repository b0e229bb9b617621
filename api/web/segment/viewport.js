/** What part of the picture is shown: one viewport for all panes, so that they stay in step. */

const CLOSEST = 40;
/** Screen pixels that one picture pixel has at the closest. */

/**
 * @typedef {{scale: number, left: number, top: number}} Placement
 * Where the picture lies in a pane: screen pixels per picture pixel, and its corner.
 */

export class Viewport extends EventTarget {
  constructor() {
    super();
    this.width = 1;
    this.height = 1;
    this.reset();
  }

  /** @param {number} width @param {number} height of the picture, pixels */
  setPicture(width, height) {
    this.width = width;
    this.height = height;
  }

  /** Whether the whole picture is in view. */
  get fits() {
    return this.zoom === 1;
  }

  /** As it is in a link: the centre in shares of the picture, and zoom; empty for the whole picture. */
  toString() {
    return this.fits ? '' : [this.x, this.y, this.zoom].map((value) => Number(value.toFixed(5))).join(',');
  }

  /** @param {string} text what `toString` gave */
  parse(text) {
    const [x, y, zoom] = text.split(',').map(Number);
    if (x >= 0 && y >= 0 && zoom >= 1) Object.assign(this, { x, y, zoom });
    else Object.assign(this, { x: 0.5, y: 0.5, zoom: 1 });
    this.changed();
  }

  reset() {
    this.parse('');
  }

  /**
   * Where the picture lies in a pane of this size.
   * @param {number} width @param {number} height
   * @returns {Placement}
   */
  place(width, height) {
    const scale = Math.min(width / this.width, height / this.height) * this.zoom;
    return {
      scale,
      left: Math.round(along(width, this.width * scale, this.x)),
      top: Math.round(along(height, this.height * scale, this.y)),
    };
  }

  /**
   * Zoom so that the picture's point under (px, py) of the pane stays there.
   * @param {number} factor @param {DOMRect} pane @param {number} px @param {number} py
   */
  zoomAt(factor, pane, px, py) {
    const before = this.place(pane.width, pane.height);
    const closest = CLOSEST / (before.scale / this.zoom);
    const point = [(px - before.left) / before.scale, (py - before.top) / before.scale];
    this.zoom = Math.min(Math.max(closest, 1), Math.max(1, this.zoom * factor));
    const { scale } = this.place(pane.width, pane.height);
    this.x = (point[0] + (pane.width / 2 - px) / scale) / this.width;
    this.y = (point[1] + (pane.height / 2 - py) / scale) / this.height;
    this.#keepInside(pane, scale);
    this.changed();
  }

  /**
   * Move by screen pixels.
   * @param {number} dx @param {number} dy @param {DOMRect} pane
   */
  pan(dx, dy, pane) {
    const { scale } = this.place(pane.width, pane.height);
    this.x -= dx / scale / this.width;
    this.y -= dy / scale / this.height;
    this.#keepInside(pane, scale);
    this.changed();
  }

  changed() {
    this.dispatchEvent(new Event('change'));
  }

  #keepInside(pane, scale) {
    this.x = inside(this.x, pane.width / (2 * this.width * scale));
    this.y = inside(this.y, pane.height / (2 * this.height * scale));
  }
}

function along(room, size, centre) {
  if (size <= room) return (room - size) / 2;
  return Math.min(0, Math.max(room - size, room / 2 - centre * size));
}

function inside(centre, half) {
  return half >= 0.5 ? 0.5 : Math.min(1 - half, Math.max(half, centre));
}

/** Changes of a mask, pixel by pixel, with undo and redo. */

/** @typedef {import('../viewer/mask_png.js').Mask} Mask */
/** @typedef {import('../viewer/pane.js').Pixel} Pixel */
/** @typedef {{at: Uint32Array, before: Uint8Array, after: number}} Edit pixels that changed, and their indices */

export class MaskEdits {
  /** @type {Edit[]} */
  #done = [];
  /** @type {Edit[]} */
  #undone = [];
  /** @type {{at: number[], before: number[], after: number} | null} that is being painted */
  #stroke = null;

  /** @param {Mask} mask which is copied */
  constructor(mask) {
    /** @type {Mask} */
    this.mask = { ...mask, indices: mask.indices.slice() };
  }

  get canUndo() {
    return this.#done.length > 0;
  }

  get canRedo() {
    return this.#undone.length > 0;
  }

  /**
   * @param {Uint8Array} indices
   * @returns {boolean} whether they are those of the mask now
   */
  has(indices) {
    return this.mask.indices.every((index, at) => index === indices[at]);
  }

  /** @param {number} category of the stroke that begins */
  begin(category) {
    this.#stroke = { at: [], before: [], after: category };
  }

  /** End the stroke. One that changed nothing is forgotten. */
  end() {
    const stroke = this.#stroke;
    this.#stroke = null;
    if (!stroke?.at.length) return;
    // A fill may have millions of pixels, and each edit is kept.
    const [at, before] = [Uint32Array.from(stroke.at), Uint8Array.from(stroke.before)];
    this.#done.push({ at, before, after: stroke.after });
    this.#undone = [];
  }

  /** Take the stroke back that is being painted, as if it had not begun. */
  cancel() {
    if (this.#stroke) this.#restore(this.#stroke);
    this.#stroke = null;
  }

  /**
   * Paint a line with a round brush.
   * @param {Pixel} from
   * @param {Pixel} to
   * @param {number} radius pixels
   */
  line(from, to, radius) {
    const length = Math.hypot(to.x - from.x, to.y - from.y);
    const steps = Math.max(1, Math.ceil(length / Math.max(1, radius / 2)));
    for (let step = 0; step <= steps; step += 1) {
      const share = step / steps;
      this.#dot(from.x + (to.x - from.x) * share, from.y + (to.y - from.y) * share, radius);
    }
  }

  /**
   * Paint the connected area of one category around a pixel.
   * @param {Pixel} pixel
   */
  fill({ x, y }) {
    const { width, height, indices } = this.mask;
    const old = indices[y * width + x];
    if (!this.#stroke || old === this.#stroke.after) return;
    const open = [y * width + x];
    for (let at = open.pop(); at !== undefined; at = open.pop()) {
      if (indices[at] !== old) continue;
      this.#set(at);
      const column = at % width;
      if (column > 0) open.push(at - 1);
      if (column < width - 1) open.push(at + 1);
      if (at >= width) open.push(at - width);
      if (at < width * (height - 1)) open.push(at + width);
    }
  }

  /** Undo the last stroke, but none while another is being painted. */
  undo() {
    const edit = this.#stroke ? undefined : this.#done.pop();
    if (!edit) return;
    this.#restore(edit);
    this.#undone.push(edit);
  }

  /** Paint what was undone again, but not while a stroke is being painted. */
  redo() {
    const edit = this.#stroke ? undefined : this.#undone.pop();
    if (!edit) return;
    for (const at of edit.at) this.mask.indices[at] = edit.after;
    this.#done.push(edit);
  }

  /** @param {{at: ArrayLike<number>, before: ArrayLike<number>}} edit */
  #restore({ at, before }) {
    for (let n = 0; n < at.length; n += 1) this.mask.indices[at[n] ?? 0] = before[n] ?? 0;
  }

  /**
   * @param {number} x
   * @param {number} y
   * @param {number} radius
   */
  #dot(x, y, radius) {
    const { width, height } = this.mask;
    const top = Math.max(0, Math.ceil(y - radius));
    const bottom = Math.min(height - 1, Math.floor(y + radius));
    for (let row = top; row <= bottom; row += 1) {
      const half = Math.sqrt(Math.max(0, radius ** 2 - (row - y) ** 2));
      const first = Math.max(0, Math.ceil(x - half));
      const last = Math.min(width - 1, Math.floor(x + half));
      for (let column = first; column <= last; column += 1) this.#set(row * width + column);
    }
  }

  /** @param {number} at */
  #set(at) {
    const stroke = this.#stroke;
    const before = this.mask.indices[at];
    if (!stroke || before === undefined || before === stroke.after) return;
    stroke.at.push(at);
    stroke.before.push(before);
    this.mask.indices[at] = stroke.after;
  }
}

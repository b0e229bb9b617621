/** Draws masks as screen pixels: nearest neighbour, visible part only, colours never mixed. */

import { palette } from '../../lib/palette.js';

/** @typedef {import('./mask_png.js').Mask} Mask */
/** @typedef {import('./viewport.js').Placement} Placement */
/** @typedef {import('../../lib/taxonomy.js').Category} Category */
/** @typedef {import('../../lib/taxonomy.js').Color} Color */

const TRANSPARENT = 0;
/** Where no pixel of the mask is. */
const OUTSIDE = -1;

/**
 * The classes of a difference mask by index: name, colour and opacity.
 * @type {{name: 'same' | 'different' | 'unknown', color: Color, alpha: number}[]}
 */
export const DIFFERENCE_CLASSES = [
  { name: 'same', color: [16, 20, 28], alpha: 0.72 },
  { name: 'different', color: [255, 59, 48], alpha: 1 },
  { name: 'unknown', color: [128, 132, 140], alpha: 0.85 },
];
const [SAME, DIFFERENT] = [0, 1];
/** The index of pixels without an annotation. */
export const UNKNOWN = 2;
/** @type {Ink} */
export const DIFFERENCE_INK = {
  fills: Uint32Array.from(DIFFERENCE_CLASSES, ({ color, alpha }) => rgba(color, alpha)),
  lines: null,
};

/**
 * How a mask is drawn: pixel values by index for its areas, and for the borders between them.
 * @typedef {{fills: Uint32Array, lines: Uint32Array | null}} Ink `lines`: null for no borders
 */

/** The opacity of the other categories while one is highlighted. */
const DIMMED = 0.12;
const HIGHLIGHTED = 0.85;

/**
 * The ink of a category mask.
 * @param {Category[]} categories
 * @param {{opacity: number, outlines: boolean, hidden: Set<number>, highlighted: number | null}} options
 * `opacity`: 0 to 1; `hidden`: indices that are transparent
 * @returns {Ink}
 */
export function categoryInk(categories, { opacity, outlines, hidden, highlighted }) {
  const fills = new Uint32Array(256);
  const lines = new Uint32Array(256);
  for (const category of categories) {
    const { index } = category;
    const color = palette.colorOf(category);
    if (highlighted !== null && !hidden.has(highlighted)) {
      fills[index] = rgba(color, index === highlighted ? Math.max(opacity, HIGHLIGHTED) : DIMMED);
      lines[index] = index === highlighted ? rgba(color) : TRANSPARENT;
    } else if (!hidden.has(index)) {
      fills[index] = rgba(color, opacity);
      lines[index] = opacity > 0 ? rgba(color) : TRANSPARENT;
    }
  }
  return { fills, lines: outlines ? lines : null };
}

/**
 * The ink of values without borders.
 * @param {Color[]} colors by index
 * @param {number} opacity 0 to 1
 * @returns {Ink}
 */
export function plainInk(colors, opacity) {
  return { fills: Uint32Array.from(colors, (color) => rgba(color, opacity)), lines: null };
}

/**
 * Where two masks differ, as a mask of DIFFERENCE_CLASSES.
 * @param {Mask} truth
 * @param {Mask} prediction
 * @param {number | null} voidIndex of pixels of the truth that are unknown; null for none
 * @returns {Mask}
 */
export function differenceMask(truth, prediction, voidIndex) {
  const indices = new Uint8Array(truth.indices.length).fill(SAME);
  for (let at = 0; at < indices.length; at += 1) {
    const expected = truth.indices[at];
    if (expected === voidIndex) indices[at] = UNKNOWN;
    else if (expected !== prediction.indices[at]) indices[at] = DIFFERENT;
  }
  return { ...truth, indices };
}

/**
 * The share of each index in a mask, 0 to 1.
 * @param {Mask} mask
 * @param {number} size number of indices
 * @returns {number[]}
 */
export function shares(mask, size) {
  const counts = new Array(size).fill(0);
  for (const index of mask.indices) counts[index] += 1;
  return counts.map((count) => count / mask.indices.length);
}

/**
 * The visible part of a mask.
 * @param {Mask} mask
 * @param {Ink} ink
 * @param {Placement} placement
 * @param {number} width of the pane, screen pixels
 * @param {number} height of the pane, screen pixels
 */
export function drawMask(mask, { fills, lines }, placement, width, height) {
  const image = new ImageData(width, height);
  const pixels = new Uint32Array(image.data.buffer);
  const columns = sourceIndices(width, placement.left, placement.scale, mask.width);
  const rows = sourceIndices(height, placement.top, placement.scale, mask.height);
  let above = new Int16Array(width).fill(OUTSIDE);
  let current = new Int16Array(width);
  for (const [y, row] of rows.entries()) {
    readRow(mask, row, columns, current);
    const target = y * width;
    for (let x = 0; x < width; x += 1) {
      const index = current[x] ?? OUTSIDE;
      if (index === OUTSIDE) continue;
      const left = x > 0 ? (current[x - 1] ?? OUTSIDE) : OUTSIDE;
      const upper = above[x] ?? OUTSIDE;
      let pixel = fills[index] ?? TRANSPARENT;
      if (lines) {
        if (left !== index && left !== OUTSIDE) pixel = lines[index] || lines[left] || pixel;
        else if (upper !== index && upper !== OUTSIDE) {
          pixel = lines[index] || lines[upper] || pixel;
        }
      }
      pixels[target + x] = pixel;
    }
    [above, current] = [current, above];
  }
  return image;
}

/**
 * The indices behind a row of screen pixels.
 * @param {Mask} mask
 * @param {number} row of the mask; -1 outside it
 * @param {Int32Array} columns of the mask by screen pixel; -1 outside it
 * @param {Int16Array} indices that are written
 */
function readRow({ indices: source, width }, row, columns, indices) {
  for (let x = 0; x < indices.length; x += 1) {
    const column = columns[x] ?? -1;
    const isInside = row >= 0 && column >= 0;
    indices[x] = isInside ? (source[row * width + column] ?? OUTSIDE) : OUTSIDE;
  }
}

/**
 * The mask's row or column behind each screen pixel; -1 outside the mask.
 * @param {number} length screen pixels
 * @param {number} offset
 * @param {number} scale
 * @param {number} size of the mask
 */
function sourceIndices(length, offset, scale, size) {
  return Int32Array.from({ length }, (_, at) => {
    const source = Math.floor((at + 0.5 - offset) / scale);
    return source >= 0 && source < size ? source : -1;
  });
}

/**
 * A pixel value as a canvas stores it on little-endian machines, the only ones that browsers
 * support.
 * @param {Color} color
 * @param {number} [alpha] 0 to 1
 */
export function rgba([red, green, blue], alpha = 1) {
  return ((Math.round(alpha * 255) << 24) | (blue << 16) | (green << 8) | red) >>> 0;
}

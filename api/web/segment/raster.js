/** From indices to screen pixels: nearest neighbour, only what is in view, no colour ever mixed. */

/** @typedef {import('./mask_png.js').Mask} Mask */
/** @typedef {import('./viewport.js').Placement} Placement */

const HIDDEN = 0;

/** What the numbers of `difference` say, and their colours. @type {[string, number[]][]} */
export const DIFFERENCE = [
  ['same', [16, 20, 28, 0.72]],
  ['wrong', [255, 59, 48, 1]],
  ['unknown', [128, 132, 140, 0.85]],
];
export const DIFFERENCE_COLORS = Uint32Array.from(DIFFERENCE, ([, color]) => rgba(...color));

/**
 * The colours of categories by index; those hidden are see-through.
 * @param {{index: number, color: [number, number, number]}[]} categories
 * @param {Set<number>} hidden
 */
export function colorsOf(categories, hidden) {
  const colors = new Uint32Array(256);
  for (const { index, color } of categories) colors[index] = hidden.has(index) ? HIDDEN : rgba(...color, 1);
  return colors;
}

/**
 * Where two masks disagree: 0 same, 1 different, 2 where the truth is void.
 * @param {Mask} truth @param {Mask} prediction @param {number} nothing index of void
 * @returns {Mask}
 */
export function difference(truth, prediction, nothing) {
  const indices = new Uint8Array(truth.indices.length);
  for (let at = 0; at < indices.length; at += 1) {
    const right = truth.indices[at];
    if (right === nothing) indices[at] = 2;
    else if (right !== prediction.indices[at]) indices[at] = 1;
  }
  return { ...truth, indices };
}

/**
 * Share of each index in a mask.
 * @param {Mask} mask @param {number} size how many indices there are
 */
export function shares(mask, size) {
  const counts = new Array(size).fill(0);
  for (const index of mask.indices) counts[index] += 1;
  return counts.map((count) => count / mask.indices.length);
}

/**
 * The part of a mask that is in view.
 * @param {Mask} mask @param {Uint32Array} colors @param {Placement} placement
 * @param {number} width @param {number} height of the pane, screen pixels
 * @returns {ImageData}
 */
export function paint(mask, colors, placement, width, height) {
  const picture = new ImageData(width, height);
  const pixels = new Uint32Array(picture.data.buffer);
  const columns = sources(width, placement.left, placement.scale, mask.width);
  const rows = sources(height, placement.top, placement.scale, mask.height);
  for (let y = 0; y < height; y += 1) {
    if (rows[y] < 0) continue;
    const row = rows[y] * mask.width;
    const start = y * width;
    for (let x = 0; x < width; x += 1) {
      if (columns[x] >= 0) pixels[start + x] = colors[mask.indices[row + columns[x]]];
    }
  }
  return picture;
}

/** The mask's row or column behind each screen pixel; -1 beside the mask. */
function sources(length, offset, scale, size) {
  return Int32Array.from({ length }, (_, at) => {
    const source = Math.floor((at + 0.5 - offset) / scale);
    return source >= 0 && source < size ? source : -1;
  });
}

/** As a canvas has it in memory on every machine that browsers run on: little endian. */
export function rgba(red, green, blue, alpha) {
  return ((Math.round(alpha * 255) << 24) | (blue << 16) | (green << 8) | red) >>> 0;
}

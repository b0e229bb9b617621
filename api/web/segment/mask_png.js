/**
 * Masks as they are stored: the indices of an indexed or grey PNG (W3C PNG, third edition).
 *
 * Read from the file itself and not through a canvas: colour management, or a browser that guards
 * against fingerprints, may change what a canvas gives back, and an index must not change.
 */

/** @typedef {{width: number, height: number, indices: Uint8Array}} Mask */

const GREY = 0;
const INDEXED = 3;

/**
 * The mask in a PNG file. Throws RangeError for a PNG that is no mask.
 * @param {Blob} blob
 * @returns {Promise<Mask>}
 */
export async function readMask(blob) {
  const data = new DataView(await blob.arrayBuffer());
  const header = {
    width: data.getUint32(16),
    height: data.getUint32(20),
    depth: data.getUint8(24),
    color: data.getUint8(25),
    interlaced: data.getUint8(28),
  };
  if (![GREY, INDEXED].includes(header.color) || header.depth > 8 || header.interlaced) {
    throw new RangeError('not a mask: an indexed or grey PNG without interlacing is one');
  }
  const rows = await inflate(compressed(data));
  const stride = Math.ceil((header.width * header.depth) / 8);
  unfilter(rows, header.height, stride);
  return { width: header.width, height: header.height, indices: unpack(rows, header, stride) };
}

/** The parts of the compressed pixels, as views of the file. */
function compressed(data) {
  const parts = [];
  for (let at = 8; at + 12 <= data.byteLength;) {
    const length = data.getUint32(at);
    const isPixels = data.getUint32(at + 4) === 0x49444154;
    if (isPixels) parts.push(new Uint8Array(data.buffer, at + 8, length));
    at += length + 12;
  }
  return parts;
}

async function inflate(parts) {
  const stream = new Blob(parts).stream().pipeThrough(new DecompressionStream('deflate'));
  return new Uint8Array(await new Response(stream).arrayBuffer());
}

/** Undo the filter of each row in place; a pixel is at most one byte. */
function unfilter(rows, height, stride) {
  for (let y = 0; y < height; y += 1) {
    const start = y * (stride + 1) + 1;
    const above = start - stride - 1;
    const filter = rows[start - 1];
    for (let x = 0; filter && x < stride; x += 1) {
      const left = x ? rows[start + x - 1] : 0;
      const up = y ? rows[above + x] : 0;
      const corner = x && y ? rows[above + x - 1] : 0;
      rows[start + x] += predicted(filter, left, up, corner);
    }
  }
}

function predicted(filter, left, up, corner) {
  if (filter === 1) return left;
  if (filter === 2) return up;
  if (filter === 3) return (left + up) >> 1;
  const toLeft = Math.abs(up - corner);
  const toUp = Math.abs(left - corner);
  const toCorner = Math.abs(left + up - 2 * corner);
  if (toLeft <= toUp && toLeft <= toCorner) return left;
  return toUp <= toCorner ? up : corner;
}

function unpack(rows, { width, height, depth }, stride) {
  const indices = new Uint8Array(width * height);
  const perByte = 8 / depth;
  for (let y = 0; y < height; y += 1) {
    const start = y * (stride + 1) + 1;
    if (depth === 8) {
      indices.set(rows.subarray(start, start + width), y * width);
      continue;
    }
    for (let x = 0; x < width; x += 1) {
      const shift = 8 - depth * ((x % perByte) + 1);
      indices[y * width + x] = (rows[start + Math.floor(x / perByte)] >> shift) & ((1 << depth) - 1);
    }
  }
  return indices;
}

/**
 * Decodes masks: the indices of an indexed or grey PNG (W3C PNG, third edition).
 *
 * A canvas cannot be used for this: colour management, and browsers that protect against
 * fingerprinting, change the pixels that it returns, and an index must not change.
 */

/** @typedef {{width: number, height: number, indices: Uint8Array}} Mask `indices`: row by row */
/** @typedef {{width: number, height: number, depth: number}} Header */

const GREY = 0;
const INDEXED = 3;
const IDAT = 0x49444154;
const SIGNATURE_BYTES = 8;
/** Of each chunk: its length, type and checksum. */
const CHUNK_OVERHEAD = 12;

/**
 * Throws RangeError for a file that is not a mask.
 * @param {Blob} blob
 * @returns {Promise<Mask>}
 */
export async function decodeMask(blob) {
  const data = new DataView(await blob.arrayBuffer());
  const header = {
    width: data.getUint32(16),
    height: data.getUint32(20),
    depth: data.getUint8(24),
  };
  const colorType = data.getUint8(25);
  const isInterlaced = data.getUint8(28) !== 0;
  if (![GREY, INDEXED].includes(colorType) || header.depth > 8 || isInterlaced) {
    throw new RangeError('a mask is an indexed or grey PNG without interlacing');
  }
  const rows = await inflate(compressedParts(data));
  const stride = Math.ceil((header.width * header.depth) / 8);
  unfilter(rows, header.height, stride);
  return { width: header.width, height: header.height, indices: unpack(rows, header, stride) };
}

/**
 * The compressed pixels, as views of the file.
 * @param {DataView<ArrayBuffer>} data
 */
function compressedParts(data) {
  const parts = [];
  for (let at = SIGNATURE_BYTES; at + CHUNK_OVERHEAD <= data.byteLength; ) {
    const length = data.getUint32(at);
    if (data.getUint32(at + 4) === IDAT) parts.push(new Uint8Array(data.buffer, at + 8, length));
    at += length + CHUNK_OVERHEAD;
  }
  return parts;
}

/** @param {Uint8Array<ArrayBuffer>[]} parts */
async function inflate(parts) {
  const stream = new Blob(parts).stream().pipeThrough(new DecompressionStream('deflate'));
  return new Uint8Array(await new Response(stream).arrayBuffer());
}

/**
 * Undo the filter of each row in place. A pixel has at most one byte.
 * @param {Uint8Array} rows each row after the byte that names its filter
 * @param {number} height
 * @param {number} stride bytes per row, without the filter's
 */
function unfilter(rows, height, stride) {
  for (let y = 0; y < height; y += 1) {
    const start = y * (stride + 1) + 1;
    const above = start - stride - 1;
    const filter = rows[start - 1];
    for (let x = 0; filter && x < stride; x += 1) {
      const at = start + x;
      const left = x ? (rows[at - 1] ?? 0) : 0;
      const up = y ? (rows[above + x] ?? 0) : 0;
      const corner = x && y ? (rows[above + x - 1] ?? 0) : 0;
      rows[at] = (rows[at] ?? 0) + predictor(filter, left, up, corner);
    }
  }
}

/**
 * What a filter added to a byte (W3C PNG, 9.2).
 * @param {number} filter 1 to 4
 * @param {number} left
 * @param {number} up
 * @param {number} corner
 */
function predictor(filter, left, up, corner) {
  if (filter === 1) return left;
  if (filter === 2) return up;
  if (filter === 3) return (left + up) >> 1;
  const toLeft = Math.abs(up - corner);
  const toUp = Math.abs(left - corner);
  const toCorner = Math.abs(left + up - 2 * corner);
  if (toLeft <= toUp && toLeft <= toCorner) return left;
  return toUp <= toCorner ? up : corner;
}

/**
 * One byte per pixel, from 1 to 8 pixels per byte.
 * @param {Uint8Array} rows
 * @param {Header} header
 * @param {number} stride
 */
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
      const byte = rows[start + Math.floor(x / perByte)] ?? 0;
      indices[y * width + x] = (byte >> shift) & ((1 << depth) - 1);
    }
  }
  return indices;
}

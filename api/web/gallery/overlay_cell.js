/** A small picture of an item: its photo with the mask over it. */

import { imagePath, maskThumbnailPath } from '../lib/api/client.js';
import { readBlob, request } from '../lib/api/http.js';
import { h } from '../lib/element.js';
import { decodeMask } from '../segment/viewer/mask_png.js';
import { drawMask } from '../segment/viewer/raster.js';

/** @typedef {import('../lib/api/schemas.js').Item} Item */
/** @typedef {import('../segment/viewer/mask_png.js').Mask} Mask */
/** @typedef {import('../segment/viewer/raster.js').Ink} Ink */
/** @typedef {{photo: ImageBitmap, mask: Mask | null}} Picture */

/** Cells that leave the view within this time are not loaded. */
const SETTLE_MS = 60;
/** A picture that fails is tried again: the network or the service may be back. */
const ATTEMPTS = 4;
const RETRY_MS = 3000;
const CACHE_SIZE = 400;
/** @type {Map<string, Promise<Picture>>} the least recently used first */
const cache = new Map();

/**
 * @param {string} job
 * @param {Item} item
 * @param {() => Ink} ink of the mask as it is chosen now
 */
export function overlayCell(job, item, ink) {
  const canvas = h('canvas', { class: 'overlay', width: 1, height: 1 });
  let attempts = 0;
  const show = async () => {
    if (!canvas.isConnected) return;
    attempts += 1;
    try {
      draw(canvas, await cachedPicture(job, item), ink());
      canvas.classList.remove('missing');
    } catch {
      canvas.classList.add('missing');
      if (attempts < ATTEMPTS) setTimeout(show, RETRY_MS * attempts);
      else addEventListener('online', show, { once: true });
    }
  };
  setTimeout(show, SETTLE_MS);
  return canvas;
}

/**
 * @param {string} job
 * @param {Item} item
 */
function cachedPicture(job, item) {
  const key = `${job} ${item.index} ${item.state}`;
  const picture = cache.get(key) ?? load(job, item);
  picture.catch(() => cache.delete(key));
  cache.delete(key);
  cache.set(key, picture);
  const oldest = cache.keys().next().value;
  if (cache.size > CACHE_SIZE && oldest !== undefined) cache.delete(oldest);
  return picture;
}

/**
 * @param {string} job
 * @param {Item} item
 * @returns {Promise<Picture>}
 */
async function load(job, { index, image_id: imageId, result }) {
  const photo = request(imagePath(imageId, 'thumbnail')).then(readBlob);
  const mask = result
    ? request(maskThumbnailPath(job, index)).then(async (response) =>
        decodeMask(await readBlob(response)),
      )
    : null;
  return { photo: await createImageBitmap(await photo), mask: await mask };
}

/**
 * @param {HTMLCanvasElement} canvas
 * @param {Picture} picture
 * @param {Ink} ink
 */
function draw(canvas, { photo, mask }, ink) {
  const context = canvas.getContext('2d');
  if (!context) return;
  canvas.width = photo.width;
  canvas.height = photo.height;
  context.drawImage(photo, 0, 0);
  if (!mask) return;
  const scale = photo.width / mask.width;
  const pixels = drawMask(mask, ink, { scale, left: 0, top: 0 }, photo.width, photo.height);
  const layer = new OffscreenCanvas(photo.width, photo.height);
  layer.getContext('2d')?.putImageData(pixels, 0, 0);
  context.drawImage(layer, 0, 0);
}

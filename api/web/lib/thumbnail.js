/** Thumbnails: loaded by their URL, or by a script where a key must be sent along. */

import { apiUrl, readBlob, request } from './api/http.js';
import { currentKey } from './api/key.js';
import { h } from './element.js';

const CACHE_SIZE = 400;
/** A thumbnail that fails is tried again: the network or the service may be back. */
const ATTEMPTS = 4;
const RETRY_MS = 3000;
const BLANK = 'data:image/gif;base64,R0lGODlhAQABAAAAACwAAAAAAQABAAA=';
/** @type {Map<string, Promise<string>>} object URLs by path, the least recently used first */
const cache = new Map();

/**
 * A decorative image: its name is written beside it.
 * @param {string} path of the API
 */
export function thumbnail(path) {
  const image = h('img', {
    alt: '',
    class: 'thumbnail',
    decoding: 'async',
    draggable: false,
    src: BLANK,
  });
  let attempts = 0;
  const load = () => {
    attempts += 1;
    if (!currentKey()) image.src = apiUrl(path);
    else {
      cachedUrl(path).then((url) => {
        image.src = url;
      }, onFailure);
    }
  };
  const onFailure = () => {
    image.src = BLANK;
    const again = () => image.isConnected && load();
    if (navigator.onLine && attempts < ATTEMPTS) setTimeout(again, RETRY_MS * attempts);
    else addEventListener('online', again, { once: true });
  };
  image.addEventListener('error', onFailure);
  load();
  return image;
}

/** @param {string} path */
function cachedUrl(path) {
  const url = cache.get(path) ?? fetchUrl(path);
  url.catch(() => cache.delete(path));
  cache.delete(path);
  cache.set(path, url);
  if (cache.size > CACHE_SIZE) evictOldest();
  return url;
}

function evictOldest() {
  for (const [path, url] of cache) {
    cache.delete(path);
    url.then(URL.revokeObjectURL, () => {});
    return;
  }
}

/** @param {string} path */
async function fetchUrl(path) {
  return URL.createObjectURL(await readBlob(await request(path)));
}

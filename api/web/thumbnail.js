/** Small pictures: by their address, or through a script where a key must be sent along. */

import { h } from './element.js';
import { address, call } from './http.js';
import { currentKey } from './key.js';

const KEPT = 400;
const BLANK = 'data:image/gif;base64,R0lGODlhAQABAAAAACwAAAAAAQABAAA=';
/** @type {Map<string, Promise<string>>} addresses of pictures that were fetched with a key */
const fetched = new Map();

/**
 * A picture that is only decoration: what it shows is said beside it.
 * @param {string} path of the API
 */
export function thumbnail(path) {
  const picture = h('img', { alt: '', class: 'thumbnail', decoding: 'async', draggable: false, src: BLANK });
  picture.addEventListener(
    'error',
    () => {
      picture.src = BLANK;
    },
    { once: true },
  );
  if (!currentKey()) picture.src = address(path);
  else
    blobAddress(path).then(
      (url) => {
        picture.src = url;
      },
      () => {},
    );
  return picture;
}

function blobAddress(path) {
  const known = fetched.get(path) ?? load(path);
  fetched.delete(path);
  fetched.set(path, known);
  if (fetched.size > KEPT) {
    const [oldest, url] = fetched.entries().next().value;
    fetched.delete(oldest);
    url.then(URL.revokeObjectURL, () => {});
  }
  return known;
}

async function load(path) {
  return URL.createObjectURL(await (await call(path)).blob());
}

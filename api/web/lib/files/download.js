/** Downloads: plain links, or a script where a key must be sent along. */

import { apiUrl, isAbort, orUnreachable, request } from '../api/http.js';
import { currentKey } from '../api/key.js';
import { h } from '../element.js';
import { bytes, t } from '../i18n.js';
import { notify, showNotice } from '../notice.js';
import { explain } from '../problem.js';

const OBJECT_URL_LIFETIME_MS = 60_000;
/** The size is shown again after this many bytes. */
const PROGRESS_BYTES = 100_000;

/**
 * A link that saves a file of the API.
 * @param {string} path
 * @param {string} filename
 * @param {string} label
 */
export function downloadLink(path, filename, label) {
  /** @param {Event} event */
  const onclick = (event) => {
    if (currentKey()) saveWithProgress(event, path, filename);
  };
  return h('a', { href: apiUrl(path), download: filename, onclick }, label);
}

/**
 * A link that saves a file that the service makes while it sends it: its size is shown as it grows.
 * @param {string} path
 * @param {string} filename
 * @param {string} label
 */
export function exportLink(path, filename, label) {
  /** @param {Event} event */
  const onclick = (event) => saveWithProgress(event, path, filename);
  return h('a', { href: apiUrl(path), download: filename, onclick }, label);
}

/**
 * A button that opens a list of links.
 * @param {string} label
 * @param {() => Promise<HTMLElement[]>} loadLinks called whenever the menu is opened
 */
export function downloadMenu(label, loadLinks) {
  const list = h('div', { class: 'menu' });
  const summary = h('summary', {}, label);
  const menu = h('details', { class: 'dropdown' }, summary, list);
  list.addEventListener('click', () => {
    menu.open = false;
  });
  let openings = 0;
  menu.addEventListener('toggle', async () => {
    // What the menu offered before may be of another image.
    list.replaceChildren();
    openings += 1;
    const opening = openings;
    if (!menu.open) return;
    try {
      const links = await loadLinks();
      if (opening !== openings) return;
      list.replaceChildren(...links);
      // On a phone the button may be the last thing on the screen.
      list.scrollIntoView({ block: 'nearest' });
    } catch (error) {
      if (opening === openings) menu.open = false;
      notify(explain(error));
    }
  });
  menu.addEventListener('focusout', ({ relatedTarget }) => {
    if (!(relatedTarget instanceof Node && menu.contains(relatedTarget))) menu.open = false;
  });
  menu.addEventListener('keydown', ({ key }) => {
    if (key !== 'Escape') return;
    menu.open = false;
    summary.focus();
  });
  return menu;
}

/**
 * Save a file of the API, and show how much of it has arrived. It can be stopped.
 * @param {Event} event the click on the link
 * @param {string} path
 * @param {string} filename
 */
async function saveWithProgress(event, path, filename) {
  event.preventDefault();
  const stop = new AbortController();
  const text = h('span', {}, t('download.begins', { name: filename }));
  const button = h('button', { type: 'button', onclick: () => stop.abort() }, t('uploads.stop'));
  const close = showNotice(text, button);
  try {
    const response = await request(path, { signal: stop.signal });
    const size = Number(response.headers.get('Content-Length') ?? 0);
    const onProgress = (/** @type {number} */ received) => {
      const values = { name: filename, received: bytes(received), size: bytes(size) };
      text.textContent = t(size ? 'download.progress' : 'download.received', values);
    };
    saveAs(await orUnreachable(receive(response, onProgress)), filename);
  } catch (error) {
    if (!isAbort(error)) notify(explain(error));
  }
  close();
}

/**
 * @param {Response} response
 * @param {(received: number) => void} onProgress bytes so far
 */
async function receive(response, onProgress) {
  if (!response.body) return response.blob();
  /** @type {Uint8Array<ArrayBuffer>[]} */
  const parts = [];
  let received = 0;
  let shown = 0;
  for await (const part of response.body) {
    parts.push(part);
    received += part.length;
    if (received - shown < PROGRESS_BYTES && shown) continue;
    shown = received;
    onProgress(received);
  }
  return new Blob(parts);
}

/**
 * Save a file by a script where a plain link fails: it comes from another origin, for which browsers
 * ignore `download`.
 * @param {Event} event the click on the link
 * @param {() => Promise<Blob>} load
 * @param {string} filename
 */
export async function saveBlob(event, load, filename) {
  event.preventDefault();
  try {
    saveAs(await load(), filename);
  } catch (error) {
    notify(explain(error));
  }
}

/**
 * @param {Blob} blob
 * @param {string} filename
 */
function saveAs(blob, filename) {
  const url = URL.createObjectURL(blob);
  h('a', { href: url, download: filename }).click();
  setTimeout(() => URL.revokeObjectURL(url), OBJECT_URL_LIFETIME_MS);
}

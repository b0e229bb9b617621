/** The download menu of the inspected image. */

import { maskPath } from '../lib/api/client.js';
import { fetchObject, objectUrl } from '../lib/api/http.js';
import { h } from '../lib/element.js';
import { downloadLink, downloadMenu, saveBlob } from '../lib/files/download.js';
import { exportFormats, formatName, maskFilename } from '../lib/files/mask_formats.js';
import { t } from '../lib/i18n.js';

/** @typedef {{image: import('../lib/api/schemas.js').Image | null, finished: import('./prediction/mask_job.js').FinishedItem | null}} Inspected */

/** @param {() => Inspected} inspected */
export function inspectorDownloads(inspected) {
  return downloadMenu(t('download.title'), () => links(inspected()));
}

/**
 * @param {Inspected} inspected
 * @returns {Promise<HTMLElement[]>}
 */
async function links({ image, finished }) {
  const name = image?.id.split('/').at(-1) ?? 'mask';
  /** @type {HTMLElement[]} */
  const list = [];
  if (image) {
    list.push(objectLink(image.content_url, `${name}.${image.format}`, t('download.image')));
    if (image.truth_url) {
      list.push(objectLink(image.truth_url, `${name}.truth.png`, t('download.truth')));
    }
  }
  if (!finished?.item.result) {
    return [...list, h('p', { class: 'note' }, t('download.none'))];
  }
  const { job, item } = finished;
  const { perImage } = await exportFormats(job);
  for (const format of perImage) {
    const path = maskPath(job.id, item.index, format);
    list.push(downloadLink(path, maskFilename(name, format), formatName(format)));
  }
  return list;
}

/**
 * @param {string} url signed
 * @param {string} filename
 * @param {string} label
 */
function objectLink(url, filename, label) {
  /** @param {Event} event */
  const onclick = (event) => saveBlob(event, () => fetchObject(url), filename);
  return h('a', { href: objectUrl(url), onclick }, label);
}

/** Uploads: files that were dropped or chosen, sent a few at a time. */

import { call, Problem } from './http.js';

const AT_ONCE = 3;
const IMAGE = /\.(jpe?g|png|webp|tiff?|bmp)$/i;

/** @typedef {{file: File, path: string}} Chosen a file and its path in the folder it came from */
/** @typedef {{path: string, image?: any, error?: any}} Uploaded */

/**
 * Send files; each becomes an image or an error of its own.
 * @param {Chosen[]} chosen
 * @param {(done: Uploaded, count: number) => void} tell
 * @param {AbortSignal} signal
 * @returns {Promise<Uploaded[]>} in the order given
 */
export async function upload(chosen, tell, signal) {
  const results = new Array(chosen.length);
  let started = 0;
  let ended = 0;
  const sendNext = async () => {
    while (started < chosen.length) {
      const at = started;
      started += 1;
      results[at] = { path: chosen[at].path, ...(await send(chosen[at].file, signal)) };
      ended += 1;
      tell(results[at], ended);
    }
  };
  await Promise.all(Array.from({ length: AT_ONCE }, sendNext));
  return results;
}

/**
 * The files of a drop, those of dropped folders among them; a folder's other files are left out.
 * @param {DataTransfer} transfer
 * @returns {Promise<Chosen[]>}
 */
export async function droppedFiles(transfer) {
  const entries = [...transfer.items].map((item) => item.webkitGetAsEntry?.()).filter(Boolean);
  if (!entries.length) return chosenFiles(transfer.files);
  const found = await Promise.all(entries.map((entry) => filesOf(entry, !entry.isDirectory)));
  return found.flat();
}

/**
 * The files of an input.
 * @param {FileList} list
 * @returns {Chosen[]}
 */
export function chosenFiles(list) {
  const files = [...list].map((file) => ({ file, path: file.webkitRelativePath || file.name }));
  return files
    .filter(({ file }) => !file.webkitRelativePath || IMAGE.test(file.name))
    .sort((one, other) => one.path.localeCompare(other.path));
}

async function filesOf(entry, isChosen) {
  if (entry.isFile) {
    if (!isChosen && !IMAGE.test(entry.name)) return [];
    const file = await new Promise((resolve, reject) => entry.file(resolve, reject));
    return [{ file, path: entry.fullPath.replace(/^\//, '') }];
  }
  const reader = entry.createReader();
  const found = [];
  for (;;) {
    // A reader gives a hundred entries at a time, and none at the end.
    const some = await new Promise((resolve, reject) => reader.readEntries(resolve, reject));
    if (!some.length) return found.sort((one, other) => one.path.localeCompare(other.path));
    for (const child of some) found.push(...(await filesOf(child, false)));
  }
}

async function send(file, signal) {
  const body = new FormData();
  body.append('files', file, file.name);
  try {
    const [result] = await (await call('v1/images', { method: 'POST', body, signal })).json();
    return { image: result.image };
  } catch (error) {
    if (!(error instanceof Problem)) throw error;
    return { error };
  }
}

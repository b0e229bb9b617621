/** Uploads: files that were dropped or selected, sent a few at a time. */

import { uploadImage } from '../api/client.js';
import { Problem } from '../api/http.js';

const CONCURRENT_UPLOADS = 3;
const IMAGE_NAME = /\.(jpe?g|jpe|jf?if|png|webp|tiff?|bmp|dib|hei[cf]|hif|avif)$/i;

/** @typedef {{file: File, path: string}} SelectedFile `path`: within the folder it came from */
/**
 * What the service stored of a file, or why it refused it.
 * @template Stored
 * @typedef {{path: string} & ({stored: Stored, error?: never} | {stored?: never, error: Problem})} UploadResult
 */
/**
 * Sends one file.
 * @template Stored
 * @typedef {(selected: SelectedFile, signal: AbortSignal) => Promise<Stored>} Send
 */

/**
 * Upload files.
 * @template Stored
 * @param {SelectedFile[]} files
 * @param {(result: UploadResult<Stored>, count: number) => void} onResult `count`: files done so far
 * @param {AbortSignal} signal
 * @param {Send<Stored>} send one file
 * @returns {Promise<UploadResult<Stored>[]>} in the order of `files`
 */
export async function uploadFiles(files, onResult, signal, send) {
  /** @type {UploadResult<Stored>[]} */
  const results = new Array(files.length);
  const queue = files.entries();
  let count = 0;
  const work = async () => {
    // All workers share one iterator, so each file is taken once.
    for (const [position, selected] of queue) {
      const result = await upload(selected, signal, send);
      results[position] = result;
      count += 1;
      onResult(result, count);
    }
  };
  await Promise.all(Array.from({ length: CONCURRENT_UPLOADS }, work));
  return results;
}

/**
 * The files of a drop, including those of dropped folders. Of a folder only images are taken.
 * @param {DataTransfer} transfer
 * @returns {Promise<SelectedFile[]>}
 */
export async function droppedFiles(transfer) {
  const entries = [...transfer.items]
    .map((item) => item.webkitGetAsEntry())
    .filter((entry) => entry !== null);
  if (!entries.length) return selectedFiles(transfer.files);
  const files = await Promise.all(
    entries.map((entry) => (isFile(entry) ? [readFile(entry)] : readFolder(entry))),
  );
  return Promise.all(files.flat());
}

/**
 * The files of an input. Of a folder only images are taken.
 * @param {FileList} list
 * @returns {SelectedFile[]}
 */
export function selectedFiles(list) {
  return [...list]
    .filter((file) => !file.webkitRelativePath || IMAGE_NAME.test(file.name))
    .map((file) => ({ file, path: file.webkitRelativePath || file.name }))
    .sort(byPath);
}

/**
 * @param {FileSystemEntry} entry
 * @returns {entry is FileSystemFileEntry}
 */
function isFile(entry) {
  return entry.isFile;
}

/**
 * @param {FileSystemEntry} folder
 * @returns {Promise<SelectedFile[]>}
 */
async function readFolder(folder) {
  const reader = /** @type {FileSystemDirectoryEntry} */ (folder).createReader();
  /** @type {SelectedFile[]} */
  const found = [];
  for (;;) {
    // A reader gives up to 100 entries at a time, and none at the end.
    /** @type {FileSystemEntry[]} */
    const entries = await new Promise((resolve, reject) => reader.readEntries(resolve, reject));
    if (!entries.length) return found.sort(byPath);
    for (const entry of entries) {
      if (!isFile(entry)) found.push(...(await readFolder(entry)));
      else if (IMAGE_NAME.test(entry.name)) found.push(await readFile(entry));
    }
  }
}

/**
 * @param {FileSystemFileEntry} entry
 * @returns {Promise<SelectedFile>}
 */
async function readFile(entry) {
  /** @type {File} */
  const file = await new Promise((resolve, reject) => entry.file(resolve, reject));
  return { file, path: entry.fullPath.replace(/^\//, '') };
}

/**
 * @param {SelectedFile} one
 * @param {SelectedFile} other
 */
function byPath(one, other) {
  return one.path.localeCompare(other.path);
}

/**
 * @param {SelectedFile} selected
 * @param {AbortSignal} signal
 */
export function uploadSelected({ file, path }, signal) {
  return uploadImage(file, path, signal);
}

/**
 * @template Stored
 * @param {SelectedFile} selected
 * @param {AbortSignal} signal
 * @param {Send<Stored>} send
 * @returns {Promise<UploadResult<Stored>>}
 */
async function upload(selected, signal, send) {
  const { path } = selected;
  try {
    return { path, stored: await send(selected, signal) };
  } catch (error) {
    if (!(error instanceof Problem)) throw error;
    return { path, error };
  }
}

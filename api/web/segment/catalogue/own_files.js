/**
 * The files that the user uploaded in this browser: their names, and the upload that is running. It
 * goes on while other views are shown.
 */

import { Emitter } from '../../lib/emitter.js';
import { uploadFiles, uploadSelected } from '../../lib/files/upload.js';
import { local } from '../../lib/storage.js';
import { segmentFile } from '../prediction/mask_job.js';

/** @typedef {import('../../lib/files/upload.js').SelectedFile} SelectedFile */
/** @typedef {{id: string, name: string}} OwnFile `id`: of the image */
/** @typedef {{path: string, error: import('../../lib/api/http.js').Problem}} Rejected */

const STORAGE_KEY = 'roadmask-files';
const MAX_FILES = 500;

/** @extends {Emitter<{change: []}>} */
class OwnFiles extends Emitter {
  /** The latest first. */
  files = readFiles();
  /** @type {Rejected[]} of the last upload */
  rejected = [];
  /** @type {{done: number, total: number} | null} */
  progress = null;
  #stop = new AbortController();

  /** @param {string} id of an image */
  nameOf(id) {
    return this.files.find((file) => file.id === id)?.name;
  }

  /**
   * The file some steps before or after another one in the list.
   * @param {string} id
   * @param {number} steps
   * @returns {string | undefined} its id
   */
  neighbour(id, steps) {
    const at = this.files.findIndex((file) => file.id === id);
    return at < 0 ? undefined : this.files[at + steps]?.id;
  }

  /** @param {string} id */
  positionOf(id) {
    return this.files.findIndex((file) => file.id === id);
  }

  /** Stop the upload that is running. Files that were sent stay. */
  stop() {
    this.#stop.abort();
  }

  /**
   * Upload files. Those that are running are finished first.
   * @param {SelectedFile[]} files
   * @param {string} model for the mask of the first one, which is shown; empty: the one in service
   * @param {(id: string) => void} onFirst called with the first good one
   * @returns {Promise<number>} how many were good
   */
  async add(files, model, onFirst) {
    if (!files.length) return 0;
    const { signal } = this.#stop;
    this.rejected = [];
    const before = this.progress;
    this.progress = { done: before?.done ?? 0, total: (before?.total ?? 0) + files.length };
    this.emit('change');
    let count = 0;
    /** @type {import('../../lib/files/upload.js').Send<{id: string}>} */
    const send = (selected, stop) =>
      selected === files[0] ? segmentFile(selected, model, stop) : uploadSelected(selected, stop);
    try {
      await uploadFiles(
        files,
        (result) => {
          if (this.progress) this.progress.done += 1;
          if (result.stored) {
            count += 1;
            this.#keep({ id: result.stored.id, name: result.path });
            if (count === 1) onFirst(result.stored.id);
          } else this.rejected.push(result);
          this.emit('change');
        },
        signal,
        send,
      );
    } catch (error) {
      if (!signal.aborted) throw error;
    } finally {
      if (signal.aborted) this.#stop = new AbortController();
      if (signal.aborted || this.progress?.done === this.progress?.total) this.progress = null;
      this.emit('change');
    }
    return count;
  }

  /** @param {string} image which was deleted */
  forget(image) {
    this.#store(this.files.filter(({ id }) => id !== image));
    this.emit('change');
  }

  /** @param {OwnFile} file */
  #keep(file) {
    const others = this.files.filter(({ id }) => id !== file.id);
    this.#store([file, ...others].slice(0, MAX_FILES));
  }

  /** @param {OwnFile[]} files */
  #store(files) {
    this.files = files;
    try {
      local.setItem(STORAGE_KEY, JSON.stringify(this.files));
    } catch {
      // The storage is full: the names last as long as the page.
    }
  }
}

export const ownFiles = new OwnFiles();
addEventListener('beforeunload', (event) => {
  // Files that were not sent yet would be lost.
  if (ownFiles.progress) event.preventDefault();
});

/** @returns {OwnFile[]} */
function readFiles() {
  try {
    const files = JSON.parse(local.getItem(STORAGE_KEY) ?? '[]');
    return files.filter((/** @type {any} */ file) => file?.id && file?.name);
  } catch {
    return [];
  }
}

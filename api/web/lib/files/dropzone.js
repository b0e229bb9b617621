/** A drop zone for files, with buttons that open the file dialog. */

import { h } from '../element.js';
import { t } from '../i18n.js';
import { droppedFiles, selectedFiles } from './upload.js';

/** @typedef {(files: import('./upload.js').SelectedFile[]) => void} OnFiles */

/**
 * @param {{label: string, choose?: string, withFolder: boolean, onFiles: OnFiles}} options `choose`: text
 * of the button that selects files; `withFolder`: whether another one selects a whole folder
 */
export function dropzone({ label, choose = photoText(), withFolder, onFiles }) {
  const files = fileInput(onFiles);
  files.accept =
    'image/jpeg,image/png,image/webp,image/tiff,image/bmp,image/heic,image/heif,image/avif';
  const folder = fileInput(onFiles);
  folder.webkitdirectory = true;
  const zone = h(
    'div',
    { class: 'dropzone' },
    h('p', {}, label),
    h(
      'div',
      { class: 'choices' },
      h('button', { type: 'button', class: 'primary', onclick: () => files.click() }, choose),
      withFolder &&
        h('button', { type: 'button', onclick: () => folder.click() }, t('drop.folder')),
    ),
    files,
    folder,
  );
  acceptDrops(zone, onFiles);
  return zone;
}

/**
 * Accept files that are dropped on an element.
 * @param {HTMLElement} element
 * @param {OnFiles} onFiles
 */
export function acceptDrops(element, onFiles) {
  /** @param {boolean} isOver */
  const highlight = (isOver) => (/** @type {DragEvent} */ event) => {
    if (!event.dataTransfer?.types.includes('Files')) return;
    event.preventDefault();
    element.classList.toggle('over', isOver);
  };
  element.addEventListener('dragenter', highlight(true));
  element.addEventListener('dragover', highlight(true));
  element.addEventListener('dragleave', highlight(false));
  element.addEventListener('drop', async (event) => {
    // The event bubbles through all elements under the pointer; the innermost takes the files.
    const isTaken = event.defaultPrevented;
    highlight(false)(event);
    if (!isTaken && event.dataTransfer) onFiles(await droppedFiles(event.dataTransfer));
  });
}

/** Phones offer their camera for a field of images. */
function photoText() {
  return t(matchMedia('(pointer: coarse)').matches ? 'drop.photo' : 'drop.files');
}

/** @param {OnFiles} onFiles */
function fileInput(onFiles) {
  const input = h('input', { type: 'file', multiple: true, hidden: true });
  input.addEventListener('change', () => {
    onFiles(selectedFiles(input.files ?? new DataTransfer().files));
    input.value = ''; // The same files can be selected again.
  });
  return input;
}

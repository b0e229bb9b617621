/** A place to drop files on, or to choose them. */

import { h } from './element.js';
import { chosenFiles, droppedFiles } from './upload.js';
import { t } from './words.js';

/** @typedef {import('./upload.js').Chosen} Chosen */

/**
 * A labelled area with buttons to choose files and, if wanted, a folder.
 * @param {{words: string, withFolder: boolean, take: (chosen: Chosen[]) => void}} options
 */
export function dropzone({ words, withFolder, take }) {
  const input = (props) => {
    const element = h('input', {
      type: 'file',
      multiple: true,
      hidden: true,
      ...props,
      onchange: () => {
        take(chosenFiles(element.files));
        element.value = '';
      },
    });
    return element;
  };
  const files = input({ accept: 'image/jpeg,image/png,image/webp,image/tiff,image/bmp' });
  const folder = input({ webkitdirectory: true });
  const zone = h(
    'div',
    { class: 'dropzone' },
    h('p', {}, words),
    h(
      'div',
      { class: 'choices' },
      h('button', { type: 'button', onclick: () => files.click() }, t('drop.files')),
      withFolder && h('button', { type: 'button', onclick: () => folder.click() }, t('drop.folder')),
    ),
    files,
    folder,
  );
  acceptDrops(zone, take);
  return zone;
}

/**
 * Let an element take what is dropped on it.
 * @param {HTMLElement} element @param {(chosen: Chosen[]) => void} take
 */
export function acceptDrops(element, take) {
  const hover = (isOver) => (event) => {
    if (!event.dataTransfer?.types.includes('Files')) return;
    event.preventDefault();
    element.classList.toggle('over', isOver);
  };
  element.addEventListener('dragenter', hover(true));
  element.addEventListener('dragover', hover(true));
  element.addEventListener('dragleave', hover(false));
  element.addEventListener('drop', async (event) => {
    // All that the files were over hear of the drop, the innermost takes them.
    const isTaken = event.defaultPrevented;
    hover(false)(event);
    if (!isTaken) take(await droppedFiles(event.dataTransfer));
  });
}

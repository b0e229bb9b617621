/** The reader's own files: what became of each one that was dropped. */

import { h } from '../element.js';
import { imagePath } from '../http.js';
import { problemNote } from '../problem.js';
import { thumbnail } from '../thumbnail.js';
import { upload } from '../upload.js';
import { t } from '../words.js';

export class Tray extends EventTarget {
  constructor() {
    super();
    /** What the files were called, by the ids that they have here. @type {Map<string, string>} */
    this.names = new Map();
    this.list = h('ul', {});
    this.status = h('p', { class: 'note', role: 'status' });
    this.element = h(
      'section',
      { class: 'tray', 'aria-label': t('tray.title'), hidden: true },
      h('h2', {}, t('tray.title')),
      this.status,
      this.list,
    );
  }

  /** @param {import('../upload.js').Chosen[]} chosen files to upload; the first good one is opened */
  async add(chosen) {
    if (!chosen.length) return;
    this.element.hidden = false;
    let isOpen = false;
    const tell = (done, count) => {
      this.status.textContent =
        count < chosen.length ? t('tray.sending', { done: count, n: chosen.length }) : '';
      this.list.prepend(this.#row(done));
      if (done.image) this.names.set(done.image.id, done.path);
      if (!done.image || isOpen) return;
      isOpen = true;
      this.#open(done.image.id);
    };
    this.status.textContent = t('tray.sending', { done: 0, n: chosen.length });
    await upload(chosen, tell, new AbortController().signal);
  }

  #row({ path, image, error }) {
    if (error) return h('li', { class: 'refused' }, h('b', {}, path), problemNote(error));
    return h(
      'li',
      {},
      h(
        'button',
        { type: 'button', class: 'row', onclick: () => this.#open(image.id) },
        thumbnail(imagePath(image.id, 'thumbnail')),
        h('span', { class: 'name' }, path),
      ),
    );
  }

  #open(id) {
    this.dispatchEvent(new CustomEvent('open', { detail: id }));
  }
}

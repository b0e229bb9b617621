/** The list of the user's own files: the upload that is running, what was refused, what can be opened. */

import { imagePath } from '../../lib/api/client.js';
import { fill, h } from '../../lib/element.js';
import { Emitter } from '../../lib/emitter.js';
import { t } from '../../lib/i18n.js';
import { problemNote } from '../../lib/problem.js';
import { thumbnail } from '../../lib/thumbnail.js';
import { ownFiles } from './own_files.js';

const SHOWN = 60;
/** Refused files above the fold: the user's files stay in sight. */
const REJECTED_SHOWN = 3;

/** @extends {Emitter<{open: [id: string]}>} */
export class UploadList extends Emitter {
  #currentId = '';
  #list = h('ul');
  #rejected = h('ul');
  #moreCount = h('summary');
  #moreRejected = h('ul');
  #more = h('details', {}, this.#moreCount, this.#moreRejected);
  #status = h('p', { class: 'note', role: 'status' });
  #stop = h('button', { type: 'button', onclick: () => ownFiles.stop() }, t('uploads.stop'));
  #unsubscribe = ownFiles.on('change', () => this.#draw());

  constructor() {
    super();
    this.element = h(
      'section',
      { class: 'uploads', 'aria-label': t('uploads.title') },
      h('h2', {}, t('uploads.title')),
      h('div', { class: 'upload-progress' }, this.#status, this.#stop),
      this.#rejected,
      this.#more,
      this.#list,
    );
    this.#draw();
  }

  close() {
    this.#unsubscribe();
  }

  /** @param {string} id of the image that is shown */
  setCurrent(id) {
    this.#currentId = id;
    this.#draw();
  }

  #draw() {
    const { files, rejected, progress } = ownFiles;
    this.element.hidden = !files.length && !rejected.length && !progress;
    this.#stop.hidden = !progress;
    const counts = progress && { done: progress.done, n: progress.total };
    this.#status.textContent = counts ? t('uploads.progress', counts) : '';
    const refusals = rejected.map(({ path, error }) =>
      h('li', { class: 'rejected' }, h('b', {}, path), problemNote(error)),
    );
    const more = refusals.slice(REJECTED_SHOWN);
    fill(this.#rejected, refusals.slice(0, REJECTED_SHOWN));
    fill(this.#moreRejected, more);
    this.#more.hidden = !more.length;
    this.#moreCount.textContent = t('uploads.more_rejected', { n: more.length });
    fill(
      this.#list,
      files.slice(0, SHOWN).map((file) => this.#row(file)),
    );
  }

  /** @param {import('./own_files.js').OwnFile} file */
  #row({ id, name }) {
    return h(
      'li',
      {},
      h(
        'button',
        {
          type: 'button',
          class: 'row',
          title: name,
          'aria-current': id === this.#currentId ? 'true' : null,
          onclick: () => this.emit('open', id),
        },
        thumbnail(imagePath(id, 'thumbnail')),
        h('span', { class: 'name' }, name),
      ),
    );
  }
}

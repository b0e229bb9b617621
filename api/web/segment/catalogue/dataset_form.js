/** The form that adds a dataset: a folder of images, and their annotated masks if there are any. */

import { registerImages, uploadTruth } from '../../lib/api/client.js';
import { getJson, isAbort } from '../../lib/api/http.js';
import { fill, h } from '../../lib/element.js';
import { dropzone } from '../../lib/files/dropzone.js';
import { uploadFiles, uploadSelected } from '../../lib/files/upload.js';
import { t } from '../../lib/i18n.js';
import { explain, problemNote } from '../../lib/problem.js';
import { namesIn, pairFiles } from './dataset_pairs.js';

/** @typedef {import('../../lib/api/schemas.js').CatalogueEntry} CatalogueEntry */
/** @typedef {import('../../lib/files/upload.js').SelectedFile} SelectedFile */

/** Entries of one request. */
const BATCH = 1000;
const TRUTHS_PATH = '/v1/truths';

/**
 * Open the form as a dialog.
 * @param {(name: string) => void} onDone called with the name of the dataset that was added
 */
export function openDatasetForm(onDone) {
  const form = new DatasetForm((name) => {
    dialog.close();
    onDone(name);
  });
  const dialog = h(
    'dialog',
    { class: 'card wide', 'aria-labelledby': 'dataset-title' },
    form.element,
  );
  form.cancel.addEventListener('click', () => dialog.close());
  dialog.addEventListener('close', () => {
    form.close();
    dialog.remove();
  });
  document.body.append(dialog);
  dialog.showModal();
}

class DatasetForm {
  #closing = new AbortController();
  /** Ends when other files are chosen. */
  #choosing = new AbortController();
  #onDone;
  /** @type {SelectedFile[]} */
  #images = [];
  /** @type {SelectedFile[]} */
  #truths = [];
  #name = h('input', { type: 'text', id: 'dataset-name', required: true, autocomplete: 'off' });
  #labels = h('select', { id: 'dataset-labels' });
  #status = h('p', { class: 'note', role: 'status' });
  #rejected = h('ul', { class: 'rejected-files' });
  #start = h('button', { class: 'primary', disabled: true }, t('dataset.start'));

  /** @param {(name: string) => void} onDone */
  constructor(onDone) {
    this.#onDone = onDone;
    this.cancel = h('button', { type: 'button' }, t('correct.cancel'));
    this.element = h(
      'form',
      { class: 'stack' },
      h('h2', { id: 'dataset-title' }, t('dataset.title')),
      dropzone({
        label: t('dataset.images'),
        choose: t('drop.files'),
        withFolder: true,
        onFiles: (files) => this.#take(files),
      }),
      dropzone({
        label: t('dataset.truths'),
        choose: t('dataset.choose'),
        withFolder: true,
        onFiles: (files) => {
          this.#truths = files;
          this.#restart();
        },
      }),
      h(
        'div',
        { class: 'field' },
        h('label', { for: 'dataset-labels' }, t('dataset.labels')),
        this.#labels,
      ),
      h(
        'div',
        { class: 'field' },
        h('label', { for: 'dataset-name' }, t('batch.name')),
        this.#name,
      ),
      this.#status,
      this.#rejected,
      h('div', { class: 'actions' }, this.cancel, this.#start),
    );
    this.#name.addEventListener('input', () => this.#update());
    this.element.addEventListener('submit', (event) => {
      event.preventDefault();
      this.#submit();
    });
    this.#fillLabels();
  }

  close() {
    this.#closing.abort();
  }

  /** @param {SelectedFile[]} files images */
  #take(files) {
    this.#images = files;
    const [folder, ...rest] = files[0]?.path.split('/') ?? [];
    if (!this.#name.value && folder && rest.length) this.#name.value = folder;
    this.#restart();
  }

  /** Send the files before no further. */
  #restart() {
    this.#choosing.abort();
    this.#choosing = new AbortController();
    this.#update();
  }

  #update() {
    const [images, truths] = [this.#images, this.#truths];
    this.#start.disabled = !images.length || !this.#name.value.trim();
    if (!images.length) return;
    const paired = pairFiles(images, truths).filter(({ truth }) => truth).length;
    const values = { n: images.length, truths: paired };
    this.#status.textContent = truths.length
      ? t('dataset.paired', { ...values, left: truths.length - paired })
      : t('batch.files', values);
  }

  async #fillLabels() {
    const options = [h('option', { value: '' }, t('dataset.labels.own'))];
    fill(this.#labels, options);
    const api = await getJson('openapi.json').catch(() => null);
    const parameters = api?.paths[TRUTHS_PATH]?.post?.parameters ?? [];
    const labels = parameters.find((/** @type {any} */ { name }) => name === 'labels');
    for (const value of labels?.schema?.enum ?? []) {
      this.#labels.append(h('option', { value }, value));
    }
  }

  async #submit() {
    this.#start.disabled = true;
    fill(this.#rejected);
    const signal = AbortSignal.any([this.#closing.signal, this.#choosing.signal]);
    try {
      const images = await this.#upload(this.#images, uploadSelected, signal);
      const labels = this.#labels.value;
      const truths = await this.#upload(
        this.#truths,
        ({ file }, stop) => uploadTruth(file, labels, stop),
        signal,
      );
      const name = this.#name.value.trim();
      const entries = this.#entries(images, truths);
      for (let start = 0; start < entries.length; start += BATCH) {
        await registerImages(name, entries.slice(start, start + BATCH));
      }
      // What was refused stays in view until the dialog is closed.
      if (entries.length && !this.#rejected.children.length) this.#onDone(name);
      else this.#status.textContent = t('dataset.done', { n: entries.length, name });
    } catch (error) {
      if (!isAbort(error)) this.#rejected.append(h('li', {}, problemNote(error)));
    }
    this.#start.disabled = false;
  }

  /**
   * @param {SelectedFile[]} files
   * @param {(selected: SelectedFile, signal: AbortSignal) => Promise<{sha256: string}>} send
   * @param {AbortSignal} signal
   * @returns {Promise<Map<string, string>>} sha256 by path, of the files that were accepted
   */
  async #upload(files, send, signal) {
    const results = await uploadFiles(
      files,
      ({ path, error }, done) => {
        this.#status.textContent = t('uploads.progress', { done, n: files.length });
        if (error) this.#rejected.append(h('li', {}, h('b', {}, path), ' ', explain(error)));
      },
      signal,
      send,
    );
    return new Map(results.flatMap(({ path, stored }) => (stored ? [[path, stored.sha256]] : [])));
  }

  /**
   * @param {Map<string, string>} images
   * @param {Map<string, string>} truths
   * @returns {CatalogueEntry[]}
   */
  #entries(images, truths) {
    const names = namesIn(this.#images);
    return pairFiles(this.#images, this.#truths).flatMap(({ image, truth }, at) => {
      const sha256 = images.get(image.path);
      if (!sha256) return [];
      const annotated = truth && truths.get(truth.path);
      return [
        {
          name: names[at] ?? image.path,
          sha256,
          filename: image.path,
          ...(annotated ? { truth_sha256: annotated } : {}),
        },
      ];
    });
  }
}

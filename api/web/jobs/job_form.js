/** The form for a new batch: on a dataset, or on files and folders that are uploaded. */

import { createJob, listDatasets, listImages, listModels } from '../lib/api/client.js';
import { isAbort } from '../lib/api/http.js';
import { modelOptions } from '../lib/controls/model_options.js';
import { fill, h } from '../lib/element.js';
import { acceptDrops, dropzone } from '../lib/files/dropzone.js';
import { uploadFiles, uploadSelected } from '../lib/files/upload.js';
import { number, t } from '../lib/i18n.js';
import { fullName, shortModel } from '../lib/names.js';
import { notify } from '../lib/notice.js';
import { PixelsFields } from '../lib/pixels/pixels_fields.js';
import { pixelsText } from '../lib/pixels/pixels_text.js';
import { explain, problemNote } from '../lib/problem.js';
import { failureNote } from '../lib/recovery.js';
import { link, navigate } from '../lib/route.js';
import { jobName } from './job_list.js';

/** @typedef {import('../lib/api/schemas.js').ImageRef} ImageRef */
/** @typedef {import('../lib/api/schemas.js').Quality} Quality */
/** @typedef {import('../lib/files/upload.js').SelectedFile} SelectedFile */
/** @typedef {import('../lib/files/upload.js').UploadResult<import('../lib/api/schemas.js').Image>} UploadResult */

/** @type {Quality[]} */
const QUALITIES = ['fast', 'standard', 'best'];

/** The API's limit for names of items. */
const MAX_CUSTOM_ID = 1024;

export class JobForm {
  #closing = new AbortController();
  /** Ends when other files or a dataset are chosen. */
  #choosing = new AbortController();
  /** @type {SelectedFile[]} */
  #files = [];
  /** @type {ImageRef[] | null} */
  #uploaded = null;
  #dataset = h('select', { id: 'batch-dataset', onchange: () => this.#selectDataset() });
  #name = h('input', { type: 'text', id: 'batch-name', maxLength: 200, autocomplete: 'off' });
  #model = h('select', { id: 'batch-model' });
  #modelField = field(this.#model, 'batch.model');
  #threshold = h('input', {
    type: 'number',
    id: 'batch-threshold',
    min: '0',
    max: '100',
    step: 'any',
    placeholder: t('batch.never'),
  });
  #quality = h(
    'select',
    { id: 'batch-quality' },
    QUALITIES.map((quality) =>
      h('option', { value: quality, selected: quality === 'standard' }, t(`quality.${quality}`)),
    ),
  );
  #confidence = h('input', { type: 'checkbox', id: 'batch-confidence' });
  #pixels = new PixelsFields('batch');
  #datasetPixels = h('p', { class: 'note', hidden: true });
  #fileStatus = h('p', { class: 'note', role: 'status' });
  #rejected = h('ul', { class: 'rejected-files' });
  #start = h('button', { class: 'primary', disabled: true }, t('batch.start'));

  /** @param {string} dataset selected first; empty for none */
  constructor(dataset) {
    /** @param {SelectedFile[]} files */
    const onFiles = (files) => this.#select(files);
    this.element = h(
      'form',
      { class: 'job-form card', tabIndex: -1 },
      h('a', { class: 'back', href: link('jobs') }, t('jobs.back')),
      h('h1', {}, t('batch.title')),
      field(this.#dataset, 'batch.dataset'),
      h('p', { class: 'or' }, t('batch.or')),
      dropzone({ label: t('batch.drop'), withFolder: true, onFiles }),
      this.#fileStatus,
      field(this.#name, 'batch.name'),
      this.#modelField,
      field(this.#quality, 'batch.quality'),
      field(this.#threshold, 'batch.threshold'),
      h(
        'div',
        { class: 'category' },
        this.#confidence,
        h('label', { for: 'batch-confidence' }, t('batch.confidence')),
      ),
      h(
        'details',
        { class: 'pixels' },
        h('summary', {}, t('pixels.title')),
        this.#datasetPixels,
        this.#pixels.element,
      ),
      this.#rejected,
      this.#start,
    );
    this.element.addEventListener('submit', (event) => {
      event.preventDefault();
      this.#submit();
    });
    acceptDrops(this.element, onFiles);
    this.#fillMenus(dataset);
  }

  close() {
    this.#closing.abort();
  }

  /** @param {string} selected dataset */
  async #fillMenus(selected) {
    try {
      const [datasets, models] = await Promise.all([listDatasets(), listModels()]);
      fill(
        this.#dataset,
        h('option', { value: '' }, t(datasets.length ? 'batch.choose' : 'batch.nodataset')),
        datasets.map(({ name, images }) =>
          h('option', { value: name, selected: name === selected }, `${name} (${number(images)})`),
        ),
      );
      this.#fillModels(models);
      this.#selectDataset();
    } catch (error) {
      const retry = () => {
        fill(this.#rejected);
        this.#fillMenus(selected);
      };
      if (!this.#closing.signal.aborted)
        fill(this.#rejected, h('li', {}, failureNote(error, retry)));
    }
  }

  /** @param {import('../lib/api/schemas.js').ModelList} list */
  #fillModels({ models, in_service: inService }) {
    const others = models.filter((model) => fullName(model) !== inService);
    const model = inService ? shortModel(inService) : '–';
    fill(
      this.#model,
      h('option', { value: 'default' }, t('batch.default', { model })),
      modelOptions(others),
    );
    this.#modelField.hidden = others.length === 0;
  }

  /**
   * The files of the job. Those before are not sent any further.
   * @param {SelectedFile[]} files
   */
  #replaceFiles(files) {
    this.#choosing.abort();
    this.#choosing = new AbortController();
    this.#files = files;
    this.#uploaded = null;
  }

  /** @param {SelectedFile[]} files */
  #select(files) {
    this.#replaceFiles(files);
    this.#dataset.value = '';
    const [folder, ...rest] = files[0]?.path.split('/') ?? [];
    if (!this.#name.value && folder && rest.length) this.#name.value = folder;
    this.#update();
  }

  /** A dataset says what its samples mean, if that was said when it was ingested. */
  async #selectDataset() {
    this.#update();
    const dataset = this.#dataset.value;
    this.#datasetPixels.hidden = true;
    if (!dataset) return;
    const page = await listImages({ dataset, limit: 1 }).catch(() => null);
    const pixels = pixelsText(page?.images[0]?.pixels);
    if (!pixels || dataset !== this.#dataset.value) return;
    this.#datasetPixels.hidden = false;
    this.#datasetPixels.textContent = t('pixels.dataset', { pixels });
  }

  /** Show what was selected. A dataset replaces selected files. */
  #update() {
    fill(this.#rejected);
    if (this.#dataset.value) this.#replaceFiles([]);
    const count = this.#files.length;
    this.#fileStatus.textContent = count ? t('batch.files', { n: count }) : '';
    this.#start.disabled = !this.#dataset.value && !count;
    fill(this.#start, t('batch.start'));
  }

  async #submit() {
    // The button loses the focus when it is disabled.
    this.element.focus();
    this.#start.disabled = true;
    try {
      const dataset = this.#dataset.value;
      const images = dataset ? [] : await this.#uploadedImages();
      if (!dataset && !images.length) return;
      const { job } = await createJob({
        ...(dataset ? { dataset } : { images }),
        name: this.#name.value.trim() || dataset || null,
        model: this.#model.value || 'default',
        quality: /** @type {Quality} */ (this.#quality.value),
        pixels: this.#pixels.value,
        lane: 'batch',
        confidence: this.#confidence.checked,
        error_threshold: this.#threshold.value ? Number(this.#threshold.value) / 100 : null,
      });
      const made = link('jobs', { job: job.id });
      // The user may have gone elsewhere meanwhile, and stays there.
      if (this.#closing.signal.aborted) notify(jobName(job), made);
      else navigate(made);
    } catch (error) {
      if (!isAbort(error)) this.#rejected.append(h('li', {}, problemNote(error)));
    } finally {
      this.#start.disabled = this.#uploaded?.length === 0;
    }
  }

  /**
   * The images of the job. Empty when files were rejected: the user has to press Start again to
   * leave them out.
   */
  async #uploadedImages() {
    if (this.#uploaded) return this.#uploaded;
    this.#uploaded = await this.#upload();
    if (this.#uploaded.length === this.#files.length) return this.#uploaded;
    fill(this.#start, t('batch.without', { n: this.#uploaded.length }));
    return [];
  }

  /** @returns {Promise<ImageRef[]>} */
  async #upload() {
    const total = this.#files.length;
    /**
     * @param {UploadResult} result
     * @param {number} done
     */
    const onResult = ({ path, error }, done) => {
      this.#fileStatus.textContent = t('uploads.progress', { done, n: total });
      if (error) this.#rejected.append(h('li', {}, h('b', {}, path), ' ', explain(error)));
    };
    const signal = AbortSignal.any([this.#closing.signal, this.#choosing.signal]);
    const results = await uploadFiles(this.#files, onResult, signal, uploadSelected);
    /** @type {ImageRef[]} */
    const images = [];
    for (const { path, stored } of results) {
      if (stored) images.push({ id: stored.id, custom_id: path.slice(-MAX_CUSTOM_ID) });
    }
    const counts = { n: images.length, rejected: total - images.length };
    this.#fileStatus.textContent = t('batch.uploaded', counts);
    return images;
  }
}

/**
 * @param {HTMLInputElement | HTMLSelectElement} control
 * @param {import('../lib/i18n.js').TextKey} key of the label
 */
function field(control, key) {
  return h('div', { class: 'field' }, h('label', { for: control.id }, t(key)), control);
}

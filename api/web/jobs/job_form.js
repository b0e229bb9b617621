/** A new batch: on a dataset, or on files and folders that are dropped. */

import { acceptDrops, dropzone } from '../dropzone.js';
import { fill, h } from '../element.js';
import { call, get } from '../http.js';
import { explain, problemNote } from '../problem.js';
import { go, link } from '../route.js';
import { upload } from '../upload.js';
import { number, t } from '../words.js';

export class JobForm {
  #sending = new AbortController();
  /** @type {import('../upload.js').Chosen[]} */
  #chosen = [];
  /** @type {{id: string, custom_id: string}[] | null} */
  #uploaded = null;

  /** @param {string} dataset chosen before */
  constructor(dataset) {
    this.dataset = h('select', { id: 'batch-dataset', onchange: () => this.#show() });
    this.name = h('input', { type: 'text', id: 'batch-name', maxLength: 200, autocomplete: 'off' });
    this.model = h('select', { id: 'batch-model' });
    this.threshold = h('input', {
      type: 'number',
      id: 'batch-threshold',
      min: 0,
      max: 100,
      step: 'any',
      placeholder: t('batch.never'),
    });
    this.confidence = h('input', { type: 'checkbox', id: 'batch-confidence' });
    this.files = h('p', { class: 'note', role: 'status' });
    this.refused = h('ul', { class: 'refusals' });
    this.start = h('button', { class: 'primary', disabled: true }, t('batch.start'));
    const take = (chosen) => this.#take(chosen);
    this.modelField = field(this.model, 'batch.model');
    this.element = h(
      'form',
      { class: 'batchform card', tabIndex: -1, onsubmit: (event) => this.#submit(event) },
      h('a', { class: 'back', href: link('jobs') }, t('jobs.back')),
      h('h1', {}, t('batch.title')),
      field(this.dataset, 'batch.dataset'),
      h('p', { class: 'or' }, t('batch.or')),
      dropzone({ words: t('batch.drop'), withFolder: true, take }),
      this.files,
      field(this.name, 'batch.name'),
      this.modelField,
      field(this.threshold, 'batch.threshold'),
      h(
        'div',
        { class: 'category' },
        this.confidence,
        h('label', { for: 'batch-confidence' }, t('batch.confidence')),
      ),
      this.refused,
      this.start,
    );
    acceptDrops(this.element, take);
    this.#fill(dataset);
  }

  close() {
    this.#sending.abort();
  }

  async #fill(dataset) {
    try {
      const [datasets, { models, in_service: current }] = await Promise.all([
        get('v1/datasets'),
        get('v1/models'),
      ]);
      fill(
        this.dataset,
        h('option', { value: '' }, t(datasets.length ? 'batch.choose' : 'batch.nodataset')),
        datasets.map(({ name, images }) =>
          h('option', { value: name, selected: name === dataset }, `${name} (${number(images)})`),
        ),
      );
      const names = models
        .map(({ name, version }) => `${name}@${version}`)
        .filter((name) => name !== current);
      fill(
        this.model,
        h('option', { value: 'default' }, t('batch.default', { model: current ?? '–' })),
        names.map((name) => h('option', { value: name }, name)),
      );
      this.modelField.hidden = names.length === 0;
      this.#show();
    } catch (error) {
      this.refused.append(h('li', {}, problemNote(error)));
    }
  }

  #take(chosen) {
    this.#chosen = chosen;
    this.#uploaded = null;
    this.dataset.value = '';
    if (!this.name.value && chosen.length)
      this.name.value = chosen[0].path.includes('/') ? chosen[0].path.split('/')[0] : '';
    this.#show();
  }

  #show() {
    fill(this.refused);
    if (this.dataset.value) this.#chosen = [];
    this.files.textContent = this.#chosen.length ? t('batch.files', { n: this.#chosen.length }) : '';
    this.start.disabled = !this.dataset.value && !this.#chosen.length;
    fill(this.start, t('batch.start'));
  }

  async #submit(event) {
    event.preventDefault();
    // A disabled button loses the focus, and with it the reader's place.
    this.element.focus();
    this.start.disabled = true;
    try {
      const what = this.dataset.value ? { dataset: this.dataset.value } : { images: await this.#images() };
      if (what.images && !what.images.length) return;
      const share = this.threshold.value ? Number(this.threshold.value) / 100 : null;
      const name = this.name.value.trim() || this.dataset.value || null;
      const json = {
        ...what,
        name,
        model: this.model.value || 'default',
        lane: 'batch',
        confidence: this.confidence.checked,
        error_threshold: share,
      };
      const job = await (await call('v1/jobs', { method: 'POST', json })).json();
      go(link('jobs', { job: job.id }));
    } catch (error) {
      if (error.name !== 'AbortError') this.refused.append(h('li', {}, problemNote(error)));
    } finally {
      this.start.disabled = this.#uploaded?.length === 0;
    }
  }

  /** The uploaded images; none when some were refused, until the reader says to go on without them. */
  async #images() {
    if (this.#uploaded) return this.#uploaded;
    this.#uploaded = await this.#upload();
    if (this.#uploaded.length === this.#chosen.length) return this.#uploaded;
    fill(this.start, t('batch.without', { n: this.#uploaded.length }));
    return [];
  }

  async #upload() {
    const total = this.#chosen.length;
    const tell = ({ path, error }, count) => {
      this.files.textContent = t('tray.sending', { done: count, n: total });
      if (error) this.refused.append(h('li', {}, h('b', {}, path), ' ', explain(error)));
    };
    const results = await upload(this.#chosen, tell, this.#sending.signal);
    const good = results.filter(({ image }) => image);
    this.files.textContent = t('batch.uploaded', { n: good.length, refused: total - good.length });
    return good.map(({ image, path }) => ({ id: image.id, custom_id: path.slice(-256) }));
  }
}

function field(control, words) {
  return h('div', { class: 'field' }, h('label', { for: control.id }, t(words)), control);
}

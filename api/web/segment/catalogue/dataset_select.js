/** The menu of the datasets: all, one of them, or what was uploaded. */

import { listDatasets } from '../../lib/api/client.js';
import { fill, h } from '../../lib/element.js';
import { Emitter } from '../../lib/emitter.js';
import { number, t } from '../../lib/i18n.js';
import { untilAnswered } from '../../lib/recovery.js';
import { UPLOADS } from './image_pages.js';

/** @typedef {import('../../lib/api/schemas.js').Dataset} Dataset */

/** @extends {Emitter<{change: [], known: []}>} `change`: the user chose; `known`: the datasets were loaded */
export class DatasetSelect extends Emitter {
  #value;
  /** @type {Dataset[]} */
  #known = [];
  #loading = new AbortController();

  /** @param {string} value name of a dataset, `UPLOADS`, or empty for all */
  constructor(value) {
    super();
    this.#value = value;
    this.element = h('select', { 'aria-label': t('catalogue.dataset') });
    this.element.addEventListener('change', () => {
      this.#value = this.element.value;
      this.emit('change');
    });
    this.#draw();
    this.load();
  }

  close() {
    this.#loading.abort();
  }

  get value() {
    return this.#value;
  }

  set value(value) {
    this.#value = value;
    this.#draw();
  }

  /** Whether the datasets have been loaded. */
  isLoaded = false;

  /** The chosen dataset; undefined while it is unknown, and for no dataset. */
  get dataset() {
    return this.#known.find(({ name }) => name === this.#value);
  }

  /** Load the datasets: some may have come or gone. */
  async load() {
    this.#loading.abort();
    this.#loading = new AbortController();
    const { signal } = this.#loading;
    try {
      this.#known = await untilAnswered(() => listDatasets(signal), signal);
    } catch {
      return; // The list of images shows why.
    }
    this.isLoaded = true;
    this.#draw();
    this.emit('known');
  }

  #draw() {
    // The dataset of a link is offered before the others are known, and when it is gone.
    const isKnown = !this.#value || this.#value === UPLOADS || this.dataset;
    fill(
      this.element,
      h('option', { value: '' }, t('catalogue.all')),
      h('option', { value: UPLOADS }, t('catalogue.uploads')),
      this.#known.map(({ name, images }) =>
        h('option', { value: name }, `${name} (${number(images)})`),
      ),
      !isKnown && h('option', { value: this.#value }, this.#value),
    );
    this.element.value = this.#value;
  }
}

/** Filters the images of a dataset by what is in them, and sorts them: by the results of its latest job. */

import { sortName } from '../../items/item_query.js';
import { fill, h } from '../../lib/element.js';
import { Emitter } from '../../lib/emitter.js';
import { t } from '../../lib/i18n.js';
import { link } from '../../lib/route.js';
import { loadTaxonomy } from '../../lib/taxonomy.js';

/** @typedef {import('../../lib/api/schemas.js').Dataset} Dataset */
/** @typedef {{where: string, sort: string}} Content `sort`: empty for the order of the names */

const TYPING_DELAY_MS = 500;
/** @type {Content} */
const NO_CONTENT = { where: '', sort: '' };

/** @extends {Emitter<{change: []}>} */
export class ContentFilter extends Emitter {
  #timer = 0;
  /** What is chosen, also while the fields for it are not offered yet. */
  #content = NO_CONTENT;
  #where = h('input', {
    type: 'search',
    class: 'where',
    placeholder: 'human > 0.5%',
    'aria-label': t('items.where'),
    title: t('items.where.help'),
    spellcheck: false,
    autocapitalize: 'off',
    oninput: () => {
      this.#content = { ...this.#content, where: this.#where.value.trim() };
      clearTimeout(this.#timer);
      this.#timer = setTimeout(() => this.emit('change'), TYPING_DELAY_MS);
    },
  });
  #sort = h('select', {
    'aria-label': t('items.sort'),
    onchange: () => {
      this.#content = { ...this.#content, sort: this.#sort.value };
      this.emit('change');
    },
  });
  #gallery = h('a', { class: 'button' }, t('items.layout.gallery'));
  #segment = h('a', { class: 'button' }, t('catalogue.segment'));

  /** @param {Content} content */
  constructor(content) {
    super();
    this.element = h('div', { class: 'content-filter', hidden: true }, this.#where, this.#sort);
    this.links = [this.#gallery, this.#segment];
    this.#fillOrders();
    this.set(content);
    this.offer(undefined, false);
  }

  close() {
    clearTimeout(this.#timer);
  }

  get content() {
    return this.#content;
  }

  /** @param {Content} content */
  set({ where, sort }) {
    this.#content = { where, sort };
    this.#where.value = where;
    this.#sort.value = sort;
  }

  /**
   * @param {Dataset | undefined} dataset that is listed; undefined for all, or for uploads
   * @param {boolean} isKnown whether the datasets have been loaded
   */
  offer(dataset, isKnown) {
    const job = dataset?.latest_job;
    if (isKnown && !job) this.set(NO_CONTENT);
    this.element.hidden = !job;
    this.#gallery.hidden = !job;
    if (job) this.#gallery.href = link('jobs', { job, layout: 'gallery' });
    this.#segment.hidden = !dataset || Boolean(job);
    this.#segment.href = link('jobs', { new: 1, dataset: dataset?.name });
  }

  async #fillOrders() {
    const { categories, void: unknown } = await loadTaxonomy();
    const names = categories.filter(({ index }) => index !== unknown).map(({ name }) => name);
    const sorts = [
      ...names.map((name) => `-${name}`),
      'iou',
      'accuracy',
      'confidence',
      ...names.map((name) => `${name}.iou`),
    ];
    fill(
      this.#sort,
      h('option', { value: '' }, t('sort.name')),
      sorts.map((value) => h('option', { value }, sortName(value))),
    );
    this.#sort.value = this.#content.sort;
  }
}

/** The tools above the items of a job: presets, order, condition, words of a name. */

import { ALL_ITEMS, apiQuery, isPlain, isSameQuery, sortName } from '../items/item_query.js';
import { SegmentedControl } from '../lib/controls/segmented_control.js';
import { fill, h } from '../lib/element.js';
import { Emitter } from '../lib/emitter.js';
import { t } from '../lib/i18n.js';

/** @typedef {import('../items/item_query.js').ItemQuery} ItemQuery */
/** @typedef {import('../items/item_query.js').Preset} Preset */
/** @typedef {import('../lib/api/schemas.js').Job} Job */

const TYPING_DELAY_MS = 400;

/** @extends {Emitter<{change: [query: ItemQuery]}>} */
export class ItemFilters extends Emitter {
  #query;
  #taxonomy;
  #timer = 0;
  #offered = '';
  /** @type {SegmentedControl<Preset>} */
  #presets = new SegmentedControl(
    t('items.filter'),
    [
      ['all', t('items.all')],
      ['worst', t('items.worst')],
      ['unsure', t('items.unsure')],
      ['failed', t('items.failed')],
    ],
    (preset) => this.#change({ preset, sort: '' }),
  );
  #sort = h('select', {
    'aria-label': t('items.sort'),
    onchange: () => this.#change({ sort: this.#sort.value, preset: 'all' }),
  });
  #where = h('input', {
    type: 'search',
    class: 'where',
    placeholder: 'human > 0.5% and vehicle.iou < 50%',
    'aria-label': t('items.where'),
    title: t('items.where.help'),
    spellcheck: false,
    autocapitalize: 'off',
    oninput: () => this.#type(),
  });
  #find = h('input', {
    type: 'search',
    placeholder: t('items.find'),
    'aria-label': t('items.find'),
    oninput: () => this.#type(),
  });
  #clear = h(
    'button',
    { type: 'button', onclick: () => this.#change(ALL_ITEMS) },
    t('items.clear'),
  );

  /**
   * @param {ItemQuery} query shown first
   * @param {import('../lib/taxonomy.js').Taxonomy} taxonomy
   */
  constructor(query, taxonomy) {
    super();
    this.#query = query;
    this.#taxonomy = taxonomy;
    this.element = h(
      'div',
      { class: 'item-filters', role: 'search', 'aria-label': t('items.filter') },
      this.#presets.element,
      this.#sort,
      this.#find,
      this.#where,
      this.#clear,
    );
    this.#show();
  }

  close() {
    clearTimeout(this.#timer);
  }

  get query() {
    return this.#query;
  }

  /** @param {Job} job Offer what its items can be listed by. */
  offer(job) {
    const hasScores = job.scores !== null;
    this.#presets.offer('worst', hasScores);
    this.#presets.offer('unsure', job.confidence);
    this.#presets.offer('failed', job.counts.failed > 0);
    const offered = JSON.stringify([hasScores, job.confidence]);
    if (offered === this.#offered) return;
    this.#offered = offered;
    const names = this.#taxonomy.categories
      .map(({ name }) => name)
      .filter((name) => name !== 'void');
    const sorts = [
      'name',
      ...(hasScores ? ['iou', 'accuracy'] : []),
      ...(job.confidence ? ['confidence'] : []),
      ...names.map((name) => `-${name}`),
      ...(hasScores ? names.map((name) => `${name}.iou`) : []),
    ];
    fill(
      this.#sort,
      h('option', { value: '' }, t('sort.index')),
      sorts.map((value) => h('option', { value }, sortName(value))),
    );
    this.#show();
  }

  #type() {
    clearTimeout(this.#timer);
    this.#timer = setTimeout(
      () => this.#change({ where: this.#where.value.trim(), find: this.#find.value.trim() }),
      TYPING_DELAY_MS,
    );
  }

  /** @param {Partial<ItemQuery>} part */
  #change(part) {
    const query = { ...this.#query, ...part };
    if (isSameQuery(query, this.#query)) return;
    this.#query = query;
    this.#show();
    this.emit('change', query);
  }

  #show() {
    const { preset, where, find } = this.#query;
    this.#presets.set(preset);
    // That of a preset, too: "Worst first" is no order of the job.
    this.#sort.value = apiQuery(this.#query).sort ?? '';
    if (document.activeElement !== this.#where) this.#where.value = where;
    if (document.activeElement !== this.#find) this.#find.value = find;
    this.#clear.hidden = isPlain(this.#query);
  }
}

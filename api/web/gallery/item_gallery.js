/** The gallery of a job: its masks over their photos, in a grid of any size. Cells can be selected. */

import { linkQuery } from '../items/item_query.js';
import { ItemRows } from '../items/item_rows.js';
import { isAbort } from '../lib/api/http.js';
import { h } from '../lib/element.js';
import { Emitter } from '../lib/emitter.js';
import { percent, t } from '../lib/i18n.js';
import { baseName } from '../lib/names.js';
import { notify } from '../lib/notice.js';
import { palette } from '../lib/palette.js';
import { explain } from '../lib/problem.js';
import { link } from '../lib/route.js';
import { local } from '../lib/storage.js';
import { categoryInk } from '../segment/viewer/raster.js';
import { overlayCell } from './overlay_cell.js';

/** @typedef {import('../items/item_query.js').ItemQuery} ItemQuery */
/** @typedef {import('../lib/api/schemas.js').Item} Item */
/** @typedef {import('../lib/api/schemas.js').Job} Job */

const STORAGE_KEY = 'roadmask-gallery-size';
const [MIN_SIZE, DEFAULT_SIZE, MAX_SIZE] = [96, 208, 480];
const OPACITY = 0.55;
/** Height of a cell over its width, and what its caption adds. */
const ASPECT = 0.66;
const CAPTION_PX = 32;
/** What is selected is counted after this many items, while a long range is loaded. */
const COUNTED = 1000;

/** @extends {Emitter<{open: [index: number], select: [items: Item[]]}>} */
export class ItemGallery extends Emitter {
  #job;
  #taxonomy;
  #columns = 1;
  #hasScores = false;
  /** @type {Map<number, Item>} selected items by index */
  #selected = new Map();
  /** The row in the list that was selected last, from which shift selects. */
  #anchor = 0;
  #size = h('input', {
    type: 'range',
    min: String(MIN_SIZE),
    max: String(MAX_SIZE),
    step: '16',
    value: local.getItem(STORAGE_KEY) ?? String(DEFAULT_SIZE),
    'aria-label': t('gallery.size'),
    oninput: () => this.#resize(),
  });
  /** @type {ItemRows} */
  #rows = new ItemRows({
    rowHeight: DEFAULT_SIZE,
    drawRow: (row) => this.#drawRow(row),
    onChange: () => this.#rows.redraw(),
  });
  #resizeObserver = new ResizeObserver(() => this.#layout());
  #unsubscribe = palette.on('change', () => this.#rows.redraw());

  /**
   * @param {string} job
   * @param {import('../lib/taxonomy.js').Taxonomy} taxonomy
   */
  constructor(job, taxonomy) {
    super();
    this.#job = job;
    this.#taxonomy = taxonomy;
    this.note = this.#rows.note;
    this.#rows.element.classList.add('gallery-rows');
    this.element = h('div', { class: 'gallery' }, this.#rows.element);
    this.tools = h('label', { class: 'tool' }, h('span', {}, t('gallery.size')), this.#size);
    this.#resizeObserver.observe(this.element);
  }

  get pages() {
    return this.#rows.pages;
  }

  close() {
    this.#unsubscribe();
    this.#resizeObserver.disconnect();
    this.#rows.close();
  }

  /**
   * @param {ItemQuery} query
   * @param {Job} job
   * @param {number | null} at index of the item to scroll to
   */
  show(query, job, at) {
    this.#hasScores = job.scores !== null;
    this.#rows.show(query, job, at);
  }

  /** Select all items of the list. Throws Problem. */
  async selectAll() {
    await this.#selectRange(0, this.#rows.count - 1, true);
  }

  clearSelection() {
    this.#selected.clear();
    this.#selectionChanged();
  }

  #resize() {
    local.setItem(STORAGE_KEY, this.#size.value);
    this.#layout();
  }

  #layout() {
    const width = this.element.clientWidth;
    if (!width) return;
    this.#columns = Math.max(1, Math.floor(width / Number(this.#size.value)));
    this.element.style.setProperty('--columns', String(this.#columns));
    this.#rows.layOut(this.#columns, Math.round((width / this.#columns) * ASPECT) + CAPTION_PX);
  }

  /** @param {number} row */
  #drawRow(row) {
    const start = row * this.#columns;
    const length = Math.min(this.#columns, this.#rows.count - start);
    return h(
      'div',
      { class: 'gallery-row' },
      Array.from({ length }, (_, column) => this.#drawCell(start + column)),
    );
  }

  /** @param {number} place in the list */
  #drawCell(place) {
    const item = this.#rows.item(place);
    if (!item) return h('div', { class: 'gallery-cell note' }, '…');
    const name = item.custom_id ?? item.image_id;
    const href = link('segment', {
      job: this.#job,
      item: item.index,
      ...linkQuery(this.#rows.query),
    });
    const box = h('input', {
      type: 'checkbox',
      checked: this.#selected.has(item.index),
      'aria-label': t('gallery.select', { name }),
    });
    box.addEventListener('click', ({ shiftKey }) => this.#select(place, box.checked, shiftKey));
    return h(
      'div',
      { class: 'gallery-cell', dataset: { state: item.state } },
      h(
        'a',
        { href, title: name, onclick: () => this.emit('open', item.index) },
        overlayCell(this.#job, item, () => this.#ink()),
      ),
      h(
        'div',
        { class: 'gallery-caption' },
        box,
        h('span', { class: 'name', title: name }, baseName(name)),
        h('span', { class: 'note' }, this.#figure(item)),
      ),
    );
  }

  /** @param {Item} item */
  #figure({ result, state }) {
    if (!result) return t(`state.${state}`);
    return this.#hasScores && result.scores ? percent(result.scores.mean_iou) : '';
  }

  #ink() {
    const { categories } = this.#taxonomy;
    const hidden = new Set([this.#taxonomy.void]);
    return categoryInk(categories, { opacity: OPACITY, outlines: true, hidden, highlighted: null });
  }

  /**
   * @param {number} place in the list
   * @param {boolean} isSelected
   * @param {boolean} isRange from the place that was selected before
   */
  async #select(place, isSelected, isRange) {
    const from = isRange ? this.#anchor : place;
    this.#anchor = place;
    try {
      await this.#selectRange(Math.min(from, place), Math.max(from, place), isSelected);
    } catch (error) {
      if (!isAbort(error)) notify(explain(error));
    }
  }

  /**
   * Select all items from one place to another, or none of them. Those that were not in view are
   * loaded, and counted as they come. Throws Problem.
   * @param {number} first
   * @param {number} last
   * @param {boolean} isSelected
   */
  async #selectRange(first, last, isSelected) {
    const pages = this.#rows.pages;
    for (let at = first; pages && at <= last; at += 1) {
      const item = pages.item(at) ?? (await pages.fetch(at));
      if (pages !== this.#rows.pages) return;
      if (item && isSelected) this.#selected.set(item.index, item);
      else if (item) this.#selected.delete(item.index);
      if (at % COUNTED === COUNTED - 1) this.emit('select', [...this.#selected.values()]);
    }
    this.#selectionChanged(last > first);
  }

  /** @param {boolean} [isRedrawn] whether other cells changed, too */
  #selectionChanged(isRedrawn = true) {
    if (isRedrawn) this.#rows.redraw();
    this.emit('select', [...this.#selected.values()]);
  }
}

/** The table of a job's items: thumbnails, states, scores, shares of the categories. */

import { isPlain, linkQuery } from '../items/item_query.js';
import { ItemRows } from '../items/item_rows.js';
import { imagePath } from '../lib/api/client.js';
import { h } from '../lib/element.js';
import { Emitter } from '../lib/emitter.js';
import { number, percent, t } from '../lib/i18n.js';
import { shortName } from '../lib/names.js';
import { explain } from '../lib/problem.js';
import { link } from '../lib/route.js';
import { categoryColor, categoryName } from '../lib/taxonomy.js';
import { thumbnail } from '../lib/thumbnail.js';
import { stateBadge } from './state_badge.js';

/** @typedef {import('../lib/api/schemas.js').Item} Item */
/** @typedef {import('../lib/api/schemas.js').Job} Job */

/** @typedef {import('../items/item_query.js').ItemQuery} ItemQuery */

const ROW_HEIGHT = 52;
const COLUMNS = /** @type {const} */ (['item', 'state', 'figure', 'shares']);
/** Smaller shares are not named in the label of the bar. */
const MIN_NAMED_SHARE = 0.01;

/** @extends {Emitter<{open: [index: number]}>} */
export class ItemTable extends Emitter {
  #job;
  #taxonomy;
  /** What the column of figures shows.
   * @type {'iou' | 'confidence' | null}
   */
  #figure = null;
  #figureHeader = h('span', { role: 'columnheader', class: 'figure' });
  /** @type {ItemRows} */
  #rows = new ItemRows({
    rowHeight: ROW_HEIGHT,
    drawRow: (row) => this.#drawRow(row),
    onChange: () => this.#update(),
  });

  /**
   * @param {string} job
   * @param {import('../lib/taxonomy.js').Taxonomy} taxonomy
   */
  constructor(job, taxonomy) {
    super();
    this.#job = job;
    this.#taxonomy = taxonomy;
    this.#rows.element.setAttribute('role', 'rowgroup');
    this.note = this.#rows.note;
    this.element = h(
      'div',
      { role: 'table', class: 'items', 'aria-label': t('items.title') },
      h(
        'div',
        { role: 'rowgroup' },
        h(
          'div',
          { role: 'row', class: 'item-row item-header' },
          COLUMNS.map((name) =>
            name === 'figure'
              ? this.#figureHeader
              : h('span', { role: 'columnheader', class: name }, t(`items.${name}`)),
          ),
        ),
      ),
      this.#rows.element,
    );
  }

  get pages() {
    return this.#rows.pages;
  }

  close() {
    this.#rows.close();
  }

  /**
   * @param {ItemQuery} query
   * @param {Job} job
   * @param {number | null} at index of the item to scroll to
   */
  show(query, job, at) {
    this.#figure = job.scores ? 'iou' : job.confidence ? 'confidence' : null;
    this.#figureHeader.textContent = this.#figure ? t(`items.${this.#figure}`) : '';
    this.#rows.show(query, job, at);
  }

  /** @param {Job} job as it is now */
  setJob({ counts }) {
    // A column that would be empty gives its room to the names.
    this.element.classList.toggle('all-succeeded', counts.succeeded === counts.total);
  }

  #update() {
    this.note.hidden = isPlain(this.#rows.query);
    this.element.setAttribute('aria-rowcount', String(this.#rows.count + 1));
    const focusedRow = document.activeElement?.closest('.item-row')?.getAttribute('aria-rowindex');
    this.#rows.redraw();
    if (!focusedRow) return;
    const anchor = this.element.querySelector(`[aria-rowindex="${focusedRow}"] a`);
    if (anchor instanceof HTMLElement) anchor.focus({ preventScroll: true });
  }

  /** @param {number} row */
  #drawRow(row) {
    const item = this.#rows.item(row);
    const cells = item ? this.#cells(item) : [h('span', { role: 'cell', class: 'note' }, '…')];
    // The header is row 1.
    return h('div', { role: 'row', class: 'item-row', 'aria-rowindex': row + 2 }, cells);
  }

  /** @param {Item} item */
  #cells({ index, image_id: imageId, custom_id: customId, state, error, result }) {
    const name = customId ?? imageId;
    const href = link('segment', { job: this.#job, item: index, ...linkQuery(this.#rows.query) });
    return [
      h(
        'span',
        { role: 'cell', class: 'item' },
        h('span', { class: 'note index' }, number(index + 1)),
        thumbnail(imagePath(imageId, 'thumbnail')),
        h('a', { href, title: name, onclick: () => this.emit('open', index) }, shortName(name)),
      ),
      h(
        'span',
        { role: 'cell', class: 'state' },
        // Only what is out of the ordinary needs a word.
        state !== 'succeeded' && stateBadge(state),
        error && h('span', { class: 'reason', title: explain(error) }, explain(error)),
      ),
      h('span', { role: 'cell', class: 'figure' }, result ? this.#figureText(result) : ''),
      h('span', { role: 'cell', class: 'shares' }, result && this.#shareBar(result.shares)),
    ];
  }

  /** @param {import('../lib/api/schemas.js').Result} result */
  #figureText({ scores, confidence }) {
    const value = this.#figure === 'iou' ? scores?.mean_iou : confidence;
    return value === null || value === undefined ? '' : percent(value);
  }

  /** @param {Record<string, number>} shares by category name */
  #shareBar(shares) {
    const parts = this.#taxonomy.categories
      .map((category) => ({ category, share: shares[category.name] ?? 0 }))
      .filter(({ share }) => share > 0);
    const label = parts
      .filter(({ share }) => share >= MIN_NAMED_SHARE)
      .map(({ category, share }) => `${categoryName(category)} ${percent(share)}`)
      .join(', ');
    return h(
      'span',
      { class: 'share-bar', role: 'img', 'aria-label': label, title: label },
      parts.map(({ category, share }) =>
        h('i', { style: { 'flex-grow': share, background: categoryColor(category) } }),
      ),
    );
  }
}

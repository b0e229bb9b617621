/** The scrolling rows of a job's items, as a table or a gallery draws them, and a note above them. */

import { h } from '../lib/element.js';
import { t } from '../lib/i18n.js';
import { failureNote } from '../lib/recovery.js';
import { VirtualRows } from '../lib/virtual_rows.js';
import { ItemPages } from './item_pages.js';
import { ALL_ITEMS } from './item_query.js';

/** @typedef {import('../lib/api/schemas.js').Job} Job */
/** @typedef {import('./item_query.js').ItemQuery} ItemQuery */

export class ItemRows {
  /** @type {ItemPages | null} */
  #pages = null;
  #query = ALL_ITEMS;
  #columns = 1;
  #rows;
  #onChange;

  /**
   * @param {{
   *   rowHeight: number,
   *   drawRow: (row: number) => HTMLElement,
   *   onChange: () => void,
   * }} options `rowHeight`: pixels; `onChange`: called when there are other items; it
   * calls `redraw`
   */
  constructor({ rowHeight, drawRow, onChange }) {
    this.#onChange = onChange;
    this.#rows = new VirtualRows({
      rowHeight,
      drawRow,
      onVisible: (first, end) =>
        this.#pages?.setVisible(first * this.#columns, end * this.#columns),
    });
    this.element = this.#rows.element;
    this.element.setAttribute('aria-label', t('items.title'));
    this.note = h('div', { class: 'note items-note', role: 'status' });
  }

  get pages() {
    return this.#pages;
  }

  /** The query whose items are shown. */
  get query() {
    return this.#query;
  }

  /** The number of items known so far. */
  get count() {
    return this.#pages?.count ?? 0;
  }

  /** @param {number} place in the list */
  item(place) {
    return this.#pages?.item(place);
  }

  close() {
    this.#pages?.close();
    this.#rows.close();
  }

  /**
   * @param {ItemQuery} query
   * @param {Job} job
   * @param {number | null} at index of the item to scroll to
   */
  show(query, job, at) {
    this.#pages?.close();
    const pages = new ItemPages(job.id, query);
    this.#pages = pages;
    this.#query = query;
    this.note.replaceChildren();
    this.element.scrollTop = 0;
    pages.on('change', () => this.#update(pages));
    pages.on('failure', (error) => {
      this.note.hidden = false;
      this.note.replaceChildren(failureNote(error, () => pages.reload()));
    });
    pages.jobChanged(job);
    this.#update(pages);
    pages.setVisible(0, 1);
    if (at !== null) this.#reveal(pages, at);
  }

  /**
   * @param {number} columns items in a row
   * @param {number} rowHeight pixels
   */
  layOut(columns, rowHeight) {
    this.#columns = columns;
    this.#rows.setRowHeight(rowHeight);
    this.redraw();
  }

  redraw() {
    this.#rows.setCount(Math.ceil(this.count / this.#columns));
  }

  /** @param {ItemPages} pages */
  #update({ total }) {
    if (total !== null) {
      this.note.textContent = total ? t('items.count', { n: total }) : t('items.nomatch');
    }
    this.#onChange();
  }

  /**
   * @param {ItemPages} pages
   * @param {number} index
   */
  async #reveal(pages, index) {
    const place = await pages.locate(index).catch(() => -1);
    if (place >= 0 && pages === this.#pages) this.#rows.reveal(Math.floor(place / this.#columns));
  }
}

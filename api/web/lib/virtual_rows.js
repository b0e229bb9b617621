/** A scrolling list of any length. Only the rows in view are in the document. */

import { h } from './element.js';

/** Rows drawn beyond each edge, so that quick scrolling shows no gap. */
const OVERSCAN = 3;

export class VirtualRows {
  #count = 0;
  /** @type {number | null} the row to scroll to when that is possible */
  #wanted = null;
  /** @type {Map<number, HTMLElement>} */
  #shown = new Map();
  #spacer = h('div', { class: 'space', role: 'presentation' });
  #rowHeight;
  #drawRow;
  #onVisible;
  #resizeObserver = new ResizeObserver(() => {
    this.#scrollToWanted();
    this.#update();
  });

  /**
   * @param {{
   *   rowHeight: number,
   *   drawRow: (row: number) => HTMLElement,
   *   onVisible: (first: number, end: number) => void,
   * }} options `rowHeight`: pixels; `onVisible`: called with the rows in view, from `first` to
   * before `end`
   */
  constructor({ rowHeight, drawRow, onVisible }) {
    this.#rowHeight = rowHeight;
    this.#drawRow = drawRow;
    this.#onVisible = onVisible;
    this.element = h(
      'div',
      { class: 'rows', tabIndex: 0, onscroll: () => this.#update() },
      this.#spacer,
    );
    this.#resizeObserver.observe(this.element);
  }

  /**
   * Change the height of all rows, and keep the row that is at the top.
   * @param {number} height pixels
   */
  setRowHeight(height) {
    const top = this.element.scrollTop / this.#rowHeight;
    this.#rowHeight = height;
    this.setCount(this.#count);
    this.element.scrollTop = top * height;
  }

  close() {
    this.#resizeObserver.disconnect();
    this.#clear(0, Infinity);
  }

  /**
   * @param {number} count of rows; those from `first` to before `end` are drawn again
   * @param {number} [first]
   * @param {number} [end]
   */
  setCount(count, first = 0, end = Infinity) {
    this.#count = count;
    this.#spacer.style.height = `${count * this.#rowHeight}px`;
    this.#clear(first, end);
    this.#scrollToWanted();
    this.#update();
  }

  /**
   * Scroll a row to the middle, once the rows have a size.
   * @param {number} row
   */
  reveal(row) {
    this.#wanted = row;
    this.#scrollToWanted();
  }

  #scrollToWanted() {
    const { clientHeight } = this.element;
    if (this.#wanted === null || !clientHeight || this.#wanted >= this.#count) return;
    const top = this.#wanted * this.#rowHeight;
    const { scrollTop } = this.element;
    this.#wanted = null;
    if (top >= scrollTop && top + this.#rowHeight <= scrollTop + clientHeight) return;
    this.element.scrollTop = top - (clientHeight - this.#rowHeight) / 2;
  }

  /** @param {number} row */
  scrollIntoView(row) {
    const top = row * this.#rowHeight;
    const { scrollTop, clientHeight } = this.element;
    if (top < scrollTop) this.element.scrollTop = top;
    else if (top + this.#rowHeight > scrollTop + clientHeight) {
      this.element.scrollTop = top + this.#rowHeight - clientHeight;
    }
  }

  #update() {
    const { scrollTop, clientHeight } = this.element;
    if (!clientHeight) return;
    const first = Math.max(0, Math.floor(scrollTop / this.#rowHeight) - OVERSCAN);
    const end = Math.min(
      this.#count,
      Math.ceil((scrollTop + clientHeight) / this.#rowHeight) + OVERSCAN,
    );
    for (const [row, element] of this.#shown) {
      if (row < first || row >= end) this.#remove(row, element);
    }
    // From the last to the first, so that each row finds the one that it stands before.
    for (let row = end - 1; row >= first; row -= 1) if (!this.#shown.has(row)) this.#add(row);
    this.#onVisible(first, end);
  }

  /** @param {number} row */
  #add(row) {
    const element = this.#drawRow(row);
    element.style.top = `${row * this.#rowHeight}px`;
    this.#shown.set(row, element);
    this.#spacer.insertBefore(element, this.#shown.get(row + 1) ?? null);
  }

  /**
   * @param {number} row
   * @param {HTMLElement} element
   */
  #remove(row, element) {
    // Without a source, an image that left the view stops loading.
    for (const image of element.querySelectorAll('img')) image.removeAttribute('src');
    element.remove();
    this.#shown.delete(row);
  }

  /**
   * @param {number} first
   * @param {number} end
   */
  #clear(first, end) {
    for (const [row, element] of this.#shown) {
      if (row >= first && row < end) this.#remove(row, element);
    }
  }
}

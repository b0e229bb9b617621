/** A scrolling list of any length, of which only the rows in view exist. */

import { h } from './element.js';

const SPARE = 3;
/** Rows drawn beyond each edge, so that a quick scroll shows no gap. */

export class VirtualRows {
  #count = 0;
  /** @type {Map<number, HTMLElement>} */
  #shown = new Map();

  /**
   * @param {{rowHeight: number, draw: (row: number) => HTMLElement, seen: (first: number, last: number) => void}} options
   * `seen` is called with the rows in view.
   */
  constructor({ rowHeight, draw, seen }) {
    Object.assign(this, { rowHeight, draw, seen });
    this.space = h('div', { class: 'space', role: 'presentation' });
    this.element = h('div', { class: 'rows', tabIndex: 0, onscroll: () => this.#update() }, this.space);
    this.size = new ResizeObserver(() => this.#update());
    this.size.observe(this.element);
  }

  close() {
    this.size.disconnect();
    this.#clear(0, Infinity);
  }

  /**
   * @param {number} count of rows; those from `first` to before `last` are drawn anew
   * @param {number} [first]
   * @param {number} [last]
   */
  setCount(count, first = 0, last = Infinity) {
    this.#count = count;
    this.space.style.height = `${count * this.rowHeight}px`;
    this.#clear(first, last);
    this.#update();
  }

  /** @param {number} row to scroll into view */
  reveal(row) {
    const top = row * this.rowHeight;
    const { scrollTop, clientHeight } = this.element;
    if (top < scrollTop) this.element.scrollTop = top;
    else if (top + this.rowHeight > scrollTop + clientHeight)
      this.element.scrollTop = top + this.rowHeight - clientHeight;
  }

  #update() {
    const { scrollTop, clientHeight } = this.element;
    if (!clientHeight) return;
    const first = Math.max(0, Math.floor(scrollTop / this.rowHeight) - SPARE);
    const last = Math.min(this.#count, Math.ceil((scrollTop + clientHeight) / this.rowHeight) + SPARE);
    for (const [row, element] of this.#shown) if (row < first || row >= last) this.#drop(row, element);
    // From the last to the first, so that each finds the one it stands before.
    for (let row = last - 1; row >= first; row -= 1) if (!this.#shown.has(row)) this.#add(row);
    this.seen(first, last);
  }

  #add(row) {
    const element = this.draw(row);
    element.style.top = `${row * this.rowHeight}px`;
    this.#shown.set(row, element);
    this.space.insertBefore(element, this.#shown.get(row + 1) ?? null);
  }

  #drop(row, element) {
    // Without an address a picture that nobody waits for any more stops loading.
    for (const picture of element.querySelectorAll('img')) picture.removeAttribute('src');
    element.remove();
    this.#shown.delete(row);
  }

  #clear(first, last) {
    for (const [row, element] of this.#shown) if (row >= first && row < last) this.#drop(row, element);
  }
}

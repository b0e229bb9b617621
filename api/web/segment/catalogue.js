/** The catalogue: search, dataset filter, and a grid of thumbnails that only has what is seen. */

import { fill, h } from '../element.js';
import { get, imagePath } from '../http.js';
import { explain } from '../problem.js';
import { thumbnail } from '../thumbnail.js';
import { VirtualRows } from '../virtual_rows.js';
import { number, t } from '../words.js';
import { CatalogueImages } from './catalogue_images.js';

const CELL = 104;
const ROW = 96;
const PATIENCE_MS = 200;

export class Catalogue extends EventTarget {
  /** @type {CatalogueImages} */
  #images;
  #active = -1;
  #columns = 2;
  #isRevealed = false;

  /** @param {{dataset: string, q: string}} filter */
  constructor(filter) {
    super();
    this.filter = filter;
    this.current = '';
    this.search = h('input', {
      type: 'search',
      value: filter.q,
      placeholder: t('catalogue.search'),
      'aria-label': t('catalogue.search'),
      oninput: () => this.#later(),
    });
    this.datasets = h('select', { 'aria-label': t('catalogue.dataset'), onchange: () => this.#changed() });
    this.count = h('p', { class: 'note', role: 'status' });
    this.rows = new VirtualRows({
      rowHeight: ROW,
      draw: (row) => this.#drawRow(row),
      seen: (first, last) => this.#images.see(first * this.#columns, last * this.#columns),
    });
    this.grid = this.rows.element;
    for (const [name, value] of Object.entries({
      role: 'listbox',
      'aria-label': t('catalogue.images'),
      class: 'rows grid',
    }))
      this.grid.setAttribute(name, value);
    this.grid.addEventListener('keydown', (event) => this.#press(event));
    this.grid.addEventListener('click', (event) => this.#click(event));
    this.grid.addEventListener(
      'focus',
      () => this.#active < 0 && this.grid.matches(':focus-visible') && this.#activate(0),
    );
    this.element = h(
      'div',
      { class: 'catalogue' },
      h('div', { class: 'filters' }, this.search, this.datasets),
      this.count,
      this.grid,
    );
    this.size = new ResizeObserver(() => this.#layout());
    this.size.observe(this.grid);
    this.#listDatasets();
    this.#reload();
  }

  close() {
    this.size.disconnect();
    this.rows.close();
    this.#images.close();
  }

  /** @param {string} id the image that is shown now */
  setCurrent(id) {
    this.current = id;
    this.#mark();
    this.#reveal();
  }

  /** Show where the current image is, once it is known how many there are. */
  async #reveal() {
    const [images, id] = [this.#images, this.current];
    if (!images.count) return;
    const at = await images.locate(id);
    if (at >= 0 && images === this.#images && id === this.current) this.#activate(at);
  }

  /**
   * The image so many places from the current one.
   * @param {number} steps
   * @returns {string | undefined}
   */
  neighbour(steps) {
    return this.#images.at(this.#images.find(this.current) + steps);
  }

  async #listDatasets() {
    const found = await get('v1/datasets').catch(() => []);
    fill(
      this.datasets,
      h('option', { value: '' }, t('catalogue.all')),
      found.map(({ name, images }) =>
        h('option', { value: name, selected: name === this.filter.dataset }, `${name} (${number(images)})`),
      ),
    );
  }

  /** @param {{dataset: string, q: string}} filter of a link */
  filterBy(filter) {
    if (filter.dataset === this.filter.dataset && filter.q === this.filter.q) return;
    this.filter = filter;
    [this.datasets.value, this.search.value] = [filter.dataset, filter.q];
    this.#reload();
  }

  #later() {
    clearTimeout(this.timer);
    this.timer = setTimeout(() => this.#changed(), PATIENCE_MS);
  }

  #changed() {
    this.filter = { dataset: this.datasets.value, q: this.search.value.trim() };
    this.dispatchEvent(new Event('filter'));
    this.#reload();
  }

  #reload() {
    this.#images?.close();
    this.#active = -1;
    this.#isRevealed = false;
    this.grid.removeAttribute('aria-activedescendant');
    this.grid.scrollTop = 0;
    const images = new CatalogueImages(this.filter);
    this.#images = images;
    this.rows.setCount(0);
    images.addEventListener('failure', ({ detail }) => fill(this.count, explain(detail)));
    images.addEventListener('change', ({ detail }) => this.#take(detail));
  }

  /** Draw what has come; all others stay as they are. */
  #take({ first, last }) {
    this.#draw(Math.floor(first / this.#columns), Math.ceil(last / this.#columns));
    const { count, isOpen } = this.#images;
    this.count.textContent =
      count || isOpen ? t(isOpen ? 'catalogue.countmore' : 'catalogue.count', { n: count }) : t('catalogue.none');
    // With the first that come: what comes later does so because the reader scrolls.
    if (!this.#isRevealed) this.#reveal();
    this.#isRevealed = true;
  }

  #layout() {
    this.#columns = Math.max(2, Math.floor(this.grid.clientWidth / CELL));
    this.grid.style.setProperty('--columns', String(this.#columns));
    this.#draw();
  }

  #draw(first, last) {
    this.rows.setCount(Math.ceil(this.#images.count / this.#columns), first, last);
  }

  #drawRow(row) {
    const { count, isOpen } = this.#images;
    const start = row * this.#columns;
    const length = Math.min(this.#columns, count - start);
    const cells = Array.from({ length }, (_, offset) => {
      const at = start + offset;
      const id = this.#images.at(at) ?? '';
      return h(
        'div',
        {
          role: 'option',
          id: `image-${at}`,
          class: at === this.#active ? 'cell active' : 'cell',
          title: id,
          dataset: { at },
          'aria-label': id || '…',
          'aria-selected': String(id !== '' && id === this.current),
          'aria-posinset': at + 1,
          'aria-setsize': isOpen ? -1 : count,
        },
        id && thumbnail(imagePath(id, 'thumbnail')),
        h('span', { class: 'name' }, id.split('/').at(-1)),
      );
    });
    return h('div', { class: 'cells', role: 'presentation' }, cells);
  }

  #click(event) {
    const cell = event.target.closest('[data-at]');
    if (cell) this.#open(Number(cell.dataset.at));
  }

  #press(event) {
    const visible = Math.max(1, Math.floor(this.grid.clientHeight / ROW)) * this.#columns;
    const moves = {
      ArrowLeft: -1,
      ArrowRight: 1,
      ArrowUp: -this.#columns,
      ArrowDown: this.#columns,
      PageUp: -visible,
      PageDown: visible,
      Home: -Infinity,
      End: Infinity,
    };
    if (event.key in moves) this.#activate(this.#active + moves[event.key]);
    else if ((event.key === 'Enter' || event.key === ' ') && this.#active >= 0) this.#open(this.#active);
    else return;
    event.preventDefault();
  }

  #activate(at) {
    this.#active = Math.min(this.#images.count - 1, Math.max(0, at));
    if (this.#active < 0) return;
    this.rows.reveal(Math.floor(this.#active / this.#columns));
    this.#mark();
    this.grid.setAttribute('aria-activedescendant', `image-${this.#active}`);
  }

  /** Which cell is active and which is open, on cells that are drawn already. */
  #mark() {
    for (const cell of this.grid.querySelectorAll('.cell')) {
      cell.classList.toggle('active', Number(cell.dataset.at) === this.#active);
      cell.setAttribute('aria-selected', String(cell.title !== '' && cell.title === this.current));
    }
  }

  #open(at) {
    this.#activate(at);
    const id = this.#images.at(at);
    if (id) this.dispatchEvent(new CustomEvent('open', { detail: id }));
  }
}

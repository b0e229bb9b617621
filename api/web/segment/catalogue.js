/** The catalogue: search, dataset filter, and a grid of thumbnails that only draws what is seen. */

import { fill, h } from '../element.js';
import { get, imagePath } from '../http.js';
import { explain } from '../problem.js';
import { thumbnail } from '../thumbnail.js';
import { VirtualRows } from '../virtual_rows.js';
import { number, t } from '../words.js';

const PAGE = 200;
const CELL = 104;
const ROW = 96;
const PATIENCE_MS = 200;

export class Catalogue extends EventTarget {
  #images = [];
  #next = null;
  #loading = null;
  #active = -1;
  #columns = 2;

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
      needEnd: () => this.#more(),
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
    this.#loading?.abort();
  }

  /** @param {string} id the image that is shown now */
  setCurrent(id) {
    this.current = id;
    const at = this.#images.findIndex((image) => image.id === id);
    if (at >= 0) this.#activate(at);
    this.#mark();
  }

  /**
   * The image so many places from the current one.
   * @param {number} steps
   * @returns {string | undefined}
   */
  neighbour(steps) {
    return this.#images[this.#images.findIndex((image) => image.id === this.current) + steps]?.id;
  }

  async #listDatasets() {
    const found = await get('v1/datasets').catch(() => []);
    this.known = found;
    fill(
      this.datasets,
      h('option', { value: '' }, t('catalogue.all')),
      found.map(({ name, images }) =>
        h('option', { value: name, selected: name === this.filter.dataset }, `${name} (${number(images)})`),
      ),
    );
    this.#count();
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
    this.#loading?.abort();
    this.#loading = null;
    this.#images = [];
    this.#next = null;
    this.#active = -1;
    this.grid.removeAttribute('aria-activedescendant');
    this.rows.setCount(0);
    this.#load();
  }

  #more() {
    if (this.#next && !this.#loading) this.#load();
  }

  async #load() {
    const loading = new AbortController();
    this.#loading = loading;
    try {
      const page = await get(
        'v1/images',
        { ...this.filter, limit: PAGE, cursor: this.#next },
        loading.signal,
      );
      this.#images.push(...page.images.map(({ id }) => ({ id })));
      this.#next = page.next;
      this.#loading = null;
      this.#layout();
      this.#count();
      if (this.current && this.#active < 0) this.setCurrent(this.current);
    } catch (error) {
      if (error.name === 'AbortError') return;
      this.#loading = null;
      fill(this.count, explain(error));
    }
  }

  #count() {
    const total = this.known?.find(({ name }) => name === this.filter.dataset)?.images;
    const shown = this.filter.q || !total ? this.#images.length : total;
    const isAll = !this.#next || shown === total;
    this.count.textContent =
      this.#images.length || this.#next
        ? t(isAll ? 'catalogue.count' : 'catalogue.countmore', { n: shown })
        : t('catalogue.none');
    // A filtered page can be empty while more follow.
    if (this.#next && this.#images.length < PAGE / 2) this.#more();
  }

  #layout() {
    this.#columns = Math.max(2, Math.floor(this.grid.clientWidth / CELL));
    this.grid.style.setProperty('--columns', String(this.#columns));
    this.rows.setCount(Math.ceil(this.#images.length / this.#columns));
  }

  #drawRow(row) {
    const start = row * this.#columns;
    const cells = this.#images.slice(start, start + this.#columns).map(({ id }, offset) => {
      const at = start + offset;
      return h(
        'div',
        {
          role: 'option',
          id: `image-${at}`,
          class: at === this.#active ? 'cell active' : 'cell',
          title: id,
          dataset: { at },
          'aria-label': id,
          'aria-selected': String(id === this.current),
          'aria-posinset': at + 1,
          'aria-setsize': this.#next ? -1 : this.#images.length,
        },
        thumbnail(imagePath(id, 'thumbnail')),
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
    this.#active = Math.min(this.#images.length - 1, Math.max(0, at));
    if (this.#active < 0) return;
    this.rows.reveal(Math.floor(this.#active / this.#columns));
    this.#mark();
    this.grid.setAttribute('aria-activedescendant', `image-${this.#active}`);
  }

  /** Which cell is active and which is open, on cells that are drawn already. */
  #mark() {
    for (const cell of this.grid.querySelectorAll('.cell')) {
      cell.classList.toggle('active', Number(cell.dataset.at) === this.#active);
      cell.setAttribute('aria-selected', String(cell.title === this.current));
    }
  }

  #open(at) {
    this.#activate(at);
    this.dispatchEvent(new CustomEvent('open', { detail: this.#images[at].id }));
  }
}

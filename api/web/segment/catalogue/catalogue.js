/** The catalogue: search, dataset filter, and a virtual grid of thumbnails. */

import { eraseButton } from '../../lib/controls/erase_button.js';
import { fill, h } from '../../lib/element.js';
import { Emitter } from '../../lib/emitter.js';
import { t } from '../../lib/i18n.js';
import { failureNote } from '../../lib/recovery.js';
import { VirtualRows } from '../../lib/virtual_rows.js';
import { ContentFilter } from './content_filter.js';
import { openDatasetForm } from './dataset_form.js';
import { DatasetSelect } from './dataset_select.js';
import { imageCell } from './image_cell.js';
import { ImagePages, isByContent, UPLOADS } from './image_pages.js';
import { ownFiles } from './own_files.js';

/** @typedef {import('./image_pages.js').Filter} Filter */

const MIN_CELL_WIDTH = 104;
const ROW_HEIGHT = 96;
const SEARCH_DELAY_MS = 200;

/** @extends {Emitter<{open: [id: string], filter: [], change: []}>} `change`: other images are known */
export class Catalogue extends Emitter {
  #filter;
  #content;
  /** @type {ImagePages} */
  #images;
  /** The image that is inspected. */
  #currentId = '';
  /** The position that the keyboard is at; -1 for none. */
  #active = -1;
  #columns = 2;
  #hasRevealed = false;
  #searchTimer = 0;
  #search = h('input', {
    type: 'search',
    placeholder: t('catalogue.search'),
    'aria-label': t('catalogue.search'),
    oninput: () => {
      clearTimeout(this.#searchTimer);
      this.#searchTimer = setTimeout(() => this.#filterChanged(), SEARCH_DELAY_MS);
    },
  });
  #datasets;
  #truth = h(
    'select',
    { 'aria-label': t('catalogue.truth'), onchange: () => this.#filterChanged() },
    h('option', { value: '' }, t('catalogue.truth.any')),
    h('option', { value: 'true' }, t('catalogue.truth.with')),
    h('option', { value: 'false' }, t('catalogue.truth.without')),
  );
  #erase = eraseButton(
    () => ({ kind: 'datasets', id: this.#filter.dataset, name: this.#filter.dataset }),
    ({ id }) => {
      // The user may have chosen another one meanwhile.
      if (this.#filter.dataset === id) {
        this.#datasets.value = '';
        this.#filterChanged();
      }
      this.#datasets.load();
    },
  );
  #count = h('div', { class: 'note', role: 'status' });
  #rows = new VirtualRows({
    rowHeight: ROW_HEIGHT,
    drawRow: (row) => this.#drawRow(row),
    onVisible: (first, end) => this.#images.setVisible(first * this.#columns, end * this.#columns),
  });
  #grid = this.#rows.element;
  #resizeObserver = new ResizeObserver(() => this.#layout());

  /** @param {Filter} filter */
  constructor(filter) {
    super();
    this.#filter = filter;
    this.#datasets = new DatasetSelect(filter.dataset);
    this.#datasets.on('change', () => this.#filterChanged());
    this.#datasets.on('known', () => this.#offerContent());
    this.#content = new ContentFilter(filter);
    this.#content.on('change', () => this.#filterChanged());
    this.#search.value = filter.q;
    this.#truth.value = filter.truth;
    const add = h(
      'button',
      { type: 'button', onclick: () => this.#addDataset() },
      t('dataset.add'),
    );
    this.#grid.classList.add('grid');
    this.#grid.setAttribute('role', 'listbox');
    this.#grid.setAttribute('aria-label', t('catalogue.images'));
    this.#grid.addEventListener('keydown', (event) => this.#handleKey(event));
    this.#grid.addEventListener('click', (event) => this.#handleClick(event));
    this.#grid.addEventListener('focus', () => {
      if (this.#active < 0 && this.#grid.matches(':focus-visible')) this.#activate(0);
    });
    this.element = h(
      'div',
      { class: 'catalogue' },
      h(
        'div',
        { class: 'filters' },
        this.#search,
        this.#datasets.element,
        this.#truth,
        this.#content.element,
      ),
      h('div', { class: 'catalogue-actions' }, this.#content.links, add, this.#erase),
      this.#count,
      this.#grid,
    );
    this.#images = this.#openPages();
    this.#resizeObserver.observe(this.#grid);
  }

  close() {
    clearTimeout(this.#searchTimer);
    this.#datasets.close();
    this.#resizeObserver.disconnect();
    this.#content.close();
    this.#rows.close();
    this.#images.close();
  }

  get filter() {
    return this.#filter;
  }

  /** @param {Filter} filter of a link */
  setFilter(filter) {
    if (JSON.stringify(filter) === JSON.stringify(this.#filter)) return;
    this.#filter = filter;
    this.#datasets.value = filter.dataset;
    this.#search.value = filter.q;
    this.#truth.value = filter.truth;
    this.#content.set(filter);
    this.#offerContent();
    this.#reload();
  }

  /** @param {string} id of the image that is inspected */
  setCurrent(id) {
    this.#currentId = id;
    this.#markCells();
    this.#revealCurrent();
  }

  /** The place of the current image among those that are listed. */
  get place() {
    const { count, hasMore } = this.#images;
    return { position: this.#images.indexOf(this.#currentId), count: hasMore ? null : count };
  }

  /**
   * The image some steps before or after the current one.
   * @param {number} steps
   * @returns {string | undefined}
   */
  neighbour(steps) {
    return this.#images.at(this.#images.indexOf(this.#currentId) + steps);
  }

  /** Scroll to the current image, once the number of images is known. */
  async #revealCurrent() {
    const [images, id] = [this.#images, this.#currentId];
    if (!images.count) return;
    const position = await images.locate(id);
    const isCurrent = images === this.#images && id === this.#currentId;
    if (position >= 0 && isCurrent) {
      this.#activate(position);
      this.emit('change');
    }
  }

  #offerContent() {
    this.#content.offer(this.#datasets.dataset, this.#datasets.isLoaded);
  }

  #addDataset() {
    openDatasetForm((name) => {
      this.setFilter({ dataset: name, q: '', truth: '', where: '', sort: '' });
      this.emit('filter');
      this.#datasets.load();
    });
  }

  #filterChanged() {
    const q = this.#search.value.trim();
    const dataset = this.#datasets.value;
    if (dataset !== this.#filter.dataset) this.#content.set({ where: '', sort: '' });
    const content = this.#content.content;
    // The figures of a job say nothing of images without a mask, so only one of both is chosen.
    if (isByContent(content)) this.#truth.value = '';
    this.#filter = { dataset, q, truth: this.#truth.value, ...content };
    this.#offerContent();
    this.emit('filter');
    this.#reload();
  }

  /** Load the list again: images were added, or a failure may be over. */
  reload() {
    this.#datasets.load();
    this.#reload();
  }

  #reload() {
    this.#images.close();
    this.#active = -1;
    this.#hasRevealed = false;
    this.#grid.removeAttribute('aria-activedescendant');
    this.#grid.scrollTop = 0;
    this.#images = this.#openPages();
    this.#rows.setCount(0);
  }

  #openPages() {
    const images = new ImagePages(this.#filter);
    images.on('failure', (error) =>
      fill(
        this.#count,
        failureNote(error, () => this.reload()),
      ),
    );
    images.on('change', (first, end) => this.#showImages(first, end));
    return images;
  }

  /**
   * Draw the rows of newly loaded images. All other rows stay.
   * @param {number} first position
   * @param {number} end
   */
  #showImages(first, end) {
    this.#draw(Math.floor(first / this.#columns), Math.ceil(end / this.#columns));
    fill(this.#count, this.#countText(), this.#clearButton());
    this.#erase.hidden = !this.#filter.dataset || this.#filter.dataset === UPLOADS;
    this.emit('change');
    // Only with the first page: later pages come because the user scrolls.
    if (!this.#hasRevealed) this.#revealCurrent();
    this.#hasRevealed = true;
  }

  /** The way out of a search without a result. */
  #clearButton() {
    const { count, hasMore } = this.#images;
    if (count || hasMore || !this.#isFiltered) return null;
    const onclick = () => {
      // The dataset is the wider choice: it is given up only when no words are left.
      const { where, sort } = this.#content.content;
      if (!this.#search.value && !this.#truth.value && !where && !sort) this.#datasets.value = '';
      this.#search.value = this.#truth.value = '';
      this.#content.set({ where: '', sort: '' });
      this.#filterChanged();
      this.#search.focus();
    };
    return h('button', { type: 'button', onclick }, t('catalogue.clear'));
  }

  get #isFiltered() {
    return Object.values(this.#filter).some(Boolean);
  }

  #countText() {
    const { count, hasMore } = this.#images;
    if (hasMore) return t('catalogue.countmore', { n: count });
    if (count) return t('catalogue.count', { n: count });
    return t(this.#isFiltered ? 'catalogue.nomatch' : 'catalogue.empty');
  }

  #layout() {
    this.#columns = Math.max(2, Math.floor(this.#grid.clientWidth / MIN_CELL_WIDTH));
    this.#grid.style.setProperty('--columns', String(this.#columns));
    this.#draw();
  }

  /**
   * @param {number} [firstRow]
   * @param {number} [endRow]
   */
  #draw(firstRow, endRow) {
    const rows = Math.ceil(this.#images.count / this.#columns);
    this.#grid.style.setProperty('--rows', String(rows));
    this.#rows.setCount(rows, firstRow, endRow);
  }

  /** @param {number} row */
  #drawRow(row) {
    const start = row * this.#columns;
    const length = Math.min(this.#columns, this.#images.count - start);
    return h(
      'div',
      { class: 'cells', role: 'presentation' },
      Array.from({ length }, (_, column) => this.#drawCell(start + column)),
    );
  }

  /** @param {number} position */
  #drawCell(position) {
    const { count, hasMore } = this.#images;
    const id = this.#images.at(position) ?? '';
    return imageCell({
      id,
      name: ownFiles.nameOf(id) ?? this.#ownName(id),
      position,
      size: hasMore ? -1 : count,
      isActive: position === this.#active,
      isCurrent: id !== '' && id === this.#currentId,
    });
  }

  /**
   * The name of an uploaded file. Images of a dataset have their names in their ids.
   * @param {string} id
   */
  #ownName(id) {
    return id.includes('/') ? undefined : this.#images.nameOf(id);
  }

  /** @param {MouseEvent} event */
  #handleClick({ target }) {
    const cell = target instanceof Element && target.closest('.cell');
    if (cell instanceof HTMLElement) this.#open(positionOf(cell));
  }

  /** @param {KeyboardEvent} event */
  #handleKey(event) {
    const pageSize = Math.max(1, Math.floor(this.#grid.clientHeight / ROW_HEIGHT)) * this.#columns;
    /** @type {Record<string, number>} */
    const moves = {
      ArrowLeft: -1,
      ArrowRight: 1,
      ArrowUp: -this.#columns,
      ArrowDown: this.#columns,
      PageUp: -pageSize,
      PageDown: pageSize,
      Home: -Infinity,
      End: Infinity,
    };
    const move = moves[event.key];
    if (move !== undefined) this.#activate(this.#active + move);
    else if ((event.key === 'Enter' || event.key === ' ') && this.#active >= 0) {
      this.#open(this.#active);
    } else return;
    event.preventDefault();
  }

  /** @param {number} position */
  #activate(position) {
    this.#active = Math.min(this.#images.count - 1, Math.max(0, position));
    if (this.#active < 0) return;
    this.#rows.scrollIntoView(Math.floor(this.#active / this.#columns));
    this.#markCells();
    this.#grid.setAttribute('aria-activedescendant', `image-${this.#active}`);
  }

  /** Mark the active and the current cell among those in the document. */
  #markCells() {
    for (const cell of this.#grid.querySelectorAll('.cell')) {
      if (!(cell instanceof HTMLElement)) continue;
      const isCurrent = Boolean(this.#currentId) && cell.dataset.id === this.#currentId;
      cell.classList.toggle('active', positionOf(cell) === this.#active);
      cell.setAttribute('aria-selected', String(isCurrent));
    }
  }

  /** @param {number} position */
  #open(position) {
    this.#activate(position);
    const id = this.#images.at(position);
    if (id) this.emit('open', id);
  }
}

/** @param {HTMLElement} cell */
function positionOf(cell) {
  return Number(cell.dataset.position);
}

/** The table of a job's items: thumbnails, states, scores, what is in the masks. */

import { h } from '../element.js';
import { imagePath } from '../http.js';
import { explain } from '../problem.js';
import { link } from '../route.js';
import { categoryName } from '../taxonomy.js';
import { thumbnail } from '../thumbnail.js';
import { VirtualRows } from '../virtual_rows.js';
import { number, percent, t } from '../words.js';
import { badge } from './badge.js';

const ROW = 52;
const COLUMNS = ['item', 'state', 'iou', 'shares'];

export class ItemTable {
  /**
   * @param {string} job
   * @param {import('../taxonomy.js').Taxonomy} taxonomy
   */
  constructor(job, taxonomy) {
    this.job = job;
    this.taxonomy = taxonomy;
    this.source = null;
    this.refresh = () => this.#refresh();
    this.rows = new VirtualRows({
      rowHeight: ROW,
      draw: (row) => this.#draw(row),
      seen: (first, last) => this.source?.see(first, last),
    });
    const body = this.rows.element;
    body.setAttribute('role', 'rowgroup');
    body.setAttribute('aria-label', t('items.title'));
    this.head = h(
      'div',
      { role: 'row', class: 'itemrow itemhead' },
      COLUMNS.map((name) => h('span', { role: 'columnheader', class: name }, t(`items.${name}`))),
    );
    this.empty = h('p', { class: 'note', hidden: true }, t('items.none'));
    this.element = h(
      'div',
      { role: 'table', class: 'items', 'aria-label': t('items.title') },
      h('div', { role: 'rowgroup' }, this.head),
      body,
    );
  }

  close() {
    this.source?.close();
    this.rows.close();
  }

  /** @param {any} source of rows, see item_sources.js */
  show(source) {
    this.source?.removeEventListener('change', this.refresh);
    this.source = source;
    source.addEventListener('change', this.refresh);
    this.rows.element.scrollTop = 0;
    this.#refresh();
  }

  #refresh() {
    this.element.setAttribute('aria-rowcount', String(this.source.count + 1));
    this.empty.hidden = this.source.count > 0;
    const focused = document.activeElement?.closest?.('.itemrow')?.getAttribute('aria-rowindex');
    this.rows.setCount(this.source.count);
    if (focused) this.element.querySelector(`[aria-rowindex="${focused}"] a`)?.focus({ preventScroll: true });
  }

  #draw(row) {
    const item = this.source.item(row);
    const cells = item ? this.#cells(item) : [h('span', { role: 'cell', class: 'note' }, '…')];
    return h('div', { role: 'row', class: 'itemrow', 'aria-rowindex': row + 2 }, cells);
  }

  #cells({ index, image_id: image, custom_id: own, state, error, result }) {
    const name = own ?? image;
    return [
      h(
        'span',
        { role: 'cell', class: 'item' },
        h('span', { class: 'note index' }, number(index + 1)),
        thumbnail(imagePath(image, 'thumbnail')),
        h('a', { href: link('segment', { job: this.job, item: index }), title: name }, name),
      ),
      h(
        'span',
        { role: 'cell', class: 'state' },
        badge(state),
        error && h('span', { class: 'why', title: explain(error) }, explain(error)),
      ),
      h('span', { role: 'cell', class: 'iou' }, result?.scores ? percent(result.scores.mean_iou) : ''),
      h('span', { role: 'cell', class: 'shares' }, result && this.#strip(result.shares)),
    ];
  }

  #strip(shares) {
    const present = this.taxonomy.categories.filter(({ name }) => shares[name] > 0);
    const words = present
      .filter(({ name }) => shares[name] >= 0.01)
      .map((category) => `${categoryName(category)} ${percent(shares[category.name])}`)
      .join(', ');
    return h(
      'span',
      { class: 'strip', role: 'img', 'aria-label': words, title: words },
      present.map(({ name, color }) =>
        h('i', { style: { 'flex-grow': shares[name], background: `rgb(${color})` } }),
      ),
    );
  }
}

/** The list of a job beside one of its items: thumbnails in the order in which the list was left. */

import { getJob, imagePath } from '../lib/api/client.js';
import { h } from '../lib/element.js';
import { Emitter } from '../lib/emitter.js';
import { number, t } from '../lib/i18n.js';
import { shortName } from '../lib/names.js';
import { failureNote, untilAnswered } from '../lib/recovery.js';
import { thumbnail } from '../lib/thumbnail.js';
import { VirtualRows } from '../lib/virtual_rows.js';
import { ItemPages } from './item_pages.js';
import { orderText } from './item_query.js';

/** @typedef {import('./item_query.js').ItemQuery} ItemQuery */

const ROW_HEIGHT = 56;

/** @extends {Emitter<{open: [index: number], change: []}>} `change`: the position or the count may have changed */
export class ItemStrip extends Emitter {
  #position = -1;
  #index = -1;
  #pages;
  #rows = new VirtualRows({
    rowHeight: ROW_HEIGHT,
    drawRow: (row) => this.#drawRow(row),
    onVisible: (first, end) => this.#pages.setVisible(first, end),
  });
  #note = h('div', { class: 'note', role: 'status' });
  #closing = new AbortController();

  /**
   * @param {string} job
   * @param {ItemQuery} query
   */
  constructor(job, query) {
    super();
    this.job = job;
    this.query = query;
    this.#pages = new ItemPages(job, query);
    this.#rows.element.classList.add('strip');
    this.#rows.element.setAttribute('aria-label', t('items.title'));
    this.element = h('div', { class: 'catalogue' }, this.#note, this.#rows.element);
    this.#pages.on('change', () => this.#update());
    this.#pages.on('failure', (error) => {
      this.#note.replaceChildren(failureNote(error, () => this.#pages.reload()));
    });
    this.#loadJob();
  }

  close() {
    this.#closing.abort();
    this.#pages.close();
    this.#rows.close();
  }

  /** The place of the current item in the list; -1 when it is not there or not known. */
  get position() {
    // A link may name an item that the job does not have.
    const end = this.count ?? Infinity;
    return this.#position < end ? this.#position : -1;
  }

  /** The number of items in the list; null until it is known. */
  get count() {
    return this.#pages.total;
  }

  /** @param {number} index of the item that is shown */
  async setCurrent(index) {
    this.#index = index;
    await this.#locate().catch(() => {}); // A step asks again.
  }

  /** The job says how many items there are. */
  async #loadJob() {
    const { signal } = this.#closing;
    try {
      this.#pages.jobChanged(await untilAnswered(() => getJob(this.job, {}, signal), signal));
    } catch {
      // The list of its items shows why.
    }
  }

  /** Find the place of the current item. Throws Problem. */
  async #locate() {
    const index = this.#index;
    const place = await this.#pages.locate(index);
    if (index !== this.#index) return;
    this.#position = place;
    this.#update();
    if (place >= 0) this.#rows.reveal(place);
  }

  /**
   * The index of the item some steps before or after the current one. Throws Problem.
   * @param {number} steps
   * @returns {Promise<number | undefined>}
   */
  async neighbour(steps) {
    // The place is unknown after an outage.
    if (this.position < 0) await this.#locate();
    // From an item that is not in the list, one step leads into it.
    const target = this.position < 0 ? 0 : this.position + steps;
    return (await this.#pages.fetch(target))?.index;
  }

  #update() {
    const { total } = this.#pages;
    if (total !== null) {
      const count = t('items.count', { n: total });
      this.#note.textContent = [count, orderText(this.query)].filter(Boolean).join(' · ');
    }
    this.#rows.setCount(this.#pages.count);
    this.emit('change');
  }

  /** @param {number} row */
  #drawRow(row) {
    const item = this.#pages.item(row);
    if (!item) return h('div', { class: 'strip-row note' }, '…');
    const name = shortName(item.custom_id ?? item.image_id);
    const isCurrent = item.index === this.#index;
    return h(
      'button',
      {
        type: 'button',
        class: 'strip-row',
        title: item.custom_id ?? item.image_id,
        'aria-current': isCurrent ? 'true' : null,
        onclick: () => this.emit('open', item.index),
      },
      h('span', { class: 'note index' }, number(row + 1)),
      thumbnail(imagePath(item.image_id, 'thumbnail')),
      h('span', { class: 'name' }, name),
    );
  }
}

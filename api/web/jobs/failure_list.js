/** The latest failed items of a job, each with its cause. */

import { listItems } from '../lib/api/client.js';
import { fill, h } from '../lib/element.js';
import { t } from '../lib/i18n.js';
import { shortName } from '../lib/names.js';
import { explain } from '../lib/problem.js';
import { failureNote } from '../lib/recovery.js';
import { link } from '../lib/route.js';

/** @typedef {import('../lib/api/schemas.js').Item} Item */

const SHOWN = 5;
const LOAD_DELAY_MS = 500;

export class FailureList {
  #count = 0;
  #timer = 0;
  /** Counts the loads, whose answers may overtake each other. */
  #loads = 0;
  #job;
  #title = h('h2');
  #list = h('ul');

  /** @param {string} job */
  constructor(job) {
    this.#job = job;
    this.element = h(
      'section',
      { class: 'failures', hidden: true, role: 'status' },
      this.#title,
      this.#list,
    );
  }

  /** @param {number} count of failed items */
  setCount(count) {
    this.element.hidden = count === 0;
    fill(this.#title, t('failures.title', { n: count }));
    if (count !== this.#count) this.reload();
    this.#count = count;
  }

  /** Load the list again, at most once per `LOAD_DELAY_MS`. */
  reload() {
    this.#timer ||= setTimeout(() => this.#load(), LOAD_DELAY_MS);
  }

  async #load() {
    this.#timer = 0;
    const query = { state: 'failed', limit: SHOWN };
    this.#loads += 1;
    const load = this.#loads;
    try {
      const { items } = await listItems(this.#job, query);
      if (load < this.#loads) return;
      fill(
        this.#list,
        items.map((item) => this.#row(item)),
      );
    } catch (error) {
      if (load < this.#loads) return;
      const note = failureNote(error, () => this.reload());
      fill(this.#list, h('li', {}, note));
    }
  }

  /** @param {Item} item */
  #row({ index, image_id: imageId, custom_id: customId, error }) {
    return h(
      'li',
      {},
      h(
        'a',
        {
          href: link('segment', { job: this.#job, item: index, items: 'failed' }),
          title: customId ?? imageId,
        },
        shortName(customId ?? imageId),
      ),
      ' ',
      h('span', {}, explain(error ?? { code: 'item_error' })),
    );
  }
}

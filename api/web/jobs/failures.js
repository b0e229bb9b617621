/** The latest failures of a job, each with its cause. */

import { fill, h } from '../element.js';
import { get } from '../http.js';
import { explain } from '../problem.js';
import { link } from '../route.js';
import { t } from '../words.js';

const SHOWN = 5;
const PAUSE_MS = 500;

export class Failures {
  #count = 0;
  #timer = 0;

  /** @param {string} job */
  constructor(job) {
    this.job = job;
    this.list = h('ul');
    this.title = h('h2');
    this.element = h('section', { class: 'failures', hidden: true, role: 'status' }, this.title, this.list);
  }

  /** @param {number} count of failures that the job has now */
  update(count) {
    this.element.hidden = count === 0;
    fill(this.title, t('failures.title', { n: count }));
    if (count !== this.#count) this.hasNew();
    this.#count = count;
  }

  /** Somebody said that there is a new one. */
  hasNew() {
    this.#timer ||= setTimeout(() => this.#load(), PAUSE_MS);
  }

  async #load() {
    this.#timer = 0;
    const { items } = await get(`v1/jobs/${this.job}/items`, { state: 'failed', limit: SHOWN }).catch(() => ({
      items: [],
    }));
    fill(
      this.list,
      items.map(({ index, image_id: image, custom_id: own, error }) =>
        h(
          'li',
          {},
          h('a', { href: link('segment', { job: this.job, item: index }) }, own ?? image),
          ' ',
          h('span', {}, explain(error ?? { code: 'item_error' })),
        ),
      ),
    );
  }
}

/** The menu of a job that chooses a second model to compare it with. */

import { listModels } from '../lib/api/client.js';
import { modelOptions } from '../lib/controls/model_options.js';
import { fill, h } from '../lib/element.js';
import { Emitter } from '../lib/emitter.js';
import { t } from '../lib/i18n.js';
import { fullName } from '../lib/names.js';
import { notify } from '../lib/notice.js';
import { explain } from '../lib/problem.js';
import { untilAnswered } from '../lib/recovery.js';
import { requestOther } from './other_job.js';

/** @typedef {import('../lib/api/schemas.js').Job} Job */

/** @extends {Emitter<{open: [other: string]}>} `open`: the id of the job with the second model */
export class ComparisonMenu extends Emitter {
  #isLoaded = false;
  #closing = new AbortController();

  constructor() {
    super();
    this.element = h('select', { hidden: true, 'aria-label': t('compare.with') });
  }

  close() {
    this.#closing.abort();
  }

  /** @param {Job} job which is shown */
  async show(job) {
    // Masks of a job that runs are compared when all are there.
    this.element.hidden = job.finished_at === null || this.element.length < 2;
    if (this.#isLoaded || job.finished_at === null) return;
    this.#isLoaded = true;
    const { signal } = this.#closing;
    const { models } = await untilAnswered(() => listModels(signal), signal).catch(() => ({
      models: [],
    }));
    const others = models.filter((model) => fullName(model) !== job.model);
    fill(this.element, h('option', { value: '' }, t('compare.with')), modelOptions(others));
    this.element.hidden = others.length === 0;
    this.element.onchange = () => this.#choose(job);
  }

  /** @param {Job} job */
  async #choose(job) {
    const model = this.element.value;
    this.element.value = '';
    if (!model) return;
    this.element.disabled = true;
    try {
      const other = await requestOther(job, model);
      // The user may have gone elsewhere meanwhile, and stays there.
      if (!this.#closing.signal.aborted) this.emit('open', other);
    } catch (error) {
      notify(explain(error));
    }
    this.element.disabled = false;
  }
}

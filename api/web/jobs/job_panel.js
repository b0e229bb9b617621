/** One job: its progress as it comes, what can be done with it, its failures and its items. */

import { downloadLink, downloadMenu, exportForms, formName, maskFilename } from '../download.js';
import { fill, h } from '../element.js';
import { call } from '../http.js';
import { notify } from '../notice.js';
import { explain, problemNote } from '../problem.js';
import { link } from '../route.js';
import { segmented } from '../segment/toolbar.js';
import { t, when } from '../words.js';
import { badge } from './badge.js';
import { CategoryScores } from './category_scores.js';
import { FailedItems } from './failed_items.js';
import { Failures } from './failures.js';
import { OrderedItems } from './item_sources.js';
import { ItemTable } from './item_table.js';
import { JobWatch } from './job_watch.js';
import { Progress } from './progress.js';
import { ScoreSample } from './score_sample.js';

export class JobPanel {
  /**
   * @param {string} id @param {import('../taxonomy.js').Taxonomy} taxonomy
   * @param {string} order of the items: `all`, `worst` or `failed`
   * @param {(order: string) => void} tellOrder
   */
  constructor(id, taxonomy, order, tellOrder) {
    this.id = id;
    this.order = order;
    this.watch = new JobWatch(id);
    this.sample = new ScoreSample(id);
    this.progress = new Progress();
    this.failures = new Failures(id);
    this.scores = new CategoryScores(taxonomy);
    this.table = new ItemTable(id, taxonomy);
    this.title = h('h1');
    this.facts = h('p', { class: 'note' });
    this.problem = h('div', { hidden: true });
    this.cancel = h('button', { type: 'button', onclick: () => this.#act('cancel') }, t('job.cancel'));
    this.retry = h('button', { type: 'button', class: 'primary', onclick: () => this.#act('retry') });
    this.orders = segmented(
      'items.order',
      [
        ['all', 'items.all'],
        ['worst', 'items.worst'],
        ['failed', 'items.failed'],
      ],
      (chosen) => {
        tellOrder(chosen);
        this.#setOrder(chosen);
      },
    );
    this.element = h(
      'article',
      { class: 'job' },
      h('a', { class: 'back', href: link('jobs') }, t('jobs.back')),
      h(
        'div',
        { class: 'heading' },
        h('div', { class: 'names' }, this.title, this.facts),
        h('div', { class: 'actions' }, this.cancel, this.retry, this.#exports()),
      ),
      this.problem,
      this.progress.element,
      this.scores.element,
      this.failures.element,
      h('div', { class: 'itemsbar' }, h('h2', {}, t('items.title')), this.orders.element),
      this.table.empty,
      this.table.element,
    );
    this.watch.addEventListener('job', () => this.#show());
    this.watch.addEventListener('item', ({ detail }) => this.#item(detail));
    this.watch.addEventListener('problem', ({ detail }) => notify(explain(detail)));
    this.sample.addEventListener('change', () => this.#showScores());
    this.#start();
  }

  close() {
    for (const part of [this.watch, this.sample, this.table]) part.close();
  }

  async #start() {
    try {
      await this.watch.start();
    } catch (error) {
      if (error.name !== 'AbortError')
        fill(this.element, h('a', { class: 'back', href: link('jobs') }, t('jobs.back')), problemNote(error));
    }
  }

  #show() {
    const { job } = this.watch;
    const { counts } = job;
    fill(this.title, job.name ?? t('jobs.unnamed', { id: job.id.slice(-6) }), ' ', badge(job.state));
    fill(this.facts, `${job.model} · ${t(`lane.${job.lane}`)} · ${when(job.created_at)}`);
    fill(this.problem, job.error && problemNote(job.error));
    this.problem.hidden = !job.error;
    this.cancel.hidden = !this.watch.isOpen;
    this.retry.hidden = this.watch.isOpen || counts.failed + counts.canceled === 0;
    fill(this.retry, t(counts.canceled ? 'job.resume' : 'job.retry'));
    if (job.scores) this.sample.update(job);
    this.scores.show(job.scores);
    this.failures.update(counts.failed);
    this.#showScores();
    const isFirst = !this.table.source;
    const wasWorst = this.order === 'worst' && !job.scores;
    if (isFirst) this.#setOrder(wasWorst ? 'all' : this.order);
    else this.table.source.update(job);
    this.orders.element.querySelector('[data-value="worst"]').hidden = !job.scores;
    this.orders.element.querySelector('[data-value="failed"]').hidden = counts.failed === 0;
  }

  #showScores() {
    this.progress.show(this.watch.job, this.watch.job.scores && this.sample.interval());
  }

  #item({ index, state }) {
    this.table.source?.touch(index);
    if (state === 'failed') this.failures.hasNew();
  }

  #setOrder(order) {
    this.order = order;
    this.orders.set(order);
    const { total } = this.watch.job.counts;
    const sources = {
      worst: () => this.sample,
      failed: () => new FailedItems(this.watch.job),
      all: () => new OrderedItems(this.id, total),
    };
    this.table.show((sources[order] ?? sources.all)());
  }

  async #act(action) {
    this[action].disabled = true;
    try {
      await call(`v1/jobs/${this.id}/${action}`, { method: 'POST' });
      // A retry opens the job again, so it is followed again.
      if (action === 'retry') await this.watch.start();
    } catch (error) {
      notify(explain(error));
    }
    this[action].disabled = false;
  }

  #exports() {
    return downloadMenu(t('job.export'), async () => {
      const { each, whole } = await exportForms(this.watch.job);
      const path = `v1/jobs/${this.id}`;
      return [
        downloadLink(`${path}/archive.zip`, `${this.id}.zip`, t('job.archive')),
        downloadLink(`${path}/results.jsonl`, `${this.id}.jsonl`, t('job.results')),
        h('p', { class: 'note' }, t('job.document')),
        ...whole.map((form) =>
          downloadLink(
            `${path}/annotations?format=${form}`,
            maskFilename(this.id, form),
            formName(form),
          ),
        ),
        h('p', { class: 'note' }, t('job.archives')),
        ...each
          .filter((form) => form !== 'png' && !whole.includes(form))
          .map((form) =>
            downloadLink(
              `${path}/archive.zip?format=${form}`,
              `${this.id}.${form}.zip`,
              formName(form),
            ),
          ),
      ];
    });
  }
}

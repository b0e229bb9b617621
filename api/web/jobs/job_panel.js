/** One job: its live progress, actions, exports, failures and items. */

import { ComparisonMenu } from '../comparison/comparison_menu.js';
import { JobComparison } from '../comparison/job_comparison.js';
import { ItemGallery } from '../gallery/item_gallery.js';
import { SelectionBar } from '../gallery/selection_bar.js';
import { changeJob } from '../lib/api/client.js';
import { isAbort } from '../lib/api/http.js';
import { eraseButton } from '../lib/controls/erase_button.js';
import { SegmentedControl } from '../lib/controls/segmented_control.js';
import { fill, h } from '../lib/element.js';
import { Emitter } from '../lib/emitter.js';
import { downloadMenu } from '../lib/files/download.js';
import { dateTime, percent, t } from '../lib/i18n.js';
import { shortModel } from '../lib/names.js';
import { notify } from '../lib/notice.js';
import { explain, problemNote } from '../lib/problem.js';
import { failureNote } from '../lib/recovery.js';
import { link } from '../lib/route.js';
import { shareMenu } from '../lib/share/share_menu.js';
import { jobSnippets } from '../lib/share/snippets.js';
import { EndNotice } from './end_notice.js';
import { exportLinks } from './export_links.js';
import { FailureList } from './failure_list.js';
import { ItemFilters } from './item_filters.js';
import { ItemTable } from './item_table.js';
import { jobName } from './job_list.js';
import { JobProgress } from './job_progress.js';
import { isOpen, JobWatcher } from './job_watcher.js';
import { ScoreReport } from './score_report.js';
import { stateBadge } from './state_badge.js';

/** @typedef {import('../lib/api/schemas.js').Job} Job */
/** @typedef {import('../items/item_query.js').ItemQuery} ItemQuery */
/** @typedef {'list' | 'gallery'} Layout of the items */

/**
 * `leave`: an item is opened from the list; `compare`: with another job, by its id.
 * @extends {Emitter<{compare: [other: string], erased: [], job: [job: Job], query: [query: ItemQuery, layout: Layout], leave: [query: ItemQuery, layout: Layout, index: number]}>}
 */
export class JobPanel extends Emitter {
  #id;
  /** @type {Job | null} */
  #job = null;
  /** @type {number | null} the item to scroll to first */
  #at;
  #watcher;
  #progress = new JobProgress();
  #failures;
  #report;
  #table;
  #gallery;
  #selection;
  #filters;
  /** @type {SegmentedControl<Layout>} */
  #layout;
  /** @type {Layout} */
  #shownLayout;
  #bell = new EndNotice();
  #comparisons = new ComparisonMenu();
  /** @type {JobComparison | null} */
  #comparison = null;
  #compared = h('div', { hidden: true });
  #taxonomy;
  #with;
  #title = h('h1');
  #facts = h('p', { class: 'note' });
  #problem = h('div', { hidden: true });
  #connection = h('div', { hidden: true });
  #cancel = h('button', { type: 'button' }, t('job.cancel'));
  #retry = h('button', { type: 'button' });

  /**
   * @param {string} id
   * @param {import('../lib/taxonomy.js').Taxonomy} taxonomy
   * @param {ItemQuery} query of the items
   * @param {{at: number | null, layout: string, other: string}} place `at`: index of the item to
   * scroll to; `other`: id of the job to compare with
   */
  constructor(id, taxonomy, query, { at, layout, other }) {
    super();
    this.#taxonomy = taxonomy;
    this.#with = other;
    this.#id = id;
    this.#at = at;
    this.#watcher = new JobWatcher(id);
    this.#failures = new FailureList(id);
    this.#report = new ScoreReport(id, taxonomy);
    this.#table = new ItemTable(id, taxonomy);
    this.#gallery = new ItemGallery(id, taxonomy);
    this.#selection = new SelectionBar({
      selectAll: () => this.#gallery.selectAll(),
      clearSelection: () => this.#gallery.clearSelection(),
    });
    this.#filters = new ItemFilters(query, taxonomy);
    this.#shownLayout = layout === 'gallery' ? 'gallery' : 'list';
    this.#layout = new SegmentedControl(
      t('items.layout'),
      [
        ['list', t('items.layout.list')],
        ['gallery', t('items.layout.gallery')],
      ],
      (chosen) => this.#setLayout(chosen),
    );
    this.element = h('article', { class: 'job' });
    this.#draw();
    this.#filters.on('change', (changed) => {
      this.emit('query', changed, this.#shownLayout);
      if (this.#job) this.#list.show(changed, this.#job, null);
    });
    this.#gallery.on('select', (items) => this.#selection.show(items, this.#job));
    this.#selection.on('erased', () => this.#list.pages?.reload());
    this.#gallery.on('open', (index) => this.emit('leave', this.#filters.query, 'gallery', index));
    this.#table.on('open', (index) => this.emit('leave', this.#filters.query, 'list', index));
    this.#comparisons.on('open', (chosen) => this.emit('compare', chosen));
    this.#cancel.addEventListener('click', () => this.#act('cancel', this.#cancel));
    this.#retry.addEventListener('click', () => this.#act('retry', this.#retry));
    this.#watcher.on('job', (job) => this.#show(job));
    this.#watcher.on('item', (index, state) => {
      this.#list.pages?.itemChanged(index);
      if (state === 'failed') this.#failures.reload();
    });
    this.#watcher.on('connection', (error) => {
      this.#connection.hidden = !error;
      fill(this.#connection, error !== null && failureNote(error, () => this.#start()));
    });
    this.#watcher.on('failure', (error) => notify(explain(error)));
    this.#report.on('change', (report) => {
      if (this.#job) this.#progress.show(this.#job, report);
    });
    this.#start();
  }

  close() {
    const parts = [this.#watcher, this.#table, this.#gallery, this.#filters, this.#report];
    for (const part of parts) part.close();
    this.#comparison?.close();
    this.#comparisons.close();
  }

  #draw() {
    const exports = downloadMenu(t('job.export'), () => exportLinks(this.#id, this.#job));
    const share = shareMenu(() => jobSnippets(this.#id));
    const remove = eraseButton(
      () => this.#job && { kind: 'jobs', id: this.#id, name: jobName(this.#job) },
      () => this.emit('erased'),
    );
    const own = [this.#bell.element, this.#cancel, this.#retry, this.#comparisons.element];
    const actions = [...own, share, exports, remove];
    fill(
      this.element,
      backLink(),
      h(
        'div',
        { class: 'heading' },
        h('div', { class: 'names' }, this.#title, this.#facts),
        h('div', { class: 'actions' }, actions),
      ),
      this.#problem,
      this.#connection,
      this.#progress.element,
      this.#compared,
      this.#report.element,
      this.#failures.element,
      h(
        'div',
        { class: 'items-header' },
        h('h2', {}, t('items.title')),
        h(
          'div',
          { class: 'actions' },
          this.#gallery.tools,
          this.#selection.all,
          this.#layout.element,
        ),
        this.#filters.element,
      ),
      this.#selection.element,
      this.#table.note,
      this.#gallery.note,
      this.#table.element,
      this.#gallery.element,
    );
    this.#showLayout();
  }

  /** What shows the items: the table or the gallery. */
  get #list() {
    return this.#shownLayout === 'gallery' ? this.#gallery : this.#table;
  }

  /** @param {Layout} layout */
  #setLayout(layout) {
    this.#shownLayout = layout;
    this.#showLayout();
    this.emit('query', this.#filters.query, layout);
    if (this.#job) this.#list.show(this.#filters.query, this.#job, null);
  }

  #showLayout() {
    const isGallery = this.#shownLayout === 'gallery';
    this.#layout.set(this.#shownLayout);
    this.element.classList.toggle('as-gallery', isGallery);
    for (const part of [this.#table.element, this.#table.note]) part.hidden = isGallery;
    const ofGallery = [this.#gallery.element, this.#gallery.note, this.#gallery.tools];
    for (const part of [...ofGallery, this.#selection.all]) part.hidden = !isGallery;
  }

  async #start() {
    try {
      await this.#watcher.start();
    } catch (error) {
      if (isAbort(error)) return;
      if (this.#job) notify(explain(error));
      else {
        const retry = () => {
          this.#draw();
          this.#start();
        };
        fill(this.element, backLink(), failureNote(error, retry));
      }
    }
  }

  /** @param {Job} job */
  #show(job) {
    const isFirst = this.#job === null;
    const { counts } = job;
    this.#job = job;
    this.#connection.hidden = true;
    fill(this.#title, jobName(job), ' ', stateBadge(job.state));
    this.#title.title = job.id;
    const model = h('span', { title: job.model }, shortModel(job.model));
    fill(this.#facts, model, ` · ${t(`lane.${job.lane}`)} · ${dateTime(job.created_at)}`);
    fill(this.#problem, job.error && problemNote(job.error));
    this.#problem.hidden = !job.error;
    this.#cancel.hidden = !isOpen(job);
    this.#retry.hidden = isOpen(job) || counts.failed + counts.canceled === 0;
    this.#retry.classList.toggle('primary', counts.canceled > 0);
    fill(this.#retry, t(counts.canceled ? 'job.resume' : 'job.retry'));
    document.title = `${tabTitle(job)} · Roadmask`;
    this.#bell.show(job);
    this.#comparisons.show(job);
    if (this.#with && !this.#comparison && !isOpen(job)) {
      this.#comparison = new JobComparison(job, this.#with, this.#taxonomy);
      fill(this.#compared, this.#comparison.element);
      this.#compared.hidden = false;
    }
    this.#report.show(job);
    this.#table.setJob(job);
    this.#failures.setCount(counts.failed);
    this.#progress.show(job, this.#report.report);
    this.#filters.offer(job);
    if (isFirst) this.#list.show(this.#filters.query, job, this.#at);
    else this.#list.pages?.jobChanged(job);
    this.emit('job', job);
  }

  /**
   * @param {'cancel' | 'retry'} action
   * @param {HTMLButtonElement} button
   */
  async #act(action, button) {
    button.disabled = true;
    try {
      await changeJob(this.#id, action);
      // A retry opens the job again, so it has to be watched again.
      if (action === 'retry') await this.#watcher.start();
    } catch (error) {
      notify(explain(error));
    }
    button.disabled = false;
  }
}

/**
 * The progress and the name of a job, for the tab.
 * @param {Job} job
 */
function tabTitle(job) {
  return isOpen(job) ? `${percent(job.progress, 0)} · ${jobName(job)}` : jobName(job);
}

function backLink() {
  return h('a', { class: 'back', href: link('jobs') }, t('jobs.back'));
}

/** The view "Jobs": the history beside one job, or the form for a new batch. */

import { linkQuery, readItemQuery } from '../items/item_query.js';
import { fillKeepingFocus, h } from '../lib/element.js';
import { t } from '../lib/i18n.js';
import { link, navigate, replaceLink } from '../lib/route.js';
import { loadTaxonomy } from '../lib/taxonomy.js';
import { JobForm } from './job_form.js';
import { JobList } from './job_list.js';
import { JobPanel } from './job_panel.js';

/**
 * @param {HTMLElement} root
 * @param {URLSearchParams} query
 * @returns {Promise<import('../app.js').View>}
 */
export async function openJobs(root, query) {
  return new JobsView(root, query, await loadTaxonomy());
}

class JobsView {
  #taxonomy;
  #list;
  #detail = h('div', { class: 'detail', tabIndex: -1 });
  #frame;
  /** @type {JobPanel | JobForm | null} */
  #panel = null;
  /** @type {string | null} a job's id and its item query, `new` for the form, empty for neither */
  #shown = null;

  /**
   * @param {HTMLElement} root
   * @param {URLSearchParams} query
   * @param {import('../lib/taxonomy.js').Taxonomy} taxonomy
   */
  constructor(root, query, taxonomy) {
    this.#taxonomy = taxonomy;
    this.#list = new JobList(query.get('lane') ?? 'batch');
    this.#frame = h('div', { class: 'jobs' }, this.#list.element, this.#detail);
    root.append(this.#frame);
    this.update(query);
  }

  close() {
    this.#panel?.close();
    this.#panel = null;
    this.#list.close();
  }

  /** @param {URLSearchParams} query of a link to this view */
  update(query) {
    const job = query.get('job') ?? '';
    const items = JSON.stringify(readItemQuery(query));
    const wanted = job
      ? `${job} ${items} ${query.get('with') ?? ''}`
      : query.has('new')
        ? 'new'
        : '';
    if (wanted === this.#shown) return;
    this.#shown = wanted;
    document.title = `${t('nav.jobs')} · Roadmask`;
    this.#panel?.close();
    this.#panel = this.#openPanel(query);
    this.#frame.classList.toggle('has-detail', this.#panel !== null);
    fillKeepingFocus(this.#detail, this.#panel?.element ?? welcome());
    this.#list.setCurrent(job);
  }

  /** @param {URLSearchParams} query */
  #openPanel(query) {
    const job = query.get('job');
    if (!job) return query.has('new') ? new JobForm(query.get('dataset') ?? '') : null;
    const at = query.has('at') ? Number(query.get('at')) : null;
    const layout = query.get('layout') ?? '';
    const other = query.get('with') ?? '';
    const panel = new JobPanel(job, this.#taxonomy, readItemQuery(query), { at, layout, other });
    panel.on('compare', (chosen) => navigate(link('jobs', { job, with: chosen })));
    panel.on('job', (changed) => this.#list.update(changed));
    panel.on('erased', () => {
      this.#list.remove(job);
      // The user may look at another job by now.
      if (panel === this.#panel) navigate(link('jobs'));
    });
    panel.on('query', (items, shown) => replaceLink(listLink(job, items, shown, null, other)));
    // Back returns to the row that was left.
    panel.on('leave', (items, shown, index) =>
      replaceLink(listLink(job, items, shown, index, other)),
    );
    return panel;
  }
}

/**
 * @param {string} job
 * @param {import('../items/item_query.js').ItemQuery} items
 * @param {import('./job_panel.js').Layout} layout
 * @param {number | null} at index of the item to scroll to
 * @param {string} other id of the job that it is compared with
 */
function listLink(job, items, layout, at, other) {
  const shown = layout === 'gallery' ? layout : null;
  return link('jobs', { job, ...linkQuery(items), layout: shown, at, with: other });
}

function welcome() {
  return h(
    'div',
    { class: 'no-job' },
    h('h1', {}, t('jobs.title')),
    h('p', {}, t('jobs.text')),
    h('a', { class: 'button primary', href: link('jobs', { new: 1 }) }, t('jobs.new')),
  );
}

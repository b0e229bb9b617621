/** The view "Jobs": the history beside one job, or the form for a new one. */

import { h, refill } from '../element.js';
import { link, note } from '../route.js';
import { loadTaxonomy } from '../taxonomy.js';
import { t } from '../words.js';
import { JobForm } from './job_form.js';
import { JobList } from './job_list.js';
import { JobPanel } from './job_panel.js';

/**
 * @param {HTMLElement} root
 * @param {URLSearchParams} query
 */
export async function openJobs(root, query) {
  const taxonomy = await loadTaxonomy();
  const list = new JobList(query.get('lane') ?? 'batch');
  const detail = h('div', { class: 'detail', tabIndex: -1 });
  const frame = h('div', { class: 'jobs' }, list.element, detail);
  /** @type {JobPanel | JobForm | null} */
  let part = null;
  let asked = '';

  const show = (wanted) => {
    const job = wanted.get('job');
    const next = job ?? (wanted.has('new') ? 'new' : '');
    if (part && next === asked) return;
    asked = next;
    part?.close();
    if (job) {
      const panel = new JobPanel(job, taxonomy, wanted.get('items') ?? 'all', (items) =>
        note(link('jobs', { job, items })),
      );
      panel.watch.addEventListener('job', () => list.put(panel.watch.job));
      part = panel;
    } else if (next === 'new') part = new JobForm(wanted.get('dataset') ?? '');
    else part = null;
    frame.classList.toggle('chosen', Boolean(part));
    refill(
      detail,
      part?.element ??
        h(
          'div',
          { class: 'welcome' },
          h('h1', {}, t('jobs.title')),
          h('p', {}, t('jobs.text')),
          h('a', { class: 'button primary', href: link('jobs', { new: 1 }) }, t('jobs.new')),
        ),
    );
    list.setCurrent(job ?? '');
  };

  root.append(frame);
  show(query);
  return {
    update: show,
    close() {
      part?.close();
      list.close();
    },
  };
}

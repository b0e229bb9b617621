/** Two models over the images of a job: their scores side by side, and where their masks differ. */

import { getDisagreement, imagePath } from '../lib/api/client.js';
import { isAbort } from '../lib/api/http.js';
import { fill, h } from '../lib/element.js';
import { number, percent, t } from '../lib/i18n.js';
import { baseName, shortModel } from '../lib/names.js';
import { failureNote } from '../lib/recovery.js';
import { link } from '../lib/route.js';
import { categoryColor, categoryName, swatch } from '../lib/taxonomy.js';
import { thumbnail } from '../lib/thumbnail.js';
import { waitForJob } from './other_job.js';

/** @typedef {import('../lib/api/schemas.js').ItemDisagreement} ItemDisagreement */
/** @typedef {import('../lib/api/schemas.js').Job} Job */
/** @typedef {import('../lib/taxonomy.js').Category} Category */

const SHOWN = 24;

export class JobComparison {
  #closing = new AbortController();
  #job;
  #taxonomy;
  /** @type {ItemDisagreement[]} */
  #items = [];
  /** @type {number[][]} pixels: rows are the categories in this job, columns those in the other */
  #counts;
  #status = h('p', { class: 'note', role: 'status' });
  #summary = h('p', { class: 'comparison-summary' });
  #table = h('div', { class: 'table-scroll', tabIndex: 0, role: 'group' });
  #list = h('ul', { class: 'disagreements' });
  #title = h('h2', {}, t('compare.title'));

  /**
   * @param {Job} job
   * @param {string} other id of the other job
   * @param {import('../lib/taxonomy.js').Taxonomy} taxonomy
   */
  constructor(job, other, taxonomy) {
    this.#job = job;
    this.#taxonomy = taxonomy;
    this.#counts = taxonomy.categories.map(() => taxonomy.categories.map(() => 0));
    this.#table.setAttribute('aria-label', t('compare.title'));
    this.element = h(
      'section',
      { class: 'card comparison' },
      this.#title,
      this.#status,
      this.#summary,
      this.#table,
      this.#list,
    );
    this.#load(other);
  }

  close() {
    this.#closing.abort();
  }

  /** @param {string} id of the other job */
  async #load(id) {
    const { signal } = this.#closing;
    try {
      const onProgress = (/** @type {Job} */ running) => {
        const model = shortModel(running.model);
        this.#status.textContent = t('compare.running', {
          model,
          progress: percent(running.progress, 0),
        });
      };
      const other = await waitForJob(id, onProgress, signal);
      const models = { one: shortModel(this.#job.model), other: shortModel(other.model) };
      fill(this.#title, t('compare.models', models));
      /** @type {string | null} */
      let cursor = '0';
      this.#items = [];
      for (const row of this.#counts) row.fill(0);
      while (cursor !== null) {
        const page = await getDisagreement(this.#job.id, { other: id, cursor }, signal);
        this.#add(page);
        cursor = page.next;
        const done = cursor === null ? this.#job.counts.total : Number(cursor);
        this.#show(other, done);
      }
    } catch (error) {
      if (isAbort(error)) return;
      fill(
        this.#status,
        failureNote(error, () => this.#load(id)),
      );
    }
  }

  /** @param {import('../lib/api/schemas.js').DisagreementPage} page */
  #add({ items, counts }) {
    this.#items.push(...items);
    for (const [row, cells] of counts.entries()) {
      const sums = this.#counts[row];
      if (sums)
        for (const [column, pixels] of cells.entries()) sums[column] = (sums[column] ?? 0) + pixels;
    }
  }

  /**
   * @param {Job} other
   * @param {number} done items that were compared
   */
  #show(other, done) {
    const { total } = this.#job.counts;
    const isWhole = done >= total;
    this.#status.textContent = isWhole
      ? t('compare.done', { n: this.#items.length })
      : t('compare.progress', { done, n: total });
    const sum = this.#counts.flat().reduce((all, pixels) => all + pixels, 0);
    const same = this.#counts.reduce((all, row, index) => all + (row[index] ?? 0), 0);
    this.#summary.textContent = sum ? t('compare.agree', { share: percent(same / sum) }) : '';
    fill(this.#table, this.#scores(other));
    const worst = [...this.#items].sort((one, two) => two.share - one.share).slice(0, SHOWN);
    fill(
      this.#list,
      worst.map((item) => this.#row(item, other.model)),
    );
  }

  /** @param {Job} other */
  #scores(other) {
    const hasScores = this.#job.scores !== null && other.scores !== null;
    const one = shortModel(this.#job.model);
    const two = shortModel(other.model);
    const titles = [
      t('legend.category'),
      t('compare.share', { model: one }),
      t('compare.share', { model: two }),
      t('compare.overlap'),
      ...(hasScores
        ? [t('compare.iou', { model: one }), t('compare.iou', { model: two }), t('compare.change')]
        : []),
    ];
    return h(
      'table',
      { class: hasScores ? 'scored' : '' },
      h(
        'thead',
        {},
        h(
          'tr',
          {},
          titles.map((title, at) => h('th', { scope: 'col', class: at ? 'number' : '' }, title)),
        ),
      ),
      h(
        'tbody',
        {},
        this.#taxonomy.categories.map((category) => this.#score(category, other, hasScores)),
        hasScores && meanRow(this.#job, other),
      ),
    );
  }

  /**
   * @param {Category} category
   * @param {Job} other
   * @param {boolean} hasScores
   */
  #score(category, other, hasScores) {
    const { index, name } = category;
    const sum = this.#counts.flat().reduce((all, pixels) => all + pixels, 0) || 1;
    const ours = (this.#counts[index] ?? []).reduce((all, pixels) => all + pixels, 0);
    const theirs = this.#counts.reduce((all, row) => all + (row[index] ?? 0), 0);
    const both = this.#counts[index]?.[index] ?? 0;
    const union = ours + theirs - both;
    const label = h(
      'span',
      { class: 'category' },
      swatch(categoryColor(category)),
      categoryName(category),
    );
    return h(
      'tr',
      {},
      h('th', { scope: 'row' }, label),
      cell(percent(ours / sum)),
      cell(percent(theirs / sum)),
      cell(union ? percent(both / union) : '–'),
      hasScores &&
        scoreCells(
          this.#job.scores?.per_category[name]?.iou,
          other.scores?.per_category[name]?.iou,
        ),
    );
  }

  /**
   * @param {ItemDisagreement} item
   * @param {string} model the other one
   */
  #row({ index, image_id: image, custom_id: custom, share }, model) {
    const name = custom ?? image;
    const href = link('segment', {
      job: this.#job.id,
      item: index,
      with: model,
      show: 'disagreement',
    });
    return h(
      'li',
      {},
      h(
        'a',
        { href, title: name },
        thumbnail(imagePath(image, 'thumbnail')),
        h('span', { class: 'name' }, baseName(name)),
        h('b', {}, t('compare.differ', { share: percent(share) })),
      ),
    );
  }
}

/**
 * @param {Job} job
 * @param {Job} other
 */
function meanRow(job, other) {
  return h(
    'tr',
    { class: 'total' },
    h('th', { scope: 'row' }, t('progress.miou')),
    h('td', { colSpan: 3 }),
    scoreCells(job.scores?.mean_iou, other.scores?.mean_iou),
  );
}

/**
 * @param {number | null | undefined} one
 * @param {number | null | undefined} other
 */
function scoreCells(one, other) {
  const change = (other ?? NaN) - (one ?? NaN);
  const isSame = Math.abs(change) < 0.0005;
  const sign = isSame ? '' : change > 0 ? '+' : '−';
  const text = Number.isNaN(change) ? '–' : `${sign}${number(Math.abs(change) * 100, 1)}`;
  const kind = isSame || Number.isNaN(change) ? '' : change > 0 ? 'better' : 'worse';
  return [cell(percent(one)), cell(percent(other)), h('td', { class: `number ${kind}` }, text)];
}

/** @param {string} text */
function cell(text) {
  return h('td', { class: 'number' }, text);
}

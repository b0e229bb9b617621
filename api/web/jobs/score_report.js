/** The scores of a job by category, and which categories were taken for which. */

import { getScores } from '../lib/api/client.js';
import { fill, h } from '../lib/element.js';
import { Emitter } from '../lib/emitter.js';
import { number, percent, t } from '../lib/i18n.js';
import { failureNote } from '../lib/recovery.js';
import { categoryColor, categoryName, swatch } from '../lib/taxonomy.js';

/** @typedef {import('../lib/api/schemas.js').Job} Job */
/** @typedef {import('../lib/api/schemas.js').ScoreReport} Report */
/** @typedef {import('../lib/taxonomy.js').Category} Category */

const RELOAD_MS = 3000;
const SCORES = /** @type {const} */ (['iou', 'dice', 'accuracy']);

/** @extends {Emitter<{change: [report: Report]}>} */
export class ScoreReport extends Emitter {
  /** @type {Report | null} */
  report = null;
  #job;
  #taxonomy;
  #timer = 0;
  #succeeded = -1;
  /** Counts the loads, whose answers may overtake each other. */
  #loads = 0;
  #scores = h('tbody');
  #matrix = h('div', { class: 'table-scroll', tabIndex: 0, role: 'group' });

  /**
   * @param {string} job
   * @param {import('../lib/taxonomy.js').Taxonomy} taxonomy
   */
  constructor(job, taxonomy) {
    super();
    this.#job = job;
    this.#taxonomy = taxonomy;
    this.#matrix.setAttribute('aria-label', t('confusion.title'));
    const head = [t('legend.category'), ...SCORES.map((name) => t(`legend.${name}`))];
    this.element = h(
      'div',
      { class: 'report', hidden: true },
      h(
        'section',
        { class: 'card' },
        h('h2', {}, t('job.categories')),
        h(
          'table',
          { class: 'scores' },
          h(
            'thead',
            {},
            h(
              'tr',
              {},
              head.map((title, at) => h('th', { scope: 'col', class: at ? 'number' : '' }, title)),
            ),
          ),
          this.#scores,
        ),
      ),
      h(
        'section',
        { class: 'card' },
        h('h2', {}, t('confusion.title')),
        h('p', { class: 'note' }, t('confusion.text')),
        this.#matrix,
      ),
    );
  }

  close() {
    clearTimeout(this.#timer);
  }

  /** @param {Job} job as it is now */
  show(job) {
    const { scores, counts } = job;
    this.element.hidden = !scores;
    if (!scores) return;
    fill(
      this.#scores,
      this.#real.map((category) => {
        const score = scores.per_category[category.name];
        return h(
          'tr',
          {},
          header(category),
          SCORES.map((name) => h('td', { class: 'number' }, percent(score?.[name]))),
        );
      }),
    );
    if (counts.succeeded === this.#succeeded) return;
    const isFirst = this.#succeeded < 0 || job.finished_at !== null;
    this.#succeeded = counts.succeeded;
    if (isFirst) clearTimeout(this.#timer);
    if (isFirst || !this.#timer) {
      this.#timer = setTimeout(() => this.#load(), isFirst ? 0 : RELOAD_MS);
    }
  }

  get #real() {
    return this.#taxonomy.categories.filter(({ index }) => index !== this.#taxonomy.void);
  }

  async #load() {
    this.#timer = 0;
    this.#loads += 1;
    const load = this.#loads;
    try {
      const report = await getScores(this.#job);
      if (load < this.#loads) return;
      this.report = report;
      fill(this.#matrix, this.#table(report.confusion));
      this.emit('change', report);
    } catch (error) {
      if (load < this.#loads) return;
      fill(
        this.#matrix,
        failureNote(error, () => this.#load()),
      );
    }
  }

  /** @param {number[][]} confusion pixels: rows are the truth, columns the prediction */
  #table(confusion) {
    const real = this.#real;
    return h(
      'table',
      { class: 'confusion' },
      h(
        'thead',
        {},
        h(
          'tr',
          {},
          h('th', { scope: 'col' }, t('confusion.corner')),
          real.map((category) =>
            h('th', { scope: 'col', class: 'number' }, categoryName(category)),
          ),
        ),
      ),
      h(
        'tbody',
        {},
        real.map((truth) => {
          const row = confusion[truth.index] ?? [];
          const total = row.reduce((sum, pixels) => sum + pixels, 0);
          const cells = real.map((predicted) =>
            cell(truth, predicted, row[predicted.index] ?? 0, total),
          );
          return h('tr', {}, header(truth), cells);
        }),
      ),
    );
  }
}

/** @param {Category} category */
function header(category) {
  return h(
    'th',
    { scope: 'row' },
    h('span', { class: 'category' }, swatch(categoryColor(category)), categoryName(category)),
  );
}

/**
 * @param {Category} truth
 * @param {Category} predicted
 * @param {number} pixels
 * @param {number} total of the truth
 */
function cell(truth, predicted, pixels, total) {
  const share = total ? pixels / total : 0;
  const isRight = truth.index === predicted.index;
  const names = { truth: categoryName(truth), prediction: categoryName(predicted) };
  const title = t('confusion.cell', { ...names, share: percent(share), n: number(pixels) });
  const kind = isRight ? 'right' : 'wrong-share';
  return h(
    'td',
    { class: `number ${kind}`, style: { '--share': share }, title },
    total ? percent(share) : '–',
  );
}

/** The legend: each category with its colour, its shares, its scores, and a box to hide it. */

import { fill, h } from '../element.js';
import { percent, t } from '../words.js';
import { categoryName, swatch } from '../taxonomy.js';

export class Legend {
  /**
   * @param {import('../taxonomy.js').Taxonomy} taxonomy
   * @param {import('./look.js').Look} look
   */
  constructor(taxonomy, look) {
    this.taxonomy = taxonomy;
    this.look = look;
    this.body = h('tbody');
    this.head = h('tr');
    this.totals = h('dl', { class: 'figures' });
    this.element = h(
      'section',
      { class: 'legend', 'aria-label': t('legend.title') },
      h('div', { class: 'tablebox' }, h('table', {}, h('thead', {}, this.head), this.body)),
      this.totals,
    );
    this.set({});
  }

  /**
   * @param {{truth?: number[], prediction?: number[], scores?: any}} figures shares by index, and
   * scores as the API gives them
   */
  set({ truth, prediction, scores }) {
    const columns = [
      ['legend.category', ''],
      truth && ['legend.truth', 'number'],
      ['legend.prediction', 'number'],
      scores && ['legend.iou', 'number'],
      scores && ['legend.dice', 'number'],
      scores && ['legend.accuracy', 'number'],
    ].filter(Boolean);
    fill(
      this.head,
      columns.map(([words, kind]) => h('th', { scope: 'col', class: kind }, t(words))),
    );
    fill(
      this.body,
      this.taxonomy.categories.map((category) => {
        const score = scores?.per_category[category.name];
        return h(
          'tr',
          {},
          this.#box(category),
          truth && share(truth[category.index], category),
          share(prediction?.[category.index], category),
          scores &&
            ['iou', 'dice', 'accuracy'].map((name) => h('td', { class: 'number' }, percent(score?.[name]))),
        );
      }),
    );
    const totals = scores
      ? [
          ['accuracy', scores.accuracy],
          ['miou', scores.mean_iou],
          ['mdice', scores.mean_dice],
        ]
      : [];
    fill(
      this.totals,
      totals.map(([name, value]) =>
        h('div', {}, h('dt', {}, t(`score.${name}`)), h('dd', {}, percent(value))),
      ),
    );
    this.totals.hidden = !scores;
  }

  #box(category) {
    const box = h('input', {
      type: 'checkbox',
      id: `category-${category.index}`,
      checked: !this.look.hidden.has(category.index),
      onchange: () => this.look.toggle(category.index),
    });
    return h(
      'th',
      { scope: 'row' },
      h(
        'span',
        { class: 'category' },
        box,
        swatch(category),
        h('label', { for: box.id }, categoryName(category)),
      ),
    );
  }
}

function share(value, category) {
  const bar = h('span', {
    class: 'bar',
    style: { '--share': value ?? 0, '--color': `rgb(${category.color})` },
  });
  return h('td', { class: 'number share' }, percent(value), bar);
}

/** The scores of a job by category, folded away until somebody wants them. */

import { fill, h } from '../element.js';
import { categoryName, swatch } from '../taxonomy.js';
import { percent, t } from '../words.js';

export class CategoryScores {
  /** @param {import('../taxonomy.js').Taxonomy} taxonomy */
  constructor(taxonomy) {
    this.taxonomy = taxonomy;
    this.list = h('dl', { class: 'categories' });
    this.element = h(
      'details',
      { class: 'scores', hidden: true },
      h('summary', {}, t('job.categories')),
      this.list,
    );
  }

  /** @param {any} scores of the job, or null */
  show(scores) {
    this.element.hidden = !scores;
    if (!scores) return;
    fill(
      this.list,
      this.taxonomy.categories
        .filter(({ name }) => name in scores.per_category)
        .map((category) =>
          h(
            'div',
            {},
            h('dt', { class: 'category' }, swatch(category), categoryName(category)),
            h(
              'dd',
              {},
              t('job.category', {
                iou: percent(scores.per_category[category.name].iou),
                dice: percent(scores.per_category[category.name].dice),
                accuracy: percent(scores.per_category[category.name].accuracy),
              }),
            ),
          ),
        ),
    );
  }
}

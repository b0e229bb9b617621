/**
 * The legend: each category with its colour, shares and scores. A row highlights its category while
 * it is pointed at, hides it by its checkbox, or shows it alone.
 */

import { SegmentedControl } from '../lib/controls/segmented_control.js';
import { fill, h } from '../lib/element.js';
import { percent, t } from '../lib/i18n.js';
import { palette } from '../lib/palette.js';
import { categoryColor, categoryName, swatch } from '../lib/taxonomy.js';

/** @typedef {import('../lib/palette.js').PaletteName} PaletteName */
/** @typedef {import('../lib/taxonomy.js').Category} Category */
/** @typedef {import('../lib/api/schemas.js').Scores} Scores */
/** @typedef {{truth?: number[], prediction?: number[], other?: number[] | undefined, scores?: Scores | null}} Figures `truth`, `prediction`, `other`: shares by index */

const CATEGORY_SCORES = /** @type {const} */ (['iou', 'dice', 'accuracy']);

export class Legend {
  #head = h('tr');
  #body = h('tbody');
  /** @type {Map<number, {box: HTMLInputElement, solo: HTMLButtonElement}>} by category index */
  #controls = new Map();
  #taxonomy;
  #options;
  /** @type {SegmentedControl<PaletteName>} */
  #palette;

  /**
   * @param {import('../lib/taxonomy.js').Taxonomy} taxonomy
   * @param {import('./display_options.js').DisplayOptions} options
   */
  constructor(taxonomy, options) {
    this.#taxonomy = taxonomy;
    this.#options = options;
    this.#palette = new SegmentedControl(
      t('legend.palette'),
      [
        ['standard', t('legend.palette.standard')],
        ['safe', t('legend.palette.safe')],
      ],
      (name) => palette.choose(name),
    );
    this.element = h(
      'section',
      { class: 'legend', 'aria-label': t('legend.title') },
      h('div', { class: 'table-scroll' }, h('table', {}, h('thead', {}, this.#head), this.#body)),
      h(
        'div',
        { class: 'tool palette' },
        h('span', { class: 'note' }, t('legend.palette')),
        this.#palette.element,
      ),
    );
    this.show({});
    this.update();
  }

  /** Show the current display options. */
  update() {
    this.#palette.set(palette.name);
    const { hiddenCategories } = this.#options;
    const count = this.#taxonomy.categories.length;
    for (const [index, { box, solo }] of this.#controls) {
      box.checked = !hiddenCategories.has(index);
      solo.setAttribute('aria-pressed', String(this.#options.isSolo(index, count)));
    }
  }

  /** @param {Figures} figures those that are known so far */
  show(figures) {
    const { truth, other, scores } = figures;
    fill(
      this.#head,
      h('th', { scope: 'col' }, t('legend.category')),
      truth && numberHeader(t('legend.truth')),
      numberHeader(t('legend.prediction')),
      other && numberHeader(t('legend.other')),
      scores ? CATEGORY_SCORES.map((name) => numberHeader(t(`legend.${name}`), name)) : [],
    );
    fill(
      this.#body,
      this.#taxonomy.categories.map((category) => this.#row(category, figures)),
    );
    this.update();
  }

  /**
   * @param {Category} category
   * @param {Figures} figures
   */
  #row(category, { truth, prediction, other, scores }) {
    const { index, name } = category;
    const score = scores?.per_category[name];
    return h(
      'tr',
      {
        onpointerenter: () => this.#options.set({ highlighted: index }),
        onpointerleave: () => this.#options.set({ highlighted: null }),
      },
      this.#rowHeader(category),
      truth && shareCell(truth[index], category),
      shareCell(prediction?.[index], category),
      other && shareCell(other[index], category),
      scores
        ? CATEGORY_SCORES.map((each) =>
            h('td', { class: `number ${each}` }, percent(score?.[each])),
          )
        : [],
    );
  }

  /** @param {Category} category */
  #rowHeader(category) {
    const { index } = category;
    const name = categoryName(category);
    const box = h('input', {
      type: 'checkbox',
      id: `category-${index}`,
      onchange: () => this.#options.toggleCategory(index),
    });
    const label = t('legend.solo', { name });
    const solo = h(
      'button',
      {
        type: 'button',
        class: 'icon solo',
        title: label,
        'aria-label': label,
        onclick: () => this.#options.toggleSolo(index, this.#taxonomy.categories.length),
        onfocus: () => this.#options.set({ highlighted: index }),
        onblur: () => this.#options.set({ highlighted: null }),
      },
      '◎',
    );
    this.#controls.set(index, { box, solo });
    return h(
      'th',
      { scope: 'row' },
      h(
        'span',
        { class: 'category' },
        box,
        swatch(categoryColor(category)),
        h('label', { for: box.id }, name),
        solo,
      ),
    );
  }
}

/**
 * @param {string} title
 * @param {string} [column]
 */
function numberHeader(title, column = '') {
  return h('th', { scope: 'col', class: `number ${column}` }, title);
}

/**
 * @param {number | undefined} share
 * @param {Category} category
 */
function shareCell(share, category) {
  const bar = h('span', {
    class: 'bar',
    style: { '--share': share ?? 0, '--color': categoryColor(category) },
  });
  return h('td', { class: 'number share' }, percent(share), bar);
}

/** The categories of masks: their names and colours. */

import { getTaxonomy } from './api/client.js';
import { h } from './element.js';
import { hasText, t } from './i18n.js';
import { palette } from './palette.js';

/** @typedef {import('./api/schemas.js').CategoryInfo} Category */
/** @typedef {import('./api/schemas.js').TaxonomyInfo} Taxonomy */

/** @type {Promise<Taxonomy> | null} */
let taxonomy = null;

/** The service's taxonomy, fetched once. */
export function loadTaxonomy() {
  taxonomy ??= getTaxonomy()
    .then((loaded) => {
      palette.setCategories(loaded.categories);
      return loaded;
    })
    .catch((error) => {
      taxonomy = null;
      throw error;
    });
  return taxonomy;
}

/**
 * The name of a category in the user's language.
 * @param {{name: string}} category
 */
export function categoryName({ name }) {
  const key = `category.${name}`;
  return hasText(key) ? t(key) : name;
}

/** @typedef {import('./palette.js').Color} Color */

/**
 * The colour of a category as CSS, which follows the palette.
 * @param {Category} category
 */
export function categoryColor({ index }) {
  return `var(--category-${index})`;
}

/** @param {Color} color */
export function cssColor(color) {
  return `rgb(${color.join(' ')})`;
}

/**
 * A small square in a colour.
 * @param {string} color in CSS
 */
export function swatch(color) {
  const style = { '--color': color };
  return h('span', { class: 'swatch', 'aria-hidden': 'true', style });
}

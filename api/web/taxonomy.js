/** What the numbers in masks mean. */

import { h } from './element.js';
import { get } from './http.js';
import { has, t } from './words.js';

/** @typedef {{index: number, name: string, color: [number, number, number]}} Category */
/** @typedef {{name: string, void: number, categories: Category[]}} Taxonomy */

/** @type {Promise<Taxonomy> | null} */
let asked = null;

/** The service's taxonomy, asked for once. */
export function loadTaxonomy() {
  asked ??= get('v1/taxonomy').catch((error) => {
    asked = null;
    throw error;
  });
  return asked;
}

/**
 * A category's name in the reader's language.
 * @param {Category} category
 */
export function categoryName({ name }) {
  return has(`category.${name}`) ? t(`category.${name}`) : name;
}

/**
 * A category's colour as a little square.
 * @param {Category} category
 */
export function swatch({ color }) {
  return h('span', { class: 'swatch', 'aria-hidden': 'true', style: { '--color': `rgb(${color})` } });
}

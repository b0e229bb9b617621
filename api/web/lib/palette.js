/**
 * The colours of the categories: those of the taxonomy, or colours that eyes with any kind of
 * colour blindness tell apart. The choice is kept in the browser; a link may name another one.
 *
 * Elements use the CSS variables `--category-N`, canvases `colorOf`.
 */

import { Emitter } from './emitter.js';
import { local } from './storage.js';

/** @typedef {import('./api/schemas.js').CategoryInfo} Category */
/** @typedef {[red: number, green: number, blue: number]} Color each 0 to 255 */
/** @typedef {'standard' | 'safe'} PaletteName */

const STORAGE_KEY = 'roadmask-palette';

/**
 * Any two are at least 15 apart in CIELAB, also with protanopia, deuteranopia and tritanopia;
 * `tests/web/test_palette.py` computes it.
 * @type {Record<string, Color>}
 */
export const SAFE_COLORS = {
  void: [0, 0, 0],
  flat: [176, 71, 178],
  construction: [91, 71, 86],
  object: [255, 248, 33],
  nature: [17, 160, 99],
  sky: [176, 231, 248],
  human: [237, 121, 28],
  vehicle: [9, 15, 217],
};

/** @extends {Emitter<{change: []}>} */
class Palette extends Emitter {
  /** @type {Category[]} */
  #categories = [];
  /** @type {PaletteName} */
  name = parse(local.getItem(STORAGE_KEY));

  /** @param {Category[]} categories of the taxonomy */
  setCategories(categories) {
    this.#categories = categories;
    this.#apply();
  }

  /** @param {PaletteName} name chosen by the user */
  choose(name) {
    local.setItem(STORAGE_KEY, name);
    this.name = name;
    this.#apply();
  }

  /** @param {string | null} name in a link; null for the user's own choice */
  restore(name) {
    const wanted = parse(name ?? local.getItem(STORAGE_KEY));
    if (wanted === this.name) return;
    this.name = wanted;
    this.#apply();
  }

  /** The palette for a link. */
  toQuery() {
    return this.name === 'standard' ? null : this.name;
  }

  /**
   * @param {Category} category
   * @returns {Color}
   */
  colorOf({ name, color }) {
    return (this.name === 'safe' && SAFE_COLORS[name]) || color;
  }

  #apply() {
    for (const category of this.#categories) {
      const color = `rgb(${this.colorOf(category).join(' ')})`;
      document.documentElement.style.setProperty(`--category-${category.index}`, color);
    }
    this.emit('change');
  }
}

export const palette = new Palette();

/**
 * @param {string | null} name
 * @returns {PaletteName}
 */
function parse(name) {
  return name === 'safe' ? 'safe' : 'standard';
}

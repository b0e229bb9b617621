/** How the panes show an image: layout, layers, opacity, hidden categories. Links keep it. */

import { Emitter } from '../lib/emitter.js';
import { palette } from '../lib/palette.js';

/** @typedef {'image' | 'truth' | 'prediction' | 'other'} Layer `other`: the mask of a second model */
/** @typedef {'prediction' | 'difference' | 'disagreement' | 'confidence'} ThirdPane what the pane of the prediction shows; `disagreement`: with the second model */
/** @typedef {'side' | 'swipe' | 'single'} Layout `single`: one pane, chosen by tabs */
/** @typedef {[left: Layer, right: Layer]} Pair */

/**
 * In their order on the screen.
 * @type {Layer[]}
 */
export const LAYERS = ['image', 'truth', 'prediction', 'other'];
/**
 * The layers that every image has.
 * @type {Layer[]}
 */
export const BASE_LAYERS = ['image', 'prediction'];
/** @type {ThirdPane[]} */
const THIRD_PANES = ['prediction', 'difference', 'disagreement', 'confidence'];
/** @type {Pair} */
const DEFAULT_PAIR = ['image', 'prediction'];
/** The photo stays visible below the mask. */
const DEFAULT_OPACITY = 55;
const DEFAULT_DIVIDER = 50;
/** @type {Layout[]} */
const LAYOUTS = ['side', 'swipe', 'single'];
/** Screens with no room for panes side by side: phones, phones held sideways, zoomed pages. */
const SMALL = '(max-width: 900px), (max-height: 500px)';

/** @extends {Emitter<{change: []}>} */
export class DisplayOptions extends Emitter {
  /** The pane of the layout `single`.
   * @type {Layer}
   */
  layer = 'prediction';
  /** @type {ThirdPane} */
  thirdPane = 'prediction';
  /** Of masks, percent. */
  opacity = DEFAULT_OPACITY;
  /** Whether the borders of categories are drawn at full opacity. */
  outlines = true;
  /** Of the swipe layout: percent from the left. */
  divider = DEFAULT_DIVIDER;
  /** @type {Set<number>} */
  hiddenCategories = new Set();
  /** The category that is pointed at in the legend; links do not keep it.
   * @type {number | null}
   */
  highlighted = null;
  /** @type {Layout | null} null until the user or a link chooses */
  #layout = null;
  /** What to return to when the key of the single layer is pressed again.
   * @type {{layout: Layout | null} | null}
   */
  #before = null;
  /** @type {Pair} */
  #pair = DEFAULT_PAIR;
  #small = matchMedia(SMALL);
  #closing = new AbortController();

  constructor() {
    super();
    const { signal } = this.#closing;
    this.#small.addEventListener('change', () => this.emit('change'), { signal });
  }

  close() {
    this.#closing.abort();
  }

  /** @returns {Layout} by default one pane on small screens, all side by side on others */
  get layout() {
    return this.#layout ?? (this.#small.matches ? 'single' : 'side');
  }

  /** @param {URLSearchParams} query of a link */
  restore(query) {
    const [left, right] = (query.get('pair') ?? '').split(',').map(layerOf);
    this.#layout = LAYOUTS.find((name) => name === query.get('layout')) ?? null;
    this.layer = layerOf(query.get('layer') ?? '') ?? 'prediction';
    this.thirdPane = THIRD_PANES.find((name) => name === query.get('show')) ?? 'prediction';
    this.opacity = percentage(query.get('opacity'), DEFAULT_OPACITY);
    this.outlines = query.get('outlines') !== 'off';
    this.divider = percentage(query.get('divider'), DEFAULT_DIVIDER);
    this.hiddenCategories = new Set(
      (query.get('hidden') ?? '').split(',').filter(Boolean).map(Number),
    );
    this.#pair = left && right ? [left, right] : DEFAULT_PAIR;
    palette.restore(query.get('palette'));
    this.emit('change');
  }

  /** The options that differ from the defaults, for a link. */
  toQuery() {
    const isSwiped = this.layout === 'swipe';
    return {
      layout: this.#layout,
      layer: this.layout === 'single' && this.layer !== 'prediction' ? this.layer : null,
      show: this.thirdPane === 'prediction' ? null : this.thirdPane,
      opacity: this.opacity === DEFAULT_OPACITY ? null : this.opacity,
      outlines: this.outlines ? null : 'off',
      divider: isSwiped && this.divider !== DEFAULT_DIVIDER ? this.divider : null,
      pair: isSwiped ? this.#pair.join(',') : null,
      hidden: [...this.hiddenCategories].join(','),
      palette: palette.toQuery(),
    };
  }

  /**
   * The layers on both sides of the divider.
   * @param {Layer[]} layers that the image has; without a chosen one the default pair is used
   * @returns {Pair}
   */
  swipePair(layers) {
    return this.#pair.every((layer) => layers.includes(layer)) ? this.#pair : DEFAULT_PAIR;
  }

  /** @param {Pair} pair */
  setSwipePair(pair) {
    this.#pair = pair;
    this.emit('change');
  }

  /**
   * The layer of the single pane.
   * @param {Layer[]} layers that the image has
   */
  singleLayer(layers) {
    return layers.includes(this.layer) ? this.layer : 'prediction';
  }

  /** @param {Layout} layout */
  setLayout(layout) {
    this.#layout = layout;
    this.#before = null;
    this.emit('change');
  }

  /**
   * Show one layer alone, or go back to the layout before when it is shown already.
   * @param {Layer} layer
   */
  toggleSingle(layer) {
    if (this.layout !== 'single') this.#before = { layout: this.#layout };
    else if (this.layer === layer && this.#before) {
      this.#layout = this.#before.layout;
      this.#before = null;
      this.emit('change');
      return;
    }
    this.#layout = 'single';
    this.set({ layer });
  }

  /**
   * Show the predicted mask alone, as large as it can be.
   * @returns {() => void} shows again what was shown before
   */
  showPrediction() {
    const { layer, thirdPane } = this;
    const layout = this.#layout;
    this.#layout = 'single';
    this.set({ layer: 'prediction', thirdPane: 'prediction' });
    return () => {
      this.#layout = layout;
      this.set({ layer, thirdPane });
    };
  }

  /** @param {Partial<{layer: Layer, thirdPane: ThirdPane, opacity: number, outlines: boolean, divider: number, highlighted: number | null}>} options */
  set(options) {
    Object.assign(this, options);
    this.emit('change');
  }

  /** @param {ThirdPane} name to show, or to leave for the prediction when it is shown */
  toggleThirdPane(name) {
    this.set({ layer: 'prediction', thirdPane: this.thirdPane === name ? 'prediction' : name });
  }

  /** @param {number} index of a category to hide or to show again */
  toggleCategory(index) {
    if (!this.hiddenCategories.delete(index)) this.hiddenCategories.add(index);
    this.emit('change');
  }

  /**
   * Show one category alone, or all when it is alone already.
   * @param {number} index
   * @param {number} count of categories
   */
  toggleSolo(index, count) {
    const others = Array.from({ length: count }, (_, at) => at).filter((at) => at !== index);
    this.hiddenCategories = new Set(this.isSolo(index, count) ? [] : others);
    this.emit('change');
  }

  /**
   * @param {number} index
   * @param {number} count of categories
   */
  isSolo(index, count) {
    return this.hiddenCategories.size === count - 1 && !this.hiddenCategories.has(index);
  }
}

/** @param {string} name */
function layerOf(name) {
  return LAYERS.find((layer) => layer === name);
}

/**
 * @param {string | null} text
 * @param {number} fallback
 */
function percentage(text, fallback) {
  const value = Number(text ?? NaN);
  return value >= 0 && value <= 100 ? value : fallback;
}

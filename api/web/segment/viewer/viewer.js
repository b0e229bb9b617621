/** The viewer: panes side by side, two of them under a divider that is swiped across, or one. */

import { h } from '../../lib/element.js';
import { Emitter } from '../../lib/emitter.js';
import { t } from '../../lib/i18n.js';
import { BASE_LAYERS } from '../display_options.js';
import { CONFIDENCE_COLORS, ConfidenceLegend } from './confidence_legend.js';
import { DifferenceLegend } from './difference_legend.js';
import { zoomAtCentre } from './gestures.js';
import { Pane } from './pane.js';
import { categoryInk, DIFFERENCE_INK, differenceMask, plainInk } from './raster.js';

/** @typedef {import('./mask_png.js').Mask} Mask */
/** @typedef {import('./pane.js').Pixel} Pixel */
/** @typedef {import('../display_options.js').Layer} Layer */
/** @typedef {{truth?: Mask, prediction?: Mask, other?: Mask, difference?: Mask, disagreement?: Mask, confidence?: Mask}} Masks `other`: of the second model */

/** Limits of the panes' width over their height. */
const [MIN_ASPECT, MAX_ASPECT] = [0.8, 2.4];

/** @extends {Emitter<{point: [pixel: Pixel | null, byKeyboard: boolean], flick: [steps: number]}>} */
export class Viewer extends Emitter {
  /** @type {Masks} */
  #masks = {};
  /** @type {Mask | null} that is being corrected */
  #edited = null;
  #layers = BASE_LAYERS;
  #taxonomy;
  #options;
  #viewport;
  #divider = h('input', {
    type: 'range',
    class: 'divider',
    min: '0',
    max: '100',
    step: '0.5',
    'aria-label': t('tool.divider'),
  });
  #confidenceLegend = new ConfidenceLegend();
  #differenceLegend = new DifferenceLegend();

  /**
   * @param {import('../../lib/taxonomy.js').Taxonomy} taxonomy
   * @param {import('../display_options.js').DisplayOptions} options
   * @param {import('./viewport.js').Viewport} viewport
   */
  constructor(taxonomy, options, viewport) {
    super();
    this.#taxonomy = taxonomy;
    this.#options = options;
    this.#viewport = viewport;
    this.panes = {
      image: new Pane('image', viewport),
      truth: new Pane('truth', viewport),
      prediction: new Pane('prediction', viewport),
      other: new Pane('other', viewport),
    };
    for (const pane of this.#all) {
      pane.on('point', (pixel, byKeyboard) => {
        for (const each of this.#all) each.setCrosshair(pixel);
        this.emit('point', pixel, byKeyboard);
      });
      pane.on('flick', (steps) => this.emit('flick', steps));
    }
    this.#divider.addEventListener('input', () =>
      options.set({ divider: Number(this.#divider.value) }),
    );
    this.element = h(
      'div',
      { class: 'panes' },
      this.#all.map((pane) => pane.element),
      this.#divider,
    );
    this.legends = [this.#confidenceLegend.element, this.#differenceLegend.element];
    viewport.on('change', () => this.element.classList.toggle('zoomed', !viewport.showsWholeImage));
  }

  close() {
    for (const pane of this.#all) pane.close();
  }

  get masks() {
    return this.#masks;
  }

  /**
   * Clear the panes for another image.
   * @param {import('./viewport.js').Size} size of the image, pixels
   * @param {Layer[]} layers that it will have
   */
  reset({ width, height }, layers) {
    this.#masks = {};
    this.#layers = layers;
    this.#viewport.setImageSize({ width, height });
    const aspect = Math.min(MAX_ASPECT, Math.max(MIN_ASPECT, width / height));
    this.element.style.setProperty('--aspect', String(aspect));
    for (const pane of this.#all) {
      pane.setPhoto(null);
      pane.setMessage();
    }
    this.update();
  }

  /** Show nothing until the next image is known. */
  clear() {
    this.reset(this.#viewport, this.#layers);
  }

  /**
   * A second model was chosen, or none: its mask is another one.
   * @param {Layer[]} layers that the image has now
   */
  setLayers(layers) {
    const { other, disagreement, ...masks } = this.#masks;
    this.#masks = masks;
    this.#layers = layers;
    this.panes.other.setMessage();
    this.update();
  }

  /** The pane for a message about the whole image: one is enough. */
  get first() {
    return this.#visible()[0] ?? this.panes.image;
  }

  /** @param {ImageBitmap} photo */
  setPhoto(photo) {
    for (const pane of this.#all) pane.setPhoto(photo);
  }

  /**
   * @param {'truth' | 'prediction' | 'other' | 'confidence'} name
   * @param {Mask} mask
   */
  setMask(name, mask) {
    this.#masks[name] = mask;
    const { truth, prediction, other } = this.#masks;
    if (truth && prediction) {
      this.#masks.difference = differenceMask(truth, prediction, this.#taxonomy.void);
    }
    if (prediction && other) {
      this.#masks.disagreement = differenceMask(other, prediction, null);
    }
    this.panes[name === 'confidence' ? 'prediction' : name].setMessage();
    this.update();
  }

  /** Draw again with the current display options. */
  update() {
    const { thirdPane, hiddenCategories: hidden, highlighted, outlines } = this.#options;
    const opacity = this.#options.opacity / 100;
    const { categories } = this.#taxonomy;
    const ink = categoryInk(categories, { opacity, outlines, hidden, highlighted });
    const { truth, other } = this.#masks;
    const shown = this.#masks[thirdPane] ? thirdPane : 'prediction';
    const mask = this.#masks[shown];
    const inks = {
      prediction: () => ink,
      difference: () => DIFFERENCE_INK,
      disagreement: () => DIFFERENCE_INK,
      confidence: () => plainInk(CONFIDENCE_COLORS, opacity),
    };
    this.panes.truth.setMaskLayer(truth ? { mask: truth, ink } : null);
    this.panes.other.setMaskLayer(other ? { mask: other, ink } : null);
    if (this.#edited) this.panes.prediction.setMaskLayer(this.#editedLayer(this.#edited));
    else this.panes.prediction.setMaskLayer(mask ? { mask, ink: inks[shown]() } : null);
    this.panes.prediction.setTitle(t(`pane.${shown}`));
    this.#confidenceLegend.show(shown === 'confidence' ? mask : undefined);
    const isDifference = shown === 'difference' || shown === 'disagreement';
    this.#differenceLegend.show(isDifference ? mask : undefined);
    this.#arrange();
  }

  /**
   * Show a mask that is being corrected in place of the prediction.
   * @param {Mask} mask
   */
  showEdited(mask) {
    this.#edited = mask;
    this.panes.prediction.setMaskLayer(this.#editedLayer(mask));
  }

  /**
   * All categories are shown while one is painted.
   * @param {Mask} mask
   */
  #editedLayer(mask) {
    const { outlines, highlighted } = this.#options;
    const opacity = this.#options.opacity / 100;
    const shown = { opacity, outlines, highlighted, hidden: new Set() };
    return { mask, ink: categoryInk(this.#taxonomy.categories, shown) };
  }

  /** Show the prediction again. */
  hideEdited() {
    this.#edited = null;
    this.update();
  }

  /** @param {number} factor */
  zoom(factor) {
    const [first] = this.#visible();
    if (first) zoomAtCentre(first, factor);
  }

  #arrange() {
    const { layout, divider } = this.#options;
    const isSwiped = layout === 'swipe';
    const visible = this.#visible();
    for (const pane of this.#all) {
      pane.element.hidden = !visible.includes(pane);
      pane.element.classList.toggle('over', isSwiped && pane === visible[1]);
    }
    this.element.dataset.layout = layout;
    this.element.dataset.panes = String(visible.length);
    this.element.style.setProperty('--panes', String(isSwiped ? 1 : visible.length));
    this.element.style.setProperty('--divider', String(divider / 100));
    this.#divider.hidden = !isSwiped;
    this.#divider.value = String(divider);
  }

  get #all() {
    return Object.values(this.panes);
  }

  #visible() {
    const { layout } = this.#options;
    if (layout === 'single') return [this.panes[this.#options.singleLayer(this.#layers)]];
    const layers = layout === 'side' ? this.#layers : this.#options.swipePair(this.#layers);
    return layers.map((layer) => this.panes[layer]);
  }
}

/** The three pictures side by side, or two of them under a divider that is swiped across. */

import { h } from '../element.js';
import { t } from '../words.js';
import { CONFIDENCE_COLORS, ConfidenceScale } from './confidence.js';
import { DifferenceKey } from './difference_key.js';
import { zoomCentre } from './gestures.js';
import { Pane } from './pane.js';
import { colorsOf, difference, DIFFERENCE_COLORS } from './raster.js';

/** @typedef {import('./mask_png.js').Mask} Mask */

/** What every image has. */
export const PLAIN = ['image', 'prediction'];

export class Panes extends EventTarget {
  /** @type {{truth?: Mask, prediction?: Mask, difference?: Mask, confidence?: Mask}} */
  #masks = {};

  /**
   * @param {import('../taxonomy.js').Taxonomy} taxonomy
   * @param {import('./look.js').Look} look
   * @param {import('./viewport.js').Viewport} viewport
   */
  constructor(taxonomy, look, viewport) {
    super();
    Object.assign(this, { taxonomy, look });
    this.viewport = viewport;
    this.image = new Pane('image', viewport);
    this.truth = new Pane('truth', viewport);
    this.prediction = new Pane('prediction', viewport);
    this.layers = PLAIN;
    this.all = [this.image, this.truth, this.prediction];
    for (const pane of this.all) pane.addEventListener('point', (event) => this.#point(event.detail));
    this.divider = h('input', {
      type: 'range',
      class: 'divider',
      min: 0,
      max: 100,
      step: 0.5,
      'aria-label': t('tool.divider'),
      oninput: () => look.set({ divider: Number(this.divider.value) }),
    });
    this.element = h(
      'div',
      { class: 'panes' },
      this.all.map((pane) => pane.element),
      this.divider,
    );
    this.scale = new ConfidenceScale();
    this.differences = new DifferenceKey();
    this.keys = [this.scale.element, this.differences.element];
    viewport.addEventListener('change', this.#setTouch);
  }

  close() {
    for (const pane of this.all) pane.close();
  }

  get masks() {
    return this.#masks;
  }

  /**
   * @param {{width: number, height: number}} image that is going to be shown
   * @param {string[]} layers that it will have
   */
  begin({ width, height }, layers) {
    this.#masks = {};
    this.layers = layers;
    this.viewport.setPicture(width, height);
    this.element.style.setProperty('--aspect', String(Math.min(2.4, Math.max(0.8, width / height))));
    for (const pane of this.all) {
      pane.setPhoto(null);
      pane.say();
    }
    this.update();
  }

  /** @param {ImageBitmap} photo */
  setPhoto(photo) {
    for (const pane of this.all) pane.setPhoto(photo);
  }

  /** @param {'truth' | 'prediction' | 'confidence'} name @param {Mask} mask */
  setMask(name, mask) {
    this.#masks[name] = mask;
    const { truth, prediction } = this.#masks;
    if (truth && prediction) this.#masks.difference = difference(truth, prediction, this.taxonomy.void);
    (this[name] ?? this.prediction).say();
    this.update();
  }

  /** Draw by the look as it is now. */
  update() {
    const { look } = this;
    const colors = colorsOf(this.taxonomy.categories, look.hidden);
    const third = this.#masks[look.third] ? look.third : 'prediction';
    const opacity = look.opacity / 100;
    this.truth.setLayer(this.#masks.truth ? { mask: this.#masks.truth, colors, opacity } : null);
    const manners = {
      prediction: { colors, opacity },
      difference: { colors: DIFFERENCE_COLORS, opacity: 1 },
      confidence: { colors: CONFIDENCE_COLORS, opacity },
    };
    const mask = this.#masks[third];
    this.prediction.setLayer(mask ? { mask, ...manners[third] } : null);
    this.prediction.setTitle(t(`pane.${third}`));
    this.scale.show(third === 'confidence' ? mask : undefined);
    this.differences.show(third === 'difference' ? mask : undefined);
    this.#arrange();
  }

  /** @param {number} factor to zoom by, about the middle */
  zoom(factor) {
    zoomCentre(this.#visible()[0], factor);
  }

  #arrange() {
    const { look } = this;
    this.element.dataset.layout = look.layout;
    const shown = this.#visible();
    for (const pane of this.all) {
      pane.element.hidden = !shown.includes(pane);
      pane.element.classList.toggle('over', look.layout === 'swipe' && pane === shown[1]);
    }
    this.divider.hidden = look.layout !== 'swipe';
    this.divider.value = String(look.divider);
    this.element.style.setProperty('--divider', String(look.divider / 100));
  }

  #visible() {
    return this.look.layout === 'swipe' ? this.look.pairOf(this.layers).map((name) => this[name]) : this.all;
  }

  #setTouch = () => {
    this.element.classList.toggle('zoomed', !this.viewport.fits);
  };

  #point({ pixel, byKeys }) {
    for (const pane of this.all) pane.point(pixel);
    this.dispatchEvent(new CustomEvent('point', { detail: { pixel, byKeys } }));
  }
}

/** The tools above the pictures: layout, layers, opacity, zoom. */

import { fill, h } from '../element.js';
import { percent, t } from '../words.js';

/** @typedef {import('./look.js').Look} Look */

const ZOOM = 1.5;

export class Toolbar {
  /**
   * @param {Look} look
   * @param {import('./viewport.js').Viewport} viewport
   * @param {(factor: number) => void} zoom about the middle of a picture
   */
  constructor(look, viewport, zoom) {
    this.look = look;
    this.layout = segmented(
      'tool.layout',
      [
        ['side', 'tool.side'],
        ['swipe', 'tool.swipe'],
      ],
      (layout) => look.set({ layout }),
    );
    this.show = segmented(
      'tool.show',
      [
        ['prediction', 'tool.prediction'],
        ['difference', 'tool.difference'],
        ['confidence', 'tool.confidence'],
      ],
      (third) => look.set({ third }),
    );
    this.opacity = h('input', {
      type: 'range',
      min: 0,
      max: 100,
      step: 5,
      id: 'opacity',
      oninput: () => look.set({ opacity: Number(this.opacity.value) }),
    });
    this.opacityValue = h('output', { for: 'opacity' });
    this.sides = [0, 1].map((side) =>
      h('select', { 'aria-label': t(side ? 'tool.right' : 'tool.left'), onchange: () => this.#choose(side) }),
    );
    this.pair = h('div', { class: 'tool pair' }, this.sides);
    this.zoomValue = h('output', { class: 'zoom' });
    const button = (label, sign, onclick) =>
      h('button', { type: 'button', class: 'icon', title: label, 'aria-label': label, onclick }, sign);
    this.element = h(
      'div',
      { class: 'toolbar', role: 'group', 'aria-label': t('tool.all') },
      this.layout.element,
      this.pair,
      this.show.element,
      h(
        'div',
        { class: 'tool' },
        h('label', { for: 'opacity' }, t('tool.opacity')),
        this.opacity,
        this.opacityValue,
      ),
      h(
        'div',
        { class: 'tool end' },
        button(t('tool.out'), '−', () => zoom(1 / ZOOM)),
        this.zoomValue,
        button(t('tool.in'), '+', () => zoom(ZOOM)),
        h('button', { type: 'button', onclick: () => viewport.reset() }, t('tool.fit')),
      ),
    );
    viewport.addEventListener('change', () => this.#showZoom(viewport));
    this.#showZoom(viewport);
    this.setLayers(['image', 'prediction']);
  }

  /** @param {string[]} layers that there are: those with an annotated mask can be compared to it */
  setLayers(layers) {
    this.layers = layers;
    this.update();
  }

  update() {
    const { look } = this;
    this.layout.set(look.layout);
    const hasTruth = this.layers.includes('truth');
    this.show.set(look.third === 'difference' && !hasTruth ? 'prediction' : look.third);
    this.show.element.querySelector('[data-value=difference]').hidden = !hasTruth;
    this.pair.hidden = look.layout !== 'swipe';
    this.opacity.value = String(look.opacity);
    this.opacityValue.textContent = percent(look.opacity / 100, 0);
    const pair = look.pairOf(this.layers);
    this.sides.forEach((select, side) =>
      fill(
        select,
        this.layers.map((name) =>
          h(
            'option',
            { value: name, selected: name === pair[side], disabled: name === pair[1 - side] },
            t(`pane.${name}`),
          ),
        ),
      ),
    );
  }

  #choose(side) {
    const pair = [...this.look.pairOf(this.layers)];
    pair[side] = this.sides[side].value;
    this.look.set({ pair });
  }

  #showZoom(viewport) {
    this.zoomValue.textContent = percent(viewport.zoom, 0);
  }
}

/**
 * A few buttons of which one is pressed.
 * @param {string} label @param {[string, string][]} choices values with their words
 * @param {(value: string) => void} choose
 */
export function segmented(label, choices, choose) {
  const buttons = choices.map(([value, words]) =>
    h('button', { type: 'button', dataset: { value }, onclick: () => choose(value) }, t(words)),
  );
  return {
    element: h('div', { class: 'segmented', role: 'group', 'aria-label': t(label) }, buttons),
    /** @param {string} value */
    set(value) {
      for (const button of buttons)
        button.setAttribute('aria-pressed', String(button.dataset.value === value));
    },
  };
}

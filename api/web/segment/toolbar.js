/** The toolbar above the panes: layout, layers, opacity, zoom. */

import { SegmentedControl } from '../lib/controls/segmented_control.js';
import { fill, h } from '../lib/element.js';
import { percent, t } from '../lib/i18n.js';
import { BASE_LAYERS } from './display_options.js';

/** @typedef {import('./display_options.js').DisplayOptions} DisplayOptions */
/** @typedef {import('./display_options.js').Layer} Layer */
/** @typedef {import('./display_options.js').Layout} Layout */
/** @typedef {import('./display_options.js').Pair} Pair */
/** @typedef {import('./display_options.js').ThirdPane} ThirdPane */
/** @typedef {'image' | 'truth' | 'other' | ThirdPane} Tab of the single pane */
/** @typedef {import('./viewer/viewport.js').Viewport} Viewport */

const ZOOM_STEP = 1.5;

export class Toolbar {
  #layers = BASE_LAYERS;
  #options;
  /** @type {SegmentedControl<Layout>} */
  #layout;
  /** @type {SegmentedControl<ThirdPane>} */
  #thirdPane;
  /** @type {SegmentedControl<Tab>} */
  #tabs;
  #outlines = h('input', { type: 'checkbox', id: 'outlines' });
  #opacity = h('input', { type: 'range', min: '0', max: '100', step: '5', id: 'opacity' });
  #opacityValue = h('output', { for: 'opacity' });
  #left = h('select', { 'aria-label': t('tool.left') });
  #right = h('select', { 'aria-label': t('tool.right') });
  #pair = h('div', { class: 'tool pair' }, this.#left, this.#right);
  #zoomValue = h('output', { class: 'zoom' });
  /** The tab that was shown last. */
  #tab = '';

  /**
   * @param {DisplayOptions} options
   * @param {Viewport} viewport
   * @param {(factor: number) => void} zoom about the centre of a pane
   */
  constructor(options, viewport, zoom) {
    this.#options = options;
    this.#layout = new SegmentedControl(
      t('tool.layout'),
      [
        ['side', t('tool.side')],
        ['swipe', t('tool.swipe')],
        ['single', t('tool.single')],
      ],
      (layout) => options.setLayout(layout),
    );
    this.#tabs = new SegmentedControl(
      t('tool.tabs'),
      [
        ['image', t('pane.image')],
        ['truth', t('tool.truth')],
        ['prediction', t('tool.prediction')],
        ['difference', t('tool.difference')],
        ['other', t('tool.other')],
        ['disagreement', t('tool.disagreement')],
        ['confidence', t('tool.confidence')],
      ],
      (tab) => options.set(optionsOf(tab)),
    );
    this.#thirdPane = new SegmentedControl(
      t('tool.third'),
      [
        ['prediction', t('tool.prediction')],
        ['difference', t('tool.difference')],
        ['disagreement', t('tool.disagreement')],
        ['confidence', t('tool.confidence')],
      ],
      (thirdPane) => options.set({ thirdPane }),
    );
    this.#opacity.addEventListener('input', () =>
      options.set({ opacity: Number(this.#opacity.value) }),
    );
    this.#outlines.addEventListener('change', () =>
      options.set({ outlines: this.#outlines.checked }),
    );
    for (const select of [this.#left, this.#right]) {
      select.addEventListener('change', () =>
        options.setSwipePair([layerOf(this.#left), layerOf(this.#right)]),
      );
    }
    this.element = h(
      'div',
      { class: 'toolbar', role: 'group', 'aria-label': t('tool.all') },
      this.#tabs.element,
      this.#layout.element,
      this.#pair,
      this.#thirdPane.element,
      h(
        'div',
        { class: 'tool' },
        h('label', { for: 'opacity' }, t('tool.opacity')),
        this.#opacity,
        this.#opacityValue,
      ),
      h(
        'div',
        { class: 'tool' },
        this.#outlines,
        h('label', { for: 'outlines' }, t('tool.outlines')),
      ),
      h(
        'div',
        { class: 'tool end' },
        iconButton(t('tool.out'), '−', () => zoom(1 / ZOOM_STEP)),
        this.#zoomValue,
        iconButton(t('tool.in'), '+', () => zoom(ZOOM_STEP)),
        iconButton(t('tool.fit'), '⤢', () => viewport.reset()),
      ),
    );
    viewport.on('change', () => this.#showZoom(viewport));
    this.#showZoom(viewport);
    this.update();
  }

  /** @param {Layer[]} layers that the image has */
  setLayers(layers) {
    this.#layers = layers;
    this.update();
  }

  /** Show the current display options. */
  update() {
    const { layout, thirdPane, opacity, outlines } = this.#options;
    const hasTruth = this.#layers.includes('truth');
    const hasOther = this.#layers.includes('other');
    const isMissing =
      (thirdPane === 'difference' && !hasTruth) || (thirdPane === 'disagreement' && !hasOther);
    const shown = isMissing ? 'prediction' : thirdPane;
    const layer = this.#options.singleLayer(this.#layers);
    const isSingle = layout === 'single';
    this.#layout.set(layout);
    this.#thirdPane.set(shown);
    this.#thirdPane.offer('difference', hasTruth);
    this.#thirdPane.offer('disagreement', hasOther);
    this.#thirdPane.element.hidden = isSingle;
    const tab = layer === 'prediction' ? shown : layer;
    this.#tabs.set(tab);
    this.#tabs.offer('truth', hasTruth);
    this.#tabs.offer('difference', hasTruth);
    this.#tabs.offer('other', hasOther);
    this.#tabs.offer('disagreement', hasOther);
    this.#tabs.element.hidden = !isSingle;
    this.#outlines.checked = outlines;
    this.#opacity.value = String(opacity);
    this.#opacityValue.textContent = percent(opacity / 100, 0);
    this.#pair.hidden = layout !== 'swipe';
    const [left, right] = this.#options.swipePair(this.#layers);
    fill(this.#left, this.#layerOptions(left, right, shown));
    fill(this.#right, this.#layerOptions(right, left, shown));
    if (isSingle && tab !== this.#tab) this.#revealTab();
    this.#tab = tab;
  }

  /** On small screens the toolbar scrolls sideways. */
  #revealTab() {
    const pressed = this.#tabs.element.querySelector('[aria-pressed=true]');
    if (!(pressed instanceof HTMLElement)) return;
    const { left, width } = pressed.getBoundingClientRect();
    const box = this.element.getBoundingClientRect();
    this.element.scrollLeft += left + width / 2 - (box.left + box.width / 2);
  }

  /**
   * @param {Layer} selected
   * @param {Layer} disabled the layer on the other side
   * @param {ThirdPane} thirdPane what the layer `prediction` shows
   */
  #layerOptions(selected, disabled, thirdPane) {
    return this.#layers.map((layer) =>
      h(
        'option',
        { value: layer, selected: layer === selected, disabled: layer === disabled },
        t(`pane.${layer === 'prediction' ? thirdPane : layer}`),
      ),
    );
  }

  /** @param {Viewport} viewport */
  #showZoom(viewport) {
    this.#zoomValue.textContent = percent(viewport.zoom, 0);
  }
}

/**
 * @param {Tab} tab
 * @returns {{layer: Layer, thirdPane?: ThirdPane}}
 */
function optionsOf(tab) {
  if (tab === 'image' || tab === 'truth' || tab === 'other') return { layer: tab };
  return { layer: 'prediction', thirdPane: tab };
}

/** @param {HTMLSelectElement} select */
function layerOf(select) {
  return /** @type {Layer} */ (select.value);
}

/**
 * @param {string} label
 * @param {string} sign
 * @param {() => void} onclick
 */
function iconButton(label, sign, onclick) {
  const props = { class: 'icon', title: label, 'aria-label': label, onclick };
  return h('button', { type: 'button', ...props }, sign);
}

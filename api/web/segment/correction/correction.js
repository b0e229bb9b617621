/** Correcting the predicted mask: paint, erase, fill, undo; saved as the annotated mask of the image. */

import { putTruth } from '../../lib/api/client.js';
import { SegmentedControl } from '../../lib/controls/segmented_control.js';
import { h } from '../../lib/element.js';
import { Emitter } from '../../lib/emitter.js';
import { number, t } from '../../lib/i18n.js';
import { notify } from '../../lib/notice.js';
import { explain } from '../../lib/problem.js';
import { categoryColor, categoryName, swatch } from '../../lib/taxonomy.js';
import { encodeGreyPng } from './grey_png.js';
import { MaskEdits } from './mask_edits.js';

/** @typedef {import('../../lib/api/schemas.js').Image} Image */
/** @typedef {import('../viewer/pane.js').Pixel} Pixel */
/** @typedef {'paint' | 'erase' | 'fill'} Tool */

const DEFAULT_RADIUS = 6;
const MAX_RADIUS = 64;

/** @extends {Emitter<{saved: []}>} */
export class Correction extends Emitter {
  /** @type {MaskEdits | null} null while nothing is corrected */
  #edits = null;
  #taxonomy;
  #viewer;
  #options;
  #image;
  /** @type {Tool} */
  #tool = 'paint';
  #category = 1;
  /** @type {Pixel | null} where the stroke has come to */
  #last = null;
  /** @type {SegmentedControl<Tool>} */
  #tools = new SegmentedControl(
    t('correct.tool'),
    [
      ['paint', t('correct.paint')],
      ['erase', t('correct.erase')],
      ['fill', t('correct.fill')],
    ],
    (tool) => this.#setTool(tool),
  );
  #categories = h('div', { class: 'choices', role: 'radiogroup' });
  #radius = h('input', {
    type: 'range',
    min: '1',
    max: String(MAX_RADIUS),
    value: String(DEFAULT_RADIUS),
    id: 'brush',
    oninput: () => this.#showRadius(),
  });
  #radiusValue = h('output', { for: 'brush' });
  #undo = this.#revertButton('undo', '↶');
  /** @param {BeforeUnloadEvent} event */
  #beforeUnload = (event) => {
    if (this.#edits?.canUndo) event.preventDefault();
  };
  /** Shows what was shown before the correction. */
  #leave = () => {};
  #redo = this.#revertButton('redo', '↷');
  #save = h(
    'button',
    { type: 'button', class: 'primary', onclick: () => this.#store() },
    t('correct.save'),
  );

  /**
   * @param {import('../../lib/taxonomy.js').Taxonomy} taxonomy
   * @param {import('../viewer/viewer.js').Viewer} viewer
   * @param {import('../display_options.js').DisplayOptions} options
   * @param {() => Image | null} image that is shown now
   */
  constructor(taxonomy, viewer, options, image) {
    super();
    this.#taxonomy = taxonomy;
    this.#viewer = viewer;
    this.#options = options;
    this.#image = image;
    this.start = h('button', { type: 'button', onclick: () => this.#begin() }, t('correct.start'));
    this.#categories.setAttribute('aria-label', t('correct.category'));
    this.#categories.append(
      ...taxonomy.categories
        .filter(({ index }) => index !== taxonomy.void)
        .map((category) => this.#categoryButton(category)),
    );
    this.element = h(
      'div',
      { class: 'correction', role: 'group', 'aria-label': t('correct.title'), hidden: true },
      h('div', { class: 'tool' }, this.#tools.element, this.#undo, this.#redo),
      this.#categories,
      h(
        'div',
        { class: 'tool' },
        h('label', { for: 'brush' }, t('correct.brush')),
        this.#radius,
        this.#radiusValue,
      ),
      this.#save,
      h('button', { type: 'button', onclick: () => this.#cancel() }, t('correct.cancel')),
    );
    this.#setTool('paint');
    this.#showRadius();
  }

  get isActive() {
    return this.#edits !== null;
  }

  /** Whether nothing would be lost, or the user agrees to lose it. */
  mayStop() {
    return !this.#edits?.canUndo || confirm(t('correct.leave'));
  }

  #cancel() {
    if (this.mayStop()) this.stop();
  }

  /** Give the changes up. */
  stop() {
    if (!this.#edits) return;
    this.#edits = null;
    removeEventListener('beforeunload', this.#beforeUnload);
    this.#viewer.panes.prediction.setBrush(null);
    this.element.hidden = true;
    this.start.hidden = false;
    this.#viewer.hideEdited();
    this.#leave();
  }

  /**
   * @param {KeyboardEvent} event
   * @returns {boolean} whether it was undo or redo
   */
  handleKey({ key, ctrlKey, metaKey, shiftKey }) {
    if (!this.#edits || !(ctrlKey || metaKey)) return false;
    const name = key.toLowerCase();
    if (name !== 'z' && name !== 'y') return false;
    this.#revert(name === 'y' || shiftKey ? 'redo' : 'undo');
    return true;
  }

  #begin() {
    const { prediction, truth } = this.#viewer.masks;
    const mask = prediction ?? truth;
    // While another image is being loaded, the masks are still those of the one before.
    if (!mask || !this.#image()) {
      notify(t('download.none'));
      return;
    }
    this.#edits = new MaskEdits(mask);
    addEventListener('beforeunload', this.#beforeUnload);
    this.element.hidden = false;
    this.start.hidden = true;
    this.#leave = this.#options.showPrediction();
    this.#viewer.panes.prediction.setBrush({
      begin: (pixel) => this.#stroke(pixel, true),
      move: (pixel) => this.#stroke(pixel, false),
      end: (isKept) => this.#endStroke(isKept),
    });
    this.#showEdits();
  }

  /**
   * @param {Pixel} pixel
   * @param {boolean} isFirst
   */
  #stroke(pixel, isFirst) {
    const edits = this.#edits;
    if (!edits) return;
    if (isFirst) {
      edits.begin(this.#tool === 'erase' ? this.#taxonomy.void : this.#category);
      this.#last = pixel;
      const { width, height } = edits.mask;
      const isInside = pixel.x >= 0 && pixel.y >= 0 && pixel.x < width && pixel.y < height;
      if (this.#tool === 'fill' && isInside) edits.fill(pixel);
    }
    if (this.#tool !== 'fill') {
      edits.line(this.#last ?? pixel, pixel, Number(this.#radius.value) - 0.5);
      this.#last = pixel;
    }
    this.#viewer.panes.prediction.redraw();
  }

  /** @param {boolean} isKept not when it was the beginning of a gesture, or of a palm */
  #endStroke(isKept) {
    if (isKept) this.#edits?.end();
    else this.#edits?.cancel();
    this.#showEdits();
  }

  /** @param {'undo' | 'redo'} action */
  #revert(action) {
    this.#edits?.[action]();
    this.#showEdits();
  }

  /**
   * @param {'undo' | 'redo'} action
   * @param {string} sign
   */
  #revertButton(action, sign) {
    const label = t(`correct.${action}`);
    const props = { class: 'icon', title: label, 'aria-label': label };
    return h('button', { type: 'button', ...props, onclick: () => this.#revert(action) }, sign);
  }

  #showEdits() {
    const edits = this.#edits;
    if (!edits) return;
    this.#undo.disabled = !edits.canUndo;
    this.#redo.disabled = !edits.canRedo;
    this.#viewer.showEdited(edits.mask);
  }

  async #store() {
    const [edits, image] = [this.#edits, this.#image()];
    if (!edits || !image) return;
    this.#save.disabled = true;
    const indices = edits.mask.indices.slice();
    try {
      await putTruth(image.id, await encodeGreyPng({ ...edits.mask, indices }));
      // The user may have painted on by now, or correct another image.
      const isWhole = edits.has(indices);
      notify(t(isWhole ? 'correct.saved' : 'correct.saved_part'));
      if (isWhole && edits === this.#edits) {
        this.stop();
        this.emit('saved');
      }
    } catch (error) {
      // The changes stay, so that they can be saved when the service is back.
      notify(explain(error));
    }
    this.#save.disabled = false;
  }

  /** @param {Tool} tool */
  #setTool(tool) {
    this.#tool = tool;
    this.#tools.set(tool);
  }

  #showRadius() {
    this.#radiusValue.textContent = t('correct.pixels', {
      n: number(Number(this.#radius.value) * 2 - 1),
    });
  }

  /** @param {import('../../lib/taxonomy.js').Category} category */
  #categoryButton(category) {
    const button = h(
      'button',
      {
        type: 'button',
        role: 'radio',
        class: 'category-choice',
        'aria-checked': String(category.index === this.#category),
        onclick: () => {
          this.#category = category.index;
          if (this.#tool === 'erase') this.#setTool('paint');
          for (const each of this.#categories.children) {
            each.setAttribute('aria-checked', String(each === button));
          }
        },
      },
      swatch(categoryColor(category)),
      categoryName(category),
    );
    return button;
  }
}

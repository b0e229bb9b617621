/** The heading of the inspected image: its name, its facts and its scores. */

import { fill, h } from '../lib/element.js';
import { percent, t } from '../lib/i18n.js';
import { shortModel, shortName } from '../lib/names.js';
import { pixelsText } from '../lib/pixels/pixels_text.js';
import { timingText } from './prediction/status_text.js';

const SCORES = /** @type {const} */ (['mean_iou', 'accuracy', 'mean_dice']);

export class Heading {
  #title = h('h1', { class: 'image-name' });
  #facts = h('p', { class: 'note', role: 'status' });
  #scores = h('dl', { class: 'stats image-scores', hidden: true });

  /**
   * @param {HTMLElement} walk the buttons to other images
   * @param {HTMLElement[]} actions
   */
  constructor(walk, actions) {
    this.element = h(
      'div',
      { class: 'heading' },
      h('div', { class: 'names' }, walk, this.#title, this.#facts),
      this.#scores,
      h('div', { class: 'actions' }, actions),
    );
  }

  /** @param {string} name */
  setName(name) {
    this.#title.title = name;
    fill(this.#title, shortName(name));
  }

  /** @param {import('../lib/api/schemas.js').Image | null} image */
  setImage(image) {
    const facts = image && {
      width: image.width,
      height: image.height,
      format: image.format.toUpperCase(),
    };
    fill(this.#facts, facts && t('image.facts', facts));
  }

  /** @param {string} fact */
  addFact(fact) {
    this.#facts.append(` · ${fact}`);
  }

  /** @param {import('../lib/api/schemas.js').Result} result of the predicted mask */
  addOrigin(result) {
    const model = h('span', { title: result.artifact }, shortModel(result.artifact));
    this.#facts.append(' · ', model);
    const timing = timingText(result);
    if (timing) this.addFact(timing);
    const pixels = pixelsText(result.pixels);
    if (pixels) this.addFact(t('pixels.used', { pixels }));
    if (result.warnings.length) {
      // The API's sentences are English.
      const title = result.warnings.join('\n');
      this.#facts.append(' · ', h('span', { class: 'doubtful', title }, t('pixels.doubtful')));
    }
  }

  /** @param {import('../lib/api/schemas.js').Scores | null | undefined} scores */
  setScores(scores) {
    this.#scores.hidden = !scores;
    fill(
      this.#scores,
      SCORES.map((name) =>
        h('div', {}, h('dt', {}, t(`score.${name}`)), h('dd', {}, percent(scores?.[name]))),
      ),
    );
  }
}

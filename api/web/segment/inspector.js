/** The inspected image: its panes, tools and legend, and the request for its mask. */

import { getService } from '../lib/api/client.js';
import { isAbort, Problem } from '../lib/api/http.js';
import { h } from '../lib/element.js';
import { Emitter } from '../lib/emitter.js';
import { t } from '../lib/i18n.js';
import { baseName } from '../lib/names.js';
import { palette } from '../lib/palette.js';
import { PixelsMenu } from '../lib/pixels/pixels_menu.js';
import { problemNote } from '../lib/problem.js';
import { failureNote, loadInto, sayWhenSlow } from '../lib/recovery.js';
import { Correction } from './correction/correction.js';
import { BASE_LAYERS, DisplayOptions, LAYERS } from './display_options.js';
import { inspectorDownloads } from './downloads.js';
import { Heading } from './heading.js';
import { Legend } from './legend.js';
import { PixelInfo } from './pixel_info.js';
import { ConfidenceLoader } from './prediction/confidence_loader.js';
import { loadPhoto, loadPrediction, loadTruth } from './prediction/image_data.js';
import { requestAgain, requestMask, takeSegmented, waitForItem } from './prediction/mask_job.js';
import { ModelList } from './prediction/model_list.js';
import { ModelSelect } from './prediction/model_select.js';
import { OtherPrediction } from './prediction/other_prediction.js';
import { waitingText } from './prediction/status_text.js';
import { loadTarget } from './target.js';
import { Toolbar } from './toolbar.js';
import { shares } from './viewer/raster.js';
import { Viewer } from './viewer/viewer.js';
import { Viewport } from './viewer/viewport.js';

/** @typedef {import('../lib/api/schemas.js').Image} Image */
/** @typedef {import('./prediction/mask_job.js').FinishedItem} FinishedItem */
/** @typedef {import('./target.js').Target} Target */

const LINK_DELAY_MS = 150;

/**
 * `change`: the link to what is shown has changed; `model`: other ways to make the mask were chosen; `named`: the
 * name of the image is known; `corrected`: the image has another truth; `flick`: a finger asks for another image.
 * @extends {Emitter<{change: [], model: [], named: [name: string], corrected: [], flick: [steps: number]}>}
 */
export class Inspector extends Emitter {
  #taxonomy;
  #viewport = new Viewport();
  #viewer;
  #toolbar;
  #legend;
  #pixelInfo;
  #heading;
  #name = '';
  #loading = new AbortController();
  #confidence;
  /** @type {Image | null} */
  #image = null;
  /** @type {FinishedItem | null} */
  #finished = null;
  /** @type {import('./legend.js').Figures} */
  #figures = {};
  #linkTimer = 0;
  #unsubscribe;

  /**
   * @param {import('../lib/taxonomy.js').Taxonomy} taxonomy
   * @param {URLSearchParams} query of a link
   * @param {{walk: HTMLElement, actions: HTMLElement[]}} parts of the view in the heading
   */
  constructor(taxonomy, query, { walk, actions }) {
    super();
    this.#taxonomy = taxonomy;
    this.options = new DisplayOptions();
    this.options.restore(query);
    this.#viewport.parse(query.get('at') ?? '');
    const list = new ModelList();
    this.models = new ModelSelect(query.get('model') ?? '', list);
    this.pixels = new PixelsMenu(query.get('pixels') ?? '');
    this.#viewer = new Viewer(taxonomy, this.options, this.#viewport);
    this.other = new OtherPrediction(query.get('with') ?? '', this.#viewer, list);
    this.#confidence = new ConfidenceLoader(this.#viewer, this.options, (finished, signal) =>
      this.#showFinished(finished, signal),
    );
    this.#toolbar = new Toolbar(this.options, this.#viewport, (factor) =>
      this.#viewer.zoom(factor),
    );
    this.#legend = new Legend(taxonomy, this.options);
    this.#pixelInfo = new PixelInfo(taxonomy);
    const downloads = inspectorDownloads(() => ({ image: this.#image, finished: this.#finished }));
    this.correction = new Correction(taxonomy, this.#viewer, this.options, () => this.#image);
    this.correction.on('saved', () => this.emit('corrected'));
    const menus = [this.models.menu.element, this.other.menu.element, this.pixels.element];
    this.#heading = new Heading(walk, [...menus, this.correction.start, downloads, ...actions]);
    this.element = h(
      'div',
      { class: 'inspector' },
      this.#heading.element,
      this.#toolbar.element,
      this.correction.element,
      h(
        'div',
        { class: 'pictures' },
        this.#viewer.element,
        h('p', { id: 'pane-keys', class: 'visually-hidden' }, t('pane.keys')),
        this.#viewer.legends,
        this.#pixelInfo.element,
      ),
      this.#legend.element,
    );
    for (const menu of [this.models.menu, this.pixels]) menu.on('change', () => this.emit('model'));
    this.other.menu.on('change', () => this.#changeOther());
    this.other.on('mask', (mask) => this.#addFigures({ other: this.#shares(mask) }));
    this.#unsubscribe = palette.on('change', () => this.options.emit('change'));
    this.options.on('change', () => {
      this.#toolbar.update();
      this.#viewer.update();
      this.#legend.update();
      this.#ensureConfidence();
      this.#scheduleChange();
    });
    this.#viewport.on('change', () => this.#scheduleChange());
    this.#viewer.on('point', (pixel, byKeyboard) =>
      this.#pixelInfo.show(pixel, this.#viewer.masks, byKeyboard),
    );
    this.#viewer.on('flick', (steps) => this.emit('flick', steps));
  }

  close() {
    this.#unsubscribe();
    clearTimeout(this.#linkTimer);
    this.#loading.abort();
    this.correction.stop();
    this.options.close();
    this.#viewer.close();
  }

  /** @param {URLSearchParams} query of another link */
  restore(query) {
    this.models.value = query.get('model') ?? '';
    this.pixels.text = query.get('pixels') ?? '';
    if (this.other.value !== (query.get('with') ?? '')) {
      this.other.value = query.get('with') ?? '';
      this.#changeOther();
    }
    this.#viewport.parse(query.get('at') ?? '');
    this.options.restore(query);
  }

  toQuery() {
    return { ...this.choices(), at: this.#viewport.toString() };
  }

  /** What stays chosen from image to image, for a link. */
  choices() {
    const { models, other, pixels } = this;
    const chosen = { model: models.value, with: other.value, pixels: pixels.text };
    return { ...this.options.toQuery(), ...chosen };
  }

  /** @param {Target} target */
  async open(target) {
    this.correction.stop();
    this.#image = null;
    this.#finished = null;
    this.#clear();
    this.models.offer(!target.job);
    this.#loading.abort();
    this.#loading = new AbortController();
    const { signal } = this.#loading;
    this.element.ariaBusy = 'true';
    try {
      const loading = loadTarget(target, (name) => this.#setName(name), signal);
      const image = await sayWhenSlow(loading, (text) => this.#viewer.first.setMessage(text));
      this.#image = image;
      this.pixels.offer(target.job ? null : image);
      this.#reset(image);
      await Promise.all([
        this.#showPhoto(image, signal),
        this.#showTruth(image, signal),
        this.#showPrediction(image, target, {}, signal),
        this.#showOther(image, signal),
      ]);
    } catch (error) {
      if (!isAbort(error)) this.#showFailure(error, () => this.open(target));
    }
    if (!signal.aborted) this.element.ariaBusy = 'false';
  }

  /** @param {string} name */
  #setName(name) {
    this.#name = name;
    this.#heading.setName(name);
    this.emit('named', baseName(name));
  }

  /** Show nothing of the image before under the name of the next one. */
  #clear() {
    this.#heading.setImage(null);
    this.#figures = {};
    this.#addFigures({});
    this.#viewer.clear();
  }

  /** @param {Image} image */
  #reset(image) {
    this.element.classList.remove('failed');
    this.#heading.setImage(image);
    this.#setLayers(image, this.#layersOf(image));
    this.#viewer.panes.prediction.setMessage(t('predict.requesting'));
  }

  /**
   * @param {Image} image
   * @returns {import('./display_options.js').Layer[]}
   */
  #layersOf({ truth_url: truth }) {
    const unknown = [!truth && 'truth', !this.other.value && 'other'];
    return LAYERS.filter((layer) => !unknown.includes(layer));
  }

  /**
   * @param {Image} image
   * @param {AbortSignal} signal
   */
  #showOther(image, signal) {
    return this.other.show(image, { name: this.#name, pixels: this.pixels.value }, signal);
  }

  /** Another second model was chosen, or none. */
  #changeOther() {
    const image = this.#image;
    if (!image) return;
    const layers = this.#layersOf(image);
    this.#viewer.setLayers(layers);
    this.#toolbar.setLayers(layers);
    this.#figures.other = undefined;
    this.#addFigures({});
    this.#showOther(image, this.#loading.signal);
    this.#scheduleChange();
  }

  /**
   * @param {unknown} error
   * @param {() => void} retry
   */
  #showFailure(error, retry) {
    this.element.classList.add('failed');
    this.#setLayers({ width: 4, height: 3 }, BASE_LAYERS);
    this.#viewer.first.setMessage(failureNote(error, retry));
  }

  /**
   * @param {import('./viewer/viewport.js').Size} size of the image
   * @param {import('./display_options.js').Layer[]} layers
   */
  #setLayers(size, layers) {
    this.#viewer.reset(size, layers);
    this.#toolbar.setLayers(layers);
  }

  /**
   * @param {Image} image
   * @param {AbortSignal} signal
   */
  #showPhoto(image, signal) {
    return loadInto(this.#viewer.panes.image, async () => {
      const { bitmap, isThumbnail } = await loadPhoto(image, signal);
      if (isThumbnail) this.#heading.addFact(t('image.thumbnail'));
      this.#viewer.setPhoto(bitmap);
    });
  }

  /**
   * @param {Image} image
   * @param {AbortSignal} signal
   */
  #showTruth({ truth_url: url }, signal) {
    return loadInto(this.#viewer.panes.truth, async () => {
      if (!url) return;
      const mask = await loadTruth(url, signal);
      this.#viewer.setMask('truth', mask);
      this.#addFigures({ truth: this.#shares(mask) });
    });
  }

  /**
   * Show the mask of an item, or request one for the image.
   * @param {Image} image
   * @param {Target} target
   * @param {{retry?: boolean}} options
   * @param {AbortSignal} signal
   */
  async #showPrediction(image, target, { retry = false }, signal) {
    const { job, item } = retry ? {} : target;
    try {
      const isNew = !target.job && !this.pixels.value;
      const sent = isNew ? takeSegmented(image.id, this.models.value) : null;
      const id = job ?? sent?.job ?? (await this.#request(image, target.job, retry, signal));
      const finished = sent?.finished ?? (await this.#waitFor(id, item ?? 0, signal));
      await this.#showFinished(finished, signal);
      if (finished.item.result) this.#heading.addOrigin(finished.item.result);
      this.#ensureConfidence();
    } catch (error) {
      if (!isAbort(error)) this.#showPredictionFailure(error, image, target, signal);
    }
  }

  /**
   * @param {Image} image
   * @param {string | undefined} job which the mask is of; without one, the menus say what is wanted
   * @param {boolean} retry
   * @param {AbortSignal} signal
   */
  async #request(image, job, retry, signal) {
    const confidence = this.options.thirdPane === 'confidence';
    const options = { name: this.#name, pixels: this.pixels.value, retry, confidence };
    if (job) return requestAgain(image, job, options, signal);
    return requestMask(image, await this.models.resolve(signal), options, signal);
  }

  /**
   * @param {string} job
   * @param {number} item
   * @param {AbortSignal} signal
   */
  async #waitFor(job, item, signal) {
    const { workers } = await getService(signal);
    const pane = this.#viewer.panes.prediction;
    return waitForItem(job, item, (now) => pane.setMessage(waitingText(now, workers)), signal);
  }

  /**
   * @param {unknown} error
   * @param {Image} image
   * @param {Target} target
   * @param {AbortSignal} signal
   */
  #showPredictionFailure(error, image, target, signal) {
    const pane = this.#viewer.panes.prediction;
    // An image at fault fails again: only another file helps.
    if (error instanceof Problem && error.isFinal) {
      pane.setMessage(problemNote(error));
      return;
    }
    const ofItem = error instanceof Problem && error.code !== 'unreachable';
    const retry = () => {
      pane.setMessage(t('predict.requesting'));
      // What an item failed of is done again by a job of its own.
      this.#showPrediction(image, target, { retry: ofItem }, signal);
    };
    pane.setMessage(failureNote(error, retry));
  }

  /**
   * @param {FinishedItem} finished
   * @param {AbortSignal} signal
   */
  async #showFinished(finished, signal) {
    const mask = await loadPrediction(finished, signal);
    this.#finished = finished;
    this.#viewer.setMask('prediction', mask);
    this.#addFigures({
      prediction: this.#shares(mask),
      scores: finished.item.result?.scores ?? null,
    });
  }

  #ensureConfidence() {
    const [image, finished] = [this.#image, this.#finished];
    if (!image || !finished) return;
    const { signal } = this.#loading;
    this.#confidence.ensure({ image, name: this.#name, finished, signal });
  }

  /** @param {import('./viewer/mask_png.js').Mask} mask */
  #shares(mask) {
    return shares(mask, this.#taxonomy.categories.length);
  }

  /** @param {import('./legend.js').Figures} figures */
  #addFigures(figures) {
    Object.assign(this.#figures, figures);
    this.#legend.show(this.#figures);
    this.#heading.setScores(this.#figures.scores);
  }

  #scheduleChange() {
    clearTimeout(this.#linkTimer);
    this.#linkTimer = setTimeout(() => this.emit('change'), LINK_DELAY_MS);
  }
}

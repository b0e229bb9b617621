/** One image under inspection: its pictures, tools, legend, and how its mask comes about. */

import { fill, h } from '../element.js';
import { get, imagePath } from '../http.js';
import { problemNote } from '../problem.js';
import { link } from '../route.js';
import { number, t } from '../words.js';
import { subjectDownloads } from './downloads.js';
import { Legend } from './legend.js';
import { Look } from './look.js';
import { ModelChoice } from './model_choice.js';
import { Panes, PLAIN } from './panes.js';
import { shares } from './raster.js';
import { Readout } from './readout.js';
import { timing, waiting } from './standing.js';
import {
  askForMask,
  awaitItem,
  loadConfidence,
  loadPhoto,
  loadPrediction,
  loadTruth,
} from './subject.js';
import { Toolbar } from './toolbar.js';
import { Viewport } from './viewport.js';

export class Inspector extends EventTarget {
  #loading = new AbortController();

  /**
   * @param {import('../taxonomy.js').Taxonomy} taxonomy
   * @param {URLSearchParams} query of the link that is reopened
   */
  constructor(taxonomy, query) {
    super();
    this.taxonomy = taxonomy;
    this.look = new Look(query);
    this.viewport = new Viewport();
    this.viewport.parse(query.get('at') ?? '');
    this.panes = new Panes(taxonomy, this.look, this.viewport);
    this.readout = new Readout(taxonomy);
    this.legend = new Legend(taxonomy, this.look);
    this.toolbar = new Toolbar(this.look, this.viewport, (factor) => this.panes.zoom(factor));
    this.title = h('h1', { class: 'subject' });
    this.facts = h('p', { class: 'note', role: 'status' });
    this.models = new ModelChoice(query.get('model') ?? '');
    this.models.addEventListener('change', () => {
      this.open(this.wanted);
      this.#note();
    });
    this.back = h('a', { hidden: true }, t('image.job'));
    this.downloads = subjectDownloads(() => this);
    this.element = h(
      'div',
      { class: 'inspector' },
      h(
        'div',
        { class: 'heading' },
        h('div', { class: 'names' }, this.title, this.facts),
        h('div', { class: 'actions' }, this.back, this.models.element, this.downloads),
      ),
      this.toolbar.element,
      this.panes.element,
      h('p', { id: 'pane-keys', class: 'visually-hidden' }, t('pane.keys')),
      this.panes.keys,
      this.readout.element,
      this.legend.element,
    );
    this.look.addEventListener('change', () => this.#lookChanged());
    this.viewport.addEventListener('change', () => this.#note());
    this.panes.addEventListener('point', ({ detail }) =>
      this.readout.show(detail.pixel, this.panes.masks, detail.byKeys),
    );
  }

  close() {
    this.#loading.abort();
    this.panes.close();
  }

  /** @param {URLSearchParams} query of another link, by which it is shown from now on */
  reopen(query) {
    this.models.set(query.get('model') ?? '');
    this.viewport.parse(query.get('at') ?? '');
    this.look.reopen(query);
  }

  /** How it is shown, as it is in a link. */
  query() {
    return { ...this.look.query(), model: this.models.value, at: this.viewport.toString() };
  }

  /**
   * Show an image, or an item of a job.
   * @param {{image?: string, name?: string, job?: string | null, item?: number}} wanted
   */
  async open(wanted) {
    const { image: id, name, job, item } = wanted;
    this.wanted = wanted;
    this.back.hidden = !job;
    this.back.href = link('jobs', { job });
    this.models.element.hidden = Boolean(job) || !this.models.isChoice;
    this.#loading.abort();
    this.#loading = new AbortController();
    const { signal } = this.#loading;
    this.ended = null;
    let known = null;
    try {
      known = job ? await get(`v1/jobs/${job}/items/${item}`, {}, signal) : { image_id: id, custom_id: name };
      fill(this.title, known.custom_id ?? known.image_id);
      const image = await get(imagePath(known.image_id), {}, signal).catch((error) => {
        // A file that is no image was never catalogued; its item still says why it failed.
        throw known.error ?? error;
      });
      this.image = image;
      this.#begin(image);
      await Promise.all([
        this.#showPhoto(image, signal),
        this.#showTruth(image, signal),
        this.#predict(image, job, item, {}, signal),
      ]);
    } catch (error) {
      if (error.name !== 'AbortError') this.#fail(error, known);
    }
  }

  #begin(image) {
    fill(
      this.facts,
      t('image.facts', { width: image.width, height: image.height, format: image.format.toUpperCase() }),
    );
    const layers = image.truth_url ? ['image', 'truth', 'prediction'] : PLAIN;
    this.panes.begin(image, layers);
    this.panes.prediction.say(t('predict.asking'));
    if (!image.truth_url) this.panes.truth.say(t('truth.none'));
    this.toolbar.setLayers(layers);
    this.figures = {};
    this.legend.set(this.figures);
  }

  #fail(error, known) {
    const { image, item } = this.wanted;
    if (!known) fill(this.title, image ?? `${t('items.item')} ${number(item + 1)}`);
    this.legend.set({});
    this.panes.begin({ width: 4, height: 3 }, PLAIN);
    this.toolbar.setLayers(PLAIN);
    fill(this.facts);
    this.panes.image.say(problemNote(error));
    this.panes.truth.say('');
    this.panes.prediction.say('');
  }

  async #showPhoto(image, signal) {
    try {
      const { bitmap, isThumbnail } = await loadPhoto(image, signal);
      if (isThumbnail) this.facts.append(` · ${t('image.thumbnail')}`);
      this.panes.setPhoto(bitmap);
    } catch (error) {
      if (error.name !== 'AbortError') this.panes.image.say(problemNote(error));
    }
  }

  async #showTruth(image, signal) {
    if (!image.truth_url) return;
    try {
      const mask = await loadTruth(image, signal);
      this.panes.setMask('truth', mask);
      this.#setFigures({ truth: shares(mask, this.taxonomy.categories.length) });
    } catch (error) {
      if (error.name !== 'AbortError') this.panes.truth.say(problemNote(error));
    }
  }

  async #predict(image, job, item, how, signal) {
    try {
      const confidence = this.look.third === 'confidence';
      const model = job ? null : await this.models.chosen(signal);
      const asked = job ?? (await askForMask(image, model, { ...how, confidence }, signal));
      const { workers } = await get('v1/service', {}, signal);
      const tell = (state) => this.panes.prediction.say(waiting(state, workers.length));
      await this.#take(await awaitItem(asked, item ?? 0, tell, signal), signal);
      const { result } = this.ended.item;
      this.facts.append(` · ${result.artifact}`, timing(result));
      this.#seekConfidence();
    } catch (error) {
      if (error.name === 'AbortError') return;
      const again = () => {
        this.panes.prediction.say(t('predict.asking'));
        this.#predict(image, null, 0, { afresh: true }, signal);
      };
      this.panes.prediction.say(
        problemNote(error),
        h('button', { type: 'button', onclick: again }, t('predict.again')),
      );
    }
  }

  /** @param {import('./subject.js').Ended} ended whose mask is shown from now on */
  async #take(ended, signal) {
    const mask = await loadPrediction(ended, signal);
    this.ended = ended;
    this.panes.setMask('prediction', mask);
    const { scores } = ended.item.result;
    this.#setFigures({ prediction: shares(mask, this.taxonomy.categories.length), scores });
  }

  /** Confidence costs a worker time: it is asked for once somebody wants to see it. */
  async #seekConfidence() {
    const { prediction, confidence } = this.panes.masks;
    if (!prediction) return;
    const isMissing = this.look.third === 'confidence' && !confidence;
    this.panes.prediction.say(...(isMissing ? [t('confidence.asking')] : []));
    const { signal } = this.#loading;
    if (!isMissing || this.seeking === signal) return;
    this.seeking = signal;
    try {
      if (!this.ended.job.confidence) {
        const { artifact } = this.ended.item.result;
        const asked = await askForMask(this.image, artifact, { confidence: true }, signal);
        // The mask too: it goes with its confidence, also when the service works otherwise by now.
        await this.#take(await awaitItem(asked, 0, () => {}, signal), signal);
      }
      this.panes.setMask('confidence', await loadConfidence(this.ended, signal));
    } catch (error) {
      const isSeen = error.name !== 'AbortError' && this.look.third === 'confidence';
      if (isSeen) this.panes.prediction.say(problemNote(error));
    }
    if (this.seeking === signal) this.seeking = null;
  }

  #setFigures(more) {
    Object.assign(this.figures, more);
    this.legend.set(this.figures);
  }

  #lookChanged() {
    this.toolbar.update();
    this.panes.update();
    this.#seekConfidence();
    this.#note();
  }

  #note() {
    clearTimeout(this.noting);
    this.noting = setTimeout(() => this.dispatchEvent(new Event('look')), 150);
  }
}

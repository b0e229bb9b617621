/** The view "Service": readiness, queues, workers and models, updated every few seconds. */

import { checkReady, getService, listModels } from '../lib/api/client.js';
import { Problem } from '../lib/api/http.js';
import { fill, fillKeepingFocus, h } from '../lib/element.js';
import { bytes, dateTime, duration, number, percent, t } from '../lib/i18n.js';
import { shortModel } from '../lib/names.js';
import { problemNote } from '../lib/problem.js';
import { failureNote } from '../lib/recovery.js';
import { ModelPage, modelLink } from './model_page.js';
import { Sparkline } from './sparkline.js';
import { table } from './table.js';

/** @typedef {import('../lib/api/schemas.js').ModelList} ModelList */
/** @typedef {import('../lib/api/schemas.js').ServiceStatus} ServiceStatus */

const POLL_MS = 3000;
const STATE_TEXTS = /** @type {const} */ ({
  good: 'service.ready',
  warn: 'service.noworkers',
  bad: 'service.notready',
});
const LANES = /** @type {const} */ (['interactive', 'batch']);

/**
 * @param {HTMLElement} root
 * @param {URLSearchParams} query
 * @returns {Promise<import('../app.js').View>}
 */
export async function openService(root, query) {
  const view = new ServiceView(root);
  await view.refresh();
  view.update(query);
  return view;
}

class ServiceView {
  #root;
  #timer = 0;
  #isClosed = false;
  #state = h('div', { class: 'state', role: 'status' });
  #about = h('dl', { class: 'facts' });
  #lanes = LANES.map((lane) => ({
    lane,
    figures: h('dl', { class: 'stats' }),
    chart: new Sparkline(),
  }));
  #workers = tableBox(t('service.workers'));
  #models = tableBox(t('service.models'));

  /** @type {ModelPage | null} */
  #modelPage = null;

  /** @param {HTMLElement} root */
  constructor(root) {
    this.#root = root;
    this.element = h(
      'div',
      { class: 'page' },
      h('h1', {}, t('nav.service')),
      this.#state,
      h(
        'div',
        { class: 'service' },
        card(t('service.about'), this.#about),
        this.#lanes.map(({ lane, figures, chart }) =>
          card(
            t(`lane.${lane}`),
            h('p', { class: 'note' }, t(`lane.${lane}.about`)),
            figures,
            chart.element,
          ),
        ),
        wideCard(t('service.workers'), this.#workers),
        wideCard(t('service.models'), this.#models),
      ),
    );
  }

  close() {
    this.#isClosed = true;
    this.#modelPage?.close();
    clearTimeout(this.#timer);
  }

  /** @param {URLSearchParams} query of a link to this view */
  update(query) {
    const model = query.get('model');
    this.#modelPage?.close();
    this.#modelPage = model ? new ModelPage(model) : null;
    fillKeepingFocus(this.#root, this.#modelPage?.element ?? this.element);
    document.title = `${model ? shortModel(model) : t('nav.service')} · Roadmask`;
  }

  async refresh() {
    try {
      const [service, models, problem] = await Promise.all([
        getService(),
        listModels(),
        checkReady().then(
          () => null,
          (error) => error,
        ),
      ]);
      this.#showState(service, problem);
      this.#showAbout(service, models);
      this.#showLanes(service);
      fill(
        this.#workers,
        service.workers.length
          ? workerTable(service.workers)
          : h('p', { class: 'note' }, t('service.noworkers')),
      );
      fill(this.#models, modelTable(models.models));
    } catch (error) {
      this.#state.dataset.kind = 'bad';
      fill(
        this.#state,
        failureNote(error, () => this.refresh()),
      );
    }
    clearTimeout(this.#timer);
    if (!this.#isClosed) this.#timer = setTimeout(() => this.refresh(), POLL_MS);
  }

  /**
   * @param {ServiceStatus} service
   * @param {unknown} problem why the service is not ready; null when it is
   */
  #showState({ workers }, problem) {
    const waits = problem instanceof Problem && problem.code === 'workers_unavailable';
    const kind = waits && !workers.length ? 'warn' : problem ? 'bad' : 'good';
    // Screen readers announce each change of the element, so it changes with the state only.
    if (this.#state.dataset.kind === kind && !problem) return;
    this.#state.dataset.kind = kind;
    const dot = h('span', { class: 'dot', 'aria-hidden': 'true' });
    fill(this.#state, dot, t(STATE_TEXTS[kind]), kind === 'bad' && problemNote(problem));
  }

  /**
   * @param {ServiceStatus} service
   * @param {ModelList} models
   */
  #showAbout(service, models) {
    fill(
      this.#about,
      fact(t('service.inservice'), shortModel(models.in_service ?? t('service.differ'))),
      fact(t('service.version'), service.version),
      fact(t('service.store'), service.store),
      fact(t('service.maxbytes'), bytes(service.max_upload_bytes)),
      fact(t('service.maxpixels'), t('service.megapixels', { n: service.max_image_pixels / 1e6 })),
    );
  }

  /** @param {ServiceStatus} service */
  #showLanes({ lanes }) {
    for (const { lane, figures, chart } of this.#lanes) {
      const { images, messages, images_per_second: rate } = lanes[lane];
      chart.add(rate);
      fill(
        figures,
        fact(t('service.images'), number(images)),
        fact(t('service.messages'), number(messages)),
        fact(t('service.throughput'), number(rate, 1)),
      );
    }
  }
}

/**
 * @param {string} title
 * @param {...Node} content
 */
function card(title, ...content) {
  return h('section', { class: 'card', 'aria-label': title }, h('h2', {}, title), ...content);
}

/**
 * @param {string} title
 * @param {Node} content
 */
function wideCard(title, content) {
  const element = card(title, content);
  element.classList.add('wide');
  return element;
}

/**
 * A box that scrolls a wide table sideways, also by keyboard.
 * @param {string} label
 */
function tableBox(label) {
  return h('div', { class: 'table-scroll', tabIndex: 0, role: 'group', 'aria-label': label });
}

/**
 * @param {string} label
 * @param {string} value
 */
function fact(label, value) {
  return h('div', {}, h('dt', {}, label), h('dd', {}, value));
}

/** @param {import('../lib/api/schemas.js').Worker[]} workers */
function workerTable(workers) {
  return table(
    [
      { title: t('service.worker') },
      { title: t('service.model') },
      { title: t('service.lanes') },
      { title: t('service.done'), isNumber: true },
      { title: t('service.rate'), isNumber: true },
      { title: t('service.uptime'), isNumber: true },
    ],
    workers.map((worker) => [
      `${worker.host ?? worker.id}${worker.pid ? ` · ${worker.pid}` : ''}`,
      worker.model ? shortModel(worker.model) : '–',
      worker.lanes.map((lane) => t(`lane.${lane}`)).join(', '),
      number(worker.items_done ?? 0),
      number(worker.images_per_second, 1),
      worker.started_at ? duration((Date.now() - Date.parse(worker.started_at)) / 1000) : '–',
    ]),
  );
}

/** @param {import('../lib/api/schemas.js').Model[]} models */
function modelTable(models) {
  return table(
    [
      { title: t('service.model') },
      { title: t('service.status') },
      { title: t('service.published') },
      { title: t('service.miou'), isNumber: true },
      { title: t('service.size'), isNumber: true },
    ],
    models.map((model) => [
      modelLink(model),
      model.in_service ? t('service.inservice') : '',
      model.pushed_at ? dateTime(model.pushed_at) : t('service.unpublished'),
      percent(model.mean_iou),
      model.size ? bytes(model.size) : '–',
    ]),
  );
}

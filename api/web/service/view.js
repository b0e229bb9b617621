/** The view "Service": queues, workers, models, versions and throughput, as they are now. */

import { fill, h } from '../element.js';
import { get } from '../http.js';
import { problemNote } from '../problem.js';
import { bytes, duration, number, percent, t, when } from '../words.js';
import { Sparkline } from './sparkline.js';
import { table } from './table.js';

const EVERY_MS = 3000;
const LANES = ['interactive', 'batch'];

/** @param {HTMLElement} root */
export async function openService(root) {
  const view = new ServiceView();
  root.append(view.element);
  await view.refresh();
  return { update() {}, close: () => view.close() };
}

class ServiceView {
  #timer = 0;
  #isClosed = false;

  constructor() {
    this.state = h('div', { class: 'state', role: 'status' });
    this.about = h('dl', { class: 'facts' });
    this.lanes = LANES.map((lane) => ({
      lane,
      figures: h('dl', { class: 'figures' }),
      chart: new Sparkline(),
    }));
    this.workers = h('div', {
      class: 'tablebox',
      tabIndex: 0,
      role: 'group',
      'aria-label': t('service.workers'),
    });
    this.models = h('div', {
      class: 'tablebox',
      tabIndex: 0,
      role: 'group',
      'aria-label': t('service.models'),
    });
    this.element = h(
      'div',
      { class: 'page' },
      h('h1', {}, t('nav.service')),
      this.state,
      h(
        'div',
        { class: 'service' },
        card('', 'service.about', this.about),
        this.lanes.map(({ lane, figures, chart }) =>
          card('', `lane.${lane}`, h('p', { class: 'note' }, t(`lane.${lane}.why`)), figures, chart.element),
        ),
        card('wide', 'service.workers', this.workers),
        card('wide', 'service.models', this.models),
      ),
    );
  }

  close() {
    this.#isClosed = true;
    clearTimeout(this.#timer);
  }

  async refresh() {
    try {
      const [service, models, problem] = await Promise.all([
        get('v1/service'),
        get('v1/models'),
        get('readyz').then(
          () => null,
          (error) => error,
        ),
      ]);
      this.#showState(service, problem);
      this.#showAbout(service, models);
      for (const { lane, figures, chart } of this.lanes) {
        const { images, messages, images_per_second: rate } = service.lanes[lane];
        chart.add(rate);
        fill(
          figures,
          fact('images', number(images)),
          fact('messages', number(messages)),
          fact('shared', number(rate, 1)),
        );
      }
      fill(
        this.workers,
        service.workers.length
          ? workerTable(service.workers)
          : h('p', { class: 'note' }, t('service.noworkers')),
      );
      fill(this.models, modelTable(models.models));
    } catch (error) {
      this.state.dataset.kind = 'bad';
      fill(this.state, problemNote(error));
    }
    if (!this.#isClosed) this.#timer = setTimeout(() => this.refresh(), EVERY_MS);
  }

  #showState(service, problem) {
    const [kind, words] = problem
      ? ['bad', t('service.notready')]
      : service.workers.length
        ? ['good', t('service.ready')]
        : ['warn', t('service.noworkers')];
    if (this.state.dataset.kind === kind && !problem) return;
    this.state.dataset.kind = kind;
    fill(
      this.state,
      h('span', { class: 'dot', 'aria-hidden': 'true' }),
      words,
      problem && problemNote(problem),
    );
  }

  #showAbout(service, models) {
    fill(
      this.about,
      fact('model', models.in_service ?? t('service.differ')),
      fact('version', service.version),
      fact('store', service.store),
      fact('maxbytes', bytes(service.max_upload_bytes)),
      fact('maxpixels', t('service.megapixels', { n: service.max_image_pixels / 1e6 })),
    );
  }
}

function card(kind, title, ...children) {
  return h('section', { class: `card ${kind}`, 'aria-label': t(title) }, h('h2', {}, t(title)), children);
}

function fact(name, value) {
  return h('div', {}, h('dt', {}, t(`service.${name}`)), h('dd', {}, value));
}

function workerTable(workers) {
  return table(
    ['worker', 'model', 'lanes', 'done*', 'rate*', 'uptime*'],
    workers.map((worker) => [
      `${worker.host ?? worker.id}${worker.pid ? ` · ${worker.pid}` : ''}`,
      worker.model ?? '–',
      worker.lanes.map((lane) => t(`lane.${lane}`)).join(', '),
      number(worker.items_done ?? 0),
      number(worker.images_per_second, 1),
      worker.started_at ? duration((Date.now() - new Date(worker.started_at)) / 1000) : '–',
    ]),
  );
}

function modelTable(models) {
  return table(
    ['model', 'standing', 'pushed', 'miou*', 'size*'],
    models.map((model) => [
      `${model.name}@${model.version}`,
      model.in_service ? t('service.inservice') : '',
      model.pushed_at ? when(model.pushed_at) : t('service.unpublished'),
      percent(model.mean_iou),
      model.size ? bytes(model.size) : '–',
    ]),
  );
}

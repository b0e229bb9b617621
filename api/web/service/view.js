/** The view "Service": queues, workers, model, versions and throughput, as they are now. */

import { fill, h } from '../element.js';
import { get } from '../http.js';
import { problemNote } from '../problem.js';
import { bytes, duration, number, t } from '../words.js';
import { Sparkline } from './sparkline.js';

const EVERY_MS = 3000;

/** @param {HTMLElement} root */
export async function openService(root) {
  const panel = h('div', { class: 'service' });
  const state = h('div', { class: 'state', role: 'status' });
  const charts = { interactive: new Sparkline(), batch: new Sparkline() };
  root.append(h('div', { class: 'page' }, h('h1', {}, t('nav.service')), state, panel));
  let isClosed = false;
  let timer = 0;

  const refresh = async () => {
    try {
      const [service, isReady] = await Promise.all([get('v1/service'), ready()]);
      for (const [lane, chart] of Object.entries(charts)) chart.add(service.lanes[lane].images_per_second);
      setState(state, service, isReady);
      draw(panel, service, charts);
    } catch (error) {
      fill(state, problemNote(error));
    }
    if (!isClosed) timer = setTimeout(refresh, EVERY_MS);
  };
  await refresh();
  return {
    update() {},
    close() {
      isClosed = true;
      clearTimeout(timer);
    },
  };
}

async function ready() {
  return get('readyz').then(() => null, (error) => error);
}

function setState(state, service, problem) {
  const [kind, words] = problem ? ['bad', t('service.notready')]
    : service.workers.length ? ['good', t('service.ready')] : ['warn', t('service.noworkers')];
  if (state.dataset.kind === kind) return;
  state.dataset.kind = kind;
  fill(state, h('span', { class: 'dot', 'aria-hidden': 'true' }), words, problem && problemNote(problem));
}

function draw(panel, service, charts) {
  const fact = (name, value) => h('div', {}, h('dt', {}, t(`service.${name}`)), h('dd', {}, value));
  fill(panel,
    h('section', { class: 'card', 'aria-label': t('service.about') }, h('h2', {}, t('service.about')), h('dl', { class: 'facts' },
      fact('models', service.models.join(', ') || '–'), fact('version', service.version), fact('store', service.store),
      fact('maxbytes', bytes(service.max_upload_bytes)), fact('maxpixels', t('service.megapixels', { n: service.max_image_pixels / 1e6 })))),
    Object.entries(service.lanes).map(([lane, status]) => h('section', { class: 'card', 'aria-label': t(`lane.${lane}`) },
      h('h2', {}, t(`lane.${lane}`)), h('p', { class: 'note' }, t(`lane.${lane}.why`)),
      h('dl', { class: 'figures' },
        h('div', {}, h('dt', {}, t('service.messages')), h('dd', {}, number(status.messages))),
        h('div', {}, h('dt', {}, t('service.rate')), h('dd', {}, number(status.images_per_second, 1)))),
      charts[lane].element)),
    h('section', { class: 'card wide', 'aria-label': t('service.workers') }, h('h2', {}, t('service.workers')), workers(service.workers)));
}

function workers(found) {
  if (!found.length) return h('p', { class: 'note' }, t('service.noworkers'));
  const columns = ['worker', 'model', 'lanes', 'done', 'rate', 'uptime'];
  const isNumber = (column) => (['done', 'rate'].includes(column) ? 'number' : '');
  const row = (worker) => [
    `${worker.host ?? worker.id}${worker.pid ? ` · ${worker.pid}` : ''}`, worker.model ?? '–',
    worker.lanes.map((lane) => t(`lane.${lane}`)).join(', '), number(worker.items_done ?? 0), number(worker.images_per_second, 1),
    worker.started_at ? duration((Date.now() - new Date(worker.started_at)) / 1000) : '–'];
  return h('div', { class: 'tablebox', tabIndex: 0, role: 'region', 'aria-label': t('service.workers') }, h('table', {},
    h('thead', {}, h('tr', {}, columns.map((column) => h('th', { scope: 'col', class: isNumber(column) }, t(`service.${column}`))))),
    h('tbody', {}, found.map((worker) => h('tr', {}, row(worker).map((cell, at) => h('td', { class: isNumber(columns[at]) }, cell)))))));
}

/** The view "Segment": the catalogue beside the image that was picked from it. */

import { acceptDrops, dropzone } from '../dropzone.js';
import { h } from '../element.js';
import { get } from '../http.js';
import { go, link, note } from '../route.js';
import { loadTaxonomy } from '../taxonomy.js';
import { t } from '../words.js';
import { Catalogue } from './catalogue.js';
import { Inspector } from './inspector.js';
import { Tray } from './tray.js';

/**
 * @param {HTMLElement} root
 * @param {URLSearchParams} query
 */
export async function openSegment(root, query) {
  const taxonomy = await loadTaxonomy();
  const catalogue = new Catalogue(filterOf(query));
  const inspector = new Inspector(taxonomy, query);
  const tray = new Tray();
  let subject = subjectOf(query);

  const here = () => link('segment', { ...subject, ...catalogue.filter, ...inspector.query() });
  const open = (image) =>
    go(
      link('segment', {
        image,
        ...catalogue.filter,
        ...inspector.look.query(),
        model: inspector.models.value,
      }),
    );
  const stepInJob = async (steps) => {
    const { job } = subject;
    const { counts } = await get(`v1/jobs/${job}`).catch(() => ({ counts: { total: 0 } }));
    const item = subject.item + steps;
    if (subject.job === job && item >= 0 && item < counts.total)
      go(link('segment', { job, item, ...inspector.look.query() }));
  };
  const step = (steps) => {
    if (subject.job) {
      stepInJob(steps);
      return;
    }
    const next = catalogue.neighbour(steps);
    if (next) open(next);
  };
  const take = (chosen) => tray.add(chosen);
  const empty = h(
    'div',
    { class: 'welcome' },
    h('h1', {}, t('welcome.title')),
    h('p', {}, t('welcome.text')),
    dropzone({ words: t('drop.here'), withFolder: false, take }),
  );
  const main = h('div', { class: 'stagearea' }, empty, inspector.element);
  const smalldrop = h(
    'div',
    { class: 'smalldrop' },
    dropzone({ words: t('drop.here'), withFolder: false, take }),
  );
  const fold = h(
    'button',
    {
      type: 'button',
      class: 'fold',
      'aria-expanded': 'true',
      onclick: () => setFold(fold.getAttribute('aria-expanded') === 'true'),
    },
    t('catalogue.title'),
  );
  const picker = h(
    'section',
    { class: 'picker', 'aria-label': t('catalogue.title') },
    fold,
    tray.element,
    catalogue.element,
    smalldrop,
  );
  // Only narrow screens show the button, and let it fold what is below.
  const setFold = (isFolded) => fold.setAttribute('aria-expanded', String(!isFolded));

  const show = () => {
    const isEmpty = !subject.image && !subject.job;
    empty.hidden = !isEmpty;
    smalldrop.hidden = isEmpty;
    inspector.element.hidden = isEmpty;
    catalogue.setCurrent(subject.image ?? '');
    if (!isEmpty) inspector.open({ ...subject, name: tray.names.get(subject.image) });
    setFold(!isEmpty);
  };
  const press = (event) => {
    if (
      event.target.closest('input, select, textarea, dialog') ||
      event.ctrlKey ||
      event.metaKey ||
      event.altKey
    )
      return;
    const keys = {
      n: () => step(1),
      p: () => step(-1),
      d: () => inspector.look.toggleThird('difference'),
      c: () => inspector.look.toggleThird('confidence'),
      s: () => inspector.look.set({ layout: inspector.look.layout === 'side' ? 'swipe' : 'side' }),
    };
    keys[event.key]?.();
  };

  catalogue.addEventListener('open', ({ detail }) => open(detail));
  catalogue.addEventListener('filter', () => note(here()));
  inspector.addEventListener('look', () => note(here()));
  tray.addEventListener('open', ({ detail }) => open(detail));
  acceptDrops(root, take);
  document.addEventListener('keydown', press);
  root.append(h('div', { class: 'segment' }, picker, main));
  show();
  return {
    /** @param {URLSearchParams} changed */
    update(changed) {
      const next = subjectOf(changed);
      const isSame =
        JSON.stringify(next) === JSON.stringify(subject) &&
        (changed.get('model') ?? '') === inspector.models.value;
      subject = next;
      if (next.image) catalogue.filterBy(filterOf(changed));
      inspector.reopen(changed);
      if (!isSame) show();
    },
    close() {
      document.removeEventListener('keydown', press);
      catalogue.close();
      inspector.close();
    },
  };
}

function filterOf(query) {
  return { dataset: query.get('dataset') ?? '', q: query.get('q') ?? '' };
}

function subjectOf(query) {
  const job = query.get('job');
  if (job) return { job, item: Number(query.get('item') ?? 0) };
  return { image: query.get('image') };
}

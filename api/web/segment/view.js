/** The view "Segment": the catalogue, or the list of a job, beside the inspected image. */

import { isSameQuery, linkQuery, orderText, readItemQuery } from '../items/item_query.js';
import { ItemStrip } from '../items/item_strip.js';
import { listImages } from '../lib/api/client.js';
import { isAbort } from '../lib/api/http.js';
import { eraseButton } from '../lib/controls/erase_button.js';
import { fill, h } from '../lib/element.js';
import { acceptDrops, dropzone } from '../lib/files/dropzone.js';
import { t } from '../lib/i18n.js';
import { shortName } from '../lib/names.js';
import { notify } from '../lib/notice.js';
import { explain } from '../lib/problem.js';
import { link, navigate, replaceLink } from '../lib/route.js';
import { shareMenu } from '../lib/share/share_menu.js';
import { imageSnippets, jobSnippets } from '../lib/share/snippets.js';
import { loadTaxonomy } from '../lib/taxonomy.js';
import { Catalogue } from './catalogue/catalogue.js';
import { readFilter } from './catalogue/image_pages.js';
import { ownFiles } from './catalogue/own_files.js';
import { UploadList } from './catalogue/upload_list.js';
import { Inspector } from './inspector.js';
import { targetOf } from './target.js';
import { WalkBar } from './walk_bar.js';
import { Welcome } from './welcome.js';

/** @typedef {import('../lib/files/upload.js').SelectedFile} SelectedFile */
/** @typedef {import('./target.js').Target} Target */

/** The list that N and P walk, in the link: own files instead of the catalogue. */
const OWN_FILES = 'files';

/**
 * @param {HTMLElement} root
 * @param {URLSearchParams} query
 * @returns {Promise<import('../app.js').View>}
 */
export async function openSegment(root, query) {
  // A link to an image shows no start screen, whether there are others or not.
  const isLinked = targetOf(query) !== null;
  const [taxonomy, isEmpty] = await Promise.all([loadTaxonomy(), !isLinked && hasNoImage()]);
  return new SegmentView(root, query, taxonomy, isEmpty);
}

async function hasNoImage() {
  const { images } = await listImages({ limit: 1 });
  return images.length === 0;
}

class SegmentView {
  #catalogue;
  #inspector;
  #uploads = new UploadList();
  /** @type {ItemStrip | null} the list of the job whose item is shown */
  #strip = null;
  /** @type {Target | null} */
  #target;
  #query;
  #isEmpty;
  /** Counts what was opened, so that a finished upload replaces nothing else. */
  #opened = 0;
  #isClosed = false;
  #welcome;
  #walk = new WalkBar((steps) => this.#step(steps));
  #backLink = h('a', { class: 'button back-to-job', hidden: true }, t('image.job'));
  #erase;
  #frame = h('div', { class: 'segment' });
  #list = h('div', { class: 'list' });
  #sidebarDropzone;
  #sidebarToggle = h('button', {
    type: 'button',
    class: 'sidebar-toggle',
    'aria-expanded': 'true',
  });
  #closing = new AbortController();

  /**
   * @param {HTMLElement} root
   * @param {URLSearchParams} query
   * @param {import('../lib/taxonomy.js').Taxonomy} taxonomy
   * @param {boolean} isEmpty whether the service has no image yet
   */
  constructor(root, query, taxonomy, isEmpty) {
    this.#query = query;
    this.#isEmpty = isEmpty;
    this.#target = targetOf(query);
    this.#catalogue = new Catalogue(readFilter(query));
    this.#erase = eraseButton(
      () => this.#erasable(),
      ({ id }) => this.#forget(id),
    );
    const share = shareMenu(() => this.#snippets());
    this.#inspector = new Inspector(taxonomy, query, {
      walk: this.#walk.element,
      actions: [share, this.#erase, this.#backLink],
    });
    /** @param {SelectedFile[]} files */
    const onFiles = (files) => this.#upload(files);
    this.#welcome = new Welcome(taxonomy, onFiles);
    this.#sidebarDropzone = h(
      'div',
      { class: 'sidebar-dropzone' },
      dropzone({ label: t('drop.here'), withFolder: false, onFiles }),
    );
    const sidebar = h(
      'section',
      { class: 'sidebar', 'aria-label': t('catalogue.title') },
      this.#sidebarToggle,
      this.#uploads.element,
      this.#list,
      this.#sidebarDropzone,
    );
    const content = h('div', { class: 'content' }, this.#welcome.element, this.#inspector.element);
    this.#sidebarToggle.addEventListener('click', () =>
      this.#setSidebar(this.#sidebarToggle.getAttribute('aria-expanded') === 'false'),
    );
    this.#catalogue.on('open', (image) => this.#open({ image }));
    this.#catalogue.on('filter', () => this.#updateLink());
    this.#catalogue.on('change', () => this.#showPlace());
    this.#uploads.on('open', (image) => this.#open({ image, list: OWN_FILES }));
    this.#inspector.on('change', () => this.#updateLink());
    this.#inspector.on('model', () => this.#openModel());
    this.#inspector.on('flick', (steps) => this.#step(steps));
    this.#inspector.on('corrected', () => this.#show());
    this.#inspector.on('named', (name) => {
      document.title = `${name} · Roadmask`;
    });
    acceptDrops(root, onFiles);
    document.addEventListener('keydown', (event) => this.#handleKey(event), {
      signal: this.#closing.signal,
    });
    this.#frame.append(sidebar, content);
    root.append(this.#frame);
    this.#show();
  }

  close() {
    this.#isClosed = true;
    this.#closing.abort();
    this.#strip?.close();
    this.#uploads.close();
    this.#welcome.close();
    this.#catalogue.close();
    this.#inspector.close();
  }

  /** @param {URLSearchParams} query of another link to this view */
  update(query) {
    const isShown = this.#isShown(query);
    const target = targetOf(query);
    this.#query = query;
    this.#target = target;
    if (target?.image) this.#catalogue.setFilter(readFilter(query));
    this.#inspector.restore(query);
    if (!isShown) this.#show();
  }

  /** @param {URLSearchParams | null} query of another link to this view; null for another view */
  mayLeave(query) {
    return (query !== null && this.#isShown(query)) || this.#inspector.correction.mayStop();
  }

  /**
   * Whether a link changes no more than the look of what is shown.
   * @param {URLSearchParams} query
   */
  #isShown(query) {
    const shown = this.#query;
    return (
      JSON.stringify(targetOf(query)) === JSON.stringify(this.#target) &&
      ['model', 'pixels'].every((name) => (query.get(name) ?? '') === (shown.get(name) ?? '')) &&
      isSameQuery(readItemQuery(query), readItemQuery(shown))
    );
  }

  #show() {
    const target = this.#target;
    this.#opened += 1;
    const isStart = target === null;
    this.#welcome.element.hidden = !isStart;
    this.#welcome.setEmpty(this.#isEmpty);
    this.#sidebarDropzone.hidden = isStart;
    this.#inspector.element.hidden = isStart;
    // On a narrow screen the welcome stands above the catalogue, but for a link to a part of it.
    const isList = Object.values(readFilter(this.#query)).some(Boolean);
    this.#frame.classList.toggle('start', isStart && !isList);
    this.#frame.classList.toggle('bare', isStart && this.#isEmpty && !ownFiles.files.length);
    this.#catalogue.setCurrent(target?.image ?? '');
    this.#uploads.setCurrent(target?.image ?? '');
    this.#uploads.element.classList.toggle('folded', Boolean(target?.job));
    this.#showList(target);
    this.#setSidebar(isStart);
    this.#showPlace();
    if (!target) return;
    const name = target.image && ownFiles.nameOf(target.image);
    this.#inspector.open(target.image ? { ...target, name } : target);
  }

  /**
   * Show the list that the target is in.
   * @param {Target | null} target
   */
  #showList(target) {
    const query = readItemQuery(this.#query);
    const isShown =
      this.#strip?.job === target?.job && isSameQuery(this.#strip?.query ?? query, query);
    if (!target?.job) {
      this.#strip?.close();
      this.#strip = null;
      fill(this.#list, this.#catalogue.element);
      fill(this.#sidebarToggle, t('catalogue.title'));
    } else if (!this.#strip || !isShown) {
      this.#strip?.close();
      this.#strip = this.#openStrip(target.job, query);
      fill(this.#list, this.#strip.element);
      fill(this.#sidebarToggle, t('items.title'));
    }
    if (target?.job) this.#strip?.setCurrent(target.item);
    this.#erase.hidden = target?.image === undefined;
    this.#backLink.hidden = !target?.job;
    this.#backLink.href = link('jobs', {
      job: target?.job ?? '',
      ...linkQuery(query),
      at: target?.item ?? null,
    });
  }

  /**
   * @param {string} job
   * @param {import('../items/item_query.js').ItemQuery} query
   */
  #openStrip(job, query) {
    const strip = new ItemStrip(job, query);
    strip.on('open', (item) => this.#openItem(job, item));
    strip.on('change', () => this.#showPlace());
    return strip;
  }

  #showPlace() {
    const place = this.#place();
    this.#walk.element.hidden = !place;
    if (place) this.#walk.show(place);
  }

  /** @returns {import('./walk_bar.js').Place | null} */
  #place() {
    const target = this.#target;
    if (!target) return null;
    if (this.#strip) {
      const { position, count, query } = this.#strip;
      return { position, count, order: orderText(query) };
    }
    if (target.image !== undefined && this.#walksOwnFiles) {
      const position = ownFiles.positionOf(target.image);
      return { position, count: ownFiles.files.length, order: t('uploads.order') };
    }
    const { position, count } = this.#catalogue.place;
    return { position, count, order: '' };
  }

  get #walksOwnFiles() {
    return this.#query.get('list') === OWN_FILES;
  }

  /** @param {boolean} isExpanded which matters on narrow screens only */
  #setSidebar(isExpanded) {
    this.#sidebarToggle.setAttribute('aria-expanded', String(isExpanded));
  }

  /** @param {SelectedFile[]} files */
  async #upload(files) {
    if (!files.length) return;
    const before = this.#opened;
    const { value: model } = this.#inspector.models;
    const count = await ownFiles.add(files, model, (image) => {
      this.#isEmpty = false;
      const isFree =
        !this.#isClosed && this.#opened === before && !this.#inspector.correction.isActive;
      if (isFree) this.#open({ image, list: OWN_FILES });
    });
    if (this.#isClosed && count) {
      const first = ownFiles.files[0]?.id ?? '';
      notify(t('uploads.done', { n: count }), link('segment', { image: first, list: OWN_FILES }));
    } else this.#catalogue.reload();
  }

  /** @param {{image: string, list?: string}} target */
  #open({ image, list = '' }) {
    const { filter } = this.#catalogue;
    navigate(link('segment', { image, list, ...filter, ...this.#inspector.choices() }));
  }

  /**
   * @param {string} job
   * @param {number} item
   */
  #openItem(job, item) {
    const query = linkQuery(readItemQuery(this.#query));
    navigate(link('segment', { job, item, ...query, ...this.#inspector.choices() }));
  }

  /** Another model is another place in the history, so Back compares two models. */
  #openModel() {
    const { correction } = this.#inspector;
    // The menus would name another model than that of the mask that stays.
    if (!correction.mayStop()) {
      this.#inspector.restore(this.#query);
      return;
    }
    correction.stop();
    navigate(this.#currentLink());
  }

  #currentLink() {
    const target = this.#target;
    const list = target?.job
      ? linkQuery(readItemQuery(this.#query))
      : { list: this.#query.get('list'), ...this.#catalogue.filter };
    return link('segment', { ...target, ...list, ...this.#inspector.toQuery() });
  }

  #updateLink() {
    if (this.#isClosed) return;
    const shown = this.#currentLink();
    replaceLink(shown);
    this.#query = new URLSearchParams(shown.split('?')[1] ?? '');
  }

  /** @returns {import('../lib/controls/erase_button.js').Erasable | null} */
  #erasable() {
    const id = this.#target?.image;
    return id ? { kind: 'images', id, name: ownFiles.nameOf(id) ?? shortName(id) } : null;
  }

  /** @param {string} image which was deleted */
  #forget(image) {
    ownFiles.forget(image);
    if (this.#isClosed) return;
    this.#catalogue.reload();
    // The user may look at another image by now.
    if (this.#target?.image === image) navigate(link('segment', this.#catalogue.filter));
  }

  #snippets() {
    const target = this.#target;
    if (target?.job) return jobSnippets(target.job);
    const { models, pixels } = this.#inspector;
    return imageSnippets(target?.image ?? '', models.value || 'default', pixels.value);
  }

  /** @param {number} steps to go in the list of the job, in the own files, or in the catalogue */
  async #step(steps) {
    const target = this.#target;
    if (!target) return;
    if (target.job && this.#strip) {
      try {
        const item = await this.#strip.neighbour(steps);
        if (item !== undefined && target === this.#target) this.#openItem(target.job, item);
      } catch (error) {
        if (!isAbort(error)) notify(explain(error));
      }
    } else if (target.image !== undefined && this.#walksOwnFiles) {
      const image = ownFiles.neighbour(target.image, steps);
      if (image) this.#open({ image, list: OWN_FILES });
    } else {
      const image = this.#catalogue.neighbour(steps);
      if (image) this.#open({ image });
    }
  }

  /** @param {KeyboardEvent} event */
  #handleKey(event) {
    const { key, target, ctrlKey, metaKey, altKey } = event;
    if (this.#inspector.correction.handleKey(event)) {
      event.preventDefault();
      return;
    }
    if (this.#inspector.correction.isActive) return;
    const isTyping =
      target instanceof Element &&
      target.closest('input:not([type=checkbox]), select, textarea, dialog');
    if (isTyping || ctrlKey || metaKey || altKey || !this.#target) return;
    const { options } = this.#inspector;
    /** @type {Record<string, () => void>} */
    const actions = {
      n: () => this.#step(1),
      p: () => this.#step(-1),
      1: () => options.toggleSingle('image'),
      2: () => options.toggleSingle('truth'),
      3: () => options.toggleSingle('prediction'),
      4: () => options.toggleSingle('other'),
      m: () => options.toggleThirdPane('disagreement'),
      d: () => options.toggleThirdPane('difference'),
      c: () => options.toggleThirdPane('confidence'),
      s: () => options.setLayout(options.layout === 'swipe' ? 'side' : 'swipe'),
      o: () => options.set({ outlines: !options.outlines }),
    };
    actions[key.toLowerCase()]?.();
  }
}

/** What can be done with the selected items of a job. */

import { waitForJob } from '../comparison/other_job.js';
import { exportLinks } from '../jobs/export_links.js';
import { jobName } from '../jobs/job_list.js';
import { createJob, erase, getImage, registerImages } from '../lib/api/client.js';
import { isAbort } from '../lib/api/http.js';
import { fill, h } from '../lib/element.js';
import { Emitter } from '../lib/emitter.js';
import { downloadMenu } from '../lib/files/download.js';
import { t } from '../lib/i18n.js';
import { notify, showNotice } from '../lib/notice.js';
import { explain } from '../lib/problem.js';
import { link, navigate } from '../lib/route.js';
import { copyText } from '../lib/share/copy.js';

/** @typedef {import('../lib/api/schemas.js').CatalogueEntry} CatalogueEntry */
/** @typedef {import('../lib/api/schemas.js').Item} Item */
/** @typedef {import('../lib/api/schemas.js').Job} Job */

/** @extends {Emitter<{erased: []}>} `erased`: images were deleted */
export class SelectionBar extends Emitter {
  /** @type {Item[]} */
  #items = [];
  /** @type {Job | null} */
  #job = null;
  #gallery;
  /** @type {Map<string, string>} ids of the batches that were made for downloads, by what was selected */
  #downloads = new Map();
  #count = h('span', { role: 'status' });
  #buttons;

  /** @param {{selectAll: () => Promise<void>, clearSelection: () => void}} gallery */
  constructor(gallery) {
    super();
    this.#gallery = gallery;
    const all = async () => {
      this.all.disabled = true;
      await gallery.selectAll().catch((error) => {
        // The list was left meanwhile.
        if (!isAbort(error)) notify(explain(error));
      });
      this.all.disabled = false;
    };
    this.all = h('button', { type: 'button', onclick: all }, t('selection.all'));
    const batch = this.#button('selection.batch', () => this.#openBatch());
    batch.classList.add('primary');
    this.#buttons = [
      batch,
      this.#button('selection.dataset', () => this.#addToDataset()),
      this.#button('selection.copy', () => this.#copyNames()),
      this.#button('erase.button', () => this.#erase()),
    ];
    this.element = h(
      'div',
      { class: 'selection', hidden: true },
      this.#count,
      batch,
      downloadMenu(t('download.title'), () => this.#exportLinks()),
      this.#buttons.slice(1),
      h('button', { type: 'button', onclick: gallery.clearSelection }, t('selection.clear')),
    );
  }

  /**
   * @param {Item[]} items
   * @param {Job | null} job that they are of
   */
  show(items, job) {
    this.#items = items;
    this.#job = job;
    this.element.hidden = items.length === 0;
    this.#count.textContent = t('selection.count', { n: items.length });
  }

  /**
   * @param {'selection.batch' | 'selection.dataset' | 'selection.copy' | 'erase.button'} key
   * @param {() => Promise<void>} act
   */
  #button(key, act) {
    const button = h('button', { type: 'button' }, t(key));
    button.addEventListener('click', async () => {
      for (const each of this.#buttons) each.disabled = true;
      await act().catch((error) => notify(explain(error)));
      for (const each of this.#buttons) each.disabled = false;
    });
    return button;
  }

  /** Masks that exist are found, so a batch of a selection ends at once. */
  async #createBatch() {
    const job = this.#job;
    if (!job) throw new RangeError('no job');
    const images = this.#items.map(({ image_id: id, custom_id: custom }) => ({
      id,
      ...(custom ? { custom_id: custom } : {}),
    }));
    const name = t('selection.name', { name: jobName(job), n: images.length });
    const { model, quality, pixels, confidence } = job;
    const lane = /** @type {const} */ ('batch');
    return (await createJob({ images, name, model, quality, pixels, confidence, lane })).job;
  }

  async #openBatch() {
    const made = await this.#createBatch();
    const to = link('jobs', { job: made.id });
    // The user may have gone elsewhere meanwhile, and stays there.
    if (this.element.isConnected) navigate(to);
    else notify(jobName(made), to);
  }

  /** The exports of the job when all of it is selected, else of a batch of the selection. */
  async #exportLinks() {
    const [job, count] = [this.#job, this.#items.length];
    if (!job) return [];
    if (job.finished_at && count === job.counts.total) return exportLinks(job.id, job);
    const name = t('selection.name', { name: jobName(job), n: count });
    const close = showNotice(h('span', {}, t('download.begins', { name })));
    try {
      const made = await this.#downloadBatch();
      return await exportLinks(made.id, made);
    } finally {
      close();
    }
  }

  /** A batch of the selection that has ended. The same selection has one, however often it is downloaded. */
  async #downloadBatch() {
    const selected = JSON.stringify([this.#job?.id, this.#items.map(({ index }) => index)]);
    const id = this.#downloads.get(selected) ?? (await this.#createBatch()).id;
    this.#downloads.set(selected, id);
    try {
      return await waitForJob(id, () => {}, new AbortController().signal);
    } catch (error) {
      this.#downloads.delete(selected); // It may have been deleted meanwhile.
      throw error;
    }
  }

  async #copyNames() {
    const names = this.#items.map(({ custom_id: custom, image_id: image }) => custom ?? image);
    if (await copyText(`${names.join('\n')}\n`)) notify(t('copy.done'));
  }

  /** A dataset of its own keeps the selection, as a tag would. */
  async #addToDataset() {
    const name = prompt(t('selection.dataset.name'))?.trim();
    if (!name) return;
    const ids = this.#items.map(({ image_id: id }) => id);
    /** @type {CatalogueEntry[]} */
    const entries = [];
    for (const id of ids) {
      const { sha256, filename, truth_sha256: truth } = await getImage(id);
      entries.push({
        name: filename && !id.includes('/') ? filename : id,
        sha256,
        ...(filename ? { filename } : {}),
        ...(truth ? { truth_sha256: truth } : {}),
      });
    }
    await registerImages(name, entries);
    const done = t('selection.dataset.done', { n: entries.length, name });
    notify(done, link('segment', { dataset: name }));
  }

  async #erase() {
    const items = this.#items;
    if (!confirm(t('selection.erase', { n: items.length }))) return;
    const text = h('span', {});
    const close = showNotice(text);
    try {
      for (const [at, { image_id: image }] of items.entries()) {
        fill(text, t('selection.erasing', { done: at, n: items.length }));
        await erase('images', image);
      }
      notify(t('selection.erased', { n: items.length }));
    } finally {
      close();
      this.#gallery.clearSelection();
      this.emit('erased');
    }
  }
}

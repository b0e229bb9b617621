/**
 * The images of the catalogue by position, loaded page by page.
 *
 * The API counts the images of a dataset, so any page can be loaded when it comes into view. It
 * does not count the results of a search: their pages are loaded one after another.
 */

import { listImages } from '../../lib/api/client.js';
import { isAbort } from '../../lib/api/http.js';
import { Emitter } from '../../lib/emitter.js';

/** @typedef {{dataset: string, q: string, truth: string, where: string, sort: string}} Filter `dataset`: empty for all, or `UPLOADS`; `q`: words of a name; `truth`: `true`, `false`, or empty for both; `where`, `sort`: by the results of the dataset's latest job */
/** @typedef {{offset?: number, cursor?: string}} PageQuery */

const PAGE_SIZE = 200;
/** In place of a dataset: images that are in none. A dataset's name has no slash. */
export const UPLOADS = '/uploads';
const UPLOAD_PREFIX = 'sha256-';

/** @extends {Emitter<{change: [first: number, end: number], failure: [error: unknown]}>} */
export class ImagePages extends Emitter {
  /**
   * Ids by position. Positions that are not loaded are missing.
   * @type {string[]}
   */
  #ids = [];
  /** @type {Map<string, string>} filenames by id, of those that have one */
  #names = new Map();
  /** @type {number | null} */
  #total = null;
  /** @type {string | null} */
  #nextCursor = null;
  #hasStarted = false;
  #visible = { first: 0, end: 0 };
  #closing = new AbortController();
  /** @type {{page: string, controller: AbortController} | null} */
  #loading = null;
  #filter;

  /** @param {Filter} filter */
  constructor(filter) {
    super();
    this.#filter = filter;
    this.#load();
  }

  close() {
    this.#closing.abort();
    this.#loading?.controller.abort();
  }

  /** The number of images known so far. */
  get count() {
    return this.#total ?? this.#ids.length;
  }

  /** Whether there may be more than `count` images. */
  get hasMore() {
    return this.#total === null && (!this.#hasStarted || this.#nextCursor !== null);
  }

  /**
   * @param {number} position
   * @returns {string | undefined} undefined where no image is, or none was loaded
   */
  at(position) {
    return this.#ids[position];
  }

  /** @param {string} id of a loaded image */
  nameOf(id) {
    return this.#names.get(id);
  }

  /**
   * @param {string} id
   * @returns {number} its position among the loaded images, or -1
   */
  indexOf(id) {
    return this.#ids.indexOf(id);
  }

  /**
   * The position of an image, also where it was not loaded.
   * @param {string} id
   * @returns {Promise<number>} -1 when it is not among these images, or not yet among the results
   * of a search
   */
  async locate(id) {
    const known = this.indexOf(id);
    const { q, truth } = this.#filter;
    const { dataset = '', prefix = '' } = apiFilter(this.#filter);
    const isListed = id.startsWith(prefix || (dataset && `${dataset}/`));
    const isCounted = id && !q && truth !== 'false' && !isByContent(this.#filter) && isListed;
    if (known >= 0 || !isCounted) return known;
    try {
      const query = { dataset, prefix, truth, at: id, limit: 1 };
      const { offset } = await listImages(query, this.#closing.signal);
      return offset ?? -1;
    } catch {
      return -1; // The image is shown all the same, just not marked in the catalogue.
    }
  }

  /**
   * Load what comes into view.
   * @param {number} first position
   * @param {number} end
   */
  setVisible(first, end) {
    this.#visible = { first, end };
    this.#load();
  }

  /**
   * The page to load next, or null when all that is visible is loaded.
   * @returns {PageQuery | null}
   */
  #missingPage() {
    if (!this.#hasStarted) return {};
    const { first, end } = this.#visible;
    if (this.#total === null) {
      // A page of search results can be empty while more follow.
      const isShort = end >= this.#ids.length || this.#ids.length < PAGE_SIZE / 2;
      return this.#nextCursor && isShort ? { cursor: this.#nextCursor } : null;
    }
    const stop = Math.min(end, this.#total);
    for (let offset = first - (first % PAGE_SIZE); offset < stop; offset += PAGE_SIZE) {
      if (!(offset in this.#ids)) return { offset };
    }
    return null;
  }

  /** Load the missing pages one by one. A page that left the view meanwhile is given up. */
  async #load() {
    const query = this.#missingPage();
    if (!query) return;
    const page = JSON.stringify(query);
    if (this.#loading?.page === page) return;
    this.#loading?.controller.abort();
    const controller = new AbortController();
    this.#loading = { page, controller };
    try {
      const result = await listImages(
        { ...apiFilter(this.#filter), ...query, limit: PAGE_SIZE },
        controller.signal,
      );
      this.#loading = null;
      this.#add(result, query.offset ?? this.#ids.length);
      this.#load();
    } catch (error) {
      if (isAbort(error)) return;
      this.#loading = null;
      this.emit('failure', error);
    }
  }

  /**
   * @param {import('../../lib/api/schemas.js').ImagePage} page
   * @param {number} start
   */
  #add({ images, next, total }, start) {
    this.#hasStarted = true;
    this.#nextCursor = next;
    // Images may have been deleted since they were counted.
    this.#total = images.length || total === null ? total : Math.min(total, start);
    for (const [at, { id, filename }] of images.entries()) {
      this.#ids[start + at] = id;
      if (filename) this.#names.set(id, filename);
    }
    this.emit('change', start, start + images.length);
  }
}

/**
 * @param {URLSearchParams} query of a link
 * @returns {Filter}
 */
export function readFilter(query) {
  /** @param {string} name */
  const read = (name) => query.get(name) ?? '';
  return {
    dataset: read('dataset'),
    q: read('q'),
    truth: read('truth'),
    // Without a dataset they are of the items of a job.
    where: read('dataset') && read('where'),
    sort: read('dataset') && read('sort'),
  };
}

/** @param {{where: string, sort: string}} filter */
export function isByContent({ where, sort }) {
  return Boolean(where || sort);
}

/**
 * The filter as the API reads it.
 * @param {Filter} filter
 * @returns {Partial<Filter> & {prefix?: string}}
 */
function apiFilter({ dataset, ...filter }) {
  return dataset === UPLOADS ? { ...filter, prefix: UPLOAD_PREFIX } : { ...filter, dataset };
}

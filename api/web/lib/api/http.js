/** HTTP requests to the API. Failures become Problems, and 401 prompts for the API key. */

import { queryString } from '../query_string.js';
import { currentKey, promptForKey } from './key.js';

const BASE = new URL('.', document.baseURI);
/** Statuses of a proxy whose service is away. */
const GATEWAY_STATUSES = [502, 503, 504];
/** Whether the last request had no answer. */
let isAway = false;

/** Why a request or an item failed. */
export class Problem extends Error {
  /** @param {{code: string, title?: string, detail?: string, retryable?: boolean, job?: string}} body */
  constructor({ code, title = '', detail = '', retryable = false, job = '' }) {
    super(detail || title || code);
    this.code = code;
    this.title = title;
    this.detail = detail;
    this.retryable = retryable;
    /** URL of the job whose image failed; empty if none was created. */
    this.job = job;
    /** Whether it is the fault of an image, so that trying again changes nothing. */
    this.isFinal = false;
  }
}

/** @param {unknown} error */
export function isAbort(error) {
  return error instanceof DOMException && error.name === 'AbortError';
}

/**
 * The absolute URL of a path of the API.
 * @param {string} path without a leading slash
 */
export function apiUrl(path) {
  return new URL(path, BASE).href;
}

/**
 * The URL of a signed object. The API's own objects are fetched from the page's own origin.
 * @param {string} signedUrl
 */
export function objectUrl(signedUrl) {
  const { pathname, search } = new URL(signedUrl);
  const start = pathname.indexOf('/v1/objects/');
  return start < 0 ? signedUrl : apiUrl(pathname.slice(start + 1) + search);
}

/**
 * Throws Problem.
 * @param {string} path
 * @param {RequestInit & {json?: unknown}} [options]
 */
export async function request(path, { json, ...options } = {}) {
  const headers = new Headers(options.headers);
  if (json !== undefined) {
    headers.set('Content-Type', 'application/json');
    options.body = JSON.stringify(json);
  }
  for (;;) {
    const key = currentKey();
    if (key) headers.set('Authorization', `Bearer ${key}`);
    const response = await send(apiUrl(path), { ...options, headers });
    if (response.status !== 401 || !(await promptForKey(key))) return checkStatus(response);
  }
}

/**
 * The JSON body of a GET. Throws Problem.
 * @param {string} path
 * @param {import('../query_string.js').Query} [query] empty values are left out
 * @param {AbortSignal} [signal]
 * @returns {Promise<any>} whose type the callers in `client.js` state
 */
export async function getJson(path, query = {}, signal) {
  const text = queryString(query);
  return readJson(await request(text ? `${path}?${text}` : path, withSignal(signal)));
}

/**
 * The JSON body of an answer. Throws Problem.
 * @param {Response} response
 * @returns {Promise<any>}
 */
export function readJson(response) {
  return orUnreachable(response.json());
}

/**
 * The bytes behind a signed URL. No API key is sent there. Throws Problem.
 * @param {string} signedUrl
 * @param {AbortSignal} [signal]
 */
export async function fetchObject(signedUrl, signal) {
  return readBlob(await checkStatus(await send(objectUrl(signedUrl), withSignal(signal))));
}

/**
 * The bytes of an answer. Throws Problem.
 * @param {Response} response
 */
export function readBlob(response) {
  return orUnreachable(response.blob());
}

/**
 * @param {AbortSignal} [signal]
 * @returns {RequestInit}
 */
function withSignal(signal) {
  return signal ? { signal } : {};
}

/**
 * @param {string} url
 * @param {RequestInit} options
 */
async function send(url, options) {
  const response = await orUnreachable(fetch(url, options));
  if (isAway && response.ok) {
    isAway = false;
    // All that failed meanwhile is tried again, as when the network is back.
    dispatchEvent(new Event('online'));
  }
  return response;
}

/**
 * What was received. A connection may be lost before an answer or within its body. Throws Problem.
 * @template T
 * @param {Promise<T>} received
 */
export async function orUnreachable(received) {
  try {
    return await received;
  } catch (error) {
    if (isAbort(error)) throw error;
    throw unreachable();
  }
}

/** @param {Response} response */
async function checkStatus(response) {
  if (response.ok) return response;
  const body = await response.json().catch((error) => {
    // An answer that nobody waits for any more is no failure.
    if (isAbort(error)) throw error;
    return null;
  });
  if (body?.code) throw new Problem(body);
  throw GATEWAY_STATUSES.includes(response.status)
    ? unreachable()
    : new Problem({ code: 'internal_error' });
}

function unreachable() {
  isAway = true;
  return new Problem({ code: 'unreachable', retryable: true });
}

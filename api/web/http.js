/** Talking to the API: every failure becomes a Problem, and a missing key is asked for. */

import { askKey, currentKey } from './key.js';

const BASE = new URL('.', document.baseURI);

/** Why a request, or an item of a job, failed. */
export class Problem extends Error {
  /** @param {{code: string, title?: string, detail?: string, retryable?: boolean}} body */
  constructor(body) {
    super(body.detail ?? body.title ?? body.code);
    this.code = body.code;
    this.title = body.title ?? '';
    this.detail = body.detail ?? '';
    this.retryable = Boolean(body.retryable);
  }
}

/**
 * The absolute address of a path of the API.
 * @param {string} path without a leading slash
 */
export function address(path) {
  return new URL(path, BASE).href;
}

/**
 * An image's address; ids have slashes that stay slashes.
 * @param {string} id
 * @param {string} [part] `content`, `truth` or `thumbnail`
 */
export function imagePath(id, part) {
  const path = `v1/images/${id.split('/').map(encodeURIComponent).join('/')}`;
  return part ? `${path}/${part}` : path;
}

/**
 * The address of a signed object; the API's own objects are fetched from where the page is from.
 * @param {string} url
 */
export function objectAddress(url) {
  const signed = new URL(url);
  const own = signed.pathname.indexOf('/v1/objects/');
  return own < 0 ? url : address(signed.pathname.slice(own + 1) + signed.search);
}

/**
 * The answer to a request. Throws Problem.
 * @param {string} path
 * @param {RequestInit & {json?: unknown}} [options]
 * @returns {Promise<Response>}
 */
export async function call(path, { json, ...options } = {}) {
  const headers = new Headers(options.headers);
  if (json !== undefined) headers.set('Content-Type', 'application/json');
  const body = json === undefined ? options.body : JSON.stringify(json);
  for (;;) {
    const key = currentKey();
    if (key) headers.set('Authorization', `Bearer ${key}`);
    const response = await reach(address(path), { ...options, headers, body });
    if (response.status !== 401) return checked(response);
    if (!(await askKey(key))) return checked(response);
  }
}

/**
 * The JSON answer to a GET.
 * @param {string} path
 * @param {Record<string, string | number | boolean | null | undefined>} [query] empty ones are left out
 * @param {AbortSignal} [signal]
 * @returns {Promise<any>}
 */
export async function get(path, query = {}, signal = undefined) {
  const asked = Object.entries(query).filter(
    ([, value]) => value !== null && value !== undefined && value !== '',
  );
  const text = new URLSearchParams(asked.map(([name, value]) => [name, String(value)])).toString();
  return (await call(text ? `${path}?${text}` : path, { signal })).json();
}

/**
 * The bytes behind a signed URL, which must not be sent our key.
 * @param {string} url
 * @param {AbortSignal} [signal]
 */
export async function fetchObject(url, signal) {
  return (await checked(await reach(objectAddress(url), { signal }))).blob();
}

async function reach(url, options) {
  try {
    return await fetch(url, options);
  } catch (error) {
    if (error.name === 'AbortError') throw error;
    throw new Problem({ code: 'unreachable', retryable: true });
  }
}

async function checked(response) {
  if (response.ok) return response;
  const body = await response.json().catch(() => ({ code: 'internal_error' }));
  throw new Problem(body.code ? body : { code: 'internal_error' });
}

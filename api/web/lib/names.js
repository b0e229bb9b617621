/** Names of images and models, short enough to read: a hash becomes its first 8 digits. */

import { bytes, percent, t } from './i18n.js';

/** @typedef {import('./api/schemas.js').Model} Model */

const SHOWN_DIGITS = 8;
const HASH = /\b(sha256-)?([0-9a-f]{8})[0-9a-f]{24,56}\b/g;

/**
 * A name with its hashes cut to 8 digits. The whole name belongs in a tooltip.
 * @param {string} name
 */
export function shortName(name) {
  return name.replace(HASH, (_, prefix, digits) => `${prefix ?? ''}${digits}`);
}

/**
 * `name@version` with a short version.
 * @param {string} model
 */
export function shortModel(model) {
  const [name = '', version] = model.split('@');
  return version ? `${name}@${version.slice(0, SHOWN_DIGITS)}` : model;
}

/**
 * The last part of an id or a path.
 * @param {string} name
 */
export function baseName(name) {
  return shortName(name.split('/').at(-1) ?? name);
}

/** @param {Model} model */
export function fullName({ name, version }) {
  return `${name}@${version}`;
}

/**
 * The name of a model with what helps to choose it.
 * @param {Model} model
 */
export function modelLabel(model) {
  const facts = [
    model.mean_iou !== null && t('model.miou', { miou: percent(model.mean_iou) }),
    model.size !== null && bytes(model.size),
  ].filter(Boolean);
  const name = shortModel(fullName(model));
  return facts.length ? `${name} · ${facts.join(' · ')}` : name;
}

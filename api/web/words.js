/** Words, numbers and times in the reader's language. */

import en from './words/en.js';
import fr from './words/fr.js';

/** @type {Record<string, Record<string, string>>} */
const LANGUAGES = { en, fr };
const NAME = 'roadmask-language';

/** @type {string} */
export let language = chosen();

/** The languages there are, each with its own name. */
export const languages = Object.entries(LANGUAGES).map(([code, words]) => ({
  code,
  name: words['language.name'],
}));

/** @param {string} code */
export function setLanguage(code) {
  language = code;
  localStorage.setItem(NAME, code);
}

/**
 * The words for a key, with `{name}` replaced, and `{one|many}` chosen by `n`.
 * @param {string} key
 * @param {Record<string, string | number>} [values] numbers are written as the language does
 */
export function t(key, values = {}) {
  const form = new Intl.PluralRules(language).select(Number(values.n ?? 1)) === 'one' ? 1 : 2;
  return LANGUAGES[language][key]
    .replace(/\{([^{}|]*)\|([^{}|]*)\}/g, (...parts) => parts[form])
    .replace(/\{(\w+)\}/g, (_, name) =>
      typeof values[name] === 'number' ? number(values[name]) : values[name],
    );
}

/**
 * Whether there are words for a key.
 * @param {string} key
 */
export function has(key) {
  return key in LANGUAGES[language];
}

/**
 * @param {number} value
 * @param {number} [digits] after the point, at most
 */
export function number(value, digits = 0) {
  return new Intl.NumberFormat(language, { maximumFractionDigits: digits }).format(value);
}

/**
 * A share of 0 to 1 in percent; a dash for what is not known.
 * @param {number | null | undefined} share
 * @param {number} [digits] after the point
 */
export function percent(share, digits = 1) {
  if (share === null || share === undefined) return '–';
  return new Intl.NumberFormat(language, {
    style: 'percent',
    minimumFractionDigits: digits,
    maximumFractionDigits: digits,
  }).format(share);
}

/**
 * A time span in its two largest units.
 * @param {number} seconds
 */
export function duration(seconds) {
  const whole = Math.max(0, Math.round(seconds));
  const parts = [
    [Math.floor(whole / 3600), 'h'],
    [Math.floor(whole / 60) % 60, 'min'],
    [whole % 60, 's'],
  ];
  const first = parts.findIndex(([value]) => value > 0);
  return parts
    .slice(first < 0 ? 2 : first, (first < 0 ? 2 : first) + 2)
    .map(([value, unit]) => `${value}\u00a0${unit}`)
    .join(' ');
}

/** @param {string} moment ISO 8601 */
export function when(moment) {
  return new Intl.DateTimeFormat(language, { dateStyle: 'medium', timeStyle: 'short' }).format(
    new Date(moment),
  );
}

/** @param {number} value */
export function bytes(value) {
  const [size, unit] = value < 1e6 ? [value / 1e3, 'kilobyte'] : [value / 1e6, 'megabyte'];
  return new Intl.NumberFormat(language, { style: 'unit', unit, maximumFractionDigits: 1 }).format(size);
}

function chosen() {
  const kept = localStorage.getItem(NAME);
  const wanted = [kept, ...navigator.languages].filter(Boolean).map((code) => code.slice(0, 2));
  return wanted.find((code) => code in LANGUAGES) ?? 'en';
}

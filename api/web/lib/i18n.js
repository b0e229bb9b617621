/** Texts, numbers and times in the user's language. */

import en from '../words/en.js';
import fr from '../words/fr.js';
import { local } from './storage.js';

/** @typedef {keyof typeof en} TextKey */
/** @typedef {Record<TextKey, string>} Texts */

/** Spaces of French at which no line may be broken. */
const UNBROKEN = / (?=[;:?!%»])|(?<=«) /g;
/** @type {Record<string, Texts>} */
const LANGUAGES = { en, fr: unbroken(fr) };
const STORAGE_KEY = 'roadmask-language';

export let language = preferredLanguage();

/** All languages, each with its own name. */
export const languages = Object.entries(LANGUAGES).map(([code, texts]) => ({
  code,
  name: texts['language.name'],
}));

/** @param {string} code */
export function setLanguage(code) {
  language = code;
  local.setItem(STORAGE_KEY, code);
}

/**
 * The text of a key. `{name}` is replaced by a value, and `{one|many}` is chosen by the value `n`.
 * @param {TextKey} key
 * @param {Record<string, string | number>} [values] numbers are formatted
 */
export function t(key, values = {}) {
  const isOne = new Intl.PluralRules(language).select(Number(values.n ?? 1)) === 'one';
  return texts()
    [key].replace(/\{([^{}|]*)\|([^{}|]*)\}/g, (_, one, many) => (isOne ? one : many))
    .replace(/\{(\w+)\}/g, (_, name) => {
      const value = values[name];
      return typeof value === 'number' ? number(value) : String(value);
    });
}

/**
 * Whether there is a text for a key. Keys that contain a name from the API may have none.
 * @param {string} key
 * @returns {key is TextKey}
 */
export function hasText(key) {
  return key in texts();
}

/**
 * @param {number} value
 * @param {number} [digits] after the decimal point, at most
 */
export function number(value, digits = 0) {
  return new Intl.NumberFormat(locale(), { maximumFractionDigits: digits }).format(value);
}

/**
 * A percentage; a dash for an unknown one.
 * @param {number | null | undefined} share 0 to 1
 * @param {number} [digits] after the decimal point
 */
export function percent(share, digits = 1) {
  if (share === null || share === undefined) return '–';
  return new Intl.NumberFormat(locale(), {
    style: 'percent',
    minimumFractionDigits: digits,
    maximumFractionDigits: digits,
  }).format(share);
}

/**
 * A duration in its two largest units.
 * @param {number} seconds
 */
export function duration(seconds) {
  const whole = Math.max(0, Math.round(seconds));
  /** @type {[number, string][]} */
  const parts = [
    [Math.floor(whole / 3600), 'h'],
    [Math.floor(whole / 60) % 60, 'min'],
    [whole % 60, 's'],
  ];
  const largest = parts.findIndex(([value]) => value > 0);
  const first = largest < 0 ? parts.length - 1 : largest;
  return parts
    .slice(first, first + 2)
    .map(([value, unit]) => `${value}\u00a0${unit}`)
    .join(' ');
}

/** @param {string} timestamp ISO 8601 */
export function dateTime(timestamp) {
  return new Intl.DateTimeFormat(locale(), { dateStyle: 'medium', timeStyle: 'short' }).format(
    new Date(timestamp),
  );
}

/** @param {number} value */
export function bytes(value) {
  const [size, unit] = value < 1e6 ? [value / 1e3, 'kilobyte'] : [value / 1e6, 'megabyte'];
  return new Intl.NumberFormat(locale(), { style: 'unit', unit, maximumFractionDigits: 1 }).format(
    size,
  );
}

/** The user's own form of the language, such as `en-GB`: dates differ between countries. */
function locale() {
  return navigator.languages.find((code) => code.split('-')[0] === language) ?? language;
}

function preferredLanguage() {
  const saved = local.getItem(STORAGE_KEY);
  const codes = [saved ?? '', ...navigator.languages].map((code) => code.slice(0, 2));
  return codes.find((code) => code in LANGUAGES) ?? 'en';
}

function texts() {
  return LANGUAGES[language] ?? en;
}

/** @param {Texts} plain */
function unbroken(plain) {
  const entries = Object.entries(plain).map(([key, text]) => [
    key,
    text.replace(UNBROKEN, '\u00a0'),
  ]);
  return /** @type {Texts} */ (Object.fromEntries(entries));
}

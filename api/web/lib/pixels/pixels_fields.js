/** The fields that say what deep, raw or thermal samples mean. */

import { h } from '../element.js';
import { t } from '../i18n.js';

/** @typedef {import('../api/schemas.js').Pixels} Pixels */

const BITS = [8, 9, 10, 11, 12, 13, 14, 15, 16].map(String);
const PATTERNS = ['RGGB', 'BGGR', 'GRBG', 'GBRG'];
/** The range that two numbers state. */
const STATED = 'stated';

export class PixelsFields {
  #bits;
  #cfa;
  #curve;
  #range;
  #low;
  #high;
  #limits;

  /**
   * @param {string} prefix of the ids of the fields
   * @param {() => void} [onChange]
   */
  constructor(prefix, onChange = () => {}) {
    /**
     * @param {string} name
     * @param {[value: string, text: string][]} choices
     */
    const menu = (name, choices) =>
      h(
        'select',
        { id: `${prefix}-${name}`, onchange: () => this.#changed(onChange) },
        h('option', { value: '' }, t('pixels.asis')),
        choices.map(([value, text]) => h('option', { value }, text)),
      );
    const limit = (/** @type {string} */ name) =>
      h('input', {
        type: 'number',
        id: `${prefix}-${name}`,
        step: 'any',
        onchange: () => this.#changed(onChange),
      });
    this.#bits = menu(
      'bits',
      BITS.map((bits) => [bits, bits]),
    );
    this.#cfa = menu(
      'cfa',
      PATTERNS.map((pattern) => [pattern, pattern]),
    );
    this.#curve = menu('curve', [
      ['linear', t('pixels.linear')],
      ['srgb', 'sRGB'],
    ]);
    this.#range = menu('range', [
      ['percentile', t('pixels.percentile')],
      [STATED, t('pixels.stated')],
    ]);
    this.#low = limit('low');
    this.#high = limit('high');
    this.#limits = h(
      'div',
      { class: 'pixels-limits', hidden: true },
      field(this.#low, t('pixels.low')),
      field(this.#high, t('pixels.high')),
    );
    this.element = h(
      'div',
      { class: 'pixels-fields' },
      field(this.#bits, t('pixels.bits')),
      field(this.#cfa, t('pixels.cfa')),
      field(this.#curve, t('pixels.curve')),
      field(this.#range, t('pixels.range')),
      this.#limits,
    );
  }

  /** Null when nothing is said. */
  get value() {
    const range = this.#range.value;
    const limits = [Number(this.#low.value), Number(this.#high.value)];
    const pixels = {
      bits: Number(this.#bits.value) || null,
      cfa: /** @type {Pixels['cfa']} */ (this.#cfa.value || null),
      curve: /** @type {Pixels['curve']} */ (this.#curve.value || null),
      range: /** @type {Pixels['range']} */ (range === STATED ? limits : range || null),
    };
    return Object.values(pixels).some((value) => value !== null) ? pixels : null;
  }

  /** @param {Pixels | null} pixels */
  set value(pixels) {
    const { bits, cfa, curve, range } = pixels ?? {};
    this.#bits.value = String(bits ?? '');
    this.#cfa.value = cfa ?? '';
    this.#curve.value = curve ?? '';
    this.#range.value = Array.isArray(range) ? STATED : (range ?? '');
    const [low, high] = Array.isArray(range) ? range : ['', ''];
    this.#low.value = String(low);
    this.#high.value = String(high);
    this.#showLimits();
  }

  /** @param {() => void} onChange */
  #changed(onChange) {
    this.#showLimits();
    const isWhole = !this.#low.required || (this.#low.value && this.#high.value);
    if (isWhole) onChange();
  }

  #showLimits() {
    const isStated = this.#range.value === STATED;
    this.#limits.hidden = !isStated;
    this.#low.required = isStated;
    this.#high.required = isStated;
  }
}

/**
 * @param {HTMLInputElement | HTMLSelectElement} control
 * @param {string} text of the label
 */
function field(control, text) {
  return h('div', { class: 'field' }, h('label', { for: control.id }, text), control);
}

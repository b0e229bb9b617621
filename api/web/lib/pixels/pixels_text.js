/** What the samples of an image mean, as one text: `bits=12,cfa=RGGB,range=0..4095`. */

/** @typedef {import('../api/schemas.js').Pixels} Pixels */

/**
 * As the program's option `--pixels` has it.
 * @param {Pixels | null | undefined} pixels
 */
export function pixelsText(pixels) {
  const { bits, cfa, curve, range } = pixels ?? {};
  const limits = Array.isArray(range) ? range.join('..') : range;
  return Object.entries({ bits, cfa, curve, range: limits })
    .filter(([, value]) => value !== null && value !== undefined)
    .map(([name, value]) => `${name}=${value}`)
    .join(',');
}

/**
 * Members that the text does not have are null; null for a text without any.
 * @param {string} text
 * @returns {Pixels | null}
 */
export function parsePixels(text) {
  const given = new URLSearchParams(text.replaceAll(',', '&'));
  const limits = given.get('range')?.split('..').map(Number) ?? [];
  const pixels = {
    bits: Number(given.get('bits')) || null,
    cfa: /** @type {Pixels['cfa']} */ (given.get('cfa')),
    curve: /** @type {Pixels['curve']} */ (given.get('curve')),
    range:
      limits.length === 2
        ? /** @type {[number, number]} */ (limits)
        : /** @type {Pixels['range']} */ (given.get('range')),
  };
  return Object.values(pixels).some((value) => value !== null) ? pixels : null;
}

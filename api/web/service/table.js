/** A table of texts. */

import { h } from '../lib/element.js';

/** @typedef {{title: string, isNumber?: boolean}} Column */

/**
 * @param {Column[]} columns
 * @param {(string | Node)[][]} rows
 */
export function table(columns, rows) {
  const classes = columns.map(({ isNumber }) => (isNumber ? 'number' : ''));
  return h(
    'table',
    {},
    h(
      'thead',
      {},
      h(
        'tr',
        {},
        columns.map(({ title }, at) => h('th', { scope: 'col', class: classes[at] ?? '' }, title)),
      ),
    ),
    h(
      'tbody',
      {},
      rows.map((row) =>
        h(
          'tr',
          {},
          row.map((cell, at) => h('td', { class: classes[at] ?? '' }, cell)),
        ),
      ),
    ),
  );
}

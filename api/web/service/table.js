/** A plain table of texts. */

import { h } from '../element.js';
import { t } from '../words.js';

/**
 * @param {string[]} columns names of their words; a star behind marks numbers
 * @param {string[][]} rows
 */
export function table(columns, rows) {
  const kinds = columns.map((column) => (column.endsWith('*') ? 'number' : ''));
  return h(
    'table',
    {},
    h(
      'thead',
      {},
      h(
        'tr',
        {},
        columns.map((column, at) =>
          h('th', { scope: 'col', class: kinds[at] }, t(`service.${column.replace('*', '')}`)),
        ),
      ),
    ),
    h(
      'tbody',
      {},
      rows.map((row) =>
        h(
          'tr',
          {},
          row.map((cell, at) => h('td', { class: kinds[at] }, cell)),
        ),
      ),
    ),
  );
}

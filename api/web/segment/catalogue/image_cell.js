/** An image in the grid of the catalogue. */

import { imagePath } from '../../lib/api/client.js';
import { h } from '../../lib/element.js';
import { baseName, shortName } from '../../lib/names.js';
import { thumbnail } from '../../lib/thumbnail.js';

/**
 * @param {{id: string, name: string | undefined, position: number, size: number, isActive: boolean, isCurrent: boolean}} image
 * `id`: empty until it is known; `name`: of an upload; `size`: number of images, -1 when it is unknown
 */
export function imageCell({ id, name, position, size, isActive, isCurrent }) {
  return h(
    'div',
    {
      role: 'option',
      id: `image-${position}`,
      class: isActive ? 'cell active' : 'cell',
      title: name ?? id,
      dataset: { position, id },
      'aria-label': name ?? (shortName(id) || '…'),
      'aria-selected': String(isCurrent),
      'aria-posinset': position + 1,
      'aria-setsize': size,
    },
    id && thumbnail(imagePath(id, 'thumbnail')),
    h('span', { class: 'name' }, baseName(name ?? id)),
  );
}

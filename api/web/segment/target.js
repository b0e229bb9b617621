/** What is inspected: an image by its id, or an item of a job. */

import { getImage, getItem } from '../lib/api/client.js';
import { number, t } from '../lib/i18n.js';
import { problemOf } from './prediction/image_data.js';

/**
 * @typedef {{image: string, name?: string | undefined, job?: never, item?: never} | {job: string, item: number, image?: never, name?: never}} Target
 */

/**
 * @param {URLSearchParams} query of a link
 * @returns {Target | null}
 */
export function targetOf(query) {
  const job = query.get('job');
  if (job) return { job, item: Number(query.get('item') ?? 0) };
  const image = query.get('image');
  return image ? { image } : null;
}

/**
 * Fetch the image of the target. Throws Problem.
 * @param {Target} target
 * @param {(name: string) => void} setName called with the name of the target, as it becomes known
 * @param {AbortSignal} signal
 */
export async function loadTarget(target, setName, signal) {
  if (target.image !== undefined) {
    setName(target.name ?? target.image);
    const image = await getImage(target.image, signal);
    // Images of a dataset have their names in their ids.
    const isUpload = !image.id.includes('/');
    if (!target.name && isUpload && image.filename) setName(image.filename);
    return image;
  }
  setName(`${t('items.item')} ${number(target.item + 1)}`);
  const item = await getItem(target.job, target.item, signal);
  setName(item.custom_id ?? item.image_id);
  return getImage(item.image_id, signal).catch((error) => {
    // A file that is not an image is not catalogued; its item still says why it failed.
    throw item.error ? problemOf(item.error) : error;
  });
}

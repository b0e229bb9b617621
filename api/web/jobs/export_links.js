/** The exports of a job, as links that save them. */

import { h } from '../lib/element.js';
import { exportLink } from '../lib/files/download.js';
import { exportFormats, formatName, maskFilename } from '../lib/files/mask_formats.js';
import { t } from '../lib/i18n.js';
import { jobName } from './job_list.js';

/** @typedef {import('../lib/api/schemas.js').Job} Job */

/**
 * @param {string} id
 * @param {Job | null} job
 * @returns {Promise<HTMLElement[]>}
 */
export async function exportLinks(id, job) {
  const { perImage, perJob } = await exportFormats(job);
  const path = `v1/jobs/${id}`;
  const name = filename(job ? jobName(job) : id);
  const zipped = perImage.filter((format) => format !== 'png' && !perJob.includes(format));
  return [
    exportLink(`${path}/archive.zip?format=png`, `${name}.png.zip`, t('job.archive')),
    exportLink(`${path}/results.jsonl`, `${name}.jsonl`, t('job.results')),
    h('p', { class: 'note' }, t('job.document')),
    ...perJob.map((format) =>
      exportLink(
        `${path}/annotations?format=${format}`,
        maskFilename(name, format),
        formatName(format),
      ),
    ),
    h('p', { class: 'note' }, t('job.archives')),
    ...zipped.map((format) =>
      exportLink(
        `${path}/archive.zip?format=${format}`,
        `${name}.${format}.zip`,
        formatName(format),
      ),
    ),
  ];
}

/**
 * A name without the characters that file systems refuse.
 * @param {string} name
 */
function filename(name) {
  return name.replace(/[\\/:*?"<>|\p{Cc}]+/gu, '-').trim() || 'job';
}

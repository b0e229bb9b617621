/** What can be saved of an image under inspection. */

import { downloadLink, downloadMenu, exportForms, formName, maskFilename, save } from '../download.js';
import { h } from '../element.js';
import { fetchObject, objectAddress } from '../http.js';
import { t } from '../words.js';
import { maskPath } from './subject.js';

/**
 * A button that opens the list of what there is.
 * @param {() => {image?: any, ended?: import('./subject.js').Ended | null}} shown what is inspected
 */
export function subjectDownloads(shown) {
  return downloadMenu(t('download.title'), () => links(shown()));
}

async function links({ image, ended }) {
  const name = (image?.id ?? 'mask').split('/').at(-1);
  const own = (url, ending, words) => {
    const onclick = (event) => save(event, () => fetchObject(url), `${name}${ending}`);
    return h('a', { href: objectAddress(url), onclick }, t(words));
  };
  const stored = image ? [own(image.content_url, `.${image.format}`, 'download.image')] : [];
  if (image?.truth_url) stored.push(own(image.truth_url, '.truth.png', 'download.truth'));
  if (!ended?.item.result) return [...stored, h('p', { class: 'note' }, t('download.none'))];
  const { job, item } = ended;
  const { each } = await exportForms(job);
  return [
    ...stored,
    ...each.map((form) =>
      downloadLink(maskPath(job.id, item.index, form), maskFilename(name, form), formName(form)),
    ),
  ];
}

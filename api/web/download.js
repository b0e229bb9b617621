/** Downloads: plain links, or through a script where a key must be sent along. */

import { h } from './element.js';
import { address, call, get } from './http.js';
import { currentKey } from './key.js';
import { explain } from './problem.js';
import { notify } from './notice.js';
import { has, t } from './words.js';

const ITEM_MASK = '/v1/jobs/{job_id}/items/{index}/mask';
const JOB_DOCUMENT = '/v1/jobs/{job_id}/annotations';
const ENDINGS = {
  png: 'png',
  labelids: 'labelids.png',
  trainids: 'trainids.png',
  color: 'color.png',
  overlay: 'overlay.jpg',
  polygons: 'geojson',
  cvat: 'cvat.xml',
  confidence: 'confidence.png',
  npz: 'npz',
};

/**
 * The forms in which the API offers each mask of a job, and those that hold the whole job, by its
 * own documentation. Confidence is one of them only where the job asked for it.
 * @param {any} [job] as far as it is known
 * @returns {Promise<{each: string[], whole: string[]}>}
 */
export async function exportForms(job) {
  const api = await get('openapi.json');
  const each = formsAt(api, ITEM_MASK).filter((form) => form !== 'confidence' || job?.confidence);
  return { each, whole: formsAt(api, JOB_DOCUMENT) };
}

/**
 * What a mask's file is called.
 * @param {string} name @param {string} form
 */
export function maskFilename(name, form) {
  return `${name}.${ENDINGS[form] ?? `${form}.json`}`;
}

/**
 * A link that saves a file.
 * @param {string} path of the API @param {string} filename @param {string} words
 */
export function downloadLink(path, filename, words) {
  return h(
    'a',
    {
      href: address(path),
      download: filename,
      onclick: (event) => currentKey() && save(event, async () => (await call(path)).blob(), filename),
    },
    words,
  );
}

/**
 * A button that opens a list of links, filled when it is first opened.
 * @param {string} words
 * @param {() => Promise<HTMLElement[]> | HTMLElement[]} links
 */
export function downloadMenu(words, links) {
  const list = h('div', {
    class: 'menu',
    onclick: () => {
      menu.open = false;
    },
  });
  const menu = h(
    'details',
    {
      class: 'dropdown',
      ontoggle: async () => {
        if (!menu.open) return;
        try {
          list.replaceChildren(...(await links()));
        } catch (error) {
          notify(explain(error));
        }
      },
    },
    h('summary', {}, words),
    list,
  );
  menu.addEventListener('focusout', (event) => {
    if (!menu.contains(event.relatedTarget)) menu.open = false;
  });
  menu.addEventListener('keydown', (event) => {
    if (event.key !== 'Escape') return;
    menu.open = false;
    menu.firstChild.focus();
  });
  return menu;
}

/**
 * What a form of a mask is called.
 * @param {string} form
 */
export function formName(form) {
  return has(`form.${form}`) ? t(`form.${form}`) : form;
}

function formsAt(api, path) {
  const { schema } = api.paths[path].get.parameters.find(({ name }) => name === 'format');
  const named = [schema, ...(schema.allOf ?? [])].map(
    ({ $ref }) => api.components.schemas[$ref?.split('/').at(-1)],
  );
  return schema.enum ?? named.find(Boolean)?.enum ?? [];
}

/**
 * Save what a link stands for by a script, where the browser would not: it needs our key, or is of
 * another origin, so that its name would be ignored and the file shown.
 * @param {Event} event the click on the link
 * @param {() => Promise<Blob>} load @param {string} filename
 */
export async function save(event, load, filename) {
  event.preventDefault();
  try {
    const url = URL.createObjectURL(await load());
    h('a', { href: url, download: filename }).click();
    setTimeout(() => URL.revokeObjectURL(url), 60_000);
  } catch (error) {
    notify(explain(error));
  }
}

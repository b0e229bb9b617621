/** The code that makes what the page shows: for curl, for Python, and for the program. */

import { apiUrl } from '../api/http.js';
import { t } from '../i18n.js';

/** @typedef {{label: string, text: string}} Snippet */

/** The address of the service, as clients take it. */
function service() {
  return apiUrl('').replace(/\/$/, '');
}

/**
 * The mask of an image.
 * @param {string} image id
 * @param {string} model
 * @param {import('../api/schemas.js').Pixels | null} pixels null for what the dataset says
 * @returns {Snippet[]}
 */
export function imageSnippets(image, model, pixels) {
  const given = Object.entries(pixels ?? {}).filter(([, value]) => value !== null);
  const said = given.length ? { pixels: Object.fromEntries(given) } : {};
  const body = JSON.stringify({ images: [{ id: image }], model, ...said });
  // JSON of numbers and texts is Python, too.
  const argument = said.pixels ? `, pixels=${JSON.stringify(said.pixels)}` : '';
  const create = `curl -s '${service()}/v1/jobs?wait=60' -H 'Content-Type: application/json' -d '${shell(body)}'`;
  return [
    {
      label: t('copy.curl'),
      text: `${create} | jq -r .id | xargs -I{} curl -so mask.png '${service()}/v1/jobs/{}/items/0/mask'\n`,
    },
    {
      label: t('copy.python'),
      text: `from roadmask import Client

with Client(${JSON.stringify(service())}) as client:
    job = client.wait(client.submit([${JSON.stringify(image)}], model=${JSON.stringify(model)}${argument}))
    for item in client.results(job):
        mask = client.mask(item)  # uint8, (height, width), categories 0 to 7
        print(item.result.shares)
`,
    },
  ];
}

/**
 * The masks and results of a job.
 * @param {string} job id
 * @returns {Snippet[]}
 */
export function jobSnippets(job) {
  return [
    {
      label: t('copy.curl'),
      text: `curl -o masks.zip '${service()}/v1/jobs/${job}/archive.zip'\n`,
    },
    {
      label: t('copy.python'),
      text: `from roadmask import Client

with Client(${JSON.stringify(service())}) as client:
    for item in client.results(${JSON.stringify(job)}):
        if item.result:
            mask = client.mask(item)  # uint8, (height, width), categories 0 to 7
            print(item.image_id, item.result.shares)
`,
    },
    {
      label: t('copy.program'),
      text: `roadmask jobs ${job} --watch --url ${service()}
roadmask annotations ${job} --format coco --out annotations.json --url ${service()}
`,
    },
  ];
}

/** @param {string} text within single quotes */
function shell(text) {
  return text.replaceAll("'", "'\\''");
}

/** What the view shows before an image is selected: how to begin. */

import { fill, h } from '../lib/element.js';
import { dropzone } from '../lib/files/dropzone.js';
import { t } from '../lib/i18n.js';
import { notify } from '../lib/notice.js';
import { codeBlock } from '../lib/share/copy.js';
import { Hero } from './hero.js';

/** @typedef {import('../lib/files/upload.js').SelectedFile} SelectedFile */

const SAMPLES = /** @type {const} */ (['crossing', 'shops', 'dusk']);

export class Welcome {
  #hero;
  #title = h('h1');
  #text = h('p');

  /**
   * @param {import('../lib/taxonomy.js').Taxonomy} taxonomy
   * @param {import('../lib/files/dropzone.js').OnFiles} onFiles
   */
  constructor(taxonomy, onFiles) {
    this.#hero = new Hero(taxonomy);
    const command = `roadmask ingest FOLDER --dataset NAME --url ${new URL('.', document.baseURI)}`;
    this.element = h(
      'div',
      { class: 'welcome' },
      h(
        'div',
        { class: 'welcome-text' },
        this.#title,
        this.#text,
        dropzone({ label: t('drop.here'), withFolder: false, onFiles }),
        h('h2', {}, t('samples.title')),
        h(
          'div',
          { class: 'samples' },
          SAMPLES.map((name) => sampleButton(name, onFiles)),
        ),
        h('details', { class: 'ingest' }, h('summary', {}, t('ingest.title')), codeBlock(command)),
      ),
      this.#hero.element,
    );
    this.setEmpty(false);
  }

  close() {
    this.#hero.close();
  }

  /** @param {boolean} isEmpty whether the service has no image yet */
  setEmpty(isEmpty) {
    fill(this.#title, t(isEmpty ? 'welcome.title' : 'welcome.select'));
    fill(this.#text, t('welcome.text'));
    const ingest = this.element.querySelector('details');
    if (ingest) ingest.open = isEmpty;
  }
}

/**
 * @param {typeof SAMPLES[number]} name
 * @param {import('../lib/files/dropzone.js').OnFiles} onFiles
 */
function sampleButton(name, onFiles) {
  const url = new URL(`../samples/${name}.jpg`, import.meta.url).href;
  const label = t(`sample.${name}`);
  const button = h(
    'button',
    { type: 'button', class: 'sample' },
    h('img', { src: url, alt: '', width: 960, height: 640 }),
    h('span', {}, label),
  );
  button.addEventListener('click', async () => {
    button.disabled = true;
    try {
      const blob = await (await fetch(url)).blob();
      const file = new File([blob], `${name}.jpg`, { type: blob.type });
      onFiles([{ file, path: file.name }]);
    } catch {
      notify(t('error.unreachable'));
    }
    button.disabled = false;
  });
  return button;
}

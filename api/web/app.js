/** The page: its frame, and the view that the address asks for. */

import { fill, h, refill } from './element.js';
import { problemNote } from './problem.js';
import { readRoute } from './route.js';
import { openJobs } from './jobs/view.js';
import { openSegment } from './segment/view.js';
import { openService } from './service/view.js';
import { language, languages, setLanguage, t } from './words.js';

/** @typedef {{update: (query: URLSearchParams) => void, close: () => void}} View */

/** @type {Record<string, (root: HTMLElement, query: URLSearchParams) => Promise<View>>} */
const VIEWS = { segment: openSegment, jobs: openJobs, service: openService };
const THEMES = ['auto', 'light', 'dark'];
const THEME = 'roadmask-theme';

const main = h('main', { id: 'main', tabIndex: -1 });
const nav = h('nav');
/** @type {{name: string, view: View | null}} */
let shown = { name: '', view: null };
let opening = 0;

async function show() {
  const { view: asked, query } = readRoute();
  const name = asked in VIEWS ? asked : 'segment';
  if (name === shown.name && shown.view) {
    shown.view.update(query);
    return;
  }
  const root = h('div', { class: 'view' });
  refill(main, root);
  shown.view?.close();
  shown = { name, view: null };
  opening += 1;
  const ours = opening;
  markNav(name);
  document.title = `${t(`nav.${name}`)} · Roadmask`;
  try {
    const view = await VIEWS[name](root, query);
    if (ours === opening) shown.view = view;
    else view.close();
  } catch (error) {
    fill(
      root,
      h(
        'div',
        { class: 'broken' },
        problemNote(error),
        h('button', { type: 'button', onclick: reopen }, t('again')),
      ),
    );
  }
}

function reopen() {
  shown.view?.close();
  shown = { name: '', view: null };
  show();
}

function markNav(current) {
  for (const item of nav.children) {
    if (item.dataset.view === current) item.setAttribute('aria-current', 'page');
    else item.removeAttribute('aria-current');
  }
}

function fillFrame() {
  document.documentElement.lang = language;
  nav.setAttribute('aria-label', t('nav.label'));
  fill(
    nav,
    Object.keys(VIEWS).map((name) =>
      h('a', { href: `#/${name}`, dataset: { view: name } }, t(`nav.${name}`)),
    ),
  );
  const languageChoice = h(
    'select',
    {
      'aria-label': t('language.label'),
      onchange: () => {
        setLanguage(languageChoice.value);
        fillFrame();
        reopen();
      },
    },
    languages.map(({ code, name }) => h('option', { value: code, selected: code === language }, name)),
  );
  const themeChoice = h(
    'select',
    { 'aria-label': t('theme.label'), onchange: () => setTheme(themeChoice.value) },
    THEMES.map((theme) =>
      h('option', { value: theme, selected: theme === keptTheme() }, t(`theme.${theme}`)),
    ),
  );
  fill(
    document.body,
    h(
      'a',
      {
        class: 'skip',
        href: '#main',
        onclick: (event) => {
          event.preventDefault();
          main.focus();
        },
      },
      t('nav.skip'),
    ),
    h(
      'header',
      {},
      h('a', { class: 'brand', href: '#/segment' }, h('img', { src: 'page/icon.svg', alt: '' }), 'Roadmask'),
      nav,
      h(
        'div',
        { class: 'choices' },
        h('a', { class: 'docs', href: 'docs' }, 'API'),
        languageChoice,
        themeChoice,
      ),
    ),
    main,
  );
}

function keptTheme() {
  return localStorage.getItem(THEME) ?? 'auto';
}

function setTheme(theme) {
  localStorage.setItem(THEME, theme);
  document.documentElement.dataset.theme = theme;
}

setTheme(keptTheme());
fillFrame();
addEventListener('hashchange', show);
// A file that misses its drop zone must not replace the page.
for (const type of ['dragover', 'drop']) addEventListener(type, (event) => event.preventDefault());
show();

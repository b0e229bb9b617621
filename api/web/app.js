/** The page: its frame, and the view that the address names. */

import { openJobs } from './jobs/view.js';
import { installKeyHelp, openKeyHelp } from './key_help.js';
import { fill, fillKeepingFocus, h } from './lib/element.js';
import { language, languages, setLanguage, t } from './lib/i18n.js';
import { failureNote } from './lib/recovery.js';
import { acceptRoute, readRoute, rejectRoute } from './lib/route.js';
import { local } from './lib/storage.js';
import { openSegment } from './segment/view.js';
import { openService } from './service/view.js';

/**
 * A page view. `update` shows another link to the same view; `mayLeave` says whether nothing would be
 * lost by that link, or by another view (null), or whether the user agrees to lose it.
 * @typedef {{update: (query: URLSearchParams) => void, close: () => void, mayLeave?: (query: URLSearchParams | null) => boolean}} View
 */

/** @typedef {'segment' | 'jobs' | 'service'} ViewName */

/** @type {Record<ViewName, (root: HTMLElement, query: URLSearchParams) => Promise<View>>} */
const OPEN = { segment: openSegment, jobs: openJobs, service: openService };
/** @type {ViewName[]} */
const VIEWS = ['segment', 'jobs', 'service'];
const DEFAULT_VIEW = 'segment';
/** A view that takes longer to open says that it waits for the service. */
const SLOW_MS = 2000;
const THEMES = /** @type {const} */ (['auto', 'light', 'dark']);
const THEME_STORAGE_KEY = 'roadmask-theme';

const main = h('main', { id: 'main', tabIndex: -1 });
const nav = h('nav');
/** @type {{name: ViewName | null, view: View | null}} `view`: null while it opens */
let shown = { name: null, view: null };

async function showRoute() {
  const { view: wanted, query } = readRoute();
  const name = VIEWS.find((each) => each === wanted) ?? DEFAULT_VIEW;
  const isOfView = name === shown.name;
  if (shown.view?.mayLeave && !shown.view.mayLeave(isOfView ? query : null)) {
    rejectRoute();
    return;
  }
  acceptRoute();
  if (isOfView && shown.view) {
    shown.view.update(query);
    return;
  }
  const root = h('div', { class: 'view' });
  fillKeepingFocus(main, root);
  shown.view?.close();
  const opening = { name, view: /** @type {View | null} */ (null) };
  shown = opening;
  markCurrentLink(name);
  document.title = `${t(`nav.${name}`)} · Roadmask`;
  const waiting = h('p', { class: 'failed-view note', role: 'status' });
  root.append(waiting);
  const slow = setTimeout(() => fill(waiting, t('view.waiting')), SLOW_MS);
  try {
    const view = await OPEN[name](root, query);
    if (shown === opening) shown.view = view;
    else view.close();
  } catch (error) {
    if (shown === opening)
      fill(root, h('div', { class: 'failed-view' }, failureNote(error, reopen)));
  }
  clearTimeout(slow);
  waiting.remove();
}

function reopen() {
  shown.view?.close();
  shown = { name: null, view: null };
  showRoute();
}

/** @param {string} name of the current view */
function markCurrentLink(name) {
  for (const anchor of nav.querySelectorAll('a')) {
    if (anchor.dataset.view === name) anchor.setAttribute('aria-current', 'page');
    else anchor.removeAttribute('aria-current');
  }
}

function drawFrame() {
  document.documentElement.lang = language;
  nav.setAttribute('aria-label', t('nav.label'));
  fill(
    nav,
    VIEWS.map((name) => h('a', { href: `#/${name}`, dataset: { view: name } }, t(`nav.${name}`))),
  );
  const logo = h('img', { src: new URL('icon.svg', import.meta.url).href, alt: '' });
  fill(
    document.body,
    skipLink(),
    h(
      'header',
      {},
      h('a', { class: 'brand', href: `#/${DEFAULT_VIEW}` }, logo, 'Roadmask'),
      nav,
      h(
        'div',
        { class: 'choices' },
        keysButton(),
        h('a', { class: 'docs', href: 'docs' }, 'API'),
        languageSelect(),
        themeSelect(),
      ),
    ),
    main,
  );
}

function keysButton() {
  const props = {
    class: 'icon keys-button',
    title: t('keys.title'),
    'aria-label': t('keys.title'),
  };
  return h('button', { type: 'button', ...props, onclick: openKeyHelp }, '?');
}

function skipLink() {
  const anchor = h('a', { class: 'skip', href: '#main' }, t('nav.skip'));
  anchor.addEventListener('click', (event) => {
    // The address names the view, so it cannot name an element, too.
    event.preventDefault();
    main.focus();
  });
  return anchor;
}

function languageSelect() {
  const select = h(
    'select',
    { 'aria-label': t('language.label') },
    languages.map(({ code, name }) =>
      h('option', { value: code, selected: code === language }, name),
    ),
  );
  select.addEventListener('change', () => {
    // The view is opened again in the other language.
    if (shown.view?.mayLeave && !shown.view.mayLeave(null)) {
      select.value = language;
      return;
    }
    setLanguage(select.value);
    drawFrame();
    reopen();
  });
  return select;
}

function themeSelect() {
  const select = h(
    'select',
    { 'aria-label': t('theme.label') },
    THEMES.map((theme) =>
      h('option', { value: theme, selected: theme === savedTheme() }, t(`theme.${theme}`)),
    ),
  );
  select.addEventListener('change', () => setTheme(select.value));
  return select;
}

function savedTheme() {
  return local.getItem(THEME_STORAGE_KEY) ?? 'auto';
}

/** @param {string} theme */
function setTheme(theme) {
  local.setItem(THEME_STORAGE_KEY, theme);
  document.documentElement.dataset.theme = theme;
}

setTheme(savedTheme());
drawFrame();
installKeyHelp();
addEventListener('hashchange', showRoute);
// A file that misses the drop zone must not replace the page.
for (const type of ['dragover', 'drop']) addEventListener(type, (event) => event.preventDefault());
showRoute();

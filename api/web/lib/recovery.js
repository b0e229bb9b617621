/** Failures that the user can get over: a note with "Try again", which tries by itself when the cause may be gone. */

import { isAbort, Problem } from './api/http.js';
import { h } from './element.js';
import { t } from './i18n.js';
import { problemNote } from './problem.js';

const RETRY_MS = 4000;
/** Longer than this, nobody waits without a word. */
const SLOW_MS = 2000;
/** Failures that pass without anything that the user does. */
const PASSING = ['unreachable', 'unavailable', 'records_unavailable', 'store_unavailable'];

/**
 * What failed, and a button that tries again. A failure that passes by itself is tried again after
 * some seconds, and when the network is back, as long as the note is shown.
 * @param {unknown} error
 * @param {() => void} retry
 */
export function failureNote(error, retry) {
  const done = new AbortController();
  const tryAgain = () => {
    if (done.signal.aborted) return;
    done.abort();
    retry();
  };
  const note = h(
    'div',
    { class: 'failure' },
    problemNote(error),
    h('button', { type: 'button', onclick: tryAgain }, t('retry')),
  );
  if (passes(error)) {
    const tryIfShown = () => (note.isConnected ? tryAgain() : done.abort());
    const timer = setTimeout(tryIfShown, RETRY_MS);
    done.signal.addEventListener('abort', () => clearTimeout(timer));
    addEventListener('online', tryIfShown, { signal: done.signal });
  }
  return note;
}

/**
 * Load a part of a view. When that fails, its place offers to try again.
 * @param {{setMessage: (...content: (string | Node)[]) => void}} place
 * @param {() => Promise<void>} load
 */
export async function loadInto(place, load) {
  try {
    await load();
  } catch (error) {
    if (isAbort(error)) return;
    const retry = () => {
      place.setMessage();
      loadInto(place, load);
    };
    place.setMessage(failureNote(error, retry));
  }
}

/**
 * What `load` gives. While it fails with what passes by itself, it is tried again. Throws Problem.
 * @template T
 * @param {() => Promise<T>} load
 * @param {AbortSignal} signal ends the attempts
 * @returns {Promise<T>}
 */
export async function untilAnswered(load, signal) {
  for (;;) {
    try {
      return await load();
    } catch (error) {
      if (!passes(error)) throw error;
    }
    await new Promise((resolve) => setTimeout(resolve, RETRY_MS));
    signal.throwIfAborted();
  }
}

/**
 * What is loaded. When that takes long, the page says that it waits for the service.
 * @template T
 * @param {Promise<T>} loading
 * @param {(text: string) => void} say
 * @returns {Promise<T>}
 */
export async function sayWhenSlow(loading, say) {
  const slow = setTimeout(() => say(t('view.waiting')), SLOW_MS);
  return loading.finally(() => clearTimeout(slow));
}

/** @param {unknown} error */
function passes(error) {
  return !isAbort(error) && error instanceof Problem && PASSING.includes(error.code);
}

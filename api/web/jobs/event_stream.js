/**
 * Server-sent events (WHATWG HTML, 9.2), read by a script rather than an EventSource: that one can
 * send no key, tells nothing of why a request failed, and begins anew when the server is done.
 */

import { call } from '../http.js';

/** @typedef {{type: string, data: any, id: string}} StreamEvent */

const PAUSE_MS = 2000;

/**
 * Follow a stream over lost connections until `take` returns true. Throws Problem.
 * @param {string} path
 * @param {(event: StreamEvent) => boolean} take
 * @param {AbortSignal} signal
 */
export async function followEvents(path, take, signal) {
  let last = '';
  while (!signal.aborted) {
    try {
      const headers = last ? { 'Last-Event-ID': last } : {};
      const { body } = await call(path, { signal, headers });
      for await (const event of events(body)) {
        last = event.id || last;
        if (take(event)) return;
      }
    } catch (error) {
      if (error.name === 'AbortError') return;
      if (error.code && !error.retryable) throw error;
    }
    await new Promise((resolve) => {
      setTimeout(resolve, PAUSE_MS);
    });
  }
}

/** @returns {AsyncGenerator<StreamEvent>} */
async function* events(body) {
  const reader = body.pipeThrough(new TextDecoderStream()).getReader();
  let text = '';
  try {
    for (;;) {
      const { value, done } = await reader.read();
      if (done) return;
      const blocks = (text + value).replaceAll('\r', '').split('\n\n');
      text = blocks.pop();
      for (const block of blocks) {
        const event = parse(block);
        if (event.data) yield event;
      }
    }
  } finally {
    await reader.cancel().catch(() => {});
  }
}

function parse(block) {
  const event = { type: 'message', data: null, id: '' };
  for (const line of block.split('\n')) {
    const colon = line.indexOf(':');
    const value = line.slice(colon + 1).replace(/^ /, '');
    if (line.startsWith('data:')) event.data = JSON.parse(value);
    else if (line.startsWith('event:')) event.type = value;
    else if (line.startsWith('id:')) event.id = value;
  }
  return event;
}

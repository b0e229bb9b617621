/**
 * Server-sent events (WHATWG HTML, 9.2) by `fetch`.
 *
 * An EventSource can send no API key, does not say why a request failed, and connects again after
 * the server has ended the stream.
 */

import { isAbort, Problem, request } from '../lib/api/http.js';

/** @typedef {{type: string, data: any, id: string}} StreamEvent `data`: parsed JSON */

const RECONNECT_DELAY_MS = 2000;

/**
 * Read a stream until `onEvent` returns true, and reconnect when it breaks. Throws Problem.
 * @param {string} path
 * @param {(event: StreamEvent) => boolean} onEvent
 * @param {(error: unknown) => void} onConnection called with why the connection was lost, and with
 * null when it is back
 * @param {AbortSignal} signal
 */
export async function followEvents(path, onEvent, onConnection, signal) {
  let lastId = '';
  while (!signal.aborted) {
    try {
      /** @type {HeadersInit} */
      const headers = lastId ? { 'Last-Event-ID': lastId } : {};
      const { body } = await request(path, { signal, headers });
      if (!body) return;
      onConnection(null);
      for await (const event of parseStream(body)) {
        lastId = event.id || lastId;
        if (onEvent(event)) return;
      }
    } catch (error) {
      if (isAbort(error)) return;
      // Any other error means that the connection was lost.
      if (error instanceof Problem && !error.retryable) throw error;
      onConnection(error);
    }
    await new Promise((resolve) => {
      setTimeout(resolve, RECONNECT_DELAY_MS);
    });
  }
}

/**
 * @param {ReadableStream<Uint8Array<ArrayBuffer>>} body
 * @returns {AsyncGenerator<StreamEvent>}
 */
async function* parseStream(body) {
  const reader = body.pipeThrough(new TextDecoderStream()).getReader();
  let text = '';
  try {
    for (;;) {
      const { value, done } = await reader.read();
      if (done) return;
      const blocks = (text + value).replaceAll('\r', '').split('\n\n');
      text = blocks.pop() ?? '';
      for (const block of blocks) {
        const event = parseEvent(block);
        if (event.data) yield event;
      }
    }
  } finally {
    await reader.cancel().catch(() => {});
  }
}

/**
 * @param {string} block
 * @returns {StreamEvent}
 */
function parseEvent(block) {
  const event = { type: 'message', data: null, id: '' };
  for (const line of block.split('\n')) {
    const value = line.slice(line.indexOf(':') + 1).replace(/^ /, '');
    if (line.startsWith('data:')) event.data = JSON.parse(value);
    else if (line.startsWith('event:')) event.type = value;
    else if (line.startsWith('id:')) event.id = value;
  }
  return event;
}

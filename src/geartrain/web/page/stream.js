// Server-sent events. They are read by fetch, since an EventSource does not say why it failed.

import { connection, headersOf, place, send } from './api.js';

const AGAIN = 2000; // milliseconds until another attempt
const SILENCE = 45_000; // milliseconds in which a server that lives says something, if only that

/**
 * Listen to a stream of the API until the function that it returns is called; it is opened again when it breaks.
 * `hear(kind, data)` is called for each event, `missing(problem)` once where there is no such stream, and `ended()`
 * says whether the stream was to end.
 */
export function listen(path, query, { hear, missing, ended }) {
  const asking = new AbortController();
  const where = place(path, query);
  run();
  return () => asking.abort();

  async function run() {
    while (!asking.signal.aborted && !ended?.()) {
      const problem = await once();
      if (problem?.isMissing) return missing?.(problem);
      if (!ended?.()) await new Promise((resolve) => setTimeout(resolve, AGAIN));
    }
  }

  /** Listen until the stream breaks; a Problem where it cannot be had. */
  async function once() {
    try {
      const headers = headersOf('GET', undefined, 'text/event-stream');
      await read(await send(where, { headers, signal: asking.signal }), hear);
    } catch (problem) {
      return problem.status === undefined ? broken() : problem;
    }
  }

  function broken() {
    if (!asking.signal.aborted) connection.set({ lost: true, why: 'The stream broke.' });
  }
}

/** Send a change that is answered by events, and hear them; resolves when the stream ends. */
export async function stream(path, body, hear, signal) {
  const headers = headersOf('POST', body, 'text/event-stream');
  await read(await send(place(path), { method: 'POST', headers, body: JSON.stringify(body), signal }), hear);
}

async function read(answer, hear) {
  const reader = answer.body.pipeThrough(new TextDecoderStream()).getReader();
  let rest = '';
  try {
    for (;;) {
      const { value, done } = await soon(reader.read());
      if (done) return;
      const blocks = (rest + value).split('\n\n');
      rest = blocks.pop();
      for (const block of blocks) hearBlock(block, hear);
    }
  } finally {
    reader.cancel().catch(() => {}); // it may be broken already
  }
}

/** What is awaited, or an error when nothing comes. */
async function soon(awaited) {
  let timer = 0;
  const silence = new Promise((resolve, reject) => {
    timer = setTimeout(() => reject(new Error('The server is silent.')), SILENCE);
  });
  try {
    return await Promise.race([awaited, silence]);
  } finally {
    clearTimeout(timer);
  }
}

function hearBlock(block, hear) {
  let kind = 'message';
  let data = '';
  for (const line of block.split('\n')) {
    if (line.startsWith('event: ')) kind = line.slice(7);
    if (line.startsWith('data: ')) data = line.slice(6); // JSON, so of one line
  }
  if (data) hear(kind, JSON.parse(data));
}

// Server-sent events.

import { connection, headersOf, place, send } from './api.js';

const AGAIN = 2000; // milliseconds until another attempt
const KINDS = [
  'live', 'job', 'over', 'submitted', 'joined', 'started', 'status', 'data', 'warning', 'completed', 'failed', 'exception',
  'retried', 'lost', 'timed_out', 'dead', 'cancelled', 'abandoned', 'missed',
];

/**
 * Listen to a stream of the API until `stop` is called; it is opened again when it breaks.
 * `hear(kind, data)` is called for each event, `missing(problem)` once where there is no such stream.
 */
export function listen(path, query, { hear, missing, opened, ended }) {
  let source = null;
  let timer = 0;
  let stopped = false;
  function open() {
    source = new EventSource(place(path, query));
    source.onopen = () => {
      if (connection.get().lost) connection.set({ lost: false, why: '' });
      opened?.();
    };
    source.onmessage = (event) => hear('message', JSON.parse(event.data), event.lastEventId);
    for (const kind of KINDS) {
      source.addEventListener(kind, (event) => hear(kind, JSON.parse(event.data), event.lastEventId));
    }
    source.onerror = () => (ended?.() ? stop() : again());
  }
  async function again() {
    source.close();
    if (stopped) return;
    const problem = await why(path, query);
    if (stopped) return;
    if (problem?.isMissing) missing?.(problem);
    else timer = setTimeout(open, AGAIN);
  }
  function stop() {
    stopped = true;
    clearTimeout(timer);
    source?.close();
  }
  open();
  return stop;
}

/** An EventSource does not say why it failed: ask once more, for the status alone. */
async function why(path, query) {
  const asking = new AbortController();
  try {
    await send(place(path, query), { headers: headersOf('GET', undefined, 'text/event-stream'), signal: asking.signal });
    return null;
  } catch (problem) {
    return problem;
  } finally {
    asking.abort();
  }
}

/** Send a change that is answered by events, and hear them; resolves when the stream ends. */
export async function stream(path, body, hear, signal) {
  const answer = await send(place(path), {
    method: 'POST',
    headers: headersOf('POST', body, 'text/event-stream'),
    body: JSON.stringify(body),
    signal,
  });
  let rest = '';
  for await (const text of texts(answer.body)) {
    const blocks = (rest + text).split(/\r?\n\r?\n/);
    rest = blocks.pop();
    for (const block of blocks) hearBlock(block, hear);
  }
}

async function* texts(body) {
  const reader = body.pipeThrough(new TextDecoderStream()).getReader();
  for (;;) {
    const { value, done } = await reader.read();
    if (done) return;
    yield value;
  }
}

function hearBlock(block, hear) {
  let kind = 'message';
  const data = [];
  for (const line of block.split(/\r?\n/)) {
    if (line.startsWith('event:')) kind = line.slice(6).trim();
    if (line.startsWith('data:')) data.push(line.slice(5).trimStart());
  }
  if (data.length) hear(kind, JSON.parse(data.join('\n')));
}

// What happens to a job while one watches.

import { segment } from './api.js';
import { html, useEffect, useRef, useState } from './html.js';
import { iso, moment } from './format.js';
import { isAlive } from './job_actions.js';
import { Badge, FunctionLink, JobLink, Section } from './parts.js';
import { listen } from './stream.js';

const MOST = 500; // events, and texts of streamed data
const NOTHING = { rows: [], status: null, data: [] };
const ENDS = new Set(['completed', 'failed', 'dead', 'cancelled', 'abandoned', 'over']);

/** The job's events from now on: {rows, status, data}. `changed` is called when its row is another one. */
export function useEvents(handle, changed) {
  const [events, setEvents] = useState(NOTHING);
  const over = useRef(false);
  useEffect(() => {
    setEvents(NOTHING);
    over.current = false;
    function hear(kind, event) {
      over.current ||= ENDS.has(kind) || (kind === 'job' && !isAlive(event));
      if (event.handle && event.at) setEvents((before) => withEvent(before, { ...event, kind }));
      if (kind !== 'status' && kind !== 'data' && kind !== 'job') changed();
    }
    return listen(`jobs/${segment(handle)}/events`, {}, { hear, missing: () => {}, ended: () => over.current });
  }, [handle]);
  return events;
}

export function withEvent(before, row) {
  const rows = [...before.rows, { ...row, key: before.rows.length ? before.rows.at(-1).key + 1 : 0 }].slice(-MOST);
  if (row.kind === 'status') return { ...before, rows, status: { numerator: row.numerator, denominator: row.denominator } };
  if (row.kind === 'data' || row.kind === 'warning') return { ...before, rows, data: [...before.data, row].slice(-MOST) };
  return { ...before, rows };
}

/** What the worker sent on the way. */
export function StreamedData({ events }) {
  if (!events.data.length) return null;
  return html`
    <${Section} title="Streamed data" wide>
      <pre class="streamed" tabindex="0" aria-live="polite">${events.data.map((row) => html`<span class=${row.kind === 'warning' ? 'ink-amber' : ''}>${textOf(row)}</span>`)}</pre>
    <//>`;
}

export function textOf(row) {
  return row.text ?? row.data ?? row.text_base64 ?? row.data_base64 ?? '';
}

/** One event in a list; with its job where the list is of many. */
export function EventRow({ row, isOfMany = false }) {
  return html`
    <li>
      <time datetime=${iso(row.at)}>${moment(row.at, true)}</time>
      <${Badge} word=${row.kind} />
      ${isOfMany && html`<${FunctionLink} name=${row.function} /><${JobLink} handle=${row.handle} />`}
      <span class="event-text">${noteOf(row)}</span>
    </li>`;
}

function noteOf(row) {
  if (row.kind === 'status') return `${row.numerator} / ${row.denominator}`;
  const attempt = row.attempt > 1 ? `attempt ${row.attempt}` : '';
  return [textOf(row), row.reason, row.worker && row.kind === 'started' && `by ${row.worker}`, attempt].filter(Boolean).join(' · ');
}

// What happens, as it happens.

import { Trouble, Choice, Head } from '../parts.js';
import { EventRow } from '../job_events.js';
import { html, useEffect, useRef, useState } from '../html.js';
import { count, plural } from '../format.js';
import { go, link } from '../route.js';
import { listen } from '../stream.js';
import { FunctionNames } from './jobs.js';

const MOST = 300; // rows that are kept
const DRAW = 250; // milliseconds between drawings
const SAMPLE = 20; // events of each kind that the server sends between two drawings: more cannot be read
const KINDS = [['', 'All'], ['work', 'Jobs'], ['trouble', 'Trouble'], ['talk', 'Progress']];
const OF_KIND = {
  work: new Set(['submitted', 'joined', 'started', 'completed', 'failed', 'exception', 'cancelled', 'abandoned', 'dead']),
  trouble: new Set(['failed', 'exception', 'retried', 'lost', 'timed_out', 'dead', 'warning', 'cancelled', 'abandoned']),
  talk: new Set(['status', 'data', 'warning']),
};

export function Events({ query }) {
  const [kind, setKind] = useState('');
  const [isHeld, setHeld] = useState(false);
  const { rows, missed, problem } = useTail(query.function ?? '', isHeld);
  const shown = kind ? rows.filter((row) => OF_KIND[kind].has(row.kind)) : rows;
  return html`
    <${Head} title="Events" sub="As they happen, the newest first; a sample of each kind where there are too many.">
      <button aria-pressed=${isHeld} onClick=${() => setHeld(!isHeld)}>${isHeld ? 'Go on' : 'Hold'}</button>
    <//>
    <div class="event-filters">
      <${Choice} label="Kind" options=${KINDS} value=${kind} choose=${setKind} />
      <${OfFunction} chosen=${query.function ?? ''} />
    </div>
    ${problem ? html`<${Trouble} problem=${problem} />` : html`
      <div class="panel">
        <p class="list-head soft">${isHeld ? 'Held' : 'Live'}: ${plural(shown.length, 'event')}${missed > 0 && `, ${count(missed)} more are not shown`}</p>
        ${shown.length ? html`<ol class="event-list of-many">${shown.map((row) => html`<${EventRow} key=${row.key} row=${row} isOfMany />`)}</ol>`
          : html`<p class="empty">Nothing has happened yet${kind && ' of this kind'}.</p>`}
      </div>`}`;
}

function OfFunction({ chosen }) {
  return html`
    <input type="search" aria-label="All functions, or only this one" placeholder="All functions" list="function-names" defaultValue=${chosen}
           onChange=${(event) => go(link('events', '', { function: event.target.value.trim() }))} />
    <${FunctionNames} />`;
}

/** The tail of the events, drawn a few times a second however many there are. */
function useTail(name, isHeld) {
  const [state, setState] = useState({ rows: [], missed: 0, problem: null });
  const fresh = useRef([]);
  const number = useRef(0);
  useEffect(() => {
    setState({ rows: [], missed: 0, problem: null });
    fresh.current = [];
    function hear(kind, event) {
      if (kind === 'missed') setState((before) => ({ ...before, missed: before.missed + event.count }));
      if (!event.handle) return;
      fresh.current.push({ ...event, kind, key: (number.current += 1) });
      if (fresh.current.length > MOST) fresh.current.shift();
    }
    return listen('events', { function: name, sample: SAMPLE }, { hear, missing: (problem) => setState((before) => ({ ...before, problem })) });
  }, [name]);
  useEffect(() => {
    if (isHeld) return undefined;
    const timer = setInterval(() => {
      if (!fresh.current.length) return;
      const rows = fresh.current.reverse();
      fresh.current = [];
      setState((before) => ({ ...before, rows: [...rows, ...before.rows].slice(0, MOST) }));
    }, DRAW);
    return () => clearInterval(timer);
  }, [isHeld, name]);
  return state;
}

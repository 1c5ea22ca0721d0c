// Every function: what it has queued, who works on it, and how it goes.

import { useNow } from '../clock.js';
import { count, duration, plural, rate } from '../format.js';
import { menuOf, pause, resume } from '../function_actions.js';
import { html, useState } from '../html.js';
import { latest, queued, rates, useLive } from '../live.js';
import { Menu } from '../menu.js';
import { Action, Badge, FunctionLink, Head } from '../parts.js';
import { icon } from '../icon.js';
import { link } from '../route.js';
import { may } from '../session.js';
import { Spark } from '../spark.js';
import { Table } from '../table.js';

const MOST = 300; // rows

export function Functions() {
  const { functions, recent } = useLive();
  const [wanted, setWanted] = useState('');
  const time = useNow();
  if (!functions) return html`<${Head} title="Functions" /><p class="empty" aria-busy="true">Waiting for the server…</p>`;
  const found = functions.filter((row) => row.function.toLowerCase().includes(wanted.toLowerCase()));
  return html`
    <${Head} title="Functions" sub=${plural(functions.length, 'function')}>
      <input type="search" aria-label="Filter by name" placeholder="Filter by name" value=${wanted}
             onInput=${(event) => setWanted(event.target.value)} />
    <//>
    <div class="panel">
      <${Table} caption="Functions" columns=${columnsOf(recent, time)} rows=${found} most=${MOST} name=${(row) => row.function}
                order=${{ label: 'Function', down: false }}
                empty=${wanted ? `No function is named like ‘${wanted}’.` : 'No function is known yet: start a worker, or submit a job.'} />
      ${found.length > MOST && html`<p class="empty">The first ${count(MOST)} of ${count(found.length)} in this order. Filter by name to see others.</p>`}
    </div>`;
}

function columnsOf(recent, time) {
  return [
    { label: 'Function', kind: 'name', sort: (row) => row.function, cell: nameOf },
    { label: 'Queued', kind: 'number', sort: queued, cell: queueOf },
    { label: 'Delayed', kind: 'number', sort: (row) => row.delayed, cell: (row) => figure(row.delayed) },
    { label: 'Running', kind: 'number', sort: (row) => row.running, cell: (row) => figure(row.running) },
    { label: 'Workers', kind: 'number', sort: (row) => row.workers, cell: workersOf },
    { label: 'Oldest', kind: 'number', sort: (row) => -(row.oldest_at ?? Infinity), cell: (row) => row.oldest_at && duration(Math.max(0, time - row.oldest_at)) },
    { label: 'Done /s', kind: 'number', sort: (row) => latest(rates(recent, 'completed', row.function)), cell: (row) => doneOf(row, recent) },
    { label: 'Failed', kind: 'number', sort: (row) => row.totals?.failed ?? 0, cell: (row) => failedOf(row, recent) },
    { label: 'Dead', kind: 'number', sort: (row) => row.dead, cell: deadOf },
    { label: 'Actions', kind: 'actions', cell: (row) => html`<${Actions} row=${row} />` },
  ];
}

function figure(value, ink = '') {
  return html`<span class=${value ? (ink && `ink-${ink}`) : 'faint'}>${count(value)}</span>`;
}

/** Red only while it goes on. */
function failedOf(row, recent) {
  const isFailing = latest(rates(recent, 'failed', row.function), 30) > 0;
  return figure(row.totals?.failed ?? 0, isFailing ? 'red' : 'text');
}

function nameOf(row) {
  return html`<${FunctionLink} name=${row.function} /> <${States} row=${row} />`;
}

export function States({ row }) {
  return html`
    ${row.paused && html`<${Badge} word="paused" />`} ${row.draining && html`<${Badge} word="draining" />`}`;
}

function queueOf(row) {
  const { high, normal, low } = row.queued;
  return html`<span class=${queued(row) ? '' : 'faint'} title=${`high ${high}, normal ${normal}, low ${low}`}>${count(queued(row))}</span>`;
}

function workersOf(row) {
  const busy = row.busy ?? Math.min(row.running, row.workers);
  return html`<span class=${row.workers ? '' : queued(row) ? 'ink-red' : 'faint'} title=${`${busy} busy`}>${count(busy)} / ${count(row.workers)}</span>`;
}

function doneOf(row, recent) {
  const done = rates(recent, 'completed', row.function);
  return html`<span class="with-spark"><${Spark} values=${done} ink="green" /><span>${rate(latest(done))}</span></span>`;
}

function deadOf(row) {
  if (!row.dead) return html`<span class="faint">0</span>`;
  return html`<a class="ink-red" href=${link('dead', '', { function: row.function })}>${count(row.dead)}</a>`;
}

function Actions({ row }) {
  const name = row.function;
  return html`
    ${may('admin', name) && html`
      <${Action} class="plain icon-only" aria-label=${row.paused ? `Resume ${name}` : `Pause ${name}`} title=${row.paused ? 'Resume' : 'Pause'}
                 act=${() => (row.paused ? resume(name) : pause(name))}>${icon(row.paused ? 'play' : 'pause')}<//>`}
    <${Menu} label=${`More for ${name}`} items=${menuOf(row)} />`;
}

// Who works: on what, and since when.

import { post } from '../api.js';
import { useNow } from '../clock.js';
import { duration, plural } from '../format.js';
import { html, useState } from '../html.js';
import { useLoad } from '../load.js';
import { Action, Badge, Choice, Head, JobLink, Loaded } from '../parts.js';
import { link } from '../route.js';
import { may } from '../session.js';
import { Table } from '../table.js';
import { attempt } from '../toast.js';

const FRESH = 2000; // milliseconds
const MOST_FUNCTIONS = 6; // that are shown of a worker
const KINDS = [['workers', 'Workers'], ['connections', 'All connections']];

export function Workers({ query }) {
  const [kind, setKind] = useState('workers');
  const [wanted, setWanted] = useState(query.filter ?? '');
  const loaded = useLoad(kind, {}, FRESH);
  return html`
    <${Head} title="Workers" sub="What each does, and since when.">
      <${Choice} label="Which connections" options=${KINDS} value=${kind} choose=${setKind} />
      <input type="search" aria-label="Filter by id, host or function" placeholder="Filter" value=${wanted}
             onInput=${(event) => setWanted(event.target.value)} />
    <//>
    <${Loaded} from=${loaded}>${(answer) => html`
      <div class="panel"><${List} rows=${(answer[kind] ?? answer.workers ?? answer.connections).filter((row) => isLike(row, wanted))} reload=${loaded.reload} isAsked=${wanted !== ''} /></div>`}<//>`;
}

function isLike(row, wanted) {
  const text = [row.id, row.host, ...row.functions].join(' ').toLowerCase();
  return text.includes(wanted.toLowerCase());
}

function List({ rows, reload, isAsked }) {
  const time = useNow();
  const columns = [
    { label: 'Worker', kind: 'name', sort: nameOf, cell: (row) => html`<b>${nameOf(row)}</b> ${row.id && html`<span class="soft">${row.host}</span>`}` },
    { label: 'State', kind: 'state', sort: stateOf, cell: (row) => html`<${Badge} word=${stateOf(row)} />` },
    { label: 'Runs', wide: true, cell: (row) => runningOf(row, time) },
    { label: 'Can do', kind: 'chips', wide: true, cell: functionsOf },
    { label: 'Actions', kind: 'actions', cell: (row) => html`<${Drain} row=${row} reload=${reload} />` },
  ];
  return html`
    <p class="list-head soft">${plural(rows.length, 'connection')}, ${rows.filter((row) => running(row).length).length} busy</p>
    <${Table} caption="Workers" columns=${columns} rows=${rows} name=${(row) => `${row.shard ?? ''}${row.number}`}
      order=${{ label: 'Worker', down: false }} empty=${isAsked ? 'None is like that.' : 'No worker is connected.'} />`;
}

function nameOf(row) {
  return row.id || `${row.host} #${row.number}`;
}

/** The jobs that a worker runs: rows for some, handles at least for others. */
function running(row) {
  return row.jobs ?? row.running.map((handle) => ({ handle }));
}

function stateOf(row) {
  if (row.draining) return 'draining';
  return running(row).length ? 'busy' : row.functions.length ? 'idle' : row.waiting_count ? 'waits' : 'client';
}

function runningOf(row, time) {
  const jobs = running(row);
  if (!jobs.length) return null;
  return html`<ul class="plain-list">${jobs.map((job) => html`
    <li><${JobLink} handle=${job.handle} /> ${job.function && html`<span>${job.function}</span>`}
      ${job.started_at && html` <span class="soft">for ${duration(Math.max(0, time - job.started_at))}</span>`}</li>`)}
    ${row.running_count > jobs.length && html`<li class="soft">and ${row.running_count - jobs.length} more</li>`}</ul>`;
}

function functionsOf(row) {
  const shown = row.functions.slice(0, MOST_FUNCTIONS);
  const more = row.functions.length - shown.length;
  return html`${shown.map((name) => html`<a class="chip" href=${link('functions', name)}>${name}</a> `)}${more > 0 && html`<span class="soft" title=${row.functions.join(', ')}>and ${more} more</span>`}`;
}

function Drain({ row, reload }) {
  if (!may('admin') || !row.functions.length) return null;
  async function toggle() {
    const verb = row.draining ? 'resume' : 'drain';
    const done = row.draining ? `${nameOf(row)} gets jobs again.` : `${nameOf(row)} gets no new jobs; what it runs may end.`;
    if ((await attempt(() => post(`workers/${row.number}/${verb}`), done)) !== undefined) reload();
  }
  return html`<${Action} act=${toggle} aria-label=${`${row.draining ? 'Resume' : 'Drain'} ${nameOf(row)}`}>${row.draining ? 'Resume' : 'Drain'}<//>`;
}

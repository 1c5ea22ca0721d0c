// Jobs that are not over: found by what they are, page by page.

import { useNow } from '../clock.js';
import { Field } from '../dialog.js';
import { bytes, count, duration, secondsOf } from '../format.js';
import { html, useEffect, useState } from '../html.js';
import { icon } from '../icon.js';
import { attemptOf, cancel } from '../job_actions.js';
import { live } from '../live.js';
import { useLoad } from '../load.js';
import { Menu } from '../menu.js';
import { Badge, Choice, FunctionLink, Head, JobLink, Loaded, Progress } from '../parts.js';
import { go, link, refine } from '../route.js';
import { may } from '../session.js';
import { Table } from '../table.js';

const PAGE = 50; // jobs
const FRESH = 3000; // milliseconds
const STATES = [['', 'All'], ['queued', 'Queued'], ['delayed', 'Delayed'], ['running', 'Running']];
const FILTERS = ['function', 'unique', 'handle', 'worker', 'older_than', 'priority'];

export function Jobs({ query }) {
  const asked = query;
  const loaded = useLoad('jobs', { ...asked, older_than: secondsOf(asked.older_than ?? ''), limit: PAGE }, FRESH);
  return html`
    <${Head} title="Jobs" sub="That wait or run; what is over is found by its handle.">
      <${Choice} label="State" options=${STATES} value=${query.state ?? ''} choose=${(state) => filter({ ...query, state })} />
    <//>
    <${Filters} query=${query} />
    <${Loaded} from=${loaded}>${(answer) => html`
      <div class="panel">${!answer.jobs.length && answer.next
        ? html`<${LooksOn} query=${query} next=${answer.next} />`
        : html`<${List} jobs=${answer.jobs} query=${query} reload=${loaded.reload} />`}</div>
      <${Pages} query=${query} next=${answer.next} />`}<//>`;
}

/** A server looks at so many jobs for one answer: where none of them is wanted, the next ones are looked at. */
function LooksOn({ query, next }) {
  useEffect(() => refine({ ...query, cursor: next }), [next]);
  return html`<p class="empty" aria-busy="true">None yet. Looking at more jobs…</p>`;
}

/** Go to the first page of what a query finds. */
function filter({ cursor, ...query }) {
  go(link('jobs', '', query));
}

function Filters({ query }) {
  const given = FILTERS.filter((name) => query[name]);
  const [isOpen, setOpen] = useState(given.length > 0);
  function submit(event) {
    event.preventDefault();
    const values = FILTERS.map((name) => [name, event.target.elements[name].value.trim()]);
    filter({ ...query, ...Object.fromEntries(values) });
  }
  return html`
    <details class="filters panel" open=${isOpen} onToggle=${(event) => setOpen(event.target.open)}>
      <summary>${icon('filter')} Filter ${given.map((name) => html`<span class="badge ink-accent">${name.replace('_', ' ')} ${query[name]}</span>`)}</summary>
      <form onSubmit=${submit} key=${JSON.stringify(query)}>
        <div class="fields">
          <${Field} name="function" label="Function" value=${query.function} list="function-names" />
          <${Field} name="unique" label="Unique" value=${query.unique} />
          <${Field} name="handle" label="Handle begins with" value=${query.handle} />
          <${Field} name="worker" label="Worker or its host" value=${query.worker} />
          <${Field} name="older_than" label="Older than" value=${query.older_than} placeholder="5m" pattern="[0-9.smhd ]*" />
          <${Field} name="priority" label="Priority" value=${query.priority ?? ''} options=${[['', 'any'], 'high', 'normal', 'low']} />
        </div>
        <div class="form-buttons">
          <button type="button" onClick=${() => go(link('jobs'))}>Clear</button><button class="primary">Find</button>
        </div>
        <${FunctionNames} />
      </form>
    </details>`;
}

/** What an input for a function offers. */
export function FunctionNames() {
  const names = (live.get().functions ?? []).map((row) => row.function);
  return html`<datalist id="function-names">${names.map((name) => html`<option value=${name} />`)}</datalist>`;
}

function List({ jobs, query, reload }) {
  const time = useNow();
  const columns = [
    { label: 'Handle', kind: 'name', cell: (job) => html`<${JobLink} handle=${job.handle} />` },
    { label: 'State', kind: 'state', cell: stateOf },
    { label: 'Function', kind: 'clipped', wide: true, cell: (job) => html`<${FunctionLink} name=${job.function} />` },
    { label: 'Unique', kind: 'clipped', cell: (job) => job.unique },
    { label: 'Age', kind: 'number', cell: (job) => duration(Math.max(0, time - job.submitted_at)) },
    { label: 'Tries', kind: 'number', cell: (job) => attemptOf(job) || '' },
    { label: 'Workload', kind: 'number', cell: (job) => bytes(job.workload_bytes) },
    { label: 'Clients', kind: 'number', cell: (job) => (job.waiting ? count(job.waiting) : '') },
    { label: 'Worker', kind: 'clipped', cell: (job) => job.worker || job.worker_host },
    { label: 'Actions', kind: 'actions', cell: (job) => html`<${Actions} job=${job} reload=${reload} />` },
  ];
  const isAsked = Object.keys(query).length > 0;
  return html`<${Table} caption="Jobs" columns=${columns} rows=${jobs} name=${(job) => job.handle}
    empty=${isAsked ? 'No matching jobs.' : 'No job waits or runs.'} />`;
}

function stateOf(job) {
  const priority = job.priority !== 'normal' && html` <span class="soft">${job.priority}</span>`;
  return html`<${Badge} word=${job.state} />${priority} <${Progress} job=${job} brief />`;
}

function Actions({ job, reload }) {
  return html`<${Menu} label=${`More for ${job.handle}`} items=${[
    { label: 'Show', act: () => go(link('jobs', job.handle)) },
    may('submit', job.function) && { label: 'Cancel…', danger: true, act: async () => (await cancel(job)) && reload() },
  ]} />`;
}

function Pages({ query, next }) {
  if (!next && !query.cursor) return null;
  return html`
    <nav class="pages" aria-label="Pages of jobs">
      <button disabled=${!query.cursor} onClick=${() => history.back()}>${icon('left')} Back</button>
      <button disabled=${!next} onClick=${() => go(link('jobs', '', { ...query, cursor: next }))}>Next ${icon('right')}</button>
    </nav>`;
}

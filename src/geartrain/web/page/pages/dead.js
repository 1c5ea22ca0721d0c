// Jobs that failed for good: run them again, or discard them.

import { post } from '../api.js';
import { useNow } from '../clock.js';
import { confirm } from '../dialog.js';
import { count, duration, plural } from '../format.js';
import { html, useEffect, useState } from '../html.js';
import { icon } from '../icon.js';
import { useLive } from '../live.js';
import { useLoad } from '../load.js';
import { Action, Badge, FunctionLink, Head, JobLink, Loaded } from '../parts.js';
import { go, link } from '../route.js';
import { may } from '../session.js';
import { Table } from '../table.js';
import { attempt } from '../toast.js';

const PAGE = 100; // letters
const FRESH = 5000; // milliseconds

export function Dead({ query }) {
  const loaded = useLoad('dead', { function: query.function, cursor: query.cursor, limit: PAGE }, FRESH);
  const [picked, setPicked] = useState(new Set());
  useEffect(() => setPicked(new Set()), [query.function, query.cursor]);
  function pick(handles, isPicked) {
    const next = new Set(picked);
    for (const handle of handles) isPicked ? next.add(handle) : next.delete(handle);
    setPicked(next);
  }
  function done() {
    setPicked(new Set());
    loaded.reload();
  }
  return html`
    <${Head} title="Dead letters" sub="Jobs whose attempts were used up.">
      <${OfFunction} chosen=${query.function ?? ''} />
    <//>
    <${Loaded} from=${loaded}>${(answer) => {
      const rows = answer.dead ?? answer.letters ?? [];
      return html`
        ${may('admin', query.function) && rows.length > 0 && html`<${Bulk} rows=${rows} picked=${picked} pick=${pick} name=${query.function} done=${done} />`}
        <div class="panel"><${List} rows=${rows} picked=${picked} pick=${pick} name=${query.function} /></div>
        <${Pages} query=${query} next=${answer.next} />`;
    }}<//>`;
}

function OfFunction({ chosen }) {
  const { functions } = useLive();
  const known = (functions ?? []).filter((row) => row.dead > 0);
  const others = known.some((row) => row.function === chosen) || !chosen ? [] : [{ function: chosen, dead: 0 }];
  return html`
    <select aria-label="Function" onChange=${(event) => go(link('dead', '', { function: event.target.value }))}>
      <option value="" selected=${!chosen}>All functions</option>
      ${[...known, ...others].map((row) => html`
        <option value=${row.function} selected=${row.function === chosen}>${row.function} (${count(row.dead)})</option>`)}
    </select>`;
}

/** What can be done to those that are picked, or to all. */
function Bulk({ rows, picked, pick, name, done }) {
  const some = picked.size > 0;
  const what = some ? plural(picked.size, 'dead letter') : name ? `all dead letters of ${name}` : 'all dead letters';
  const target = some ? { handles: [...picked] } : name ? { function: name } : { all: true };
  async function retry() {
    if (!some && !(await confirm(`Retry ${what}?`, 'They are queued again, with their handles.', 'Retry'))) return;
    await change('retry', (answer) => `${plural(numberIn(answer, 'retried', picked), 'job')} queued again.`);
  }
  async function discard() {
    const text = `${what[0].toUpperCase()}${what.slice(1)} will be gone with their workloads. This cannot be undone.`;
    if (!(await confirm(`Discard ${what}?`, text, 'Discard'))) return;
    await change('discard', (answer) => `${plural(numberIn(answer, 'discarded', picked), 'dead letter')} discarded.`);
  }
  async function change(verb, text) {
    if ((await attempt(() => post(`dead/${verb}`, target), text)) !== undefined) done();
  }
  return html`
    <div class="bulk" role="toolbar" aria-label="For those that are picked">
      <button onClick=${() => pick(rows.map((row) => row.handle), !some)}>${some ? 'Pick none' : 'Pick all shown'}</button>
      <span>${some ? `${count(picked.size)} picked` : 'None picked'}</span>
      <${Action} act=${retry}>${icon('retry')} Retry ${some ? 'picked' : 'all'}<//>
      <${Action} class="danger" act=${discard}>${icon('dead')} Discard ${some ? 'picked' : 'all'}<//>
    </div>`;
}

function numberIn(answer, field, picked) {
  return answer?.[field] ?? picked.size;
}

function List({ rows, picked, pick, name }) {
  const time = useNow();
  const columns = [
    { label: 'Handle', kind: 'name', cell: (row) => html`<${JobLink} handle=${row.handle} />` },
    { label: 'Function', kind: 'clipped', wide: true, sort: (row) => row.function, cell: (row) => html`<${FunctionLink} name=${row.function} />` },
    { label: 'Reason', sort: (row) => row.reason, cell: (row) => html`<${Badge} word=${row.reason} />` },
    { label: 'Error', kind: 'clipped', wide: true, cell: (row) => row.error && html`<span title=${row.error}>${row.error}</span>` },
    { label: 'Tries', kind: 'number', sort: (row) => row.attempts, cell: (row) => row.attempts },
    { label: 'Died', kind: 'number', sort: (row) => row.died_at, cell: (row) => `${duration(Math.max(0, time - row.died_at))} ago` },
    { label: 'Worker', kind: 'clipped', cell: (row) => row.worker },
  ];
  return html`<${Table} caption="Dead letters" columns=${columns} rows=${rows} name=${(row) => row.handle}
    picked=${may('admin', name) ? picked : undefined} pick=${pick}
    empty=${name ? `${name} has no dead letters.` : 'There are no dead letters.'} />`;
}

function Pages({ query, next }) {
  if (!next && !query.cursor) return null;
  return html`
    <nav class="pages" aria-label="Pages of dead letters">
      <button disabled=${!query.cursor} onClick=${() => history.back()}>${icon('left')} Back</button>
      <button disabled=${!next} onClick=${() => go(link('dead', '', { ...query, cursor: next }))}>Next ${icon('right')}</button>
    </nav>`;
}

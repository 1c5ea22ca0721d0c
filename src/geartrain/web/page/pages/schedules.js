// Jobs that the server submits again and again.

import { post, put, remove, segment } from '../api.js';
import { useNow } from '../clock.js';
import { askFor, confirm } from '../dialog.js';
import { count, duration, moment, plural, relative } from '../format.js';
import { html } from '../html.js';
import { icon } from '../icon.js';
import { useLoad } from '../load.js';
import { Menu } from '../menu.js';
import { Action, Badge, FunctionLink, Head, Loaded } from '../parts.js';
import { FunctionNames } from './jobs.js';
import { link } from '../route.js';
import { may } from '../session.js';
import { Table } from '../table.js';
import { attempt, say } from '../toast.js';

const FRESH = 3000; // milliseconds

export function Schedules() {
  const loaded = useLoad('schedules', {}, FRESH);
  return html`
    <${Head} title="Schedules" sub="Jobs that the server submits by a cron line or at an interval.">
      ${may('admin') && html`<button class="primary" onClick=${() => edit({}, loaded.reload)}>${icon('plus')} Add</button>`}
    <//>
    <${FunctionNames} />
    <${Loaded} from=${loaded}>${({ schedules }) => html`<div class="panel"><${List} rows=${schedules} reload=${loaded.reload} /></div>`}<//>`;
}

function List({ rows, reload }) {
  const time = useNow();
  const columns = [
    { label: 'Name', kind: 'name', sort: (row) => row.name, cell: (row) => html`<b>${row.name}</b> ${row.paused && html`<${Badge} word="paused" />`}` },
    { label: 'Function', kind: 'clipped', wide: true, sort: (row) => row.function, cell: (row) => html`<${FunctionLink} name=${row.function} />` },
    { label: 'When', kind: 'short', wide: true, cell: whenOf },
    { label: 'Next', kind: 'number', sort: (row) => row.next_at, cell: (row) => (row.paused || !row.next_at ? '' : html`<time title=${moment(row.next_at)}>${relative(row.next_at, time)}</time>`) },
    { label: 'Last', kind: 'number', sort: (row) => row.last_at, cell: (row) => row.last_at && html`<time title=${moment(row.last_at)}>${relative(row.last_at, time)}</time>` },
    { label: 'Fired', kind: 'number', sort: (row) => row.fired, cell: (row) => count(row.fired) },
    { label: 'From', kind: 'short', cell: (row) => html`<span class="soft">${row.origin}</span>` },
    { label: 'Actions', kind: 'actions', cell: (row) => html`<${Actions} row=${row} reload=${reload} />` },
  ];
  return html`
    <p class="list-head soft">${plural(rows.length, 'schedule')}</p>
    <${Table} caption="Schedules" columns=${columns} rows=${rows} name=${(row) => row.name}
      order=${{ label: 'Name', down: false }} empty="There is no schedule yet." />`;
}

function whenOf(row) {
  if (row.every) return `every ${typeof row.every === 'number' ? duration(row.every) : row.every}`;
  return html`<code>${row.cron}</code> ${row.timezone && html`<span class="soft">${row.timezone}</span>`}`;
}

function Actions({ row, reload }) {
  if (!may('admin')) return null;
  const at = `schedules/${segment(row.name)}`;
  const change = async (verb, done) => (await attempt(() => post(`${at}/${verb}`), done)) !== undefined && reload();
  const isOurs = row.origin !== 'file';
  return html`
    <${Action} act=${() => run(row, reload)} aria-label=${`Run now: ${row.name}`}>Run now<//>
    <${Menu} label=${`More for ${row.name}`} items=${[
      row.paused
        ? { label: 'Resume', act: () => change('resume', `${row.name} goes on.`) }
        : { label: 'Pause', act: () => change('pause', `${row.name} is paused.`) },
      row.origin === 'run time' && { label: 'Change…', act: () => edit(row, reload) },
      isOurs && { label: 'Remove…', danger: true, act: () => removeIt(row, reload) },
    ]} />`;
}

async function run(row, reload) {
  try {
    const { handle } = await post(`schedules/${segment(row.name)}/run`);
    say(`${row.name} runs, as `, { text: handle, href: link('jobs', handle) });
    reload();
  } catch (problem) {
    await attempt(() => Promise.reject(problem));
  }
}

async function removeIt(row, reload) {
  const text = `${row.name} submits no more jobs of ${row.function}. Jobs that it has submitted stay.`;
  if (!(await confirm(`Remove ${row.name}?`, text, 'Remove'))) return;
  if ((await attempt(() => remove(`schedules/${segment(row.name)}`), `${row.name} is removed.`)) !== undefined) reload();
}

/** Ask for a schedule, new or changed, and keep it. */
async function edit(row, reload) {
  const isNew = !row.name;
  const given = await askFor(isNew ? 'Add a schedule' : `Change ${row.name}`, fieldsOf(row, isNew), isNew ? 'Add' : 'Change', { check });
  if (!given) return;
  const name = row.name ?? given.name.trim();
  const done = `${name} is ${isNew ? 'added' : 'changed'}.`;
  if ((await attempt(() => put(`schedules/${segment(name)}`, definitionOf(given)), done)) !== undefined) reload();
}

function fieldsOf(row, isNew) {
  return [
    isNew && { name: 'name', label: 'Name', required: true, maxlength: 200 },
    { name: 'function', label: 'Function', value: row.function, required: true, list: 'function-names' },
    { name: 'cron', label: 'Cron line', value: row.cron ?? '', hint: 'Minute, hour, day, month, weekday: 0 8 * * 1-5; or @daily' },
    { name: 'every', label: 'Or every', value: row.every ?? '', hint: 'Such as 90s, 5m, 12h, 1d' },
    { name: 'timezone', label: 'Time zone of the cron line', value: row.timezone ?? '', hint: 'Such as Europe/Berlin; nothing: the server’s' },
    { name: 'unique', label: 'Unique', value: row.unique ?? '', hint: 'A tick joins the run that is still under way' },
    { name: 'priority', label: 'Priority', value: row.priority ?? 'normal', options: ['high', 'normal', 'low'] },
    { name: 'catch_up', label: 'Ticks that were missed', value: row.catch_up ?? 'last', options: ['last', 'skip', 'all'] },
    { name: 'workload', label: 'Workload', type: 'textarea', value: row.workload ?? '' },
    { name: 'paused', label: 'Paused at first', type: 'checkbox', value: row.paused ?? false },
  ].filter(Boolean);
}

function check({ cron, every }) {
  return Boolean(cron.trim()) === Boolean(every.trim()) ? 'Either a cron line or an interval is expected.' : '';
}

function definitionOf({ name, paused, ...given }) {
  const texts = Object.entries(given).filter(([, value]) => value.trim() !== '');
  return { ...Object.fromEntries(texts), paused };
}

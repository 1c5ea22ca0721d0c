// The server at a glance.

import { html } from '../html.js';
import { count, duration, plural, rate } from '../format.js';
import { History } from '../history.js';
import { latest, queued, rates, useLive, values } from '../live.js';
import { useNow } from '../clock.js';
import { Figure, FunctionLink, Head, Section } from '../parts.js';
import { link } from '../route.js';
import { Spark } from '../spark.js';
import { Table } from '../table.js';

const BUSIEST = 8;

export function Overview() {
  const { functions, server, recent } = useLive();
  const time = useNow();
  if (!functions) return html`<${Head} title="Overview" /><p class="empty" aria-busy="true">Waiting for the server…</p>`;
  return html`
    <${Head} title="Overview" sub=${serverLine(server)} />
    <${Figures} functions=${functions} recent=${recent} time=${time} />
    <${History} />
    <div class="columns">
      <${Busiest} functions=${functions} recent=${recent} time=${time} />
      <${Worries} server=${server} functions=${functions} recent=${recent} time=${time} />
    </div>`;
}

function serverLine(server) {
  if (!server) return 'What the server does now, and what it did.';
  return [server.uptime !== undefined && `up ${duration(server.uptime)}`, server.connections !== undefined && plural(server.connections, 'connection')]
    .filter(Boolean).join(' · ');
}

function Figures({ functions, recent, time }) {
  const flow = { submitted: rates(recent, 'submitted'), completed: rates(recent, 'completed'), failed: rates(recent, 'failed') };
  const depth = values(recent, queued);
  const oldest = oldestOf(functions);
  const failing = latest(flow.failed) ?? 0;
  return html`
    <div class="figures">
      <${Figure} label="Submitted" value=${rate(latest(flow.submitted))} unit="/s"><${Spark} values=${flow.submitted} ink="soft" /><//>
      <${Figure} label="Completed" value=${rate(latest(flow.completed))} unit="/s"><${Spark} values=${flow.completed} ink="green" /><//>
      <${Figure} label="Failed" value=${rate(latest(flow.failed))} unit="/s" ink=${failing > 0 && 'red'}><${Spark} values=${flow.failed} ink="red" /><//>
      <${Figure} label="Queued" value=${count(sum(functions, queued))} href=${link('jobs', '', { state: 'queued' })}><${Spark} values=${depth} ink="amber" least=${5} /><//>
      <${Figure} label="Running" value=${count(sum(functions, (row) => row.running))} href=${link('jobs', '', { state: 'running' })}><${Spark} values=${values(recent, (row) => row.running)} ink="blue" least=${4} /><//>
      <${Figure} label="Oldest waits" value=${oldest ? duration(Math.max(0, time - oldest)) : 'none'}><span class="figure-note">${sum(functions, (row) => row.delayed) > 0 && `${count(sum(functions, (row) => row.delayed))} delayed`}</span><//>
      <${Figure} label="Dead letters" value=${count(sum(functions, (row) => row.dead ?? 0))} ink=${sum(functions, (row) => row.dead ?? 0) > 0 && 'red'} href=${link('dead')} />
    </div>`;
}

function sum(functions, read) {
  return functions.reduce((total, row) => total + read(row), 0);
}

function oldestOf(functions) {
  const times = functions.map((row) => row.oldest_at).filter(Boolean);
  return times.length ? Math.min(...times) : null;
}

function Busiest({ functions, recent, time }) {
  const busiest = [...functions].sort((one, other) => busyness(other) - busyness(one)).slice(0, BUSIEST);
  const columns = [
    { label: 'Function', kind: 'name', cell: (row) => html`<${FunctionLink} name=${row.function} />` },
    { label: 'Queued', kind: 'number', cell: (row) => count(queued(row)) },
    { label: 'Running', kind: 'number', cell: (row) => count(row.running) },
    { label: 'Workers', kind: 'number', cell: (row) => count(row.workers) },
    { label: 'Done /s', kind: 'number', cell: (row) => rate(latest(rates(recent, 'completed', row.function))) },
    { label: 'Last minutes', kind: 'spark-cell', cell: (row) => html`<${Spark} values=${rates(recent, 'completed', row.function)} ink="green" />` },
  ];
  return html`
    <${Section} title="Busiest functions">
      <${Table} caption="The busiest functions" columns=${columns} rows=${busiest} name=${(row) => row.function}
                empty="No function is known yet: start a worker, or submit a job." />
    <//>`;
}

function busyness(row) {
  return row.running * 1e6 + queued(row) * 10 + row.workers;
}

/** What an operator should look at. */
function Worries({ server, functions, recent, time }) {
  const worries = [...worriesAbout(server), ...functions.flatMap((row) => worriesOf(row, recent, time))];
  worries.sort((one, other) => other.weight - one.weight);
  return html`
    <${Section} title="Needs attention">
      ${worries.length ? html`
        <ul class="worries">${worries.slice(0, 10).map(({ name, text, ink, href }) => html`
          <li class=${`ink-${ink}`}><span class="lamp" aria-hidden="true"></span><a href=${href ?? link('functions', name)}>${name}</a> <span>${text}</span></li>`)}
        </ul>` : html`<p class="empty">All is well.</p>`}
    <//>`;
}

/** What the server itself complains about: what keeps it from taking jobs, and what it has noticed since its start. */
function worriesAbout(server) {
  const about = (ink, weight) => (text) => ({ name: 'Server', ink, weight, text, href: link('pool') });
  return [...(server?.faults ?? []).map(about('red', 7)), ...(server?.warnings ?? []).map(about('amber', 6))];
}

const LONG = 60; // seconds that a job waits before it is a worry
const RECENT = 3600; // seconds for which a worker that died is one

function worriesOf(row, recent, time) {
  const name = row.function;
  const waiting = queued(row);
  const failed = latest(rates(recent, 'failed', name), 30) ?? 0;
  const age = row.oldest_at ? time - row.oldest_at : 0;
  return [
    waiting > 0 && !row.workers && { name, ink: 'red', weight: 5, text: `${count(waiting)} queued, and no worker` },
    failed > 0 && { name, ink: 'red', weight: 4, text: `fails ${rate(failed)} times a second` },
    row.lost_at && time - row.lost_at < RECENT && { name, ink: 'red', weight: 4, text: endedWorkers(row, time) },
    row.dead > 0 && { name, ink: 'red', weight: 3, text: `${count(row.dead)} dead`, href: link('dead', '', { function: name }) },
    row.paused && { name, ink: 'amber', weight: 2, text: 'is paused' },
    row.draining && { name, ink: 'amber', weight: 2, text: 'takes no new jobs' },
    age > LONG && row.workers > 0 && !row.paused && { name, ink: 'amber', weight: 1, text: `a job waits for ${duration(age)}` },
  ].filter(Boolean);
}

function endedWorkers(row, time) {
  const { lost, timed_out } = row.totals;
  return `workers die or hang in jobs: ${count(lost)} lost, ${count(timed_out)} over the time limit, the last ${duration(time - row.lost_at)} ago`;
}

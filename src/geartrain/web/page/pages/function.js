// One function.

import { segment } from '../api.js';
import { useNow } from '../clock.js';
import { count, duration, rate } from '../format.js';
import { menuOf, pause, resume } from '../function_actions.js';
import { History } from '../history.js';
import { html } from '../html.js';
import { Latency } from '../latency.js';
import { latest, queued, rates, useLive } from '../live.js';
import { Menu } from '../menu.js';
import { Action, Facts, Figure, Head, Section, Trouble } from '../parts.js';
import { PolicyEditor } from '../policy.js';
import { link } from '../route.js';
import { may } from '../session.js';
import { Spark } from '../spark.js';
import { useLoad } from '../load.js';
import { States } from './functions.js';

export function FunctionPage({ name }) {
  const { functions, recent } = useLive();
  const row = functions?.find((known) => known.function === name);
  const one = useLoad(`functions/${segment(name)}`, {}, 0);
  const shown = row ?? one.data;
  if (one.problem && !row) return html`<${Head} title=${name} /><${Trouble} problem=${one.problem} reload=${one.reload} />`;
  if (!shown) return html`<${Head} title=${name} /><p class="empty" aria-busy="true">Loading…</p>`;
  return html`
    <${Head} title=${name} sub=${html`<a href="#/functions">Functions</a> <${States} row=${shown} />`}>
      <${Actions} row=${shown} />
    <//>
    <${Figures} row=${shown} recent=${recent} />
    <${History} name=${name} />
    <div class="columns even">
      <${Section} title="Times">
        <${Latency} title="Waited in the queue" given=${shown.wait} ink="amber" />
        <${Latency} title="Ran" given=${shown.run} ink="blue" />
      <//>
      <${Section} title="Since the server started"><${Totals} totals=${shown.totals} name=${name} /><//>
    </div>
    <${PolicyEditor} row=${shown} set=${one.data?.set} reload=${one.reload} />`;
}

function Actions({ row }) {
  const name = row.function;
  return html`
    <a class="button" href=${link('jobs', '', { function: name })}>Its jobs</a>
    ${may('admin', name) && html`
      <${Action} act=${() => (row.paused ? resume(name) : pause(name))}>${row.paused ? 'Resume' : 'Pause'}<//>`}
    <${Menu} label=${`More for ${name}`} items=${menuOf(row)} />`;
}

function Figures({ row, recent }) {
  const time = useNow();
  const name = row.function;
  const done = rates(recent, 'completed', name);
  const failed = rates(recent, 'failed', name);
  return html`
    <div class="figures">
      <${Figure} label="Queued" value=${count(queued(row))} href=${link('jobs', '', { function: name, state: 'queued' })}><span class="figure-note">${byPriority(row.queued)}</span><//>
      <${Figure} label="Running" value=${count(row.running)} href=${link('jobs', '', { function: name, state: 'running' })}><span class="figure-note">${row.delayed > 0 && `${count(row.delayed)} delayed`}</span><//>
      <${Figure} label="Workers" value=${count(row.workers)} ink=${!row.workers && queued(row) > 0 && 'red'}><span class="figure-note">${row.busy !== undefined && `${count(row.busy)} busy, ${count(row.idle)} idle`}</span><//>
      <${Figure} label="Oldest waits" value=${row.oldest_at ? duration(Math.max(0, time - row.oldest_at)) : 'none'} />
      <${Figure} label="Completed" value=${rate(latest(done))} unit="/s"><${Spark} values=${done} ink="green" /><//>
      <${Figure} label="Failed" value=${rate(latest(failed))} unit="/s" ink=${latest(failed) > 0 && 'red'}><${Spark} values=${failed} ink="red" /><//>
      <${Figure} label="Dead letters" value=${count(row.dead ?? 0)} ink=${row.dead > 0 && 'red'} href=${link('dead', '', { function: name })} />
    </div>`;
}

function byPriority({ high, normal, low }) {
  return high || low ? `${count(high)} high, ${count(normal)} normal, ${count(low)} low` : '';
}

function Totals({ totals, name }) {
  if (!totals) return html`<p class="empty">This server does not count ${name}.</p>`;
  return html`<${Facts} facts=${Object.entries(totals).map(([what, value]) => [what.replace('_', ' '), count(value)])} />`;
}

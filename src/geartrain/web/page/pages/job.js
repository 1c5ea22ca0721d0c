// One job, from its submit to its end, and what came of it.

import { segment } from '../api.js';
import { useNow } from '../clock.js';
import { bytes, count, duration, moment, plural, relative } from '../format.js';
import { html } from '../html.js';
import { attemptOf, cancel, isAlive, resubmit, retry, whyNotAgain } from '../job_actions.js';
import { useEvents } from '../job_events.js';
import { EventRow, StreamedData } from '../job_events.js';
import { useLoad } from '../load.js';
import { Action, Badge, Copy, Facts, FunctionLink, Head, Loaded, Progress, Section } from '../parts.js';
import { may } from '../session.js';
import { TimeLine } from '../time_line.js';
import { Content } from '../viewer.js';

const FRESH = 2000; // milliseconds

export function Job({ name: handle }) {
  const loaded = useLoad(`jobs/${segment(handle)}`, {}, FRESH);
  const events = useEvents(handle, loaded.reload);
  const title = html`<span class="handle">${handle}</span>`;
  if (loaded.problem?.status === 404) return html`<${Head} title=${title} /><${Unknown} events=${events} handle=${handle} />`;
  return html`
    <${Head} title=${title} sub=${loaded.data && html`<${Subtitle} job=${loaded.data} />`}>
      ${loaded.data && html`<${Actions} job=${loaded.data} reload=${loaded.reload} />`}
    <//>
    <${Loaded} from=${loaded}>${(job) => html`<${Whole} job=${progressed(job, events)} events=${events} />`}<//>`;
}

/** A job that is over and was not kept: only what was seen of it here is known. */
function Unknown({ events, handle }) {
  return html`
    <div class="notice"><p>No job ${handle} is known. A job that is over is forgotten, unless its function's policy keeps its result
      (<code>keep_result</code>) or it is a dead letter.</p></div>
    ${events.rows.length > 0 && html`<${Section} title="What was seen of it"><${EventList} events=${events} /><//><${StreamedData} events=${events} />`}`;
}

/** The job as the latest event has it, which is fresher than the row. */
function progressed(job, { status }) {
  return status && job.state === 'running' ? { ...job, ...status } : job;
}

function Subtitle({ job }) {
  return html`
    <${Badge} word=${job.state} /> of <${FunctionLink} name=${job.function} />
    ${job.priority && job.priority !== 'normal' && html` at ${job.priority} priority`}
    <${Copy} text=${job.handle} what="Handle" />`;
}

function Actions({ job, reload }) {
  const isOurs = may('submit', job.function);
  return html`
    ${job.state === 'dead' && may('admin', job.function) && html`<${Action} class="primary" act=${async () => (await retry(job)) && reload()}>Retry<//>`}
    ${isOurs && !whyNotAgain(job) && html`<${Action} title="Submit another job like this one" act=${() => resubmit(job)}>Resubmit<//>`}
    ${isOurs && isAlive(job) && html`<${Action} class="danger" act=${async () => (await cancel(job)) && reload()}>Cancel<//>`}`;
}

function Whole({ job, events }) {
  const time = useNow();
  return html`
    ${job.state === 'running' && job.denominator > 0 && html`
      <div class="panel job-progress"><${Progress} job=${job} label="Progress of the job" /></div>`}
    <div class="columns even">
      <${Section} title="Time line"><${TimeLine} job=${job} events=${events.rows} time=${time} /><//>
      <${Section} title="Details"><${Details} job=${job} time=${time} /><//>
    </div>
    <${StreamedData} events=${events} />
    <div class="columns even">
      <${Section} title="Workload"><${Content} handle=${job.handle} what="workload" /><//>
      ${hasResult(job) && html`<${Section} title="Result"><${Content} handle=${job.handle} what="result" version=${job.state} /><//>`}
      ${!hasResult(job) && job.clients?.length > 0 && html`<${Section} title="Waiting clients"><${Clients} job=${job} /><//>`}
    </div>
    ${events.rows.length > 0 && html`<${Section} title="Events" wide><${EventList} events=${events} /><//>`}`;
}

function hasResult(job) {
  return ['complete', 'failed', 'exception'].includes(job.state);
}

function Details({ job, time }) {
  const error = job.error && html`<pre class="error">${job.error}</pre>`;
  return html`<${Facts} facts=${[
    ['unique', job.unique && html`<span class="handle">${job.unique}</span>`],
    ['attempts', count(attemptOf(job))],
    ['worker', [job.worker, job.worker_host && `from ${job.worker_host}`].filter(Boolean).join(' ')],
    ['kept alive by', isAlive(job) && [job.background && 'a background submit', job.waiting > 0 && plural(job.waiting, 'client')].filter(Boolean).join(' and ')],
    ['workload', job.workload_bytes !== undefined && bytes(job.workload_bytes)],
    ['result', job.result_bytes !== undefined && bytes(job.result_bytes)],
    ['kept until', job.expires_at && `${moment(job.expires_at)} (${relative(job.expires_at, time)})`],
    ['reducer', job.reducer],
    ['reason', job.reason],
    ['error', error],
    ...Object.entries(job.metadata ?? {}).map(([name, value]) => [`metadata ${name}`, html`<span class=${String(value).length > 32 && 'long'}>${String(value)}</span>`]),
  ]} />`;
}

function Clients({ job }) {
  return html`
    <ul class="plain-list">
      ${job.clients.map(({ id, host }) => html`<li>${id || 'a client'} <span class="soft">from ${host}</span></li>`)}
      ${job.waiting > job.clients.length && html`<li class="soft">and ${count(job.waiting - job.clients.length)} more</li>`}
    </ul>`;
}

function EventList({ events }) {
  return html`<ol class="event-list">${events.rows.map((row) => html`<${EventRow} key=${row.key} row=${row} />`)}</ol>`;
}

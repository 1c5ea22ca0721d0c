// The steps of a job's life, with the time between them.

import { duration, iso, moment } from './format.js';
import { html } from './html.js';
import { attemptOf } from './job_actions.js';

const LATER = { complete: 'green', failed: 'red', exception: 'red', cancelled: 'soft', dead: 'red' };
const OF_EVENTS = { lost: 'amber', timed_out: 'amber', retried: 'amber', joined: 'violet' };

/** The steps that are known: {what, at, ink, note}, in order. */
export function stepsOf(job, events, time) {
  const steps = [{ what: 'submitted', at: job.submitted_at, ink: 'soft' }];
  if (job.run_at && job.state === 'delayed') steps.push({ what: 'due', at: job.run_at, ink: 'violet', note: 'waits for its time' });
  for (const event of events) {
    if (OF_EVENTS[event.kind]) steps.push({ what: event.kind.replace('_', ' '), at: event.at, ink: OF_EVENTS[event.kind], note: event.reason ?? event.text });
  }
  if (job.started_at) steps.push({ what: attemptOf(job) > 1 ? `started, attempt ${attemptOf(job)}` : 'started', at: job.started_at, ink: 'blue', note: job.worker });
  const end = job.finished_at ?? job.died_at;
  if (end) steps.push({ what: job.state, at: end, ink: LATER[job.state] ?? 'soft', note: job.reason });
  else steps.push({ what: job.state === 'running' ? 'running' : 'waiting', at: time, ink: job.state === 'running' ? 'blue' : 'amber', isNow: true });
  return steps.filter((step) => step.at).sort((one, other) => one.at - other.at);
}

export function TimeLine({ job, events, time }) {
  const steps = stepsOf(job, events, time);
  return html`
    <ol class="time-line">
      ${steps.map((step, index) => html`
        <li class=${`ink-${step.ink}${step.isNow ? ' now' : ''}`}>
          <span class="dot" aria-hidden="true"></span>
          <b>${step.what}</b>
          <time datetime=${iso(step.at)}>${step.isNow ? 'now' : moment(step.at, true)}</time>
          ${index > 0 && html`<span class="soft">after ${duration(Math.max(0, step.at - steps[index - 1].at))}</span>`}
          ${step.note && html`<span class="note">${step.note}</span>`}
        </li>`)}
    </ol>`;
}

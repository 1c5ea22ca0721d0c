// What can be done to a job.

import { post, remove, segment } from './api.js';
import { confirm } from './dialog.js';
import { go, link } from './route.js';
import { attempt } from './toast.js';

const ALIVE = new Set(['queued', 'delayed', 'running']);

/** Whether the job is not over. */
export function isAlive(job) {
  return ALIVE.has(job.state);
}

/** Which execution a job is at; a row counts those that ended without a result until the job is over. */
export function attemptOf(job) {
  return job.state === 'running' ? job.attempts + 1 : job.attempts ?? 0;
}

export async function cancel(job) {
  const text = job.state === 'running'
    ? 'Its worker is told where it can hear it; its clients hear that the job failed.'
    : 'It will not run; its clients hear that it failed.';
  if (!(await confirm(`Cancel ${job.handle}?`, text, 'Cancel the job'))) return false;
  return (await attempt(() => remove(`jobs/${segment(job.handle)}`), `${job.handle} is cancelled.`)) !== undefined;
}

/** Run a dead letter again. */
export async function retry(job) {
  return (await attempt(() => post(`jobs/${segment(job.handle)}/retry`), `${job.handle} is queued again.`)) !== undefined;
}

const MOST_CARRIED = 65_536; // bytes that the API shows of a workload, and so can submit again

/** Why no other job like this one can be submitted; empty where it can. A job that is over has no workload any more. */
export function whyNotAgain(job) {
  if (!isAlive(job) && job.state !== 'dead') return 'Its workload is not kept';
  return job.workload_bytes > MOST_CARRIED ? 'Its workload is larger than this page can submit' : '';
}

/** Submit another job like this one, and go to it. */
export async function resubmit(job) {
  const answer = await attempt(
    () => post(`jobs/${segment(job.handle)}/resubmit`),
    ({ handle }) => `Submitted again, as ${handle}.`,
  );
  if (answer?.handle) go(link('jobs', answer.handle));
}

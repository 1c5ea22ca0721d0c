// What can be done to a function.

import { patch, post, remove, segment } from './api.js';
import { askFor, confirm } from './dialog.js';
import { plural, secondsOf } from './format.js';
import { go, link } from './route.js';
import { may } from './session.js';
import { attempt } from './toast.js';

function at(name, verb = '') {
  return `functions/${segment(name)}${verb && `/${verb}`}`;
}

export function pause(name) {
  return attempt(() => post(at(name, 'pause')), `${name} is paused: nothing of it is handed out.`);
}

export function resume(name) {
  return attempt(() => post(at(name, 'resume')), `${name} goes on.`);
}

export async function drain(name) {
  const text = `New jobs of ${name} will be refused; what is queued is worked off.`;
  if (!(await confirm(`Drain ${name}?`, text, 'Drain'))) return;
  await attempt(() => post(at(name, 'drain')), `${name} takes no new jobs.`);
}

export async function purge(name) {
  const fields = [{ name: 'age', label: 'Only jobs older than', hint: 'Such as 90s, 5m, 12h; nothing: all that wait.', pattern: '[0-9.smhd ]*' }];
  const given = await askFor(`Purge ${name}?`, fields, 'Purge', {
    text: 'Jobs that no worker has are cancelled, delayed ones too. This cannot be undone.',
    check: ({ age }) => (Number.isNaN(secondsOf(age)) ? `‘${age}’ is no duration: 90s, 5m or 12h are.` : ''),
    danger: true,
  });
  if (!given) return;
  await attempt(
    () => post(at(name, 'purge'), { older_than: secondsOf(given.age) ?? 0 }),
    (answer) => `${plural(answer?.cancelled ?? 0, 'job')} of ${name} cancelled.`,
  );
}

export async function drop(name) {
  const text = `${name} is forgotten, with its queued jobs: their clients hear that they failed. This cannot be undone.`;
  if (!(await confirm(`Drop ${name}?`, text, 'Drop'))) return;
  if ((await attempt(() => remove(at(name)), `${name} is dropped.`)) !== undefined) go(link('functions'));
}

const LIMITS = [
  ['max_running', 'Jobs that run at a time', '0: any number'],
  ['rate', 'Jobs that are handed out', 'Such as 10/s, 100/m or 1000/h; 0/s: any number'],
  ['high', 'Queue limit, high', '0: none'],
  ['normal', 'Queue limit, normal', '0: none'],
  ['low', 'Queue limit, low', '0: none'],
];

/** Ask for the limits of a function, and set those that were changed. */
export async function limit(row) {
  const policy = row.policy ?? {};
  const now = { max_running: policy.max_running ?? 0, rate: policy.rate ?? '0/s', ...row.max_queue };
  const fields = LIMITS.map(([name, label, hint]) => ({
    name, label, hint, value: String(now[name] ?? 0), type: name === 'rate' ? 'text' : 'number', min: 0, required: true,
  }));
  const given = await askFor(`Limits of ${row.function}`, fields, 'Set');
  if (!given) return undefined;
  const changed = LIMITS.map(([name]) => name).filter((name) => given[name] !== String(now[name] ?? 0));
  if (!changed.length) return undefined;
  return setPolicy(row.function, limitsOf(changed, given));
}

function limitsOf(names, given) {
  const policy = {};
  for (const name of names) {
    if (name === 'rate') policy.rate = given.rate.trim();
    else if (name === 'max_running') policy.max_running = Number(given[name]);
    else policy.max_queue = { ...policy.max_queue, [name]: Number(given[name]) };
  }
  return policy;
}

export function setPolicy(name, policy) {
  return attempt(() => patch(at(name), { policy }), `The policy of ${name} is set.`);
}

/** The actions of a function's menu. */
export function menuOf(row) {
  const name = row.function;
  const isAdmin = may('admin', name);
  return [
    may('submit', name) && { label: 'New job…', act: () => go(link('submit', '', { function: name })) },
    isAdmin && { label: 'Limits…', act: () => limit(row) },
    isAdmin && !row.draining && { label: 'Drain…', act: () => drain(name) },
    isAdmin && (row.draining || row.paused) && { label: 'Resume', act: () => resume(name) },
    isAdmin && { label: 'Purge…', act: () => purge(name), danger: true },
    isAdmin && { label: 'Drop…', act: () => drop(name), danger: true },
  ];
}

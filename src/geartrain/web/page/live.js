// What the server is doing now: one snapshot a second, and the last two minutes of it.

import { connection, get } from './api.js';
import { cell, useCell } from './cell.js';
import { now } from './clock.js';
import { listen } from './stream.js';

const POLL = 2000; // milliseconds, where the server has no stream of snapshots
const KEPT = 120; // snapshots

export const live = cell({ at: 0, functions: null, server: null, recent: [] });

let leave = null; // while the stream is open
let isPolling = false;

/** Keep `live` fresh from now on, while the page is seen: a browser has few connections for all of its tabs. */
export function watchServer() {
  document.addEventListener('visibilitychange', look);
  look();
}

function look() {
  if (document.hidden) {
    leave?.();
    leave = null;
  } else if (!leave && !isPolling) {
    leave = listen('live', {}, { hear: (kind, snapshot) => take(snapshot), missing: poll });
  }
}

export function useLive() {
  return useCell(live);
}

async function poll() {
  isPolling = true;
  if (!document.hidden) {
    const [functions, server] = await Promise.all([quietly('functions'), quietly('server')]);
    if (functions) take({ functions: functions.functions, server });
  }
  setTimeout(poll, POLL);
}

async function quietly(path) {
  try {
    return await get(path);
  } catch (problem) {
    if (problem.status === 0) connection.set({ lost: true, why: problem.message });
    return null;
  }
}

function take(snapshot) {
  if (!snapshot.functions) return;
  const at = snapshot.at ?? now();
  const before = live.get();
  const recent = [...before.recent, { at, functions: byName(snapshot.functions) }].slice(-KEPT);
  live.set({ at, functions: snapshot.functions, server: serverOf(snapshot.server) ?? before.server, recent });
}

function byName(functions) {
  return new Map(functions.map((row) => [row.function, row]));
}

function serverOf(given) {
  return given?.server ?? given;
}

/** Rates a second of a counter (`completed`, `failed`…) between snapshots: of one function, or of all. */
export function rates(recent, counter, name) {
  return steps(recent, (functions) => sumOf(functions, name, (row) => row.totals?.[counter] ?? 0))
    .map(({ difference, seconds }) => Math.max(0, difference) / seconds);
}

/** A value of each snapshot: of one function, or added up. */
export function values(recent, read, name) {
  return recent.map(({ functions }) => sumOf(functions, name, read));
}

function sumOf(functions, name, read) {
  if (name !== undefined) return functions.has(name) ? read(functions.get(name)) : 0;
  let sum = 0;
  for (const row of functions.values()) sum += read(row);
  return sum;
}

function steps(recent, read) {
  const found = [];
  for (let index = 1; index < recent.length; index += 1) {
    const seconds = recent[index].at - recent[index - 1].at;
    const difference = read(recent[index].functions) - read(recent[index - 1].functions);
    if (seconds > 0) found.push({ difference, seconds });
  }
  return found;
}

/** The mean of the last few of a list of rates, so that figures can be read. */
export function latest(list, width = 5) {
  const last = list.slice(-width);
  return last.length ? last.reduce((sum, value) => sum + value, 0) / last.length : null;
}

/** How many jobs of a function wait for a worker; the API's queues have those that wait for their time, too. */
export function queued(row) {
  return row.queued.high + row.queued.normal + row.queued.low - row.delayed;
}

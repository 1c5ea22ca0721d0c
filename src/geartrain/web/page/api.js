// The server's HTTP API, asked with the session's token. Nothing else speaks to the server but the streams.

import { cell } from './cell.js';
import { learnTime } from './clock.js';

const BASE = new URL('api/v1/', document.baseURI);
const TIMEOUT = 20_000; // milliseconds for an answer that is no stream

export const connection = cell({ lost: false, why: '' });
export const token = cell(''); // against requests that other pages forge
export const loginWanted = cell(false); // the server says that it does not know us

/** A refusal, as the server explains it. */
export class Problem extends Error {
  constructor(status, document) {
    super(document.detail || document.title || `HTTP ${status}`);
    this.status = status;
    this.document = document;
  }

  /** The API has no such part, in this release or for this server. */
  get isMissing() {
    return this.status === 404 || this.status === 405 || this.status === 501;
  }
}

/** Where a path of the API is; `query` may have fields without a value, which are left out. */
export function place(path, query = {}) {
  const where = new URL(path, BASE);
  for (const [name, value] of Object.entries(query)) {
    if (value !== '' && value !== null && value !== undefined) where.searchParams.set(name, value);
  }
  return where;
}

/** A segment of a path: a handle, a function's name. */
export function segment(name) {
  return encodeURIComponent(name);
}

export function get(path, query, signal) {
  return ask('GET', place(path, query), undefined, signal);
}

export function post(path, body = {}) {
  return change('POST', path, body);
}

export function put(path, body) {
  return change('PUT', path, body);
}

export function patch(path, body) {
  return change('PATCH', path, body);
}

export function remove(path) {
  return change('DELETE', path);
}

/** Ask who we are: what the session may do, and the token for changes. */
export async function learnSession() {
  const session = await get('session');
  token.set(session.csrf ?? '');
  return session;
}

async function change(method, path, body) {
  try {
    return await ask(method, place(path), body);
  } catch (problem) {
    if (problem.status !== 403 || !(await isNewToken())) throw problem;
    return ask(method, place(path), body); // the server has started anew meanwhile
  }
}

async function isNewToken() {
  const before = token.get();
  await learnSession();
  return token.get() !== before;
}

async function ask(method, where, body, signal) {
  const answer = await send(where, {
    method,
    headers: headersOf(method, body),
    body: body === undefined ? undefined : JSON.stringify(body),
    signal: AbortSignal.any([AbortSignal.timeout(TIMEOUT), ...(signal ? [signal] : [])]),
  });
  return contentOf(answer);
}

export function headersOf(method, body, accept = 'application/json') {
  const headers = { Accept: accept };
  if (body !== undefined) headers['Content-Type'] = 'application/json';
  if (method !== 'GET') headers['X-CSRF-Token'] = token.get();
  return headers;
}

/** Fetch, noting whether the server can be reached. */
export async function send(where, options) {
  let answer;
  try {
    answer = await fetch(where, { credentials: 'same-origin', cache: 'no-store', ...options });
  } catch (error) {
    if (error.name === 'AbortError') throw error;
    connection.set({ lost: true, why: 'The server does not answer.' });
    throw new Problem(0, { detail: 'The server does not answer.' });
  }
  learnTime(answer.headers.get('Date'));
  if (connection.get().lost) connection.set({ lost: false, why: '' });
  if (!answer.ok) throw await problemOf(answer);
  return answer;
}

async function problemOf(answer) {
  if (answer.status === 401) loginWanted.set(true);
  let document = {};
  try {
    document = await answer.json();
  } catch {
    document = { title: answer.statusText };
  }
  return new Problem(answer.status, document);
}

async function contentOf(answer) {
  if (answer.status === 204) return null;
  const type = answer.headers.get('Content-Type') ?? '';
  return type.includes('json') ? answer.json() : answer.text();
}

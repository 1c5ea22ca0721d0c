// Who we are to the server, and what we may do.

import { learnSession, loginWanted, post, remove, token } from './api.js';
import { cell } from './cell.js';

export const session = cell({});

export async function openSession() {
  try {
    session.set(await learnSession());
  } catch (problem) {
    if (!problem.isMissing && problem.status !== 401) throw problem;
  }
}

export async function logIn(secret) {
  const answer = await post('session', { token: secret });
  if (answer?.csrf) token.set(answer.csrf);
  loginWanted.set(false);
  await openSession();
}

export async function logOut() {
  await remove('session');
  await openSession();
}

/** Whether the session may use a right (submit, work, view, admin), for a function or for any at all. */
export function may(right, functionName) {
  const { rights } = session.get();
  if (!rights) return true;
  if (Array.isArray(rights)) return rights.includes(right);
  const patterns = rights[right];
  if (typeof patterns === 'boolean') return patterns;
  if (!patterns) return false;
  return functionName === undefined ? patterns.length > 0 : patterns.some((pattern) => matches(pattern, functionName));
}

/** A pattern of functions as in the configuration: `*` any letters, `?` one, `[ab]` one of several. */
export function matches(pattern, name) {
  const source = pattern.replace(/[.+^${}()|\\]/g, '\\$&').replace(/\*/g, '.*').replace(/\?/g, '.').replace(/\[!/g, '[^');
  return new RegExp(`^${source}$`, 's').test(name);
}

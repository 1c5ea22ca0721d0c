// What happened, said in a corner and to screen readers.

import { cell, useCell } from './cell.js';
import { html } from './html.js';
import { icon } from './icon.js';

const STAY = 6000; // milliseconds
const STAY_WRONG = 20_000;

const toasts = cell([]);
let number = 0;

export function say(text, where = null) {
  show({ text, where, wrong: false }, STAY);
}

/** Show what went wrong: a Problem, with its detail. */
export function complain(problem, what = '') {
  const text = what ? `${what}: ${problem.message}` : problem.message;
  show({ text, where: null, wrong: true }, STAY_WRONG);
}

/** Do what changes something, and say what came of it; resolves to the answer, or to undefined when it failed. */
export async function attempt(change, done, what = '') {
  try {
    const answer = await change();
    say(typeof done === 'function' ? done(answer) : done);
    return answer ?? null;
  } catch (problem) {
    complain(problem, what);
    return undefined;
  }
}

function show(toast, stay) {
  const shown = { ...toast, number: (number += 1) };
  toasts.set([...toasts.get().slice(-3), shown]);
  setTimeout(() => dismiss(shown.number), stay);
}

function dismiss(which) {
  toasts.set(toasts.get().filter((toast) => toast.number !== which));
}

export function dismissAll() {
  toasts.set([]);
}

export function Toasts() {
  const shown = useCell(toasts);
  return html`
    <div class="toasts">
      <div role="status" aria-live="polite">${shown.filter((toast) => !toast.wrong).map(drawn)}</div>
      <div role="alert">${shown.filter((toast) => toast.wrong).map(drawn)}</div>
    </div>`;
}

function drawn(toast) {
  return html`
    <div key=${toast.number} class=${toast.wrong ? 'toast wrong' : 'toast'}>
      ${icon(toast.wrong ? 'alert' : 'check')}
      <p>${toast.text} ${toast.where && html`<a href=${toast.where.href}>${toast.where.text}</a>`}</p>
      <button class="plain icon-only" aria-label="Dismiss" onClick=${() => dismiss(toast.number)}>${icon('close')}</button>
    </div>`;
}

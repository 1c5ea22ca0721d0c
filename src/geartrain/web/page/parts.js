// Small things that many pages show.

import { classes, html, useState } from './html.js';
import { icon } from './icon.js';
import { count, oneLine } from './format.js';
import { link } from './route.js';
import { say } from './toast.js';

/** A page's headline: what it is about, a line below, and what can be done. */
export function Head({ title, sub, children }) {
  return html`
    <header class="page-head">
      <div><h1 tabindex="-1">${title}</h1>${sub && html`<p class="sub">${sub}</p>`}</div>
      ${children && html`<div class="page-actions">${children}</div>`}
    </header>`;
}

const INKS = {
  queued: 'soft', delayed: 'violet', running: 'blue', complete: 'green', completed: 'green', failed: 'red', exception: 'red',
  cancelled: 'soft', abandoned: 'soft', timeout: 'amber', fail: 'red', dead: 'red', paused: 'amber', draining: 'amber', lost: 'amber', timed_out: 'amber', retried: 'amber',
  warning: 'amber', joined: 'violet', started: 'blue', status: 'blue', data: 'blue', busy: 'blue', idle: 'green', full: 'amber',
};

/** A word with a colour that has a meaning. */
export function Badge({ word, title }) {
  const ink = Object.hasOwn(INKS, word) ? INKS[word] : 'soft';
  return html`<span class=${`badge ink-${ink}`} title=${title}>${word.replace('_', ' ')}</span>`;
}

export function FunctionLink({ name }) {
  return html`<a class="name" href=${link('functions', name)} title=${name.length > 24 ? name : undefined}>${oneLine(name)}</a>`;
}

export function JobLink({ handle }) {
  return html`<a class="handle" href=${link('jobs', handle)}>${oneLine(handle)}</a>`;
}

/** A figure with its name; `children` may be a line of its last minutes. */
export function Figure({ label, value, unit = '', ink = '', href, children }) {
  const body = html`
    <span class="figure-label">${label}</span>
    <span class=${classes('figure-value', ink && `ink-${ink}`, String(value).length > 7 && 'long')}>${value}${unit && html`<small> ${unit}</small>`}</span>
    ${children}`;
  return href ? html`<a class="figure" href=${href}>${body}</a>` : html`<div class="figure">${body}</div>`;
}

/** How far a job is; nothing where it has not said. */
export function Progress({ job, label = 'Progress', brief = false }) {
  if (!job.denominator) return null;
  const part = Math.min(1, job.numerator / job.denominator);
  const text = `${count(job.numerator)} / ${count(job.denominator)}`;
  return html`
    <span class=${brief ? 'progress brief' : 'progress'} title=${text}>
      <progress aria-label=${label} max="1" value=${part}></progress>
      ${!brief && html`<span class="progress-text">${text}</span>`}
    </span>`;
}

/** What stands where something could not be shown. */
export function Trouble({ problem, reload }) {
  if (problem.isMissing) return html`
    <div class="notice">${icon('alert')}<p>This server does not offer that: ${problem.message}</p></div>`;
  return html`
    <div class="notice wrong" role="alert">${icon('alert')}<p>${problem.message}</p>
      ${reload && html`<button onClick=${reload}>Try again</button>`}</div>`;
}

/** Draw what was loaded, or say why not. */
export function Loaded({ from, children }) {
  if (from.problem) return html`<${Trouble} problem=${from.problem} reload=${from.reload} />`;
  if (from.data === null) return html`<p class="empty" aria-busy="true">Loading…</p>`;
  return children(from.data);
}

export function Copy({ text, what }) {
  async function copy() {
    await navigator.clipboard?.writeText(text);
    say(`${what} copied.`);
  }
  if (!navigator.clipboard) return null; // without TLS browsers have none
  return html`<button class="plain icon-only" aria-label=${`Copy ${what.toLowerCase()}`} onClick=${copy}>${icon('copy')}</button>`;
}

/** Buttons of which one is pressed; `options` are [value, label]. */
export function Choice({ label, options, value, choose }) {
  return html`
    <div class="choice" role="group" aria-label=${label}>
      ${options.map(([given, shown]) => html`
        <button type="button" aria-pressed=${given === value} onClick=${() => choose(given)}>${shown}</button>`)}
    </div>`;
}

/** A part of a page with a headline. */
export function Section({ title, actions, children, wide }) {
  return html`
    <section class=${wide ? 'panel wide' : 'panel'}>
      <header class="panel-head"><h2>${title}</h2>${actions && html`<div class="panel-actions">${actions}</div>`}</header>
      ${children}
    </section>`;
}

/** Facts as name and value; those without a value are left out. */
export function Facts({ facts }) {
  const known = facts.filter(([, value]) => value !== null && value !== undefined && value !== false && value !== '');
  return html`<dl class="facts">${known.map(([label, value]) => html`<div><dt>${label}</dt><dd>${value}</dd></div>`)}</dl>`;
}

/** A button that does one thing at a time. */
export function Action({ act, children, ...more }) {
  const [isBusy, setBusy] = useState(false);
  async function click() {
    setBusy(true);
    await act();
    setBusy(false);
  }
  return html`<button type="button" disabled=${isBusy} onClick=${click} ...${more}>${children}</button>`;
}

// The policy of a function: every field, what holds, and what was set at run time.

import { Field } from './dialog.js';
import { setPolicy } from './function_actions.js';
import { html, useState } from './html.js';
import { Section } from './parts.js';
import { may } from './session.js';

const SECONDS = 'seconds';
const COUNT = 'count';
const FLAG = 'flag';

/** Dotted name, what it is, its default, what it means. */
const FIELDS = [
  ['Again', [
    ['retry.attempts', COUNT, 0, 'Most executions of a job; 0: no limit'],
    ['retry.on', 'reasons', ['lost', 'timeout'], 'After which ends a job runs again'],
    ['retry.backoff', ['fixed', 'exponential'], 'fixed', 'Exponential: each delay is twice as long'],
    ['retry.delay', SECONDS, 0, 'Seconds before the second execution'],
    ['retry.max_delay', SECONDS, 3600, 'No delay is longer'],
    ['retry.jitter', 'part', 0.1, 'Part of a delay that chance may leave out'],
    ['retry.foreground', FLAG, false, 'Also jobs that only clients wait for'],
  ]],
  ['Time', [
    ['timeout', SECONDS, 0, 'Seconds that an execution may take; 0: any'],
    ['on_timeout', [['', 'as retry.on says'], 'requeue', 'fail'], '', 'What becomes of the job then'],
    ['ttl', SECONDS, 0, 'Seconds that a job may wait; 0: any'],
  ]],
  ['How much', [
    ['max_running', COUNT, 0, 'Jobs that run at a time; 0: any number'],
    ['rate', 'rate', '0/s', 'Handed out: 10/s, 100/m, 1000/h; 0/s: any'],
    ['max_queue.high', COUNT, 0, 'Jobs at which submits are refused; 0: none'],
    ['max_queue.normal', COUNT, 0, ''],
    ['max_queue.low', COUNT, 0, ''],
    ['paused', FLAG, false, 'Nothing is handed out'],
    ['draining', FLAG, false, 'New jobs are refused'],
  ]],
  ['Kept', [
    ['keep_result', SECONDS, 0, 'Seconds that results are kept; 0: not at all'],
    ['dead_letter', FLAG, null, 'Keep jobs that failed for good; without it: where attempts are limited'],
  ]],
];
const REASONS = ['lost', 'timeout', 'fail', 'exception'];

/** The value of a dotted name in a policy as the API gives it. */
function valueIn(policy, name) {
  const [table, inner] = name.split('.');
  return inner ? policy?.[table]?.[inner] : policy?.[table];
}

function put(policy, name, value) {
  const [table, inner] = name.split('.');
  if (inner) policy[table] = { ...policy[table], [inner]: value };
  else policy[table] = value;
}

export function PolicyEditor({ row, set, reload }) {
  const [isOpen, setOpen] = useState(false);
  const name = row.function;
  const edit = may('admin', name) && html`<button onClick=${() => setOpen(!isOpen)} aria-expanded=${isOpen}>${isOpen ? 'Leave' : 'Edit'}</button>`;
  async function save(policy) {
    if ((await setPolicy(name, policy)) === undefined) return;
    setOpen(false);
    reload();
  }
  return html`
    <${Section} title="Policy" actions=${edit} wide>
      ${isOpen ? html`<${Form} row=${row} set=${set} save=${save} />` : html`<${Summary} row=${row} set=${set} />`}
    <//>`;
}

function Summary({ row, set }) {
  const differing = FIELDS.flatMap(([, fields]) => fields).filter(([name]) => valueIn(row.policy, name) !== undefined);
  if (!differing.length) return html`<p class="empty">Everything is as in gearmand: no retries, no limits, nothing kept.</p>`;
  return html`
    <dl class="facts policy">${differing.map(([name, , , meaning]) => html`
      <div><dt title=${meaning}>${name}</dt>
        <dd>${written(valueIn(row.policy, name))} ${valueIn(set, name) !== undefined && html`<span class="badge ink-violet">set at run time</span>`}</dd></div>`)}
    </dl>`;
}

function written(value) {
  if (typeof value === 'boolean') return value ? 'yes' : 'no';
  return Array.isArray(value) ? value.join(', ') || 'never' : String(value);
}

function Form({ row, set, save }) {
  const [wrong, setWrong] = useState('');
  function submit(event) {
    event.preventDefault();
    const changed = changesIn(event.target, row.policy);
    if (!Object.keys(changed).length) setWrong('Nothing was changed.');
    else save(changed);
  }
  return html`
    <form class="policy-form" onSubmit=${submit}>
      ${FIELDS.map(([title, fields]) => html`
        <fieldset><legend>${title}</legend>
          <div class="fields">${fields.map((field) => html`<${PolicyField} key=${field[0]} field=${field} row=${row} set=${set} save=${save} />`)}</div>
        </fieldset>`)}
      ${wrong && html`<p class="wrong-text" role="alert">${wrong}</p>`}
      <div class="form-buttons"><button class="primary">Set the policy</button></div>
    </form>`;
}

function PolicyField({ field, row, set, save }) {
  const [name, kind, usual, meaning] = field;
  const value = valueIn(row.policy, name) ?? usual;
  const back = valueIn(set, name) !== undefined && html`
    <button type="button" class="plain small" onClick=${() => takeBack(name, save)}>as the file says</button>`;
  return html`<div class="policy-field">${inputOf(name, kind, value, meaning)}${back}</div>`;
}

function takeBack(name, save) {
  const policy = {};
  put(policy, name, null);
  save(policy);
}

function inputOf(name, kind, value, meaning) {
  if (kind === 'reasons') return html`
    <fieldset class="reasons"><legend>${name}</legend>
      ${REASONS.map((reason) => html`<label class="check"><input type="checkbox" name=${`${name}:${reason}`} defaultChecked=${value.includes(reason)} /> ${reason}</label>`)}
    </fieldset>`;
  if (kind === FLAG) return html`
    <${Field} name=${name} label=${name} hint=${meaning} value=${value === null ? '' : String(value)}
              options=${[...(value === null ? [['', 'where attempts are limited']] : []), ['true', 'yes'], ['false', 'no']]} />`;
  if (Array.isArray(kind)) return html`<${Field} name=${name} label=${name} hint=${meaning} value=${value} options=${kind} />`;
  if (kind === 'rate') return html`<${Field} name=${name} label=${name} hint=${meaning} value=${value} required pattern="[0-9.]+/[smh]" />`;
  return html`<${Field} name=${name} label=${name} hint=${meaning} value=${value} type="number" min="0" required
                        max=${kind === 'part' ? 1 : undefined} step=${kind === COUNT ? 1 : 'any'} />`;
}

/** The fields of the form that differ from the policy, as the API takes them. */
function changesIn(form, policy) {
  const changed = {};
  for (const [, fields] of FIELDS) {
    for (const [name, kind, usual] of fields) {
      const given = read(form, name, kind);
      const held = valueIn(policy, name) ?? usual;
      if (JSON.stringify(given) !== JSON.stringify(held)) put(changed, name, given === '' ? null : given);
    }
  }
  return changed;
}

function read(form, name, kind) {
  if (kind === 'reasons') return REASONS.filter((reason) => form.elements[`${name}:${reason}`].checked);
  const { value } = form.elements[name];
  if (kind === FLAG) return value === '' ? null : value === 'true';
  return kind === COUNT || kind === SECONDS || kind === 'part' ? Number(value) : value;
}

// Questions that are asked over the page: is that meant, and with what.

import { cell, useCell } from './cell.js';
import { html, useEffect, useId, useRef, useState } from './html.js';
import { icon } from './icon.js';

const current = cell(null); // the question that is open

addEventListener('hashchange', () => current.get()?.close(null)); // it was about the page that is left

/** Open a dialog; `body(close)` draws it. Resolves to what `close` is given, null when it is left. */
export function open(title, body, wide = false) {
  return new Promise((resolve) => {
    current.get()?.close(null);
    const close = (answer) => {
      current.set(null);
      resolve(answer);
    };
    current.set({ title, body, wide, close });
  });
}

/** Ask before something is destroyed; resolves to whether to do it. `what` is the button's verb. */
export async function confirm(title, text, what) {
  const answer = await open(title, (close) => html`
    <p>${text}</p>
    <${Buttons} close=${close}>
      <button type="button" class="danger" onClick=${() => close(true)}>${what}</button>
    <//>`);
  return answer === true;
}

/**
 * Ask for some values; resolves to them by name, or null. A field is {name, label, hint, value, type, options, required};
 * `check(values)` may give a sentence that says what is wrong with them. `text` stands above the fields.
 */
export function askFor(title, fields, what, { text = '', check = () => '', danger = false } = {}) {
  return open(title, (close) => html`
    <${Form} fields=${fields} what=${what} text=${text} check=${check} danger=${danger} close=${close} />`);
}

function Form({ fields, what, text, check, danger, close }) {
  const [wrong, setWrong] = useState('');
  function submit(event) {
    event.preventDefault();
    const values = valuesOf(event.target, fields);
    const found = check(values);
    setWrong(found);
    if (!found) close(values);
  }
  return html`
    <form onSubmit=${submit}>
      ${text && html`<p>${text}</p>`}
      <div class="fields">${fields.map((field) => html`<${Field} key=${field.name} ...${field} />`)}</div>
      ${wrong && html`<p class="wrong-text" role="alert">${wrong}</p>`}
      <${Buttons} close=${close}><button class=${danger ? 'danger' : 'primary'}>${what}</button><//>
    </form>`;
}

function valuesOf(form, fields) {
  return Object.fromEntries(fields.map(({ name, type }) => {
    const input = form.elements[name];
    return [name, type === 'checkbox' ? input.checked : input.value];
  }));
}

function Buttons({ close, children }) {
  return html`
    <div class="dialog-buttons">
      <button type="button" onClick=${() => close(null)}>Cancel</button>
      ${children}
    </div>`;
}

/** A labelled input, select, checkbox or text area. */
export function Field({ name, label, hint, value = '', type = 'text', options, ...more }) {
  const id = useId();
  const hintId = hint ? `${id}-hint` : undefined;
  if (type === 'checkbox') return html`
    <label class="check"><input type="checkbox" name=${name} defaultChecked=${value} ...${more} /> ${label}</label>`;
  return html`
    <div class=${type === 'textarea' ? 'field wide' : 'field'}>
      <label for=${id}>${label}</label>
      ${inputOf({ id, name, value, type, options, 'aria-describedby': hintId, ...more })}
      ${hint && html`<small id=${hintId}>${hint}</small>`}
    </div>`;
}

function inputOf({ type, options, value, ...more }) {
  if (options) return html`
    <select ...${more}>${options.map((option) => {
      const [given, shown] = Array.isArray(option) ? option : [option, option];
      return html`<option value=${given} selected=${given === value}>${shown}</option>`;
    })}</select>`;
  if (type === 'textarea') return html`<textarea rows="5" spellcheck=${false} defaultValue=${value} ...${more}></textarea>`;
  return html`<input type=${type} autocomplete="off" spellcheck=${false} autocapitalize="off" defaultValue=${value} ...${more} />`;
}

/** The dialog that is open, if any. */
export function Dialogs() {
  const question = useCell(current);
  return question && html`<${Dialog} key=${question.title} ...${question} />`;
}

function Dialog({ title, body, wide, close }) {
  const element = useRef(null);
  const titleId = useId();
  useEffect(() => {
    const before = document.activeElement;
    element.current.showModal();
    element.current.querySelector('input:not([type=checkbox]), textarea, select, .dialog-buttons button')?.focus();
    return () => before?.isConnected && before.focus();
  }, []);
  return html`
    <dialog ref=${element} class=${wide ? 'wide' : ''} aria-labelledby=${titleId} onCancel=${() => close(null)}
            onClick=${(event) => event.target === element.current && close(null)}>
      <div class="dialog-box">
        <header>
          <h2 id=${titleId}>${title}</h2>
          <button class="plain icon-only" aria-label="Close" onClick=${() => close(null)}>${icon('close')}</button>
        </header>
        ${body(close)}
      </div>
    </dialog>`;
}

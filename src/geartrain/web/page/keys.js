// The keyboard: `/` to search, `g` and a letter to go somewhere, arrows in lists, `?` for help.

import { open } from './dialog.js';
import { html } from './html.js';
import { go, link } from './route.js';
import { may } from './session.js';
import { dismissAll } from './toast.js';

const PATIENCE = 1500; // milliseconds for the letter after `g`

export const PLACES = [
  { key: 'o', page: 'overview', label: 'Overview' },
  { key: 'f', page: 'functions', label: 'Functions' },
  { key: 'j', page: 'jobs', label: 'Jobs' },
  { key: 'w', page: 'workers', label: 'Workers' },
  { key: 's', page: 'schedules', label: 'Schedules' },
  { key: 'd', page: 'dead', label: 'Dead letters' },
  { key: 'p', page: 'pool', label: 'Pool' },
  { key: 'e', page: 'events', label: 'Events' },
  { key: 'n', page: 'submit', label: 'New job', right: 'submit' },
];

const OTHERS = [
  ['/', 'Search: a function, a handle, a page'],
  ['↓ ↑ or j k', 'The next and the previous row of a list'],
  ['Enter', 'Open the row'],
  ['x', 'Pick the row, where rows can be picked'],
  ['Esc', 'Close what is open'],
  ['?', 'This help'],
];

let waitingSince = 0; // when `g` was pressed, if that was the last key

export function watchKeys() {
  document.addEventListener('keydown', press);
}

function press(event) {
  if (event.ctrlKey || event.metaKey || event.altKey || event.defaultPrevented) return;
  if (document.querySelector('dialog[open]')) return;
  if (isTyping(event.target)) {
    if (event.key === 'Escape') event.target.blur();
    return;
  }
  if (!act(event)) return;
  event.preventDefault();
}

function isTyping(element) {
  return element.matches('input:not([type=checkbox]):not([type=radio]), textarea, select, [contenteditable]');
}

function act(event) {
  const afterG = Date.now() - waitingSince < PATIENCE;
  waitingSince = event.key === 'g' && !afterG ? Date.now() : 0;
  if (waitingSince) return true;
  if (afterG) return goTo(event.key);
  if (event.key === '/') return focus('#search');
  if (event.key === '?') return help();
  if (event.key === 'Escape') return dismissAll() ?? true;
  if (event.key === 'j' || event.key === 'ArrowDown') return step(1);
  if (event.key === 'k' || event.key === 'ArrowUp') return step(-1);
  if (event.key === 'Enter') return openRow(event.target);
  return event.key === 'x' && pickRow(event.target);
}

function goTo(key) {
  const place = PLACES.find((known) => known.key === key);
  if (!place || (place.right && !may(place.right))) return false;
  go(link(place.page));
  return true;
}

function focus(selector) {
  document.querySelector(selector)?.focus();
  return true;
}

function step(by) {
  const rows = [...document.querySelectorAll('main [data-row]')];
  if (!rows.length) return false;
  const here = rows.indexOf(document.activeElement.closest('[data-row]'));
  if (here < 0 && document.activeElement.closest('main button, main a')) return false;
  const next = here < 0 ? (by > 0 ? 0 : rows.length - 1) : Math.min(rows.length - 1, Math.max(0, here + by));
  rows[next].focus();
  rows[next].scrollIntoView({ block: 'nearest' });
  return true;
}

function openRow(element) {
  if (!element.matches('[data-row]')) return false;
  element.querySelector('a')?.click();
  return true;
}

function pickRow(element) {
  element.closest('[data-row]')?.querySelector('input[type=checkbox]')?.click();
  return true;
}

export function help() {
  open('Keyboard', () => html`
    <div class="help">
      <dl>${OTHERS.map(([key, what]) => html`<div><dt><kbd>${key}</kbd></dt><dd>${what}</dd></div>`)}</dl>
      <dl>${PLACES.map(({ key, label }) => html`<div><dt><kbd>g</kbd> <kbd>${key}</kbd></dt><dd>${label}</dd></div>`)}</dl>
    </div>`, true);
  return true;
}

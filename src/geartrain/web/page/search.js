// One field that finds functions, jobs and pages.

import { html, useEffect, useRef, useState } from './html.js';
import { icon } from './icon.js';
import { PLACES } from './keys.js';
import { live } from './live.js';
import { go, link } from './route.js';

const MOST = 8;
const HANDLE = /^[A-Z]:\S+:\d+$/;

/** What a text may mean: {label, hint, where}, the likeliest first. */
export function suggestions(text, functions) {
  const wanted = text.trim().toLowerCase();
  if (!wanted) return [];
  const found = [];
  if (HANDLE.test(text.trim())) found.push({ label: text.trim(), hint: 'job', where: link('jobs', text.trim()) });
  const names = functions.map((row) => row.function).filter((name) => name.toLowerCase().includes(wanted));
  names.sort((one, other) => one.toLowerCase().indexOf(wanted) - other.toLowerCase().indexOf(wanted) || one.localeCompare(other));
  for (const name of names.slice(0, MOST - 3)) found.push({ label: name, hint: 'function', where: link('functions', name) });
  for (const { label, page } of PLACES) {
    if (label.toLowerCase().startsWith(wanted)) found.push({ label, hint: 'page', where: link(page) });
  }
  found.push({ label: text.trim(), hint: 'jobs with this unique', where: link('jobs', '', { unique: text.trim() }) });
  if (text.includes(':')) found.push({ label: text.trim(), hint: 'handles that begin so', where: link('jobs', '', { handle: text.trim() }) });
  return found.slice(0, MOST);
}

export function Search() {
  const [text, setText] = useState('');
  const [chosen, setChosen] = useState(0);
  const input = useRef(null);
  const found = suggestions(text, live.get().functions ?? []);
  useEffect(() => setChosen(0), [text]);
  function open(suggestion) {
    setText('');
    input.current.blur();
    go(suggestion.where);
  }
  function press(event) {
    if (event.key === 'ArrowDown') setChosen(Math.min(found.length - 1, chosen + 1));
    else if (event.key === 'ArrowUp') setChosen(Math.max(0, chosen - 1));
    else if (event.key === 'Enter' && found.length) open(found[chosen]);
    else if (event.key === 'Escape') setText('');
    else return;
    if (event.key !== 'Escape') event.preventDefault();
  }
  return html`
    <div class="search" role="search">
      ${icon('search')}
      <input id="search" ref=${input} type="search" placeholder="Search" aria-label="Search functions, jobs and pages"
             role="combobox" aria-expanded=${found.length > 0} aria-controls="found" aria-autocomplete="list"
             aria-activedescendant=${found.length ? `found-${chosen}` : undefined} autocomplete="off" spellcheck=${false}
             value=${text} onInput=${(event) => setText(event.target.value)} onKeyDown=${press} onBlur=${() => setText('')} />
      <kbd aria-hidden="true">/</kbd>
      <ul id="found" role="listbox" aria-label="Found" hidden=${!found.length}>
        ${found.map((suggestion, index) => html`
          <li id=${`found-${index}`} role="option" aria-selected=${index === chosen}
              onPointerDown=${(event) => { event.preventDefault(); open(suggestion); }}>
            <span>${suggestion.label}</span><small>${suggestion.hint}</small>
          </li>`)}
      </ul>
    </div>`;
}

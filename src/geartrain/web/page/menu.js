// A button that opens a list of actions.

import { html, useEffect, useLayoutEffect, useRef, useState } from './html.js';
import { icon } from './icon.js';

const MARGIN = 8; // pixels to the edge of the window

/** `items` are {label, act, danger}, or false for those that are not offered. */
export function Menu({ label, items }) {
  const [isOpen, setOpen] = useState(false);
  const button = useRef(null);
  const offered = items.filter(Boolean);
  if (!offered.length) return null;
  function leave() {
    setOpen(false);
    button.current?.focus();
  }
  return html`
    <span class="menu">
      <button ref=${button} class="plain icon-only" aria-label=${label} aria-haspopup="menu" aria-expanded=${isOpen}
              onClick=${() => setOpen(!isOpen)}>${icon('more')}</button>
      ${isOpen && html`<${Items} items=${offered} button=${button} leave=${leave} />`}
    </span>`;
}

function Items({ items, button, leave }) {
  const list = useRef(null);
  useLayoutEffect(() => {
    beside(list.current, button.current);
    list.current.firstElementChild.focus();
  }, []);
  useEffect(() => {
    const outside = (event) => list.current.contains(event.target) || button.current.contains(event.target) || leave();
    document.addEventListener('pointerdown', outside);
    document.addEventListener('scroll', leave, { once: true, capture: true });
    addEventListener('hashchange', leave);
    return () => {
      document.removeEventListener('pointerdown', outside);
      document.removeEventListener('scroll', leave, { capture: true });
      removeEventListener('hashchange', leave);
    };
  }, []);
  return html`
    <div ref=${list} class="menu-items" role="menu" onKeyDown=${(event) => move(event, list.current, leave)}>
      ${items.map(({ label, act, danger }) => html`
        <button role="menuitem" tabindex="-1" class=${danger ? 'plain danger-text' : 'plain'}
                onClick=${() => { leave(); act(); }}>${label}</button>`)}
    </div>`;
}

function beside(list, button) {
  const { bottom, top, right } = button.getBoundingClientRect();
  const { width, height } = list.getBoundingClientRect();
  const below = bottom + height + MARGIN < innerHeight;
  list.style.top = `${below ? bottom + 2 : Math.max(MARGIN, top - height - 2)}px`;
  list.style.left = `${Math.max(MARGIN, right - width)}px`;
}

function move(event, list, leave) {
  const steps = { ArrowDown: 1, ArrowUp: -1 };
  if (event.key === 'Escape' || event.key === 'Tab') leave();
  else if (!steps[event.key]) return;
  else {
    const items = [...list.children];
    items.at((items.indexOf(document.activeElement) + steps[event.key]) % items.length).focus();
  }
  event.preventDefault();
  event.stopPropagation();
}

// Light, dark, or as the system has it.

import { cell, useCell } from './cell.js';
import { html } from './html.js';
import { icon } from './icon.js';

const KEY = 'geartrain.theme';
const NEXT = { system: 'light', light: 'dark', dark: 'system' };
const ICONS = { system: 'system', light: 'sun', dark: 'moon' };

const chosen = cell(document.documentElement.dataset.theme ?? 'system');
export const themeChanged = cell(0); // counts: who draws on a canvas draws anew

matchMedia('(prefers-color-scheme: dark)').addEventListener('change', changed);

function changed() {
  themeChanged.set(themeChanged.get() + 1);
}

function choose(theme) {
  if (theme === 'system') delete document.documentElement.dataset.theme;
  else document.documentElement.dataset.theme = theme;
  try {
    if (theme === 'system') localStorage.removeItem(KEY);
    else localStorage.setItem(KEY, theme);
  } catch {
    // Storage is forbidden: the choice holds until the page is left.
  }
  chosen.set(theme);
  changed();
}

export function ThemeSwitch() {
  const theme = useCell(chosen);
  const label = `Theme: ${theme}. Change to ${NEXT[theme]}`;
  return html`
    <button class="plain icon-only" aria-label=${label} title=${label} onClick=${() => choose(NEXT[theme])}>
      ${icon(ICONS[theme])}
    </button>`;
}

/** What a colour of the style is now, for a canvas. */
export function colour(name) {
  const probe = document.createElement('span');
  probe.className = `ink-${name}`;
  document.body.append(probe);
  const { color } = getComputedStyle(probe);
  probe.remove();
  return color;
}

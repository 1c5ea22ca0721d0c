// What every part of the page is written with.

import { h, render, Fragment } from './vendor/preact.js';
import htm from './vendor/htm.js';

export { useEffect, useLayoutEffect, useMemo, useRef, useState, useId } from './vendor/hooks.js';
export { render, Fragment };
export const html = htm.bind(h);

/** Class names, without those that are not. */
export function classes(...names) {
  return names.filter(Boolean).join(' ');
}

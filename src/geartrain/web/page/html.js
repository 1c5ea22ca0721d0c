// What every part of the page is written with.

import { h, render, Fragment } from './vendor/preact.js';
import htm from './vendor/htm.js';
import { shown } from './format.js';

export { useEffect, useLayoutEffect, useMemo, useRef, useState, useId } from './vendor/hooks.js';
export { render, Fragment };
export const html = htm.bind(element);

const SPOKEN = ['title', 'aria-label'];

/** As Preact's `h`; but what peers chose, such as names, is shown so that nothing in it is unseen. */
function element(type, given, ...children) {
  const props = typeof type === 'string' && given ? { ...given } : given;
  if (props !== given) for (const name of SPOKEN) if (typeof props[name] === 'string') props[name] = shown(props[name]);
  return h(type, props, ...children.map((child) => (typeof child === 'string' ? shown(child) : child)));
}

/** Class names, without those that are not. */
export function classes(...names) {
  return names.filter(Boolean).join(' ');
}

// Line drawings, 16 by 16.

import { html } from './html.js';

const SHAPES = {
  overview: 'M2 13V8M6 13V3M10 13V6M14 13v-3',
  functions: 'M3 4h10M3 8h10M3 12h6',
  jobs: 'M2.5 5.5 8 2.5l5.5 3v5L8 13.5l-5.5-3zM2.5 5.5 8 8.5l5.5-3M8 8.5v5',
  workers: 'M8 5.2a2.8 2.8 0 1 0 0 5.6 2.8 2.8 0 0 0 0-5.6M8 1.5v2M8 12.5v2M1.5 8h2M12.5 8h2M3.4 3.4l1.4 1.4M11.2 11.2l1.4 1.4M3.4 12.6l1.4-1.4M11.2 4.8l1.4-1.4',
  schedules: 'M8 2a6 6 0 1 0 0 12A6 6 0 0 0 8 2M8 4.8V8l2.2 1.6',
  dead: 'M3 3.5h10l-1 9.5H4zM1.8 3.5h12.4M6 1.8h4M6.5 6.5v4M9.5 6.5v4',
  pool: 'M2.5 2.5h11v4h-11zM2.5 9.5h11v4h-11zM5 4.5h.01M5 11.5h.01M8 6.5v3',
  events: 'M1.5 8.5H5l2-5 2.5 9 2-5.5h3',
  plus: 'M8 3v10M3 8h10',
  search: 'M7 2.5a4.5 4.5 0 1 0 0 9 4.5 4.5 0 0 0 0-9M10.5 10.5l3.5 3.5',
  close: 'M4 4l8 8M12 4l-8 8',
  check: 'M3 8.5 6.5 12 13 4.5',
  alert: 'M8 2 14.5 13.5h-13zM8 6.5v3M8 11.6h.01',
  more: 'M3.5 8h.01M8 8h.01M12.5 8h.01',
  pause: 'M5.5 3.5v9M10.5 3.5v9',
  play: 'M4.5 3 12.5 8l-8 5z',
  menu: 'M2 4h12M2 8h12M2 12h12',
  sun: 'M8 5a3 3 0 1 0 0 6 3 3 0 0 0 0-6M8 1.2v1.4M8 13.4v1.4M1.2 8h1.4M13.4 8h1.4M3.2 3.2l1 1M11.8 11.8l1 1M3.2 12.8l1-1M11.8 4.2l1-1',
  moon: 'M13.2 9.6A5.6 5.6 0 0 1 6.4 2.8a5.6 5.6 0 1 0 6.8 6.8z',
  system: 'M2 3h12v8H2zM6 14h4M8 11v3',
  retry: 'M13 8a5 5 0 1 1-1.6-3.7M13.2 2v3h-3',
  copy: 'M5.5 5.5h8v8h-8zM10.5 5.5v-3h-8v8h3',
  left: 'M10 3 5 8l5 5',
  right: 'M6 3l5 5-5 5',
  filter: 'M2 3h12l-4.6 5.4V13L6.6 11.4v-3z',
  download: 'M8 2v8M4.5 7 8 10.5 11.5 7M2.5 13.5h11',
};

export function icon(name) {
  return html`
    <svg class="icon" viewBox="0 0 16 16" aria-hidden="true" fill="none" stroke="currentColor"
         stroke-width=${name === 'more' ? 2.6 : 1.5} stroke-linecap="round" stroke-linejoin="round">
      <path d=${SHAPES[name]} />
    </svg>`;
}

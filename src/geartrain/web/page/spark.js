// A line without axes: how something went in the last minutes.

import { html } from './html.js';

const WIDTH = 100;
const HEIGHT = 24;

/** `least` keeps a quiet line flat: the top of the drawing is at least that. */
export function Spark({ values, ink = 'accent', least = 1, label }) {
  if (values.length < 2) return html`<span class="spark" aria-hidden="true"></span>`;
  const top = Math.max(least, ...values);
  const points = values.map((value, index) => [
    (index / (values.length - 1)) * WIDTH,
    HEIGHT - 1.5 - (value / top) * (HEIGHT - 3),
  ]);
  const line = points.map(([x, y]) => `${x.toFixed(1)},${y.toFixed(1)}`).join(' ');
  return html`
    <svg class=${`spark ink-${ink}`} viewBox=${`0 0 ${WIDTH} ${HEIGHT}`} preserveAspectRatio="none" role="img" aria-label=${label}>
      <polygon points=${`0,${HEIGHT} ${line} ${WIDTH},${HEIGHT}`} fill="currentColor" opacity="0.13" />
      <polyline points=${line} fill="none" stroke="currentColor" stroke-width="1.5" vector-effect="non-scaling-stroke" />
    </svg>`;
}

// How long jobs waited and ran: counts by powers of two of a millisecond.

import { html } from './html.js';
import { count, duration } from './format.js';

const QUANTILES = [0.5, 0.9, 0.99];
const LABELS = 10; // there is room for

/** A histogram of the API: `counts` (the first is below 1 ms, each next one twice as long) and the `sum` of seconds. */
export function histogramOf(given) {
  if (!given) return null;
  const counts = Array.isArray(given) ? given : given.counts;
  return counts ? { counts, sum: given.sum ?? null, total: counts.reduce((sum, value) => sum + value, 0) } : null;
}

/** The seconds below which a class ends: 1 ms, 2 ms, 4 ms… */
function upTo(index) {
  return 2 ** index / 1000;
}

/** The end of the class in which a part of all is reached. */
export function quantile({ counts, total }, part) {
  let seen = 0;
  for (let index = 0; index < counts.length; index += 1) {
    seen += counts[index];
    if (seen >= part * total) return upTo(index);
  }
  return upTo(counts.length);
}

export function Latency({ title, given, ink }) {
  const histogram = histogramOf(given);
  if (!histogram?.total) return html`<div class="latency"><h3>${title}</h3><p class="empty">No job yet.</p></div>`;
  return html`
    <div class="latency">
      <h3>${title}</h3>
      <dl class="quantiles">
        ${QUANTILES.map((part) => html`<div><dt>${part * 100} %</dt><dd>≤ ${duration(quantile(histogram, part))}</dd></div>`)}
        ${histogram.sum !== null && html`<div><dt>mean</dt><dd>${duration(histogram.sum / histogram.total)}</dd></div>`}
        <div><dt>jobs</dt><dd>${count(histogram.total)}</dd></div>
      </dl>
      <${Bars} histogram=${histogram} title=${title} ink=${ink} />
    </div>`;
}

function Bars({ histogram, title, ink }) {
  const { counts, total } = histogram;
  const first = Math.max(0, counts.findIndex((value) => value > 0) - 1);
  const last = Math.max(first + 7, counts.findLastIndex((value) => value > 0) + 1);
  const shown = counts.slice(first, last + 1);
  const top = Math.max(...shown);
  const every = Math.ceil(shown.length / LABELS);
  return html`
    <ol class=${`bars ink-${ink}`} aria-label=${`${title}: jobs by duration`}>
      ${shown.map((value, index) => html`
        <li title=${`≤ ${duration(upTo(first + index))}: ${count(value)} (${((value / total) * 100).toFixed(1)} %)`}>
          <span class="bar-place"><span class="bar" style=${{ height: `${(value / top) * 100}%` }}></span></span>
          <span class="bar-label">${index % every === 0 && duration(upTo(first + index))}</span>
        </li>`)}
    </ol>`;
}

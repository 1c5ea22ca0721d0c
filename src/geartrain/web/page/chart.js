// Lines over time, drawn by uPlot.

import uPlot from './vendor/uplot.js';
import { useCell } from './cell.js';
import { html, useEffect, useRef, useState } from './html.js';
import { moment } from './format.js';
import { colour, themeChanged } from './theme.js';

const HEIGHT = 176;
const FONT = '11px system-ui, sans-serif';

/**
 * `lines` are {label, values, ink, fill}; `show(value)` writes a value. Charts of one `group` share the cursor. The scale
 * goes up to `least` at least; its marks are multiples of one of `steps`, where they are given.
 */
export function Chart({ title, times, lines, show, group, least = 1, steps }) {
  const box = useRef(null);
  const plot = useRef(null);
  const [index, setIndex] = useState(null); // of the point under the cursor
  const theme = useCell(themeChanged);
  const shape = lines.map(({ label, ink }) => `${label} ${ink}`).join();
  useEffect(() => {
    const place = box.current;
    const drawn = (plot.current = new uPlot(optionsOf({ lines, show, group, least, steps }, setIndex, place), dataOf(times, lines), place));
    const watcher = new ResizeObserver(() => drawn.setSize({ width: place.clientWidth, height: HEIGHT }));
    watcher.observe(place);
    return () => {
      watcher.disconnect();
      drawn.destroy();
    };
  }, [theme, shape]);
  useEffect(() => plot.current.setData(dataOf(times, lines)), [times, lines]);
  return html`
    <figure class="chart">
      <figcaption>
        <h3>${title}</h3>
        <${Legend} times=${times} lines=${lines} show=${show} index=${index} />
      </figcaption>
      <div ref=${box} class="chart-box" role="img" aria-label=${spoken(title, lines, show)}></div>
    </figure>`;
}

function Legend({ times, lines, show, index }) {
  const at = index ?? times.length - 1;
  return html`
    <ul class="legend">
      ${lines.map(({ label, values, ink }) => html`
        <li class=${`ink-${ink}`}><span class="legend-name">${label}</span> <b>${written(values[at], show)}</b></li>`)}
      ${index !== null && html`<li class="legend-time">${moment(times[at])}</li>`}
    </ul>`;
}

function written(value, show) {
  return value === null || value === undefined ? '–' : show(value);
}

function spoken(title, lines, show) {
  return `${title}. Now ${lines.map(({ label, values }) => `${label} ${written(values.at(-1), show)}`).join(', ')}`;
}

function dataOf(times, lines) {
  return [times, ...lines.map(({ values }) => values)];
}

function optionsOf({ lines, show, group, least, steps }, setIndex, box) {
  const ink = Object.fromEntries(['soft', 'line', ...lines.map((line) => line.ink)].map((name) => [name, colour(name)]));
  return {
    width: box.clientWidth || 300,
    height: HEIGHT,
    legend: { show: false },
    padding: [8, 16, 0, 0],
    cursor: { sync: group && { key: group }, y: false, points: { size: 6 }, drag: { x: false, y: false } },
    scales: { y: { range: (plot, low, high) => [0, Math.max(least, (high ?? 0) * 1.08)] } },
    axes: [axis(ink, { size: 28, space: apart, values: hours }), axis(ink, { size: asWide, space: 32, incrs: steps, values: (plot, ticks) => ticks.map((tick) => show(tick).replace(/\.0\b/, '')) })],
    series: [{}, ...lines.map((line) => ({
      stroke: ink[line.ink],
      width: 1.5,
      fill: line.fill ? faint(ink[line.ink]) : undefined,
      points: { show: false },
    }))],
    hooks: { setCursor: [(plot) => setIndex(plot.cursor.idx ?? null)] },
  };
}

function axis(ink, more) {
  return {
    stroke: ink.soft,
    font: FONT,
    grid: { stroke: ink.line, width: 1 },
    ticks: { show: false },
    gap: 6,
    ...more,
  };
}

/** Pixels between two marks of time: those of a short time have seconds. */
function apart(plot, index, first, last) {
  return last - first < 240 ? 64 : 46;
}

/** Pixels that the marks of a scale need. */
function asWide(plot, marks) {
  return 14 + 6.2 * Math.max(4, ...(marks ?? []).map((mark) => mark.length));
}

function hours(plot, ticks, index, space, step) {
  return ticks.map((tick) => new Date(tick * 1000).toTimeString().slice(0, step < 60 ? 8 : 5));
}

function faint(color) {
  return color.replace(/^rgb\((.*)\)$/, 'rgba($1, 0.12)');
}

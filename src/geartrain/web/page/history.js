// An hour or a day of the server, or of one function, as charts.

import { useCell } from './cell.js';
import { cell } from './cell.js';
import { Chart } from './chart.js';
import { html, useMemo } from './html.js';
import { count, duration, rate } from './format.js';
import { useLoad } from './load.js';
import { Choice, Loaded, Section } from './parts.js';

const SPANS = [['hour', 'Hour'], ['day', 'Day']];
const SECONDS = [0.1, 0.2, 0.5, 1, 2, 5, 10, 20, 30, 60, 120, 300, 600, 1200, 1800, 3600, 7200, 14_400, 28_800, 86_400, 172_800, 604_800];
const RATES = decades(-2, 9);
const WHOLE = decades(0, 12); // of jobs
const FRESH = { hour: 5000, day: 60_000 }; // milliseconds

const span = cell('hour'); // the same on all pages

/** 1, 2, 5, 10, 20…: multiples of each of them are easily read. */
function decades(first, last) {
  const powers = Array.from({ length: last - first + 1 }, (_, index) => 10 ** (first + index));
  return powers.flatMap((power) => [1, 2, 5].map((digit) => Number((digit * power).toPrecision(1))));
}

export function History({ name }) {
  const chosen = useCell(span);
  const loaded = useLoad('history', { span: chosen, function: name }, FRESH[chosen]);
  const choice = html`<${Choice} label="Time span" options=${SPANS} value=${chosen} choose=${span.set} />`;
  return html`
    <${Section} title="History" actions=${choice} wide>
      <${Loaded} from=${loaded}>${(history) => html`<${Charts} history=${history} />`}<//>
    <//>`;
}

function Charts({ history }) {
  const { times, series } = history;
  const lines = useMemo(() => ({
    flow: [
      { label: 'submitted', values: series.submitted, ink: 'soft' },
      { label: 'completed', values: series.completed, ink: 'green', fill: true },
      { label: 'failed', values: series.failed, ink: 'red' },
    ],
    depth: [
      { label: 'queued', values: series.queued, ink: 'amber', fill: true },
      { label: 'running', values: series.running, ink: 'blue' },
    ],
    age: [{ label: 'age', values: series.oldest, ink: 'violet', fill: true }],
  }), [history]);
  if (times.length < 2) return html`<p class="empty">The first figures come in a moment.</p>`;
  return html`
    <div class="charts">
      <${Chart} title="Jobs a second" times=${times} lines=${lines.flow} show=${rate} group="history" steps=${RATES} />
      <${Chart} title="Jobs there are" times=${times} lines=${lines.depth} show=${count} group="history" least=${5} steps=${WHOLE} />
      <${Chart} title="Oldest that waits" times=${times} lines=${lines.age} show=${duration} group="history" steps=${SECONDS} />
    </div>`;
}

// Lists of rows: sorted by a column, walked with the arrows, and cards on a phone.

import { classes, html, useMemo, useState } from './html.js';

/**
 * `columns` are {label, cell(row), kind, sort(row), wide}: kind is `number`, `actions`, `name` (the card's headline).
 * Of many rows the first `most` in their order are shown. `key(row)` names a row; `picked` is a Set of keys, and `pick(key)` changes it, where rows can be picked.
 */
export function Table({ caption, columns, rows, name, empty = 'Nothing here.', order: first = null, marked, picked, pick, most = Infinity }) {
  const [order, setOrder] = useState(first); // {label, down}
  const sorted = useMemo(() => inOrder(rows, columns, order).slice(0, most), [rows, order, most]);
  if (!rows.length) return html`<p class="empty">${empty}</p>`;
  return html`
    <table class="list">
      <caption class="unseen">${caption}</caption>
      <thead><tr>
        ${picked && html`<th class="pick"><${PickAll} rows=${rows} name=${name} picked=${picked} pick=${pick} /></th>`}
        ${columns.map((column) => html`<${Heading} key=${column.label} column=${column} order=${order} setOrder=${setOrder} />`)}
      </tr></thead>
      <tbody>${sorted.map((row) => html`
        <tr key=${name(row)} data-row tabindex="-1" class=${marked?.(row) ?? ''}>
          ${picked && html`<td class="pick"><input type="checkbox" aria-label=${`Pick ${name(row)}`}
            checked=${picked.has(name(row))} onChange=${() => pick([name(row)], !picked.has(name(row)))} /></td>`}
          ${columns.map((column) => cellOf(column, row))}
        </tr>`)}
      </tbody>
    </table>`;
}

function cellOf(column, row) {
  const content = column.cell(row);
  const isClipped = column.kind === 'clipped' && typeof content === 'string';
  const isBare = content === null || content === undefined || content === '';
  return html`<td data-label=${column.label} class=${classes(column.kind, column.wide && 'wide-cell', isBare && 'bare')}>${isClipped ? html`<span title=${content}>${content}</span>` : content}</td>`;
}

function PickAll({ rows, name, picked, pick }) {
  const all = rows.every((row) => picked.has(name(row)));
  return html`<input type="checkbox" aria-label="Pick all that are shown" checked=${all}
    onChange=${() => pick(rows.map(name), !all)} />`;
}

function Heading({ column, order, setOrder }) {
  const { label, sort, kind } = column;
  if (!sort) return html`<th scope="col" class=${kind}>${kind === 'actions' ? html`<span class="unseen">Actions</span>` : label}</th>`;
  const mine = order?.label === label;
  const direction = mine ? (order.down ? 'descending' : 'ascending') : 'none';
  const next = mine ? { label, down: !order.down } : { label, down: kind === 'number' };
  return html`
    <th scope="col" class=${kind} aria-sort=${direction}>
      <button class="sort" onClick=${() => setOrder(next)}>${label}<span aria-hidden="true">${mine ? (order.down ? '\u00a0↓' : '\u00a0↑') : ''}</span></button>
    </th>`;
}

function inOrder(rows, columns, order) {
  const column = order && columns.find(({ label }) => label === order.label);
  if (!column?.sort) return rows;
  const sign = order.down ? -1 : 1;
  const keyed = rows.map((row) => [column.sort(row), row]);
  return keyed.sort(([one], [other]) => sign * compare(one, other)).map(([, row]) => row);
}

function compare(one, other) {
  if (typeof one === 'string' && typeof other === 'string') return one.localeCompare(other, 'en', { numeric: true });
  return (one ?? -Infinity) < (other ?? -Infinity) ? -1 : (one ?? -Infinity) > (other ?? -Infinity) ? 1 : 0;
}

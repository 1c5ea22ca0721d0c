// The servers of the pool, who leads what, and this server's figures.

import { bytes, count, duration } from '../format.js';
import { html } from '../html.js';
import { useLoad } from '../load.js';
import { Facts, Head, Loaded, Section } from '../parts.js';
import { Table } from '../table.js';

const FRESH = 2000; // milliseconds

export function Pool() {
  const pool = useLoad('pool', {}, FRESH);
  const server = useLoad('server', {}, FRESH);
  return html`
    <${Head} title="Pool" sub="The servers, and who leads which part of the functions." />
    <${Loaded} from=${pool}>${(answer) => html`<${Members} rows=${rowsIn(answer, 'servers')} shards=${rowsIn(answer, 'shards')} />`}<//>
    <${Section} title="This server" wide>
      <${Loaded} from=${server}>${(answer) => html`<${ServerFacts} row=${answer.server ?? answer} />`}<//>
    <//>`;
}

/** Servers or shards, whether the API parts them or not. */
function rowsIn(answer, kind) {
  if (answer[kind]) return answer[kind];
  const rows = answer.pool ?? [];
  return rows.filter((row) => ('shard' in row) === (kind === 'shards'));
}

function Members({ rows, shards }) {
  if (rows.length < 2 && !shards.length) return html`
    <div class="notice"><p>This server is alone: it leads every function, and has no other to go on for it.</p></div>`;
  return html`
    <${Section} title="Servers" wide>
      <${Table} caption="Servers of the pool" columns=${SERVERS} rows=${rows} name=${(row) => row.id ?? row.address} empty="None is known." />
    <//>
    <${Section} title="Shards" wide>
      <${Table} caption="Shards" columns=${SHARDS} rows=${shards} name=${(row) => row.shard} empty="There are none." />
    <//>`;
}

const SERVERS = [
  { label: 'Server', kind: 'name', cell: (row) => html`<b>${row.address}</b> ${row.here && html`<span class="badge ink-accent">this one</span>`}` },
  { label: 'Id', kind: 'clipped', cell: (row) => html`<span class="handle">${row.id}</span>` },
  { label: 'Version', cell: (row) => row.version },
  { label: 'Heard', kind: 'number', cell: (row) => (row.age === null || row.age === undefined ? '' : `${duration(row.age)} ago`) },
  { label: 'Leads', cell: (row) => (row.shards?.length ? row.shards.map((shard) => `shard ${shard}`).join(', ') : '') },
  { label: 'Connections', kind: 'number', cell: (row) => count(row.connections) },
  { label: 'Fenced', kind: 'number', cell: (row) => row.fenced !== undefined && html`<span class=${row.fenced ? 'ink-amber' : 'faint'}>${count(row.fenced)}</span>` },
];

const SHARDS = [
  { label: 'Shard', kind: 'name', cell: (row) => html`<b>${row.shard}</b>` },
  { label: 'Leader', cell: leaderOf },
  { label: 'Lease', kind: 'number', cell: (row) => row.lease !== null && row.lease !== undefined && duration(row.lease) },
  { label: 'Engine', cell: (row) => row.engine },
  { label: 'Ack', cell: (row) => row.ack },
  { label: 'Replicas', kind: 'number', cell: (row) => row.replicas },
  { label: 'Lag', kind: 'number', cell: (row) => row.lag !== undefined && bytes(row.lag) },
];

function leaderOf(row) {
  if (row.leader === null) return html`<span class="ink-red">nobody</span>`;
  return html`${row.address} ${!row.reached && html`<span class="badge ink-red">not reached</span>`}`;
}

const SECONDS = /(^uptime|seconds|_lag|latency|round_trip|lag)$/;
const BYTES = /(bytes|memory|workloads)/;

/** Every figure of the row, with its unit by its name. */
function ServerFacts({ row }) {
  return html`<${Facts} facts=${flat(row).map(([name, value]) => [name.replaceAll('_', ' '), written(name, value)])} />`;
}

function flat(row, prefix = '') {
  return Object.entries(row).flatMap(([name, value]) =>
    value !== null && typeof value === 'object' && !Array.isArray(value) ? flat(value, `${prefix}${name} `) : [[prefix + name, value]]);
}

function written(name, value) {
  if (typeof value === 'boolean') return value ? 'yes' : 'no';
  if (typeof value !== 'number') return Array.isArray(value) ? value.join(', ') : value;
  if (SECONDS.test(name)) return duration(value);
  if (name === 'pid' || name === 'port') return String(value);
  return BYTES.test(name) ? bytes(value) : count(value);
}

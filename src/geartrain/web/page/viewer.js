// A workload or a result: as text, as JSON, or byte by byte.

import { place, segment } from './api.js';
import { html, useMemo, useState } from './html.js';
import { bytes } from './format.js';
import { icon } from './icon.js';
import { useLoad } from './load.js';
import { Choice, Loaded } from './parts.js';

const LONGEST = 65_536; // bytes that are drawn
const ROW = 16; // bytes

/** What `workload` or `result` of a job the API gives, drawn. */
export function Content({ handle, what, version = '' }) {
  const path = `jobs/${segment(handle)}/${what}`;
  const loaded = useLoad(path, {}, 0, version);
  if (loaded.problem?.isMissing) return html`<p class="empty">It is not known any more.</p>`;
  return html`
    <${Loaded} from=${loaded}>${(answer) => html`
      <${Viewer} content=${contentOf(answer, what)} raw=${place(path, { raw: 1 })} name=${what} />`}<//>`;
}

/** The bytes of a row's field, which is text or, where that cannot be, base64; null where it cannot be read. */
export function contentOf(row, field) {
  if (typeof row[`${field}_base64`] === 'string') return fromBase64(row[`${field}_base64`]);
  return typeof row[field] === 'string' ? new TextEncoder().encode(row[field]) : null;
}

export function fromBase64(text) {
  return Uint8Array.from(atob(text), (letter) => letter.charCodeAt(0));
}

export function toBase64(content) {
  let text = '';
  for (const byte of content) text += String.fromCharCode(byte);
  return btoa(text);
}

/** Bytes in the view that suits them best, or that was chosen. */
export function Viewer({ content, raw, name }) {
  const [chosen, choose] = useState(null);
  const readings = useMemo(() => content && readingsOf(content.subarray(0, LONGEST)), [content]);
  if (!content) return html`<p class="empty">It cannot be read any more.</p>`;
  if (!content.length) return html`<p class="empty">Empty.</p>`;
  const best = readings.json ? 'json' : readings.text ? 'text' : 'hex';
  const view = chosen && readings[chosen] ? chosen : best;
  const options = [['json', 'JSON'], ['text', 'Text'], ['hex', 'Hex']].filter(([kind]) => readings[kind]);
  return html`
    <div class="viewer">
      <div class="viewer-bar">
        <${Choice} label=${`View of the ${name}`} options=${options} value=${view} choose=${choose} />
        <span class="soft">${bytes(content.length)}${content.length > LONGEST && `, the first ${bytes(LONGEST)} are shown`}</span>
        ${raw && html`<a class="button plain" href=${raw} download=${name}>${icon('download')} Download</a>`}
      </div>
      <pre tabindex="0" class=${view}>${view === 'json' ? coloured(readings.json()) : readings[view]()}</pre>
    </div>`;
}

/** By view: a function that writes the bytes so. */
function readingsOf(content) {
  const text = textOf(content);
  const json = text === null ? undefined : jsonOf(text);
  return {
    json: json === undefined ? null : () => JSON.stringify(json, null, 2),
    text: text === null ? null : () => text,
    hex: () => hexOf(content),
  };
}

function textOf(content) {
  try {
    const text = new TextDecoder('utf-8', { fatal: true }).decode(content, { stream: true });
    return /[\0-\x08\x0e-\x1a\x1c-\x1f]/.test(text) ? null : text;
  } catch {
    return null;
  }
}

function jsonOf(text) {
  try {
    const value = JSON.parse(text);
    return typeof value === 'object' && value !== null ? value : undefined;
  } catch {
    return undefined;
  }
}

const TOKEN = /("(?:[^"\\]|\\.)*")(\s*:)?|\b(true|false|null)\b|(-?\d+(?:\.\d+)?(?:[eE][+-]?\d+)?)/g;

function coloured(json) {
  const parts = [];
  let end = 0;
  for (const match of json.matchAll(TOKEN)) {
    parts.push(json.slice(end, match.index));
    const kind = match[1] ? (match[2] ? 'json-key' : 'json-text') : match[3] ? 'json-word' : 'json-number';
    parts.push(html`<span class=${kind}>${match[0]}</span>`);
    end = match.index + match[0].length;
  }
  return [...parts, json.slice(end)];
}

function hexOf(content) {
  const lines = [];
  for (let start = 0; start < content.length; start += ROW) {
    const row = [...content.subarray(start, start + ROW)];
    const hex = row.map((byte) => byte.toString(16).padStart(2, '0'));
    const left = hex.slice(0, 8).join(' ').padEnd(23);
    const right = hex.slice(8).join(' ').padEnd(23);
    const letters = row.map((byte) => (byte >= 32 && byte < 127 ? String.fromCharCode(byte) : '.')).join('');
    lines.push(`${start.toString(16).padStart(8, '0')}  ${left}  ${right}  ${letters}`);
  }
  return lines.join('\n');
}

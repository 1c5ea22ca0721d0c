// Numbers, times and sizes as people read them.

const whole = new Intl.NumberFormat('en');
const DAY = 86400;

/** 12,345; from a hundred thousand on 123 k. */
export function count(value) {
  if (value === null || value === undefined) return '–';
  if (value < 1e5) return whole.format(Math.round(value));
  return value < 1e7 ? `${(value / 1e3).toFixed(value < 1e6 ? 1 : 0)} k` : `${(value / 1e6).toFixed(1)} M`;
}

/** A number a second: 0, 0.25, 3.4, 1,200. */
export function rate(value) {
  if (value === null || value === undefined) return '–';
  if (value === 0) return '0';
  return value < 1 ? value.toFixed(2) : value < 100 ? value.toFixed(1) : count(Math.round(value));
}

/** Seconds in two units at most: 350 ms, 12 s, 3 min 5 s, 2 h 10 min, 4 d 3 h. */
export function duration(seconds) {
  if (seconds === null || seconds === undefined) return '–';
  if (seconds === 0) return '0 s';
  if (seconds < 0) return `−${duration(-seconds)}`;
  if (seconds < 0.9995) return `${seconds < 0.01 ? Number((seconds * 1000).toPrecision(2)) : Math.round(seconds * 1000)} ms`;
  if (seconds < 9.95) return `${seconds.toFixed(1)} s`;
  const units = [[DAY, 'd'], [3600, 'h'], [60, 'min'], [1, 's']];
  const first = units.findIndex(([size]) => Math.round(seconds) >= size);
  return inUnits(Math.round(seconds), units.slice(first, first + 2));
}

function inUnits(seconds, units) {
  const parts = [];
  for (const [size, name] of units) {
    const amount = Math.floor(seconds / size);
    if (amount || !parts.length) parts.push(`${amount} ${name}`);
    seconds -= amount * size;
  }
  return parts.join(' ');
}

/** Bytes: 512 B, 1.5 KiB, 20 MiB. */
export function bytes(value) {
  if (value === null || value === undefined) return '–';
  const units = ['B', 'KiB', 'MiB', 'GiB', 'TiB'];
  const power = value < 1024 ? 0 : Math.min(4, Math.floor(Math.log2(value) / 10));
  const amount = value / 1024 ** power;
  return `${power && amount < 10 ? amount.toFixed(1) : Math.round(amount)} ${units[power]}`;
}

function pad(number, digits = 2) {
  return String(number).padStart(digits, '0');
}

/** The time of the day, with the date where it is another one: 14:05:09, 2026-11-25 14:05:09. */
export function moment(seconds, precise = false) {
  if (seconds === null || seconds === undefined) return '–';
  const at = new Date(seconds * 1000);
  if (Number.isNaN(at.getTime())) return `${seconds} s after 1970`;
  const time = `${pad(at.getHours())}:${pad(at.getMinutes())}:${pad(at.getSeconds())}`;
  const clock = precise ? `${time}.${pad(at.getMilliseconds(), 3)}` : time;
  const isToday = at.toDateString() === new Date().toDateString();
  return isToday ? clock : `${at.getFullYear()}-${pad(at.getMonth() + 1)}-${pad(at.getDate())} ${clock}`;
}

/** A time for programs that read the page; nothing for one that no calendar has. */
export function iso(seconds) {
  const at = new Date(seconds * 1000);
  return Number.isNaN(at.getTime()) ? undefined : at.toISOString();
}

const UNSEEN = /[\u0000-\u0008\u000b-\u001f\u007f-\u009f\u00ad\u034f\u061c\u115f\u1160\u17b4\u17b5\u180b-\u180f\u200b-\u200f\u2028-\u202e\u2060-\u206f\u2800\u3164\ufe00-\ufe0f\ufeff\uffa0\ufff9-\ufffb]/g;

/** A text in which nothing is unseen, and nothing changes the order of the rest: such characters are shown as \u202e. */
export function shown(text) {
  return text.replace(UNSEEN, escaped);
}

/** The same in one line. */
export function oneLine(text) {
  return shown(text).replace(/[\t\n]/g, (sign) => (sign === '\t' ? '\\t' : '\\n'));
}

function escaped(sign) {
  const code = sign.charCodeAt(0);
  if (sign === '\r') return '\\r';
  return code < 256 ? `\\x${code.toString(16).padStart(2, '0')}` : `\\u${code.toString(16).padStart(4, '0')}`;
}

/** in 5 s, 5 s ago. */
export function relative(seconds, time) {
  if (seconds === null || seconds === undefined) return '–';
  return seconds > time ? `in ${duration(Math.ceil(seconds - time))}` : `${duration(Math.floor(time - seconds))} ago`;
}

/** 1 job, 2 jobs. */
export function plural(number, noun, nouns = `${noun}s`) {
  return `${count(number)} ${number === 1 ? noun : nouns}`;
}

/** What `5m`, `1h30m`, `90` mean in seconds; null for nothing, NaN for what is no duration. */
export function secondsOf(written) {
  const text = written.trim();
  if (text === '') return null;
  if (/^\d+(\.\d+)?$/.test(text)) return Number(text);
  if (!/^(\d+(\.\d+)?\s*[smhd]\s*)+$/.test(text)) return NaN;
  const sizes = { s: 1, m: 60, h: 3600, d: DAY };
  let sum = 0;
  for (const [, amount, unit] of text.matchAll(/(\d+(?:\.\d+)?)\s*([smhd])/g)) sum += Number(amount) * sizes[unit];
  return sum;
}

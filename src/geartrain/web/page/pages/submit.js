// A job of one's own: in the background, or waited for.

import { post } from '../api.js';
import { Field } from '../dialog.js';
import { secondsOf } from '../format.js';
import { html, useRef, useState } from '../html.js';
import { Badge, Choice, Head, JobLink, Progress, Section } from '../parts.js';
import { go, link } from '../route.js';
import { stream } from '../stream.js';
import { complain, say } from '../toast.js';
import { Viewer, contentOf, toBase64 } from '../viewer.js';
import { FunctionNames } from './jobs.js';

const WAYS = [['background', 'In the background'], ['wait', 'Wait for the result']];

export function Submit({ query }) {
  const [way, setWay] = useState('background');
  const [file, setFile] = useState(null);
  const [run, setRun] = useState(null); // the job that is waited for
  const hangUp = useRef(null);
  async function submit(event) {
    event.preventDefault();
    try {
      const job = await jobOf(event.target, file);
      if (way === 'background') await inBackground(job);
      else await waitFor(job, setRun, hangUp);
    } catch (problem) {
      complain(problem);
    }
  }
  return html`
    <${Head} title="New job" sub="Submitted by this page, as by any client." />
    <form class="panel submit" onSubmit=${submit}>
      <${Choice} label="How" options=${WAYS} value=${way} choose=${setWay} />
      <div class="fields">
        <${Field} name="function" label="Function" value=${query.function ?? ''} required list="function-names" maxlength="512" />
        <${Field} name="unique" label="Unique" hint="Equal submits share a job; a dash: by the workload" />
        <${Field} name="priority" label="Priority" value="normal" options=${['high', 'normal', 'low']} />
        ${way === 'background' && html`
          <${Field} name="delay" label="Not before" hint="In so much time: 90s, 5m, 12h; nothing: now" pattern="[0-9.smhd ]*" />`}
        <${Field} name="metadata" label="Metadata" hint="name=value, parted by commas" />
        <${Workload} file=${file} setFile=${setFile} />
      </div>
      <${FunctionNames} />
      <div class="form-buttons"><button class="primary">Submit</button></div>
    </form>
    ${run && html`<${Run} run=${run} leave=${() => hangUp.current?.abort()} />`}`;
}

function Workload({ file, setFile }) {
  return html`
    ${file ? html`<p class="field wide">Workload: the file ${file.name} <button type="button" onClick=${() => setFile(null)}>Text instead</button></p>`
      : html`<${Field} name="workload" label="Workload" type="textarea" />`}
    <label class="field wide file">Or a file <input type="file" onChange=${(event) => setFile(event.target.files[0] ?? null)} /></label>`;
}

/** The body of the request; throws an Error that says which value is wrong. */
async function jobOf(form, file) {
  const { elements } = form;
  const delay = secondsOf(elements.delay?.value ?? '');
  if (Number.isNaN(delay)) throw new Error(`‘${elements.delay.value}’ is no duration: 90s, 5m or 12h are.`);
  const job = {
    function: elements.function.value,
    ...(file ? { workload_base64: toBase64(new Uint8Array(await file.arrayBuffer())) } : { workload: elements.workload.value }),
    priority: elements.priority.value,
    metadata: metadataOf(elements.metadata.value),
  };
  if (elements.unique.value) job.unique = elements.unique.value;
  if (delay) job.delay = delay;
  if (!job.metadata) delete job.metadata;
  return job;
}

function metadataOf(text) {
  const pairs = text.split(',').map((pair) => pair.trim()).filter(Boolean);
  if (!pairs.length) return null;
  return Object.fromEntries(pairs.map((pair) => {
    const [name, ...value] = pair.split('=');
    if (!value.length) throw new Error(`‘${pair}’ is no metadata: name=value is.`);
    return [name.trim(), value.join('=').trim()];
  }));
}

async function inBackground(job) {
  const { handle } = await post('jobs', job);
  say(`Submitted as ${handle}.`);
  go(link('jobs', handle));
}

/** Stay the job's client until it ends; a client that leaves takes the job with it. */
async function waitFor(job, setRun, hangUp) {
  hangUp.current?.abort();
  hangUp.current = new AbortController();
  setRun({ state: 'queued', handle: null, data: [], numerator: 0, denominator: 0 });
  const hear = (kind, event) => setRun((before) => afterEvent(before, kind, event));
  try {
    await stream('jobs', job, hear, hangUp.current.signal);
  } catch (problem) {
    setRun((before) => ({ ...before, state: 'cancelled' }));
    if (problem.name !== 'AbortError') throw problem;
  }
}

export function afterEvent(run, kind, event) {
  if (kind === 'created') return { ...run, handle: event.handle };
  if (kind === 'status') return { ...run, state: 'running', numerator: Number(event.numerator), denominator: Number(event.denominator) };
  if (kind === 'data' || kind === 'warning') return { ...run, state: 'running', data: [...run.data, { kind, ...event }] };
  return { ...run, state: kind, result: resultIn(event), why: event.detail };
}

/** The bytes that the last event brings. */
function resultIn(event) {
  return contentOf(event, 'result') ?? contentOf(event, 'exception');
}

function Run({ run, leave }) {
  const isOver = !['queued', 'running'].includes(run.state);
  return html`
    <${Section} title="What comes of it" actions=${!isOver && html`<button class="danger" onClick=${leave}>Hang up</button>`} wide>
      <div aria-live="polite">
        <p>${run.handle && html`<${JobLink} handle=${run.handle} />`} <${Badge} word=${run.state} /> <${Progress} job=${run} /></p>
        ${run.data.length > 0 && html`<pre class="streamed">${run.data.map((event) => html`<span class=${event.kind === 'warning' ? 'ink-amber' : ''}>${textIn(event)}</span>`)}</pre>`}
        ${run.why && html`<p class="soft">${run.why}</p>`}
        ${run.result && html`<${Viewer} content=${run.result} name="result" />`}
        ${run.state === 'failed' && html`<p class="soft">The worker says no more than that it failed.</p>`}
      </div>
    <//>`;
}

function textIn(event) {
  const content = contentOf(event, 'data') ?? contentOf(event, 'warning');
  return content ? new TextDecoder().decode(content) : '';
}

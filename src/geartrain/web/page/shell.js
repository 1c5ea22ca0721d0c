// The frame around every page: navigation, search, what is wrong with the connection.

import { connection, loginWanted } from './api.js';
import { useCell } from './cell.js';
import { Dialogs } from './dialog.js';
import { html, useEffect, useRef, useState } from './html.js';
import { icon } from './icon.js';
import { help, PLACES } from './keys.js';
import { useLive } from './live.js';
import { Login, Who } from './login.js';
import { Dead } from './pages/dead.js';
import { Events } from './pages/events.js';
import { Functions } from './pages/functions.js';
import { FunctionPage } from './pages/function.js';
import { Job } from './pages/job.js';
import { Jobs } from './pages/jobs.js';
import { Overview } from './pages/overview.js';
import { Pool } from './pages/pool.js';
import { Schedules } from './pages/schedules.js';
import { Submit } from './pages/submit.js';
import { Workers } from './pages/workers.js';
import { link, route } from './route.js';
import { Search } from './search.js';
import { may, session } from './session.js';
import { ThemeSwitch } from './theme.js';
import { Toasts } from './toast.js';
import { count } from './format.js';

const PAGES = {
  overview: Overview,
  functions: Functions,
  jobs: Jobs,
  workers: Workers,
  schedules: Schedules,
  dead: Dead,
  pool: Pool,
  events: Events,
  submit: Submit,
};
const OF_ONE = { functions: FunctionPage, jobs: Job }; // pages of one thing

export function Shell() {
  const here = useCell(route);
  const [isMenuOpen, setMenuOpen] = useState(false);
  useCell(session);
  useEffect(() => arrive(setMenuOpen), [here.page, here.name]);
  useEffect(() => isMenuOpen && untilEscape(() => setMenuOpen(false)), [isMenuOpen]);
  return html`
    <a class="skip" href="#main" onClick=${skip}>Skip to the content</a>
    <header class="top">
      <button class="plain icon-only menu-button" aria-label="Menu" aria-expanded=${isMenuOpen} aria-controls="nav"
              onClick=${() => setMenuOpen(!isMenuOpen)}>${icon(isMenuOpen ? 'close' : 'menu')}</button>
      <a class="brand" href="#/overview"><img src="static/icon.svg" alt="" width="24" height="24" /> Geartrain</a>
      <${Search} />
      <div class="top-end">
        <button class="plain icon-only help-button" aria-label="? Keyboard help" title="Keyboard help (?)" onClick=${help}><kbd>?</kbd></button>
        <${ThemeSwitch} /><${Who} />
        ${may('submit') && html`<a class="button primary" href=${link('submit')} aria-label="New job">${icon('plus')}<span class="roomy"> New job</span></a>`}
      </div>
    </header>
    <${Banner} />
    <${Navigation} page=${here.page} isOpen=${isMenuOpen} />
    ${isMenuOpen && html`<div class="nav-shade" onClick=${() => setMenuOpen(false)}></div>`}
    <main id="main"><${Content} here=${here} /></main>
    <${Toasts} /><${Dialogs} />`;
}

function skip(event) {
  event.preventDefault();
  document.querySelector('main h1')?.focus();
}

function untilEscape(leave) {
  const press = (event) => event.key === 'Escape' && leave();
  document.addEventListener('keydown', press);
  return () => document.removeEventListener('keydown', press);
}

let isFirst = true;

/** After going to another page, readers begin at its headline. */
function arrive(setMenuOpen) {
  setMenuOpen(false);
  const title = document.querySelector('main h1');
  document.title = `${title?.textContent ?? 'Geartrain'} · Geartrain`;
  if (!isFirst) {
    scrollTo(0, 0);
    title?.focus({ preventScroll: true });
  }
  isFirst = false;
}

function Content({ here }) {
  if (useCell(loginWanted)) return html`<${Login} />`;
  const pages = here.name ? OF_ONE : PAGES;
  const Page = Object.hasOwn(pages, here.page) && pages[here.page];
  if (!Page) return html`<h1 tabindex="-1">Not here</h1><p>There is no such page. <a href="#/overview">Overview</a></p>`;
  return html`<${Page} key=${`${here.page}/${here.name}`} name=${here.name} query=${here.query} />`;
}

function Navigation({ page, isOpen }) {
  const { functions } = useLive();
  const dead = functions?.reduce((sum, row) => sum + (row.dead ?? 0), 0) ?? 0;
  return html`
    <nav id="nav" class=${isOpen ? 'open' : ''} aria-label="Pages">
      <div><ul>${PLACES.filter((place) => place.page !== 'submit').map((place) => html`
        <li><a href=${link(place.page)} aria-current=${place.page === page ? 'page' : undefined}>
          ${icon(place.page)} <span>${place.label}</span>
          ${place.page === 'dead' && dead > 0 && html`<span class="nav-count">${count(dead)}</span>`}
        </a></li>`)}
      </ul>
      <${ServerLine} /></div>
    </nav>`;
}

function ServerLine() {
  const { server } = useLive();
  const { lost } = useCell(connection);
  return html`
    <p class="server-line">
      <span class=${lost ? 'lamp ink-red' : 'lamp ink-green'} aria-hidden="true"></span>
      ${lost ? 'not connected' : 'live'}<br />
      <span class="soft">${location.host}${server?.version && html`<br />version ${server.version}`}</span>
    </p>`;
}

function Banner() {
  const { lost } = useCell(connection);
  const wasLost = useRef(false);
  const isBack = wasLost.current && !lost;
  wasLost.current = lost;
  return html`
    <div class="banner-place" role="status">
      ${lost && html`<p class="banner">${icon('alert')} Connection lost, trying again…</p>`}
      ${isBack && html`<span class="unseen">Connected again</span>`}
    </div>`;
}

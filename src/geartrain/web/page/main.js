// Where the page begins.

import { html, render } from './html.js';
import { watchKeys } from './keys.js';
import { watchServer } from './live.js';
import { openSession } from './session.js';
import { Shell } from './shell.js';
import { connection } from './api.js';

const AGAIN = 2000; // milliseconds

/** Everything waits for the session: what it may not do is not offered. */
async function begin() {
  try {
    await openSession();
    watchServer();
    connection.set({ lost: false, why: '' });
  } catch {
    setTimeout(begin, AGAIN);
  }
}

render(html`<${Shell} />`, document.body);
watchKeys();
begin();

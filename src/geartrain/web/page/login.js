// Who is logged in, and how to log in where the server wants a token.

import { loginWanted } from './api.js';
import { useCell } from './cell.js';
import { Field, askFor } from './dialog.js';
import { html, useEffect, useRef, useState } from './html.js';
import { Menu } from './menu.js';
import { logIn, logOut, session } from './session.js';
import { attempt } from './toast.js';

/** The page in front of all others, for whom the server does not know. */
export function Login() {
  const [wrong, setWrong] = useState('');
  const form = useRef(null);
  useEffect(() => form.current.elements.token.focus(), []);
  async function submit(event) {
    event.preventDefault();
    try {
      await logIn(event.target.elements.token.value);
    } catch (problem) {
      setWrong(problem.message);
    }
  }
  return html`
    <form ref=${form} class="panel login" onSubmit=${submit}>
      <h1 tabindex="-1">Log in</h1>
      <p>This server wants to know who you are. Give the token that its operator gave you.</p>
      <${Field} name="token" label="Token" type="password" required />
      ${wrong && html`<p class="wrong-text" role="alert">${wrong}</p>`}
      <button class="primary">Log in</button>
    </form>`;
}

/** A menu with the session, where there is something to say of it. */
export function Who() {
  const { logged_in: isLoggedIn, login: isGuarded } = useCell(session);
  if (!isGuarded) return null;
  return html`<${Menu} label="Session" items=${[
    { label: isLoggedIn ? 'Another token…' : 'Log in with a token…', act: change },
    isLoggedIn && { label: 'Log out', act: leave },
  ]} />`;
}

async function change() {
  const given = await askFor('Log in', [{ name: 'token', label: 'Token', type: 'password', required: true }], 'Log in');
  if (given) await attempt(() => logIn(given.token), 'Logged in.', 'Log in');
}

async function leave() {
  await attempt(logOut, 'Logged out.');
  loginWanted.set(false);
}

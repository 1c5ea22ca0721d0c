// What a part of the page shows, fetched and kept fresh.

import { get, place } from './api.js';
import { useEffect, useRef, useState } from './html.js';

const NOTHING = { data: null, problem: null, loading: true };

/**
 * The answer to a GET: `data`, or `problem`. With `every` it is asked again so many milliseconds after each answer,
 * while the page is seen; with another `version` at once. What is shown stays until the next answer.
 */
export function useLoad(path, query = {}, every = 0, version = '') {
  const [state, setState] = useState(NOTHING);
  const key = place(path, query).href;
  const loader = useRef(null);
  useEffect(() => {
    setState(NOTHING);
    loader.current = repeat(path, query, every, setState);
    return loader.current.stop;
  }, [key, every, version]);
  return { ...state, reload: () => loader.current?.now() };
}

function repeat(path, query, every, tell) {
  let timer = 0;
  let asking = null;
  async function now() {
    clearTimeout(timer);
    asking?.abort();
    const mine = (asking = new AbortController());
    if (!document.hidden) await ask(mine);
    if (every && asking === mine) timer = setTimeout(now, every);
  }
  async function ask(mine) {
    try {
      const data = await get(path, query, mine.signal);
      if (asking === mine) tell({ data, problem: null, loading: false });
    } catch (problem) {
      // A server that is away is the banner's news; what was shown stays.
      if (asking === mine && problem.name !== 'AbortError') tell((before) => afterProblem(before, problem));
    }
  }
  function stop() {
    clearTimeout(timer);
    asking?.abort();
    asking = null;
  }
  function seen() {
    if (!document.hidden && asking) now();
  }
  document.addEventListener('visibilitychange', seen);
  now();
  return { now, stop: () => (document.removeEventListener('visibilitychange', seen), stop()) };
}

function afterProblem(before, problem) {
  return problem.status === 0 && before.data ? before : { data: null, problem, loading: false };
}

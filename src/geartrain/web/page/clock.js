// The server's time: a browser's clock may be wrong, and ages must not be.

import { useEffect, useState } from './html.js';

const TOLERATED = 2; // seconds that are the way's, not the clock's

let ahead = 0; // seconds that the server's clock is before ours

/** Learn from an answer's Date header. */
export function learnTime(date) {
  const told = Date.parse(date ?? '') / 1000;
  if (Number.isNaN(told)) return;
  const difference = told + 0.5 - Date.now() / 1000;
  ahead = Math.abs(difference) > TOLERATED ? difference : 0;
}

/** Unix seconds at the server. */
export function now() {
  return Date.now() / 1000 + ahead;
}

/** The server's time, anew each second. */
export function useNow() {
  const [time, setTime] = useState(now);
  useEffect(() => {
    const timer = setInterval(() => setTime(now()), 1000);
    return () => clearInterval(timer);
  }, []);
  return time;
}

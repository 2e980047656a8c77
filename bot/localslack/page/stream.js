/*
 * Stays in step with the server: first the stream of changes, then the state, then what changed
 * in between. A lost connection is noticed, shown, and tried again.
 */

import { KINDS, store } from "./store.js";

const FIRST_WAIT_MS = 500;
const LONGEST_WAIT_MS = 5_000;

export const connection = { state: "connecting" };

let source = null;
let wait = FIRST_WAIT_MS;
let timer = 0;
let waiting = null; // changes that came while the state was on its way

/* Connect, now; also when it was tried in vain and is due to be tried again. */
export function connect() {
  clearTimeout(timer);
  source?.close();
  source = new EventSource("control/stream");
  const mine = source;
  source.addEventListener("ready", () => load(mine));
  source.addEventListener("error", () => lose(mine));
  for (const kind of KINDS) {
    source.addEventListener(kind, (event) => take(kind, JSON.parse(event.data)));
  }
}

function take(kind, body) {
  if (waiting) waiting.push([kind, body]);
  else if (store.apply(kind, body)) load(source);
}

async function load(mine) {
  waiting ??= [];
  try {
    const answer = await fetch("control/state");
    if (!answer.ok) throw new Error(`state: ${answer.status}`);
    const state = await answer.json();
    if (mine !== source) return;
    store.load(state);
  } catch {
    lose(mine);
    return;
  }
  const missed = waiting;
  waiting = null;
  wait = FIRST_WAIT_MS;
  tell("connected");
  for (const [kind, body] of missed) if (!UNSETTLING.has(kind)) store.apply(kind, body);
}

/* What would only ask for the state again, which has just come. */
const UNSETTLING = new Set(["channel_changed", "user_changed", "usergroup_changed"]);

function lose(mine) {
  if (mine !== source) return;
  source.close();
  waiting = null;
  tell("lost");
  timer = setTimeout(connect, wait);
  wait = Math.min(2 * wait, LONGEST_WAIT_MS);
}

function tell(state) {
  if (connection.state === state) return;
  connection.state = state;
  store.changed();
}

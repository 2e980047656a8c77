/* What each person has read, kept in this browser. A thread counts apart from its channel. */

import { store } from "./store.js";

const KEY = "localslack.read";

let read = restored();

function restored() {
  try {
    return JSON.parse(localStorage.getItem(KEY)) ?? {};
  } catch {
    return {};
  }
}

const name = (me, place) => `${store.team.id}/${me}/${place}`;

/* The timestamp up to which somebody has read a channel or (channel/ts) a thread. */
export function readUpTo(me, place) {
  return read[name(me, place)] ?? "";
}

/* Note that somebody has read a place up to a timestamp. */
export function markRead(me, place, ts) {
  if (!ts || ts <= readUpTo(me, place)) return false;
  read = { ...read, [name(me, place)]: ts };
  try {
    localStorage.setItem(KEY, JSON.stringify(read));
  } catch {
    return true; // a browser that keeps nothing still remembers until it is closed
  }
  return true;
}

/* How many messages in a channel, or in one of its threads, are new to somebody. */
export function unreadIn(me, channel, thread = null) {
  const since = readUpTo(me, thread ? `${channel.id}/${thread}` : channel.id);
  let count = 0;
  for (const message of channel.messages.values()) {
    const here = thread ? message.thread_ts === thread && message.ts !== thread : inChannel(message);
    if (here && message.user !== me && message.ts > since) count += 1;
  }
  return count;
}

/* Whether a message is seen without opening a thread. */
export function inChannel(message) {
  const reply = message.thread_ts && message.thread_ts !== message.ts;
  return !reply || message.subtype === "thread_broadcast";
}

/*
 * A list of messages that grows at its end: a channel's or a thread's. It stays at the end for
 * who is there, and where they are for who reads further up.
 */

import { dayKey, dayText } from "./dates.js";
import { h, icon, keep, spoken } from "./dom.js";
import { drawMessage } from "./message.js";
import { store } from "./store.js";
import { inChannel, markRead, readUpTo, unreadIn } from "./unread.js";

const CLOSE_S = 300; // messages of one person this close together are one turn
const NEAR_PX = 60;

/* Make a list; `show` it for a person and a place. */
export function createLog({ where, label }) {
  const list = h("div", { class: "log-list" });
  // Edits in place would be read out again and again, so new messages are announced elsewhere.
  const log = h(
    "div",
    { class: "log", role: "log", "aria-live": "off", "aria-label": label, tabindex: "0" },
    list,
  );
  const jump = h("button", { type: "button", class: "jump", hidden: true }, icon("down"), "Latest");
  const element = h("div", { class: "log-frame" }, log, jump);
  let atEnd = true;
  let shownPlace = "";
  let shownTo = "";
  let newFrom = ""; // where "New" stands, as it was when one came
  let last = "";

  const toEnd = () => log.scrollTo({ top: log.scrollHeight });
  /* What is new is read from its beginning, also where it is longer than the screen. */
  const toNew = (ts, elsewhere) => {
    toEnd();
    const element = list.querySelector(`[data-ts="${CSS.escape(ts)}"]`);
    if (elsewhere || !element || element.offsetHeight <= log.clientHeight) return;
    atEnd = false;
    log.scrollTo({ top: element.offsetTop - 8 });
  };
  const isNear = () => log.scrollHeight - log.scrollTop - log.clientHeight < NEAR_PX;
  const looking = () => document.visibilityState === "visible" && log.clientHeight > 0;

  log.addEventListener("scroll", () => {
    atEnd = isNear();
    jump.hidden = atEnd;
    if (atEnd) store.changed();
  });
  jump.addEventListener("click", toEnd);
  new ResizeObserver(() => atEnd && toEnd()).observe(list);
  new ResizeObserver(() => atEnd && toEnd()).observe(log);

  function show({ me, channel, thread = null }) {
    const place = thread ? `${channel.id}/${thread}` : channel.id;
    const elsewhere = shownPlace !== place;
    if (elsewhere || shownTo !== me.id) newFrom = readUpTo(me.id, place);
    if (elsewhere) atEnd = true;
    [shownPlace, shownTo] = [place, me.id];
    const messages = messagesOf(me, channel, thread);
    keep(list, entries(messages, { me, channel, thread, newFrom, where }));
    const latest = messages.at(-1)?.ts ?? "";
    if (latest !== last && atEnd) toNew(latest, elsewhere);
    last = latest;
    if (!atEnd || !looking()) return;
    if (!list.querySelector(".new-mark")) newFrom = latest;
    if (markRead(me.id, place, latest)) store.changed();
  }

  return { element, log, show, toEnd };
}

function messagesOf(me, channel, thread) {
  const all = [...channel.messages.values()].filter((message) =>
    thread ? message.ts === thread || message.thread_ts === thread : inChannel(message),
  );
  const whispered = [...store.ephemerals.values()].filter(
    (one) => one.to === me.id && one.channel === channel.id && (one.thread_ts || null) === thread,
  );
  const inOrder = [...all, ...whispered].sort((one, other) => (one.ts < other.ts ? -1 : 1));
  const parent = thread && inOrder.findIndex((one) => one.ts === thread);
  return parent > 0 ? [...inOrder.splice(parent, 1), ...inOrder] : inOrder;
}

/* The list's entries: days, the mark of what is new, and the messages. */
function entries(messages, { me, channel, thread, newFrom, where }) {
  if (!messages.length) return [emptyEntry()];
  const threads = thread ? new Map() : threadsOf(channel);
  const found = [];
  let before = null;
  let marked = !newFrom;
  for (const message of messages) {
    if (!before || dayKey(before.ts) !== dayKey(message.ts)) found.push(dayEntry(message.ts));
    if (!marked && message.ts > newFrom && message.user !== me.id && message.ts !== thread) {
      marked = true;
      found.push(newEntry());
      before = null;
    }
    const replies = threads.get(message.ts) ?? null;
    const unread = replies ? unreadIn(me.id, channel, message.ts) : 0;
    const follows = belongsTo(before, message, thread);
    const { count = 0, latest = "" } = replies ?? {};
    // A reply in the channel names what it replies to, as that stands now.
    const about = thread ? "" : channel.messages.get(message.thread_ts)?.text;
    found.push({
      key: message.ts,
      needs: [message, me.id, store.names, count, latest, unread, follows, about],
      build: () => drawMessage(message, { where, replies, follows, unread }),
    });
    if (message.ts === thread) found.push(repliesEntry(messages.length - 1));
    before = message.ts === thread ? null : message;
  }
  return found;
}

function belongsTo(before, message, thread) {
  if (!before || before.is_ephemeral || message.is_ephemeral || message.ts === thread) return false;
  const close = message.ts - before.ts < CLOSE_S && dayKey(before.ts) === dayKey(message.ts);
  // In a channel a message of the app is a thing of its own; in a thread its lines go together.
  return close && before.user === message.user && (thread || !store.isApp(message.user));
}

function threadsOf(channel) {
  const threads = new Map();
  for (const message of channel.messages.values()) {
    if (!message.thread_ts || message.thread_ts === message.ts) continue;
    const known = threads.get(message.thread_ts) ?? { count: 0, people: [], latest: "" };
    known.count += 1;
    if (!known.people.includes(message.user)) known.people.push(message.user);
    if (message.ts > known.latest) known.latest = message.ts;
    threads.set(message.thread_ts, known);
  }
  return threads;
}

/* Whoever is here for the first time learns how it begins. */
function emptyEntry() {
  const [first] = store.app.commands ?? [];
  const words = first ? ["Type ", h("code", {}, first.command), ` to begin: ${first.description}.`] : [];
  const build = () => h("p", { class: "empty" }, "Nothing was said here yet. ", words);
  return { key: "empty", needs: [], build };
}

function dayEntry(ts) {
  const day = dayText(ts);
  const build = () => h("div", { class: "day", role: "separator" }, h("span", {}, day));
  return { key: `day ${dayKey(ts)}`, needs: [day], build };
}

function newEntry() {
  const build = () => h("div", { class: "new-mark", role: "separator" }, h("span", {}, "New"));
  return { key: "new", needs: [], build };
}

function repliesEntry(count) {
  const words = count === 1 ? "1 reply" : count ? `${count} replies` : "No replies yet";
  const build = () =>
    h("div", { class: "replies" }, h("span", {}, words), spoken(count ? ", oldest first" : ""));
  return { key: "replies", needs: [count], build };
}

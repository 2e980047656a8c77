/* One message: who said it, what, and what people did with it. */

import { act } from "./acts.js";
import { drawBlocks } from "./blocks.js";
import { inUtc, secondsText, timeText } from "./dates.js";
import { h, icon, spoken } from "./dom.js";
import { emojiFor } from "./emoji.js";
import { fileShown } from "./files.js";
import { mrkdwn, unescaped } from "./mrkdwn.js";
import { AT_HAND, openPicker, toggle } from "./picker.js";
import { APP_HOME, go, route } from "./route.js";
import { store } from "./store.js";

const COLOURS = 8;

/* The round sign of a person, or the square one of the app. */
export function avatar(id) {
  const app = store.isApp(id);
  const name = store.userName(id);
  const initials = name.split(/\s+/).map((word) => word.charAt(0)).slice(0, 2).join("");
  const place = [...store.users.keys()].indexOf(id);
  return h(
    "span",
    { class: app ? "avatar app" : `avatar colour-${Math.max(place, 0) % COLOURS}`, "aria-hidden": "true" },
    app ? initials.slice(0, 1).toUpperCase() : initials.toUpperCase(),
  );
}

/*
 * Draw a message. `where` is "channel" or "thread"; `replies` tells of its thread; a message that
 * `follows` one of the same person closely goes without name and sign.
 */
export function drawMessage(message, { where, replies = null, follows = false, unread = 0 }) {
  const { channel, ts } = message;
  const ephemeral = Boolean(message.is_ephemeral);
  const user = ephemeral ? (message.by === "slack" ? "USLACKBOT" : store.app.bot_user) : message.user;
  const app = store.isApp(user);
  const classes = ["message", follows && "follows", ephemeral && "private", app && "by-app"];
  const element = h(
    "article",
    {
      class: classes.filter(Boolean).join(" "),
      tabindex: "-1",
      "data-ts": ts,
      "data-channel": channel,
      "aria-label": `${store.userName(user)}, ${timeText(ts)}`,
    },
    follows ? h("span", { class: "gutter" }, moment(ts)) : avatar(user),
    h(
      "div",
      { class: "body" },
      follows ? null : head(user, message),
      ephemeral ? whisper(message) : null,
      fromThread(message, where),
      content(message),
      (message.files ?? []).map(fileShown),
      message.edited ? h("span", { class: "edited" }, "(edited)") : null,
      ephemeral ? null : reactions(message),
      replies?.count ? threadLink(message, replies, unread) : null,
    ),
    ephemeral ? null : tools(message, where),
  );
  return element;
}

function moment(ts) {
  return h("time", { title: `${secondsText(ts)} here, ${inUtc(ts)}` }, timeText(ts));
}

function head(user, message) {
  const known = store.users.get(user);
  const changed = message.changedAt
    ? h("span", { class: "changed", title: inUtc(message.changedAt) }, `as of ${secondsText(message.changedAt)}`)
    : null;
  return h(
    "div",
    { class: "head" },
    h("span", { class: "name" }, store.userName(user)),
    store.isApp(user) ? h("span", { class: "badge" }, "App") : null,
    known?.title ? h("span", { class: "role" }, known.title) : null,
    moment(message.ts),
    changed,
  );
}

function whisper(message) {
  const dismiss = () => {
    store.ephemerals.delete(message.ts);
    store.changed();
  };
  return h(
    "p",
    { class: "whisper" },
    "Only visible to you",
    h("button", { type: "button", class: "quiet", on: { click: dismiss } }, "Dismiss"),
  );
}

/* A reply that is also shown in the channel says where it comes from. */
function fromThread(message, where) {
  const reply = message.thread_ts && message.thread_ts !== message.ts;
  if (!reply) return null;
  if (where === "thread") {
    return message.subtype === "thread_broadcast"
      ? h("p", { class: "from-thread" }, "Also shown in the channel")
      : null;
  }
  const parent = store.message(message.channel, message.thread_ts);
  const about = parent ? firstLine(parent) : "a thread";
  const open = () => openThread(message.channel, message.thread_ts);
  return h(
    "p",
    { class: "from-thread" },
    "In the thread ",
    h("button", { type: "button", class: "quiet", "data-focus": "from", on: { click: open } }, about),
  );
}

function firstLine(message) {
  const text = unescaped(message.text ?? "").split("\n")[0].replace(/<[^>|]*\|([^>]*)>/g, "$1");
  return text.length > 70 ? `${text.slice(0, 69)}…` : text || "a message";
}

function content(message) {
  const place = { channel: message.channel, ts: message.ts };
  const blocks = message.blocks ?? [];
  const attached = (message.attachments ?? []).map((one) =>
    h(
      "div",
      { class: "attached" },
      one.title ? h("p", { class: "heading" }, one.title) : null,
      one.blocks ? drawBlocks(one.blocks, place) : mrkdwn(one.text ?? one.fallback ?? ""),
    ),
  );
  const words = blocks.length ? drawBlocks(blocks, place) : mrkdwn(message.text ?? "");
  return h("div", { class: blocks.length ? "content card" : "content" }, words, attached);
}

function reactions(message) {
  const given = message.reactions ?? [];
  if (!given.length) return null;
  const me = route().me?.id;
  return h(
    "div",
    { class: "reactions", role: "group", "aria-label": "Reactions" },
    given.map(({ name, users }) => {
      const mine = users.includes(me);
      const who = users.map((user) => (user === me ? "you" : store.userName(user))).join(", ");
      return h(
        "button",
        {
          type: "button",
          class: "reaction",
          "aria-pressed": String(mine),
          "aria-label": `${name.replaceAll("_", " ")}, ${users.length}: ${who}`,
          title: `${who} reacted with :${name}:`,
          "data-emoji": name,
          "data-focus": `reaction/${name}`,
          on: { click: () => toggle(message, name) },
        },
        h("span", { class: "emoji" }, emojiFor(name) ?? `:${name}:`),
        h("span", { class: "count" }, users.length),
      );
    }),
    pickButton(message, "reaction add"),
  );
}

function pickButton(message, classes) {
  const button = h(
    "button",
    {
      type: "button",
      class: classes,
      "aria-label": "Add a reaction",
      "aria-haspopup": "dialog",
      title: "Add a reaction (r)",
      "data-focus": `pick/${classes}`,
      on: { click: () => openPicker(button, message) },
    },
    icon("react"),
  );
  return button;
}

function threadLink(message, { count, people, latest }, unread) {
  const open = () => openThread(message.channel, message.ts);
  return h(
    "button",
    { type: "button", class: unread ? "thread-link new" : "thread-link", "data-focus": "thread", on: { click: open } },
    h("span", { class: "faces" }, people.slice(0, 3).map(avatar)),
    h("strong", {}, count === 1 ? "1 reply" : `${count} replies`),
    unread ? h("span", { class: "unread" }, `${unread} new`) : null,
    h("span", { class: "when" }, `last ${timeText(latest)}`),
  );
}

/* What one can do with a message, beside it: shown on hover and focus, and always by touch. */
function tools(message, where) {
  const thread = message.thread_ts ?? message.ts;
  const quick = AT_HAND.map((name) =>
    h(
      "button",
      {
        type: "button",
        class: "tool",
        "aria-label": `React with ${name.replaceAll("_", " ")}`,
        "data-focus": `quick/${name}`,
        on: { click: () => toggle(message, name) },
      },
      h("span", { class: "emoji" }, emojiFor(name)),
    ),
  );
  const reply = h(
    "button",
    {
      type: "button",
      class: "tool",
      "aria-label": "Reply in the thread",
      title: "Reply in the thread (t)",
      "data-focus": "reply",
      on: { click: () => openThread(message.channel, thread) },
    },
    icon("reply"),
  );
  const own = message.user === route().me?.id ? deleteTool(message) : null;
  return h(
    "div",
    { class: "tools" },
    h(
      "div",
      { class: "tools-bar", role: "toolbar", "aria-label": "Message" },
      quick,
      pickButton(message, "tool"),
      where === "channel" ? reply : null,
      own,
    ),
  );
}

function deleteTool({ channel, ts }) {
  return h(
    "button",
    {
      type: "button",
      class: "tool",
      "aria-label": "Delete",
      title: "Delete",
      "data-focus": "delete",
      on: { click: () => act("delete", { channel, ts }) },
    },
    icon("close"),
  );
}

/* Open the thread of a message beside the channel that it stands in. */
export function openThread(channel, thread) {
  const { name, is_im: direct } = store.channels.get(channel) ?? {};
  go(direct ? { in: APP_HOME, tab: "messages", thread } : { in: name, tab: null, thread });
}

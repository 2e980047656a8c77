/*
 * Slack's mrkdwn, read into elements. What is not understood stays text; nothing is ever taken
 * for markup of the page. A construct never runs over the end of its line, except ``` blocks.
 */

import { dateText, inUtc } from "./dates.js";
import { h, outside } from "./dom.js";
import { emojiFor } from "./emoji.js";
import { store } from "./store.js";
import { route } from "./route.js";

const FENCE = /```([\s\S]+?)```/g;
const QUOTE = /^(?:&gt;|>) ?(.*)$/;
// A line that begins like an entry of a list hangs, so that its second line stands below the first.
const ENTRY = /^( *)(•|◦|○|\p{Extended_Pictographic}\uFE0F?|\d{1,3}\.) +(.+)$/u;

// What may stand inside *bold* and its like: code and links whole, else anything but the mark.
const inner = (mark) => `((?:\`[^\`\\n]+\`|<[^<>\\n]*>|[^${mark}\`<\\n])+?)`;
const wrapped = (mark) =>
  `(?<![\\p{L}\\p{N}${mark}])${mark}(?![\\s${mark}])${inner(mark)}(?<!\\s)${mark}(?![\\p{L}\\p{N}${mark}])`;

const INLINE = new RegExp(
  [
    "`([^`\\n]+)`", // 1 code
    "<([^<>\\n]+)>", // 2 mention, link, date
    wrapped("\\*"), // 3 bold
    wrapped("_"), // 4 italic
    wrapped("~"), // 5 struck out
    ":([a-z0-9_+'-]+(?:::skin-tone-[2-6])?):", // 6 emoji
    "(https?://[^\\s<>|`]+[^\\s<>|`.,;:!?)\\]'\"])", // 7 bare address
  ].join("|"),
  "gu",
);

const ENTITIES = { "&amp;": "&", "&lt;": "<", "&gt;": ">" };

/* Return text with Slack's three entities as what they stand for. */
export function unescaped(text) {
  return text.replace(/&(?:amp|lt|gt);/g, (entity) => ENTITIES[entity]);
}

/* Return the elements of a text with several lines. */
export function mrkdwn(text) {
  const parts = [];
  let from = 0;
  for (const fence of String(text).matchAll(FENCE)) {
    parts.push(...lines(text.slice(from, fence.index)));
    parts.push(h("pre", { tabindex: "0" }, unescaped(fence[1].replace(/^\n|\n$/g, ""))));
    from = fence.index + fence[0].length;
  }
  parts.push(...lines(String(text).slice(from)));
  return parts;
}

function lines(text) {
  if (!text.trim()) return [];
  const shown = [];
  let quote = null;
  for (const line of text.replace(/^\n|\n$/g, "").split("\n")) {
    const quoted = QUOTE.exec(line);
    if (!quoted) {
      quote = null;
      shown.push(oneLine(line));
    } else {
      if (!quote) shown.push((quote = h("blockquote", {})));
      quote.append(oneLine(quoted[1]));
    }
  }
  return shown;
}

function oneLine(line) {
  const entry = ENTRY.exec(line);
  if (!entry) return h("span", { class: "line" }, line.trim() ? inline(line) : "\u00a0");
  const [, indent, mark, rest] = entry;
  return h(
    "span",
    { class: indent.length > 2 ? "line entry deeper" : "line entry" },
    h("span", { class: "mark" }, `${mark} `),
    h("span", {}, inline(rest)),
  );
}

/* Return the elements of one line. */
export function inline(text) {
  const found = [];
  let from = 0;
  for (const match of text.matchAll(INLINE)) {
    const element = meaning(match);
    if (element === null) continue;
    if (match.index > from) found.push(unescaped(text.slice(from, match.index)));
    found.push(element);
    from = match.index + match[0].length;
  }
  if (from < text.length) found.push(unescaped(text.slice(from)));
  return found;
}

function meaning([, code, special, bold, italic, struck, emoji, address]) {
  if (code !== undefined) return h("code", {}, unescaped(code));
  if (special !== undefined) return inBrackets(special);
  if (bold !== undefined) return h("strong", {}, inline(bold));
  if (italic !== undefined) return h("em", {}, inline(italic));
  if (struck !== undefined) return h("s", {}, inline(struck));
  if (emoji !== undefined) return emojiShown(emoji);
  return outside(unescaped(address), unescaped(address));
}

/* Draw an emoji by its name; null for a name that Slack would not know either. */
export function emojiShown(name) {
  const character = emojiFor(name);
  if (!character) return null;
  return h("span", { class: "emoji", role: "img", "aria-label": name.replaceAll("_", " ") }, character);
}

function inBrackets(content) {
  const bar = content.indexOf("|");
  const target = bar < 0 ? content : content.slice(0, bar);
  const label = bar < 0 ? "" : unescaped(content.slice(bar + 1));
  if (target.startsWith("@")) return userShown(target.slice(1), label);
  if (target.startsWith("#")) return channelShown(target.slice(1), label);
  if (target.startsWith("!")) return calledShown(target.slice(1), label);
  return outside(unescaped(target), label || unescaped(target).replace(/^mailto:/, ""));
}

/* Draw a mention of a person. */
export function userShown(id, label = "") {
  const known = store.users.get(id);
  const mine = id === route().me?.id;
  const name = known ? known.real_name || known.name : label.replace(/^@/, "") || id;
  return h("span", { class: mine ? "mention mine" : "mention", title: known?.title }, `@${name}`);
}

/* Draw a mention of a channel. */
export function channelShown(id, label = "") {
  const name = store.channels.get(id)?.name ?? (label || id);
  return h("span", { class: "mention" }, `#${name}`);
}

/* Draw a mention of a user group. */
export function groupShown(id, label = "") {
  const group = store.usergroups.get(id);
  const mine = group?.users.includes(route().me?.id);
  const name = group ? `@${group.handle}` : label || id;
  return h("span", { class: mine ? "mention mine" : "mention", title: group?.name }, name);
}

function calledShown(content, label) {
  const [what, ...rest] = content.split("^");
  if (what === "subteam") return groupShown(rest[0], label);
  if (what === "date") return dateShown(rest[0], rest[1] ?? "", rest[2], label);
  if (["here", "channel", "everyone"].includes(what)) {
    return h("span", { class: "mention mine" }, `@${what}`);
  }
  return label || `<${content}>`;
}

/* Draw a moment in the reader's own time. */
export function dateShown(seconds, pattern, address, fallback) {
  const text = dateText(seconds, pattern) ?? fallback;
  const time = h("time", { title: inUtc(seconds) }, text);
  return address ? outside(unescaped(address), time) : time;
}

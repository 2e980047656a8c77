/* The `markdown` block: the small part of Markdown that apps use, read into elements. */

import { h, outside } from "./dom.js";

const INLINE =
  /`([^`\n]+)`|\*\*((?:`[^`\n]+`|[^*`\n])+)\*\*|(?<![\w*])\*([^*\s][^*\n]*?)\*(?!\w)|(?<!\w)_([^_\n]+)_(?!\w)|~~([^~\n]+)~~|\[([^\]\n]+)\]\(([^()\s]+)\)/g;

/* Return the elements of Markdown text. */
export function markdown(text) {
  const shown = [];
  const lines = String(text).split("\n");
  for (let at = 0; at < lines.length; ) at = take(lines, at, shown);
  return shown;
}

/* Read one thing that begins in a line; return the line after it. */
function take(lines, at, shown) {
  const line = lines[at];
  if (!line.trim()) return at + 1;
  if (line.startsWith("```")) {
    const end = from(lines, at + 1, (one) => one.startsWith("```"));
    shown.push(h("pre", { tabindex: "0" }, lines.slice(at + 1, end).join("\n")));
    return end + 1;
  }
  const heading = /^(#{1,6}) +(.+)$/.exec(line);
  if (heading) {
    shown.push(h("p", { class: `heading heading-${heading[1].length}` }, inline(heading[2])));
    return at + 1;
  }
  if (/^(?:---+|\*\*\*+)\s*$/.test(line)) {
    shown.push(h("hr"));
    return at + 1;
  }
  for (const [entry, tag] of [[/^ *[-*+] +/, "ul"], [/^ *\d+[.)] +/, "ol"], [/^> ?/, "blockquote"]]) {
    if (!entry.test(line)) continue;
    const end = from(lines, at, (one) => !entry.test(one));
    const inside = lines.slice(at, end).map((one) => inline(one.replace(entry, "")));
    const item = tag === "blockquote" ? "span" : "li";
    shown.push(h(tag, { class: "rich" }, inside.map((one) => h(item, { class: "line" }, one))));
    return end;
  }
  const end = from(lines, at + 1, (one) => !one.trim() || /^(?:```|#|>|[-*+] |\d+[.)] )/.test(one));
  shown.push(h("p", {}, inline(lines.slice(at, end).join(" "))));
  return end;
}

function from(lines, at, isEnd) {
  const found = lines.slice(at).findIndex(isEnd);
  return found < 0 ? lines.length : at + found;
}

function inline(text) {
  const found = [];
  let at = 0;
  for (const match of text.matchAll(INLINE)) {
    const [whole, code, bold, star, line, struck, label, address] = match;
    if (match.index > at) found.push(text.slice(at, match.index));
    if (code !== undefined) found.push(h("code", {}, code));
    else if (bold !== undefined) found.push(h("strong", {}, inline(bold)));
    else if (star ?? line) found.push(h("em", {}, inline(star ?? line)));
    else if (struck !== undefined) found.push(h("s", {}, inline(struck)));
    else found.push(outside(address, inline(label)));
    at = match.index + whole.length;
  }
  if (at < text.length) found.push(text.slice(at));
  return found;
}

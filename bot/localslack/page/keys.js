/* Keys: single letters where nobody types, explained by `?`, and to be switched off there. */

import { fill, h } from "./dom.js";
import { openThread } from "./message.js";
import { AT_HAND, openPicker, toggle } from "./picker.js";
import { store } from "./store.js";

const KEY = "localslack.single-keys";

const HELP = [
  ["Get around", [
    ["↓ ↑ or j k", "Next or earlier message"],
    ["t", "Open the thread of the message"],
    ["m", "Write a message"],
    ["/", "Type a command"],
    ["Esc", "Close what is open, the thread last"],
  ]],
  ["On a message", [
    ["1 2 3", "React with ✅ ❌ 👀, or take it back"],
    ["r", "Choose another reaction"],
    ["Tab", "To its buttons"],
  ]],
  ["People and page", [
    ["p, then 1 to 9", "Become another person"],
    ["c", "To the list of channels"],
    ["i", "What goes between app and Slack"],
    ["d", "Light, dark, or as the system has it"],
    ["?", "This help"],
  ]],
  ["While typing", [
    ["Enter", "Send"],
    ["Shift Enter", "A new line"],
    ["↑ in an empty field", "What you sent before"],
    ["Tab", "Take the first suggestion"],
  ]],
];

/* Whether single letters do something. */
function singleKeys() {
  try {
    return localStorage.getItem(KEY) !== "off";
  } catch {
    return true;
  }
}

/* Listen to keys; `deeds` are what the page can do. */
export function listenToKeys(deeds) {
  document.addEventListener("keydown", (event) => {
    if (event.defaultPrevented || event.ctrlKey || event.metaKey || event.altKey) return;
    if (document.querySelector("dialog[open]")) return;
    if (event.key === "Escape") return deeds.back();
    if (isTyping(event.target) || !singleKeys()) return;
    const message = event.target.closest?.("article.message");
    if (onMessage(event.key, message) || walked(event, message, deeds.log()) || onPage(event.key, deeds)) {
      event.preventDefault();
    }
  });
}

function isTyping(target) {
  if (target.matches?.("input[type=radio], input[type=checkbox]")) return false;
  return Boolean(target.closest?.("input, textarea, select, [contenteditable]"));
}

function onMessage(key, element) {
  const { channel, ts } = element?.dataset ?? {};
  const message = channel && store.message(channel, ts);
  if (!message) return false;
  if (AT_HAND["123".indexOf(key)]) toggle(message, AT_HAND["123".indexOf(key)]);
  else if (key === "r") openPicker(element, message);
  else if (key === "t") openThread(channel, message.thread_ts ?? ts);
  else return false;
  return true;
}

function walked({ key, target }, message, log) {
  const step = { ArrowDown: 1, j: 1, ArrowUp: -1, k: -1 }[key];
  if (!step) return false;
  const inside = message?.closest(".log") ?? (target.closest?.(".log") || log);
  // Arrows scroll elsewhere; among messages, and from the list itself, they go from one to the next.
  if (key.startsWith("Arrow") && !message && !target.classList?.contains("log")) return false;
  const all = [...(inside?.querySelectorAll("article.message") ?? [])];
  const at = message ? all.indexOf(message) + step : all.length - 1;
  const next = all[Math.min(Math.max(at, 0), all.length - 1)];
  next?.focus({ preventScroll: true });
  next?.scrollIntoView({ block: "nearest" });
  return true;
}

function onPage(key, deeds) {
  const deed = {
    m: deeds.write,
    "/": () => deeds.write("/"),
    p: deeds.people,
    c: deeds.channels,
    i: deeds.inspector,
    d: deeds.theme,
    "?": showHelp,
  }[key];
  if (!deed) return false;
  deed();
  return true;
}

/* Explain the keys. */
export function showHelp() {
  const singly = h("input", { type: "checkbox" });
  singly.checked = singleKeys();
  singly.addEventListener("change", () => localStorage.setItem(KEY, singly.checked ? "on" : "off"));
  const close = h("button", { type: "button", class: "button primary" }, "Close");
  const dialog = h("dialog", { class: "dialog help", "aria-labelledby": "help-title" });
  fill(
    dialog,
    h("h2", { id: "help-title" }, "Keys"),
    h("div", { class: "dialog-body help-parts" }, HELP.map(part)),
    h("label", { class: "choice" }, singly, h("span", {}, "Single letters are keys")),
    h("div", { class: "dialog-end" }, close),
  );
  close.addEventListener("click", () => dialog.close());
  dialog.addEventListener("close", () => dialog.remove());
  document.body.append(dialog);
  dialog.showModal();
}

function part([title, keys]) {
  return h(
    "section",
    {},
    h("h3", {}, title),
    h("dl", {}, keys.map(([key, about]) => h("div", {}, h("dt", {}, h("kbd", {}, key)), h("dd", {}, about)))),
  );
}

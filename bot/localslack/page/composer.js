/* Where one types: messages, commands, with suggestions, and what one typed before. */

import { act } from "./acts.js";
import { fill, h, icon, spoken } from "./dom.js";
import { suggest } from "./suggestions.js";
import { store } from "./store.js";

const LONGEST_HISTORY = 50;

const drafts = new Map();
const history = new Map(); // by person: what they sent, oldest first
let count = 0;

/* Make a composer; `show` it for {me, channel, thread}. */
export function createComposer({ label }) {
  const id = `composer-${(count += 1)}`;
  const field = h("textarea", {
    id,
    rows: "1",
    "aria-label": label,
    "aria-autocomplete": "list",
    "aria-controls": `${id}-list`,
    autocomplete: "off",
    disabled: true, // until it is known where one is
  });
  const list = h("div", { class: "suggestions", id: `${id}-list`, role: "listbox", hidden: true, "aria-label": "Suggestions" });
  const send = h("button", { type: "submit", class: "send", title: "Send (Enter)" }, icon("send"), spoken("Send"));
  const note = h("p", { class: "composer-note", role: "status" });
  const form = h("form", { class: "composer" }, list, note, h("div", { class: "composer-row" }, field, send));

  let place = null;
  let key = "";
  let offered = null;
  let active = -1;
  let back = 0; // how far one has gone back in what was typed before
  let waits = 0;

  // ------------------------------------------------------------------ suggestions

  function look() {
    offered = document.activeElement === field ? suggest(field.value, field.selectionStart, place?.me) : null;
    active = offered?.eager ? 0 : -1;
    drawList();
  }

  function close() {
    offered = null;
    drawList();
  }

  function drawList() {
    list.hidden = !offered;
    fill(list, (offered?.items ?? []).map(option));
    const chosen = list.children[active];
    if (chosen) field.setAttribute("aria-activedescendant", chosen.id);
    else field.removeAttribute("aria-activedescendant");
    chosen?.scrollIntoView({ block: "nearest" });
  }

  function option(item, index) {
    const take = (event) => {
      event.preventDefault(); // the field keeps the focus
      choose(item);
    };
    return h(
      "div",
      {
        id: `${id}-option-${index}`,
        class: "suggestion",
        role: "option",
        "aria-selected": String(index === active),
        on: { mousedown: take },
      },
      h("span", { class: "suggestion-title" }, titleOf(item)),
      item.about ? h("span", { class: "suggestion-about" }, item.about) : null,
    );
  }

  function titleOf({ title, now }) {
    if (!now) return title;
    const at = title.lastIndexOf(now);
    return [title.slice(0, at), h("mark", {}, now), title.slice(at + now.length)];
  }

  function choose(item) {
    if (!item?.insert) return close();
    const rest = field.value.slice(field.selectionStart);
    const start = field.value.slice(0, offered.from) + item.insert;
    field.value = start + rest;
    field.setSelectionRange(start.length, start.length);
    typed();
  }

  // ---------------------------------------------------------------------- typing

  function typed() {
    drafts.set(key, field.value);
    grow();
    look();
  }

  function grow() {
    field.style.setProperty("height", "auto");
    field.style.setProperty("height", `${Math.min(field.scrollHeight + 2, 200)}px`);
  }

  function recall(step) {
    const mine = history.get(place.me.id) ?? [];
    const next = Math.min(Math.max(back + step, 0), mine.length);
    if (next === back) return;
    back = next;
    field.value = back ? mine[mine.length - back] : "";
    field.setSelectionRange(field.value.length, field.value.length);
    drafts.set(key, field.value);
    grow();
  }

  function pressed(event) {
    if (event.isComposing) return;
    if (offered && heard(event)) {
      event.preventDefault();
      return;
    }
    const { key: name, shiftKey } = event;
    if (name === "Enter" && !shiftKey) {
      event.preventDefault();
      form.requestSubmit();
    } else if (name === "ArrowUp" && (!field.value || back)) {
      event.preventDefault();
      recall(1);
    } else if (name === "ArrowDown" && back) {
      event.preventDefault();
      recall(-1);
    }
  }

  /* Whether a key belonged to the suggestions. */
  function heard({ key: name, shiftKey }) {
    const { items } = offered;
    const selectable = items.some((item) => item.insert);
    if (name === "Escape") close();
    else if ((name === "ArrowDown" || name === "ArrowUp") && selectable) {
      const step = name === "ArrowDown" ? 1 : -1;
      active = active < 0 && step < 0 ? items.length - 1 : (active + step + items.length) % items.length;
      drawList();
    } else if (name === "Tab" && !shiftKey && selectable) choose(items[Math.max(active, 0)]);
    else if (name === "Enter" && !shiftKey && active >= 0 && selectable) choose(items[active]);
    else return false;
    return true;
  }

  // --------------------------------------------------------------------- sending

  async function submit(event) {
    event.preventDefault();
    const text = field.value.trim();
    if (!text || !place) return;
    remember(text);
    field.value = "";
    typed();
    const { channel, thread } = place;
    const isCommand = text.startsWith("/");
    const from = key;
    if (isCommand) wait(1, text.split(/\s/)[0]);
    const details = { channel: channel.id, text, ...(thread ? { thread_ts: thread } : {}) };
    const answer = await act(isCommand ? "command" : "message", details);
    if (isCommand) wait(-1, "");
    if (answer === null || (!answer.ok && !answer.saw)) restore(from, text);
  }

  function wait(step, command) {
    waits += step;
    fill(note, waits ? `${command} is on its way to the app…` : "");
  }

  function remember(text) {
    const mine = (history.get(place.me.id) ?? []).filter((one) => one !== text);
    history.set(place.me.id, [...mine, text].slice(-LONGEST_HISTORY));
    back = 0;
  }

  /* What was not sent must not be lost. */
  function restore(from, text) {
    if (drafts.get(from)) return;
    drafts.set(from, text);
    if (from === key) {
      field.value = text;
      grow();
    }
  }

  field.addEventListener("keydown", pressed);
  field.addEventListener("input", () => {
    back = 0;
    typed();
  });
  field.addEventListener("click", look);
  field.addEventListener("blur", close);
  form.addEventListener("submit", submit);

  function show({ me, channel, thread = null }) {
    place = { me, channel, thread };
    const now = `${me.id} ${channel.id} ${thread ?? ""}`;
    if (now !== key) {
      key = now;
      back = 0;
      field.value = drafts.get(key) ?? "";
      grow();
      close();
    }
    const roomy = field.clientWidth > 360;
    const commands = store.app.commands?.length && !thread && roomy ? ", or / for a command" : "";
    const what = thread ? "Reply" : `Message ${channel.is_im ? "the app" : `#${channel.name}`}`;
    field.placeholder = `${what} as ${me.real_name.split(" ")[0]}${commands}`;
    const barred = !channel.members.includes(me.id) || channel.is_archived;
    form.classList.toggle("barred", barred);
    field.disabled = send.disabled = barred;
    if (barred) field.placeholder = channel.is_archived ? "This channel is archived" : "You are not in this channel";
  }

  return { element: form, field, show };
}

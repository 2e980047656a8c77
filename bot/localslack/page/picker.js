/* The small window in which one picks an emoji: three at hand, the rest by name. */

import { act } from "./acts.js";
import { fill, h } from "./dom.js";
import { emojiFor, findEmoji } from "./emoji.js";
import { route } from "./route.js";
import { store } from "./store.js";

export const AT_HAND = ["white_check_mark", "x", "eyes"];

const MOST_SHOWN = 48;

/* Put a reaction on a message, or take one's own away. */
export function toggle({ channel, ts }, name) {
  const reactions = store.message(channel, ts)?.reactions ?? [];
  const mine = reactions.find((one) => one.name === name)?.users.includes(route().me?.id);
  return act(mine ? "unreact" : "react", { channel, ts, emoji: name });
}

/* Open the window beside a button, for a message. */
export function openPicker(button, message) {
  const search = h("input", {
    type: "search",
    placeholder: "Search by name",
    "aria-label": "Search emoji by name",
    autocomplete: "off",
    spellcheck: "false",
  });
  const found = h("div", { class: "picker-grid", role: "group", "aria-label": "Emoji" });
  const name = h("p", { class: "picker-name", "aria-hidden": "true" });
  const dialog = h(
    "dialog",
    { class: "picker", "aria-label": "React" },
    h("div", { class: "picker-hand" }, AT_HAND.map((one) => choice(one, emojiFor(one)))),
    search,
    found,
    name,
  );

  function choice(emoji, character) {
    const say = () => fill(name, `:${emoji}:`);
    return h(
      "button",
      {
        type: "button",
        class: "picker-choice",
        "aria-label": emoji.replaceAll("_", " "),
        "data-emoji": emoji,
        on: { click: () => pick(emoji), focus: say, pointerenter: say },
      },
      h("span", { class: "emoji" }, character),
    );
  }

  function show() {
    const all = findEmoji(search.value, MOST_SHOWN);
    fill(found, all.map(({ name: emoji, character }) => choice(emoji, character)));
    if (!all.length) fill(found, h("p", { class: "hint" }, "Slack has no emoji of that name."));
  }

  function close() {
    dialog.remove();
    if (button.isConnected) button.focus({ preventScroll: true });
  }

  function pick(emoji) {
    close();
    toggle(message, emoji);
  }

  search.addEventListener("input", show);
  search.addEventListener("keydown", (event) => {
    const first = found.querySelector("button");
    if (event.key === "Enter" && first) pick(first.dataset.emoji);
    if (event.key === "ArrowDown" && first) first.focus();
    if (["Enter", "ArrowDown"].includes(event.key)) event.preventDefault();
  });
  found.addEventListener("keydown", (event) => walk(event, found, search));
  dialog.addEventListener("cancel", close);
  dialog.addEventListener("click", (event) => event.target === dialog && close());
  show();
  document.body.append(dialog);
  dialog.showModal();
  place(dialog, button);
  search.focus();
}

/* Arrow keys go through the grid, and from its first row back to the search. */
function walk(event, grid, search) {
  const all = [...grid.querySelectorAll("button")];
  const at = all.indexOf(document.activeElement);
  const across = all.filter((one) => one.offsetTop === all[0]?.offsetTop).length || 1;
  const step = { ArrowLeft: -1, ArrowRight: 1, ArrowUp: -across, ArrowDown: across }[event.key];
  if (!step || at < 0) return;
  event.preventDefault();
  if (at + step < 0) search.focus();
  else all[Math.min(at + step, all.length - 1)].focus();
}

/* Beside the button where there is room, else as far in as needed; CSS puts it below on a phone. */
function place(dialog, button) {
  const edge = 8;
  const { left, bottom, top } = button.getBoundingClientRect();
  const { offsetWidth: width, offsetHeight: height } = dialog;
  const below = bottom + edge + height < innerHeight;
  const x = Math.max(edge, Math.min(left, innerWidth - width - edge));
  const y = below ? bottom + edge : Math.max(edge, top - height - edge);
  dialog.style.setProperty("--x", `${x}px`);
  dialog.style.setProperty("--y", `${y}px`);
}

/* Short words that go away by themselves; and what only a screen reader says. */

import { fill, h } from "./dom.js";

const SECONDS_TO_READ = 6;

/* Say something that went wrong, or is worth a word. */
export function toast(text) {
  const shown = h("p", { class: "toast" }, text);
  document.getElementById("toasts").append(shown);
  setTimeout(() => shown.remove(), SECONDS_TO_READ * 1000);
}

/* Let a screen reader say something when it has time. */
export function announce(text) {
  fill(document.getElementById("announcer"), text);
}

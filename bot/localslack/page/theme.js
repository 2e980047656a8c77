/* Light, dark, or as the system has it. */

import { toast } from "./toasts.js";

const KEY = "localslack.theme";
const THEMES = { auto: "as the system has it", light: "light", dark: "dark" };

/* Take the theme that was chosen before. */
export function restoreTheme() {
  try {
    set(localStorage.getItem(KEY));
  } catch {
    set("auto");
  }
}

/* Go on to the next theme, and say which. */
export function nextTheme() {
  const names = Object.keys(THEMES);
  const next = names[(names.indexOf(document.documentElement.dataset.theme) + 1) % names.length];
  set(next);
  toast(`Colours: ${THEMES[next]}`);
  try {
    localStorage.setItem(KEY, next);
  } catch {
    return; // it holds until the page is closed
  }
}

function set(name) {
  document.documentElement.dataset.theme = name in THEMES ? name : "auto";
}

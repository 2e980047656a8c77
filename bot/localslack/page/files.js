/* Files in messages: text with its first lines, pictures, and a way to keep each. */

import { h, icon } from "./dom.js";

const LINES_SHOWN = 8;
const LARGEST_SHOWN = 200_000;

/* Draw a file. */
export function fileShown(file) {
  const address = `control/file/${encodeURIComponent(file.id)}`;
  const picture = /^image\/(?:png|jpeg|gif|webp)$/.test(file.mimetype ?? "");
  const text = /^text\/|json|xml|toml|yaml/.test(file.mimetype ?? "") && file.size <= LARGEST_SHOWN;
  return h(
    "div",
    { class: "file" },
    h(
      "a",
      { href: address, download: file.name, class: "file-head" },
      icon("file"),
      h("span", { class: "file-name" }, file.title || file.name),
      h("span", { class: "file-size" }, sizeText(file.size)),
    ),
    picture ? h("img", { src: address, alt: file.title || file.name }) : null,
    text ? preview(address) : null,
  );
}

function preview(address) {
  const shown = h("pre", { tabindex: "0", class: "file-text" });
  const more = h("button", { type: "button", class: "quiet", "aria-expanded": "false" });
  const whole = h("div", { class: "file-preview" }, shown, more);
  whole.hidden = true;
  readText(address).then((text) => {
    if (text === null) return;
    const lines = text.split("\n");
    const first = lines.slice(0, LINES_SHOWN).join("\n");
    shown.textContent = first;
    whole.hidden = false;
    more.hidden = lines.length <= LINES_SHOWN;
    more.textContent = `Show all ${lines.length} lines`;
    more.addEventListener("click", () => {
      const open = more.getAttribute("aria-expanded") === "false";
      more.setAttribute("aria-expanded", String(open));
      more.textContent = open ? "Show less" : `Show all ${lines.length} lines`;
      shown.textContent = open ? text : first;
    });
  });
  return whole;
}

async function readText(address) {
  try {
    const answer = await fetch(address);
    return answer.ok ? await answer.text() : null;
  } catch {
    return null; // the name and the way to keep it are there all the same
  }
}

function sizeText(bytes) {
  const units = ["bytes", "kB", "MB", "GB"];
  const power = Math.min(Math.floor(Math.log10(Math.max(bytes, 1)) / 3), units.length - 1);
  const value = bytes / 1000 ** power;
  return `${power ? value.toFixed(1) : value} ${units[power]}`;
}

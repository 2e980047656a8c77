/* Building elements. Text always becomes text; there is no way to pass markup. */

const SVG = "http://www.w3.org/2000/svg";

/* Make an element. `on` holds listeners; false, null and undefined leave an attribute out. */
export function h(tag, attributes = {}, ...children) {
  const element = document.createElement(tag);
  for (const [name, value] of Object.entries(attributes ?? {})) {
    if (value === undefined || value === null || value === false) continue;
    if (name === "on") {
      for (const [event, listener] of Object.entries(value)) {
        element.addEventListener(event, listener);
      }
    } else {
      element.setAttribute(name, value === true ? "" : String(value));
    }
  }
  return fill(element, ...children);
}

/* Replace what an element contains. */
export function fill(element, ...children) {
  element.replaceChildren(...children.flat(Infinity).filter((child) => child || child === 0));
  return element;
}

/* Text for screen readers only. */
export function spoken(text) {
  return h("span", { class: "visually-hidden" }, text);
}

const ICONS = {
  hash: "M9 4 7 20M17 4l-2 16M4 9h16M4 15h16",
  lock: "M6 11h12v9H6zM8.5 11V8a3.5 3.5 0 0 1 7 0v3",
  at: "M16 12a4 4 0 1 1-1.2-2.9M16 8v5.2a2.4 2.4 0 0 0 4.8 0V12a8.8 8.8 0 1 0-3.4 7",
  back: "M15 5l-7 7 7 7",
  close: "M6 6l12 12M18 6 6 18",
  menu: "M4 7h16M4 12h16M4 17h16",
  theme: "M12 3a9 9 0 1 0 9 9 7 7 0 0 1-9-9z",
  help: "M9.2 9a2.9 2.9 0 1 1 4.3 2.6c-1 .6-1.5 1.1-1.5 2.4M12 17.6v.1",
  traffic: "M4 12h4l2.5-7 4 14 2.5-7h3",
  react: "M12 21a9 9 0 1 1 9-9M8.5 14a4 4 0 0 0 6 1.3M9 9.6v.1M15 9.6v.1M19 15.5v6M16 18.5h6",
  reply: "M10 6 4 12l6 6M4 12h9a7 7 0 0 1 7 7",
  send: "M5 12h13M12 5l7 7-7 7",
  file: "M7 3h7l5 5v13H7zM14 3v5h5",
  down: "M12 5v13M6 12l6 6 6-6",
  home: "M4 11l8-7 8 7v9h-5v-6H9v6H4z",
};

/* Draw one of our icons; it says nothing to screen readers. */
export function icon(name) {
  const svg = document.createElementNS(SVG, "svg");
  const path = document.createElementNS(SVG, "path");
  svg.setAttribute("viewBox", "0 0 24 24");
  svg.setAttribute("class", "icon");
  svg.setAttribute("aria-hidden", "true");
  path.setAttribute("d", ICONS[name]);
  svg.append(path);
  return svg;
}

/* Return an address that is safe to link to, or null: only the web and mail. */
export function safeAddress(address) {
  try {
    const url = new URL(String(address), location.href);
    return ["http:", "https:", "mailto:"].includes(url.protocol) ? url.href : null;
  } catch {
    return null;
  }
}

/* A link to elsewhere; without a safe address only its words. */
export function outside(address, ...words) {
  const href = safeAddress(address);
  if (!href) return h("span", {}, ...words);
  return h("a", { href, target: "_blank", rel: "noopener noreferrer" }, ...words);
}

/*
 * Show items as children of a container, in order. An item is built again only when one of its
 * `needs` is another than before; focus inside it survives that.
 */
export function keep(container, items) {
  const before = container.kept ?? new Map();
  const after = new Map();
  for (const { key, needs, build } of items) {
    const old = before.get(key);
    const same = old && old.needs.length === needs.length;
    if (same && old.needs.every((need, index) => need === needs[index])) {
      after.set(key, old);
    } else {
      after.set(key, { needs, element: replaced(old?.element, build()) });
    }
  }
  for (const [key, { element }] of before) {
    if (after.get(key)?.element !== element) element.remove();
  }
  let place = container.firstElementChild;
  for (const { element } of after.values()) {
    if (element === place) place = place.nextElementSibling;
    else container.insertBefore(element, place);
  }
  container.kept = after;
}

function replaced(old, element) {
  if (!old?.contains(document.activeElement)) {
    old?.replaceWith(element);
    return element;
  }
  const held = document.activeElement;
  const name = held === old ? null : held.dataset.focus;
  old.replaceWith(element);
  const found = name && element.querySelector(`[data-focus="${CSS.escape(name)}"]`);
  (found || element).focus({ preventScroll: true });
  return element;
}

/* What goes between the app and Slack, line by line: calls, deliveries, answers, errors. */

import { clockSeconds } from "./dates.js";
import { fill, h, icon, spoken } from "./dom.js";
import { addTraffic, store } from "./store.js";

const MOST_SHOWN = 400;

const FILTERS = {
  all: ["All", () => true],
  api: ["Calls", (line) => line.kind === "api" || line.kind === "response_url"],
  delivery: ["Deliveries", (line) => line.kind === "delivery"],
  ack: ["Acks", (line) => line.kind === "ack"],
  socket: ["Connections", (line) => line.kind === "socket" || line.kind === "fault"],
  wrong: ["Problems", (line) => line.ok === false || line.kind === "fault"],
};

const WAYS = { api: ["→", "app to Slack"], response_url: ["→", "app to Slack"], ack: ["→", "app to Slack"], delivery: ["←", "Slack to app"] };

/* Make the drawer; it asks for what was before it was opened. */
export function createInspector(element, { close }) {
  let filter = "all";
  let drawn = null;
  const search = h("input", { type: "search", placeholder: "Filter", "aria-label": "Filter the traffic", spellcheck: "false" });
  const chips = h("div", { class: "chips", role: "group", "aria-label": "Kinds" });
  const count = h("span", { class: "traffic-count", role: "status" });
  const lines = h("div", { class: "traffic", tabindex: "0", role: "region", "aria-label": "Lines, newest first" });
  const shut = h("button", { type: "button", class: "tool", "aria-label": "Close the inspector", on: { click: close } }, icon("close"));
  fill(element, h("div", { class: "inspector-head" }, h("h2", {}, "Traffic"), chips, search, count, shut), lines);
  search.addEventListener("input", draw);

  for (const [name, [label]] of Object.entries(FILTERS)) {
    const pick = () => {
      filter = name;
      draw();
    };
    chips.append(h("button", { type: "button", class: "chip", "data-filter": name, on: { click: pick } }, label));
  }

  async function open() {
    element.hidden = false;
    drawn = null;
    try {
      const answer = await fetch("control/traffic");
      const { traffic } = await answer.json();
      const known = store.traffic;
      store.traffic = [];
      addTraffic(store, traffic);
      addTraffic(store, known);
    } catch {
      return; // the page says already that the connection is lost
    }
    show();
  }

  function show() {
    if (element.hidden || drawn === store.traffic) return;
    draw();
  }

  function draw() {
    drawn = store.traffic;
    for (const chip of chips.children) chip.setAttribute("aria-pressed", String(chip.dataset.filter === filter));
    const wanted = search.value.trim().toLowerCase();
    const fits = FILTERS[filter][1];
    const found = store.traffic.filter(
      (line) => fits(line) && (!wanted || JSON.stringify(line).toLowerCase().includes(wanted)),
    );
    const open = new Set([...lines.querySelectorAll("details[open]")].map((one) => one.dataset.seq));
    const acked = new Map(store.traffic.filter((one) => one.kind === "ack" && one.ok).map((one) => [one.envelope_id, one.at]));
    const shown = found.slice(-MOST_SHOWN).reverse();
    fill(count, `${found.length} of ${store.traffic.length}`);
    fill(lines, shown.map((line) => row(line, acked.get(line.envelope_id), open.has(String(line.seq)))));
  }

  return { open, show, focus: () => search.focus() };
}

function row(line, ackedAt, open) {
  const [sign, words] = WAYS[line.kind] ?? ["·", ""];
  const details = h(
    "details",
    { class: line.ok === false ? "line-of wrong" : "line-of", "data-seq": line.seq, "data-kind": line.kind, open },
    h(
      "summary",
      {},
      h("span", { class: "line-time" }, `${clockSeconds(new Date(line.at * 1000))}.${String(Math.floor((line.at % 1) * 1000)).padStart(3, "0")}`),
      h("span", { class: "line-way", title: words }, sign),
      h("span", { class: "line-name" }, nameOf(line)),
      h("span", { class: "line-about" }, aboutOf(line)),
      h("span", { class: "line-end" }, endOf(line, ackedAt)),
      spoken(words ? `, ${words}` : ""),
    ),
  );
  const body = () => details.children.length < 2 && details.append(h("pre", { tabindex: "0" }, JSON.stringify(line, null, 2)));
  details.addEventListener("toggle", body);
  if (open) body();
  return details;
}

function nameOf(line) {
  if (line.kind === "api") return line.method;
  if (line.kind === "delivery") return line.payload?.event?.type ?? line.payload?.command ?? line.payload?.type ?? line.type;
  if (line.kind === "socket") return `connection ${line.event}`;
  if (line.kind === "fault") return `fault: ${line.fault}`;
  return line.kind;
}

function aboutOf(line) {
  const given = line.args ?? line.payload ?? line.body ?? {};
  const event = given.event ?? {};
  const user = store.users.get(event.user ?? given.user_id ?? given.user?.id)?.name;
  const text = given.text ?? event.text ?? event.reaction ?? given.actions?.[0]?.action_id ?? given.name ?? given.view?.callback_id;
  const retry = line.retry_attempt ? `attempt ${line.retry_attempt + 1}` : "";
  const named = line.reason ?? (line.connection && line.kind === "socket" ? `#${line.connection}` : "");
  return [user, text, retry, named].filter(Boolean).join(" · ").replaceAll("\n", " ").slice(0, 200);
}

function endOf(line, ackedAt) {
  if (line.ok === false) return `${line.status ?? ""} ${line.error ?? "failed"}`.trim();
  if (line.kind === "delivery" && ackedAt) return `ack ${Math.max(0, Math.round((ackedAt - line.at) * 1000))} ms`;
  return line.kind === "delivery" ? "no ack yet" : "ok";
}

/*
 * Block Kit, drawn. `place` says where the blocks stand, for whoever clicks in them: a message
 * ({channel, ts}), a modal ({view_id}) or the app's home ({home: true}).
 */

import { h, outside, safeAddress, spoken } from "./dom.js";
import { element as interactive } from "./elements.js";
import { input } from "./inputs.js";
import { markdown } from "./markdown.js";
import { richText } from "./richtext.js";
import { plain, textShown } from "./texts.js";

/* Return the elements of a list of blocks. */
export function drawBlocks(blocks, place) {
  return blocks.map((block) => {
    const draw = BLOCKS[block.type] ?? unknown;
    return h("div", { class: `block block-${block.type}` }, draw(block, place));
  });
}

const BLOCKS = {
  header: (block) => h("h3", {}, plain(block.text)),
  divider: () => h("hr"),
  section,
  context: (block) => block.elements.map(inContext),
  actions: (block, place) => block.elements.map((one) => interactive(one, block, place)),
  rich_text: richText,
  markdown: (block) => markdown(block.text),
  image,
  table,
  plan,
  task_card: (block) => task(block),
  input: (block, place) => input(block, place),
};

function unknown(block) {
  return h("p", { class: "unknown" }, `A block of the type “${block.type}”, which this page does not draw.`);
}

function section(block, place) {
  const fields = (block.fields ?? []).map((field) => h("div", { class: "field" }, textShown(field)));
  return [
    h(
      "div",
      { class: "section-text" },
      textShown(block.text),
      fields.length ? h("div", { class: "fields" }, fields) : null,
    ),
    block.accessory ? h("div", { class: "accessory" }, accessory(block, place)) : null,
  ];
}

function accessory(block, place) {
  const one = block.accessory;
  return one.type === "image" ? image(one) : interactive(one, block, place);
}

function inContext(element) {
  if (element.type === "image") return image(element);
  return h("div", { class: "small-print" }, textShown(element));
}

/* An image from elsewhere is not loaded: this page asks nobody but its own server. */
function image(block) {
  const own = block.slack_file?.id ? `control/file/${encodeURIComponent(block.slack_file.id)}` : null;
  const given = safeAddress(block.image_url ?? "");
  const near = given && new URL(given).origin === location.origin ? given : null;
  const title = block.title ? h("figcaption", {}, plain(block.title)) : null;
  if (own || near) {
    return h("figure", {}, h("img", { src: own ?? near, alt: block.alt_text }), title);
  }
  return h(
    "figure",
    { class: "elsewhere" },
    h("span", { role: "img", "aria-label": block.alt_text }, outside(given, `Image: ${block.alt_text}`)),
    title,
  );
}

function table(block) {
  const [first = [], ...rest] = block.rows ?? [];
  const settings = block.column_settings ?? [];
  const cell = (tag) => (one, column) =>
    h(tag, { class: `to-${settings[column]?.align ?? "left"}` }, inCell(one));
  return h(
    "div",
    { class: "scrolls", tabindex: "0", role: "region", "aria-label": "Table" },
    h(
      "table",
      {},
      h("thead", {}, h("tr", {}, first.map(cell("th")))),
      h("tbody", {}, rest.map((row) => h("tr", {}, row.map(cell("td"))))),
    ),
  );
}

function inCell(cell) {
  return cell?.type === "rich_text" ? richText(cell) : (cell?.text ?? "");
}

const STATUS = {
  pending: ["", "to come"],
  in_progress: ["", "under way"],
  complete: ["✓", "done"],
  error: ["✕", "failed"],
};

function plan(block) {
  const tasks = (block.tasks ?? []).map((one) => h("li", {}, task(one)));
  return h("div", { class: "plan" }, h("p", { class: "plan-title" }, block.title), h("ol", {}, tasks));
}

function task(card) {
  const status = card.status in STATUS ? card.status : "pending";
  const [sign, words] = STATUS[status];
  const more = [card.details, card.output].filter((one) => one?.type === "rich_text");
  return h(
    "div",
    { class: `task task-${status}` },
    h("span", { class: "task-sign", "aria-hidden": "true" }, sign),
    h("span", {}, card.title, spoken(` (${words})`)),
    more.map((one) => h("div", { class: "task-more" }, richText(one))),
  );
}

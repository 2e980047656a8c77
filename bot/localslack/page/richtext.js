/* Rich text blocks: what Slack's own editor makes, and what the bot prints device text with. */

import { h, outside } from "./dom.js";
import { channelShown, dateShown, emojiShown, groupShown, userShown } from "./mrkdwn.js";

const STYLES = { bold: "strong", italic: "em", strike: "s", code: "code" };

/* Return the elements of a rich_text block. */
export function richText(block) {
  return (block.elements ?? []).map(part);
}

function part(element) {
  const inside = () => (element.elements ?? []).map(piece);
  switch (element.type) {
    case "rich_text_section":
      return h("p", { class: "rich" }, inside());
    case "rich_text_preformatted":
      return h("pre", { tabindex: "0" }, inside());
    case "rich_text_quote":
      return h("blockquote", {}, h("span", { class: "rich" }, inside()));
    case "rich_text_list":
      return list(element);
    default:
      return null;
  }
}

function list({ style, indent = 0, elements = [] }) {
  const items = elements.map((item) => h("li", {}, (item.elements ?? []).map(piece)));
  return h(style === "ordered" ? "ol" : "ul", { class: `rich indent-${Math.min(indent, 3)}` }, items);
}

function piece(element) {
  const shown = unstyled(element);
  return Object.entries(STYLES).reduce(
    (inner, [name, tag]) => (element.style?.[name] ? h(tag, {}, inner) : inner),
    shown,
  );
}

function unstyled(element) {
  switch (element.type) {
    case "text":
      return element.text;
    case "emoji":
      return emojiShown(element.name) ?? `:${element.name}:`;
    case "link":
      return outside(element.url, element.text || element.url);
    case "user":
      return userShown(element.user_id);
    case "usergroup":
      return groupShown(element.usergroup_id);
    case "channel":
      return channelShown(element.channel_id);
    case "broadcast":
      return h("span", { class: "mention mine" }, `@${element.range}`);
    case "date":
      return dateShown(element.timestamp, element.format ?? "", element.url, element.fallback);
    case "color":
      return element.value;
    default:
      return "";
  }
}

/* Text objects of Block Kit, drawn. */

import { inline, mrkdwn, unescaped } from "./mrkdwn.js";

/* Return a text object's elements: mrkdwn, or plain text with its emoji. */
export function textShown(text) {
  if (!text) return [];
  return text.type === "mrkdwn" ? mrkdwn(text.text) : plain(text);
}

/* Return the elements of plain text. */
export function plain(text) {
  const escaped = text.text.replaceAll("&", "&amp;").replaceAll("<", "&lt;").replaceAll(">", "&gt;");
  // In plain text only emoji have a meaning.
  const pieces = escaped.split(/(:[a-z0-9_+'-]+:)/);
  return pieces.flatMap((piece, index) => (index % 2 ? inline(piece) : [unescaped(piece)]));
}

/* The question before an act that Block Kit lets an app ask. */

import { h } from "./dom.js";
import { textShown } from "./texts.js";

/* Ask; true if the person says yes. */
export function confirmed({ title, text, confirm, deny, style }) {
  const no = h("button", { type: "button", class: "button" }, deny?.text ?? "Cancel");
  const yes = h("button", { type: "button", class: `button ${style ?? "primary"}` }, confirm?.text ?? "Yes");
  const dialog = h(
    "dialog",
    { class: "dialog confirm", "aria-labelledby": "confirm-title" },
    h("h2", { id: "confirm-title" }, title.text),
    h("div", { class: "dialog-body" }, textShown(text)),
    h("div", { class: "dialog-end" }, no, yes),
  );
  document.body.append(dialog);
  dialog.showModal();
  // Whoever presses Enter without reading should not have said yes.
  no.focus();
  return new Promise((resolve) => {
    const end = (answer) => {
      dialog.remove();
      resolve(answer);
    };
    no.addEventListener("click", () => end(false));
    yes.addEventListener("click", () => end(true));
    dialog.addEventListener("cancel", () => end(false));
  });
}

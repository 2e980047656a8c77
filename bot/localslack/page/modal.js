/* Modals that the app opens for the person that one is: the top one of the stack is shown. */

import { act } from "./acts.js";
import { drawBlocks } from "./blocks.js";
import { fill, h } from "./dom.js";
import { chosen, setHeld } from "./inputs.js";
import { store } from "./store.js";

let dialog = null;
let drawn = null; // the view as it was drawn
let used = ""; // the block that somebody used last, for the focus after the form was drawn anew

/* Show what is open for somebody, or nothing. */
export function showModal(me) {
  const view = [...store.views.values()].filter((one) => one.user === me?.id).at(-1) ?? null;
  if (view === drawn) return;
  const same = view && drawn && view.id === drawn.id && view.hash === drawn.hash;
  drawn = view;
  if (same) return mark(view.errors);
  dialog?.remove();
  dialog = view ? open(view) : null;
}

function open(view) {
  const close = () => act("close", { view_id: view.id });
  const cancel = h("button", { type: "button", class: "button", on: { click: close } }, view.close?.text ?? "Cancel");
  const submit = view.submit ? h("button", { type: "submit", class: "button primary" }, view.submit.text) : null;
  const form = h(
    "form",
    { novalidate: true },
    h("h2", { id: "modal-title" }, view.title?.text ?? ""),
    h("div", { class: "dialog-body" }, drawBlocks(view.blocks, { view_id: view.id, filled: () => filled(form) })),
    h("div", { class: "dialog-end" }, cancel, submit),
  );
  const shown = h("dialog", { class: "dialog modal", "aria-labelledby": "modal-title" }, form);
  shown.addEventListener("cancel", (event) => {
    event.preventDefault();
    close();
  });
  form.addEventListener("submit", (event) => {
    event.preventDefault();
    send(view, form, submit);
  });
  document.body.append(shown);
  shown.showModal();
  hold(view, form);
  (form.querySelector(`[data-block="${CSS.escape(used)}"]`) ?? form.querySelector("[data-block]"))?.focus();
  used = "";
  return shown;
}

/* Keep what was filled in, as Slack does: under the same ids, also when the app draws the form anew. */
function hold(view, form) {
  for (const field of form.querySelectorAll("[data-block]")) {
    const held = view.state?.values?.[field.dataset.block]?.[field.dataset.action];
    if (held) setHeld(field, held);
  }
  form.addEventListener("change", (event) => {
    used = event.target.closest("[data-block]")?.dataset.block ?? "";
  });
}

/* What stands in the fields now, by block. */
function filled(form) {
  const values = {};
  for (const field of form.querySelectorAll("[data-block]")) values[field.dataset.block] = chosen(field);
  return values;
}

async function send(view, form, submit) {
  const values = filled(form);
  submit.disabled = true;
  const missing = lacking(view, values);
  if (missing) mark(missing);
  else {
    const answer = await act("submit", { view_id: view.id, values });
    if (answer?.errors) mark(answer.errors);
  }
  submit.disabled = false;
}

function lacking(view, values) {
  const empty = (value) => value === null || value === "" || (Array.isArray(value) && !value.length);
  const blocks = view.blocks.filter((one) => one.type === "input" && !one.optional);
  const wrong = blocks.filter((one) => empty(values[one.block_id]));
  return wrong.length ? Object.fromEntries(wrong.map((one) => [one.block_id, "Please fill this in."])) : null;
}

/* Say at each field what is wrong with it. */
function mark(errors) {
  let first = null;
  for (const field of dialog?.querySelectorAll("[data-block]") ?? []) {
    const error = errors?.[field.dataset.block] ?? "";
    fill(field.parentElement.querySelector(".wrong"), error);
    field.setAttribute("aria-invalid", String(Boolean(error)));
    if (error) first ??= field;
  }
  first?.focus();
}

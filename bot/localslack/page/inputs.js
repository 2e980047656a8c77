/* Fields of forms, and the value that each holds in Slack's terms. */

import { act } from "./acts.js";
import { h } from "./dom.js";
import { store } from "./store.js";

const TYPED = {
  plain_text_input: "text",
  email_text_input: "email",
  number_input: "number",
  url_text_input: "url",
  datepicker: "date",
  timepicker: "time",
  datetimepicker: "datetime-local",
};

let count = 0;

/* Draw an input block: label, field, hint, and room for what is wrong. */
export function input(block, place) {
  const id = `field-${(count += 1)}`;
  const field = choices(block.element) ?? h("p", { class: "unknown" }, `[${block.element.type}]`);
  const hint = block.hint ? h("p", { class: "hint", id: `${id}-hint` }, block.hint.text) : null;
  const wrong = h("p", { class: "wrong", id: `${id}-wrong`, role: "alert" });
  const optional = block.optional ? h("span", { class: "optional" }, " (optional)") : null;
  field.dataset.block = block.block_id;
  field.dataset.action = block.element.action_id;
  field.setAttribute("aria-describedby", [hint?.id, wrong.id].filter(Boolean).join(" "));
  const grouped = field.tagName === "FIELDSET";
  if (grouped) field.prepend(h("legend", {}, block.label.text, optional));
  else field.id = id;
  const label = grouped ? null : h("label", { for: id }, block.label.text, optional);
  if (block.dispatch_action) field.addEventListener("change", () => tell(block, field, place));
  return h("div", { class: "input" }, label, field, hint, wrong);
}

/* The app wants to hear of this field at once; it is told what all others hold as well. */
function tell(block, field, place) {
  const { view_id, filled } = place;
  act("click", { view_id, action_id: block.element.action_id, value: chosen(field), values: filled?.() ?? {} });
}

/* Draw the field of an element; null for one that we cannot draw. */
export function choices(one) {
  if (one.type in TYPED) return typed(one);
  if (one.type.endsWith("_select")) return select(one);
  if (one.type === "checkboxes" || one.type === "radio_buttons") return ticked(one);
  return null;
}

function typed(one) {
  const more = { placeholder: one.placeholder?.text, maxlength: one.max_length };
  const initial = one.initial_value ?? one.initial_date ?? one.initial_time ?? "";
  if (one.multiline) return h("textarea", { ...more, rows: "4", "data-kind": one.type }, initial);
  const field = h("input", { ...more, type: TYPED[one.type], "data-kind": one.type });
  field.value = one.initial_date_time ? local(one.initial_date_time) : initial;
  if (one.type === "number_input") field.step = one.is_decimal_allowed ? "any" : "1";
  return field;
}

function local(seconds) {
  const moment = new Date(seconds * 1000);
  return new Date(moment - moment.getTimezoneOffset() * 60_000).toISOString().slice(0, 16);
}

function select(one) {
  const many = one.type.startsWith("multi_");
  const field = h("select", { multiple: many, "data-kind": one.type });
  if (!many) field.append(h("option", { value: "" }, one.placeholder?.text ?? "Choose…"));
  for (const group of one.option_groups ?? []) {
    field.append(h("optgroup", { label: group.label.text }, group.options.map(option)));
  }
  field.append(...optionsOf(one).map(option));
  const initial = initiallyIn(one);
  for (const each of field.options) each.selected = initial.includes(each.value) && each.value !== "";
  if (!many && !initial.length) field.value = "";
  return field;
}

function option({ text, value }) {
  return h("option", { value }, text.text);
}

function optionsOf(one) {
  const named = (all, name) => all.map((each) => ({ text: { text: name(each) }, value: each.id }));
  const channels = [...store.channels.values()].filter((each) => !each.is_im);
  if (one.type.endsWith("users_select")) return named(store.people(), (each) => each.real_name);
  if (/(channels|conversations)_select$/.test(one.type)) return named(channels, (each) => `#${each.name}`);
  return one.options ?? [];
}

function initiallyIn(one) {
  const values = (all) => (all ?? []).map((each) => each.value ?? each);
  const single = one.initial_option ?? one.initial_user ?? one.initial_channel ?? one.initial_conversation;
  const many = one.initial_options ?? one.initial_users ?? one.initial_channels ?? one.initial_conversations;
  return single ? values([single]) : values(many);
}

function ticked(one) {
  const type = one.type === "checkboxes" ? "checkbox" : "radio";
  const name = `choice-${(count += 1)}`;
  const initial = initiallyIn(one);
  const items = one.options.map(({ text, value, description }) => {
    const field = h("input", { type, name, value });
    field.checked = initial.includes(value);
    const more = description ? h("span", { class: "hint" }, description.text) : null;
    return h("label", { class: "choice" }, field, h("span", {}, text.text, more));
  });
  return h("fieldset", { "data-kind": one.type }, items);
}

/* Return what is chosen or typed in a field, as the server takes it. */
export function chosen(field) {
  if (field.tagName === "FIELDSET") {
    const values = [...field.querySelectorAll("input:checked")].map((each) => each.value);
    return field.dataset.kind === "checkboxes" ? values : (values[0] ?? null);
  }
  if (field.multiple) return [...field.selectedOptions].map((each) => each.value);
  if (field.dataset.kind === "datetimepicker") {
    return field.value ? Math.floor(new Date(field.value).getTime() / 1000) : null;
  }
  return field.value || null;
}

/* Put into a field what the server says that it holds. */
export function setHeld(field, held) {
  const options = held.selected_options ?? (held.selected_option ? [held.selected_option] : null);
  if (options) {
    const values = options.map((each) => each.value);
    if (field.tagName === "FIELDSET") {
      for (const each of field.querySelectorAll("input")) each.checked = values.includes(each.value);
    } else {
      for (const each of field.options) each.selected = values.includes(each.value);
    }
  } else if (typeof held.value === "string") {
    field.value = held.value;
  }
}

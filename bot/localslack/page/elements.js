/* Elements that somebody can use where they stand: buttons, menus, choices. */

import { act } from "./acts.js";
import { confirmed } from "./confirm.js";
import { h, safeAddress } from "./dom.js";
import { choices, chosen } from "./inputs.js";

/* Draw an element of an actions block or an accessory. */
export function element(one, block, place) {
  if (one.type === "button" || one.type === "workflow_button") return button(one, block, place);
  if (one.type === "overflow") return overflow(one, block, place);
  const control = choices(one);
  if (!control) return h("span", { class: "unknown" }, `[${one.type}]`);
  control.addEventListener("change", () => use(one, block, place, chosen(control)));
  control.dataset.focus = `${block.block_id}/${one.action_id}`;
  return control;
}

async function use(one, block, place, value) {
  if (one.confirm && !(await confirmed(one.confirm))) return;
  const { filled, ...where } = place;
  const values = filled ? { values: filled() } : {};
  await act("click", { ...where, ...values, action_id: one.action_id, block_id: block.block_id, value });
}

function button(one, block, place) {
  const shown = h(
    "button",
    {
      type: "button",
      class: `button ${one.style ?? ""}`,
      "aria-label": one.accessibility_label,
      "data-focus": `${block.block_id}/${one.action_id}`,
    },
    one.text.text,
  );
  shown.addEventListener("click", async () => {
    const address = one.url && safeAddress(one.url);
    if (address) window.open(address, "_blank", "noopener,noreferrer");
    // Until the app has answered, a second click would be a mistake.
    shown.setAttribute("aria-busy", "true");
    if (!shown.waits) {
      shown.waits = true;
      await use(one, block, place, one.value);
      shown.waits = false;
    }
    shown.removeAttribute("aria-busy");
  });
  return shown;
}

function overflow(one, block, place) {
  const list = h("div", { class: "menu" });
  const menu = h("details", { class: "overflow" }, h("summary", { "aria-label": "More" }, "⋯"), list);
  for (const option of one.options ?? []) {
    const pick = () => {
      menu.open = false;
      use(one, block, place, option.value);
    };
    list.append(h("button", { type: "button", class: "button", on: { click: pick } }, option.text.text));
  }
  return menu;
}

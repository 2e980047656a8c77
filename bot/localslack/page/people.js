/* The switch for who one is, since one person plays all of them here. */

import { fill, h, spoken } from "./dom.js";
import { avatar } from "./message.js";
import { go, route } from "./route.js";
import { store } from "./store.js";
import { announce } from "./toasts.js";

let count = 0;

/* Make a list of people to choose from; `chosen` is called when somebody was. */
export function createPeople({ chosen = () => {} } = {}) {
  const name = `people-${(count += 1)}`;
  const list = h("fieldset", { class: "people" });
  let drawn = [];

  function pick(user) {
    if (!user) return;
    announce(`You are ${user.real_name} now`);
    go({ as: user.name });
    chosen(user);
  }

  list.addEventListener("keydown", (event) => {
    const user = /^[1-9]$/.test(event.key) ? store.people()[Number(event.key) - 1] : null;
    if (user) pick(user);
    else if (event.key === "Enter") chosen(route().me);
    else return;
    event.preventDefault();
    event.stopPropagation();
  });

  function person(user, index, me) {
    const field = h("input", { type: "radio", name, value: user.id, "data-person": user.name });
    field.checked = user.id === me?.id;
    field.addEventListener("change", () => pick(user));
    // A click on who one is already is a choice too.
    field.addEventListener("click", () => user.id === route().me?.id && chosen(user));
    return h(
      "label",
      { class: "person" },
      field,
      avatar(user.id),
      h("span", { class: "person-name" }, user.real_name, h("span", { class: "person-role" }, roleOf(user))),
      index < 9 ? h("kbd", { "aria-hidden": "true" }, index + 1) : null,
    );
  }

  function show(me) {
    const people = store.people();
    const now = [store.names, ...people, me?.id];
    if (now.length === drawn.length && now.every((one, index) => one === drawn[index])) {
      return;
    }
    drawn = now;
    const held = list.contains(document.activeElement);
    fill(list, h("legend", {}, "You are", spoken(", choose a person")), people.map((user, index) => person(user, index, me)));
    if (held) focus();
  }

  function focus() {
    (list.querySelector("input:checked") ?? list.querySelector("input"))?.focus();
  }

  return { element: list, show, focus };
}

/* What somebody is here, in a few words. */
export function roleOf(user) {
  const groups = [...store.usergroups.values()].filter((group) => group.users.includes(user.id));
  const kind = user.is_restricted || user.is_ultra_restricted ? "guest" : "";
  const title = user.title.toLowerCase() === kind ? "" : user.title;
  return [title, kind, ...groups.map((group) => `@${group.handle}`)].filter(Boolean).join(" · ");
}

/* The channels, the app, and who one is. */

import { fill, h, icon, spoken } from "./dom.js";
import { createPeople } from "./people.js";
import { APP_HOME, channelsFor, directWithApp, go } from "./route.js";
import { store } from "./store.js";
import { unreadIn } from "./unread.js";

/* Make the sidebar; `show` it for where one is. */
export function createSidebar(element, tools) {
  const title = h("h1", { class: "team" });
  const list = h("ul", { class: "places" });
  const people = createPeople();
  fill(
    element,
    h("div", { class: "sidebar-head" }, title, h("p", { class: "team-about" }, "A Slack on this machine")),
    h("div", { class: "sidebar-body" }, h("h2", {}, "Channels"), list),
    people.element,
    h("div", { class: "sidebar-end" }, tools),
  );

  function show({ me, channel, home }) {
    fill(title, store.team.name);
    people.show(me);
    const held = list.contains(document.activeElement) ? document.activeElement.dataset.focus : null;
    fill(list, [...channelsFor(me).map((one) => place(one, me, !home && one === channel)), appPlace(me, home)]);
    if (held) list.querySelector(`[data-focus="${CSS.escape(held)}"]`)?.focus();
  }

  return { show, people };
}

function place(channel, me, here) {
  const unread = unreadIn(me?.id, channel);
  return entry({
    focus: channel.id,
    sign: icon(channel.is_private ? "lock" : "hash"),
    name: channel.name,
    here,
    unread,
    open: () => go({ in: channel.name, thread: null, tab: null }),
  });
}

function appPlace(me, here) {
  const direct = directWithApp(me);
  const connected = store.connections > 0;
  const words = connected ? "connected" : "not connected";
  return entry({
    focus: "app",
    sign: h("span", { class: connected ? "lamp on" : "lamp", title: words }),
    name: [store.app.name, h("span", { class: "badge" }, "App"), spoken(`, ${words}`)],
    here,
    unread: direct ? unreadIn(me?.id, direct) : 0,
    open: () => go({ in: APP_HOME, thread: null, tab: null }),
  });
}

function entry({ focus, sign, name, here, unread, open }) {
  const button = h(
    "button",
    {
      type: "button",
      class: unread ? "place new" : "place",
      "aria-current": here ? "page" : null,
      "data-focus": focus,
      on: { click: open },
    },
    sign,
    h("span", { class: "place-name" }, name),
    unread ? h("span", { class: "unread" }, unread, spoken(" new")) : null,
  );
  return h("li", {}, button);
}

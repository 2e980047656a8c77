/* The app's own page: its home tab, and the conversation with it. */

import { act } from "./acts.js";
import { drawBlocks } from "./blocks.js";
import { h, keep } from "./dom.js";
import { store } from "./store.js";

/* Make the home tab. */
export function createHome() {
  const content = h("div", { class: "home-content" });
  const element = h("div", { class: "home", tabindex: "0", role: "region", "aria-label": "Home" }, content);
  let asked = "";

  function show(me) {
    // Slack tells the app each time that somebody opens its home.
    const visit = `${me.id} ${location.hash}`;
    if (asked !== visit) {
      asked = visit;
      act("open_home");
    }
    const view = store.homes.get(me.id) ?? null;
    keep(content, [{ key: "view", needs: [view?.hash, me.id], build: () => drawn(view) }]);
  }

  return { element, show, left: () => (asked = "") };
}

function drawn(view) {
  if (!view) return h("p", { class: "nothing" }, `${store.app.name} has not put anything here.`);
  return h("div", { class: "card" }, drawBlocks(view.blocks, { home: true }));
}

/* Puts the page together: what stands where, and what is drawn when something changed. */

import { createComposer } from "./composer.js";
import { fill, h, icon, spoken } from "./dom.js";
import { createHome } from "./home.js";
import { createInspector } from "./inspector.js";
import { listenToKeys, showHelp } from "./keys.js";
import { createLog } from "./log.js";
import { avatar } from "./message.js";
import { showModal } from "./modal.js";
import { unescaped } from "./mrkdwn.js";
import { createPeople } from "./people.js";
import { act } from "./acts.js";
import { APP_HOME, channelsFor, go, route } from "./route.js";
import { createSidebar } from "./sidebar.js";
import { connect, connection } from "./stream.js";
import { store } from "./store.js";
import { nextTheme, restoreTheme } from "./theme.js";
import { announce } from "./toasts.js";
import { unreadIn } from "./unread.js";

const part = (id) => document.getElementById(id);
const narrow = matchMedia("(max-width: 720px)");

const channelLog = createLog({ where: "channel", label: "Messages" });
const threadLog = createLog({ where: "thread", label: "Thread" });
const channelComposer = createComposer({ label: "Message" });
const threadComposer = createComposer({ label: "Reply" });
const home = createHome();
const inspector = createInspector(part("inspector"), { close: toggleInspector });
const pageTools = () => [
  tool("traffic", "What goes between app and Slack (i)", toggleInspector),
  tool("theme", "Light or dark (d)", nextTheme),
  tool("help", "Keys (?)", showHelp),
];
const sidebar = createSidebar(part("sidebar"), pageTools());
const peopleDialog = createPeople({ chosen: () => part("people").close() });

function tool(name, label, press) {
  return h("button", { type: "button", class: "tool", "aria-label": label, title: label, on: { click: press } }, icon(name));
}

// ------------------------------------------------------------------------------ the frame

const back = tool("menu", "Channels (c)", () => go({ list: "1" }));
back.classList.add("only-narrow");
const title = h("h2", { class: "where" });
const about = h("p", { class: "about" });
const tabs = h("div", { class: "tabs", role: "tablist", "aria-label": "App" });
const meButton = h("button", { type: "button", class: "me", "aria-haspopup": "dialog", on: { click: switchPerson } });
const away = h("p", { class: "away", role: "status" });
const join = h("button", { type: "button", class: "button primary" }, "Join this channel");
join.addEventListener("click", () => act("join", { channel: route().channel.id }));

fill(
  part("main"),
  h("header", { class: "bar" }, back, h("div", { class: "bar-words" }, title, about), tabs, meButton),
  channelLog.element,
  home.element,
  h("div", { class: "foot" }, away, join, channelComposer.element),
);
fill(
  part("thread"),
  h(
    "header",
    { class: "bar" },
    h("button", { type: "button", class: "tool only-narrow", "aria-label": "Back to the channel", on: { click: closeThread } }, icon("back")),
    h("div", { class: "bar-words" }, h("h2", { class: "where" }, "Thread"), h("p", { class: "about" })),
    h("button", { type: "button", class: "tool only-wide", "aria-label": "Close the thread", title: "Close the thread (Esc)", on: { click: closeThread } }, icon("close")),
  ),
  threadLog.element,
  h("div", { class: "foot" }, threadComposer.element),
);
fill(part("people"), peopleDialog.element);
part("people").addEventListener("click", (event) => event.target === part("people") && part("people").close());
part("retry").addEventListener("click", connect);
part("skip").addEventListener("click", (event) => {
  event.preventDefault();
  write();
});

// ------------------------------------------------------------------------------- drawing

function draw() {
  drawConnection();
  if (!store.loaded) return;
  const now = route();
  const { me, channel, thread } = now;
  document.body.classList.toggle("with-thread", Boolean(thread));
  document.body.classList.toggle("with-list", now.list);
  part("thread").hidden = !thread;
  sidebar.show(now);
  peopleDialog.show(me);
  drawBar(now);
  drawMain(now);
  if (thread) {
    fill(part("thread").querySelector(".about"), `in ${channel.is_im ? "your conversation with the app" : `#${channel.name}`}`);
    threadLog.show({ me, channel, thread });
    threadComposer.show({ me, channel, thread });
  }
  inspector.show();
  showModal(me);
  drawTitle(now);
}

function drawMain({ me, channel, home: isHome, tab }) {
  const onHome = isHome && tab === "home";
  home.element.hidden = !onHome;
  channelLog.element.hidden = onHome || !channel;
  const member = Boolean(channel?.members.includes(me.id));
  join.hidden = onHome || !channel || member || channel.is_im || channel.is_archived;
  channelComposer.element.hidden = onHome || !channel;
  away.hidden = store.connections > 0;
  fill(away, `${store.app.name} is not connected: it hears of nothing until it is back.`);
  if (onHome) home.show(me);
  else home.left();
  if (!onHome && channel) {
    channelLog.show({ me, channel });
    channelComposer.show({ me, channel });
  }
}

function drawBar({ me, channel, home: isHome, tab }) {
  const sign = isHome ? "at" : channel?.is_private ? "lock" : "hash";
  fill(title, icon(sign), isHome ? store.app.name : (channel?.name ?? "No channel"));
  fill(about, isHome ? "" : (channel?.topic?.value ?? ""));
  fill(meButton, avatar(me.id), h("span", { class: "me-name" }, me.real_name), spoken(", become another person"));
  meButton.title = "Become another person (p)";
  tabs.hidden = !isHome;
  const button = (name, label) =>
    h("button", { type: "button", role: "tab", class: "tab", "aria-selected": String(tab === name), on: { click: () => go({ in: APP_HOME, tab: name, thread: null }) } }, label);
  if (isHome) fill(tabs, button("home", "Home"), button("messages", "Messages"));
}

function drawTitle({ me, channel }) {
  const unread = channelsFor(me).reduce((sum, one) => sum + unreadIn(me.id, one), 0);
  const where = channel && !channel.is_im ? `#${channel.name} · ` : "";
  document.title = `${unread ? `(${unread}) ` : ""}${where}${store.team.name}`;
}

function drawConnection() {
  const lost = connection.state === "lost";
  if (part("banner").hidden !== lost) return;
  part("banner").hidden = !lost;
  document.body.classList.toggle("lost", lost);
  if (!lost) announce("Connected again");
}

/* Read out what is new where one is. */
let heardUpTo = null;
function speak() {
  if (!store.loaded) return;
  const { me, channel, thread } = route();
  const whispers = [...store.ephemerals.values()].filter((one) => one.to === me?.id);
  const all = [...(channel?.messages.values() ?? []), ...whispers];
  const latest = all.reduce((last, one) => (one.ts > last ? one.ts : last), "");
  if (heardUpTo !== null && latest > heardUpTo) {
    const here = (one) => one.is_ephemeral || !one.thread_ts || one.thread_ts === one.ts || one.thread_ts === thread || one.subtype === "thread_broadcast";
    const fresh = all.filter((one) => one.ts > heardUpTo && one.user !== me.id && here(one));
    const words = fresh.map((one) => `${store.userName(one.user ?? store.app.bot_user)}: ${unescaped(one.text ?? "").slice(0, 200)}`);
    if (words.length) announce(words.join(". "));
  }
  if (heardUpTo === null || latest > heardUpTo) heardUpTo = latest;
}

// ------------------------------------------------------------------------------- doing

function closeThread() {
  const { thread } = route();
  go({ thread: null });
  const message = channelLog.log.querySelector(`[data-ts="${CSS.escape(thread ?? "")}"]`);
  message?.focus({ preventScroll: true });
}

function toggleInspector() {
  const drawer = part("inspector");
  const closes = !drawer.hidden;
  document.body.classList.toggle("with-inspector", !closes);
  if (closes) drawer.hidden = true;
  else inspector.open().then(() => inspector.focus());
}

function switchPerson() {
  part("people").showModal();
  peopleDialog.focus();
}

function write(text = "") {
  const { field } = route().thread && !text ? threadComposer : channelComposer;
  field.focus();
  if (text && !field.value) {
    field.value = text;
    field.dispatchEvent(new Event("input"));
  }
}

function escape() {
  if (!part("inspector").hidden) toggleInspector();
  else if (route().thread) closeThread();
  else if (route().list) go({ list: null });
  else document.activeElement?.blur();
}

listenToKeys({
  back: escape,
  write,
  people: () => (narrow.matches ? switchPerson() : sidebar.people.focus()),
  channels: () => {
    if (narrow.matches) go({ list: "1" });
    part("sidebar").querySelector(".place")?.focus();
  },
  inspector: toggleInspector,
  theme: nextTheme,
  log: () => (route().thread ? threadLog.log : channelLog.log),
});

window.addEventListener("hashchange", () => store.changed());
window.addEventListener("resize", () => store.changed());
document.addEventListener("visibilitychange", () => {
  if (document.visibilityState === "visible" && connection.state === "lost") connect();
  store.changed();
});
window.addEventListener("online", connect);

// What is drawn anew between press and release would never be clicked.
let pressed = false;
function release() {
  pressed = false;
  store.changed();
}
window.addEventListener("pointerdown", () => (pressed = true), true);
for (const end of ["click", "pointercancel", "dragend", "blur"]) window.addEventListener(end, release);
window.addEventListener("pointerup", () => setTimeout(release), true);

store.listen(() => {
  if (pressed) return;
  draw();
  speak();
});
restoreTheme();
connect();

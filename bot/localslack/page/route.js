/*
 * Where somebody is and who they are, in the hash of the address:
 * `#as=rita&in=firewall-ops&thread=1700000000.000100`. A reload, a bookmark or the browser's
 * back button brings back the same.
 */

import { store } from "./store.js";

export const APP_HOME = "app";

/* Return the person, the channel (or the app's page) and the thread that the address names. */
export function route() {
  const given = new URLSearchParams(location.hash.slice(1));
  const me = store.person(given.get("as")) ?? store.people()[0] ?? null;
  const place = given.get("in") ?? "";
  const home = place === APP_HOME;
  const tab = given.get("tab") ?? "home";
  const direct = tab === "messages" ? directWithApp(me) : null;
  const channel = home ? (direct ?? null) : (named(place, me) ?? firstOf(me));
  const thread = channel?.messages.has(given.get("thread") ?? "") ? given.get("thread") : null;
  return { me, channel, home, tab, thread, list: given.has("list") };
}

/* Go somewhere: what is not named stays, what is null goes. */
export function go(changes) {
  const given = new URLSearchParams(location.hash.slice(1));
  if (!given.has("as") && route().me) given.set("as", route().me.name);
  for (const [name, value] of Object.entries({ list: null, ...changes })) {
    if (value === null || value === undefined) given.delete(name);
    else given.set(name, value);
  }
  location.hash = given.toString();
}

/* The channels that a person sees: public ones, and those where they are. */
export function channelsFor(me) {
  return [...store.channels.values()].filter((channel) => {
    const member = channel.members.includes(me?.id);
    return channel.is_im ? false : member || !channel.is_private;
  });
}

/* The person's conversation with the app, if there is one yet. */
export function directWithApp(me) {
  return [...store.channels.values()].find(
    (channel) => channel.is_im && channel.members.includes(me?.id),
  );
}

function named(place, me) {
  const visible = channelsFor(me);
  return visible.find((channel) => channel.name === place || channel.id === place);
}

function firstOf(me) {
  const visible = channelsFor(me);
  return visible.find((channel) => channel.members.includes(me?.id)) ?? visible[0] ?? null;
}

/*
 * What the page knows of the workspace: the state that the server told, kept up to date by its
 * changes. Messages are replaced, never altered, so that whoever draws one can tell by identity
 * that it is another. Applying a change twice is harmless. Drawing does not belong here.
 */


const LONGEST_TRAFFIC = 5_000;

class Store {
  loaded = false;
  team = { name: "" };
  app = { commands: [] };
  users = new Map();
  usergroups = new Map();
  channels = new Map();
  ephemerals = new Map();
  views = new Map();
  homes = new Map();
  connections = 0;
  traffic = [];
  names = 0; // counts up when somebody may be called otherwise

  #listeners = [];
  #due = false;

  /* Call back, soon and once, after any number of changes. */
  listen(listener) {
    this.#listeners.push(listener);
  }

  changed() {
    if (this.#due) return;
    this.#due = true;
    setTimeout(() => {
      this.#due = false;
      for (const listener of this.#listeners) listener();
    });
  }

  /* Take everything, as `/control/state` tells it. */
  load(state) {
    this.team = state.team;
    this.app = state.app;
    this.connections = state.connections;
    this.users = byId(state.users);
    this.usergroups = byId(state.usergroups);
    const before = this.channels;
    this.channels = new Map();
    for (const told of state.channels) this.#loadChannel(told, before.get(told.id));
    this.ephemerals = new Map(
      Object.values(state.ephemerals).flatMap((all) => all.map((one) => [one.ts, one])),
    );
    this.views = stillOpen(this.views, state.views);
    this.homes = new Map(Object.entries(state.homes));
    this.names += 1;
    this.loaded = true;
    this.changed();
  }

  #loadChannel({ messages, ...channel }, before) {
    const all = messages.flatMap(({ replies, ...message }) => [message, ...replies]);
    const kept = all.map((message) => {
      const known = before?.messages.get(message.ts);
      return [message.ts, known && alike(known, message) ? known : message];
    });
    this.channels.set(channel.id, { ...channel, messages: new Map(kept) });
  }

  /* Take one change, as the stream tells it; true if the state must be asked for again. */
  apply(kind, body) {
    const apply = APPLY[kind];
    const again = apply ? apply(this, body) === RELOAD : false;
    this.changed();
    return again;
  }

  message(channel, ts) {
    return this.channels.get(channel)?.messages.get(ts);
  }

  person(name) {
    return [...this.users.values()].find((user) => user.name === name && !user.is_bot);
  }

  people() {
    return [...this.users.values()].filter((user) => !user.is_bot && !user.deleted);
  }

  isApp(user) {
    return user === this.app.bot_user;
  }

  userName(id) {
    const user = this.users.get(id);
    return user ? user.real_name || user.name : id === "USLACKBOT" ? "Slack" : id;
  }
}

const RELOAD = Symbol("reload");

function byId(all) {
  return new Map(all.map((one) => [one.id, one]));
}

/* A message out of the state carries `edits`, one out of the stream may not. */
function alike(one, other) {
  const bare = ({ edits, changedAt, ...rest }) => JSON.stringify(sorted(rest));
  return bare(one) === bare(other);
}

function sorted(value) {
  if (Array.isArray(value)) return value.map(sorted);
  if (value === null || typeof value !== "object") return value;
  return Object.fromEntries(
    Object.keys(value)
      .sort()
      .map((key) => [key, sorted(value[key])]),
  );
}

function putMessage(store, { at, ...message }, more = {}) {
  const channel = store.channels.get(message.channel);
  if (!channel) return RELOAD;
  channel.messages.set(message.ts, { ...message, ...more });
  const parent = message.thread_ts && channel.messages.get(message.thread_ts);
  if (parent && !parent.thread_ts) {
    channel.messages.set(parent.ts, { ...parent, thread_ts: parent.ts });
  }
}

function deleteMessage(store, { channel: id, ts }) {
  const messages = store.channels.get(id)?.messages;
  const message = messages?.get(ts);
  if (!message) return;
  const answered = [...messages.values()].some((one) => one.thread_ts === ts && one.ts !== ts);
  if (!answered) messages.delete(ts);
  else {
    const { channel, thread_ts, team } = message;
    const text = "This message was deleted.";
    messages.set(ts, { channel, thread_ts, team, ts, text, user: "USLACKBOT" });
  }
}

function changeReaction(store, { channel, ts, user, reaction: name }, change) {
  const message = store.message(channel, ts);
  if (!message) return;
  const all = (message.reactions ?? []).map((one) => ({ ...one }));
  if (!all.some((one) => one.name === name)) all.push({ name, users: [] });
  const mine = all.find((one) => one.name === name);
  mine.users = change(mine.users.filter((one) => one !== user));
  mine.count = mine.users.length;
  const reactions = all.filter((one) => one.users.length);
  store.channels.get(channel).messages.set(ts, { ...message, reactions });
}

const APPLY = {
  message_posted: (store, body) => putMessage(store, body),
  message_changed: (store, body) => putMessage(store, body, { changedAt: body.at }),
  message_deleted: deleteMessage,
  reaction_added: (store, body) =>
    changeReaction(store, body, (others) => [...others, body.user]),
  reaction_removed: (store, body) => changeReaction(store, body, (others) => others),
  ephemeral_posted: (store, { at, ...body }) => void store.ephemerals.set(body.ts, body),
  ephemeral_changed: (store, { at, ...body }) => void store.ephemerals.set(body.ts, body),
  ephemeral_deleted: (store, { ts }) => void store.ephemerals.delete(ts),
  view_opened: (store, { user, view }) => putView(store, view.id, { ...view, user, errors: {} }),
  view_updated: (store, { user, view }) => {
    if (view.type === "home") store.homes.set(user, view);
    else putView(store, view.id, { ...view, user, errors: {} });
  },
  view_refused: (store, { view_id: id, errors }) =>
    putView(store, id, { ...store.views.get(id), errors }),
  view_closed: (store, { view_id: id }) => void store.views.delete(id),
  home_published: (store, { user, view }) => void store.homes.set(user, view),
  connection_opened: (store, { open }) => void (store.connections = open),
  connection_closed: (store, { open }) => void (store.connections = open),
  channel_changed: () => RELOAD,
  user_changed: () => RELOAD,
  usergroup_changed: () => RELOAD,
  traffic: (store, body) => addTraffic(store, [body]),
};

/* A form lives in the page in which it was opened, as in Slack: a fresh one shows none. */
function stillOpen(known, told) {
  return byId(told.filter((one) => known.has(one.id)));
}

function putView(store, id, view) {
  store.views.set(id, view);
}

/* Add lines of traffic that are not known yet, the oldest fall off. */
export function addTraffic(store, lines) {
  const last = store.traffic.at(-1)?.seq ?? 0;
  const fresh = lines.filter((line) => line.seq > last);
  if (!fresh.length) return;
  store.traffic = [...store.traffic, ...fresh].slice(-LONGEST_TRAFFIC);
}

/* The kinds of change that there are. */
export const KINDS = Object.keys(APPLY);

export const store = new Store();

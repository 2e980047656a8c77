/* What could be meant by what is typed so far: commands, their usage, people, channels, emoji. */

import { emojiFor, findEmoji } from "./emoji.js";
import { channelsFor } from "./route.js";
import { store } from "./store.js";

const MOST = 8;

/*
 * Return {from, eager, items} for a text and the place of the caret, or null. An item has what is
 * shown (`title`, `about`), and `insert`, which replaces the text between `from` and the caret.
 * `eager`: Enter takes the first item without a look at the others.
 */
export function suggest(text, caret, me) {
  const typed = text.slice(0, caret);
  if (typed.startsWith("/")) return forCommand(typed);
  const word = /(?:^|\s)([@#:])([\w.+-]*)$/.exec(typed);
  if (!word) return null;
  const [, mark, rest] = word;
  const from = caret - rest.length - 1;
  const items = { "@": forMention, "#": forChannel, ":": forEmoji }[mark](rest.toLowerCase(), me);
  return items.length ? { from, eager: true, items: items.slice(0, MOST) } : null;
}

function forCommand(typed) {
  const [name, ...rest] = typed.split(" ");
  const commands = store.app.commands ?? [];
  if (!rest.length) {
    const items = commands
      .filter(({ command }) => command.startsWith(name))
      .map((one) => ({ title: one.command, about: one.description, insert: `${one.command} ` }));
    return items.length ? { from: 0, eager: true, items } : null;
  }
  const command = commands.find((one) => one.command === name);
  return command ? forUsage(command, typed, rest) : null;
}

/* The manifest says how a command is used: alternatives with `|` between them. */
function forUsage({ command, usage_hint: hint = "" }, typed, words) {
  const given = words.filter(Boolean);
  const usages = hint.split(" | ").map((one) => one.trim()).filter(Boolean);
  const complete = words.length > 1;
  const fits = usages.filter((usage) => {
    const [verb] = usage.split(" ");
    return complete ? verb === given[0] : verb.startsWith(given[0] ?? "");
  });
  const items = fits.map((usage) => {
    const [verb, ...parameters] = usage.split(" ");
    return {
      title: `${command} ${usage}`,
      // The parameter that one is about to type stands out.
      now: complete ? parameters[words.length - 2] : "",
      insert: complete ? null : `${command} ${verb}${parameters.length ? " " : ""}`,
    };
  });
  return items.length ? { from: 0, eager: false, items } : null;
}

function forMention(typed) {
  const users = [...store.users.values()].filter((user) => !user.deleted);
  const people = users.map((user) => ({
    title: `@${user.name}`,
    about: [user.real_name, user.title].filter((part) => part && part !== user.name).join(" · "),
    words: `${user.name} ${user.real_name}`.toLowerCase(),
    app: store.isApp(user.id),
  }));
  const groups = [...store.usergroups.values()].map((group) => ({
    title: `@${group.handle}`,
    about: `${group.name}, ${group.users.length} people`,
    words: `${group.handle} ${group.name}`.toLowerCase(),
  }));
  return [...people.filter((one) => one.app), ...people.filter((one) => !one.app), ...groups]
    .filter(({ words }) => words.split(" ").some((word) => word.startsWith(typed)))
    .map((one) => ({ ...one, insert: `${one.title} ` }));
}

function forChannel(typed, me) {
  return channelsFor(me)
    .filter(({ name }) => name.startsWith(typed))
    .map((one) => ({ title: `#${one.name}`, about: one.topic?.value, insert: `#${one.name} ` }));
}

function forEmoji(typed) {
  if (typed.length < 2) return [];
  return findEmoji(typed, MOST).map(({ name }) => ({
    title: `${emojiFor(name)} :${name}:`,
    insert: `:${name}: `,
  }));
}

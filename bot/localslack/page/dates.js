/* Moments as people read them: in the time of whoever looks, with UTC on request. */

const LONGEST_AGO = [
  [60, "second", 1],
  [3600, "minute", 60],
  [86400, "hour", 3600],
  [Infinity, "day", 86400],
];

const asMoment = (seconds) => new Date(Number(seconds) * 1000);

const formatted = (options) => (moment, zone) =>
  new Intl.DateTimeFormat(zone === "UTC" ? "en-GB" : undefined, {
    ...options,
    timeZone: zone,
    hourCycle: "h23",
  }).format(moment);

export const clockTime = formatted({ hour: "2-digit", minute: "2-digit" });
export const clockSeconds = formatted({ hour: "2-digit", minute: "2-digit", second: "2-digit" });
const shortDay = formatted({ day: "numeric", month: "short", year: "numeric" });
const middleDay = formatted({ day: "numeric", month: "long", year: "numeric" });
const longDay = formatted({ weekday: "long", day: "numeric", month: "long", year: "numeric" });
const numericDay = formatted({ year: "numeric", month: "2-digit", day: "2-digit" });

/* Slack's formats, by their names. */
const FORMATS = {
  date_num: numericDay,
  date: middleDay,
  date_short: shortDay,
  date_long: longDay,
  date_pretty: (moment, zone) => near(moment) ?? middleDay(moment, zone),
  date_short_pretty: (moment, zone) => near(moment) ?? shortDay(moment, zone),
  date_long_pretty: (moment, zone) => near(moment) ?? longDay(moment, zone),
  time: clockTime,
  time_secs: clockSeconds,
  ago: (moment) => ago(moment),
};

function near(moment) {
  const days = Math.round((dayOf(moment) - dayOf(new Date())) / 86_400_000);
  return { "-1": "yesterday", 0: "today", 1: "tomorrow" }[days] ?? null;
}

function dayOf(moment) {
  return new Date(moment.getFullYear(), moment.getMonth(), moment.getDate());
}

function ago(moment) {
  const seconds = (moment - Date.now()) / 1000;
  const [, unit, size] = LONGEST_AGO.find(([limit]) => Math.abs(seconds) < limit);
  return new Intl.RelativeTimeFormat(undefined, { numeric: "auto" }).format(
    Math.round(seconds / size),
    unit,
  );
}

/* Fill in the pattern of a `<!date^…>`, such as `{date_short_pretty} at {time}`. */
export function dateText(seconds, pattern) {
  const moment = asMoment(seconds);
  if (Number.isNaN(moment.getTime())) return null;
  return pattern.replace(/\{(\w+)\}/g, (whole, name) =>
    Object.hasOwn(FORMATS, name) ? FORMATS[name](moment) : whole,
  );
}

/* A moment in UTC, to the second. */
export function inUtc(seconds) {
  const moment = asMoment(seconds);
  return Number.isNaN(moment.getTime())
    ? ""
    : `${moment.toISOString().slice(0, 19).replace("T", " ")} UTC`;
}

/* The day that separates messages: "Today", "Yesterday", or its date. */
export function dayText(seconds) {
  const moment = asMoment(seconds);
  const name = near(moment);
  return name ? name.charAt(0).toUpperCase() + name.slice(1) : longDay(moment);
}

/* A name for the day that a moment is in, to compare days. */
export function dayKey(seconds) {
  return dayOf(asMoment(seconds)).getTime();
}

/* Hours and minutes, or with seconds too, of seconds since the epoch. */
export const timeText = (seconds) => clockTime(asMoment(seconds));
export const secondsText = (seconds) => clockSeconds(asMoment(seconds));

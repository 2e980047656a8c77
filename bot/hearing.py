"""What a request from Slack amounts to: exactly one row for the inbox, or one answer, or nothing.

Nothing is stored and nobody is told anything here; `bot.inbox` does that. Synchronous, since it
reads the stores. A reaction is never a vote by itself: its row only says where to look.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field, replace
from datetime import UTC, datetime, timedelta
from typing import Any

from bot import changing, confirming
from bot.commands.appointing import NOW, Clocks
from bot.commands.grammar import read_left_out
from bot.commands.help import help_text
from bot.commands.kinds import (
    ATTENDING,
    VOTES,
    WORDS,
    Cancel,
    Freezing,
    Mistake,
    Move,
    Order,
    Planning,
    Question,
    Revision,
    StopMeant,
    Vote,
    Word,
)
from bot.commands.reading import read_command
from bot.commands.scheduling import moved_to
from bot.commands.votes import HOW_TO_VOTE
from bot.config.settings import Settings
from bot.modals import Form
from bot.people import REPLACES
from bot.reactions import choice_of, is_gate, plain_name, run_of, stood_as
from bot.runs import NoSuchRun, Runs
from bot.times import SHORTEST_WINDOW
from bot.views import schedule
from bot.views.format import Block, code, escape, moment, section
from bot.views.gates import VOTE
from bot.views.root import halting
from engine import windows
from engine.canon import to_json
from engine.freezes import meant, named
from engine.model import Appointment, Request, StepKind
from engine.ports import Clock
from engine.proposals import Change
from engine.rights import STOPS
from storage.records import DeliveryStore, InboxRow

ACTION = "word:"
"""A button whose `action_id` begins so says the word that follows to the run in its `value`."""

WITHOUT = "without"
"""Its button names the members too: a way out of a hold."""

ASKED = "asked"
"""Kind of the row of a mention that is answered at once: what to tell, and whom. It belongs to no
run, bars nothing, and is taken when its answer was given; see `bot.inbox`."""


LOOKED_UP = ("gates", "approvers", "packages", "schedule")
"""Questions whose answer is not known here; their row says what is asked, and `bot.overview`
answers."""


@dataclass(frozen=True)
class Heard:
    """What to do about a request.

    Attributes:
        row: to be stored before Slack is told that we have it.
        text: to be told to the person alone, as finished mrkdwn.
        blocks: what is shown of it, where it is more than text.
        told: the text is told where no command was typed, though there is a row.
        to: where to tell it; see engine.ports.Answers.
        about: HELP where the text is better made for this person (`bot.helping`); else "".
        form: to be shown to the person.
        errors: what is wrong in a form that was sent, by block id; then there is no row.
        instead: to be stored where the row was heard before: its author edited the message.
        mark: to be stored with the row: what else counts as heard by it.
    """

    row: InboxRow | None = None
    text: str = ""
    to: dict[str, str] = field(default_factory=dict)
    blocks: Sequence[Block] = ()
    told: bool = False
    about: str = ""
    form: Form | None = None
    errors: dict[str, str] = field(default_factory=dict)
    instead: InboxRow | None = None
    mark: InboxRow | None = None


NOTHING = Heard()

NAMED = "named"
"""In a message that was read back: its author typed our name, and Slack made no mention of it."""

ONLY_NAMED = (
    "Slack did not take the name that you typed for mine, so I did not hear this: nothing was done "
    "or counted. Type @, choose me from the list, and write it anew."
)

EDITED = (
    "You edited a message that I had heard before. Of an edit I hear votes, questions, and what "
    "stops something where the message did not say so before; anything else is heard once. Where "
    "you mean it, write it anew, in a message of its own."
)

HELP = "help"


def clocks(settings: Settings, now: datetime) -> Clocks:
    """Return what the times in a command are read by at a moment."""
    shortest = {name: settings.policy_of(name).shortest_window for name in settings.groups}
    windows = {name: settings.windows_of(name) for name in settings.groups}
    return Clocks(now, settings.scopes, shortest, windows)


class Hearing:
    """Reads what Slack sends."""

    def __init__(
        self, settings: Settings, runs: Runs, deliveries: DeliveryStore, clock: Clock
    ) -> None:
        self._settings = settings
        self._groups = sorted(settings.groups)
        self._times = clocks(settings, clock.now())
        self._runs = runs
        self._deliveries = deliveries
        self._clock = clock
        self.on_copy: Callable[[], None] = lambda: None
        """Told, in any thread, of a no on a message of ours that nobody knows: one that stands
        twice. It is found where threads are read back."""

    def hear(self, body: Mapping[str, Any]) -> Heard:
        """Return what a request amounts to."""
        if "command" in body:
            return self._command(body)
        if body.get("type") == "block_actions":
            return self._action(body)
        if body.get("type") == "view_submission":
            return self._submission(body)
        event = body.get("event")
        if body.get("type") != "event_callback" or not isinstance(event, dict):
            return NOTHING
        if event.get("user") in _ourselves(body) or event.get("bot_id"):
            return NOTHING
        match event.get("type"):
            case "reaction_added" | "reaction_removed":
                return self._reaction(event, _ourselves(body))
            case "app_mention":
                return self.mention(event)
            case _:
                return NOTHING

    # -------------------------------------------------------------------------- commands

    def _command(self, body: Mapping[str, Any]) -> Heard:
        to = {
            "channel": str(body["channel_id"]),
            "user": str(body["user_id"]),
            "response_url": str(body.get("response_url", "")),
        }
        key, clocks = f"cmd:{body['trigger_id']}", self._clocks()
        elsewhere = self._elsewhere(to["channel"])
        if elsewhere:
            return Heard(text=elsewhere, to=to)
        try:
            command = read_command(
                str(body.get("text", "")),
                groups=self._groups,
                command=self._name,
                clocks=clocks,
                scopes=tuple(self._times.zones),
                frozen=self._frozen,
            )
            if isinstance(command, Word) and self._is_order(command):
                command = Order(command.verb, command.target)
            if isinstance(command, Order):
                name = str(body.get("user_name", ""))
                if command.appointment is not None:
                    text = str(body.get("text", ""))
                    asked = confirming.asked(key, to, name, text, clocks.now, command.appointment)
                    return self._said_back(asked, command, to)
                return self._order(key, command, to, name)
            if isinstance(command, Planning):
                return self._planning(key, command, to, str(body.get("user_name", "")))
            if isinstance(command, Freezing):
                return self._freezing(key, command, to)
            if isinstance(command, Vote):
                return Heard(
                    text=f"A vote must stand where all can see it, not in a command. {HOW_TO_VOTE}",
                    to=to,
                )
            if isinstance(command, (Move, Cancel)):
                return self._moved(key, command, to, "", clocks)
            return self._said(key, command, to, "")
        except StopMeant as meant:
            return self._halt_offered(meant, to)
        except (Mistake, NoSuchRun) as mistake:
            return Heard(text=str(mistake), to=to)

    def _halt_offered(self, meant: StopMeant, to: dict[str, str]) -> Heard:
        """Tell how to stop, with the button that does it where it is clear for which run."""
        try:
            press = halting(self._runs.open_one(meant.target))
        except NoSuchRun as which:
            return Heard(text=f"{meant} {which}", to=to)
        blocks = (section(str(meant)), {"type": "actions", "elements": [press]})
        return Heard(text=str(meant), to=to, blocks=blocks)

    def _clocks(self) -> Clocks:
        """Return what the times in a command are read by, as it is heard now."""
        return replace(self._times, now=self._clock.now())

    def _clocks_at(self, ts: str) -> Clocks:
        """Return what the times in a message are read by: it may be read back long after."""
        heard = self._clocks()
        return replace(heard, now=min(moment_of(ts), heard.now))

    def _is_order(self, word: Word) -> bool:
        """Say whether this rollback is about a run that has ended: a new run takes it back."""
        return (
            word.verb == "rollback"
            and word.target in self._groups
            and not self._runs.is_busy(word.target)
        )

    def _order(self, key: str, command: Order, to: dict[str, str], name: str) -> Heard:
        request = self._request(command, to, name)
        body = {"request": to_json(request), "answer": to}
        here = request.channel == to["channel"]
        where = "here" if here else f"in <#{request.channel}>"
        text = (
            f"Understood: {confirming.wanted(command)}. I look first; the proposal or the reason "
            f"follows {where}."
        )
        text = _with(text, self._runs.nobody_for(command.group))
        return Heard(self._row(key, None, "order", body), text, to)

    def _request(self, order: Order, to: Mapping[str, str], name: str) -> Request:
        group = self._settings.groups[order.group]
        return order.request(to["user"], group.channel, name, zone=group.timezone)

    def _planning(self, key: str, command: Planning, to: dict[str, str], name: str) -> Heard:
        """Have a dry run made by whoever acts on the group: they can look at it."""
        order = command.order
        if order.appointment is not None:
            self._check_to_come(order.appointment, order.group, "planned")
        request = self._request(order, to, name)
        body = {"request": to_json(request), "answer": to}
        text = (
            f"Understood: plan to {confirming.wanted(order)}. I only look, and begin nothing; what "
            "it would do follows, for you alone."
        )
        text = _with(text, self._runs.nobody_for(order.group))
        return Heard(self._row(key, None, "plan", body), text, to)

    def _said_back(self, asked: confirming.Asked, command: Order, to: dict[str, str]) -> Heard:
        """Say an order with a time back; nothing is stored before its author presses a button."""
        frozen = self._runs.frozen_for(command.group, command.appointment)
        refused = f" As things are it would be refused: {escape(frozen)}." if frozen else ""
        text = (
            f"Understood: {confirming.wanted(command)}.{refused} Nothing is ordered yet: press "
            "*Order it*."
        )
        return Heard(text=text, to=to, blocks=confirming.blocks(text, asked.packed()))

    def _confirmed(self, body: Mapping[str, Any], pressed: Mapping[str, Any]) -> Heard:
        """Take an order that was said back, or let it go: whichever is pressed first."""
        _, to = self._pressed(body, pressed)
        asked = confirming.Asked.of(pressed)
        if asked is None:
            return Heard(text=confirming.UNREADABLE, to=to)
        if asked.user != to["user"]:
            return Heard(text=f"Only <@{asked.user}> can give this order.", to=to)
        elsewhere = self._elsewhere(to["channel"])
        if elsewhere or asked.channel != to["channel"]:
            text = elsewhere or f"This was asked in <#{asked.channel}>, and is ordered there."
            return Heard(text=text, to=to)
        to_replace = {**to, REPLACES: "yes"}
        if pressed.get("action_id") == confirming.NO:
            told = {"text": "Never mind: nothing was ordered.", "answer": to_replace, "about": ""}
            return Heard(self._row(asked.key, None, ASKED, told), to=to)
        try:
            order = self._as_it_was_said(asked)
        except Mistake as mistake:
            return Heard(text=str(mistake), to=to_replace)
        heard = self._order(asked.key, order, to, asked.name)
        return replace(heard, to=to_replace, told=True)

    def _as_it_was_said(self, asked: confirming.Asked) -> Order:
        """Return the order that was said back.

        Raises:
            Mistake: it would mean something else now, or its time has passed.
        """
        clocks = replace(self._clocks(), now=datetime.fromisoformat(asked.at))
        order = read_command(asked.text, groups=self._groups, command=self._name, clocks=clocks)
        if isinstance(order, Order) and order.appointment and asked.means(order.appointment):
            late = confirming.too_late(
                order.appointment, self._clock.now(), self._times.shortest[order.group]
            )
            if late:
                raise Mistake(late)
            return order
        raise Mistake("Nothing was ordered: the settings have changed meanwhile. Order it anew.")

    def _moved(
        self, key: str, command: Move | Cancel, to: dict[str, str], thread: str, said: Clocks
    ) -> Heard:
        """Have a run at another time, or not at all; times are read as of when they were said.

        A message that was read back was said long ago, so its time may have passed.
        """
        if isinstance(command, Cancel):
            run = self._runs.scheduled_one(command.target or thread)
            return self._said(key, Word("abort", run), to, "")
        run = self._runs.movable_one(command.target or thread)
        plan = self._runs.story(run).plan
        group = plan.security_group
        said = replace(said, windows={group: windows.binding(plan)})
        if command.words[0].lower() == NOW:
            at_once = replace(said, now=self._clock.now())
            appointment, to_when = moved_to(command, group, at_once), "now"
        else:
            appointment = moved_to(command, group, said)
            to_when = schedule.when(appointment)
            self._check_to_come(appointment, group, "moved")
        heard = self._changed(key, run, Change(appointment=appointment), plan.revision, to)
        text = (
            f"Understood: move {code(run)} to {to_when}. I look at the group first; then it is "
            "asked anew."
        )
        return replace(heard, text=text, told=True)

    def _check_to_come(self, appointment: Appointment, group: str, done: str) -> None:
        """Refuse what has passed since it was said, in words that were read back late."""
        shortest = self._times.shortest.get(group, SHORTEST_WINDOW)
        if gone := confirming.too_late(appointment, self._clock.now(), shortest, done):
            raise Mistake(gone)

    def _said(
        self, key: str, command: Word | Revision | Question, to: dict[str, str], thread: str
    ) -> Heard:
        """Take a word to a run, or answer a question; `thread` is the run of the thread."""
        if isinstance(command, Question):
            if command.about == HELP:
                return Heard(text=help_text(self._name, self._groups), to=to, about=HELP)
            if command.about == "why":
                text = self._runs.why(command.target or thread, to["user"])
                return Heard(text=text, to=to)
            if command.about in LOOKED_UP:
                return self._looked_up(key, command, to, thread)
            return Heard(text=self._runs.status(command.target or thread), to=to)
        run = self._meant(command, thread)
        if isinstance(command, Revision):
            return self._changed(key, run, command.change, self._runs.revision(run), to)
        body = {"verb": command.verb, "user": to["user"], "answer": to}
        nobody = self._runs.nobody_on(run)
        text = _with(f"Understood: `{command.verb}` for {code(run)}.", nobody)
        return Heard(self._row(key, run, "word", body), text, to, told=bool(nobody))

    def _meant(self, command: Word | Revision, thread: str) -> str:
        """Return the open run that is meant; a stop in a thread is for its run, if for no other.

        Raises:
            NoSuchRun: there is none.
        """
        if isinstance(command, Word) and command.verb in ATTENDING:
            return self._runs.attended_one(command.target or thread)
        try:
            return self._runs.open_one(command.target or thread)
        except NoSuchRun:
            stop = isinstance(command, Word) and command.verb in STOPS
            if not stop or not thread or command.target in self._groups:
                raise
            return self._runs.open_one(thread)

    def _changed(
        self, key: str, run: str, change: Change, revision: int, to: dict[str, str]
    ) -> Heard:
        """Take a change of a proposal to its run; `revision` is what the person saw of it."""
        body = {
            "verb": "change",
            "user": to["user"],
            "answer": to,
            "change": to_json(change),
            "revision": revision,
        }
        text = f"Understood: `change` for {code(run)}. I look at the group first."
        return Heard(self._row(key, run, "word", body), text, to)

    def _looked_up(self, key: str, question: Question, to: dict[str, str], thread: str) -> Heard:
        """Slack is asked before this can be answered: that takes longer than an ack may."""
        body = {
            "about": question.about,
            "target": question.target,
            "run": thread,
            "user": to["user"],
            "answer": to,
        }
        return Heard(self._row(key, None, ASKED, body))

    def _freezing(self, key: str, command: Freezing, to: dict[str, str]) -> Heard:
        """Take a freeze, or its end: for no run, and decided by whoever acts."""
        scope, begins, until = command.scope, command.begins, command.until
        if until is not None and until <= self._clock.now():
            # Words that were read back were said a while ago.
            raise Mistake(
                f"I understood `freeze {scope}`, but {moment(until)} has passed; give a time that "
                "is still to come."
            )
        groups, zone = meant(scope, self._settings.tags), self._times.zones.get(scope, "UTC")
        body = {
            "verb": command.verb,
            "scope": scope,
            "groups": groups,
            "zone": zone,
            "begins": begins.astimezone(UTC).isoformat() if begins else None,
            "until": until.astimezone(UTC).isoformat() if until else None,
            "reason": command.reason,
            "user": to["user"],
            "answer": to,
        }
        who = f" ({escape(named(groups))})" if groups and scope not in groups else ""
        said = [("from", begins), ("until", until)]
        told = "".join(f" {word} {schedule.both(at, zone)}" for word, at in said if at)
        read = f" Days and times of day were read in {zone}." if told and who else ""
        text = f"Understood: `{command.verb}` {code(scope)}{who}{told}.{read}"
        return Heard(self._row(key, None, "freeze", body), text, to)

    def _frozen(self) -> list[str]:
        """Return what a freeze stands of, also where the settings do not name it any more."""
        return [one.scope for one in self._runs.freezes()]

    def _elsewhere(self, channel: str) -> str:
        """Say where commands are heard, or "" where this is such a channel."""
        allowed = self._settings.channels
        if channel in allowed:
            return ""
        named = ", ".join(f"<#{one}>" for one in sorted(allowed)) or "no channel yet"
        return f"Commands are not taken in this channel; they are in {named}."

    @property
    def _name(self) -> str:
        return self._settings.slack.command

    # ---------------------------------------------------------------------------- events

    def _reaction(self, event: Mapping[str, Any], ours: frozenset[str]) -> Heard:
        item = event.get("item") or {}
        choice = choice_of(str(event.get("reaction", "")))
        if not choice or item.get("type") != "message":
            return NOTHING
        channel, ts, user = str(item["channel"]), str(item["ts"]), str(event["user"])
        delivery = self._deliveries.by_ts(channel, ts)
        if delivery is None and choice == "no" and event.get("item_user") in ours:
            self.on_copy()
        if delivery is None or not is_gate(stood_as(delivery)):
            return NOTHING
        run, added = run_of(delivery.message_key), event["type"] == "reaction_added"
        if not self._runs.is_open(run):
            to = {"channel": channel, "user": user, "run": run}
            text = f"Your vote does not count: {code(run)} has ended."
            return Heard(text=text, to=to) if added else NOTHING
        emoji = plain_name(str(event["reaction"]))
        # The business key: Slack was seen to send one reaction again under another `event_id`,
        # and a retry of one `event_id` has the same business key, so this one serves for both.
        key = f"evt:{event['type']}/{channel}/{ts}/{user}/{event['reaction']}/{event['event_ts']}"
        body = {
            "channel": channel,
            "ts": ts,
            "user": user,
            "emoji": emoji,
            "choice": choice,
            "added": added,
        }
        return Heard(self._row(key, run, "hint", body))

    def mention(self, event: Mapping[str, Any]) -> Heard:
        """Return what a message that names the bot amounts to: always a row, or nothing.

        The row's key is the message's place, so that it is heard once, however it arrives: as an
        event, as the same event under another `event_id`, or read back (`bot.threads`).

        Question: what is an edited message, of which Slack sends another event with the same
        place? Answer: where it is a vote, which is only where to look, or is just answered, it is
        heard again, once for each edit. Where it stops something now it is heard, if it did not say
        that stop before: a slip in `halt` is mended so, and an old `halt` that its author explains
        halts nothing anew. What lets something go on or changes something is heard once, however
        often it is edited, and its author is told. Given up: that a slip in `resume` can be mended
        so.
        """
        heard, place = self._mentioned(event), self._key(event)
        if heard.row is None and heard.text:
            body = {"text": heard.text, "answer": heard.to, "about": heard.about}
            row = self._row(place, None, ASKED, body)
            heard = Heard(row, heard.text, heard.to)
        edit = str((event.get("edited") or {}).get("ts") or "")
        if heard.row is None:
            return heard
        row = heard.row
        if row.kind in ("word", "freeze"):
            # A stop that mends a slip is one from then on.
            said = moment_of(edit if edit and _is_stop(row) else str(event["ts"])).isoformat()
            row = replace(row, body={**row.body, "said": said})
            heard = replace(heard, row=row)
        stop = replace(row, key=f"{place}/{row.body.get('verb')}")
        if not edit:
            return replace(heard, mark=replace(stop, taken_seq=0)) if _is_stop(stop) else heard
        if row.kind in (ASKED, "vote"):
            return replace(heard, row=replace(row, key=f"{place}/{edit}"))
        told = {"text": EDITED, "answer": row.body["answer"], "about": ""}
        once = stop if _is_stop(stop) else row
        return replace(heard, row=once, instead=self._row(f"{place}/{edit}", None, ASKED, told))

    def _key(self, event: Mapping[str, Any]) -> str:
        return f"evt:app_mention/{event['channel']}/{event['ts']}"

    def _mentioned(self, event: Mapping[str, Any]) -> Heard:
        channel, thread_ts = str(event["channel"]), str(event.get("thread_ts", ""))
        to = {"channel": channel, "user": str(event["user"])}
        if thread_ts:
            to["thread_ts"] = thread_ts
        if event.get(NAMED):
            return Heard(text=ONLY_NAMED, to=to)
        run = self._runs.in_thread(channel, thread_ts) if thread_ts else ""
        elsewhere = "" if run else self._elsewhere(channel)
        if elsewhere:
            return Heard(text=elsewhere, to=to)
        key, clocks = self._key(event), self._clocks_at(str(event["ts"]))
        try:
            command = read_command(
                str(event.get("text", "")),
                groups=self._groups,
                command="@hotfix",
                in_thread=bool(run),
                clocks=clocks,
                scopes=tuple(self._times.zones),
                frozen=self._frozen,
            )
            if isinstance(command, Order):
                text = f"That is ordered with `{self._name} {command.kind} …`."
                return Heard(text=text, to=to)
            if isinstance(command, Planning):
                return self._planning(key, command, to, "")
            if isinstance(command, Freezing):
                return self._freezing(key, command, to)
            if isinstance(command, Vote):
                return self._voted(key, command, to, run, str(event["ts"]))
            if isinstance(command, (Move, Cancel)):
                return self._moved(key, command, to, run, clocks)
            return self._said(key, command, to, run)
        except (Mistake, NoSuchRun) as mistake:
            return Heard(text=str(mistake), to=to)

    def _voted(self, key: str, vote: Vote, to: dict[str, str], thread: str, ts: str) -> Heard:
        """A vote as text says where to look, as a reaction does: in the thread of its run."""
        if not thread:
            text = f"Votes are read in the thread of a run, not here. {HOW_TO_VOTE}"
            return Heard(text=text, to=to)
        if not self._runs.is_open(thread):
            return Heard(text=f"Your vote does not count: {code(thread)} has ended.", to=to)
        body = {
            "verb": next(verb for verb, choice in VOTES.items() if choice == vote.choice),
            "gate": vote.gate,
            "choice": vote.choice,
            "user": to["user"],
            "ts": ts,
            "answer": to,
        }
        return Heard(self._row(key, thread, "vote", body))

    # --------------------------------------------------------------------------- buttons

    def _action(self, body: Mapping[str, Any]) -> Heard:
        pressed = body["actions"][0]
        if str(pressed.get("action_id", "")).startswith(VOTE):
            return self._clicked(body, pressed)
        if pressed.get("action_id") in (confirming.YES, confirming.NO):
            return self._confirmed(body, pressed)
        if pressed.get("action_id") == changing.OPEN:
            return self._opened(body, pressed)
        if pressed.get("action_id") in (changing.COUNT, changing.OUT):
            return self._counted(body)
        verb = str(pressed.get("action_id", "")).removeprefix(ACTION)
        known = (*WORDS, *ATTENDING, WITHOUT)
        if verb not in known or not str(pressed.get("action_id", "")).startswith(ACTION):
            return NOTHING
        key, to = self._pressed(body, pressed)
        run, seen, out = (*str(pressed.get("value", "")).split(" "), "", "")[:3]
        command: Word | Revision = Word(verb, run)
        try:
            if verb == WITHOUT:
                command = Revision(Change(left_out=read_left_out(out, WITHOUT)), run)
            heard = self._said(key, command, to, "")
        except (Mistake, NoSuchRun) as mistake:
            return Heard(text=str(mistake), to=to)
        if heard.row is None:
            return heard
        said = {"said": moment_of(str(pressed["action_ts"])).isoformat()}
        saw = {"seen": int(seen)} if seen.isdecimal() else {}
        return replace(heard, row=replace(heard.row, body={**heard.row.body, **said, **saw}))

    def _clicked(self, body: Mapping[str, Any], pressed: Mapping[str, Any]) -> Heard:
        """A vote by a button: the row is all there is of it, so it says all that counts."""
        key, to = self._pressed(body, pressed)
        verb = str(pressed["action_id"]).removeprefix(VOTE)
        run, _, asked = str(pressed.get("value", "")).partition("/")
        gate, _, its_code = asked.partition("/")
        if verb not in VOTES or not its_code:
            return Heard(text="Your vote does not count: this button cannot be read.", to=to)
        if not self._runs.is_open(run):
            return Heard(text=f"Your vote does not count: {code(run)} has ended.", to=to)
        row = {
            "verb": verb,
            "gate": gate,
            "code": its_code,
            "choice": VOTES[verb],
            "user": to["user"],
            "channel": to["channel"],
            "ts": str(body["container"]["message_ts"]),
            "pressed": moment_of(str(pressed["action_ts"])).isoformat(),
            "answer": to,
        }
        return Heard(self._row(key, run, "click", row))

    def _pressed(
        self, body: Mapping[str, Any], pressed: Mapping[str, Any]
    ) -> tuple[str, dict[str, str]]:
        """Return the key of a click, one for each time that somebody presses, and who it was."""
        container = body.get("container") or {}
        user = str(body["user"]["id"])
        to = {
            "channel": str(container.get("channel_id", "")),
            "user": user,
            "response_url": str(body.get("response_url", "")),
        }
        if thread := _thread_of(body):
            to["thread_ts"] = thread
        return f"act:{container.get('message_ts', '')}:{user}:{pressed['action_ts']}", to

    # ----------------------------------------------------------------------------- forms

    def _opened(self, body: Mapping[str, Any], pressed: Mapping[str, Any]) -> Heard:
        """Somebody wants to change a proposal: show them the form, filled in as the plan is."""
        _, to = self._pressed(body, pressed)
        run, revision = changing.read_button(str(pressed["value"]))
        try:
            story = self._runs.story(self._runs.open_one(run))
        except NoSuchRun as mistake:
            return Heard(text=str(mistake), to=to)
        opening = story.opening
        asked = opening is not None and opening.step.kind is StepKind.PROPOSAL
        if opening is None or not asked or opening.gate.outcome or story.plan.revision != revision:
            text = "This proposal is not asked any more, so it cannot be changed."
            return Heard(text=text, to=to)
        thread = _thread_of(body)
        place = changing.Place(run, revision, to["channel"], thread)
        smo = str(opening.gate.facts.get("smo") or "")
        view = changing.form(story.plan, place, smo, seen=story.state.facts)
        return Heard(form=Form(view, trigger=str(body["trigger_id"])), to=to)

    def _counted(self, body: Mapping[str, Any]) -> Heard:
        """Somebody wants another number of groups, or members: draw the fields for that."""
        view = body["view"]
        place = changing.Place.of(view)
        story = self._runs.story(place.run)
        smo = str(story.state.facts.smo or "") if story.state.facts else ""
        drawn = changing.form(
            story.plan,
            place,
            smo,
            count=changing.chosen_count(view),
            seen=story.state.facts,
            left_out=changing.chosen_out(view, story.plan),
        )
        return Heard(form=Form(drawn, view_id=str(view["id"]), hash=str(view["hash"])))

    def _submission(self, body: Mapping[str, Any]) -> Heard:
        """A form was sent: told at once what is wrong in it, else a word to its run."""
        view = body["view"]
        if view.get("callback_id") != changing.CALLBACK:
            return NOTHING
        place, user = changing.Place.of(view), str(body["user"]["id"])
        to = {"channel": place.channel, "user": user, "thread_ts": place.thread_ts}
        try:
            run = self._runs.open_one(place.run)
            change, errors = changing.read_form(view, self._runs.story(run).plan)
        except NoSuchRun as mistake:
            return Heard(text=f"Nothing was changed. {mistake}", to=to)
        if errors:
            return Heard(errors=errors)
        key = f"view:{view['id']}:{view['hash']}"
        return self._changed(key, run, change, place.revision, to)

    def _row(self, key: str, run: str | None, kind: str, body: dict[str, Any]) -> InboxRow:
        return InboxRow(key=key, run=run, kind=kind, body=body, at=self._clock.now())


def _with(text: str, more: str) -> str:
    return f"{text}\n{more}" if more else text


def moment_of(ts: str) -> datetime:
    """Return the moment of one of Slack's time stamps, exactly."""
    seconds, _, micros = ts.partition(".")
    whole = datetime.fromtimestamp(int(seconds), UTC)
    return whole + timedelta(microseconds=int(micros.ljust(6, "0")[:6]))


def _thread_of(body: Mapping[str, Any]) -> str:
    """Return the thread in which a button was pressed; "" above any, or where Slack does not say.

    The root of a thread names itself in its message, and stands above it.
    """
    container, message = body.get("container") or {}, body.get("message") or {}
    said, root = message.get("thread_ts"), message.get("ts")
    return str(container.get("thread_ts") or (said if said != root else "") or "")


def _is_stop(row: InboxRow) -> bool:
    return row.kind == "word" and row.body["verb"] in STOPS


def _ourselves(body: Mapping[str, Any]) -> frozenset[str]:
    """Return the ids under which the bot itself is known in this request.

    Slack also names there people by whose authorization it is sent, the author among them.
    """
    found = (one.get("user_id") for one in body.get("authorizations") or [] if one.get("is_bot"))
    return frozenset(str(user) for user in found if user)

"""Who is who in Slack, what they vote now, and how one of them is told something.

A vote is a reaction on the gate's message or a word in its thread. Both are read from Slack each
time: a word that was deleted is gone, one that was edited counts as it reads now, and what they
amount to together is decided in `engine.gates`.

Everything that decides fails closed: an answer that did not come is `PeopleUnreadable`, never
"nobody" and never a remembered one that is older than a minute.
"""

from __future__ import annotations

import asyncio
import hashlib
import html
import json
from collections.abc import Awaitable, Callable, Collection, Iterable, Mapping, Sequence
from contextlib import suppress
from dataclasses import dataclass
from datetime import timedelta
from typing import Any

import structlog
from slack_sdk.errors import SlackApiError
from slack_sdk.web.async_client import AsyncWebClient
from slack_sdk.webhook.async_client import AsyncWebhookClient

from bot.calls import refusal
from bot.channels import Channels
from bot.commands.kinds import Mistake, Vote, Word
from bot.commands.reading import is_bare_stop, read_command
from bot.commands.votes import addressed, after_name
from bot.config.settings import RoleSettings
from bot.metadata import key_in, shows_a_no
from bot.questions import UNREADABLE, SlackRefused, asked
from bot.reach import QuietHours, Reachability
from bot.reactions import choice_of, lost_key, run_of
from bot.standing import CHANNEL_SHUT, Standing
from bot.thread import pages
from bot.views.format import code, link
from engine.errors import PeopleUnreadable, StopUnheard
from engine.ports import Answers, Ballot, Clock, Person, Reach
from engine.rights import STOPS
from storage.records import DeliveryStore

log = structlog.get_logger(__name__)

USERGROUP_LIFE = timedelta(seconds=60)
"""How long the members of a user group are remembered: its method allows 20 calls a minute."""

USERGROUP_GONE = frozenset({"no_such_subteam", "subteam_not_found"})
"""Refusals that say that a user group was deleted or disabled. No reference names them; [I]."""

MEMBERS_WITHIN_S = 1.0
"""Seconds to read user groups where they are only told; with what follows, less than ten."""

ANSWER_WITHIN_S = 10.0
"""Seconds for each way to tell one person something, waiting for its turn included."""

_HIDDEN = frozenset({"user_not_found", "user_not_visible"})
"""Slack's words for that it shows us no such account: an answer, and asked again it is the same."""

_UNFIT = {
    "deleted": "it was deactivated",
    "is_bot": "it is a bot",
    "is_restricted": "it is a guest",
    "is_ultra_restricted": "it is a guest",
    "is_stranger": "it is of another organisation",
}


@dataclass(frozen=True)
class Identity:
    """Who the bot is.

    `organisation` is "" where its workspace belongs to none, or to no known; `name` is what people
    type after the @, "" where Slack does not say.
    """

    user: str
    bot: str
    team: str
    organisation: str = ""
    name: str = ""


class Self:
    """Asks Slack once who the bot is, and remembers."""

    def __init__(self, client: AsyncWebClient) -> None:
        self._client = client
        self._known: Identity | None = None

    async def identity(self) -> Identity:
        """Return who the bot is.

        Raises:
            PeopleUnreadable: Slack did not answer, or refused the token.
        """
        if self._known is None:
            answer = await asked(self._client.auth_test)
            self._known = Identity(
                answer["user_id"],
                answer.get("bot_id", ""),
                answer["team_id"],
                str(answer.get("enterprise_id") or ""),
                str(answer.get("user") or ""),
            )
        return self._known


async def _nobody_cares(_channel: str, _ts: str) -> None:
    """Only the process that speaks can post a message again."""


HearStop = Callable[[Mapping[str, Any]], Awaitable[bool]]
"""Stores a message that says stop, as if its event had come; True where nobody had heard it."""

STOPS_BEFORE_S = 120
"""Seconds before a gate's message from which stops are looked for: what is older was found by
`bot.threads`, which reads each minute."""


async def _nobody_hears(_message: Mapping[str, Any]) -> bool:
    """Nothing is stored where there is no inbox."""
    return False


class SlackPeople:
    """See engine.ports.People."""

    def __init__(
        self,
        client: AsyncWebClient,
        clock: Clock,
        me: Self,
        roles: Mapping[str, RoleSettings],
        deliveries: DeliveryStore,
        quiet: QuietHours | None = None,
        channels: Channels | None = None,
    ) -> None:
        """Take whom to ask, and what is known already.

        Args:
            client: for questions.
            clock: for how long an answer holds.
            me: who the bot is.
            roles: as the settings have them.
            deliveries: which message is which gate's.
            quiet: when people are not to be disturbed.
            channels: whether people can be asked where a gate stands.
        """
        self._client = client
        self._clock = clock
        self._me = me
        self._channels = channels or Channels(client, clock, Standing())
        self._roles = roles
        self._deliveries = deliveries
        self._reach = Reachability(clock, self.person, self._do_not_disturb, quiet)
        self._usergroups: dict[str, tuple[float, frozenset[str]]] = {}
        self.on_gone: Callable[[str, str], Awaitable[None]] = _nobody_cares
        """Told (channel, ts) of a gate's message that is not there any more."""
        self.on_stop: HearStop = _nobody_hears

    async def ballots(self, channel: str, ts: str) -> Sequence[Ballot]:
        """See engine.ports.People; a person who shows both has both ballots.

        In a channel where nobody can take anything back, nothing counts.
        """
        await self._channels.refuse_shut(channel)
        return [*await self._reactions(channel, ts), *await self._words(channel, ts)]

    async def _reactions(self, channel: str, ts: str) -> Sequence[Ballot]:
        me = await self._me.identity()
        try:
            answer = await asked(
                lambda: self._client.reactions_get(channel=channel, timestamp=ts, full=True)
            )
        except SlackRefused as refused:
            if refused.error == "message_not_found":
                await self.on_gone(channel, ts)
            raise
        try:
            shown = {
                (user, choice)
                for reaction in answer["message"].get("reactions", [])
                if (choice := choice_of(reaction["name"]))
                for user in reaction["users"]
                if user != me.user
            }
        except UNREADABLE as error:
            raise PeopleUnreadable("Slack's list of reactions cannot be read") from error
        return [Ballot(user, choice, "reaction") for user, choice in sorted(shown)]

    async def _words(self, channel: str, ts: str) -> Sequence[Ballot]:
        """Return the votes that stand as text in the thread, in its order.

        Those above the gate's message say so: nobody could read there what it asks. Edited since,
        a word was said when it was edited. Where the message
        was deleted and stands anew, they count from where the first one stood, and in the threads
        whose root was deleted as well: they can still be read.
        """
        me = await self._me.identity()
        key, thread, former, since = await asyncio.to_thread(self._threads_of, channel, ts)
        found: list[Ballot] = []
        copies: set[str] = set()
        for one in former:
            try:
                found += await self._written_in(channel, one, since, me, copies)
            except SlackRefused as refused:
                if refused.error != "thread_not_found":  # then nothing stands there any more
                    raise
        found += await self._written_in(channel, thread, since, me, copies, of=key)
        for copy in sorted(copies - {ts}):
            found += [one for one in await self._reactions(channel, copy) if one.choice == "no"]
        return found

    async def _written_in(
        self, channel: str, thread: str, since: str, me: Identity, copies: set[str], of: str = ""
    ) -> list[Ballot]:
        """Return the votes in a thread; a stop whose event was lost is heard here, and comes first.

        To `copies` the places are added where a message of ours with the key `of` shows a no; they
        are looked for from the root on: nobody knows how long before the other Slack took one.

        Raises:
            StopUnheard: there was one.
        """
        found: list[Ballot] = []
        unheard = False
        stops_from = float(since) - STOPS_BEFORE_S
        oldest = thread if of else f"{stops_from:.6f}"
        async for page in pages(self._ask_thread, channel, thread, oldest=oldest):
            try:
                below = [message for message in page if message["ts"] != thread]
                heard = [message for message in below if float(message["ts"]) > stops_from]
                stops = [message for message in heard if _says_stop(message, me)]
                written = [_written(message, me, since) for message in below]
                copies |= {
                    str(message["ts"])
                    for message in below
                    if of and key_in(message, me.user) == of and shows_a_no(message)
                }
            except UNREADABLE as error:
                raise PeopleUnreadable("Slack's list of a thread cannot be read") from error
            found += [ballot for ballot in written if ballot is not None]
            for message in stops:
                text = for_bot(message, me)
                said = {**message, "text": text, "channel": channel, "thread_ts": thread}
                unheard = await self.on_stop(said) or unheard
        if unheard:
            raise StopUnheard("somebody said stop in the thread; that is heard first")
        return found

    async def _ask_thread(self, **question: Any) -> dict[str, Any]:  # noqa: ANN401 -- JSON values
        return await asked(
            lambda: self._client.conversations_replies(include_all_metadata=True, **question)
        )

    def _threads_of(self, channel: str, ts: str) -> tuple[str, str, Sequence[str], str]:
        """Return the key of a gate's message, its thread, former ones, and from where to read.

        Raises:
            PeopleUnreadable: nobody knows; then a word against it could be overlooked.
        """
        gate = self._deliveries.by_ts(channel, ts)
        run = run_of(gate.message_key) if gate else ""
        roots = self._deliveries.all(f"{run}/root") if run else ()
        root = next((one.ts for one in roots if one.channel == channel and one.ts), None)
        if gate is None or root is None:
            raise PeopleUnreadable("it is not known in which thread people are asked")
        lost = [one for one in self._deliveries.all(f"{run}/former/") if one.channel == channel]
        stood = [one.ts for one in lost if lost_key(one) == gate.message_key and one.ts]
        since = min([ts, *stood], key=float)
        threads = [one.ts for one in lost if lost_key(one) == f"{run}/root" and one.ts]
        return gate.message_key, root, sorted(threads, key=float), since

    async def person(self, user: str) -> Person:
        """See engine.ports.People."""
        me = await self._me.identity()
        try:
            answer = await asked(lambda: self._client.users_info(user=user))
        except SlackRefused as refused:
            if refused.error not in _HIDDEN:
                raise
            return Person(user, user, "Slack does not show this account", hidden=True)
        try:
            found: dict[str, Any] = answer["user"]
            profile = found.get("profile") or {}
            name = profile.get("display_name") or found.get("real_name") or found["name"]
            return Person(
                id=found["id"],
                name=str(name),
                unfit=unfit(found, me),
                timezone=str(found.get("tz") or ""),
            )
        except UNREADABLE as error:
            raise PeopleUnreadable(f"what Slack says of {user} cannot be read") from error

    async def shared(self, channel: str) -> str:
        """See engine.ports.People; what is no channel is between the bot and one person."""
        return await self._channels.shared(channel) if channel[:1] in ("C", "G") else ""

    async def changed(self, what: str, which: str) -> None:
        """Ask anew: Slack says that a "usergroup" or a "channel" is not what it was.

        A channel is looked at right away, so that the log tells of a sharing before anybody votes.
        """
        if what == "usergroup":
            self._usergroups.pop(which, None)
            return
        self._channels.forget(which)
        with suppress(PeopleUnreadable):
            await self._channels.refuse_shut(which)

    async def roles(self, user: str) -> frozenset[str]:
        """See engine.ports.People."""
        found = set()
        for name, role in self._roles.items():
            listed = user in role.members
            if listed or (role.usergroup and user in await self._members(role.usergroup)):
                found.add(name)
        return frozenset(found)

    async def members(self, role: str) -> frozenset[str]:
        """See engine.ports.People."""
        return await self.in_roles([role])

    async def reach(self, roles: Collection[str]) -> Sequence[Reach]:
        """See engine.ports.People."""
        names = sorted(set(roles) & self._roles.keys())
        found = await asyncio.gather(*(self._readable_members(self._roles[n]) for n in names))
        people: dict[str, set[str]] = {}
        for name, users in zip(names, found, strict=True):
            for user in users:
                people.setdefault(user, set()).add(name)
        return await self._reach.of(people)

    async def _readable_members(self, role: RoleSettings) -> frozenset[str]:
        """Return who is in a role, as far as that can be read soon; only for people to read."""
        listed = frozenset(role.members)
        if not role.usergroup:
            return listed
        try:
            async with asyncio.timeout(MEMBERS_WITHIN_S):
                return listed | await self._members(role.usergroup)
        except (PeopleUnreadable, TimeoutError):
            return listed

    async def _do_not_disturb(self, user: str) -> Mapping[str, Any]:
        return await asked(lambda: self._client.dnd_info(user=user))

    async def in_roles(self, roles: Iterable[str]) -> frozenset[str]:
        """Return everybody who is in one of these roles now.

        Raises:
            PeopleUnreadable: a user group could not be read.
        """
        found = set[str]()
        for name in roles:
            if (role := self._roles.get(name)) is not None:
                found |= set(role.members)
                found |= await self._members(role.usergroup) if role.usergroup else frozenset()
        return frozenset(found)

    async def usergroups(self) -> dict[str, frozenset[str]]:
        """Return the members of every user group that a role names.

        Raises:
            PeopleUnreadable: one could not be read.
        """
        named = sorted({role.usergroup for role in self._roles.values() if role.usergroup})
        return {group: await self._members(group) for group in named}

    async def _members(self, usergroup: str) -> frozenset[str]:
        now = self._clock.monotonic()
        since, members = self._usergroups.get(usergroup, (float("-inf"), frozenset()))
        if now - since <= USERGROUP_LIFE.total_seconds():
            return members
        try:
            answer = await asked(lambda: self._client.usergroups_users_list(usergroup=usergroup))
            found = frozenset(str(user) for user in answer["users"])
        except SlackRefused as refused:
            if refused.error not in USERGROUP_GONE:
                raise
            # Nobody gets a right by this, and whoever has one by another role keeps it.
            if members or since == float("-inf"):
                log.warning("Slack has no such user group; nobody is in it", usergroup=usergroup)
            found = frozenset()
        except UNREADABLE as error:
            raise PeopleUnreadable(f"the user group {usergroup} cannot be read") from error
        self._usergroups[usergroup] = (now, found)
        return found


MOST_HANDED = 100
"""So many files are remembered that were handed over, each with where it is. A guess."""

REPLACES = "replaces"
"""In what an answer is told by: it takes the place of the message whose button was pressed."""


class SlackAnswers:
    """See engine.ports.Answers: on the command's own address, else in the thread, else directly.

    A file cannot be shown to one person in a channel, so it is always written to them directly.
    """

    def __init__(self, client: AsyncWebClient, deliveries: DeliveryStore) -> None:
        self._client = client
        self._deliveries = deliveries
        self._handed: dict[tuple[str, str, str], str] = {}

    async def answer(
        self, to: dict[str, str], text: str, *, file: tuple[str, str] | None = None
    ) -> bool:
        """See engine.ports.Answers. Never raises: an answer that cannot be given is logged."""
        if file is not None:
            text = f"{text}\n{await self._hand_over(to, *file)}"
        try:
            told = await self._respond(to, text) or await self._whisper(to, text)
            told = told or await self._write_to(to, text)
        except UNREADABLE as error:
            log.warning("answer not given", user=to.get("user"), error=type(error).__name__)
            return False
        if not told:
            log.warning("answer not given", user=to.get("user"))
        return told or not is_person(to.get("user", ""))

    async def _hand_over(self, to: dict[str, str], name: str, content: str) -> str:
        """Write a file to the person directly; return where it is, as finished mrkdwn."""
        user = to.get("user", "")
        handed = (user, name, hashlib.sha256(content.encode()).hexdigest())
        if handed in self._handed:  # an answer that Slack did not take is given once more
            return self._handed[handed]
        try:
            if not is_person(user):
                raise LookupError
            async with asyncio.timeout(ANSWER_WITHIN_S):
                opened = await self._client.conversations_open(users=user)
                sent = await self._client.files_upload_v2(
                    channel=opened["channel"]["id"], filename=name, title=name, content=content
                )
            file: Mapping[str, Any] = sent["files"][0]
        except UNREADABLE as error:
            log.warning("no file", file=name, user=user, error=type(error).__name__)
            return f"More is in {code(name)}, which could not be sent to you now; ask again later."
        where = link(str(file.get("permalink") or ""), name)
        if len(self._handed) >= MOST_HANDED:
            self._handed.clear()
        self._handed[handed] = f"All of it is in {where}, which I wrote to you directly."
        return self._handed[handed]

    async def _respond(self, to: dict[str, str], text: str) -> bool:
        """Use the address that came with a command: five times within half an hour."""
        url = to.get("response_url", "")
        if not url:
            return False
        told: dict[str, Any] = {"text": text, "response_type": "ephemeral"}
        if to.get(REPLACES):
            told["replace_original"] = True
        if thread := to.get("thread_ts"):  # Slack does not put it there by itself
            told["thread_ts"] = thread
        try:
            async with asyncio.timeout(ANSWER_WITHIN_S):
                answer = await AsyncWebhookClient(url).send_dict(told)
        except UNREADABLE:
            return False
        return answer.status_code == 200 and _says_yes(answer.body)

    async def _whisper(self, to: dict[str, str], text: str) -> bool:
        channel, user = to.get("channel", ""), to.get("user", "")
        if not channel or not is_person(user):
            return False
        thread = to.get("thread_ts") or await self._thread_of(to.get("run", ""))
        try:
            async with asyncio.timeout(ANSWER_WITHIN_S):
                await self._client.chat_postEphemeral(
                    channel=channel, user=user, text=text, thread_ts=thread or None
                )
        except UNREADABLE:
            return False
        return True

    async def _write_to(self, to: dict[str, str], text: str) -> bool:
        if not is_person(to.get("user", "")):
            return False
        try:
            async with asyncio.timeout(ANSWER_WITHIN_S):
                await self._client.chat_postMessage(channel=to["user"], text=text)
        except SlackApiError as error:
            refused = refusal(error)
            log.warning("answer not given", user=to["user"], error=refused.error)
            # About this person, whom nobody can write to any more, that is: it will stay so.
            return refused.about_content or refused.error in CHANNEL_SHUT
        return True

    async def _thread_of(self, run: str) -> str | None:
        if not run:
            return None
        root = await asyncio.to_thread(self._deliveries.all, f"{run}/root")
        return root[0].ts if root else None


class PlainAnswers:
    """See engine.ports.Answers: what the engine says is plain text, in which nobody is called.

    Reasons that people typed are in it.
    """

    def __init__(self, answers: Answers) -> None:
        self._answers = answers

    async def answer(
        self, to: dict[str, str], text: str, *, file: tuple[str, str] | None = None
    ) -> bool:
        """See engine.ports.Answers."""
        return await self._answers.answer(to, html.escape(text, quote=False), file=file)


def _says_yes(body: str | None) -> bool:
    """Say whether an address of Slack's took a message: a refusal may come with a 200."""
    text = (body or "").strip()
    try:
        said = json.loads(text)
    except ValueError:
        return text in ("", "ok")
    return isinstance(said, dict) and said.get("ok") is not False


def unfit(user: Mapping[str, Any], me: Identity) -> str:
    """Say why an account may not vote, as `users.info` shows it, or ""."""
    for mark, reason in _UNFIT.items():
        if user.get(mark):
            return reason
    theirs = str((user.get("enterprise_user") or {}).get("enterprise_id") or "")
    if theirs and me.organisation and theirs != me.organisation:
        return "it is of another organisation"
    home = user.get("team_id") or (user.get("profile") or {}).get("team")
    if home and home != me.team and not (theirs and theirs == me.organisation):
        return "it is of another workspace"
    return ""


def for_bot(message: Mapping[str, Any], me: Identity) -> str | None:
    """Return what a person says to the bot in this message, or None where they speak to others.

    A stop is for the bot also where its name was typed and Slack made no mention of that.
    """
    user, text = str(message.get("user", "")), str(message.get("text", ""))
    if not user or user == me.user or message.get("bot_id"):
        return None
    if addressed(text, me.user):
        return text
    rest = after_name(text, me.name)
    return None if rest is None or not is_bare_stop(rest) else f"<@{me.user}>{rest}"


def only_named(message: Mapping[str, Any], me: Identity) -> bool:
    """Say whether a person means the bot, Slack made no mention of it, and it is no stop."""
    person = message.get("user") and message["user"] != me.user and not message.get("bot_id")
    named = after_name(str(message.get("text", "")), me.name) is not None
    return bool(person) and named and for_bot(message, me) is None


def _says_stop(message: Mapping[str, Any], me: Identity) -> bool:
    """Say whether a person says stop to the bot here, whoever edited it: a stop is never lost."""
    text = for_bot(message, me)
    try:
        said = read_command(text, groups=(), in_thread=True) if text is not None else None
    except Mistake:
        return False
    return isinstance(said, Word) and said.verb in STOPS


def _written(message: Mapping[str, Any], me: Identity, since: str) -> Ballot | None:
    """Return the vote that a message is, or None where it is something else.

    What an app wrote is nobody's vote, nor what somebody else than its author has edited. Before
    `since` nobody could read what is asked.
    """
    user, text = str(message.get("user", "")), for_bot(message, me)
    edited = message.get("edited") or {}
    if text is None or edited.get("user", user) != user:
        return None
    try:
        vote = read_command(text, groups=(), in_thread=True)
    except Mistake:
        return None
    if not isinstance(vote, Vote):
        return None
    early = max(float(message["ts"]), float(edited.get("ts", 0))) <= float(since)
    above = str(message["ts"]) if early else ""
    return Ballot(user, vote.choice, "text", vote.gate, vote.code, vote.reason, above)


def is_person(user: str) -> bool:
    """Words from the command line come from `shell:<login>`, whom Slack does not know."""
    return user[:1] in ("U", "W") and user.isalnum()

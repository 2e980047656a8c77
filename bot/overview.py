"""What one person wants to know of all groups: what waits for them, who may approve, how runs go.

Read from the journal and from Slack, for answers and for the app's home; it writes nothing.
"""

from __future__ import annotations

import asyncio
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from datetime import timedelta
from typing import Any

import structlog
from slack_sdk.web.async_client import AsyncWebClient

from bot import catalogue
from bot.config.settings import Settings
from bot.looks import Looks
from bot.packages import PackageFolder
from bot.permalinks import permalink
from bot.runs import story_of
from bot.scheduled import Scheduled, scheduled
from bot.views import schedule
from bot.views.format import channel, code, escape, link, moment
from bot.views.reach import Person as Told
from bot.views.reach import people_lines
from bot.views.story import Opening, Story
from bot.views.words import asked_about, counted, headline, policy_words
from engine import rights
from engine.errors import NotUnderstood, PeopleUnreadable
from engine.freezes import Freeze, coming, in_force
from engine.gates import can_help
from engine.journal import Kind
from engine.model import StepKind
from engine.policy import GatePolicy, Policy
from engine.ports import Clock, People, Person
from engine.windows import rule, suggested
from storage.records import HOUSE, Record, RunRow, Stores

log = structlog.get_logger(__name__)

MOST_ENDED = 5
"""So many runs that ended are told of; more are in `hotfix-bot runs`."""


FIT_FOR = timedelta(minutes=5)
"""How long it is remembered that an account may vote: homes are made anew for many people, and the
same method tells who votes. Only for people to read. A guess."""


@dataclass(frozen=True)
class Run:
    """One run, as it stands; `story` is None where only a newer version can read it."""

    row: RunRow
    story: Story | None
    place: str = ""
    address: str = ""

    @property
    def scheduled(self) -> Scheduled | None:
        """What it waits to do at its time; None where it waits for none."""
        return scheduled(self.story) if self.story else None

    @property
    def opening(self) -> Opening | None:
        """The gate that waits for votes now."""
        opening = self.story.opening if self.story else None
        return opening if opening and not opening.gate.outcome else None


@dataclass(frozen=True)
class Snapshot:
    """All groups at one moment, the same for whoever reads it.

    Attributes:
        groups: names of the groups in the settings, with their channels.
        open: the runs that go on.
        ended: those that ended last, newest first.
        owed: groups that owe their auto-clone.
        frozen: what is frozen now, by group, in sentences.
        coming: the freezes to come, what comes first first.
        to_come: those by group, in sentences.
        looked: what the last daily look at each group found, as finished mrkdwn.
    """

    groups: Mapping[str, str]
    open: Sequence[Run]
    ended: Sequence[Run]
    owed: frozenset[str]
    frozen: Mapping[str, str]
    coming: Sequence[Freeze]
    to_come: Mapping[str, str]
    looked: Mapping[str, str]


class Overview:
    """Looks at everything at once.

    Args:
        settings: groups, policies, channels.
        people: who is in which role, and who can be reached.
        stores: the journal, and where runs are told.
        client: to ask for the addresses of messages.
        clock: the time.
    """

    def __init__(
        self,
        settings: Settings,
        people: People,
        stores: Stores,
        client: AsyncWebClient,
        clock: Clock,
    ) -> None:
        self._clock = clock
        self._settings = settings
        self._tags = settings.tags
        self._people = people
        self._stores = stores
        self._client = client
        self._read: dict[str, tuple[int, Story | None]] = {}
        self._links: dict[tuple[str, str], str] = {}
        self._packages = PackageFolder(settings.packages.directory)
        self._looks = Looks(stores.journal)
        self._fit: dict[str, tuple[float, bool]] = {}

    async def answer(self, question: Mapping[str, Any]) -> str:
        """Return the answer to a question that is looked up, as finished mrkdwn, for who asked.

        Args:
            question: `about`, `user`, `target` and `run`, as `bot.hearing` stored it.
        """
        user, target = str(question["user"]), str(question.get("target", ""))
        if question["about"] == "gates":
            return await self._gates(user)
        if question["about"] == "schedule":
            return await self._schedule(target)
        if question["about"] == "packages":
            pinned = {name: group.version for name, group in self._settings.groups.items()}
            known = await catalogue.known_groups(self._stores.journal, pinned)
            return catalogue.answer(await catalogue.entries(self._packages, known))
        return await self._approvers(target, str(question.get("run", "")))

    async def snapshot(self) -> Snapshot:
        """Return how everything stands now."""
        going = await asyncio.to_thread(self._stores.journal.runs)
        ended = (await asyncio.to_thread(self._stores.journal.ended))[:MOST_ENDED]
        house = await asyncio.to_thread(self._stores.journal.read, HOUSE)
        self._read = {
            row.id: self._read[row.id] for row in [*going, *ended] if row.id in self._read
        }
        now = self._clock.now()
        frozen, ahead = in_force(house, now), coming(house, now)
        return Snapshot(
            groups={name: group.channel for name, group in self._settings.groups.items()},
            open=[await self._run(row) for row in going],
            ended=[await self._run(row) for row in ended],
            owed=_owed(house),
            frozen={name: "; ".join(map(str, self._of(name, frozen))) for name in self._tags},
            coming=ahead,
            to_come={
                name: "; ".join(one.announced for one in self._of(name, ahead))
                for name in self._tags
            },
            looked=await asyncio.to_thread(self._last_looks),
        )

    def _last_looks(self) -> dict[str, str]:
        return {name: self._looks.line(name) for name in self._settings.groups}

    def _of(self, group: str, freezes: Iterable[Freeze]) -> list[Freeze]:
        return [one for one in freezes if one.holds_for(group, self._tags.get(group, ()))]

    async def waiting_for(self, user: str, runs: Iterable[Run]) -> list[tuple[Run, Opening]]:
        """Return the gates at which a yes of this person would help now.

        Raises:
            PeopleUnreadable: Slack did not say who they are.
        """
        waiting = [(run, opening) for run in runs if (opening := run.opening) is not None]
        if not waiting or not await self._may_vote(user):
            return []
        roles = await self._people.roles(user)
        return [(run, opening) for run, opening in waiting if _helps(run, opening, user, roles)]

    async def may_cancel(self, user: str, runs: Iterable[Run]) -> frozenset[str]:
        """Return the ids of the runs that this person may cancel.

        Raises:
            PeopleUnreadable: Slack did not say who they are.
        """
        given = [(run, run.story) for run in runs if run.story is not None]
        if not given or not await self._may_vote(user):
            return frozenset()
        person, roles = Person(id=user, name=""), await self._people.roles(user)
        return frozenset(
            run.row.id
            for run, story in given
            if not rights.refusal(
                "abort",
                person,
                roles,
                story.plan.policy,
                requester=story.state.the_request.requester,
            )
        )

    async def _may_vote(self, user: str) -> bool:
        now = self._clock.monotonic()
        since, fit = self._fit.get(user, (float("-inf"), False))
        if now - since > FIT_FOR.total_seconds():
            fit = not (await self._people.person(user)).unfit
            self._fit[user] = (now, fit)
        return fit

    async def _run(self, row: RunRow) -> Run:
        known = self._read.get(row.id)
        if known is None or known[0] != row.last_seq:
            records = await asyncio.to_thread(self._stores.journal.read, row.id)
            known = (row.last_seq, await asyncio.to_thread(_story, records))
            self._read[row.id] = known
        roots = await asyncio.to_thread(self._stores.deliveries.all, f"{row.id}/root")
        root = next((one for one in roots if one.ts), None)
        if root is None or root.ts is None:
            return Run(row, known[1])
        place = (root.channel, root.ts)
        if not self._links.get(place):
            self._links[place] = await permalink(self._client, *place)
        return Run(row, known[1], root.channel, self._links[place])

    # ------------------------------------------------------------------------- the answers

    async def _gates(self, user: str) -> str:
        runs = (await self.snapshot()).open
        try:
            waiting = await self.waiting_for(user, runs)
        except PeopleUnreadable as error:
            return f"Slack could not be asked who you are: {escape(str(error))}. Ask again."
        if waiting:
            return "\n".join(["*Waiting for you:*", *(gate_line(*one) for one in waiting)])
        others = [(run, opening) for run in runs if (opening := run.opening) is not None]
        if not others:
            return "No gate waits for you, and none is open."
        lines = [gate_line(run, opening) for run, opening in others]
        return "\n".join(["No gate waits for you. Open, for others:", *lines])

    async def _schedule(self, group: str) -> str:
        """Tell what waits for its time, what comes first first."""
        now = await self.snapshot()
        ahead = [(run, one) for run in now.open if (one := run.scheduled) is not None]
        mine = [pair for pair in ahead if group in ("", pair[1].group)]
        freezes = self._of(group, now.coming) if group else now.coming
        frozen = [f"🗓️ {escape(one.announced, 600)}" for one in freezes]
        there = self._windows(group)
        if not mine:
            on = f" on {code(group, 80)}" if group else ""
            return "\n".join([f"Nothing is scheduled{on}.", *frozen, *there])
        mine.sort(key=lambda pair: (pair[1].start, pair[1].run))
        lines = [f"{scheduled_line(run, one)} ({code(one.run, 40)})" for run, one in mine]
        command = self._settings.slack.command
        run, first = mine[0][1].run, mine[0][0].story
        when = schedule.later_time(first.plan) if first is not None else schedule.SOME_TIME
        ways = f"`{command} schedule cancel {run}`, `{command} schedule move {run} {when}`"
        return "\n".join(
            ["*Scheduled*", *lines, *frozen, f"To cancel or move one: {ways}.", *there]
        )

    def _windows(self, group: str) -> list[str]:
        """Tell of each group, or of one, in which windows of every week it may fail over."""
        now, told = self._clock.now(), list[str]()
        for name in sorted(self._settings.groups):
            there = self._settings.windows_of(name)
            if group in ("", name) and there.spans:
                told.append(f"{code(name, 80)} {rule(there)}; {suggested(there, now, now)}.")
        return told

    async def _approvers(self, target: str, run: str) -> str:
        runs = (await self.snapshot()).open
        found = next((one for one in runs if one.row.id == run or one.row.group == target), None)
        group = found.row.group if found else target
        if group not in self._settings.groups:
            known = ", ".join(code(name, 80) for name in sorted(self._settings.groups)) or "none"
            asked = (
                f"There is no group {code(target, 80)}; groups"
                if target
                else "Which group? There is"
            )
            return f"{asked}: {known}." if target else f"{asked} {known}."
        story = found.story if found else None
        policy = story.plan.policy if story else self._settings.policy_of(group).policy()
        reach = await self._people.reach(_roles_of(policy))
        people: list[Told] = [
            {
                "user": one.user,
                "name": one.name,
                "roles": sorted(one.roles),
                "state": one.state,
                "local": one.local,
                "until": one.until.isoformat() if one.until else None,
            }
            for one in reach
        ]
        lines = [f"*Who approves on {code(group, 80)}*"]
        proposal = story.plan.policy_at(StepKind.PROPOSAL) if story else policy.proposal
        for what, gate in (("A proposal", proposal), ("A failover", policy.failover)):
            mine = [one for one in people if _all_roles(gate) & set(one["roles"])]
            lines += [f"*{what}* needs {policy_words(gate)}.", *people_lines(mine)]
        if found is not None and found.opening is not None:
            lines.append(gate_line(found, found.opening))
        return "\n".join(lines)


def gate_line(run: Run, opening: Opening) -> str:
    """Return one line about a gate that waits, with the way to it."""
    gate = opening.gate
    what = asked_about(opening.step)
    where = link(gate.link, "vote there")
    if where == "vote there" and gate.shown:
        where = f"vote in {channel(gate.shown[0]) or 'its thread'}"
    return (
        f"*{gate.name} · {gate.code} · {escape(run.row.group, 80)}*: {what}; "
        f"{counted(opening)}; still needed: {escape(opening.missing) or 'nobody'}; until "
        f"{moment(gate.expires_at)} — {where}"
    )


def scheduled_line(run: Run, one: Scheduled) -> str:
    """Return one line about a run that waits for its time, with the way to it."""
    begins = schedule.both(one.start, one.zone)
    until = f" until {schedule.there(one.until, one.zone)}" if one.until is not None else ""
    lacking = f"; lacking then: {escape(one.lacking, 200)}" if one.lacking else ""
    return (
        f"*{begins}*{until} · {code(one.group, 80)}: {escape(one.what, 200)}; "
        f"{escape(one.state, 300)}{lacking}; ordered by {escape(one.by, 80)} — {_way_to(run)}"
    )


def run_line(run: Run) -> str:
    """Return one line about a run, with the way to it."""
    if run.story is None:
        return f"{code(run.row.id, 40)} on {code(run.row.group, 80)}: only a newer version reads it"
    return f"*{escape(headline(run.story))}* — {_way_to(run)}"


def _way_to(run: Run) -> str:
    where = link(run.address, "thread")
    return where if where != "thread" else channel(run.place) or "not told in Slack yet"


def _helps(run: Run, opening: Opening, user: str, roles: frozenset[str]) -> bool:
    requester = run.story.state.the_request.requester if run.story else ""
    authors = run.story.state.authors if run.story else ()
    return can_help(opening.policy, opening.gate, user, roles, requester=requester, authors=authors)


def _story(records: Sequence[Record]) -> Story | None:
    try:
        return story_of(records)
    except NotUnderstood:
        return None


def _all_roles(gate: GatePolicy) -> frozenset[str]:
    return gate.roles | ({gate.fallback} if gate.fallback else frozenset())


def _roles_of(policy: Policy) -> frozenset[str]:
    return _all_roles(policy.proposal) | _all_roles(policy.failover)


def _owed(house: Iterable[Record]) -> frozenset[str]:
    owed: set[str] = set()
    for record in house:
        group = str(record.body.get("group", ""))
        if record.kind == Kind.OWED:
            owed.add(group)
        elif record.kind == Kind.SETTLED:
            owed.discard(group)
    return frozenset(owed)

"""What came of it: the one JSON line, and whether each promise was kept.

Device figures are the witness's, run figures the journal's. A promise was held only if
`engine.promises` over the journal and the witness both say so; either alone can break it.
"""

from __future__ import annotations

import json
from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field, replace
from datetime import UTC, datetime, timedelta
from typing import Any

from bot.demo import ballots
from bot.demo.matching import SLACK_S, Matched, Timeline, match
from bot.demo.patience import impatient, refused_for_rate
from bot.demo.posts import Post, out_of_order, posted_twice
from bot.demo.scenario import EVENTS
from engine import promises
from engine.facts import spelled
from engine.fold import RunState
from engine.journal import Kind
from engine.promises import BROKEN, HELD, UNUSED
from storage.records import Record


@dataclass(frozen=True)
class Spell:
    """For how long something around the bot failed."""

    name: str
    began: datetime
    over: datetime


@dataclass(frozen=True)
class Seen:
    """All that is there to judge when a scenario is over."""

    scenario: str
    records: Sequence[Record]
    device: Mapping[str, Any]
    timeline: Timeline
    traffic: Sequence[Mapping[str, Any]] = ()
    bot_user: str = ""
    names: Mapping[str, str] = field(default_factory=dict)
    leaks: Sequence[str] = ()
    kills: int = 0
    troubles: Sequence[Spell] = ()
    acted: Sequence[str] = ()
    posts: Sequence[Post] = ()
    direct: Sequence[str] = ()
    heard_by: Sequence[str] = ()
    said: Sequence[Mapping[str, Any]] = ()
    told: Mapping[str, Sequence[str]] = field(default_factory=dict)
    took_s: float = 0.0
    earlier: Sequence[Sequence[Record]] = ()
    """The records of the runs before this one, where more than one was ordered."""

    @property
    def each(self) -> Sequence[Seen]:
        """What is seen with one run at a time, in order."""
        return [replace(self, records=run, earlier=()) for run in (*self.earlier, self.records)]

    @property
    def whole(self) -> Seen:
        """What is seen with all runs as if they were one: for what the devices saw of all."""
        told: list[Record] = []
        for run in (*self.earlier, self.records):
            before = len(told)
            told += [_within(record, before) if self.earlier else record for record in run]
        return replace(self, records=told, earlier=())

    @property
    def votes(self) -> Sequence[ballots.Touch]:
        """Every vote that was given in Slack, in order."""
        return ballots.votes(self.records, self.traffic, self.said, self.bot_user)

    def name(self, user: str) -> str:
        """Return what a person is called."""
        return self.names.get(user, user)


def _within(record: Record, before: int) -> Record:
    """Return a record as one of many runs: its steps are not those of another run."""
    body = record.body
    if "step" in body:
        body = {**body, "step": f"{record.stream}/{body['step']}"}
    return replace(record, seq=record.seq + before, body=body)


def verdict(seen: Seen) -> dict[str, Any]:
    """Return the JSON line's content."""
    state = RunState.replay(seen.records)
    request = state.request
    return {
        "scenario": seen.scenario,
        "run": state.run,
        "state": _state(state),
        "runs": [_run(RunState.replay(one.records)) for one in seen.each],
        "hold": state.hold.reason if state.hold else None,
        "holds": [r.body["reason"] for r in seen.records if r.kind == Kind.HELD],
        "requester": seen.name(request.requester) if request else None,
        "groups": _groups(state),
        "gates": list(_gates(seen)),
        "refused": list(_refused(seen)),
        "there": {seen.name(user): one.there for user, one in state.attending.items()},
        "told": {seen.name(user): list(texts) for user, texts in seen.told.items()},
        "events": _events(seen),
        "members": list(seen.device["members"]),
        "brought_up": sorted({a["member"] for a in seen.device["acts"] if a["act"] == "admin_up"}),
        "active_site": seen.device["active_site"],
        "active_min": seen.device["active_min"],
        "connections_lost": seen.device["connections_lost"],
        "auto_clone": {**seen.device["auto_clone"], "owed": state.cloning_owed},
        "promises": {name: word for name, (word, _) in judged(seen).items()},
        "faults": [*seen.device["faults"], *_troubles(seen)],
        "kills": seen.kills,
        "acted": list(seen.acted),
        "posted_twice": posted_twice(seen.posts),
        "told_directly": sorted(seen.name(user) for user in seen.direct),
        "refused_for_rate": sorted(refused_for_rate(seen.traffic)),
        "impatient": impatient(seen.traffic),
        "deliveries": _deliveries(seen),
        "took_s": round(seen.took_s, 1),
    }


def _run(state: RunState) -> dict[str, Any]:
    """Tell of one run what it did and how it ended."""
    plan = state.plan
    told = {"kind": plan.kind, "phase": plan.phase} if plan is not None else {}
    return {"run": state.run, **told, "state": _state(state), "owed": state.cloning_owed}


def _troubles(seen: Seen) -> Iterator[dict[str, Any]]:
    """Yield what failed around the bot as the rehearsal tells its faults: in simulated seconds."""
    for spell in seen.troubles:
        since = (spell.began - seen.timeline.began).total_seconds()
        yield {"name": spell.name, "fired_at": round(since * seen.timeline.speed, 1)}


def _deliveries(seen: Seen) -> dict[str, Any]:
    """Tell how Slack reached the bot: which processes heard, and what had to be sent again."""
    told = [line for line in seen.traffic if line.get("type") != "url_verification"]
    sent = [line for line in told if line.get("kind") == "delivery" and line.get("ok")]
    acks = [line for line in seen.traffic if line.get("kind") == "ack"]
    again = {line["payload"].get("event_id") for line in sent if line.get("retry_attempt")}
    return {
        "by_http": sum("url" in line for line in sent),
        "by_socket": sum("connection" in line for line in sent),
        "acks_lost": sum(line.get("error") == "lost" for line in acks),
        "events_sent_again": len(again),
        "heard_by": list(seen.heard_by),
    }


def _state(state: RunState) -> str:
    if state.ended is not None:
        return str(state.ended["state"])
    if state.halted:
        return "halted"
    if state.hold is not None:
        return "held"
    return "paused" if state.paused else "open"


def line(told: Mapping[str, Any]) -> str:
    """Return the JSON line."""
    return json.dumps(told, ensure_ascii=False)


# ----------------------------------------------------------------------------------- gates


def _gates(seen: Seen) -> Iterator[dict[str, Any]]:
    """Yield every gate that was asked, in order, with who stood with a yes at its end."""
    opened = [r for r in seen.records if r.kind == Kind.GATE_OPENED]
    for number, record in enumerate(opened, start=1):
        step = record.body["step"]
        later = [r for r in seen.records if r.seq > record.seq]
        until = next((r.seq for r in later if r.kind == Kind.GATE_OPENED and _is(r, step)), None)
        mine = [r for r in later if until is None or r.seq < until]
        again = {
            "changed": list(record.body.get("changed", ())),
            "fallen": [seen.name(user) for user in record.body.get("fallen", ())],
        }
        asked_again = {name: value for name, value in again.items() if value}
        yield {"name": f"G{number}", "step": step, **_ending(mine, step, seen), **asked_again}


def _groups(state: RunState) -> list[str]:
    """Return the Logical Groups of the last plan in their order, like `A 1_1-1_4`."""
    groups = state.plan.groups if state.plan is not None else ()
    return [f"{group.name} {spelled(group.members)}" for group in groups]


def _events(seen: Seen) -> dict[str, int]:
    """Count what became of Slack's events on the way, as scenarios call it."""
    faults = [line for line in seen.traffic if line.get("kind") == "fault"]
    counted = {
        name: sum(
            line["fault"] == fault["kind"]
            and bool(line.get("new_event_id")) == bool(fault.get("new_event_id"))
            for line in faults
        )
        for name, fault in EVENTS.items()
    }
    return {name: count for name, count in counted.items() if count}


def _refused(seen: Seen) -> Iterator[dict[str, Any]]:
    """Yield every vote that was refused, in order, with why."""
    for record in seen.records:
        if record.kind == Kind.REFUSED and record.body.get("choice"):
            who, choice = seen.name(record.body["user"]), record.body["choice"]
            yield {"who": who, "choice": choice, "why": record.body["reason"]}


def _is(record: Record, step: str) -> bool:
    return bool(record.body.get("step") == step)


def _ending(records: Sequence[Record], step: str, seen: Seen) -> dict[str, Any]:
    state, votes, ways = "open", dict[str, str](), dict[str, str]()
    for record in records:
        body = record.body
        if state == "approved" and record.kind == Kind.DONE and _is(record, step):
            break
        if record.kind in (Kind.ABORTED, Kind.ROLLED_BACK):
            state = "superseded"
            break
        if not _is(record, step):
            continue
        match record.kind:
            case Kind.VOTED:
                votes[body["user"]] = body["choice"]
                ways[body["user"]] = body["source"]
            case Kind.WITHDRAWN:
                votes.pop(body["user"], None)
                state = "open"
            case Kind.BARRED:
                state = "open"
            case Kind.GATE_CLOSED:
                state = body["outcome"]
                if state != "approved":
                    break
            case _:
                pass
    yes = sorted((user for user, choice in votes.items() if choice == "yes"), key=seen.name)
    told = {
        "state": state,
        "voters": [seen.name(user) for user in yes],
        "ways": [ways[user] for user in yes],
    }
    against = [seen.name(u) for u, c in votes.items() if c == "no"]
    return {**told, "against": against} if against else told


# -------------------------------------------------------------------------------- promises

Judged = dict[str, tuple[str, tuple[str, ...]]]


def judged(seen: Seen) -> Judged:
    """Return each promise's verdict by both judges, with the sentences that say what broke it."""
    whole = seen.whole
    matched = match(seen.device["acts"], whole.records, seen.timeline)
    both: Judged = {}
    for name, (word, why) in _explained(seen).items():
        views = seen.each if name in _EACH else [whole if name in _WHOLE else seen]
        found = (one for view in views for one in _WITNESS.get(name, _nothing)(view, matched))
        objections = tuple(dict.fromkeys(found))
        broken = word == BROKEN or bool(objections)
        kept = HELD if name in _ALWAYS else word
        both[name] = (BROKEN if broken else kept, (*why, *objections))
    return both


_EACH = frozenset({"P2", "P12"})
"""What is judged run by run, also by the witness: votes are given in one run's messages."""

_WHOLE = frozenset({"P1", "P3", "P7", "P8"})
"""What the witness judges over all runs: a device knows of no runs."""


def _explained(seen: Seen) -> Judged:
    """Return what the journals say: a promise is broken where it is in one of the runs."""
    told: Judged = {}
    for one in seen.each:
        for name, (word, why) in promises.explained(one.records).items():
            former, before = told.get(name, (UNUSED, ()))
            worst = min(word, former, key=(BROKEN, HELD, UNUSED).index)
            told[name] = (worst, (*before, *why))
    return told


_ALWAYS = frozenset({"P11"})
"""A journal alone cannot show these; the witness looks at them every time."""

HASTE = timedelta(seconds=1)
"""What was looked up or written right before may still be acted on for so long: the last look at
votes comes before the intent, and the intent before the act."""

Objections = Iterator[str]


def _nothing(_seen: Seen, _matched: Matched) -> Objections:
    return iter(())


def _objections(seen: Seen, promise: str) -> Objections:
    left_out = _left_out(seen.records)
    objections = seen.device["objections"]
    absent = seen.device.get("absent", [()] * len(objections))
    for sentence, members in zip(objections, absent, strict=True):
        # The witness knows no plan: whose absence people agreed to is no offence.
        agreed = bool(members) and left_out.issuperset(members)
        if _promise_of(sentence) == promise and not agreed:
            yield f"witness: {sentence}"


def _left_out(records: Sequence[Record]) -> frozenset[str]:
    """Return the members that the last plan leaves out; nothing is done under a former one."""
    planned = [r.body["plan"] for r in records if r.kind == Kind.PLANNED]
    return frozenset(planned[-1].get("left_out", ())) if planned else frozenset()


def _promise_of(objection: str) -> str:
    """Return the promise that one of the witness's sentences is about."""
    if "auto-clone" in objection:
        return "P5"
    return "P3" if "started twice" in objection else "P1"


def _p1(seen: Seen, _matched: Matched) -> Objections:
    yield from _objections(seen, "P1")


def _p2(seen: Seen, matched: Matched) -> Objections:
    """Each failover that the devices saw was voted for, by people whose yes stood in Slack."""
    for batch in matched.without_record:
        if batch.act == "admin_down":
            yield f"witness: {batch}, and no record allows it"
    touched = seen.votes
    asked = ballots.askings(seen.records)
    for record in seen.records:
        step = record.body.get("gate_step")
        if record.kind != Kind.INTENDED or not step:
            continue
        absent = [
            seen.name(user)
            for user in record.body.get("voters", ())
            if not ballots.stood(touched, asked, step, user, record.at)
        ]
        if absent:
            yield f"Slack: no yes of {', '.join(absent)} stood at record {record.seq}"
        for spell in seen.troubles:
            if spell.name in _UNASKED and spell.began + HASTE < record.at < spell.over:
                yield f"Slack: {_UNASKED[spell.name]} when record {record.seq} began a failover"


_UNASKED = {
    "slack_gone": "it was gone",
    "channel_archived": "the channel was archived",
    "token_revoked": "the token was revoked",
}
"""While this lasts nobody can be asked, and nobody can stop anything."""


def _p3(seen: Seen, matched: Matched) -> Objections:
    yield from _objections(seen, "P3")
    for batch in matched.without_record:
        if batch.act in ("install", "uninstall"):
            yield f"witness: {batch}, and no record allows it"
    for what in ("install", "uninstall"):
        allowed: dict[str, int] = {}
        for member, _ in _attempts(seen.records, what.upper()):
            allowed[member] = allowed.get(member, 0) + 1
        for member in seen.device["members"]:
            started = member[f"{what}s_started"]
            if started > allowed.get(member["id"], 0):
                yield f"witness: {member['id']} saw {started} starts of {what}"


def _attempts(records: Sequence[Record], kind: str) -> set[tuple[str, tuple[str, int]]]:
    """Return member and attempt of every installation that was committed."""
    members = {
        r.body["step"]: r.body["members"]
        for r in records
        if r.kind == Kind.INTENDED and r.body["kind"] == kind
    }
    return {
        (member, (r.body["step"], r.body["attempt"]))
        for r in records
        if r.kind == Kind.COMMITTING
        for member in members.get(r.body["step"], ())
    }


def _p5(seen: Seen, _matched: Matched) -> Objections:
    yield from _objections(seen, "P5")
    state = RunState.replay(seen.records)
    cloning = seen.device["auto_clone"]
    if state.ended is None:
        return
    changed = cloning["before"] != cloning["after"]
    if changed and not state.cloning_owed:
        yield f"witness: cloning was {cloning['before']}, is {cloning['after']}, and not owed"
    if not changed and state.cloning_owed:
        yield f"witness: cloning is {cloning['after']} as before, but said to be owed"


def _p7(seen: Seen, matched: Matched) -> Objections:
    """After a halt nothing begins that was not under way already."""
    for halted, until in _halts(seen.records):
        for batch, one in matched.pairs:
            after = batch.at > halted.at + timedelta(seconds=2 * SLACK_S)
            before = until is None or batch.at < until.at
            if (after and before) or (
                one.seq > halted.seq and (until is None or one.seq < until.seq)
            ):
                yield f"witness: {batch}, after the halt of record {halted.seq}"


def _halts(records: Sequence[Record]) -> Iterator[tuple[Record, Record | None]]:
    halted: Record | None = None
    for record in records:
        if record.kind == Kind.HALTED and halted is None:
            halted = record
        if record.kind in (Kind.RESUMED, Kind.ABORTED, Kind.ROLLED_BACK) and halted is not None:
            yield halted, record
            halted = None
    if halted is not None:
        yield halted, None


def _p8(seen: Seen, matched: Matched) -> Objections:
    for batch in matched.without_record:
        yield f"witness: {batch}, and no record allows it"
    for batch, _ in matched.pairs:
        for spell in seen.troubles:
            if spell.name == "database_gone" and spell.began + HASTE < batch.at < spell.over:
                yield f"witness: {batch}, while there was no database to write it to"
    yield from matched.without_act


def _p10(seen: Seen, _matched: Matched) -> Objections:
    """What the end says is what the devices show; of a member left out nothing is promised."""
    left_out = _left_out(seen.records)
    end = next((r for r in seen.records if r.kind == Kind.ENDED), None)
    if end is None or any(_ended_at(run) > end.at for run in seen.earlier):
        return  # another run changed the group after this one's end
    ended = end.body
    for member in (one for one in seen.device["members"] if one["id"] not in left_out):
        if not member["in_service"] and ended["state"] != "degraded":
            yield f"witness: ended {ended['state']}, but {member['id']} is {member['state']}"
        said = ended["members"].get(member["id"])
        if said != member["take_after"]:
            yield f"witness: {member['id']} is at take {member['take_after']}, the end says {said}"


_NEVER = datetime.min.replace(tzinfo=UTC)


def _ended_at(records: Sequence[Record]) -> datetime:
    return max((r.at for r in records if r.kind == Kind.ENDED), default=_NEVER)


def _p11(seen: Seen, _matched: Matched) -> Objections:
    yield from seen.leaks


def _p12(seen: Seen, _matched: Matched) -> Objections:
    yield from ballots.miscounted(seen.records, seen.votes)


_WITNESS: Mapping[str, Callable[[Seen, Matched], Objections]] = {
    "P1": _p1,
    "P2": _p2,
    "P3": _p3,
    "P5": _p5,
    "P7": _p7,
    "P8": _p8,
    "P10": _p10,
    "P11": _p11,
    "P12": _p12,
}


# ----------------------------------------------------------------------------------- shortfalls


def shortfalls(told: Mapping[str, Any], seen: Seen) -> list[str]:
    """Return what is wrong whatever is expected: broken promises, faults that never fired."""
    wrong = [
        f"{name} is broken: {sentence}"
        for name, (word, why) in judged(seen).items()
        if word == BROKEN
        for sentence in why
    ]
    wrong += [
        f"the fault {fault['name']} never fired"
        for fault in told["faults"]
        if fault["fired_at"] is None
    ]
    wrong += [f"in Slack, {key} was posted twice" for key in posted_twice(seen.posts)]
    wrong += [f"in Slack, {one}" for one in out_of_order(seen.posts)]
    wrong += [
        f"the rehearsal did not understand: {text}" for text in seen.device.get("unsupported", ())
    ]
    return wrong


__all__ = ["BROKEN", "HELD", "UNUSED", "Seen", "judged", "line", "shortfalls", "verdict"]

"""A run in plain words, record by record: what happened, who caused it, and the facts that decided.

Pure; for the command line and for reports. How it is laid out on a terminal is not here. Every kind
of record has words of its own, and a kind that this version does not know is shown as it stands.
"""

from __future__ import annotations

import re
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from datetime import UTC, datetime
from typing import Any

from bot.runs import story_of
from bot.views.schedule import shortly
from bot.views.words import headline, state_word, titled
from engine import last_read
from engine.canon import from_json, to_json
from engine.errors import NotUnderstood, RecordSpoilt
from engine.facts import spelled
from engine.fold import RunState
from engine.journal import ENGINE
from engine.model import Appointment, StepKind
from storage.records import Record, RunRow

_MEMBER = re.compile(r"\d+_\d+")


@dataclass(frozen=True)
class Line:
    """One record in words. `facts` are what decided, as short phrases."""

    seq: int
    at: str
    by: str
    what: str
    facts: tuple[str, ...] = ()


def header(records: Sequence[Record]) -> dict[str, Any]:
    """Return what a run is, and how it stands."""
    story = story_of(records)
    state, plan, request = story.state, story.plan, story.state.the_request
    return {
        "run": state.run,
        "state": state_word(story),
        "headline": headline(story),
        "group": plan.security_group,
        "package": plan.package.name,
        "sha256": plan.package.sha256,
        "requester": request.requester_name or request.requester,
        "ticket": request.ticket,
        "appointment": to_json(plan.appointment) if plan.appointment is not None else None,
        "take": {"before": plan.take_before, "after": plan.take_after},
        "revision": plan.revision,
        "digest": plan.digest,
        "open": state.ended is None,
        "hold": state.hold.reason if state.hold else "",
        "out_of_service": list(state.out_of_service()),
        "left_out": list(plan.left_out),
        "by_hand": state.by_hand(),
        "by_hand_waits": state.by_hand_waits(),
        "cloning_owed": state.cloning_owed,
    }


def unread(row: RunRow, why: NotUnderstood) -> dict[str, Any]:
    """Return what is known of a run that only a newer version can read, or nobody."""
    return {
        "run": row.id,
        "state": "cannot be read" if isinstance(why, RecordSpoilt) else "of a newer version",
        "headline": str(why),
        "group": row.group,
        "package": "?",
        "open": row.open,
    }


def as_last_read(row: RunRow, records: Sequence[Record], why: NotUnderstood) -> dict[str, Any]:
    """Return the same, with who was out of service when it could be read, as far as that is known.

    Left out where not even its plan can be read.
    """
    return {**unread(row, why), **last_read.facts_of(last_read.last_read(records, why))}


def plan_lines(records: Sequence[Record]) -> list[dict[str, Any]]:
    """Return the steps of the plan in force, each with how far it has come."""
    state = RunState.replay(records)
    return [
        {
            "step": step.id,
            "title": titled(step),
            "group": step.group,
            "members": spelled(step.members) if step.members else "",
            "status": state.of(step).status,
            "attempt": state.of(step).attempt,
            "how": state.of(step).how,
        }
        for step in state.the_plan.steps
    ]


def lines(records: Sequence[Record]) -> list[Line]:
    """Return every record in words."""
    names = _names(records)
    return [_line(record, names) for record in records]


def _names(records: Sequence[Record]) -> dict[str, str]:
    names = {ENGINE: "bot"}
    for record in records:
        body = record.body
        if record.kind == "ORDERED":
            request = body["request"]
            names[request["requester"]] = request.get("requester_name") or request["requester"]
        if body.get("user") and body.get("name"):
            names[body["user"]] = body["name"]
    return names


def _line(record: Record, names: Mapping[str, str]) -> Line:
    teller = _TELLERS.get(record.kind)
    what, facts = teller(record.body, names) if teller else (record.kind, ())
    by = names.get(record.by, record.by)
    return Line(record.seq, record.at.isoformat(), by, what, tuple(f for f in facts if f))


Told = tuple[str, Sequence[str]]
Body = Mapping[str, Any]
Names = Mapping[str, str]


def _ordered(body: Body, _: Names) -> Told:
    request = body["request"]
    facts = [
        f"ticket {request['ticket']}" if request.get("ticket") else "",
        _appointed(request.get("appointment")),
        _text(request, "rollback_said"),
        _version(body),
    ]
    return f"ordered: {request['kind']} {request['package']} on {request['security_group']}", facts


def _planned(body: Body, _: Names) -> Told:
    plan = body["plan"]
    groups = [f"{g['name']} = {spelled(g['members'])}" for g in plan["groups"]]
    cause = body.get("cause", "ordered")
    again = f"revision {body['revision']} ({cause})" if body["revision"] > 1 else "planned"
    take = f"take {plan['take_before']} → {plan['take_after']}"
    steps = f"{len(plan['steps'])} steps"
    facts = [take, steps, _appointed(plan.get("appointment")), f"digest {body['digest'][:12]}"]
    return f"{again}: {'; '.join(groups)}", facts


def _appointed(appointment: Body | None) -> str:
    """Say for when, as the zone's clocks show it in which somebody said so."""
    return f"for {shortly(from_json(Appointment, appointment))}" if appointment else ""


def _taken_up(body: Body, _: Names) -> Told:
    copied = "taken up from a copy of the database" if body.get("copy") else ""
    return copied or "taken up after a restart", [f"by {body.get('holder', '')}", _version(body)]


def _version(body: Body) -> str:
    return f"version {body['version']}" if body.get("version") else ""


def _seen(body: Body, _: Names) -> Told:
    changes = _by_change([str(one) for one in body.get("changes", ())])
    return ("seen: " + "; ".join(changes) if changes else "looked"), []


def _by_change(changes: Sequence[str]) -> list[str]:
    """Say once what changed alike on several members: `1_1-1_4: take 99 → 120`."""
    members: dict[str, list[str]] = {}
    for change in changes:
        member, _, what = change.partition(": ")
        if _MEMBER.fullmatch(member):
            members.setdefault(what, []).append(member)
        else:
            members[change] = []
    return [f"{spelled(who)}: {what}" if who else what for what, who in members.items()]


def _time(iso: str) -> str:
    """Return the time of day of a moment; the day stands in the line's own time."""
    return datetime.fromisoformat(iso).astimezone(UTC).strftime("%H:%M:%S")


def _gate_opened(body: Body, _: Names) -> Told:
    roles = ", ".join(body.get("roles", ())) or "no role"
    evidence = body.get("evidence") or {}
    members = evidence.get("members") or {}
    states = sorted({str(one.get("state")) for one in members.values()})
    facts = [
        f"{len(members)} members: {', '.join(states)}" if members else "",
        f"policy {', '.join(evidence.get('policy', ()))}" if evidence.get("policy") else "",
        f"facts {body['facts_digest'][:12]}",
        f"expires {_time(body['expires_at'])}",
        *(f"changed: {one}" for one in body.get("changed", ())),
    ]
    return f"asked at {body['step']} ({body['code']}): {body['votes']} of {roles}", facts


def _gate_shown(body: Body, _: Names) -> Told:
    place = f"{body['channel']} {body['ts']}"
    gate = body.get("gate") or body["step"]
    if not body.get("lost"):
        return f"{gate} stands in Slack", [place]
    fell = ", ".join(body.get("names", ()))
    was = f"its former message {body['lost'][1]} was deleted"
    return f"{gate} stands in Slack anew", [place, was, f"votes lost with it: {fell or 'none'}"]


def _clicked(body: Body, _: Names) -> Told:
    if body.get("source") == "reaction":
        return f"said no on a former message of {body['gate']}", []
    return f"pressed {_VERB.get(body['choice'], body['choice'])} at {body['gate']}", []


_VERB = {"yes": "Approve", "no": "Reject", "withdraw": "Withdraw"}


def _voted(body: Body, _: Names) -> Told:
    roles = ", ".join(body.get("roles", ()))
    facts = [roles, body["source"], str(body.get("reason", ""))]
    return f"voted {body['choice']} at {body.get('gate') or body['step']}", facts


def _withdrawn(body: Body, _: Names) -> Told:
    if why := _text(body, "reason"):
        return f"{_text(body, 'name') or body['user']} may not vote any more at {body['step']}", [
            why
        ]
    return f"took the vote at {body['step']} back", []


def _refused(body: Body, _: Names) -> Told:
    what = body.get("word") or f"vote {body.get('choice', '')}".strip()
    where = f" at {body['step']}" if body.get("step") else ""
    return f"refused: {what}{where}", [str(body.get("reason", ""))]


def _gate_closed(body: Body, names: Names) -> Told:
    voters = [names.get(v, v) for v in body.get("voters", ())]
    facts = [
        f"by {', '.join(voters)}" if voters else "",
        str(body.get("reason", "")),
        f"starts {_time(body['starts_at'])}" if body.get("starts_at") else "",
        f"good until {_time(body['good_until'])}" if body.get("good_until") else "",
    ]
    return f"{body['step']}: {body['outcome']}", facts


def _barred(body: Body, _: Names) -> Told:
    if body["step"].partition(".")[0] == StepKind.APPOINTMENT:
        return f"{body['step']}: its time has come, and it waits", [body["reason"]]
    if body["step"].partition(".")[0] == StepKind.PREFLIGHT:
        return f"{body['step']}: it waits until it can go on", [body["reason"]]
    if not body["reason"]:
        return f"{body['step']}: can be approved again", []
    return f"{body['step']}: cannot be approved for now", [body["reason"]]


def _frozen(body: Body, _: Names) -> Told:
    until = f"until {body['until']}" if body.get("until") else "until it is lifted"
    return f"{body['scope']}: frozen {until}", [body["reason"]]


def _unfrozen(body: Body, _: Names) -> Told:
    return f"{body['scope']}: no longer frozen", []


def _looked(body: Body, _: Names) -> Told:
    found = [str(one["text"]) for one in body.get("findings", ())]
    return f"{body['group']}: looked at for {body['day']}", found or ["in order"]


def _intended(body: Body, names: Names) -> Told:
    members = spelled(body.get("members", ()))
    voters = [names.get(v, v) for v in body.get("voters", ())]
    facts = [
        f"in service: {spelled(body['in_service'])}" if body.get("in_service") else "",
        f"approved by {', '.join(voters)} at {body.get('gate', '')}" if voters else "",
    ]
    attempt = f", attempt {body['attempt']}" if int(body.get("attempt", 1)) > 1 else ""
    return f"begins {body['step']}{f' on {members}' if members else ''}{attempt}", facts


def _committing(body: Body, _: Names) -> Told:
    facts = [
        f"in service: {spelled(body['in_service'])}" if body.get("in_service") else "",
        "the device announced a restart" if body.get("restart_announced") else "",
    ]
    return f"{body['step']}: gives the answer that commits, on {body.get('on', '?')}", facts


def _progress(body: Body, _: Names) -> Told:
    alike: dict[str, list[str]] = {}
    for member, progress in dict(body.get("members", {})).items():
        alike.setdefault(str(progress), []).append(member)
    shown = ", ".join(f"{spelled(members)} {progress}" for progress, members in alike.items())
    sent = f"{body['sent']} of {body['size']} bytes sent" if body.get("size") else ""
    return f"{body['step']}: {shown or sent or _text(body, 'note')}", []


def _found(body: Body, _: Names) -> Told:
    started = {True: "had started", False: "had not started"}.get(body.get("started", None), "")
    return f"{body['step']}: looked what happened; {started}".rstrip("; "), [_text(body, "found")]


def _done(body: Body, _: Names) -> Told:
    take = f"take {body['take']}" if body.get("take") is not None else ""
    trouble = [str(one) for one in body.get("trouble", ())]
    return f"{body['step']} done ({body.get('how', '')})", [take, *trouble]


def _undone(body: Body, _: Names) -> Told:
    return f"undone: {', '.join(body['steps'])}", [_text(body, "reason"), f"by {body.get('by')}"]


def _alarmed(body: Body, _: Names) -> Told:
    return f"alarm ({body.get('what', '')}): {body.get('reason', '')}", []


def _held(body: Body, _: Names) -> Told:
    out, ways = body.get("out_of_service", ()), body.get("ways", ())
    facts = [
        f"out of service: {spelled(out)}" if out else "",
        _by_hand(body),
        f"ways out: {', '.join(ways)}" if ways else "",
        f"the device said: {body['text'][-200:].strip()}" if body.get("text") else "",
    ]
    where = f" at {body['step']}" if body.get("step") else ""
    return f"held{where}: {body.get('reason', '')}", facts


def _by_hand(body: Body) -> str:
    waits = f" ({body['by_hand_waits']})" if body.get("by_hand_waits") else ""
    return f"by hand: {body['by_hand']}{waits}" if body.get("by_hand") else ""


def _broken(body: Body, names: Names) -> Told:
    what, facts = _held(body, names)
    return f"BROKEN, {what}", facts


def _reminded(body: Body, names: Names) -> Told:
    where = f" of {body['step']}" if body.get("step") else ""
    return f"reminded{where}", [_called(body, names)]


def _escalated(body: Body, names: Names) -> Told:
    return f"{body['step']}: {body['role']} may approve too", [_called(body, names)]


def _asked_there(body: Body, names: Names) -> Told:
    if body.get("put_off"):
        return f"all who could be called sleep; they are called at {body['put_off']}", []
    lacking = f"lacking {body['lacking']}" if body.get("lacking") else "nobody is lacking"
    return "asked who will be there", [lacking, _called(body, names)]


def _attending(body: Body, _: Names) -> Told:
    said = "will be there" if body["there"] else "will be away"
    return f"said: {said}", [f"roles: {', '.join(body['roles'])}" if body.get("roles") else ""]


def _called(body: Body, names: Names) -> str:
    known = {one["user"]: one["name"] for one in body.get("reach", ())}
    called = [known.get(user, names.get(user, user)) for user in body.get("call", ())]
    return f"called: {', '.join(called)}" if called else ""


def _retried(body: Body, _: Names) -> Told:
    again = ", ".join(body.get("again", ()))
    return "said retry", [f"again: {again}" if again else ""]


def _halted(body: Body, _: Names) -> Told:
    out = body.get("out_of_service", ())
    return "said halt: nothing more is sent", [
        f"out of service: {spelled(out)}" if out else "",
        _by_hand(body),
    ]


def _aborted(body: Body, _: Names) -> Told:
    case = str(body.get("case", "")).replace("_", " ")
    return f"said abort ({case})", [f"group {body['group']}" if body.get("group") else ""]


def _owed(body: Body, _: Names) -> Told:
    return "auto-clone is owed from here on", [f"it was {'on' if body.get('was') else 'off'}"]


def _settled(_: Body, __: Names) -> Told:
    return "auto-clone is what it was before; nothing is owed", []


def _ended(body: Body, _: Names) -> Told:
    takes = ", ".join(str(take) for take in body.get("takes", ()))
    broken = [name for name, verdict in body.get("promises", {}).items() if verdict == "broken"]
    return f"ended: {body.get('state')}", [
        f"take {takes}" if takes else "",
        f"left out: {', '.join(body['left_out'])}" if body.get("left_out") else "",
        "auto-clone is owed" if body.get("cloning_owed") else "",
        f"{body['rollback']} began, to be kept or taken back" if body.get("rollback") else "",
        f"no rollback was scheduled: {body['no_rollback']}" if body.get("no_rollback") else "",
        f"promises broken: {', '.join(broken)}" if broken else "no promise broken",
    ]


def _said(word: str) -> Callable[[Body, Names], Told]:
    return lambda _body, _names: (f"said {word}", ())


def _text(body: Body, name: str) -> str:
    return str(body.get(name) or "")


_TELLERS: dict[str, Callable[[Body, Names], Told]] = {
    "ORDERED": _ordered,
    "PLANNED": _planned,
    "TAKEN_UP": _taken_up,
    "SEEN": _seen,
    "GATE_OPENED": _gate_opened,
    "GATE_SHOWN": _gate_shown,
    "CLICKED": _clicked,
    "VOTED": _voted,
    "WITHDRAWN": _withdrawn,
    "REFUSED": _refused,
    "GATE_CLOSED": _gate_closed,
    "BARRED": _barred,
    "INTENDED": _intended,
    "COMMITTING": _committing,
    "PROGRESS": _progress,
    "FOUND": _found,
    "DONE": _done,
    "UNDONE": _undone,
    "ALARMED": _alarmed,
    "HELD": _held,
    "BROKEN": _broken,
    "REMINDED": _reminded,
    "ESCALATED": _escalated,
    "CALLED": _asked_there,
    "ATTENDING": _attending,
    "RETRIED": _retried,
    "PAUSED": _said("pause: wait after the group in hand"),
    "HALTED": _halted,
    "RESUMED": _said("resume"),
    "ABORTED": _aborted,
    "ROLLED_BACK": _said("rollback: the groups already done go back to the take of before"),
    "OWED": _owed,
    "SETTLED": _settled,
    "FROZEN": _frozen,
    "UNFROZEN": _unfrozen,
    "LOOKED": _looked,
    "ENDED": _ended,
}

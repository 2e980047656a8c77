"""Was each promise kept? Judged from a journal alone, with a mind of its own.

This module must not know how the engine decides (it imports none of it), so that a mistake
there is a finding here. It runs at the end of every real run, and after every simulation.

A verdict is "held", "broken" or "not exercised". Promises that a single run's journal cannot
show (P7 beyond its own records, P9 across processes, P11, P12) are judged as far as it goes.
"""

from __future__ import annotations

from collections.abc import Callable, Collection, Iterable, Mapping, Sequence
from datetime import datetime
from typing import Any
from zoneinfo import ZoneInfo

from engine.journal import Kind
from storage.records import GENESIS, Record, record_hash

HELD = "held"
BROKEN = "broken"
UNUSED = "not exercised"

DOWN_KINDS = ("ADMIN_DOWN",)
ONCE_KINDS = ("INSTALL", "UNINSTALL")

OUT = ("DOWN", "LOST", "DETACHED", "INIT", "NOT STARTED")
"""The words of the devices for a member that surely carries no traffic."""


def judge(records: Sequence[Record]) -> dict[str, str]:
    """Return the verdict of each promise over a run's records."""
    return {name: verdict for name, (verdict, _) in explained(records).items()}


def explained(records: Sequence[Record]) -> dict[str, tuple[str, tuple[str, ...]]]:
    """Return each promise's verdict with the sentences that say what broke it."""
    return {name: _verdict(check(records)) for name, check in _CHECKERS.items()}


Finding = str | None
"""A sentence about what is broken, or None for one time that the promise was exercised and held."""


def _verdict(findings: Iterable[Finding]) -> tuple[str, tuple[str, ...]]:
    seen = list(findings)
    broken = tuple(one for one in seen if one is not None)
    if broken:
        return BROKEN, broken
    return (HELD if seen else UNUSED), ()


def _of(records: Sequence[Record], *kinds: Kind) -> list[Record]:
    return [record for record in records if record.kind in kinds]


def _members(planned: Record) -> frozenset[str]:
    """Every member that a plan is about."""
    groups = planned.body["plan"]["groups"]
    return frozenset(member for group in groups for member in group["members"])


def _left_out(planned: Record | None) -> frozenset[str]:
    """Every member that a plan leaves out."""
    return frozenset(planned.body["plan"].get("left_out", ())) if planned else frozenset()


def _p1(records: Sequence[Record]) -> Iterable[Finding]:
    """A group goes down, and an installation is committed, only with all others in service.

    Others are those that the plan is about; who is left out was seen out of service when that was
    planned, and when a group goes down it still was, or it was in service like the others.
    """
    everyone = group = left_out = frozenset[str]()
    for record in _of(records, Kind.PLANNED, Kind.INTENDED, Kind.COMMITTING):
        body = record.body
        if record.kind == Kind.PLANNED:
            everyone, former, left_out = _members(record), left_out, _left_out(record)
            seen = {m["id"]: m["state"] for m in (body.get("facts") or {}).get("members", ())}
            yield from _carrying(record, left_out - former, seen)
            continue
        if record.kind == Kind.INTENDED:
            if body.get("kind") in DOWN_KINDS:
                ill = left_out - set(body.get("in_service", ()))
                yield from _carrying(record, ill, body.get("states", {}))
                yield from _on_their_old_boot(records, record)
            if body.get("kind") not in (*DOWN_KINDS, *ONCE_KINDS):
                group = frozenset()
                continue
            group = frozenset(body["members"])
        if not group or "in_service" not in body:
            continue
        missing = everyone - group - set(body["in_service"])
        yield (
            f"record {record.seq}: {', '.join(sorted(missing))} not in service" if missing else None
        )


def _on_their_old_boot(records: Sequence[Record], down: Record) -> Iterable[Finding]:
    """Say who is to carry the traffic of a group that goes down, and may restart at any moment."""
    serving = set(down.body.get("in_service", ())) - set(down.body["members"])
    if due := sorted(_to_restart(records, down) & serving):
        yield f"record {down.seq}: the announced restart of {', '.join(due)} was still to come"


def _to_restart(records: Sequence[Record], until: Record) -> set[str]:
    """Return whose software was last seen changed in the boot in which that was begun.

    Only of those of whom the device announced that they restart; a record of before does not say.
    """
    due = dict[str, tuple[str, str]]()
    began = dict[str, Record]()
    seen: Sequence[Mapping[str, Any]] = ()
    package = ""
    for record in (r for r in records if r.seq < until.seq):
        body = record.body
        if record.kind == Kind.PLANNED:
            package = body["plan"]["package"]["name"]
        if record.kind == Kind.INTENDED and body.get("kind") in ONCE_KINDS:
            began[body["step"]] = record
        if record.kind == Kind.COMMITTING and (intended := began.get(body["step"])) is not None:
            boots = {m: one.get("boot_id") for m, one in intended.body.get("before", {}).items()}
            due = {m: one for m, one in due.items() if m not in boots}
            if body.get("restart_announced"):
                due |= {m: (intended.body["kind"], boot) for m, boot in boots.items() if boot}
        seen = (body.get("facts") or {}).get("members", seen)
    return {
        one["id"]
        for one in seen
        if one["id"] in due
        if due[one["id"]] == ("INSTALL" if _has(one, package) else "UNINSTALL", one.get("boot_id"))
    }


def _has(member: Mapping[str, Any], package: str) -> bool:
    """Say whether a package was seen installed on a member."""
    bare = package.removesuffix(".tar").removesuffix(".tgz")
    return any(
        listed.removesuffix(".tgz").removesuffix(".tar") == bare and state == "installed"
        for listed, state in member.get("packages") or ()
    )


def _carrying(
    record: Record, left_out: Iterable[str], states: Mapping[str, str]
) -> Iterable[Finding]:
    """Say which member was left out although it may have carried traffic."""
    for member in sorted(left_out):
        if (state := states.get(member, "")).upper() not in OUT:
            yield f"record {record.seq}: {member} is left out, and it is {state or 'not seen'}"


def _p2(records: Sequence[Record]) -> Iterable[Finding]:
    """Every failover has an approval: enough voters, none the requester, in time, same facts.

    And nothing is committed past the intent that the approval is bound to.
    """
    down = set[str]()
    for record in _of(records, Kind.INTENDED, Kind.DONE):
        kind, group = record.body.get("kind"), str(record.body.get("step", "")).partition(".")[0]
        if record.kind == Kind.DONE:
            down -= {group} if kind == "RETURN" else set()
        elif kind in DOWN_KINDS:
            yield _approval_problem(records, record)
            down.add(group)
        # Members that were out of service already are worked on without a failover: that needs
        # an approval of its own, each time that it is begun.
        elif kind in ONCE_KINDS and group not in down:
            yield _approval_problem(records, record)
    yield from _degraded_end(records)
    yield from _left_out_midway(records)
    # The promise is about failovers: a proposal can break it, and alone never keeps it.
    passed = (r for r in _of(records, Kind.DONE) if r.body.get("kind") == "PROPOSAL")
    approved = [r for r in passed if r.body.get("how") == "approved"]
    own = (_own_approval(records, r, r.body["step"], _asked_of(records, r)) for r in approved)
    yield from filter(None, own)
    yield from _unintended(records)


def _degraded_end(records: Sequence[Record]) -> Iterable[Finding]:
    """An end with members out of service has an approval as a failover has, of just that."""
    passed = [r for r in _of(records, Kind.DONE) if r.body.get("kind") == "DEGRADED"]
    for record in passed:
        if "facts_digest" in record.body:  # journals of before did not write it down
            yield _approval_problem(records, record)
    for end in (r for r in _of(records, Kind.ENDED) if r.body["state"] == "degraded"):
        if not passed:
            yield f"record {end.seq}: ended degraded, and nobody agreed"
            continue
        gate = passed[-1].body["step"]
        opened = [r for r in _of(records, Kind.GATE_OPENED) if r.body["step"] == gate][-1]
        shown = opened.body.get("evidence", {}).get("out_of_service")
        if shown is None:  # journals of before did not write it down: what the digest covers
            words = _of(records, Kind.PLANNED)[-1].body["plan"]["policy"]["state_words"]
            seen = opened.body["facts"]["members"]
            shown = [m["id"] for m in seen if m["state"] not in words or m.get("notes")]
        if worse := sorted(set(end.body.get("out_of_service", ())) - set(shown)):
            yield f"record {end.seq}: {', '.join(worse)} served when people agreed to this end"


def _left_out_midway(records: Sequence[Record]) -> Iterable[Finding]:
    """Who is left out midway is so by an approval, before a group goes down or the run ends."""
    proposed, known, pending = False, frozenset[str](), frozenset[str]()
    for record in _of(records, Kind.PLANNED, Kind.DONE, Kind.INTENDED, Kind.ENDED):
        kind = record.body.get("kind")
        if record.kind == Kind.PLANNED:
            pending |= _left_out(record) - known if proposed else frozenset()
            known = _left_out(record)
        elif record.kind == Kind.DONE and kind == "WITHOUT":
            yield _approval_problem(records, record)
            pending = frozenset()
        elif pending and (record.kind == Kind.ENDED or kind in DOWN_KINDS):
            yield f"record {record.seq}: {', '.join(sorted(pending))} left out, and nobody agreed"
        proposed = proposed or kind == "PROPOSAL"


def _asked_of(records: Sequence[Record], passed: Record) -> str:
    """Say whose policy a proposal follows: a failover's, where it leaves members out."""
    before = [r for r in records if r.seq < passed.seq]
    planned = _of(before, Kind.PLANNED)
    return "failover" if planned and planned[-1].body["plan"].get("left_out") else "proposal"


def _unintended(records: Sequence[Record]) -> Iterable[str]:
    """Say which act was committed that this attempt at its step never intended."""
    intended = set[tuple[str, int]]()
    for record in _of(records, Kind.INTENDED, Kind.COMMITTING):
        step, number = attempt = record.body["step"], record.body["attempt"]
        if record.kind == Kind.INTENDED:
            intended.add(attempt)
        elif attempt not in intended:
            yield f"record {record.seq}: attempt {number} at {step} was committed, never intended"


def _approval_problem(records: Sequence[Record], intended: Record) -> Finding:
    at = f"record {intended.seq}"
    before = [r for r in records if r.seq < intended.seq]
    gate = intended.body.get("gate_step")
    opened = [r for r in _of(before, Kind.GATE_OPENED) if r.body["step"] == gate]
    closed = [r for r in _of(before, Kind.GATE_CLOSED) if r.body["step"] == gate]
    begins = intended.kind == Kind.INTENDED
    if begins and not {"FAILOVER", "START"} & set(str(gate).split(".")):
        return f"{at}: a failover on the approval of something else ({gate})"
    if not opened or not closed or closed[-1].body["outcome"] != "approved":
        return f"{at}: a failover without an approved gate"
    if any(r.seq > opened[-1].seq and gate in r.body["steps"] for r in _of(before, Kind.UNDONE)):
        return f"{at}: the approval was for a failover that was undone since"
    here = [r for r in before if r.seq > opened[-1].seq and r.body.get("step") == gate]
    barred = [r.body["reason"] for r in _of(here, Kind.BARRED)]
    if barred and barred[-1]:
        return f"{at}: nothing could be approved there: {barred[-1]}"
    standing = _standing(before, str(gate), since=opened[-1].seq)
    if len(standing) < opened[-1].body["votes"]:
        return f"{at}: {len(standing)} votes stood, {opened[-1].body['votes']} were needed"
    if (told := _own_approval(records, intended, str(gate), "failover")) is not None:
        return told
    if (without := _without_a_role(before, opened[-1], standing)) is not None:
        return f"{at}: {without} had none of the roles that were asked when they voted"
    if (told := _not_asked_again(before, opened[-1], closed[-1], intended, standing)) is not None:
        return f"{at}: {told}"
    if intended.at >= datetime.fromisoformat(closed[-1].body["good_until"]):
        return f"{at}: the approval was no longer good"
    if (told := _out_of_time(before, intended)) is not None:
        return f"{at}: {told}"
    if intended.body["plan_digest"] != opened[-1].body["plan_digest"]:
        return f"{at}: another plan than the one approved"
    if intended.body["facts_digest"] != opened[-1].body["facts_digest"]:
        return f"{at}: other facts than those approved"
    return None


def _out_of_time(before: Sequence[Record], intended: Record) -> Finding:
    """Say where a failover is not in the time that its plan agreed on."""
    planned = _of(before, Kind.PLANNED)
    if not planned or intended.body.get("kind") not in (*DOWN_KINDS, *ONCE_KINDS):
        return None
    plan = planned[-1].body["plan"]
    is_open = _is_open(plan["policy"].get("windows"), intended.at)
    if not is_open and not _takes_back(before, plan, intended):
        return "the group has windows, and that was in none"
    agreed = plan.get("appointment")
    if not agreed:
        return None
    if intended.at < datetime.fromisoformat(agreed["start"]):
        return f"it was agreed not to begin before {agreed['start']}"
    if agreed["until"] and intended.at >= datetime.fromisoformat(agreed["until"]):
        return f"its window ended at {agreed['until']}"
    return None


def _takes_back(before: Sequence[Record], plan: Mapping[str, Any], intended: Record) -> bool:
    """Say whether a failover is for the way back: the opposite of what was ordered, or a removal.

    What is done to the members then says so, not what the order or the plan is called; but for what
    follows another run, which is not in this journal: of that the plan says so.
    """
    steps = plan["steps"]
    place = next((n for n, s in enumerate(steps) if s["id"] == intended.body["step"]), len(steps))
    group = str(intended.body["step"]).partition(".")[0]
    mine = [s["kind"] for s in steps[place:] if s["group"] == group and s["kind"] in ONCE_KINDS]
    asked = [r.body["request"]["kind"] for r in _of(before, Kind.ORDERED)]
    if asked[:1] in (["finish"], ["rollback"]) and plan.get("gives_back"):
        return True
    ways_back = (("install", "UNINSTALL"), ("uninstall", "INSTALL"), ("rollback", "UNINSTALL"))
    return (*asked[:1], *mine[:1]) in ways_back


def _is_open(windows: Mapping[str, Any] | None, moment: datetime) -> bool:
    """Say whether the clock on the wall shows a time in a window; there may be none."""
    if not windows or not windows["spans"]:
        return True
    wall = moment.astimezone(ZoneInfo(windows["zone"]))
    minute = (wall.weekday() * 24 + wall.hour) * 60 + wall.minute
    weeks = (minute, minute + 7 * 24 * 60)
    return any(begin <= at < end for begin, end in windows["spans"] for at in weeks)


def _without_a_role(
    records: Sequence[Record], opened: Record, standing: Collection[str]
) -> str | None:
    """Return somebody whose vote counted in a role that was not asked, or not asked yet."""
    asked = set(opened.body.get("roles", ()))
    for record in records:
        if record.seq < opened.seq or record.body.get("step") != opened.body["step"]:
            continue
        if record.kind == Kind.ESCALATED:
            asked.add(record.body["role"])
        voted = record.kind == Kind.VOTED and record.body["choice"] == "yes"
        counted = voted and record.body["user"] in standing and "roles" in opened.body
        if counted and not asked & set(record.body["roles"]):
            return str(record.body["user"])
    return None


def _own_approval(records: Sequence[Record], passed: Record, gate: str, which: str) -> Finding:
    """Say where somebody approved what they asked for, or changed, against the policy."""
    before = [r for r in records if r.seq < passed.seq]
    planned = _of(before, Kind.PLANNED)
    opened = [r for r in _of(before, Kind.GATE_OPENED) if r.body["step"] == gate]
    if not planned or not opened or planned[-1].body["plan"]["policy"][which]["requester_may_vote"]:
        return None
    askers = {r.body["request"]["requester"] for r in _of(before, Kind.ORDERED)}
    askers |= {r.body["author"] for r in planned if r.body.get("author")}
    own = askers & _standing(before, gate, since=opened[-1].seq)
    return (
        f"record {passed.seq}: {', '.join(sorted(own))} approved what was theirs" if own else None
    )


def _not_asked_again(
    records: Sequence[Record],
    opened: Record,
    closed: Record,
    intended: Record,
    standing: Collection[str],
) -> Finding:
    """Say whose right to vote was not seen again after the approval, right before the act."""
    confirmed = intended.body.get("confirmed")
    if confirmed is None:
        return None  # a journal of before this was written down
    called = [r for r in _of(records, Kind.ESCALATED) if r.body["step"] == opened.body["step"]]
    asked = {*opened.body["roles"], *(r.body["role"] for r in called if r.seq > opened.seq)}
    for user in sorted(standing):
        seen = confirmed.get(user)
        if seen is None or seen["after"] < closed.seq:
            return f"nobody asked again whether {user} may vote"
        if not asked & set(seen["roles"]):
            return f"{user} had none of the roles that were asked any more"
    return None


def _standing(records: Sequence[Record], gate: str, *, since: int) -> set[str]:
    """Return who stood with a yes at the end of these records."""
    standing: set[str] = set()
    kinds = (Kind.VOTED, Kind.WITHDRAWN, Kind.CLICKED, Kind.GATE_SHOWN)
    for record in _of(records, *kinds):
        if record.body["step"] != gate or record.seq < since:
            continue
        if record.kind == Kind.CLICKED and record.body["choice"] == "yes":
            continue  # it counts by the VOTED that it caused
        if record.kind == Kind.GATE_SHOWN:
            standing -= set(record.body.get("fallen", ()))
        elif record.kind == Kind.VOTED and record.body["choice"] == "yes":
            standing.add(record.body["user"])
        else:
            standing.discard(record.body["user"])
    return standing


def _p3(records: Sequence[Record]) -> Iterable[Finding]:
    """An installation is committed once per attempt, unless a look showed that it never began."""
    committed: dict[tuple[str, int], int] = {}
    again: set[str] = set()
    kinds = {r.body["step"]: r.body.get("kind") for r in _of(records, Kind.INTENDED)}
    for record in records:
        body = record.body
        again |= {*body.get("again", ()), *(body["steps"] if record.kind == Kind.UNDONE else ())}
        if record.kind == Kind.FOUND and body.get("started") is False:
            committed = {k: v for k, v in committed.items() if k[0] != body["step"]}
        if record.kind == Kind.COMMITTING and kinds.get(body["step"]) in ONCE_KINDS:
            key = (body["step"], body["attempt"])
            if body["attempt"] > 1 and body["step"] not in again:
                yield f"record {record.seq}: a new attempt at {body['step']} that nobody asked for"
            elif key in committed:
                yield f"record {record.seq}: {body['step']} committed again (see {committed[key]})"
            else:
                yield None
            committed[key] = record.seq


def _p4(records: Sequence[Record]) -> Iterable[Finding]:
    """A step that was done is intended again only after UNDONE, RETRIED or a reopened gate."""
    done: set[str] = set()
    for record in records:
        body = record.body
        again = [*body.get("again", ()), *(body["steps"] if record.kind == Kind.UNDONE else ())]
        if again:
            yield None
        done -= set(again)
        if record.kind == Kind.DONE and not body["step"].endswith("RESCUE_UP"):
            done.add(body["step"])
        if record.kind == Kind.INTENDED and body["step"] in done:
            yield f"record {record.seq}: {body['step']} was done already"


def _p5(records: Sequence[Record]) -> Iterable[Finding]:
    """Cloning is off before the first installation, and restored or owed at the end."""
    off = False
    for record in records:
        body = record.body
        if record.kind == Kind.DONE and body["step"] == "CLONING_OFF":
            off = True
        # `A.UNINSTALL.r2`: the group, the kind of step, and the revision that it came with.
        if record.kind == Kind.COMMITTING and set(body["step"].split(".")) & set(ONCE_KINDS):
            yield None if off else f"record {record.seq}: begun before cloning was off"
        if record.kind == Kind.COMMITTING:
            states = body.get("states", {})
            cloning = [one for one, on in body.get("cloning", {}).items() if on]
            if on := sorted(one for one in cloning if states[one].upper() not in OUT):
                yield f"record {record.seq}: auto-clone was on on {', '.join(on)}"
        if record.kind == Kind.SETTLED and (differ := _differ_in(records, record)):
            yield f"record {record.seq}: cloning went back while members differ in {differ}"
    ended = _of(records, Kind.ENDED)
    if _of(records, Kind.OWED) and ended:
        settled = bool(_of(records, Kind.SETTLED))
        said = bool(ended[-1].body.get("cloning_owed"))
        yield None if settled != said else "cloning is neither restored nor said to be owed"


def _differ_in(records: Sequence[Record], settled: Record) -> str:
    """Say in what members differed that auto-clone would have made alike, or ""."""
    seen: Mapping[str, Any] = settled.body.get("seen", {})
    changed = {r.body["plan"]["package"]["name"] for r in _of(records, Kind.PLANNED)}
    for record in _of(records, Kind.OWED):
        changed |= set(record.body.get("packages", ()))
    if len({one["take"] for one in seen.values()}) > 1:
        return "their takes"
    for name in sorted(changed):
        has = {member: _has(one, name) for member, one in seen.items()}
        if len(set(has.values())) > 1:
            return f"{name} ({', '.join(sorted(m for m, there in has.items() if there))})"
    return ""


def _p6(records: Sequence[Record]) -> Iterable[Finding]:
    """Whatever could not be read became a hold that shows the text."""
    for record in _of(records, Kind.HELD):
        if record.body["error"] in ("UnknownPrompt", "UnexpectedOutput"):
            shown = bool(record.body.get("text") or record.body["reason"])
            yield None if shown else f"record {record.seq}: nothing is shown of what was printed"


def _p7(records: Sequence[Record]) -> Iterable[Finding]:
    """Nothing is intended or committed while the run is halted."""
    halted: int | None = None
    for record in records:
        if record.kind == Kind.HALTED:
            halted = record.seq
            yield None
        if record.kind in (Kind.RESUMED, Kind.ABORTED, Kind.ROLLED_BACK):
            halted = None
        if halted and record.kind in (Kind.INTENDED, Kind.COMMITTING):
            yield f"record {record.seq}: an act after the halt of record {halted}"


def _p8(records: Sequence[Record]) -> Iterable[Finding]:
    """The chain is whole: no record changed, missing or out of order."""
    prev = GENESIS
    for place, record in enumerate(records, start=1):
        expected = record_hash(
            stream=record.stream,
            seq=record.seq,
            epoch=record.epoch,
            kind=record.kind,
            at=record.at,
            by=record.by,
            body=record.body,
            prev=prev,
        )
        if record.seq != place or record.prev != prev or record.hash != expected:
            yield f"record {record.seq} does not follow from the one before it"
            return
        prev = record.hash
    if records:
        yield None


def _p9(records: Sequence[Record]) -> Iterable[Finding]:
    """Epochs never go back: an older executor did not write after a newer one."""
    highest = 0
    for record in records:
        if record.epoch < highest:
            yield f"record {record.seq}: epoch {record.epoch} after {highest}"
        highest = max(highest, record.epoch)
    if highest:
        yield None


def _p10(records: Sequence[Record]) -> Iterable[Finding]:
    """At the end every member is at one take, or the end says otherwise.

    Of a member left out nothing is promised but that the end names it.
    """
    planned = _of(records, Kind.PLANNED)
    left_out = _left_out(planned[-1] if planned else None)
    for record in _of(records, Kind.ENDED):
        body: Mapping[str, Any] = record.body
        if unsaid := sorted(left_out - set(body.get("left_out", ()))):
            yield f"record {record.seq}: {', '.join(unsaid)} was left out, and it does not say so"
        if body["state"] in ("done", "rolled back"):
            takes = {take for member, take in body["members"].items() if member not in left_out}
            expected = _take_expected(records, str(body["state"]))
            fits = len(takes) == 1 and (expected is None or takes == {expected})
            yield None if fits else f"record {record.seq}: done with takes {body['members']}"
            if due := sorted(_to_restart(records, record) - left_out):
                told = f"done, and the announced restart of {', '.join(due)} never came"
                yield f"record {record.seq}: {told}"
        else:
            yield None


def _take_expected(records: Sequence[Record], state: str) -> int | None:
    """The take that the last plan promised for this way of ending."""
    planned = _of(records, Kind.PLANNED)
    key = "take_after" if state == "done" else "take_before"
    take: int | None = planned[-1].body["plan"][key] if planned else None
    return take


def _p12(records: Sequence[Record]) -> Iterable[Finding]:
    """No vote counts before its gate was shown, after it was closed, or with another's code.

    One by a button counts only after a click of that person, on that gate's own message.
    """
    shown: dict[str, tuple[str, str]] = {}
    codes: dict[str, str] = {}
    pressed: dict[tuple[str, str], str] = {}
    passed: dict[str, tuple[str, str]] = {}
    for record in records:
        body = record.body
        if record.kind == Kind.FOUND and body.get("started") is False:
            # What a START let begin did not: its approval is asked for anew, where it stands.
            group = body["step"].partition(".")[0]
            own = [one for one in passed if one.split(".")[:2] == [group, "START"]]
            shown |= {one: passed.pop(one) for one in own}
        if record.kind == Kind.DONE and body.get("step") in shown:
            passed[body["step"]] = shown[body["step"]]
        if record.kind == Kind.GATE_OPENED:
            passed.pop(body["step"], None)
            codes[body["step"]] = body.get("code", "")
            pressed = {key: one for key, one in pressed.items() if key[0] != body["step"]}
        if record.kind == Kind.GATE_SHOWN:
            shown[body["step"]] = (body.get("channel", ""), body.get("ts", ""))
        if record.kind == Kind.CLICKED:
            pressed[body["step"], body["user"]] = body["choice"]
            here = shown.get(body["step"]) == (body["channel"], body["ts"])
            yield None if here else f"record {record.seq}: a click on another message"
        if record.kind == Kind.GATE_CLOSED and body["outcome"] != "approved":
            shown.pop(body["step"], None)
        if record.kind == Kind.GATE_OPENED or (record.kind == Kind.DONE and body.get("step")):
            shown.pop(body["step"], None)
        if record.kind == Kind.VOTED:
            click = pressed.get((body["step"], body["user"]))
            if body.get("source") == "button" and click != body["choice"]:
                yield f"record {record.seq}: a vote by a button that was not pressed"
            if body["choice"] == "yes" and click == "withdraw":
                yield f"record {record.seq}: a yes that its author took back with a button"
            written = body.get("source") in ("text", "button") and body["choice"] == "yes"
            if written and body["code"] != codes.get(body["step"]):
                yield f"record {record.seq}: a yes with the code of something else"
            yield None if body["step"] in shown else f"record {record.seq}: a vote without a gate"


def _silent(_: Sequence[Record]) -> Iterable[Finding]:
    """P11 is judged over logs and messages too; a journal alone cannot know what is secret."""
    return ()


_CHECKERS: dict[str, Callable[[Sequence[Record]], Iterable[Finding]]] = {
    "P1": _p1,
    "P2": _p2,
    "P3": _p3,
    "P4": _p4,
    "P5": _p5,
    "P6": _p6,
    "P7": _p7,
    "P8": _p8,
    "P9": _p9,
    "P10": _p10,
    "P11": _silent,
    "P12": _p12,
}

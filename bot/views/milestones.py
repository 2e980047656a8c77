"""The thread: one message for each thing that people would want to have been told.

Each is rendered from the story as it was when the record came, so it never changes; only the
progress of the preparation and of an installation is live. What the root or a gate shows
already is not repeated here.
"""

from __future__ import annotations

from collections.abc import Callable
from datetime import datetime

from bot.views import attendance, cards, reach, schedule, words
from bot.views.format import (
    LONGEST_SHOWN,
    LONGEST_TEXT,
    bar,
    capitalised,
    clip,
    escape,
    fit,
    listed,
    lowered,
    mention,
    moment,
    phrase,
    preformatted,
    printed,
    section,
    span,
)
from bot.views.gates import bullets, how_to_stop
from bot.views.message import Message, told
from bot.views.root import ways
from bot.views.story import Installation, Opening, Story, told_kind
from engine.appointments import opens_at
from engine.journal import Kind
from engine.model import Step, StepKind
from storage.records import Record

Teller = Callable[[Story, Record, str], Message | None]

APPOINTMENT, PROPOSAL = StepKind.APPOINTMENT, StepKind.PROPOSAL

PREPARING = (
    StepKind.PREFLIGHT,
    StepKind.UPLOAD,
    StepKind.IMPORT,
    StepKind.VERIFY,
    StepKind.CLONING_OFF,
)


def milestone(story: Story, record: Record) -> Message | None:
    """Return what the thread says about a record, if it says anything."""
    kind = told_kind(record)
    teller = _TELLERS.get(kind) if kind else None
    return teller(story, record, f"{story.state.run}/m/{record.seq}") if teller else None


# ---------------------------------------------------------------------------- live progress


def preparing(story: Story, key: str) -> Message:
    """Return the live message about what is done before traffic is touched."""
    steps = [s for s in story.plan.steps if s.kind in PREPARING]
    done = [s for s in steps if story.state.of(s).status == "done"]
    now = story.state.next_step()
    if steps and len(done) == len(steps):
        uploads = any(step.kind is StepKind.UPLOAD for step in steps)
        what = "package uploaded, imported and verified" if uploads else "group checked"
        first = f"✅ Prepared: {what}; auto-clone off"
    elif now is not None and now.kind in (StepKind.APPOINTMENT, StepKind.KEEP, StepKind.PROPOSAL):
        first = f"🕑 Prepared so far, {len(done)} of {len(steps)}: the rest at its time"
    elif story.state.waits_to_prepare:
        first = f"🕑 Not prepared yet, waits: {escape(story.state.waits_for)}"
    elif now in steps:
        first = f"▶️ Preparing, {len(done)} of {len(steps)}: {lowered(words.doing(now))}"
    else:
        first = f"⏹️ Preparation ended after {len(done)} of {len(steps)} steps"
    lines = [_prepared(story, step, now) for step in steps]
    trouble = [section("*Seen on the way:*", *bullets(story.trouble))] if story.trouble else []
    blocks = fit([section(f"*{first}*", *lines), *trouble])
    shown = fit([section(f"*{first}*"), cards.prepared(story, steps, now), *trouble])
    return Message(key, first, blocks, live=True, cards=shown)


def _prepared(story: Story, step: Step, now: Step | None) -> str:
    how = story.state.of(step).how
    if story.state.of(step).status == "done":
        already = {"seen": " (it was so already)"}.get(how, "")
        return f"✅ {words.titled(step)}{already}"
    sign = "🕑" if story.state.waits_to_prepare else "▶️"
    return f"{sign if step == now else '○'} {words.titled(step)}: {_under_way(story, step, now)}"


def _under_way(story: Story, step: Step, now: Step | None) -> str:
    if step != now:
        return "to come"
    return words.how_far(story, step) or "under way"


def installing(story: Story, running: Installation, key: str) -> Message:
    """Return the live message about one attempt to install on a Logical Group."""
    plan, step = story.plan, running.step
    group = words.group_named(plan.group(step.group))
    again = f", attempt {running.attempt}" if running.attempt > 1 else ""
    if step.kind is StepKind.UNINSTALL:
        verbs, what = _UNINSTALL, f"{words.brought(plan)} from {group}{again}"
    else:
        verbs, what = _INSTALL, f"{words.brought(plan)} on {group}{again}"
    first = _change(story, running, verbs, what)
    lines = [] if running.done_at else _percentages(running)
    wait = "A pause of ten minutes at one percentage is normal." if lines else ""
    blocks = fit([section(f"*{first}*", *lines, wait)])
    if not lines:
        return Message(key, first, blocks, live=True)
    title = f"{verbs[2]} {phrase(what)}"
    shown = fit([section(f"*{first}*", wait), cards.members(running, title)])
    return Message(key, first, blocks, live=True, cards=shown)


_INSTALL = ("Installed", "install", "Installing", "installation")
_UNINSTALL = ("Uninstalled", "uninstall", "Uninstalling", "uninstallation")


def _change(
    story: Story, running: Installation, verbs: tuple[str, str, str, str], what: str
) -> str:
    """Say how it stands; a run that stopped does not stop what a device began."""
    done, do, doing, noun = verbs
    begun = running.committed_at
    if running.done_at is not None:
        return f"✅ {done} {what}, in {span(running.done_at - (begun or running.intended_at))}"
    if running.undone:
        return f"⏹️ The {noun} of {what} ended: {escape(running.undone, 300)}"
    if begun is None and (story.state.ended is not None or words.alarming(story)):
        return f"🛑 Stopped before the {noun} of {what} began"
    if begun is None:
        return f"▶️ About to {do} {what}"
    if story.state.ended is not None:
        return f"⏹️ The {noun} of {what} was begun; its end was not seen"
    if words.alarming(story):
        return (
            f"🛑 {doing} {what}, since {moment(begun)}; the run is "
            f"{words.state_word(story)}, but what a device has begun goes on by itself"
        )
    return f"▶️ {doing} {what}, since {moment(begun)}"


def _percentages(running: Installation) -> list[str]:
    """One line for members that show the same, so that a phone shows them all."""
    return [f"{words.ids(who)}: {escape(says, 60)}" for says, who in cards.alike(running)]


# ------------------------------------------------------------------------------------ votes


def _opening(story: Story, record: Record) -> Opening:
    return story.openings[story.state.gates[record.body["step"]].number]


def _voted(story: Story, record: Record, key: str) -> Message:
    opening = _opening(story, record)
    who = words.voter(record.body["name"], record.body["roles"], opening)
    if record.body["choice"] != "yes":
        given = escape(str(record.body.get("reason", "")))
        return told(key, f"❌ {who}: no at {opening.gate.name}{f': {given}' if given else ''}.")
    count = f"{len(opening.yes)} of {opening.policy.votes}"
    missing = f"; still missing: {escape(opening.missing)}" if opening.missing else ""
    return told(key, f"✅ {who}: yes at {opening.gate.name} — {count}{missing}.")


def _shown(story: Story, record: Record, key: str) -> Message | None:
    """A gate's message was deleted: say what that does to the votes on it."""
    if not record.body.get("lost"):
        return None
    gate = _opening(story, record).gate
    fallen = listed(mention(u, story.name(u)) for u in record.body.get("fallen", ()))
    votes = (
        f"What {fallen} said there cannot be read any more and counts no longer: please vote again."
        if fallen
        else "Nobody's vote was lost with it."
    )
    return told(key, f"⚠️ The message of {gate.name} was deleted, so it stands anew. {votes}")


def _withdrawn(story: Story, record: Record, key: str) -> Message:
    opening = _opening(story, record)
    who = escape(str(record.body.get("name") or story.name(record.body["user"])), 80)
    count = f"{len(opening.yes)} of {opening.policy.votes}"
    if why := record.body.get("reason"):
        fell = f"the yes of {who} at {opening.gate.name} counts no longer: {escape(str(why))}"
        return told(key, f"↩️ {fell} — {count}.")
    return told(key, f"↩️ {who} took the vote at {opening.gate.name} back — {count}.")


def _refused(story: Story, record: Record, key: str) -> Message | None:
    """A stop that does not count is still shown to the one who asked for the run."""
    body = record.body
    if body.get("choice") != "no" or body.get("step") not in story.state.gates:
        return None
    if body.get("late"):
        name = escape(story.name(body["user"]), 80)
        return told(
            key,
            f"{_requester(story)} ❌ {name} wants to stop, at a question that is over. It changes "
            f"nothing: {escape(body['reason'])}.",
        )
    opening = _opening(story, record)
    if opening.gate.outcome not in ("", "approved") or opening.begun_at:
        return None
    who = escape(str(body.get("name") or story.name(body["user"])), 80)
    return told(
        key,
        f"{_requester(story)} ❌ {who} wants to stop at {opening.gate.name}. It does not count: "
        f"{escape(body['reason'])}.",
    )


def _gate_closed(story: Story, record: Record, key: str) -> Message | None:
    opening = _opening(story, record)
    gate = opening.gate
    asker = f"{_requester(story)} "  # who asked hears how each gate ended
    if gate.outcome == "approved":
        who = listed(escape(v.name, 80) for v in opening.yes)
        if opening.step.kind is StepKind.PROPOSAL:
            begins = _what_begins(story, opening, record.at)
            return told(key, f"✅ {asker}{gate.name} approved by {who}. {begins}")
        if opening.step.kind is StepKind.KEEP:
            return told(key, f"✅ {asker}{gate.name}: kept by {who}. The hotfix stays.")
        if opening.step.kind is StepKind.ACCEPT:
            return told(key, f"✅ {asker}{gate.name} approved by {who}. It goes on to that take.")
        if opening.step.kind is StepKind.WITHOUT:
            out = words.ids(opening.step.members)
            return told(key, f"✅ {asker}{gate.name} approved by {who}. It goes on without {out}.")
        if opening.step.kind is StepKind.DEGRADED:
            return told(key, f"✅ {asker}{gate.name} approved by {who}. The run ends as it stands.")
        grace = _starting(opening, record)
        return told(
            key,
            f"✅ {asker}{gate.name} approved by {who}: {grace} — {how_to_stop(gate.name)}.",
        )
    if gate.outcome == "superseded":
        fallen = listed(mention(u, story.name(u)) for u in record.body.get("fallen", ()))
        votes = f" The votes of {fallen} fell." if fallen else ""
        if record.body.get("changed_by"):
            who = escape(str(record.body["changed_by"]), 80)
            if gate.reason.startswith("moved by"):
                return told(key, f"♻️ {gate.name} is superseded: {who} moved the run.{votes}")
            changes = gate.reason.partition(": ")[2].split("; ")
            return told(
                key,
                f"♻️ {gate.name} is superseded: {who} changed the proposal.{votes}",
                *bullets(changes, longest=600),
                "It is asked again, with a code of its own.",
            )
        return told(
            key,
            f"♻️ {asker}{gate.name} is superseded: what was approved is no longer so.{votes}",
            *bullets(gate.reason.split("; ")),
            "It is looked at again, and asked again.",
        )
    return _unkept(opening, key)


def _starting(opening: Opening, record: Record) -> str:
    starts, appointment = schedule.begins(opening), opening.plan.appointment
    if starts is None:
        return "starting"
    if appointment is not None and starts > (opening.gate.starts_at or starts):
        return f"starting {schedule.both(starts, appointment.zone)}"
    return f"starting in {span(starts - record.at)}"


def _what_begins(story: Story, opening: Opening, at: datetime) -> str:
    plan = opening.plan
    if plan.appointment is None:
        return "The preparation begins."
    if plan.is_scheduled_rollback:
        return "It begins with a full look; each failover is asked for here."
    waits = f"it waits until {schedule.both(plan.appointment.start, plan.appointment.zone)}"
    opens = opens_at(plan)
    if opens is not None and opens <= at:
        waits = "it goes on"
    before = plan.steps[: next(n for n, s in enumerate(plan.steps) if s.kind is APPOINTMENT)]
    to_do = [s for s in before if s.kind is not PROPOSAL and story.state.of(s).status != "done"]
    if to_do:
        return f"The preparation begins; after that {waits}."
    return f"{'It is prepared' if len(before) > 2 else 'Nothing begins yet'}: {waits}."


def _unkept(opening: Opening, key: str) -> Message | None:
    """Say what follows where a scheduled rollback was not kept, or not approved, in time.

    Elsewhere what is rejected or expired holds the run, and the hold says so.
    """
    gate, kind = opening.gate, opening.step.kind
    if not opening.plan.is_scheduled_rollback:
        return None
    if kind is StepKind.KEEP and gate.outcome == "rejected":
        return told(key, f"❌ {gate.name}: not kept. The votes fell, and it is asked anew.")
    if kind is StepKind.KEEP and gate.outcome == "expired":
        return told(
            key,
            f"⌛ {gate.name}: nobody has kept it in time, so the rollback is due, and asked for "
            "now. The hotfix stays until that is approved.",
            broadcast=True,
        )
    if kind is StepKind.PROPOSAL and gate.outcome == "expired":
        return told(key, f"⌛ {gate.name}: nobody answered. It is asked again; the hotfix stays.")
    return None


def _barred(story: Story, record: Record, key: str) -> Message:
    gate = story.state.gates.get(record.body["step"])
    if gate is None:
        waits = schedule.next_words(story) or escape(str(record.body["reason"]))
        return told(key, f"⏳ {_requester(story)} {capitalised(waits)}.", broadcast=True)
    if not record.body["reason"]:
        return told(key, f"▶️ {gate.name} can be approved again; the votes that stand count.")
    return told(
        key,
        f"🧊 {gate.name} cannot be approved for now: "
        f"{bar(record.body['reason'], record.body.get('unnamed', ()))}. Votes are "
        "kept, and nothing begins before that is over.",
    )


# ----------------------------------------------------------------------------------- steps


def _done(story: Story, record: Record, key: str) -> Message | None:
    if record.body.get("kind") == "RESCUE_UP":
        group = _group_of(story, record)
        return told(key, f"↩️ {group} is back up by itself; nothing was changed there.")
    if record.body["step"] not in {s.id for s in story.plan.steps}:
        return None
    step = story.plan.step(record.body["step"])
    teller = _DONE.get(step.kind)
    lines = teller(story, record, step) if teller else ()
    return told(key, *lines) if lines else None


def _group_of(story: Story, record: Record) -> str:
    name = str(record.body["step"]).partition(".")[0]
    known = [g for g in story.plan.groups if g.name == name]
    return words.group_named(known[0]) if known else escape(name, 20)


def _cloning_off(story: Story, record: Record, step: Step) -> tuple[str, ...]:
    if record.body.get("how") == "seen" and not story.state.cloning_owed:
        return ("☑️ Image auto-clone was off already; it stays as it is.",)
    out = words.ids(story.plan.left_out)
    return (
        f"✅ Image auto-clone is off on every {'other ' if out else ''}member. It goes back on at "
        f"the end, when every member shows the same take{f', {out} as well' if out else ''}.",
    )


def _admin_down(story: Story, record: Record, step: Step) -> tuple[str, ...]:
    group = words.group_named(story.plan.group(step.group))
    others = words.others_named(story.plan, step.group)
    return (f"⏬ {group} is out of service; {others} carries the traffic.",)


def _returned(story: Story, record: Record, step: Step) -> tuple[str, ...]:
    group = words.group_named(story.plan.group(step.group))
    take = record.body.get("take")
    return (f"✅ {group} is back in service at take {'?' if take is None else take}.",)


def _came_back(story: Story, record: Record, step: Step) -> tuple[str, ...]:
    group = words.group_named(story.plan.group(step.group))
    return (f"✅ {group} carries traffic again.",)


def _soaked(story: Story, record: Record, step: Step) -> tuple[str, ...]:
    if not story.plan.policy.soak:
        return ()
    group = words.group_named(story.plan.group(step.group))
    return (f"✅ {group} was stable for {span(story.plan.policy.soak)}.",)


def _cloning_restored(story: Story, record: Record, step: Step) -> tuple[str, ...]:
    how = str(record.body.get("how", ""))
    if how.startswith("owed"):
        return (
            "⚠️ Image auto-clone stays *off* and is owed by this group: "
            f"{escape(how.partition(': ')[2].partition(', so ')[0])}.",
        )
    if story.state.cloning_was is None:
        return ()
    return ("✅ Image auto-clone is back on, as it was before.",)


def _came(story: Story, record: Record, step: Step) -> tuple[str, ...]:
    """The run goes on from its appointment: a while before it, where it was prepared by then."""
    plan = story.plan
    if plan.appointment is None:
        return ()
    start, zone = plan.appointment.start, plan.appointment.zone
    if record.at < start:
        return (
            "🕑 The appointment is near, and all is as it was seen before, so it goes on. No "
            f"failover begins before {schedule.both(start, zone)}.",
        )
    return ("🕑 Its time has come, so it goes on.",)


_DONE: dict[StepKind, Callable[[Story, Record, Step], tuple[str, ...]]] = {
    StepKind.CLONING_OFF: _cloning_off,
    StepKind.ADMIN_DOWN: _admin_down,
    StepKind.RETURN: _returned,
    StepKind.COMEBACK: _came_back,
    StepKind.SOAK: _soaked,
    StepKind.CLONING_RESTORE: _cloning_restored,
    StepKind.APPOINTMENT: _came,
}


def _found(story: Story, record: Record, key: str) -> Message | None:
    if record.body.get("started") is not False:
        return None
    group = _group_of(story, record)
    return told(key, f"🔎 Looked at {group}: nothing had begun there, so it may begin now.")


def _undone(story: Story, record: Record, key: str) -> Message | None:
    body = record.body
    if body.get("rescued"):
        return None  # the rescue has said so
    steps = ", ".join(escape(str(one), 60) for one in body["steps"])
    return told(
        key,
        f"⚠️ UNDONE: what {steps} did is gone. Found by {escape(str(body.get('by', 'a look')))}: "
        f"{escape(str(body.get('reason', '')))}.",
    )


# --------------------------------------------------------------------- trouble and its ways


def _requester(story: Story) -> str:
    request = story.state.the_request
    return mention(request.requester, request.requester_name)


def _alarmed(story: Story, record: Record, key: str) -> Message:
    body = record.body
    reason = escape(str(body["reason"]))
    call = f"{_requester(story)} " if body.get("mention") else ""
    if body.get("what") == "rescue":
        group = _group_of(story, record)
        return told(
            key,
            f"🚨 {call}*A member that must carry traffic left service: {reason}.* Nothing was "
            f"started on {group}, so it is being brought back up now.",
            broadcast=True,
        )
    if body.get("what") == "cloning on":
        return told(
            key,
            f"🚨 {call}*ALARM: {reason}.* Whoever restarts while it is on may get the software of "
            "the SMO in place of this change.",
            broadcast=True,
        )
    if body.get("what") in ("recovered", "cloning off"):
        return told(key, f"✅ {capitalised(reason)}.")
    if body.get("what") == "policy":
        return told(key, f"⚠️ {call}The policy changed, not by us: {reason}.", broadcast=True)
    if body.get("what") == "left out":
        return told(
            key,
            f"⚠️ {call}*It may carry traffic again: {reason}.* The plan still does not work on it.",
            broadcast=True,
        )
    if body.get("what") == "site":
        return told(key, f"⚠️ {call}A Site failover, not by us: {reason}.", broadcast=True)
    if body.get("what") == "schedule":
        first = f"⚠️ {call}{capitalised(reason)}"
        return told(key, f"{first}. It still waits for its time, and looks again then.")
    if body.get("what") == "freeze":
        return told(key, f"🗓️ {call}{reason}.")
    if body.get("what") == "attendance":
        return told(key, f"⚠️ {call}{capitalised(reason)}. It can be moved.")
    if body.get("what") == "settings":
        return told(
            key,
            f"🚨 {call}*{reason}*: nothing is sent to this group or seen of it until it is put "
            "back there and the service is started again.",
            broadcast=True,
        )
    if body.get("what") == "database":
        return told(key, f"⚠️ {call}{capitalised(reason)}; the run goes on by looking.")
    return told(
        key,
        f"🚨 {call}*ALARM: {reason}.* What CPUSE has begun cannot be stopped; it goes on and "
        "is watched.",
        broadcast=True,
    )


def _held(story: Story, record: Record, key: str) -> Message:
    body = record.body
    word = "BROKEN (a mistake of ours)" if record.kind == Kind.BROKEN else "HELD"
    out = words.out_words(body.get("out_of_service", ()), story.plan)
    hold = story.state.hold
    first = f"🛑 *{word} · {out}* · {_requester(story)}"
    appointment = story.plan.appointment
    agreed = schedule.when(appointment) if appointment and schedule.is_ahead(story.state) else ""
    lines = (
        first,
        f"Why: {escape(str(body['reason']))}.",
        *([f"Agreed was: {agreed}."] if agreed else []),
        ways(
            tuple(hold.ways if hold else ()) or ("retry", "abort"),
            story.state,
            schedule.other_time(story.plan, record.at),
        ),
    )
    text = clip("\n".join(lines), LONGEST_TEXT)
    shown = printed(str(body.get("text", "")))
    if not shown:
        return Message(key, text, broadcast=True)
    blocks = [section(*lines), section("What the device printed:"), preformatted(shown)]
    name = f"{story.state.run}-{record.seq}.txt"
    long = (name, shown) if len(shown) > LONGEST_SHOWN else None
    return Message(key, text, fit(blocks), broadcast=True, file=long)


def _reminded(story: Story, record: Record, key: str) -> Message | None:
    body = record.body
    if body.get("step") in story.state.gates:
        return reach.reminded(_opening(story, record), record, key)
    out = words.out_words(body.get("out_of_service", ()), story.plan)
    hold = story.state.hold
    offered = hold.ways if hold else ("resume", "abort")
    return told(
        key,
        f"⏰ {_requester(story)} *{words.state_word(story)}, still {out}.*",
        ways(
            tuple(offered) or ("retry", "abort"),
            story.state,
            schedule.other_time(story.plan, record.at),
        ),
    )


def _escalated(story: Story, record: Record, key: str) -> Message:
    return reach.escalated(_opening(story, record), record, key)


def _called(story: Story, record: Record, key: str) -> Message | None:
    """The first call is a message of its own, see `bot.views.conversation`."""
    if story.state.called_at == record.at or record.body.get("put_off"):
        return None
    return attendance.called_again(story, record, key)


def _seen(story: Story, record: Record, key: str) -> Message | None:
    """While the run is stopped, say when a member comes back or another one leaves."""
    if not words.alarming(story):
        return None
    now, before = set(story.state.out_of_service()), set(story.out_before)
    if now == before:
        return None
    back = f"{words.ids(before - now)} in service again; " if before - now else ""
    lost = f"{words.ids(now - before)} left service; " if now - before else ""
    return told(key, f"👁️ {back}{lost}now {words.out_words(sorted(now), story.plan)}.")


# ---------------------------------------------------------------------------- people's words


def _who(story: Story, record: Record) -> str:
    if record.by.startswith("shell:"):
        return f"{escape(record.by.removeprefix('shell:'), 80)} (on the bot's machine)"
    name = story.names.get(record.by)
    return escape(name, 80) if name else mention(record.by)


def _retried(story: Story, record: Record, key: str) -> Message:
    again = record.body.get("again", ())
    new = " with a new attempt" if again else ""
    return told(key, f"🔁 {_who(story, record)} said retry: it is looked at again{new}.")


def _paused(story: Story, record: Record, key: str) -> Message:
    return told(
        key,
        f"⏸️ {_who(story, record)} said pause: the group in hand is finished, then it waits for "
        "`@hotfix resume`.",
    )


def _halted(story: Story, record: Record, key: str) -> Message:
    out = words.out_words(record.body.get("out_of_service", ()), story.plan)
    return told(
        key,
        f"🛑 *HALTED by {_who(story, record)} · {out}.* Nothing more is sent, not even to bring "
        "a group up; looking goes on.",
        ways(("resume", "abort"), story.state),
        broadcast=True,
    )


def _resumed(story: Story, record: Record, key: str) -> Message:
    return told(key, f"▶️ {_who(story, record)} said resume: it goes on.")


def _taken_up(story: Story, record: Record, key: str) -> Message:
    if record.body.get("copy"):
        return told(key, "🔄 The bot was started with a copy of its database; nothing is sent.")
    step = story.state.next_step()
    where = f" from “{words.doing(step)}”" if step else ""
    if words.alarming(story):
        where += f", still {words.state_word(story)}"
    return told(key, f"🔄 The bot was restarted and goes on{where}; nothing is done twice.")


_ABORTS = {
    "nothing_down": "No group is down by this run, so it settles auto-clone and ends.",
    "down_not_started": "Nothing was started on {group}, so it is brought back up; then it ends.",
    "interrupted": "The work on {group} was interrupted, and nobody can tell what came of it. None "
    "of it goes on, so {group} is brought back up; then it ends. Look at its packages afterwards.",
    "left_down": "{group} was out of service before this run, and none of the work on it goes on. "
    "It stays as it is, and nobody brings it up; to end like that needs the votes of a failover. "
    "Look at its packages afterwards.",
    "under_way": "What CPUSE has begun on {group} cannot be stopped: it is waited for until "
    "{group} is back, and no other group is touched.",
    "not_back": "{group} did not come back in time and is not waited for any longer; to end like "
    "that needs the votes of a failover.",
}


def _aborted(story: Story, record: Record, key: str) -> Message:
    group = str(record.body.get("group", ""))
    known = [g for g in story.plan.groups if g.name == group]
    named = words.group_named(known[0]) if known else "the group"
    sentence = _ABORTS.get(str(record.body.get("case", "")), "It goes to the nearest safe end.")
    return told(
        key, f"⏹️ {_who(story, record)} said abort. {sentence.format(group=named)}", broadcast=True
    )


def _rolled_back(story: Story, record: Record, key: str) -> Message:
    revised = story.plan
    suffix = f".r{revised.revision}"
    kinds = (StepKind.INSTALL, StepKind.UNINSTALL)
    going = [s.group for s in revised.steps if s.kind in kinds and s.id.endswith(suffix)]
    named = ", ".join(words.group_named(g) for g in revised.groups if g.name in going)
    return told(
        key,
        f"↩️ {_who(story, record)} said rollback. {named or 'What was changed'} goes back to take "
        f"{revised.take_before}, with a gate of its own at each failover; auto-clone stays off "
        "until every member is at the same take.",
        broadcast=True,
    )


def _moved(story: Story, record: Record, key: str) -> Message | None:
    """Say what became of the appointment; other revisions are told by what asks anew."""
    before, now = story.appointed_before, story.plan.appointment
    if now is None or before == now or record.body["revision"] == 1:
        return None
    former = f" It was {schedule.when(before)}." if before is not None else ""
    said = f" ({escape(now.said, 80)})" if now.said else ""
    return told(
        key,
        f"🕑 {_who(story, record)} moved it: {schedule.when(now)}{said}.{former} It is asked anew.",
        broadcast=True,
    )


_TELLERS: dict[Kind, Teller] = {
    Kind.PLANNED: _moved,
    Kind.TAKEN_UP: _taken_up,
    Kind.SEEN: _seen,
    Kind.GATE_SHOWN: _shown,
    Kind.VOTED: _voted,
    Kind.WITHDRAWN: _withdrawn,
    Kind.REFUSED: _refused,
    Kind.GATE_CLOSED: _gate_closed,
    Kind.BARRED: _barred,
    Kind.FOUND: _found,
    Kind.DONE: _done,
    Kind.UNDONE: _undone,
    Kind.ALARMED: _alarmed,
    Kind.HELD: _held,
    Kind.BROKEN: _held,
    Kind.REMINDED: _reminded,
    Kind.ESCALATED: _escalated,
    Kind.CALLED: _called,
    Kind.RETRIED: _retried,
    Kind.PAUSED: _paused,
    Kind.HALTED: _halted,
    Kind.RESUMED: _resumed,
    Kind.ABORTED: _aborted,
    Kind.ROLLED_BACK: _rolled_back,
}

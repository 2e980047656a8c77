"""The message of a gate: approvable without reading anything else, and true after it closed.

What is counted is rendered from the journal and nothing else; the numbers that Slack shows
beside the emoji also contain our own and those that do not count. Whether votes are enough is
decided in `engine.gates`.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from datetime import datetime
from typing import Any

from bot.views import reach, schedule, words
from bot.views.format import (
    LONGEST_QUESTION,
    LONGEST_TEXT,
    Block,
    bar,
    button,
    capitalised,
    clip,
    code,
    context,
    escape,
    fit,
    head_line,
    header,
    listed,
    mention,
    moment,
    phrase,
    section,
    size,
    span,
)
from bot.views.message import Message
from bot.views.story import Opening, Story
from engine.appointments import BEGINNING, begins_at, good_until, opens_at
from engine.estimate import work
from engine.fold import GateState
from engine.headroom import WARN
from engine.model import PackageRef, Plan, StepKind

REACTIONS = ("white_check_mark", "x")


def failover(story: Story, opening: Opening) -> Message:
    """Return the message of one opening of a failover gate."""
    gate, plan, group = opening.gate, opening.plan, opening.step.group
    first = (
        f"{gate.name} · {gate.code} · {plan.security_group}: "
        f"{words.group_named(plan.group(group))} goes out of service, "
        f"{words.others_named(plan, group)} carries the traffic{words.left_out_named(plan)}"
        f"{words.alone_named(plan, group)}"
    )
    blocks = [
        *title(opening, first),
        *_warnings(opening),
        *_changed(story, opening),
        section("*What happens*", *_what_happens(plan, group)),
        section(*_facts(opening)),
        section(*plan_lines(opening)),
        *votes(story, opening, first),
    ]
    return gate_message(f"{story.state.run}/gate/{gate.name}", first, blocks, story, opening)


def degraded_end(story: Story, opening: Opening) -> Message:
    """Return the message that asks whether an aborted run may end with members out of service."""
    gate, plan = opening.gate, opening.plan
    members = opening.asked["evidence"].get("members", {})
    serving = plan.policy.state_words
    out = [one for one, seen in members.items() if seen.get("state") not in serving]
    first = (
        f"{gate.name} · {gate.code} · {plan.security_group}: end DEGRADED, with "
        f"{words.ids(out)} out of service"
    )
    blocks = [
        *title(opening, first),
        *_warnings(opening),
        section(
            "*What happens*",
            "1. The run ends, and nobody here looks after these members any more.",
            "2. Auto-clone stays as it is now; what is owed stays owed.",
        ),
        section(*_facts(opening)),
        section(*plan_lines(opening)),
        *votes(story, opening, first),
    ]
    return gate_message(f"{story.state.run}/gate/{gate.name}", first, blocks, story, opening)


def start(story: Story, opening: Opening) -> Message:
    """Return the message that asks whether work may start on members that are out of service."""
    gate, plan, group = opening.gate, opening.plan, opening.step.group
    mine, others = words.group_named(plan.group(group)), words.others_named(plan, group)
    change = words.change_of(plan, group)
    uninstalls = change.kind is StepKind.UNINSTALL
    what = f"take {plan.package.take} is {'uninstalled from' if uninstalls else 'installed on'}"
    first = (
        f"{gate.name} · {gate.code} · {plan.security_group}: {what} {mine}, which is out of "
        f"service; {others} carries the traffic{words.left_out_named(plan)}"
    )
    steps = [s for s in plan.steps if s.group == group]
    blocks = [
        *title(opening, first),
        *_warnings(opening),
        *_changed(story, opening),
        section(
            "*What happens*",
            f"1. Nothing fails over, and nothing is taken down: {mine} is out of service already.",
            f"2. {capitalised(what)} {mine}, whose members restart: about "
            f"{span(work(plan, steps))} (an estimate).",
            f"3. They take traffic by themselves, at {words.take_words(change.take)}, when they "
            "return.",
        ),
        section(*_facts(opening)),
        section(*plan_lines(opening)),
        *votes(story, opening, first),
    ]
    return gate_message(f"{story.state.run}/gate/{gate.name}", first, blocks, story, opening)


def other_take(story: Story, opening: Opening) -> Message:
    """Return the message that asks whether what came back is what is wanted on every member."""
    gate, plan = opening.gate, opening.plan
    source = plan.removal.source if plan.removal is not None else ""
    named = ", ".join(words.group_named(group) for group in plan.changing)
    take = words.take_words(plan.take_after)
    first = (
        f"{gate.name} · {gate.code} · {plan.security_group}: go on to {take}, which is not what "
        "was announced"
    )
    blocks = [
        *title(opening, first),
        section(f"*Why it is asked:* {escape(source, 400)}."),
        section(
            "*What happens*",
            f"1. {capitalised(take)} is what every member is to have: {named}.",
            "2. Each further failover is asked for as before.",
            "Otherwise say no here, and then `@hotfix rollback` or `@hotfix abort`.",
        ),
        section(*_facts(opening)),
        section(*plan_lines(opening)),
        *votes(story, opening, first),
    ]
    return gate_message(f"{story.state.run}/gate/{gate.name}", first, blocks, story, opening)


def without(story: Story, opening: Opening) -> Message:
    """Return the message that asks whether a run that held goes on without some members."""
    gate, plan = opening.gate, opening.plan
    out = words.ids(opening.step.members)
    first = (
        f"{gate.name} · {gate.code} · {plan.security_group}: go on without {out}, which "
        f"{'is' if len(opening.step.members) == 1 else 'are'} out of service"
    )
    named = ", ".join(words.group_named(group) for group in plan.groups)
    blocks = [
        *title(opening, first),
        *_warnings(opening),
        section(
            "*What happens*",
            f"1. The run goes on with {named}. Nothing is sent to {out} any more, and nothing is "
            "asked of it.",
            "2. Each further failover is asked for as before, with fewer members to carry the "
            "traffic.",
            "3. Auto-clone, where it was on, stays off and owed until every member shows the take.",
            "Otherwise say no here, and then `@hotfix abort`; `@hotfix retry` asks this again.",
        ),
        section(*_facts(opening)),
        section(*plan_lines(opening)),
        *votes(story, opening, first),
    ]
    return gate_message(f"{story.state.run}/gate/{gate.name}", first, blocks, story, opening)


def gate_message(
    key: str, first: str, blocks: Iterable[Block], story: Story, opening: Opening
) -> Message:
    """Return a message that people vote on."""
    summary = f"{mark(opening)} {escape(first, 1_500)}. {outcome(story, opening)}"
    stood = head_line(*opening.head)  # as of the question: what follows changes no message
    return Message(
        key,
        clip(summary, LONGEST_TEXT),
        fit([*blocks, stood]),
        broadcast=True,
        live=True,
        reactions=REACTIONS if asks(story, opening) else (),
        gate=opening.gate.name,
    )


def title(opening: Opening, first: str) -> list[Block]:
    """Return the first line as a heading, and again in full where a heading is too short."""
    heading = header(f"{mark(opening)} {first}")
    cut = heading["text"]["text"].endswith("…")
    return [heading, section(f"*{escape(first, 2_000)}*")] if cut else [heading]


def asks(story: Story, opening: Opening) -> bool:
    """Tell whether votes can still change anything here."""
    return opening.gate.open and opening.begun_at is None and story.state.ended is None


def mark(opening: Opening) -> str:
    """Return the sign of a gate's state; the words beside it say the same."""
    over = opening.begun_at and opening.gate.outcome != "expired"
    if over or opening.gate.outcome == "approved":
        return "✅"
    return {"": "⛔", "rejected": "❌", "expired": "⌛", "superseded": "♻️"}.get(
        opening.gate.outcome, "⛔"
    )


def outcome(story: Story, opening: Opening) -> str:
    """Say in a sentence how the gate stands or how it ended."""
    gate = opening.gate
    at = f" {moment(opening.closed_at)}" if opening.closed_at else ""
    yes = listed(words.voter(v.name, v.roles, opening) for v in opening.yes)
    if opening.step.kind is StepKind.KEEP and gate.outcome in _KEEPING:
        return _KEEPING[gate.outcome].format(at=at, yes=yes)
    if opening.begun_at:
        return f"Approved by {yes}; begun {moment(opening.begun_at)}."
    if gate.outcome == "approved":
        return f"Approved by {yes}{at}; not begun yet."
    if gate.outcome == "rejected":
        no = (v for v in gate.votes.values() if v.choice == "no")
        who = listed(words.voter(v.name, v.roles, opening) for v in no)
        return f"Rejected by {who or 'a person'}{at}. Nothing was begun."
    if gate.outcome == "expired":
        return f"Expired{at}: {escape(gate.reason.removeprefix('expired: '))}. Nothing was begun."
    if gate.outcome == "superseded":
        return f"Superseded{at}: these votes no longer count. Nothing was begun."
    if story.state.ended is not None:
        return "The run ended before this was decided."
    if gate.barred:
        return f"Cannot be approved for now: {bar(gate.barred, gate.unnamed)}. Votes are kept."
    return f"Waiting: {words.counted(opening)}; still missing: {escape(opening.missing) or 'none'}."


_KEEPING = {
    "approved": "Kept by {yes}{at}: the hotfix stays.",
    "rejected": "Somebody said no to keeping it{at}: these votes fell, and it is asked anew.",
    "expired": "Due{at}: nobody kept it. The rollback is asked for; the hotfix stays meanwhile.",
}
"""How it ended where it was asked whether the hotfix is kept."""


# ------------------------------------------------------------------------------ the content


def _warnings(opening: Opening) -> list[Block]:
    group = opening.step.group
    notes = [n for n in opening.plan.notes if not group or n.startswith(f"while {group} is down")]
    notes = [*filter(None, [words.left_out_words(opening.plan)]), *notes]
    return [warning(notes)] if notes else []


def warning(notes: Iterable[str]) -> Block:
    """Return what must be read before anything else."""
    return section(*(f"⚠️ *Warning:* {escape(note)}" for note in notes))


def _changed(story: Story, opening: Opening) -> list[Block]:
    """Field by field what changed since people last approved this failover, and whose votes fell.

    Where all is as it was, the votes fell all the same: it was not so when the act was to begin.
    """
    changes = [str(one) for one in opening.asked.get("changed", ())]
    fallen = [mention(user, story.name(user)) for user in opening.asked.get("fallen", ())]
    lines = ["*Asked again, because this changed:*", *bullets(changes)] if changes else []
    if fallen:
        lines.append(f"The votes of {listed(fallen)} fell: please look, and vote again here.")
    return [section(*lines)] if lines else []


def bullets(lines: Iterable[str], most: int = 20, longest: int = 200) -> list[str]:
    """Return lines from elsewhere as a list that does not grow without end."""
    given = list(lines)
    shown = [f"• {escape(line, longest)}" for line in given[:most]]
    return [*shown, f"• … and {len(given) - most} more"] if len(given) > most else shown


def _what_happens(plan: Plan, group: str) -> list[str]:
    mine, others = words.group_named(plan.group(group)), words.others_named(plan, group)
    change = words.change_of(plan, group)
    mine_now = plan.steps[plan.steps.index(change) - 2 :]
    estimate = span(work(plan, [s for s in mine_now if s.group == group]))
    what = (
        f"Take {plan.package.take} is uninstalled from {mine}"
        if change.kind is StepKind.UNINSTALL
        else f"{capitalised(words.brought(plan))} is installed on {mine}"
    )
    restarting = "whose members restart"
    back = "They take traffic again by themselves"
    if plan.package.reboots is False:
        restarting = "whose members do not restart"
        back = "We bring them back up, and they take traffic again"
    return [
        f"1. {mine} is taken out of service; its connections move to {others}.",
        f"2. {what}, {restarting}: about {estimate} (an estimate).",
        f"3. {back}, at {words.take_words(change.take)}, when they return.",
        CONTINGENCY.format(
            change="uninstallation" if change.kind is StepKind.UNINSTALL else "installation"
        ),
    ]


CONTINGENCY = (
    "If a member that must carry traffic leaves service before the {change} begins, the "
    "group is brought back up by itself; this approval covers that."
)


def _facts(opening: Opening) -> list[str]:
    evidence = opening.asked["evidence"]
    at = moment(datetime.fromisoformat(evidence["at"]))
    policy = ", ".join(str(name) for name in evidence.get("policy", ())) or "not known"
    return [
        f"*Facts* {at} (looked at again right before the start)",
        *_members(opening.plan, evidence.get("members", {})),
        f"Synchronised: {'yes' if evidence.get('sync') else '*no*'} · SMO: "
        f"{escape(str(evidence.get('smo') or 'none'), 20)} · policy: {escape(policy, 200)}",
        _headroom(opening.headroom),
    ]


def _members(plan: Plan, members: Mapping[str, Mapping[str, Any]]) -> list[str]:
    """Return one line per Logical Group and state, members alike taken together."""
    lines = []
    left_out = [("Left out", plan.left_out)] if plan.left_out else []
    for name, ids in [*((group.name, group.members) for group in plan.groups), *left_out]:
        alike: dict[str, list[str]] = {}
        for one in ids:
            seen = members.get(one, {})
            take = seen.get("take")
            says = f"{seen.get('state', 'not seen')}, take {'?' if take is None else take}"
            alike.setdefault(says, []).append(one)
        told = "; ".join(f"{words.ids(who)} {escape(says, 120)}" for says, who in alike.items())
        lines.append(f"*{escape(name, 10)}*: {told}")
    return lines


def _headroom(seen: Mapping[str, Any]) -> str:
    now, each, limit = seen.get("connections_now"), seen.get("each_then"), seen.get("limit")
    if not now or each is None:
        return ""
    stay = seen["members_that_stay"]
    who = "the one member" if stay == 1 else f"each of the {stay} members"
    times = f", {seen['times']:.1f} times what it carries now" if seen.get("times") else ""
    told = f"Connections now: {now:,}; {who} that stays will carry about {each:,}{times}"
    if not limit or each <= limit * WARN:
        return told
    return f"⚠️ *{told}: {each / limit:.0%} of the {limit:,} that one can carry*"


def plan_lines(opening: Opening) -> list[str]:
    """Return which plan and package the votes are bound to."""
    plan, package = opening.plan, opening.plan.package
    return [
        f"*Plan* {escape(plan.run, 40)}, revision {plan.revision} ({plan.digest[:8]})",
        f"*Package* {code(package.name, 200)}",
        *checksum(package),
    ]


def checksum(package: PackageRef) -> list[str]:
    """Return the checksum line; of a package that lies on the devices alone we have none."""
    if not package.sha256:
        return []
    return [f"SHA-256 `{escape(package.sha256[:12], 12)}…` · {size(package.size)}"]


def votes(story: Story, opening: Opening, first: str) -> list[Block]:
    """Return who must approve, who has, and how; or how it ended. `first` says what is asked."""
    gate = opening.gate
    if gate.outcome in ("rejected", "expired", "superseded") or opening.begun_at:
        return [section(f"{mark(opening)} *{outcome(story, opening)}*"), *_why(opening)]
    if story.state.ended is not None:
        return [section(outcome(story, opening))]
    if gate.outcome == "approved":
        return [
            section(f"✅ *{outcome(story, opening)}*", start_words(opening)),
            buttons(story, opening, first),
        ]
    return [
        *_bar(gate),
        section(
            f"*Needs* {words.needs(opening, story)}",
            f"*Counted* {words.counted(opening)}",
            f"*Still missing* {escape(opening.missing) or 'nothing'}",
            f"*Expires* {moment(gate.expires_at)}{_good_for(opening)}",
            reach.fallback_words(opening),
        ),
        *reach.who_is_awake(story, opening),
        buttons(story, opening, first),
        context(
            f"React with ✅ to {_yes_and_no(opening)}, or press a button. Removing your ✅ before "
            "the start takes back that vote; a vote by button is taken back with Withdraw. What "
            "counts is the line above, not the numbers beside the emoji."
        ),
        context(
            f"Or write in this thread: `@hotfix approve {gate.name} {gate.code}` "
            f"(or `reject {gate.name} …`, `withdraw {gate.name}`)."
        ),
    ]


def _good_for(opening: Opening) -> str:
    """Say how long an approval is good that is given now."""
    plan, kind, gate = opening.plan, opening.step.kind, opening.gate
    if kind is StepKind.KEEP:
        return "; unanswered, the rollback is asked for then"
    if kind is StepKind.PROPOSAL and plan.is_scheduled_rollback:
        return "; unanswered, it is asked again, and the hotfix stays meanwhile"
    if kind is StepKind.PROPOSAL and (opens := opens_at(plan)) and opens > gate.opened_at:
        return "; once approved, it waits for its time"
    if plan.appointment is not None and kind in BEGINNING:
        start = begins_at(plan, kind, gate.opened_at)
        if start > gate.opened_at:
            good = good_until(plan, kind, opening.policy, start)
            return (
                f"; once approved, it begins {schedule.both(start, plan.appointment.zone)}, and "
                f"the approval is good until {moment(good)}"
            )
    return f"; once approved, it must begin within {span(opening.policy.execution_expiry)}"


def _yes_and_no(opening: Opening) -> str:
    return "keep it or ❌ not to" if opening.step.kind is StepKind.KEEP else "approve or ❌ to stop"


VOTE = "vote:"
"""How the `action_id` of a button begins that votes; its `value` is run, gate and code."""

_BUTTONS = {
    "approve": ("Approve", "primary", "Your yes is for exactly what this message shows."),
    "reject": ("Reject", "danger", "Your no ends this gate; nothing is begun."),
    "withdraw": ("Withdraw", "", "A yes of yours no longer counts, however you gave it."),
}
"""Label, style, and what it does, asked once more before it is done."""

_KEEP_BUTTONS = {
    "approve": ("Keep", "primary", "Your yes is for keeping the hotfix for good."),
    "reject": ("Do not keep", "danger", "The votes so far fall, and it is asked anew."),
}
"""The same where yes and no are about keeping what is installed."""


def buttons(story: Story, opening: Opening, first: str) -> Block:
    """Return the buttons that vote. They stand only as long as a vote can change anything.

    In the grace time nobody is needed any more, and what remains is to stop it.
    """
    gate, closing = opening.gate, opening.gate.outcome == "approved"
    offered = [verb for verb in _BUTTONS if not (closing and verb == "approve")]
    made = []
    labels = _BUTTONS | (_KEEP_BUTTONS if opening.step.kind is StepKind.KEEP else {})
    for verb in offered:
        label, style, effect = labels[verb]
        asked = phrase(first, LONGEST_QUESTION - len(effect) - 2)
        made.append(
            button(
                label,
                f"{VOTE}{verb}",
                f"{story.state.run}/{gate.name}/{gate.code}",
                f"{asked}. {effect}",
                style=style,
                spoken=f"{label} {first.replace(' · ', ' ')}",
            )
        )
    state = "grace" if closing else "open"
    return {
        "type": "actions",
        "block_id": f"votes/{gate.name}/{gate.code}/{state}",
        "elements": made,
    }


def _bar(gate: GateState) -> list[Block]:
    if not gate.barred:
        return []
    told = bar(gate.barred, gate.unnamed)
    return [section(f"🧊 *Cannot be approved for now:* {told}. Votes are kept.")]


def start_words(opening: Opening) -> str:
    """Say when an approved gate starts, and how it can still be stopped."""
    if opening.step.kind is StepKind.PROPOSAL or opening.gate.starts_at is None:
        return ""
    starts = schedule.begins(opening) or opening.gate.starts_at
    return f"Starting {moment(starts)} — {how_to_stop(opening.gate.name)}."


def how_to_stop(gate: str) -> str:
    """Say how an approval is taken back in the grace time, however it was given."""
    return f"remove your ✅, add ❌, press Withdraw, or write `@hotfix withdraw {gate}` to stop"


def _why(opening: Opening) -> list[Block]:
    if opening.gate.outcome != "superseded" or not opening.gate.reason:
        return []
    return [section("*What changed*", *bullets(opening.gate.reason.split("; "), longest=600))]

"""The proposal: the first gate, where people see the whole night before anything is touched."""

from __future__ import annotations

from bot.views import attendance, gates, schedule, words
from bot.views.format import Block, code, context, escape, section, span
from bot.views.message import Message
from bot.views.reach import awake_for_failovers
from bot.views.story import Opening, Story
from engine.estimate import too_long, work
from engine.facts import MemberFacts, surely_out
from engine.model import LAST_TAKE, Plan, StepKind
from engine.policy import GatePolicy


def proposal(story: Story, opening: Opening) -> Message:
    """Return the message of one opening of the proposal."""
    plan, gate, run = opening.plan, opening.gate, story.state.run
    first_time = gate.number == 1
    split = ", ".join(words.group_named(group) for group in plan.changing)
    what = f"{words.what_for(plan)} {'from' if plan.removal else 'on'} {split}"
    if not plan.changing:
        what = f"{plan.phase}: every member is at {words.take_words(plan.take_after)} already"
    without = f"{words.left_out_named(plan)}{words.alone_named(plan)}"
    first = f"{gate.name} · {gate.code} · {plan.security_group}: {what}{without}"
    if plan.appointment is not None and not plan.is_scheduled_rollback:
        first = f"{first}, {schedule.shortly(plan.appointment)}"
    notes = [*filter(None, [words.left_out_words(plan), too_long(plan)]), *plan.notes]
    blocks = [
        *gates.title(opening, first),
        *([gates.warning(notes)] if notes else []),
        *_away(opening),
        *_revised(plan),
        *_due(plan),
        section(*_asked(story, plan)),
        *_appointed(story, opening),
        *_expected(plan),
        section(*_split(opening)),
        section("*What will happen*", *_what_will_happen(plan)),
        *_afterwards(story, plan),
        section(*_who(opening)),
        *gates.votes(story, opening, first),
        *_change(story, opening),
    ]
    key = f"{run}/proposal" if first_time else f"{run}/proposal/{gate.name}"
    return gates.gate_message(key, first, blocks, story, opening)


def _away(opening: Opening) -> list[Block]:
    """Say who is out of service, so that people need not find out from the hold that follows."""
    plan, seen = opening.plan, opening.gate.facts.get("members", ())
    looked = [MemberFacts(m["id"], m["state"], answered=False) for m in seen]
    out = [m.id for m in looked if surely_out(m, plan.policy.state_words)]
    away = [one for one in plan.members if one in out and one not in plan.starting]
    if not away:
        return []
    told = (
        f"⚠️ *Out of service: {words.ids(away)}.* As long as that is so, the run stops at its "
        "first check."
    )
    if len(plan.members) - len(away) < 2 or plan.phase != "fresh":
        return [section(told)]
    all_out = ",".join([*plan.left_out, *away])
    return [section(f"{told} To go on without: {code(f'@hotfix change without {all_out}', 200)}")]


def _revised(plan: Plan) -> list[Block]:
    """Say what is otherwise than in the proposal before, and by whom; or what it follows."""
    if plan.revision == 1 and plan.phase != "fresh":
        return [section(f"This is the {escape(plan.cause)}.")]
    if plan.revision == 1:
        return []
    return [section(f"*Revision {plan.revision}:* {escape(plan.cause)}")]


def _due(plan: Plan) -> list[Block]:
    """Say why a rollback is asked for that was ordered with its installation."""
    if not plan.is_scheduled_rollback:
        return []
    said = plan.appointment.said if plan.appointment is not None else ""
    brought = words.brought(plan)
    return [
        section(
            f"*Due:* {code(said or f'the rollback of {plan.follows}', 120)}, and nobody has kept "
            f"{brought}. *{brought.capitalize()} stays until this is approved;* unanswered, it is "
            "asked again.",
            f"To keep it: `@hotfix abort` in this thread. To wait: {schedule.move_words(plan)}.",
        )
    ]


def _appointed(story: Story, opening: Opening) -> list[Block]:
    """Say when, and who will be there; not under a proposal for a time that was changed since."""
    plan = opening.plan
    if plan.appointment is None:
        return []
    now = plan.appointment == story.plan.appointment
    there = attendance.lines(story) if now else []
    return [section(*schedule.appointment_lines(plan, opening.gate.opened_at), *there)]


def _afterwards(story: Story, plan: Plan) -> list[Block]:
    lines = schedule.rollback_lines(plan, story.state.the_request)
    return [section(*lines)] if lines else []


def _expected(plan: Plan) -> list[Block]:
    """Say which take is expected after an uninstall, and from where that is known."""
    removal = plan.removal
    if removal is None:
        return []
    first = plan.changing[0].name if plan.changing else ""
    how = (
        "the last take goes" if removal.method == LAST_TAKE else "the Jumbo Hotfix goes as a whole"
    )
    looked = f" {first} is looked at when it is back, and no other group is asked for before that."
    if not plan.package.is_jumbo:
        how = f"{words.brought(plan)} goes"
    return [
        section(
            f"*Expected afterwards:* {words.take_words(plan.take_after)}; {how}. Known because: "
            f"{escape(removal.source, 300)}.",
            "The installer of a group is not known to ask how much is meant, so what it gives back "
            f"may be another take.{looked if first else ''}"
            if plan.package.is_jumbo
            else "",
            "The package is deleted from every member's repository afterwards, so it cannot be "
            "installed again without an upload."
            if removal.delete
            else "",
        )
    ]


def _change(story: Story, opening: Opening) -> list[Block]:
    """Return the button that opens the form of `bot.changing`, while nothing is decided."""
    if opening.plan.phase != "fresh":
        return []
    if not gates.asks(story, opening) or opening.gate.outcome:
        return []
    plan = opening.plan
    press: Block = {
        "type": "button",
        "text": {"type": "plain_text", "text": "Change…"},
        "action_id": "change:open",
        "value": f"{plan.run} {plan.revision}",
        "accessibility_label": f"Change the groups or their order in {opening.gate.name}"[:75],
    }
    return [
        {"type": "actions", "elements": [press]},
        context(
            "Or in words: `@hotfix change swap`, `change groups 3`, `change order smo_last`, "
            "`change split 1_1-1_3/1_4-1_6`. It is asked again then, and these votes no longer "
            "count."
        ),
    ]


def _asked(story: Story, plan: Plan) -> list[str]:
    request, package = story.state.the_request, plan.package
    ticket = f" · ticket {escape(request.ticket, 60)}" if request.ticket else ""
    before = "not known" if plan.take_before is None else str(plan.take_before)
    return [
        f"{escape(request.requester_name or request.requester, 80)} asks for this{ticket}.",
        f"*Package* {code(package.name, 200)}",
        *gates.checksum(package),
        f"*Take* {before} → {plan.take_after} · {escape(plan.version, 20)} · "
        f"{escape(plan.platform, 20)}, {escape(plan.mode, 20)} mode",
    ]


def _split(opening: Opening) -> list[str]:
    plan, smo = opening.plan, opening.gate.facts.get("smo")
    carried = words.staying(plan, opening.gate.facts)
    lines = [
        f"*{words.group_named(group)}*; {then}"
        for group, then in zip(plan.groups, carried, strict=True)
        if group in plan.changing
    ]
    others = [words.group_named(group) for group in plan.groups if group not in plan.changing]
    if others:
        there = f"{words.take_words(plan.take_after)} already, and stay as they are"
        lines.append(f"{', '.join(others)}: at {there}")
    sites = [str(one) for one in opening.gate.facts.get("sites") or ()]
    where = next((g.name for g in plan.groups if smo in g.members), "")
    return [
        "*Logical Groups, in this order*",
        *(f"{place}. {line}" for place, line in enumerate(lines, start=1)),
        f"SMO: {escape(str(smo or 'none'), 20)}{f' (in {escape(where, 10)})' if where else ''}",
        escape(", ".join(sites), 100),
    ]


def _what_will_happen(plan: Plan) -> list[str]:
    names = [group.name for group in plan.changing]
    down = {s.group for s in plan.steps if s.kind is StepKind.START}
    done = "uninstalled" if plan.removal else "installed"
    restarts = plan.package.reboots is not False
    again = "restarted, back" if restarts else "brought back up by us without a restart"
    each = "" if not restarts else ", about 20 min of it for each Logical Group"
    turns = [
        f"{place}. {name}: out of service already; checks, then the start is asked for here; "
        f"{done}, {again}, watched for {span(plan.policy.soak)}."
        if name in down
        else f"{place}. {name}: checks, then a failover that is asked for here again; {name} out "
        f"of service, {done}, {again}, watched for {span(plan.policy.soak)}."
        for place, name in enumerate(names, start=2)
    ]
    last = len(names) + 2
    cloning = "goes back to what it was"
    if plan.left_out:
        cloning = f"stays off, and owed where it was on, because of {words.ids(plan.left_out)}"
    kinds = {step.kind for step in plan.steps}
    first = "The package is uploaded, imported and verified, and image auto-clone switched off"
    if StepKind.UPLOAD not in kinds:
        asked = "CPUSE is asked whether it can be uninstalled, and " if plan.changing else ""
        first = f"{asked}image auto-clone is switched off where it is on".capitalize()
        first = first.replace("Cpuse", "CPUSE")
    if plan.appointment is not None and not plan.is_scheduled_rollback:
        first = first.replace(", and image", ". Before its time image").replace(
            " switched off", " is switched off"
        )
    removed = ", the file is removed" if StepKind.CLEANUP in kinds else ""
    removed = ", the package is deleted" if StepKind.DELETE in kinds else removed
    return [
        f"1. {first}; traffic is not touched.",
        *turns,
        f"{last}. Auto-clone {cloning}{removed}, and everything is compared with before.",
        f"_Estimate:_ about {span(work(plan, plan.steps))} of work{each}; no promise, and without "
        "the time for votes.",
        gates.CONTINGENCY.format(
            change="uninstallation" if plan.removal else "installation"
        ).replace("this approval", "the approval of the failover"),
    ]


def _who(opening: Opening) -> list[str]:
    """Say who is needed later; who is needed here stands with the votes, and is said once."""
    failover = opening.plan.policy.failover
    left_out = opening.plan.left_out
    others = failover.roles != opening.policy.roles
    return [
        *(["*Members are left out, so this proposal needs a failover's votes.*"] * bool(left_out)),
        f"*Approval of each failover:* {_short(failover)}.",
        *(f"• {line}" for line in (awake_for_failovers(opening) if others else ())),
        "*Please do not install policy on this group until the end report.*",
    ]


def _short(policy: GatePolicy) -> str:
    own = "" if policy.requester_may_vote else ", not the one who asked"
    return f"{words.policy_words(policy)}{own}"

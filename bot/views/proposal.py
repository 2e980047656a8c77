"""The proposal: the first gate, where people see the whole night before anything is touched."""

from __future__ import annotations

from bot.views import gates, words
from bot.views.format import Block, code, context, escape, section, size, span
from bot.views.message import Message
from bot.views.reach import awake_for_failovers
from bot.views.story import Opening, Story
from engine.estimate import work
from engine.model import GatePolicy, MemberFacts, Plan, surely_out


def proposal(story: Story, opening: Opening) -> Message:
    """Return the message of one opening of the proposal."""
    plan, gate, run = opening.plan, opening.gate, story.state.run
    first_time = gate.number == 1
    split = ", ".join(words.group_named(group) for group in plan.groups)
    first = (
        f"{gate.name} · {gate.code} · {plan.security_group}: install take {plan.take_after} "
        f"on {split}{words.left_out_named(plan)}{words.alone_named(plan)}"
    )
    notes = [*filter(None, [words.left_out_words(plan)]), *plan.notes]
    blocks = [
        *gates.title(opening, first),
        *([gates.warning(notes)] if notes else []),
        *_away(opening),
        *_revised(plan),
        section(*_asked(story, plan)),
        section(*_split(opening)),
        section("*What will happen*", *_what_will_happen(plan)),
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
    away = [one for one in plan.members if one in out]
    if not away:
        return []
    told = (
        f"⚠️ *Out of service: {words.ids(away)}.* As long as that is so, the run stops at its "
        "first check."
    )
    if len(plan.members) - len(away) < 2:
        return [section(told)]
    all_out = ",".join([*plan.left_out, *away])
    return [section(f"{told} To go on without: {code(f'@hotfix change without {all_out}', 200)}")]


def _revised(plan: Plan) -> list[Block]:
    """Say what is otherwise than in the proposal before, and by whom."""
    if plan.revision == 1:
        return []
    return [section(f"*Revision {plan.revision}:* {escape(plan.cause)}")]


def _change(story: Story, opening: Opening) -> list[Block]:
    """Return the button that opens the form of `bot.changing`, while nothing is decided."""
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
        f"SHA-256 `{escape(package.sha256[:12], 12)}…` · {size(package.size)}",
        f"*Take* {before} → {plan.take_after} · {escape(plan.version, 20)} · "
        f"{escape(plan.platform, 20)}, {escape(plan.mode, 20)} mode",
    ]


def _split(opening: Opening) -> list[str]:
    plan, smo = opening.plan, opening.gate.facts.get("smo")
    carried = words.staying(plan, opening.gate.facts)
    lines = [
        f"*{words.group_named(group)}*; {then}"
        for group, then in zip(plan.groups, carried, strict=True)
    ]
    sites = [str(one) for one in opening.gate.facts.get("sites") or ()]
    where = next((g.name for g in plan.groups if smo in g.members), "")
    return [
        "*Logical Groups, in this order*",
        *(f"{place}. {line}" for place, line in enumerate(lines, start=1)),
        f"SMO: {escape(str(smo or 'none'), 20)}{f' (in {escape(where, 10)})' if where else ''}",
        escape(", ".join(sites), 100),
    ]


def _what_will_happen(plan: Plan) -> list[str]:
    names = [group.name for group in plan.groups]
    turns = [
        f"{place}. {name}: checks, then a failover that is asked for here again; {name} out of "
        f"service, installed, restarted, back, watched for {span(plan.policy.soak)}."
        for place, name in enumerate(names, start=2)
    ]
    last = len(names) + 2
    cloning = "goes back to what it was"
    if plan.left_out:
        cloning = f"stays off, and owed where it was on, because of {words.ids(plan.left_out)}"
    return [
        "1. The package is uploaded, imported and verified, and image auto-clone switched off; "
        "traffic is not touched.",
        *turns,
        f"{last}. Auto-clone {cloning}, the file is removed, and everything is compared with "
        "before.",
        f"_Estimate:_ about {span(work(plan, plan.steps))} of work, about 20 min of it for "
        "each Logical Group; no promise, and without the time for votes.",
        gates.CONTINGENCY.format(change="installation").replace(
            "this approval", "the approval of the failover"
        ),
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

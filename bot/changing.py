"""The form in which people change a proposal: drawn from its plan, read back as it was filled in.

Pure. What is wrong is told at the field where it is wrong, by the planner's own rules; whether the
change may be made, and by whom, is decided by the engine when it takes the submission.

Question: how is a group named that does not exist yet, or edited on a phone? Answer: each Logical
Group is a line of text, spelled as everywhere else (`1_1-1_4`). Given up: to choose members from
a list, of which there may be 31.
"""

from __future__ import annotations

import json
from collections.abc import Mapping, Sequence
from dataclasses import asdict, dataclass
from typing import Any

from bot.commands.changes import read_order
from bot.commands.grammar import read_members
from bot.views.format import Block, capitalised, code, escape, moment, section
from bot.views.words import group_named, ids
from engine.errors import PlanRefused, UnexpectedOutput
from engine.facts import GroupFacts, MemberId, by_number, spelled, surely_out
from engine.headroom import standby_site
from engine.invariants import described
from engine.model import Plan
from engine.proposals import Change, order_fault, parts_of, parts_without, split_faults
from engine.splitting import by_sites, split

OPEN = "change:open"
"""The button below a proposal; its value says which run and which revision of its plan."""

COUNT = "change:groups"
"""The field that says how many Logical Groups; the form is drawn anew when it changes."""

OUT = "change:out"
"""The field that says who is left out: only members that are out of service stand in it."""

CALLBACK = "change"

MOST_GROUPS = 12
"""Offered in the form; in words there may be more. A guess: each is a failover with its votes."""

MOST_OUT = 10
"""Slack's limit for the boxes of one field. In words there may be more."""

MOST_HINT = 150
"""Longer hints are hard to read on a phone; Slack would take 2000 characters."""

_MEMBERS, _ORDER, _LISTED = "members", "order", "listed"

View = dict[str, Any]


@dataclass(frozen=True)
class Place:
    """What a form is about, and where to answer; Slack keeps it in the form for us."""

    run: str
    revision: int
    channel: str
    thread_ts: str

    def packed(self) -> str:
        """Return it as Slack keeps it."""
        return json.dumps(asdict(self))

    @classmethod
    def of(cls, view: Mapping[str, Any]) -> Place:
        """Return the place of a form that we drew."""
        return cls(**json.loads(str(view["private_metadata"])))


def read_button(value: str) -> tuple[str, int]:
    """Return the run and the revision that a pressed button is about."""
    run, _, revision = value.partition(" ")
    return run, int(revision)


# -------------------------------------------------------------------------------- drawing


def form(
    plan: Plan,
    place: Place,
    smo: str,
    *,
    count: int = 0,
    seen: GroupFacts | None = None,
    left_out: Sequence[MemberId] | None = None,
) -> View:
    """Return the form, filled in as the plan is.

    Args:
        plan: the plan that is proposed.
        place: what the form is about.
        smo: the member that answers for the group, as it was seen last.
        count: another number of Logical Groups than the plan has, or 0.
        seen: the last look; it says who is out of service, and so can be left out.
        left_out: who else than in the plan is to be left out; None is as in the plan.
    """
    out = tuple(plan.left_out if left_out is None else left_out)
    members = [one for one in sorted(plan.everyone, key=by_number) if one not in out]
    wanted = min(count or len(plan.groups), max(2, len(members)))
    kept = parts_without(plan, out) if count in (0, len(plan.groups)) else ()
    parts = kept or _divided(members, wanted, plan, seen)
    letters = [chr(ord("A") + index) for index in range(len(parts))]
    order = [group.name for group in plan.groups] if kept else letters
    now = ", ".join(group_named(group) for group in plan.groups)
    blocks: list[Block] = [
        section(
            f"{code(plan.security_group)} has {len(plan.everyone)} members, "
            f"{escape(ids(plan.everyone), 200)}; "
            f"the SMO is {escape(smo or 'none', 20)}.",
            f"Proposed now, in this order: {escape(now, 600)}.",
            "A change is planned from a fresh look and asked again, with a code of its own; "
            "the votes for this proposal no longer count.",
            *_seen_at(seen),
        ),
        *_out_field(plan, seen, out),
        _count_field(len(parts), min(len(members), MOST_GROUPS)),
    ]
    for letter, part in zip(letters, parts, strict=True):
        blocks.append(_members_field(letter, part, len(parts), out, sites=len(by_sites(members))))
    blocks.append(_order_field(letters, order))
    if len(letters) > 2:
        blocks.append(_listed_field(letters, order))
    return {
        "type": "modal",
        "callback_id": CALLBACK,
        "title": _plain("Change the proposal"),
        "submit": _plain("Propose this"),
        "close": _plain("Leave it"),
        "private_metadata": place.packed(),
        "blocks": blocks,
    }


def _divided(
    members: Sequence[MemberId], count: int, plan: Plan, seen: GroupFacts | None
) -> tuple[tuple[MemberId, ...], ...]:
    """Divide members as the planner would; where that is refused, as they fit."""
    first = (standby_site(seen) if seen is not None else None) or 0
    try:
        groups = split(members, count, how=plan.policy.split, first=first)
    except PlanRefused:
        groups = split(members, count, first=first)
    return tuple(group.members for group in groups)


def _seen_at(seen: GroupFacts | None) -> list[str]:
    """Say how old the look is that the form is drawn from: it may be that of the order."""
    if seen is None:
        return []
    return [
        f"Who is out of service is as of {moment(seen.at)}; `@hotfix change without 1_7`, in the "
        "thread, looks anew."
    ]


def _plain(text: str) -> dict[str, Any]:
    return {"type": "plain_text", "text": text}


def _option(value: str, text: str) -> dict[str, Any]:
    return {"text": _plain(text), "value": value}


def _input(block_id: str, label: str, element: dict[str, Any], hint: str = "") -> Block:
    made: Block = {
        "type": "input",
        "block_id": block_id,
        "label": _plain(label),
        "element": element,
    }
    return {**made, "hint": _plain(hint)} if hint else made


def _out_field(plan: Plan, seen: GroupFacts | None, out: Sequence[MemberId]) -> list[Block]:
    """Return the boxes for members that are out of service; as a rule there are none."""
    facts = seen.listing(plan.everyone) if seen is not None else None
    states = {m.id: described(m) for m in facts.members} if facts is not None else {}
    words = plan.policy.state_words
    away = {m.id for m in facts.members if surely_out(m, words)} if facts is not None else set()
    every = sorted(away | set(plan.left_out), key=by_number)
    choices = every[:MOST_OUT]
    if not choices or len(plan.everyone) - len(choices) < 2:
        return []
    options = {one: _option(one, f"{one}: {states.get(one, 'not seen')}"[:75]) for one in choices}
    element: dict[str, Any] = {
        "type": "checkboxes",
        "action_id": OUT,
        "options": list(options.values()),
    }
    if chosen := [options[one] for one in choices if one in out]:
        element["initial_options"] = chosen
    hint = "Only members out of service. Nothing is sent to them; auto-clone stays owed at the end."
    if rest := every[MOST_OUT:]:
        stay = f" Not offered here, and left as they are: {spelled(rest)}."
        hint += stay if len(hint) + len(stay) <= MOST_HINT else " More of them: in words."
    field = _input("out", "Leave out", element, hint)
    return [{**field, "dispatch_action": True, "optional": True}]


def _count_field(count: int, most: int) -> Block:
    options = [_option(str(number), str(number)) for number in range(2, max(most, count) + 1)]
    element = {
        "type": "static_select",
        "action_id": COUNT,
        "options": options,
        "initial_option": options[count - 2],
    }
    label = "How many Logical Groups"
    hint = "Another number fills in the fields below anew. Each group has a failover of its own."
    return {**_input("groups", label, element, hint), "dispatch_action": True}


_HINT = "Like 1_1-1_4 or 1_1,1_3. Sizes may differ by one at most."

_HINT_OF_SITES = "A group may also stand on one Site; or name a share of each: 1_1-1_3,2_1-2_2."


def _members_field(
    letter: str, part: Sequence[MemberId], count: int, out: Sequence[MemberId], *, sites: int
) -> Block:
    """Slack keeps what was typed under the same ids, so another number of groups has others.

    So have other members.
    """
    element = {
        "type": "plain_text_input",
        "action_id": _MEMBERS,
        "initial_value": spelled(part),
        "max_length": 300,
    }
    hint = _HINT if letter == "A" else ""
    if hint and sites > 1:
        hint = f"{hint} {_HINT_OF_SITES}"
    others = f":{spelled(out)}" if out else ""
    return _input(f"part:{count}{others}:{letter}", f"Members of {letter}", element, hint)


def _order_field(letters: Sequence[str], order: Sequence[str]) -> Block:
    first = ", then ".join(letters)
    options = [_option("vendor", f"A first: {first}" if len(first) < 60 else "A first")]
    if len(letters) == 2:
        options.append(_option("swap", "B first: B, then A"))
    options.append(_option("smo_last", "The group with the SMO last"))
    if len(letters) > 2:
        options.append(_option("listed", "As written below"))
    as_it_is = "vendor" if list(order) == list(letters) else options[-1]["value"]
    if len(letters) == 2 and as_it_is != "vendor":
        as_it_is = "swap"
    element = {
        "type": "radio_buttons",
        "action_id": _ORDER,
        "options": options,
        "initial_option": next(one for one in options if one["value"] == as_it_is),
    }
    return _input(f"order:{len(letters)}", "Which goes first", element)


def _listed_field(letters: Sequence[str], order: Sequence[str]) -> Block:
    element = {
        "type": "plain_text_input",
        "action_id": _LISTED,
        "initial_value": ", ".join(order),
        "max_length": 100,
    }
    return {**_input(f"listed:{len(letters)}", "In this order", element), "optional": True}


# -------------------------------------------------------------------------------- reading


def chosen_count(view: Mapping[str, Any]) -> int:
    """Return how many Logical Groups are wanted in a form."""
    return int(_values(view)["groups"][COUNT]["selected_option"]["value"])


def chosen_out(view: Mapping[str, Any], plan: Plan) -> tuple[MemberId, ...]:
    """Return who is to be left out in a form; where it has no such field, as in the plan."""
    field = _values(view).get("out")
    if field is None:
        return plan.left_out
    known = set(plan.everyone)
    chosen = {str(one["value"]) for one in field[OUT].get("selected_options") or ()}
    not_offered = set(plan.left_out) - _offered(view)
    return tuple(sorted((chosen & known) | not_offered, key=by_number))


def _offered(view: Mapping[str, Any]) -> set[str]:
    """Return whom a form lets leave out: Slack takes only so many, and the others stay as is."""
    (field,) = (block for block in view["blocks"] if block.get("block_id") == "out")
    return {str(option["value"]) for option in field["element"]["options"]}


def read_form(view: Mapping[str, Any], plan: Plan) -> tuple[Change, dict[str, str]]:
    """Return what is wanted in a form that was sent, and what is wrong by the field's block id."""
    values = _values(view)
    fields = sorted(block for block in values if block.startswith("part:"))
    parts, errors = _parts(values, fields)
    out = chosen_out(view, plan)
    if not errors:
        members = [one for one in sorted(plan.everyone, key=by_number) if one not in out]
        faults = split_faults(members, parts)
        errors = {fields[index]: _sentence(fault) for index, fault in faults.items()}
    count = len(fields)
    letters = [field.rpartition(":")[2] for field in fields]
    order, listed, wrong = _wanted_order(values, letters)
    if wrong:
        errors[f"listed:{count}"] = _sentence(wrong)
    change = Change(
        split=tuple(map(tuple, parts)),
        order=order,
        listed=tuple(listed),
        left_out=None if out == plan.left_out else out,
    )
    if not errors and _same(change, plan):
        errors[f"order:{count}"] = "The proposal says that already; nothing is otherwise."
    return change, errors


def _values(view: Mapping[str, Any]) -> Mapping[str, Any]:
    values: Mapping[str, Any] = view["state"]["values"]
    return values


def _parts(
    values: Mapping[str, Any], fields: Sequence[str]
) -> tuple[list[list[MemberId]], dict[str, str]]:
    parts: list[list[MemberId]] = []
    errors: dict[str, str] = {}
    for field in fields:
        text = str(values[field][_MEMBERS]["value"] or "").strip()
        try:
            parts.append(read_members(text.replace(" ", "")))
        except UnexpectedOutput:
            errors[field] = "These are no members; write them like 1_1-1_4 or 1_1,1_3."
    return parts, errors


def _wanted_order(
    values: Mapping[str, Any], letters: Sequence[str]
) -> tuple[str, Sequence[str], str]:
    """Return the order, its letters where it is written out, and what is wrong with them."""
    chosen = str(values[f"order:{len(letters)}"][_ORDER]["selected_option"]["value"])
    if chosen == "swap":
        return "listed", letters[::-1], ""
    if chosen != "listed":
        return chosen, (), ""
    listed = read_order(str(values[f"listed:{len(letters)}"][_LISTED]["value"] or ""))
    return chosen, listed, order_fault(letters, listed)


def _same(change: Change, plan: Plan) -> bool:
    if change.left_out is not None:
        return False
    parts = tuple(tuple(sorted(part, key=by_number)) for part in change.split)
    order = [group.name for group in plan.groups]
    wanted = change.listed if change.order == "listed" else sorted(order)
    return parts == parts_of(plan) and change.order != "smo_last" and list(wanted) == order


def _sentence(fault: str) -> str:
    return f"{capitalised(fault)}."

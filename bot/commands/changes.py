"""`change`: what people want otherwise in a proposal."""

from __future__ import annotations

import difflib
import re
from collections.abc import Sequence

from bot.commands.grammar import RUN, TARGET, read_groups, read_left_out, read_take
from bot.commands.kinds import Mistake, Revision
from bot.views.format import code
from engine.proposals import Change

HOW_TO_CHANGE = (
    "After `change`, and the group where it is named, write one or more of: `swap`, `groups 3`, "
    "`order smo_last`, `order B,A`, `split 1_1-1_3/1_4-1_6`, `split by_site` or "
    "`split across_sites` (of two Sites), `without 1_7` (a member that is out of service), "
    "`without none`, `take 99` (the take expected after an uninstall)."
)

CHANGES = ("swap", "groups", "order", "split", "without", "take")


def read_change(words: Sequence[str], groups: Sequence[str], command: str) -> Revision:
    """Read what follows `change`: first the target, unless that is said by the thread."""
    rest = list(words)
    target = rest.pop(0) if rest and _is_target(rest, groups) else ""
    if not rest:
        understood = f"change {target}".strip()
        raise Mistake(
            f"I understood {code(understood)}, but not what should be different. {HOW_TO_CHANGE} "
            f"For example {code(f'{command} {understood} swap')}."
        )
    found: dict[str, str] = {}
    while rest:
        name = rest.pop(0).lower()
        if name not in CHANGES:
            close = difflib.get_close_matches(name, CHANGES, n=1)
            right = f"; did you mean `{close[0]}`?" if close else "."
            raise Mistake(f"I understood `change`, but not {code(name, 80)}{right} {HOW_TO_CHANGE}")
        if name in found or (name == "swap" and "order" in found):
            raise Mistake(f"I understood `change`, but {code(name)} says it twice; say it once.")
        if name != "swap" and not rest:
            raise Mistake(f"I understood `change {name}`, but nothing follows. {HOW_TO_CHANGE}")
        found[name] = "" if name == "swap" else rest.pop(0)
    if "swap" in found and "order" in found:
        raise Mistake("I understood `change`, but `swap` and `order` both say an order; say one.")
    order, listed = _order_wanted(found["order"]) if "order" in found else ("", ())
    split, count, divide = read_groups(found, "change")
    change = Change(
        split=split,
        groups=count,
        divide=divide,
        order="swap" if "swap" in found else order,
        listed=listed,
        left_out=read_left_out(found["without"], "change") if "without" in found else None,
        take=read_take(found["take"], "change take") if "take" in found else None,
    )
    return Revision(change, target)


def _is_target(words: Sequence[str], groups: Sequence[str]) -> bool:
    """Say whether the first of these names a group or a run, and is no misspelt change."""
    first = words[0]
    if first.lower() in CHANGES or not TARGET.fullmatch(first):
        return False
    if first in groups or RUN.fullmatch(first):
        return True
    return len(words) > 1 and not difflib.get_close_matches(first.lower(), CHANGES, n=1)


def _order_wanted(text: str) -> tuple[str, tuple[str, ...]]:
    if text.lower() in ("vendor", "smo_last"):
        return text.lower(), ()
    letters = tuple(read_order(text))
    if not letters:
        raise Mistake(f"I understood `change order`, but not {code(text, 80)}. {HOW_TO_CHANGE}")
    return "listed", letters


def read_order(text: str) -> list[str]:
    """Return the letters of an order like `B, A` or `B/A`, or nothing where it is none."""
    letters = [one.upper() for one in re.split(r"[\s,/>-]+", text.strip()) if one]
    return letters if all(re.fullmatch(r"[A-Z]", one) for one in letters) else []

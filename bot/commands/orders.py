"""What people order: `install`, `uninstall`, `finish` and `rollback`, with all that may follow."""

from __future__ import annotations

import difflib
from collections.abc import Mapping, Sequence
from dataclasses import replace

from bot.commands.appointing import TIME_WORDS, TONIGHT, Clocks, Times, take_times
from bot.commands.grammar import (
    known_group,
    listed,
    read_groups,
    read_left_out,
    read_options,
    read_sum,
    read_take,
    read_ticket,
)
from bot.commands.kinds import ORDERS, Mistake, Order, Planning
from bot.packages import SAFE_NAME
from bot.time_words import keyword_left_out
from bot.views.format import code
from engine.windows import FOLLOWING

_USAGES = {
    "install": "install <group> <package> [sha256 <sum>] [ticket <id>] "
    "[split 1_1-1_4/1_5-1_8] [groups 3] [without 1_7] [at 02:00] [rollback after 72h]",
    "uninstall": "uninstall <group> [<package>] last take|completely [to take 99] [delete] "
    "[ticket <id>] [split 1_1-1_4/1_5-1_8] [groups 3] [without 1_7] [at 02:00]",
}

_FOLLOWING = "<group> [ticket <id>] [without 1_7] [at 02:00]"

PLANNED = (*ORDERS, "rollback")
"""What can be planned without being ordered."""

_HOW_MUCH = {("last", "take"): "last_take", ("completely",): "completely"}

_OPTIONS = ("sha256", "ticket", "split", "groups", "without")


def read_ordered(
    verb: str,
    words: Sequence[str],
    groups: Sequence[str],
    command: str,
    clocks: Clocks | None = None,
) -> Order:
    """Read what follows `install`, `uninstall`, `finish`, or a `rollback` that is ordered.

    Where nobody says when, and the group has windows, the one that is open or comes next is meant:
    not of what follows a run, which may lead back, and waits for none then.
    """
    if verb == "install":
        order = _install(words, groups, command, clocks)
    elif verb == "uninstall":
        order = _uninstall(words, groups, command, clocks)
    else:
        order = _following(verb, words, groups, command, clocks)
    if clocks is None or order.appointment is not None or verb in FOLLOWING:
        return order
    return replace(order, appointment=clocks.offered(order.group))


def read_planning(
    words: Sequence[str], groups: Sequence[str], command: str, clocks: Clocks | None = None
) -> Planning:
    """Read what follows `plan`: an order, as it would be given."""
    verb = words[0].lower() if words else ""
    if verb in PLANNED:
        return Planning(read_ordered(verb, words[1:], groups, f"{command} plan", clocks))
    usage = order_usage("install", f"{command} plan")
    if not words:
        raise Mistake(f"I understood `plan`, but not what: {usage}")
    if close := difflib.get_close_matches(verb, PLANNED, n=1):
        right = " ".join([command, "plan", close[0], *words[1:]])
        raise Mistake(
            f"I understood `plan`, but not {code(words[0], 80)}. Did you mean {code(right)}?"
        )
    raise Mistake(
        f"I understood `plan`, but {code(words[0], 80)} is nothing that can be planned; I plan "
        f"{listed(PLANNED)}: {usage}"
    )


def _install(
    words: Sequence[str], groups: Sequence[str], command: str, clocks: Clocks | None
) -> Order:
    usage = order_usage("install", command)
    if len(words) < 2 or words[1].lower() in (*_OPTIONS, *TIME_WORDS):
        understood = " ".join(["install", *words[:1]])
        what = "which package" if words else "which group and which package"
        raise Mistake(f"I understood {code(understood)}, but not {what}: {usage}")
    group, package, rest = words[0], words[1], list(words[2:])
    group = known_group(group, package, groups, command, "install")
    if not SAFE_NAME.fullmatch(package):
        raise Mistake(
            f"I understood {code(f'install {group}')}, but {code(package)} cannot be a package; "
            "give the file name alone, without a path"
        )
    understood = f"install {group} {package}"
    when, left = take_times(rest, group, understood, clocks, options=_OPTIONS, takes_back=True)
    found = read_options(left, understood, usage, _OPTIONS)
    return _made(Order("install", group, package), found, when, understood)


def _uninstall(
    words: Sequence[str], groups: Sequence[str], command: str, clocks: Clocks | None
) -> Order:
    """Read what follows `uninstall`: the words that stand alone first, then options with a value.

    Whether the last take or all of it is meant may be left out here: then the engine asks, and says
    what each of both gives back.
    """
    usage = order_usage("uninstall", command)
    if not words:
        raise Mistake(f"I understood `uninstall`, but not from which group: {usage}")
    rest = list(words[1:])
    package = rest.pop(0) if rest and _is_package(rest) else ""
    group = known_group(words[0], package, groups, command, "uninstall")
    understood = f"uninstall {group} {package}".strip()
    when, rest = take_times(rest, group, understood, clocks, options=_OPTIONS)
    said, left = _said_alone(rest, understood)
    order = Order(
        "uninstall",
        group,
        package,
        method=said.get("method", ""),
        take=read_take(said["take"], f"{understood} to take") if "take" in said else None,
        delete="delete" in said,
    )
    found = read_options(left, understood, usage, _OPTIONS[1:])
    return _made(order, found, when, understood)


def _following(
    verb: str,
    words: Sequence[str],
    groups: Sequence[str],
    command: str,
    clocks: Clocks | None,
) -> Order:
    usage = order_usage(verb, command)
    if not words:
        raise Mistake(f"I understood `{verb}`, but not which group: {usage}")
    group = known_group(words[0], "", groups, command, verb)
    understood = f"{verb} {group}"
    options = ("ticket", "without")
    if clocks is not None:
        # Whether it waits for a window is known once it is planned.
        clocks = replace(clocks, windows={})
    when, left = take_times(words[1:], group, understood, clocks, options=options)
    found = read_options(left, understood, usage, options)
    return _made(Order(verb, group), found, when, understood)


def _made(order: Order, found: Mapping[str, str], when: Times, understood: str) -> Order:
    """Add to an order what its options say."""
    split, count, divide = read_groups(found, understood)
    return replace(
        order,
        sha256=read_sum(found.get("sha256", ""), understood),
        ticket=read_ticket(found.get("ticket", ""), understood),
        split=split,
        left_out=read_left_out(found["without"], understood) if "without" in found else (),
        groups=count,
        divide=divide,
        appointment=when.appointment,
        rollback_after=when.rollback_after,
        rollback_said=when.rollback_said,
    )


def _is_package(words: Sequence[str]) -> bool:
    """Say whether the first of these words names a package."""
    known = (*_OPTIONS, *TIME_WORDS, TONIGHT, "last", "completely", "to", "delete")
    if words[0].lower() in known or keyword_left_out(words):
        return False
    return SAFE_NAME.fullmatch(words[0]) is not None


def _said_alone(words: Sequence[str], understood: str) -> tuple[dict[str, str], list[str]]:
    """Return what `last take`, `completely`, `to take 99` and `delete` say, and what is left."""
    said, left, rest = dict[str, str](), list[str](), list(words)
    while rest:
        lower = tuple(word.lower() for word in rest)
        name, value, length = "", "", 1
        for spoken, method in _HOW_MUCH.items():
            if lower[: len(spoken)] == spoken:
                name, value, length = "method", method, len(spoken)
        if lower[:2] == ("to", "take"):
            if len(rest) == 2:
                raise Mistake(f"I understood {code(understood)}, but nothing follows `to take`")
            name, value, length = "take", rest[2], 3
        if lower[0] == "delete":
            name, value = "delete", "yes"
        if not name:
            # An option and its value, whatever that is: `ticket delete` is a ticket.
            length = 2
            left += rest[:length]
        elif name in said:
            raise Mistake(
                f"I understood {code(understood)}, but {code(' '.join(rest[:length]))} says "
                "something twice; say it once"
            )
        else:
            said[name] = value
        rest = rest[length:]
    return said, left


def order_usage(verb: str, command: str) -> str:
    """Return how an order is written, as code."""
    return code(f"{command} {_USAGES.get(verb, f'{verb} {_FOLLOWING}')}")

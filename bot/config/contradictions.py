"""What each setting may be, and all together must not: it would be found out at night.

Two things that share an address, roles that nobody defined, gates that nobody could ever pass,
rights that nobody has. Each is one sentence. That a single value is wrong is noticed where it is
set.
"""

from __future__ import annotations

import re
from collections.abc import Iterable, Iterator, Mapping
from functools import partial

from bot.config.mistakes import nearest
from bot.config.settings import RoleSettings, Settings
from bot.config.values import host_and_port
from engine.freezes import ALL
from engine.gaia.dialect import never_found
from engine.gates import can_ever_pass
from engine.policy import GatePolicy, Rights


def contradictions(settings: Settings) -> list[str]:
    """Return what is wrong by the settings alone, before anybody in Slack is asked."""
    wrong = [
        *_unknown_roles(settings),
        *_unspeakable(settings),
        *_tags(settings),
        *_one_for_two(settings),
        *_no_such_group(settings),
    ]
    if not wrong:
        # What a role that nobody knows leads to would hide the cause.
        wrong = [*unsatisfiable(settings, None)]
    return wrong


def _unknown_roles(settings: Settings) -> Iterator[str]:
    """Say which role is named and not there: once, where it is named for all groups."""
    hint = partial(nearest, known=list(settings.roles))
    everywhere = [(key, r) for key, r in settings.policy.named if r not in settings.roles]
    for key, role in everywhere:
        yield f"policy.{key}: there is no role {role}{hint(role)}"
    for group in settings.groups:
        for key, role in settings.policy_of(group).named:
            if role not in settings.roles and (key, role) not in everywhere:
                yield f"groups.{group}.{key}: there is no role {role}{hint(role)}"


_ONE_WORD = r"[A-Za-z0-9][A-Za-z0-9._-]*"


def _unspeakable(settings: Settings) -> Iterator[str]:
    for name in settings.groups:
        if name == ALL:
            yield f"groups.{ALL}: a group cannot be called so: it means every group"
        elif not re.fullmatch(_ONE_WORD, name):
            yield f"groups.{name}: a command names a group in one word: letters, digits, . _ -"


def _tags(settings: Settings) -> Iterator[str]:
    """Say which tag is no word for a freeze: groups, tags and `all` are named alike in one."""
    for name, group in settings.groups.items():
        for tag in dict.fromkeys(group.tags):
            if tag == ALL:
                yield f"groups.{name}.tags: a tag cannot be {ALL}: it means every group"
            elif tag in settings.groups:
                yield f"groups.{name}.tags: {tag} is a group, so nobody could tell which is frozen"
            elif not re.fullmatch(_ONE_WORD, tag):
                yield f"groups.{name}.tags: {tag!r} is not one word of letters, digits, . _ -"


def _no_such_group(settings: Settings) -> Iterator[str]:
    """Say where what is pinned can never be found together."""
    for name, group in settings.groups.items():
        if impossible := never_found(group.pins):
            yield f"groups.{name}: {impossible}"


def _one_for_two(settings: Settings) -> Iterator[str]:
    """Say what two things cannot share: a device would get two runs at once, under two leases."""
    groups: dict[tuple[str, int], str] = {}
    for name, group in settings.groups.items():
        place = (group.address.lower(), group.port)
        if (other := groups.setdefault(place, name)) != name:
            yield f"groups.{other} and groups.{name} are both {group.address}:{group.port}"
    slack, health = settings.slack, settings.health
    if (
        slack.transport == "http"
        and health.listen == slack.listen
        and host_and_port(slack.listen)[1]
    ):
        yield f"health.listen and slack.listen are both {slack.listen}; give each a port of its own"


def unsatisfiable(
    settings: Settings, usergroups: Mapping[str, frozenset[str]] | None
) -> Iterator[str]:
    """Say which gates nobody could ever pass, per group and possible requester, and unused rights.

    Args:
        settings: the settings.
        usergroups: the members of each user group by its id; None where Slack was not asked,
            then what depends on one is not judged.
    """
    for group in sorted(settings.groups):
        policy = settings.policy_of(group)
        yield from _unused(settings, group, policy.rights, usergroups)
        for gate in ("proposal", "failover"):
            yield from _never(settings, group, gate, getattr(policy, gate).policy(), usergroups)


_RIGHTS = {
    "order": "order a run",
    "operate": "operate",
    "halt": "halt",
    "freeze": "freeze",
    "lift": "lift a freeze",
}


def _unused(
    settings: Settings,
    group: str,
    rights: Rights,
    usergroups: Mapping[str, frozenset[str]] | None,
) -> Iterator[str]:
    """Say which rights have no person: a night would find out that nobody may stop it."""
    for right, words in _RIGHTS.items():
        roles = getattr(rights, right)
        if right == "lift" and not roles:
            continue  # then whoever may freeze may lift
        if usergroups is None and any(r.usergroup for r in _known(settings, roles).values()):
            continue
        if not frozenset().union(*_persons(settings, roles, usergroups).values()):
            named = ", ".join(roles) or "none is named"
            yield f"groups.{group}: nobody may {words}; nobody is in its roles ({named})"
    for fallback in settings.policy_of(group).fallbacks:
        called = _known(settings, [fallback]).values()
        judged = usergroups is not None or not any(role.usergroup for role in called)
        if judged and not any(_persons(settings, [fallback], usergroups).values()):
            yield f"groups.{group}: nobody is in the fallback {fallback}, so nobody would be called"


def _never(
    settings: Settings,
    group: str,
    gate: str,
    policy: GatePolicy,
    usergroups: Mapping[str, frozenset[str]] | None,
) -> Iterator[str]:
    if usergroups is None and any(r.usergroup for r in _known(settings, policy.roles).values()):
        return
    members = _persons(settings, policy.roles, usergroups)
    lacking = can_ever_pass(policy, members, None)
    if lacking:
        yield (
            f"groups.{group}: nobody can pass the {gate} gate; it lacks {lacking} "
            "(add people to its roles, or need fewer)"
        )
        return
    orders = settings.policy_of(group).rights.order
    may_order = frozenset().union(*_persons(settings, orders, usergroups).values())
    for person in sorted(may_order & frozenset().union(*members.values())):
        lacking = can_ever_pass(policy, members, person)
        if lacking:
            yield (
                f"groups.{group}: if {person} asks, the {gate} gate cannot pass; lacks {lacking} "
                "(whoever asks may not approve; add people to its roles, or need fewer)"
            )


def _persons(
    settings: Settings, roles: Iterable[str], usergroups: Mapping[str, frozenset[str]] | None
) -> dict[str, frozenset[str]]:
    """Return who is in each of these roles, as far as it is known."""
    known = usergroups or {}
    return {
        name: frozenset(role.members) | known.get(role.usergroup, frozenset())
        for name, role in _known(settings, roles).items()
    }


def _known(settings: Settings, roles: Iterable[str]) -> dict[str, RoleSettings]:
    return {role: settings.roles[role] for role in roles if role in settings.roles}

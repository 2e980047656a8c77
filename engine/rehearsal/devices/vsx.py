"""What `asg stat -v` and `asg policy verify -a` show per Virtual System.

Sources: the block per Virtual System is that of the R76SP guide (dossier 3.7), in the width of the
Maestro picture; that all blocks stand below one another, that VSNext has the same ones, and that
ACTIVE stands there instead of UP is [B]. In the table of policies the first column says member and
Virtual System as the recorded summary spells them, `1_02:0` [I].
"""

from __future__ import annotations

from engine.rehearsal.group import Group
from engine.rehearsal.member import CARRYING, INITIAL_POLICY, Member, Policy

RULE = "-" * 80
TITLES = {"VSX": "VSX System Status", "VSNext": "VSNext System Status - {platform}"}
"""Titles of the picture. VSX: R76SP guide, which names no platform; VSNext: [B]."""


def ids(group: Group) -> list[int]:
    """Return the numbers of all Virtual Systems, 0 first."""
    return [0, *(int(entry["id"]) for entry in sorted(group.setup.virtual, key=lambda e: e["id"]))]


def name_of(group: Group, number: int) -> str:
    """Return the name of a Virtual System; 0 has the group's."""
    first = next(iter(group.members.values()))
    return first.virtual[number].name if number else group.setup.name


def blocks(group: Group, local: Member) -> str:
    """Return one block per Virtual System, with a row per member."""
    return "".join(_block(group, local, number) for number in ids(group))


def _block(group: Group, local: Member, number: int) -> str:
    words = group.dialect
    head = f" VS ID:  {number:<23}VS Name:  {name_of(group, number)}"
    text = _row(head) + f"{RULE}\n"
    for site in sorted({m.site for m in group.members.values()}):
        text += _row(f" {f'{words.site} {site}':<30}{group.site_state(site)}") + f"{RULE}\n"
        text += _row(f" {words.member_column:<15}{'State':<15}{'Process':<26}Policy Date")
        for member in group.members.values():
            if member.site == site:
                serving = (*CARRYING, group.setup.standby_word)
                text += _row(_cells(member, number, serving, local=member is local))
        text += f"{RULE}\n"
    return text


def _cells(member: Member, number: int, serving: tuple[str, ...], *, local: bool) -> str:
    state, policy = member.state_of(number), member.policy_of(number)
    carrying, enforced = state in serving, policy.name != INITIAL_POLICY
    work = "Inactive" if not carrying else "Enforcing Security" if enforced else "Initial Policy"
    date = policy.date if carrying and enforced else "NA"
    name = f"  {member.number}{' (local)' if local else ''}"
    # A note of the whole member: as its own row in a Gateway shows it.
    if not number and state == "DOWN" and "ADMIN" in member.notes:
        state = "DOWN (admin)"
    return f"{name:<16}{state:<15}{work:<26}{date}"


def _row(text: str) -> str:
    return f"|{text:<78}|\n"


def policies(group: Group) -> list[tuple[Member, int, Policy]]:
    """Return what every member that answers has in every Virtual System, 0 first."""
    seen = [m for m in group.members.values() if m.reachable]
    return [(m, number, m.policy_of(number)) for number in ids(group) for m in seen]

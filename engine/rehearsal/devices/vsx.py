"""What `asg stat -v`, `asg policy verify -a` and `vsx stat -v` show per Virtual System.

Sources: the block per Virtual System is that of the R76SP guide (dossier 3.7), in the width of the
Maestro picture; that all blocks stand below one another, that VSNext has the same ones, and that
ACTIVE stands there instead of UP is [B]. In the table of policies the first column says member and
Virtual System as the recorded summary spells them, `1_02:0` [I].

`vsx stat -v` is laid out as a VSX gateway printed it, quoted in a public monitoring script; that a
member of a group prints the same is [B]. What the others show of a Virtual Switch or Router, which
has no policy, is [B]: a block like any other, where the column Process says so, and no row in the
table of policies.
"""

from __future__ import annotations

from engine.rehearsal.devices.host import Host
from engine.rehearsal.group import Group
from engine.rehearsal.interpreter import Process
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
    lacks = number and not member.virtual[number].enforces
    carrying, enforced = state in serving, policy.name != INITIAL_POLICY and not lacks
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
    first = next(iter(group.members.values()))
    enforcing = [n for n in ids(group) if not n or first.virtual[n].enforces]
    return [(m, number, m.policy_of(number)) for number in enforcing for m in seen]


async def vsx(host: Host, process: Process) -> int:
    """`vsx stat -v`."""
    if process.args != ["stat", "-v"] or host.group.setup.mode not in TITLES:
        process.err("VSX is not configured, or there is no such command\n")
        return 1
    systems = host.member.virtual.values()
    switches = sum(1 for one in systems if not one.enforces)
    own = host.member.policy
    process.out(
        f"\nVSX Gateway Status\n==================\nName:            {host.group.setup.name}\n"
        f"Access Control Policy: {own.name}\nInstalled at:    {own.date}\n"
        "Threat Prevention Policy: <No Policy>\nSIC Status:      Trust\n\n"
        f"Number of Virtual Systems allowed by license:          25\n"
        f"Virtual Systems [active / configured]:                 {len(systems) - switches} / "
        f"{len(systems) - switches}\n"
        f"Virtual Routers and Switches [active / configured]:     {switches} / {switches}\n"
        f"Total connections [current / limit]:                0 / 1502500\n\n"
        "Virtual Devices Status\n======================\n\n"
        " ID  | Type & Name             | Access Control Policy | Installed at    | Threat "
        "Prevention Policy | SIC Stat\n"
        f"-----+{'-' * 25}+{'-' * 23}+{'-' * 17}+{'-' * 26}+---------\n"
    )
    for one in systems:
        named = f"{one.kind} {one.name}"
        policy, date, threat = "<Not Applicable>", "", "<Not Applicable>"
        if one.enforces:
            policy, date, threat = one.policy.name, one.policy.date, "<No Policy>"
        process.out(
            f"{one.id:>4} | {named:<23} | {policy:<21} | {date:<15} | {threat:<24} | Trust\n"
        )
    process.out(
        "\nType: S - Virtual System, B - Virtual System in Bridge mode,\n"
        "      R - Virtual Router, W - Virtual Switch.\n"
    )
    return 0

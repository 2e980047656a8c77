"""`asg stat`, `asg policy verify -a`, `asg diag`.

Source: dossier 3.7 and 3.10; the Maestro picture of `asg stat -v` is [B], rows that parsers rely on
are from a public exporter. That two Sites stand side by side, with "-" where a Site has no member
of that number, is [B]; so is that `-i active_ids` names healthy members of the Standby Site too.
"""

from __future__ import annotations

import textwrap
from collections.abc import Sequence

from engine.rehearsal.devices import vsx
from engine.rehearsal.devices.host import Host
from engine.rehearsal.interpreter import Process
from engine.rehearsal.member import INITIAL_POLICY, Member
from engine.rehearsal.syntax import UnsupportedSyntax

RULE = "-" * 80
REFRESH_S = 2.0
CLEAR = "\x1b[H\x1b[2J"
"""How `asg monitor` paints the picture anew, and how often [B]."""

ID_WIDTH = 17
"""Ids of `asg stat -i` are padded to this; measured in the recorded log."""


async def cluster_cli(host: Host, process: Process) -> int:
    """`cluster-cli show info overview`: the picture, in the Expert shell of R82 [I]."""
    if process.args != ["show", "info", "overview"]:
        raise UnsupportedSyntax(f"cluster-cli {' '.join(process.args)}")
    process.out(picture(host))
    return 0


async def asg(host: Host, process: Process) -> int:
    """`asg …`."""
    match process.args:
        case ["stat"]:
            process.out(picture(host, verbose=False))
        case ["stat", "-v"]:
            process.out(picture(host, verbose=True))
        case ["monitor"]:
            while True:
                process.out(f"{CLEAR}{picture(host)}")
                await host.sleep(REFRESH_S)
        case ["stat", "vs", "all"] if host.group.setup.mode in vsx.TITLES:
            process.out(picture(host, verbose=False))
        case ["stat", "-i", what]:
            return _information(host, process, what)
        case ["policy", "verify", *_]:
            text, status = _policy(host)
            process.out(text)
            return status
        case ["diag", "verify", *_]:
            process.out(_diag(host))
        case ["diag", "list", *_]:
            process.out(_diag_list())
        case _:
            raise UnsupportedSyntax(f"asg {' '.join(process.args)}")
    return 0


def _information(host: Host, process: Process, what: str) -> int:
    members = list(host.group.members.values())
    match what:
        case "all_ids":
            process.out("".join(f"{m.id:<{ID_WIDTH}}\n" for m in members))
        case "active_ids":
            listed = (
                host.group.sites if host.group.setup.lists_standby else [host.group.active_site]
            )
            active = [m for m in members if _serves(host, m) and m.site in listed]
            process.out("".join(f"{m.id:<{ID_WIDTH}}\n" for m in active))
        case "local_id":
            process.out(f"{host.member.id:<{ID_WIDTH}}\n")
        case "proc":
            process.out(_processes(host))
        case "sgm_info":
            process.out(_information_table(host))
        case "tasks":
            process.out(_tasks(host))
        case _:
            raise UnsupportedSyntax(f"asg stat -i {what}")
    return 0


def _row(text: str) -> str:
    return f"|{text:<78}|\n"


def _serves(host: Host, member: Member) -> bool:
    return host.group.is_healthy(member) or host.group.carries(member)


def _columns(host: Host, cells: Sequence[str]) -> str:
    """Lay one cell per Site side by side."""
    width = 53 if len(cells) == 1 else 26
    return "".join(f"{cell:<{width}}" for cell in cells)


def _by_number(host: Host) -> dict[int, list[Member | None]]:
    """Return the members by their number, each with its place among the Sites."""
    group = host.group
    most = max(group.setup.per_site)
    return {
        number: [group.members.get(f"{site}_{number}") for site in group.sites]
        for number in range(1, most + 1)
    }


def _numbers(host: Host, number: int) -> str:
    return f"  {number}{' (local)' if number == host.member.number else ''}"


def _shown(member: Member | None) -> str:
    if member is None:
        return "-"
    return "DOWN (admin)" if member.state == "DOWN" and "ADMIN" in member.notes else member.state


def picture(host: Host, *, verbose: bool = False) -> str:
    """Return what `asg stat` shows of the group; `verbose` is `-v`."""
    group, words = host.group, host.group.dialect
    up = int(group.now - host.member.booted_at) + (0 if host.member.boots else 123_207)
    days, rest = divmod(up, 86_400)
    clock = f"{rest // 3600:02}:{rest // 60 % 60:02}:{rest % 60:02}"
    facts = [
        ("Up time", f"{days} day{'' if days == 1 else 's'}, {clock} hours"),
        (words.members, f"{len(group.in_service())} / {len(group.members)}"),
        ("Version", f"{words.version} (Build Number {words.build})"),
        ("FW Policy Date", host.member.policy.date),
    ]
    title = vsx.TITLES.get(group.setup.mode, "System Status - {platform}")
    text = f"{RULE}\n" + _row(" " + title.format(platform=group.setup.platform)) + f"{RULE}\n"
    text += "".join(_row(f" {name:<30}| {value}") for name, value in facts)
    text += f"{RULE}\n"
    if group.setup.mode in vsx.TITLES:
        text += vsx.blocks(group, host.member)
    else:
        text += _members(host)
    return text + (_parameters(host) if verbose else "")


def _members(host: Host) -> str:
    group, words = host.group, host.group.dialect
    names = [f"{words.site} {site}" for site in group.sites]
    text = _row(f" {words.member_column:<24}{_columns(host, names)}")
    sites = _columns(host, [f" {group.site_state(site)}" for site in group.sites])
    text += _row(f"{'':<25}{sites}") + f"{RULE}\n"
    for number, there in _by_number(host).items():
        cells = _columns(host, [_shown(m) for m in there])
        text += _row(f"{_numbers(host, number):<25}{cells}")
    return text + f"{RULE}\n"


def _parameters(host: Host) -> str:
    group, words = host.group, host.group.dialect
    every = "Enabled" if group.setup.sync_all_sites else "Disabled"
    counts = []
    for site, count in zip(group.sites, group.setup.per_site, strict=True):
        healthy = [m for m in group.in_service() if group.members[m].site == site]
        counts.append(f"{len(healthy)} / {count}")
    rows = [
        f" {words.site} Parameters",
        f" {words.members:<30}{''.join(f'| {c:<10}' for c in counts)}",
        f" {'Ports':<30}{''.join(f'| {c:<10}' for c in ['2 / 2'] * len(counts))}",
        " Synchronization",
        f"   Sync to Active {words.site.lower()}: Enabled",
        f"   Sync to all {words.several_sites}:    {every}",
    ]
    return "".join(_row(r) for r in rows) + f"{RULE}\n"


def _processes(host: Host) -> str:
    """The row is from a log; with two Sites each has a word in it [B]."""
    words = host.group.dialect
    heads = (
        ["State"] if len(host.group.sites) == 1 else [f"{words.site} {s}" for s in host.group.sites]
    )
    width = 39 if len(heads) == 1 else 19
    text = f"{RULE}\n" + _row(
        f" {words.member_column:<38}" + "".join(f"{h:<{width}}" for h in heads)
    )
    text += f"{RULE}\n"
    for number, there in _by_number(host).items():
        states = [m.state if m else "-" for m in there]
        text += _row(f"  {number}".ljust(39) + "".join(f"{s:<{width}}" for s in states))
    return text + f"{RULE}\n"


def _tasks(host: Host) -> str:
    """The header is from a log (R80.30SP); with two Sites it has a column for each [B]."""
    group = host.group
    width = 58 if len(group.sites) == 1 else 28
    heads = [f"{f'{group.dialect.site} {site}':^{width}}" for site in group.sites]
    holder = group.members[group.smo] if group.smo else None
    text = f"{RULE}\n" + _row(f" Task (Task ID)    |{'|'.join(heads)}") + f"{RULE}\n"
    for index, task in enumerate(("SMO", "General", "LACP", "CH Monitor", "DR Manager")):
        cells = [
            f"{holder.number if holder and holder.site == site else '-':^{width}}"
            for site in group.sites
        ]
        text += _row(f" {f'{task} ({index})':<18}|{'|'.join(cells)}")
    return text + f"{RULE}\n"


def _information_table(host: Host) -> str:
    """Process column: Inactive for every member that is not active; source: dossier 3.7 and 4.

    Two Sites stand one below the other, each under its own word, as R76SP prints one [I].
    """
    group = host.group
    text = f"{RULE}\n"
    for site in group.sites:
        if len(group.sites) > 1:
            name = f"{group.dialect.site} {site}"
            text += _row(f" {name:<30}{group.site_state(site)}") + f"{RULE}\n"
        text += _row(f" {group.dialect.member_column:<14}{'State':<15}{'Process':<26}Policy Date")
        text += f"{RULE}\n"
        for member in [m for m in group.members.values() if m.site == site]:
            text += _information_row(host, member)
        text += f"{RULE}\n"
    return text


def _information_row(host: Host, member: Member) -> str:
    serving = _serves(host, member)
    work = "Enforcing Security" if serving else "Inactive"
    if serving and member.policy.name == INITIAL_POLICY:
        work = "Initial Policy"
    date = member.policy.date if serving else "NA"
    local = " (local)" if member is host.member else ""
    name = f"  {member.number}{local}"
    return _row(f"{name:<15}{member.state:<15}{work:<26}{date}")


_POLICY_RULE = "+-------+-------------------+---------------+-----------------+--------+\n"


def _policy(host: Host) -> tuple[str, int]:
    words = host.group.dialect
    text = f"+{'-' * 70}+\n|{'Policy Verification':<70}|\n{_POLICY_RULE}"
    column = words.members.removesuffix("s")
    text += f"|{column:<7}|{'Policy Name':<19}|{'Policy Date':<15}|"
    text += f"{'Policy Signature':<17}|{'Status':<8}|\n{_POLICY_RULE}"
    errors = []
    per_system = host.group.setup.mode in vsx.TITLES
    rows = vsx.policies(host.group)
    for member, number, policy in rows:
        same = [(m, p) for m, n, p in rows if n == number and p.name != INITIAL_POLICY]
        alike = len({(p.name, p.date, m.signature_of(p)) for m, p in same}) <= 1
        enforced = policy.name != INITIAL_POLICY
        name = f"{member.padded}:{number}" if per_system else member.padded
        first, *below = _in_column(policy.name, host.group.setup.long_names)
        text += f"|{name:<7}|{first:<19}|{policy.date:<15}|"
        text += f"{member.signature_of(policy):<17}|"
        text += f"{'Success' if enforced and alike else 'Failed':<8}|\n"
        text += "".join(f"|{'':<7}|{more:<19}|{'':<15}|{'':<17}|{'':<8}|\n" for more in below)
        where = f"[{member.padded}:{number}]"
        if not enforced:
            errors.append(f"{where}: Policy is not installed")
        elif not alike:
            errors.append(f"{where}: Policy signature doesn't match on all {words.members}")
    return text + _POLICY_RULE + _summary(errors), 1 if errors else 0


def _in_column(name: str, long_names: str) -> list[str]:
    """Return what stands of a policy's name in its column of 19, row by row; [I]."""
    match long_names:
        case "cut":
            return [name[:19]]
        case "dots":
            return [name if len(name) <= 19 else f"{name[:17]}.."]
        case "wrapped":
            return textwrap.wrap(name, 19)
        case _:
            return [name]


def _summary(errors: list[str]) -> str:
    """The box below; its words without errors are [I]."""
    rule = f"+{'-' * 78}+\n"
    rows = ["Policy Verification completed successfully"]
    if errors:
        numbered = [f"{i}. {e}" for i, e in enumerate(errors, 1)]
        rows = ["Policy Verification completed with the following errors:", *numbered, ""]
    return rule + f"|{'Summary':<78}|\n" + rule + "".join(f"|{r:<78}|\n" for r in rows) + rule


_TESTS = (
    ("System Health", "asg stat -v"),
    ("Resources", "asg resource"),
    ("Software Provision", "asg_provision"),
    ("Policy", "asg policy verify -a"),
    ("Clock", "clock_verifier -v"),
    ("Licenses", "asg_license_verifier -v"),
    ("Core Dumps", "core_dump_verifier -v"),
    ("Processes", "asg_process_verifier -v"),
)


def _diag_list() -> str:
    text = "-" * 74 + f"\n| ID | {'Title':<18} | {'Command':<44} |\n" + "-" * 74 + "\n"
    for index, (title, command) in enumerate(_TESTS, 1):
        text += f"| {index:>2} | {title:<18} | {command:<44} |\n"
    return text + "-" * 74 + "\n"


def _diag(host: Host) -> str:
    """The result table of `asg diag verify`; its columns are [I], the tests are from a log."""
    group = host.group
    healthy = len(group.in_service()) == len(group.members)
    dumps = any(m.core_dumps for m in group.members.values())
    takes = {m.take for m in group.members.values() if m.reachable}
    bad = {
        "System Health": not healthy,
        "Software Provision": len(takes) > 1,
        "Policy": _policy(host)[1] != 0,
        "Core Dumps": dumps,
    }
    rule = "-" * 74 + "\n"
    text = rule + f"| ID | {'Title':<18} | {'Result':<10} | {'Reason':<31} |\n" + rule
    for index, (title, _) in enumerate(_TESTS, 1):
        failed = bad.get(title, False)
        result = "Failed (!)" if failed else "Passed"
        reason = "(1) Core dumps found" if failed and title == "Core Dumps" else ""
        text += f"| {index:>2} | {title:<18} | {result:<10} | {reason:<31} |\n"
    failures = sum(bad.values())
    text += rule + f"| {'Tests Summary':<70} |\n" + rule
    summary = f"Passed: {len(_TESTS) - failures}/{len(_TESTS)} tests"
    return text + f"| {summary:<70} |\n" + rule

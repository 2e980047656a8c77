"""`asg stat`, `asg policy verify -a`, `asg diag`.

Source: dossier 3.7 and 3.10; the Maestro picture of `asg stat -v` is [B], rows that parsers rely on
are from a public exporter.
"""

from __future__ import annotations

from engine.rehearsal.devices import vsx
from engine.rehearsal.devices.host import Host
from engine.rehearsal.interpreter import Process
from engine.rehearsal.member import INITIAL_POLICY, Member
from engine.rehearsal.syntax import UnsupportedSyntax

RULE = "-" * 80
ID_WIDTH = 17
"""Ids of `asg stat -i` are padded to this; measured in the recorded log."""


async def asg(host: Host, process: Process) -> int:
    """`asg …`."""
    match process.args:
        case ["stat"]:
            process.out(_picture(host, verbose=False))
        case ["stat", "-v"]:
            process.out(_picture(host, verbose=True))
        case ["stat", "vs", "all"] if host.group.setup.mode in vsx.TITLES:
            process.out(_picture(host, verbose=False))
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
            active = [m for m in members if m.state in ("ACTIVE", "ACTIVE(!)")]
            process.out("".join(f"{m.id:<{ID_WIDTH}}\n" for m in active))
        case "local_id":
            process.out(f"{host.member.id:<{ID_WIDTH}}\n")
        case "proc":
            process.out(_processes(host))
        case "sgm_info":
            process.out(_information_table(host))
        case "tasks":
            smo = host.group.smo
            number = host.group.members[smo].number if smo else "-"
            process.out(
                f"{RULE}\n| Task (Task ID)    |{host.group.dialect.site + ' 1':^58}|\n{RULE}\n"
            )
            for index, task in enumerate(("SMO", "General", "LACP", "CH Monitor", "DR Manager")):
                process.out(f"| {f'{task} ({index})':<18}|{f'{number}':^58}|\n")
            process.out(f"{RULE}\n")
        case _:
            raise UnsupportedSyntax(f"asg stat -i {what}")
    return 0


def _row(text: str) -> str:
    return f"|{text:<78}|\n"


def _number(host: Host, member: Member) -> str:
    return f"  {member.number}{' (local)' if member is host.member else ''}"


def _shown(member: Member) -> str:
    return "DOWN (admin)" if member.state == "DOWN" and "ADMIN" in member.notes else member.state


def _picture(host: Host, *, verbose: bool) -> str:
    group, words = host.group, host.group.dialect
    up = int(group.now - host.member.booted_at) + (0 if host.member.boots else 123_207)
    days, rest = divmod(up, 86_400)
    clock = f"{rest // 3600:02}:{rest // 60 % 60:02}:{rest % 60:02}"
    active = [m for m in group.members.values() if m.state == "ACTIVE"]
    facts = [
        ("Up time", f"{days} day{'' if days == 1 else 's'}, {clock} hours"),
        (words.members, f"{len(active)} / {len(group.members)}"),
        ("Version", f"{words.version} (Build Number {words.build})"),
        ("FW Policy Date", host.member.policy.date),
    ]
    title = vsx.TITLES.get(group.setup.mode, "System Status - {platform}")
    text = f"{RULE}\n" + _row(" " + title.format(platform="Maestro")) + f"{RULE}\n"
    text += "".join(_row(f" {name:<30}| {value}") for name, value in facts)
    text += f"{RULE}\n"
    if group.setup.mode in vsx.TITLES:
        text += vsx.blocks(group, host.member)
    else:
        text += _members(host)
    return text + (_parameters(host, len(active)) if verbose else "")


def _members(host: Host) -> str:
    words = host.group.dialect
    text = _row(f" {words.member_column:<24}{words.site} 1")
    text += _row(f"{'':<26}ACTIVE") + f"{RULE}\n"
    for member in host.group.members.values():
        text += _row(f"{_number(host, member):<25}{_shown(member)}")
    return text + f"{RULE}\n"


def _parameters(host: Host, active: int) -> str:
    group, site = host.group, host.group.dialect.site.lower()
    every = "Enabled" if group.setup.sync_all_sites else "Disabled"
    plural = "chassis" if site == "chassis" else "sites"
    rows = [
        f" {host.group.dialect.site} Parameters",
        f" {group.dialect.members:<30}| {active} / {len(group.members)}",
        f" {'Ports':<30}| 2 / 2",
        " Synchronization",
        f"   Sync to Active {site}: Enabled",
        f"   Sync to all {plural}:    {every}",
    ]
    return "".join(_row(r) for r in rows) + f"{RULE}\n"


def _processes(host: Host) -> str:
    text = f"{RULE}\n" + _row(f" {host.group.dialect.member_column:<38}State") + f"{RULE}\n"
    for member in host.group.members.values():
        text += _row(f"  {member.number}".ljust(39) + member.state)
    return text + f"{RULE}\n"


def _information_table(host: Host) -> str:
    """Process column: Inactive for every member that is not active; source: dossier 3.7 and 4."""
    text = f"{RULE}\n"
    text += _row(f" {host.group.dialect.member_column:<14}{'State':<15}{'Process':<26}Policy Date")
    text += f"{RULE}\n"
    for member in host.group.members.values():
        serving = member.state in ("ACTIVE", "ACTIVE(!)")
        work = "Enforcing Security" if serving else "Inactive"
        if serving and member.policy.name == INITIAL_POLICY:
            work = "Initial Policy"
        date = member.policy.date if serving else "NA"
        text += _row(f"{_number(host, member):<15}{member.state:<15}{work:<26}{date}")
    return text + f"{RULE}\n"


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
        text += f"|{name:<7}|{policy.name:<19}|{policy.date:<15}|"
        text += f"{member.signature_of(policy):<17}|"
        text += f"{'Success' if enforced and alike else 'Failed':<8}|\n"
        where = f"[{member.padded}:{number}]"
        if not enforced:
            errors.append(f"{where}: Policy is not installed")
        elif not alike:
            errors.append(f"{where}: Policy signature doesn't match on all {words.members}")
    return text + _POLICY_RULE + _summary(errors), 1 if errors else 0


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

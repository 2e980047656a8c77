"""Looks at health: policy, takes, licences, core dumps, connections, load.

Source: dossier 3.8 to 3.10. Layouts of `cpinfo`, `cplic` and `asg_resource` are [B]; the lines that
the field greps are sourced.
"""

from __future__ import annotations

from engine.rehearsal.devices.contexts import context_of
from engine.rehearsal.devices.host import Host
from engine.rehearsal.interpreter import Process
from engine.rehearsal.member import Member
from engine.rehearsal.syntax import UnsupportedSyntax


async def fw(host: Host, process: Process) -> int:
    """`fw stat`, `fw ver`, `fw tab -t connections -s`."""
    policy = host.member.policy_of(context_of(process.shell))
    match process.args:
        case ["stat"]:
            process.out("HOST      POLICY     DATE            \n")
            process.out(f"localhost {policy.name:<10} {policy.date} : [>eth1] [<eth1]\n")
        case ["ver"]:
            words = host.group.dialect
            process.out(
                f"This is Check Point's software version {words.version} - Build {words.build}\n"
            )
        case ["tab", "-t", "connections", "-s"]:
            count = host.group.traffic.of(host.member.id)
            process.out(
                "HOST                  NAME                               ID #VALS #PEAK #SLINKS\n"
            )
            process.out(f"{'localhost':<22}{'connections':<33}8158 {count} {count} {count * 3}\n")
        case _:
            raise UnsupportedSyntax(f"fw {' '.join(process.args)}")
    return 0


async def fwaccel(host: Host, process: Process) -> int:
    """`fwaccel conns -s`."""
    if process.args != ["conns", "-s"]:
        raise UnsupportedSyntax(f"fwaccel {' '.join(process.args)}")
    process.out(
        f"There are {host.group.traffic.of(host.member.id) // 2} connections in SecureXL "
        "connections table\n"
    )
    return 0


async def cpinfo(host: Host, process: Process) -> int:
    """`cpinfo -y all`."""
    if process.args != ["-y", "all"]:
        raise UnsupportedSyntax(f"cpinfo {' '.join(process.args)}")
    take, bundle = host.member.take, host.group.dialect.bundle
    line = f"\t{bundle} Take: {take}\n" if take else "\tNo hotfixes..\n"
    process.err("\nThis is Check Point CPinfo Build 914000231 for GAIA\n")
    for product in ("IDA", "CPFC", "FW1", "SMO", "SecurePlatform", "CPUpdates"):
        shown = "\tNo hotfixes..\n" if product == "IDA" else line
        process.out(f"[{product}]\n{shown}\n")
    return 0


async def cplic(host: Host, process: Process) -> int:
    """`cplic print -x`."""
    if process.args[:1] != ["print"]:
        raise UnsupportedSyntax(f"cplic {' '.join(process.args)}")
    process.out("Host             Expiration  Signature                           Features\n")
    process.out(
        f"192.168.168.20   never       dFkS3-{host.member.number:05}-aB2dE-q9XyZ  "
        "CPSG-C-8-U CPSB-FW CPSB-VPN\n"
    )
    return 0


async def core_dump_verifier(host: Host, process: Process) -> int:
    """`core_dump_verifier -v`; the exit status is 1 when there are dumps."""
    if not set(process.args) <= {"-v", "-a"}:
        raise UnsupportedSyntax(f"core_dump_verifier {' '.join(process.args)}")
    seen = [m for m in host.group.members.values() if m.reachable]
    if "-a" not in process.args:
        seen = [m for m in seen if m.state not in ("DOWN", "INIT")]
    process.out("Checking for process core dumps:\n")
    clean = [m for m in seen if not m.core_dumps]
    process.out(_clean(clean))
    for member in [m for m in seen if m.core_dumps]:
        process.out(
            f"-*- 1 blade: {member.padded} -*-\n" + "".join(f"{d}\n" for d in member.core_dumps)
        )
    process.out("\nChecking for kernel core dumps:\n" + _clean(seen))
    return 0 if len(clean) == len(seen) else 1


def _clean(members: list[Member]) -> str:
    if not members:
        return ""
    names = " ".join(m.padded for m in members)
    blades = "blades" if len(members) > 1 else "blade"
    return f"-*- {len(members)} {blades}: {names} -*-\n* No core dumps found *\n"


async def asg_conns(host: Host, process: Process) -> int:
    """`asg_conns`: connections per member; source: lines that a public exporter reads."""
    total = 0
    for member in host.group.members.values():
        if not (host.group.is_healthy(member) or host.group.carries(member)):
            continue
        count = host.group.traffic.of(member.id)
        total += count
        process.out(
            f"{member.padded}:\n#VALS         #PEAK         #SLINKS\n"
            f"{count} {count + 512} {count * 3}\n\n"
        )
    process.out(f"Total (fw1 connections table): {total} connections\n\n")
    process.out(f"Total (SecureXL connections table): {total // 2} connections\n")
    return 0


async def asg_resource(host: Host, process: Process) -> int:
    """`asg_resource`: memory and disk per member; the layout is [B]."""
    rule = "+" + "-" * 78 + "+\n"
    process.out(rule + f"|{'Resource Table':<78}|\n" + rule)
    process.out(
        f"|{'SGM ID':<10}{'Resource Name':<25}{'Usage':<15}{'Threshold':<14}{'Total':<14}|\n" + rule
    )
    for member in host.group.members.values():
        if member.reachable:
            for name, usage, total in (
                ("Memory", "38%", "62.7G"),
                ("HD: /", "32%", "31G"),
                ("HD: /var/log", "21%", "96G"),
            ):
                process.out(f"|{member.padded:<10}{name:<25}{usage:<15}{'80%':<14}{total:<14}|\n")
    process.out(rule)
    return 0

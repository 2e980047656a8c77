"""The operating system of a member, and the commands that reach other members.

Source: dossier 3.5 and 3.6; that `-g0` prints outputs raw is [I] from the field playbooks.
"""

from __future__ import annotations

import asyncio
import re
from functools import partial

from engine.rehearsal.devices.contexts import acts
from engine.rehearsal.devices.host import Host
from engine.rehearsal.devices.logins import login
from engine.rehearsal.faults import canonical
from engine.rehearsal.interpreter import Process, State, run
from engine.rehearsal.member import Member
from engine.rehearsal.streams import Buffer, FromText
from engine.rehearsal.syntax import UnsupportedSyntax
from engine.rehearsal.terminals import Tty


async def gexec(host: Host, process: Process) -> int:
    """`gexec [-a] [-f] [-g|-g0] [-b ids] -c 'line'`."""
    args = list(process.args)
    flags: set[str] = set()
    ids, command = "all", None
    while args:
        match args.pop(0):
            case "-a" | "-f" | "-g" | "-g0" as flag:
                flags.add(flag)
            case "-b" if args:
                ids = args.pop(0)
            case "-c" if args:
                command = args.pop(0)
            case other:
                raise UnsupportedSyntax(f"gexec {other}")
    if command is None:
        raise UnsupportedSyntax("gexec without -c")
    try:
        chosen = [host.group.members[i] for i in host.group.ids(ids)]
    except KeyError:
        process.err(f"gexec: invalid SGM IDs: {ids}\n")
        return 1
    outputs = await _everywhere(host, chosen, command, down_too="-a" in flags)
    process.out(_grouped(outputs, flags, host.group.setup.broadcast))
    return 0


async def g_all(host: Host, process: Process) -> int:
    """`g_all [-a] command`: as `gexec`, with a prefix on each line."""
    args = list(process.args)
    down_too = args[:1] == ["-a"]
    command = " ".join(args[1:] if down_too else args)
    members = list(host.group.members.values())
    process.out(_grouped(await _everywhere(host, members, command, down_too=down_too), set()))
    return 0


async def _everywhere(
    host: Host, members: list[Member], command: str, *, down_too: bool
) -> list[tuple[Member, str]]:
    chosen = [m for m in members if m.reachable and (down_too or m.state not in ("DOWN", "INIT"))]
    texts = await asyncio.gather(*(_there(host, m, command) for m in chosen))
    return [(m, t) for m, t in zip(chosen, texts, strict=True) if m.reachable]


async def _there(host: Host, member: Member, command: str) -> str:
    output = Buffer()
    state = State(host.on(member), {0: FromText(), 1: output, 2: output})
    try:
        await run(command, state)
    finally:
        state.close()
    return output.text


def _grouped(
    outputs: list[tuple[Member, str]], flags: set[str], without_groups: str = "plain"
) -> str:
    if "-g0" in flags and without_groups == "plain":
        return "".join(text for _, text in outputs)
    if "-g0" in flags and without_groups == "blocks":
        return "".join(f"{member.padded}:\n{text}\n" for member, text in outputs)
    if "-g" in flags:
        blocks: dict[str, list[Member]] = {}
        for member, text in outputs:
            blocks.setdefault(text, []).append(member)
        return "".join(
            f"-*- {len(ms)} {'blades' if len(ms) > 1 else 'blade'}: "
            f"{' '.join(m.padded for m in ms)} -*-\n{text}"
            for text, ms in blocks.items()
        )
    return "".join(
        f"[{member.padded}]{line}\n" for member, text in outputs for line in text.splitlines()
    )


class _Hop:
    """A login from one member to another over the synchronisation network."""

    by_address = False

    def __init__(self, host: Host) -> None:
        self.path = [host.member.id]
        self.host = host
        self.cut = False
        self.task: asyncio.Task[int] | None = None
        host.group.sessions.append(self)

    def drop(self, why: str) -> None:
        self.cut = bool(why)
        self.leave()
        if self.task is not None:
            self.task.cancel()

    def leave(self) -> None:
        if self in self.host.group.sessions:
            self.host.group.sessions.remove(self)


KEY_KINDS = {"ssh-rsa": "RSA", "ssh-ed25519": "ED25519"}
"""What ssh calls a kind of host key."""


async def member(host: Host, process: Process) -> int:
    """`member 1_5 [command]`: "just a SSH wrapper"."""
    if not process.args:
        process.err("Usage: member <SGM ID>\n")
        return 1
    target = host.group.members.get(canonical(process.args[0]))
    if target is None:
        process.err(f"member: invalid member id {process.args[0]}\n")
        return 1
    process.out(f"This system is for authorized use only.\nMoving to member {target.id}\n")
    if not target.reachable:
        await host.sleep(3)
        process.err(f"ssh: connect to host {target.address} port 22: No route to host\n")
        return 255
    if process.on_terminal:
        kind = KEY_KINDS[host.group.dialect.host_key]
        process.err(
            f"Warning: Permanently added '{target.address}' ({kind}) to the list of known hosts.\n"
        )
        process.out("\r\nThis system is for authorized use only.\n")
    return await _hop(host.on(target), process)


async def _hop(there: Host, process: Process) -> int:
    state = State(there, {0: process.stdin, 1: process.stdout, 2: process.stderr})
    hop = _Hop(there)
    command = " ".join(process.args[1:])
    hop.task = asyncio.get_running_loop().create_task(login(there, state, command))
    tty = process.stdin if isinstance(process.stdin, Tty) else None
    outer = tty.foreground if tty else None
    try:
        await asyncio.wait({hop.task})
    finally:
        hop.task.cancel()
        hop.leave()
        state.close()
        if tty:
            tty.foreground = outer
    if hop.cut:
        process.out(f"\nConnection to {there.member.address} closed by remote host.\n")
    if hop.task.cancelled():
        process.out(f"Connection to {there.member.address} closed.\n")
        return 255
    process.out(f"Connection to {there.member.address} closed.\r\n")
    return hop.task.result()


async def reboot(host: Host, process: Process) -> int:
    """`reboot`, or `reboot -b ids`."""
    targets = [host.member]
    if process.args[:1] == ["-b"] and len(process.args) == 2:
        targets = [host.group.members[i] for i in host.group.ids(process.args[1])]
    elif process.args:
        raise UnsupportedSyntax(f"reboot {' '.join(process.args)}")
    acts(host, process, "reboot")
    for target in targets:
        host.group.order("reboot", target.id, [t.id for t in targets])
        host.group.after(2.0, partial(host.group.reboot, target))
    return 0


async def hostname(host: Host, process: Process) -> int:
    """`hostname [-i]`; `-i` is the address on the synchronisation network."""
    process.out(f"{host.member.address if process.args == ['-i'] else host.member.host_name}\n")
    return 0


async def date(host: Host, process: Process) -> int:
    """`date [-u] [+FORMAT]`."""
    now = host.group.date(host.member)
    formats = [a for a in process.args if a.startswith("+")]
    if not set(process.args) - set(formats) <= {"-u"}:
        raise UnsupportedSyntax(f"date {' '.join(process.args)}")
    if not formats:
        process.out(f"{host.stamp()}\n")
        return 0
    text = formats[0][1:].replace("%s", str(int(now.timestamp())))
    process.out(now.strftime(text) + "\n")
    return 0


DISKS = (
    ("/dev/mapper/vg_splat-lv_current", 31_441_920, 21_000_000, "/"),
    ("/dev/mapper/vg_splat-lv_log", 104_806_400, None, "/var/log"),
)


async def df(host: Host, process: Process) -> int:
    """`df -P [path…]`; sizes in blocks of 1024 bytes, or with -m of a megabyte."""
    unit = 1024 if {"-m", "-Pm", "-mP"} & set(process.args) else 1
    paths = [a for a in process.args if not a.startswith("-")]
    process.out(
        f"Filesystem         {'1048576' if unit > 1 else '1024'}-blocks      Used Available "
        "Capacity Mounted on\n"
    )
    shown = [_mount(p) for p in paths] if paths else [d[3] for d in DISKS]
    for device, size, fixed, mount in (d for m in shown for d in DISKS if d[3] == m):
        free = host.group.free_mb(host.member) * 1024 if fixed is None else fixed
        percent = -(-(size - free) * 100 // size)
        process.out(
            f"{device} {size // unit} {(size - free) // unit} {free // unit} {percent}% {mount}\n"
        )
    return 0


def _mount(path: str) -> str:
    return "/var/log" if re.match(r"/var/log(/|$)", path) else "/"


async def uname(host: Host, process: Process) -> int:
    """`uname [-r|-n|-a]`."""
    release = "3.10.0-1160.15.2cpx86_64"
    match process.args:
        case []:
            text = "Linux"
        case ["-r"]:
            text = release
        case ["-n"]:
            text = host.member.host_name
        case _:
            text = f"Linux {host.member.host_name} {release} #1 SMP x86_64 GNU/Linux"
    process.out(f"{text}\n")
    return 0


async def uptime(host: Host, process: Process) -> int:
    """`uptime`."""
    seconds = int(host.group.now - host.member.booted_at) + (0 if host.member.boots else 900_000)
    process.out(
        f" {host.group.wall(host.member):%H:%M:%S} up {seconds // 86400} days, "
        f"{seconds // 3600 % 24:2}:{seconds // 60 % 60:02},  1 user,  "
        "load average: 0.52, 0.48, 0.41\n"
    )
    return 0


async def who(_host: Host, process: Process) -> int:
    """`id [-u|-un]`."""
    process.out(
        {"-u": "0", "-un": "admin"}.get(
            " ".join(process.args), "uid=0(admin) gid=0(root) groups=0(root)"
        )
        + "\n"
    )
    return 0


async def whoami(_host: Host, process: Process) -> int:
    """`whoami`."""
    process.out("admin\n")
    return 0

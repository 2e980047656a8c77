"""`cphaprob`, `clusterXL_admin`, `g_clusterXL_admin`.

Source: dossier 3.2 and 3.8; SGM_upgrade, 00-complete_upgrade_to_R81.log.
"""

from __future__ import annotations

from engine.rehearsal.devices.contexts import acts, context_of
from engine.rehearsal.devices.host import Host
from engine.rehearsal.dialects import Dialect
from engine.rehearsal.group import DOWN_S
from engine.rehearsal.interpreter import Process
from engine.rehearsal.member import Member
from engine.rehearsal.syntax import UnsupportedSyntax

SYNC_FLAG = "   -a            : Synchronizes accelerated connections to other {members}\n"


def help_text(words: Dialect) -> str:
    """The help of `g_clusterXL_admin`; its options are from the guide, its layout is [I]."""
    site = words.site.lower()
    down = "down [-a]" if words.syncs_accelerated else "down"
    members, ids = "Security Group Members", f"{words.member_column}s"
    return (
        "Usage:\n"
        f"g_clusterXL_admin -b <{ids}> {{up | {down}}} [-r]\n\n"
        + f"   -b <{ids}>".ljust(17)
        + f": 1_1 | 1_1,1_4 | 1_1-1_4 | {site}1 | {site}_active | all\n"
        + (SYNC_FLAG.format(members=members) if words.syncs_accelerated else "")
        + f"   -r            : Runs this command on all <{ids}>, except the local\n"
        "   -h            : Shows this help\n"
    )


async def cphaprob(host: Host, process: Process) -> int:
    """`cphaprob state|stat|syncstat`."""
    match process.args:
        case ["state" | "stat"]:
            return _state(host, process)
        case ["syncstat"]:
            process.out(_sync(host))
            return 0
        case _:
            raise UnsupportedSyntax(f"cphaprob {' '.join(process.args)}")


def _state(host: Host, process: Process) -> int:
    me, number = host.member, context_of(process.shell)
    if me.state == "INIT":
        process.out("\nHA module not started.\n\n")
        return 1
    active = [host.group.members[m] for m in host.group.carrying()]
    share = round(100 / len(active)) if active else 0
    text = f"\nCluster Mode:   HA Over LS\n\n{'ID':<11}{'Unique Address':<16}{'Assigned Load':<16}"
    text += f"{'State':<15}{'Name':<50}\n\n"
    for m in host.group.members.values():
        # LOST [B]: what peers call an absent member; UP [B]: a word of `asg stat` alone.
        word = "LOST" if m.state == "DETACHED" else m.state_of(number)
        word = "STANDBY" if word == "UP" else word
        name = f"{m.node} (local)" if m is me else f"{m.node}"
        load = f"{share if m in active else 0}%"
        text += f"{name:<11}{m.address:<16}{load:<16}{word:<15}{m.host_name:<15}\n"
    notes = ", ".join(me.notes_of(number)) or "None"
    when = host.group.wall(me).timestamp() - host.group.now + me.last_change.at
    stamp = host.group.wall(me).fromtimestamp(when, tz=host.group.wall(me).tzinfo)
    text += f"\nActive PNOTEs: {notes}\n\nLast member state change event:\n"
    text += f"   Event Code:                 {me.last_change.code}\n"
    text += f"   State change:               {me.last_change.change}\n"
    text += f"   Reason for state change:    {me.last_change.reason}\n"
    text += f"   Event time:                 {stamp.strftime('%a %b %d %H:%M:%S %Y')}\n\n"
    process.out(text)
    return 0


def _sync(host: Host) -> str:
    status = "OK" if "FSYNC" not in host.member.notes else "Fullsync in progress"
    counters = [
        ("Lost updates", 0),
        ("Lost bulk update events", 0),
        ("Oversized updates not sent", 0),
        ("Sent reject notifications", 0),
        ("Received reject notifications", 0),
    ]
    text = f"\nDelta Sync Statistics\n\nSync status: {status}\n\nDrops:\n"
    return text + "".join(f"{name + '.':<40}{count:>8}\n" for name, count in counters) + "\n"


async def cluster_admin(host: Host, process: Process) -> int:
    """`clusterXL_admin up|down`, on this member only, without a dialogue."""
    match process.args:
        case ["down" | "up" as way]:
            acts(host, process, "clusterXL_admin")
            process.out(await _set(host, host.member, way, [host.member.id]))
            return 0
        case _:
            raise UnsupportedSyntax(f"clusterXL_admin {' '.join(process.args)}")


async def group_admin(host: Host, process: Process) -> int:
    """`g_clusterXL_admin -b <ids> up|down [-a] [-r]`, with its dialogue."""
    if process.args in (["-h"], []):
        process.out(help_text(host.group.dialect))
        return 0
    args = list(process.args)
    flags = {a for a in args if a in ("-a", "-r", "up", "down")}
    args = [a for a in args if a not in flags]
    known = host.group.dialect.syncs_accelerated or "-a" not in flags
    if args[:1] != ["-b"] or len(args) != 2 or len(flags & {"up", "down"}) != 1 or not known:
        process.out(help_text(host.group.dialect))
        return 1
    try:
        ids = host.group.ids(args[1])
    except KeyError:
        process.out(f"Error: invalid {host.group.dialect.member_column}s: {args[1]}\n")
        return 1
    acts(host, process, "g_clusterXL_admin")
    if "-r" in flags:
        ids = [i for i in ids if i != host.member.id]
    return await change_state(host, process, ids, "down" if "down" in flags else "up")


async def change_state(host: Host, process: Process, ids: list[str], way: str) -> int:
    """Ask, then change; anything but `y` aborts."""
    members = [host.group.members[i] for i in ids]
    names = ",".join(m.padded for m in members)
    process.out(f"You are about to perform blade state change to {way} on blades: {names}\n\n")
    process.out("This action will change members state\n\n\n")
    if host.group.occasion("unknown_prompt", **{"in": "admin_down"}):
        process.out("This Security Group is locked by another administrator. Override? (yes/no): ")
        await process.stdin.readline()
        process.out("Aborted\n")
        return 1
    process.out("Are you sure? (Y - yes, any other key - no) ")
    host.group.moment("dialogue", "admin_down", "confirm")
    if (await process.stdin.readline()).strip().lower() != "y":
        process.out("\nAborted by user\n")
        return 1
    by: tuple[str, str] | None = ("", "")
    if host.group.setup.audits_admin_state:
        by = await _audited(host, process, way, names)
    if by is None:
        return 1
    name, reason = by
    process.out("\n\nMembers outputs:\n\n")
    for member in members:
        host.group.order(f"admin_{way}", member.id, ids, by=name, reason=reason)
    for index, member in enumerate(members):
        _schedule(host, member, way, DOWN_S + 0.1 * index)
    await host.sleep(DOWN_S + 0.1 * len(members) + 0.5)
    for member in members:
        process.out(f"-*- 1 blade: {member.padded} -*-\n\n{_outcome(host, member, way)}\n\n")
    return 0


async def _audited(host: Host, process: Process, way: str, names: str) -> tuple[str, str] | None:
    """Ask for a name and a reason; None where the session ended before the last answer."""
    process.out(f"\n\nBlade state change to {way} requires auditing\n\nEnter your full name: ")
    host.group.moment("dialogue", "admin_down", "name")
    name = (await process.stdin.readline()).strip()
    process.out(f"Enter reason for blade state change to {way} [Maintenance]: ")
    host.group.moment("dialogue", "admin_down", "reason")
    line = await process.stdin.readline()
    if not line:
        return None
    reason = line.strip() or "Maintenance"
    process.out(
        f"WARNING: Blade state change to {way} on blades: {names}, User: {name}, Reason: {reason}\n"
    )
    return name, reason


def _schedule(host: Host, member: Member, way: str, seconds: float) -> None:
    act = host.group.admin_down if way == "down" else host.group.admin_up
    host.group.after(seconds, lambda: act(member))


async def _set(host: Host, member: Member, way: str, ids: list[str]) -> str:
    host.group.order(f"admin_{way}", member.id, ids)
    _schedule(host, member, way, DOWN_S)
    await host.sleep(DOWN_S + 0.1)
    return _outcome(host, member, way)


def _outcome(host: Host, member: Member, way: str) -> str:
    if not member.reachable:
        return "ssh: connect to host: No route to host"
    to = "administratively down" if way == "down" else "normal operation"
    text = f"{host.group.dialect.permanent_note}\n\nSetting member to {to} state ...\n\n"
    text += f"Member current state is {member.state}\n"
    if member.state == "ACTIVE(!)":
        text += (
            "\nAll the members within the cluster have problem/s and the local member was chosen "
            "to become active\n"
        )
    return text

"""One look: the compound line that reads a whole Security Group, and the reading of its answer.

One line and one channel per look, so that a look is one moment (about a second). Each section
begins with a marker of ours; each member names itself, so it does not matter how the group's
broadcast command orders, groups or prefixes what it collects.
"""

from __future__ import annotations

import contextlib
import json
import re
from collections.abc import Mapping
from dataclasses import dataclass
from datetime import datetime

from engine.errors import UnexpectedOutput
from engine.gaia.dialect import Dialect
from engine.gaia.guards import kept_here
from engine.gaia.text import cleaned
from engine.model import (
    CpuseAction,
    GroupFacts,
    InstalledPolicy,
    MemberFacts,
    MemberHealth,
    MemberId,
    PackageState,
    by_number,
    member_id,
)


def look_line(
    dialect: Dialect,
    *,
    directory: str,
    full: bool,
    actions: Mapping[MemberId, int] | None = None,
) -> str:
    """Return the line for the group address that reads what a look needs.

    Args:
        dialect: how this version is spoken to.
        directory: where our lock lives on a member.
        full: also read disk, licences, clocks, core dumps and connections.
        actions: per member a CPUSE action number to search upwards from, where one is known.

    Source: SGMUP for `asg stat -i …`, `gexec -a -g0 -c`, `asg policy verify -a`, `da_cli`.
    """
    parts = [
        "echo @@local; asg stat -i local_id",
        "echo @@all; asg stat -i all_ids",
        "echo @@stat; asg stat -v",
        "echo @@policy; asg policy verify -a",
        f'echo @@cloning; gclish -c "{dialect.show_cloning}"',
    ]
    if full:
        parts += [
            "echo @@dumps; core_dump_verifier -v",
            "echo @@conns; asg_conns",
            "echo @@help; g_clusterXL_admin -h",
        ]
    inside = _member_line(directory, actions or {}, full=full)
    parts += [f"echo @@members; gexec -a -g0 -c '{inside}'", "echo @@over"]
    return "; ".join(parts)


def _member_line(directory: str, actions: Mapping[MemberId, int], *, full: bool) -> str:
    """The part that each member runs for itself; no single quote may occur in it."""
    exists = 'da_cli get_status_of_action actionID=$((i+s)) | grep -q "Action Type"'
    parts = [
        'echo "@member $(asg stat -i local_id)"',
        # First of all: what a session did that is seen to have ended is seen in what follows.
        kept_here(directory),
        "echo @boot; cat /proc/sys/kernel/random/boot_id",
        "echo @state; cphaprob state",
        "echo @fw; fw stat",
        "echo @take; cpinfo -y all 2>/dev/null",
        "echo @agent; da_cli da_status",
        "echo @packages; da_cli packages_info",
        f"echo @action; {_search_from(actions)}",
        # Action numbers count up: gallop to one that is not there, then halve the steps.
        f"s=1; while {exists}; do i=$((i+s)); s=$((s*2)); done; "
        f"while [ $s -gt 1 ]; do s=$((s/2)); if {exists}; then i=$((i+s)); fi; done; "
        "da_cli get_status_of_action actionID=$i",
    ]
    if full:
        parts += [
            "echo @disk; df -P / /var/log",
            "echo @licences; cplic print -x",
            "echo @clock; date +%s",
        ]
    return "; ".join([*parts, "echo @end"])


def _search_from(actions: Mapping[MemberId, int]) -> str:
    """Set `i` to the newest action known on this member, or to 0.

    A number that is not there (an agent that began anew) leads back to 0.
    """
    if not actions:
        return "i=0"
    known = " ".join(f"{one}) i={actions[one]};;" for one in sorted(actions, key=by_number))
    there = 'da_cli get_status_of_action actionID=$i | grep -q "Action Type"'
    return f'i=0; case "$(asg stat -i local_id | tr -d " ")" in {known} esac; {there} || i=0'


def read_look(text: str, at: datetime) -> GroupFacts:
    """Read what `look_line` printed.

    Source: each section's parser below.

    Raises:
        UnexpectedOutput: a section is missing or cannot be read.
    """
    sections = _sections(cleaned(text), "@@")
    if "over" not in sections:
        raise UnexpectedOutput("the look was cut off", text)
    for needed in ("local", "all", "stat", "policy", "cloning", "members"):
        if needed not in sections:
            raise UnexpectedOutput(f"the look has no section {needed}", text)
    local = member_id(sections["local"])
    stat = read_stat(sections["stat"])
    policies = read_policies(sections["policy"])
    cloning = read_cloning(sections["cloning"])
    own = _by_member(sections["members"])
    ids = sorted(
        {member_id(line) for line in sections["all"].splitlines() if line.strip()}, key=by_number
    )
    members = tuple(_member(one, stat.states, policies, cloning, own.get(one, {})) for one in ids)
    dumps = read_core_dumps(sections["dumps"]) if "dumps" in sections else {}
    conns = read_connections(sections["conns"]) if "conns" in sections else {}
    return GroupFacts(
        at=at,
        seen_from=local,
        version=stat.version,
        platform=stat.platform,
        mode=stat.mode,
        smo=local,
        sync=stat.sync,
        members=members,
        health=tuple(_health(one, own.get(one, {}), dumps, conns, at) for one in ids)
        if "dumps" in sections
        else (),
        syncs_accelerated=offers_accelerated(sections["help"]) if "help" in sections else None,
    )


def _sections(text: str, mark: str) -> dict[str, str]:
    """Cut text at its marker lines; what stands before the first marker (banners) is dropped."""
    found: dict[str, str] = {}
    name = ""
    for line in text.splitlines():
        match = re.fullmatch(rf"(?:\[[0-9_]+\])?{mark}([a-z]+)\s*", line)
        if match:
            name = match[1]
            found[name] = ""
        elif name:
            found[name] += line + "\n"
    return found


@dataclass(frozen=True)
class Kept:
    """What one member keeps of us: the text of its epoch file, and whether our lock is held."""

    epoch: str
    boot_id: str
    held: bool


def read_kept(text: str) -> dict[MemberId, Kept]:
    """Read what `guards.read_epochs` or `guards.write_epoch` printed.

    A member that did not answer whole, or not so that it can be read (it boots), is left out, as
    in a look.

    Source: our own lines.

    Raises:
        UnexpectedOutput: cut off, or no member that can be read.
    """
    shown = cleaned(text)
    found: dict[MemberId, Kept] = {}
    for one, own in _by_member(shown.partition("@@over")[0]).items():
        with contextlib.suppress(UnexpectedOutput, KeyError):
            found[one] = Kept(own["epoch"].strip(), own["boot"].strip(), _held(own["lock"]))
    if "@@over" not in shown or not found:
        raise UnexpectedOutput("the members did not say which epoch they keep", text)
    return found


def _by_member(text: str) -> dict[MemberId, dict[str, str]]:
    """Cut the broadcast's answer at each `@member` line; keep only answers that came whole."""
    found: dict[MemberId, dict[str, str]] = {}
    for part in re.split(r"^(?:\[[0-9_]+\])?@member ", text, flags=re.MULTILINE)[1:]:
        head, _, rest = part.partition("\n")
        sections = _sections(rest, "@")
        if "end" in sections and head.strip():
            found[member_id(head)] = sections
    return found


# --------------------------------------------------------------------------- one member


def _member(
    one: MemberId,
    states: Mapping[MemberId, tuple[str, tuple[str, ...]]],
    policies: Mapping[MemberId, InstalledPolicy],
    cloning: Mapping[MemberId, bool],
    own: Mapping[str, str],
) -> MemberFacts:
    state, notes = states.get(one, ("DETACHED", ()))
    if not own:
        return MemberFacts(id=one, state=state, answered=False, notes=notes)
    try:
        return _answering(one, (state, notes), policies, cloning, own)
    except (UnexpectedOutput, KeyError) as error:
        # One member that cannot be read (it boots) must not blind us for all the others.
        why = f"no section {error}" if isinstance(error, KeyError) else str(error)
        return MemberFacts(id=one, state=state, answered=False, notes=notes, unread=why)


def _answering(
    one: MemberId,
    shown: tuple[str, tuple[str, ...]],
    policies: Mapping[MemberId, InstalledPolicy],
    cloning: Mapping[MemberId, bool],
    own: Mapping[str, str],
) -> MemberFacts:
    """Read what a member says of itself.

    Raises:
        UnexpectedOutput, KeyError: a section cannot be read, or is not there.
    """
    state, notes = shown
    own_state, own_notes = read_cphaprob(own["state"])
    agent = _json(own["agent"], "da_status")
    running = policies.get(one)
    enforced = read_fw_stat(own["fw"])
    if running is None or running.name != enforced:
        running = InstalledPolicy(enforced, running.date if running else "") if enforced else None
    return MemberFacts(
        id=one,
        state=state,
        answered=True,
        own_state=own_state,
        notes=tuple(sorted({*notes, *own_notes})),
        boot_id=own["boot"].strip() or None,
        take=read_take(own["take"]),
        packages=read_packages(own["packages"]),
        policy=running,
        auto_clone=cloning.get(one),
        agent_build=str(agent.get("DABuildNumber", "")) or None,
        agent_busy=_busy(agent),
        action=read_action(own["action"]),
        session_open=_held(own["lock"]),
        epoch=own["epoch"].strip(),
    )


def _held(lock: str) -> bool:
    """Source: our own line; whatever else the shell prints there must not read as free."""
    shown = lock.strip()
    if shown not in ("held", "free"):
        raise UnexpectedOutput("cannot tell whether a session of ours is still open", lock)
    return shown == "held"


def _busy(agent: Mapping[str, object]) -> bool:
    """Source: DACLI, `da_status`: a real boolean in newer builds; older ones were not captured."""
    shown = agent.get("Installation in Progress")
    if shown is True or shown in ("true", "True"):
        return True
    if shown is False or shown in ("false", "False"):
        return False
    raise UnexpectedOutput(f"CPUSE does not say whether it is busy: {shown!r}", str(agent))


def _health(
    one: MemberId,
    own: Mapping[str, str],
    dumps: Mapping[MemberId, tuple[str, ...]],
    conns: Mapping[MemberId, int],
    at: datetime,
) -> MemberHealth:
    if not {"disk", "licences", "clock"} <= own.keys():
        return MemberHealth(id=one)
    free = read_disk(own["disk"])
    clock = own["clock"].strip()
    return MemberHealth(
        id=one,
        log_free_mb=free.get("/var/log", free.get("/")),
        root_free_mb=free.get("/"),
        licences=_licences(own["licences"]),
        core_dumps=dumps.get(one, ()),
        clock_offset_s=int(clock) - at.timestamp() if clock.isdigit() else None,
        connections=conns.get(one),
    )


def _json(text: str, what: str) -> dict[str, object]:
    start = text.find("{")
    try:
        value = json.loads(text[start:]) if start >= 0 else None
    except ValueError as error:
        raise UnexpectedOutput(f"{what} did not answer in JSON", text) from error
    if not isinstance(value, dict):
        raise UnexpectedOutput(f"{what} did not answer in JSON", text)
    return value


# ------------------------------------------------------------------------------ parsers


class Stat:
    """What `asg stat -v` shows of the group."""

    def __init__(self) -> None:
        self.version = ""
        self.platform = ""
        self.mode = "Gateway"
        self.sync = False
        self.states: dict[MemberId, tuple[str, tuple[str, ...]]] = {}


_STAT_ROW = re.compile(r"\|\s*(\d+)\s*(?:\(local\))?\s{2,}([A-Z][A-Za-z()! ]*?)\s*\|")


def read_stat(text: str) -> Stat:
    """Read `asg stat -v`.

    Source: PROM (rows that a working parser relies on), SP76STAT; the whole picture is [B].

    Raises:
        UnexpectedOutput: no version or no member rows.
    """
    stat = Stat()
    site = 1
    for line in text.splitlines():
        if found := re.search(r"System Status - (\w+)", line):
            stat.platform = found[1]
        if "VSX System Status" in line:
            stat.mode = "VSX"
        if found := re.search(r"\|\s*Version\s*\|\s*(R[\d.]+(?:SP)?)", line):
            stat.version = found[1]
        if found := re.search(r"Sync to Active (?:chassis|site):\s*(\w+)", line):
            stat.sync = found[1] == "Enabled"
        if found := re.search(r"(?:Chassis|Site) (\d+)\s*\|?\s*$", line):
            site = int(found[1])
        if found := _STAT_ROW.fullmatch(line.strip()):
            stat.states[f"{site}_{int(found[1])}"] = _state(found[2])
    if not stat.version or not stat.platform or not stat.states:
        raise UnexpectedOutput("asg stat -v cannot be read", text)
    return stat


def _state(words: str) -> tuple[str, tuple[str, ...]]:
    """`DOWN (admin)` is a DOWN with the note ADMIN; `ACTIVE(!)` stays what it is."""
    word, _, rest = words.strip().partition(" ")
    note = rest.strip(" ()").upper()
    return word, (note,) if note else ()


def read_cphaprob(text: str) -> tuple[str, tuple[str, ...]]:
    """Read a member's own state and problem notes from `cphaprob state`.

    Source: SGMUP R81.10. "HA module not started." stands for a stack that is restarting.

    Raises:
        UnexpectedOutput: neither that sentence, nor a local row and a line of problem notes.
    """
    if "HA module not started" in text or "Failed to retrieve cluster state" in text:
        return "NOT STARTED", ()
    local = re.search(r"^\s*\d+ \(local\)\s+\S+\s+\S+\s+(\S+)", text, re.MULTILINE)
    if local is None:
        raise UnexpectedOutput("cphaprob state shows no local member", text)
    notes = re.search(r"Active PNOTEs:\s*(.+)", text)
    if notes is None:
        raise UnexpectedOutput("cphaprob state shows no problem notes, not even None", text)
    shown = notes[1].strip()
    return local[1], () if shown == "None" else tuple(n.strip() for n in shown.split(","))


def read_fw_stat(text: str) -> str:
    """Read the policy's name from `fw stat`; "" where the last line has none.

    Source: SGMUP (`fw stat | tail -1 | awk '{ print $2 }'`).
    """
    lines = [line.split() for line in text.splitlines() if line.strip()]
    if not lines or len(lines[-1]) < 2 or lines[-1][0] == "HOST":
        return ""
    return "" if lines[-1][1] == "-" else lines[-1][1]


def read_take(text: str) -> int:
    """Read the installed Jumbo take from `cpinfo -y all`; 0 where none is installed.

    Source: DACLI, SNOW (`BUNDLE_R82_JUMBO_HF_MAIN Take: 60`).

    Raises:
        UnexpectedOutput: cpinfo said nothing at all.
    """
    if not text.strip():
        raise UnexpectedOutput("cpinfo -y all printed nothing", text)
    takes = re.findall(r"BUNDLE_\w*?(?:JUMBO_HF|JHF)\w*\s+Take:\s*(\d+)", text)
    return max((int(take) for take in takes), default=0)


def read_packages(text: str) -> tuple[tuple[str, PackageState], ...]:
    """Read `da_cli packages_info`, in the order in which CPUSE numbers them.

    Source: DACLI (states), SGMUP (`.packages[] | .filename, .state`).
    """
    listed = _json(text, "packages_info").get("packages")
    if not isinstance(listed, list):
        raise UnexpectedOutput("packages_info has no list of packages", text)
    return tuple((str(one["filename"]), _package_state(str(one["state"]))) for one in listed)


def _package_state(words: str) -> PackageState:
    lower = words.lower()
    if lower.startswith("installed"):
        return PackageState.INSTALLED
    if lower in ("available for install", "imported", "downloaded"):
        return PackageState.AVAILABLE
    if lower == "available for download":
        return PackageState.ABSENT
    return PackageState.UNKNOWN


def read_action(text: str) -> CpuseAction | None:
    """Read `da_cli get_status_of_action`; None where there is no such action.

    Source: DACLI, SGMUP. Progress may be "" or "N/A"; the id "-1" means no action.
    """
    if not text.strip():
        return None
    value = _json(text, "get_status_of_action")
    number = str(value.get("Action ID", "-1"))
    if "Action Type" not in value or not number.isdigit():
        return None
    progress = str(value.get("Progress", ""))
    return CpuseAction(
        id=int(number),
        type=str(value.get("Action Type", "")),
        status=str(value.get("Status", "")),
        progress=int(progress) if progress.isdigit() else None,
        message=str(value.get("Message", ""))[:120].strip(),
    )


_POLICY_ROW = re.compile(r"\|(\d+_\d+)\s*\|(.*?)\|(.*?)\|(.*?)\|\s*(\w+)\s*\|")


def read_policies(text: str) -> dict[MemberId, InstalledPolicy]:
    """Read the table of `asg policy verify -a`.

    Source: SGMUP (13-sp_upgrade_B.yml), columns SGM, name, date, signature, status.

    Raises:
        UnexpectedOutput: no row.
    """
    found = {
        member_id(row[1]): InstalledPolicy(row[2].strip(), row[3].strip(), row[4].strip())
        for row in _POLICY_ROW.finditer(text)
    }
    if not found:
        raise UnexpectedOutput("asg policy verify shows no member", text)
    return found


def read_cloning(text: str) -> dict[MemberId, bool]:
    """Read the state of image auto-clone per member, from blocks that begin with `1_01:`.

    Source: SGMUP log-8020.log for the sentence (printed by `set`; for `show` it is [I]).

    Raises:
        UnexpectedOutput: no member's state.
    """
    found: dict[MemberId, bool] = {}
    member = ""
    for line in text.splitlines():
        if re.fullmatch(r"\d{1,2}_\d{1,2}:\s*", line):
            member = member_id(line.strip().rstrip(":"))
        state = re.search(r"[Aa]uto-clone state is (on|off)", line)
        if state and member:
            found[member] = state[1] == "on"
    if not found:
        raise UnexpectedOutput("the state of image auto-clone cannot be read", text)
    return found


def read_core_dumps(text: str) -> dict[MemberId, tuple[str, ...]]:
    """Read `core_dump_verifier -v`: files per member.

    Source: SGMUP (01-pre_checks; exit status 1 when dumps exist).
    """
    found: dict[MemberId, list[str]] = {}
    members: list[MemberId] = []
    for line in text.splitlines():
        head = re.match(r"-\*- \d+ blades?: ([0-9_ ]+) -\*-", line)
        if head:
            members = [member_id(one) for one in head[1].split()]
        file = re.search(r"(/\S*dump\S*|/\S+\.core\S*)", line)
        if file:
            for one in members:
                found.setdefault(one, []).append(file[1])
    return {one: tuple(files) for one, files in found.items()}


def read_connections(text: str) -> dict[MemberId, int]:
    """Read `asg_conns`: the first of three integers under each member's header.

    Source: PROM (VALS PEAK SLINKS).
    """
    found: dict[MemberId, int] = {}
    member = ""
    for line in text.splitlines():
        if re.fullmatch(r"\d{1,2}_\d{1,2}:\s*", line):
            member = member_id(line.strip().rstrip(":"))
        numbers = re.search(r"(?:^|\s)(\d+)\s+(\d+)\s+(\d+)\s*$", line)
        if numbers and member and member not in found:
            found[member] = int(numbers[1])
    return found


def offers_accelerated(text: str) -> bool:
    """Tell whether `g_clusterXL_admin -h` offers `-a`, which synchronises accelerated connections.

    Source: GCXL.
    """
    return re.search(r"(?:^|[\s\[])-a\b", text, re.MULTILINE) is not None


def read_disk(text: str) -> dict[str, int]:
    """Read `df -P`: free megabytes by mount point.

    Source: POSIX format of df (1024-byte blocks).
    """
    free: dict[str, int] = {}
    for line in text.splitlines():
        columns = line.split()
        if len(columns) >= 6 and columns[3].isdigit():
            free[columns[5]] = int(columns[3]) * 1024 // 1_000_000
    return free


def _licences(text: str) -> int:
    """Count licence lines. Source: SGMUP (`cplic print -x | grep 192 | wc -l`)."""
    return sum(1 for line in text.splitlines() if re.match(r"\s*\d+\.\d+\.\d+\.\d+\s", line))

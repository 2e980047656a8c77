"""One look: the compound line that reads a whole Security Group, and the reading of its answer.

One line and one channel per look, so that a look is one moment (about a second). Each section
begins with a marker of ours; each member names itself, so it does not matter how the group's
broadcast command orders, groups or prefixes what it collects.
"""

from __future__ import annotations

import contextlib
import re
from collections.abc import Callable, Collection, Iterable, Mapping
from dataclasses import dataclass
from datetime import datetime
from functools import partial
from types import MappingProxyType
from typing import TypeVar

from engine.errors import UnexpectedOutput
from engine.facts import (
    OUT_OF_SERVICE,
    CpuseAction,
    GroupFacts,
    MemberFacts,
    MemberHealth,
    MemberId,
    PackageState,
    VirtualFacts,
    by_number,
    member_id,
)
from engine.gaia.broadcast import by_member
from engine.gaia.dialect import Dialect, context
from engine.gaia.guards import kept_here
from engine.gaia.picture import Stat, read_blocks, read_stat
from engine.gaia.readings import (
    in_json,
    licences,
    offers_accelerated,
    read_action,
    read_cloning,
    read_connections,
    read_core_dumps,
    read_cphaprob,
    read_disk,
    read_fw_stat,
    read_packages,
    read_policies,
    read_take,
    read_virtual_policies,
    verified,
)
from engine.gaia.text import cleaned, marked
from engine.gaia.virtual import (
    DEVICES,
    LIST,
    look_part,
    read_kinds,
    read_virtual,
    signed,
    with_peers,
)

T = TypeVar("T")

ACTIONS_LIMIT = 1 << 20
"""Steps of the search for the newest CPUSE action stay below this: a device that tells of every
number that it is asked for would never let a look end. No agent has had so many."""


def look_line(
    dialect: Dialect,
    *,
    directory: str,
    full: bool,
    actions: Mapping[MemberId, int] | None = None,
    virtual: Collection[int] | None = None,
) -> str:
    """Return the line for the group address that reads what a look needs.

    Args:
        dialect: how this version is spoken to.
        directory: where our lock lives on a member.
        full: also read disk, licences, clocks, core dumps and connections.
        actions: per member a CPUSE action number to search upwards from, where one is known.
        virtual: the Virtual Systems or Gateways to ask after; None: there are none, the mode is
            Gateway.

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
        ]
        parts += ["echo @@help; g_clusterXL_admin -h"] if dialect.accelerated else []
    inside = _member_line(directory, actions or {}, virtual, full=full)
    parts += [f"echo @@members; gexec -a -g0 -c '{inside}'", "echo @@over"]
    if virtual is not None:
        parts = [
            f"{context(0)} >/dev/null",
            f"echo @@virtual; {LIST}",
            f"echo @@kinds; {DEVICES}",
            *parts,
        ]
    return _from_new_lines(parts)


def _from_new_lines(parts: Iterable[str]) -> str:
    """Join parts so that each begins on a line of its own, whatever the one before printed last.

    Answers in JSON need not end with a line end, and our next marker would be part of them.
    """
    return "; echo; ".join(parts)


def _member_line(
    directory: str,
    actions: Mapping[MemberId, int],
    virtual: Collection[int] | None,
    *,
    full: bool,
) -> str:
    """The part that each member runs for itself; no single quote may occur in it."""
    exists = f"[ $s -lt {ACTIONS_LIMIT} ] && {_is_there('$((i+s))')}"
    parts = [] if virtual is None else [f"{context(0)} >/dev/null"]
    parts += [
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
    if virtual is not None:
        parts += [look_part(virtual)] if virtual else []
    return _from_new_lines([*parts, "echo @end"])


def _is_there(number: str) -> str:
    """Return a test that the device tells of the action with this number, and not of another.

    Source: DACLI, SGMUP: one that is not there is "-1", with or without the other fields [I].
    """
    answer = f"da_cli get_status_of_action actionID={number}"
    return f'{answer} | grep -qw "Action ID[^0-9,-]*{number}"'


def _search_from(actions: Mapping[MemberId, int]) -> str:
    """Set `i` to the newest action known on this member, or to 0.

    A number that is not there (an agent that began anew) leads back to 0.
    """
    if not actions:
        return "i=0"
    known = " ".join(f"{one}) i={actions[one]};;" for one in sorted(actions, key=by_number))
    here = '"$(asg stat -i local_id | tr -d " ")"'
    return f"i=0; case {here} in {known} esac; {_is_there('$i')} || i=0"


def read_look(
    text: str,
    at: datetime,
    kinds_before: Mapping[int, str] = MappingProxyType({}),
    *,
    in_part: bool = False,
    cloning_of_all: bool = False,
) -> GroupFacts:
    """Read what `look_line` printed.

    Source: each section's parser below.

    Args:
        text: that.
        at: when it was printed.
        kinds_before: which of what is virtual was a Switch or a Router in a former look, for one in
            which that command failed: a Switch is no Virtual System that lost its policy.
        in_part: what says nothing of the traffic may be unreadable, and is then not seen: image
            auto-clone, and what `asg policy verify` compares.
        cloning_of_all: see `Dialect`; gClish does not reach members that are DOWN (GCXL).

    Raises:
        UnexpectedOutput: a section is missing or cannot be read.
    """
    sections = marked(cleaned(text), "@@")
    if "over" not in sections:
        raise UnexpectedOutput("the look was cut off", text)
    for needed in ("local", "all", "stat", "policy", "cloning", "members"):
        if needed not in sections:
            raise UnexpectedOutput(f"the look has no section {needed}", text)
    here = _ids(sections["local"])
    if len(here) > 1:
        raise UnexpectedOutput("asg stat names several members as the local one", text)
    local = here[0]
    stat = read_stat(sections["stat"])
    policies = _Policies(sections["policy"], in_part=in_part)
    kinds = read_kinds(sections.get("kinds", "")) or kinds_before
    reached = [one for one, (state, _) in stat.states.items() if state not in OUT_OF_SERVICE]
    cloning = _or_nothing(
        partial(read_cloning, of_all=reached if cloning_of_all else ()),
        sections["cloning"],
        in_part=in_part,
    )
    own = by_member(sections["members"])
    if "virtual" in sections:
        stat.add(read_blocks(sections["virtual"]))
    elif policies.virtual:
        raise UnexpectedOutput(
            "asg policy verify shows Virtual Systems, and nothing says the mode: pin `mode` in the "
            "group's settings",
            text,
        )
    # Whoever any of them shows is a member: one that a list leaves out is not one that is gone.
    ids = sorted({*_ids(sections["all"]), *stat.states, *own}, key=by_number)
    members = tuple(_member(one, stat, policies, cloning, own.get(one, {}), kinds) for one in ids)
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
        sites=stat.site_facts,
        sync_all=stat.sync_all,
    )


class _Policies:
    """What `asg policy verify` says of the members, and of what is virtual on them."""

    def __init__(self, text: str, *, in_part: bool) -> None:
        self.own = _or_nothing(read_policies, text, in_part=in_part)
        self.virtual = read_virtual_policies(text)


def _or_nothing(
    read: Callable[[str], dict[MemberId, T]], section: str, *, in_part: bool
) -> dict[MemberId, T]:
    """Read a section; where it may be lacking and cannot be read, nothing was seen of any member.

    Source: SGMUP (`CLINFR0819 …`, `ERROR: Could not get Security Group from db` while it is busy).

    Raises:
        UnexpectedOutput: it cannot be read, and may not be lacking.
    """
    try:
        return read(section)
    except UnexpectedOutput:
        if not in_part:
            raise
        return {}


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
    for one, own in by_member(shown.partition("@@over")[0]).items():
        with contextlib.suppress(UnexpectedOutput, KeyError):
            found[one] = Kept(own["epoch"].strip(), own["boot"].strip(), _held(own["lock"]))
    if "@@over" not in shown or not found:
        raise UnexpectedOutput("the members did not say which epoch they keep", text)
    return found


def _ids(section: str) -> list[MemberId]:
    """Read one id a line; a line that is none (a banner of the login shell) is skipped.

    Source: SGMUP (`asg stat -i all_ids`); a banner SGMUP as well, from a login.

    Raises:
        UnexpectedOutput: no id, or a line that begins as one and is none.
    """
    lines = [line for line in section.splitlines() if re.match(r"\s*\d+(?:_|\s*$)", line)]
    if not lines:
        raise UnexpectedOutput("asg stat names no member", section)
    return sorted({member_id(line) for line in lines}, key=by_number)


# --------------------------------------------------------------------------- one member


def _member(
    one: MemberId,
    stat: Stat,
    policies: _Policies,
    cloning: Mapping[MemberId, bool],
    own: Mapping[str, str],
    kinds: Mapping[int, str],
) -> MemberFacts:
    state, notes = stat.states.get(one, ("DETACHED", ()))
    if not own:
        return MemberFacts(id=one, state=state, answered=False, notes=notes)
    try:
        return _answering(one, stat, policies, cloning, own, kinds)
    except (UnexpectedOutput, KeyError) as error:
        # One member that cannot be read (it boots) must not blind us for all the others.
        why = f"no section {error}" if isinstance(error, KeyError) else str(error)
        return MemberFacts(id=one, state=state, answered=False, notes=notes, unread=why)


def _answering(
    one: MemberId,
    stat: Stat,
    policies: _Policies,
    cloning: Mapping[MemberId, bool],
    own: Mapping[str, str],
    kinds: Mapping[int, str],
) -> MemberFacts:
    """Read what a member says of itself.

    Raises:
        UnexpectedOutput, KeyError: a section cannot be read, or is not there.
    """
    state, notes = stat.states.get(one, ("DETACHED", ()))
    own_state, own_notes = read_cphaprob(own["state"])
    cpuse = _cpuse(own)
    return MemberFacts(
        id=one,
        state=state,
        answered=True,
        own_state=own_state,
        notes=tuple(sorted({*notes, *own_notes})),
        boot_id=own["boot"].strip() or None,
        take=_take(own["take"]),
        packages=cpuse.packages,
        policy=verified(read_fw_stat(own["fw"]), policies.own.get(one)),
        auto_clone=cloning.get(one),
        agent_build=cpuse.build,
        agent_busy=cpuse.busy,
        action=cpuse.action,
        unread=cpuse.unread,
        session_open=_held(own["lock"]),
        epoch=own["epoch"].strip(),
        virtual=_virtual(one, stat, policies, own, kinds),
    )


@dataclass(frozen=True)
class _Cpuse:
    """What a member's CPUSE says; nothing at all where any of it cannot be read."""

    build: str | None = None
    busy: bool | None = None
    packages: tuple[tuple[str, PackageState], ...] | None = None
    action: CpuseAction | None = None
    unread: str = ""


def _cpuse(own: Mapping[str, str]) -> _Cpuse:
    """Read CPUSE whole or not at all: by a part of it nobody can tell whether it is at work.

    Its agent is away for a moment after its own update, and when it was restarted; the member
    carries its traffic meanwhile.
    Source: SGMUP (restarts of the agent on all members), DACLI for the three answers.

    Raises:
        KeyError: a section is not there, so the member's answer is not whole.
    """
    shown, listed, newest = own["agent"], own["packages"], own["action"]
    try:
        agent = in_json(shown, "da_status")
        build = str(agent.get("DABuildNumber", "")) or None
        return _Cpuse(build, _busy(agent), read_packages(listed), read_action(newest))
    except (UnexpectedOutput, KeyError, TypeError) as error:
        return _Cpuse(unread=str(error))


def _virtual(
    one: MemberId,
    stat: Stat,
    policies: _Policies,
    own: Mapping[str, str],
    kinds: Mapping[int, str],
) -> tuple[VirtualFacts, ...]:
    listed = {number: name for number, name in stat.names.items() if number}
    peers = {number: shown[one] for number, shown in stat.virtual.items() if one in shown}
    read = with_peers(read_virtual(listed, own, kinds), peers)
    return signed(read, policies.virtual.get(one, {}))


def _take(text: str) -> int | None:
    """Return the take, or None where it cannot be read: who carries traffic is told otherwise."""
    try:
        return read_take(text)
    except UnexpectedOutput:
        return None


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
        licences=licences(own["licences"]),
        core_dumps=dumps.get(one, ()),
        clock_offset_s=int(clock) - at.timestamp() if clock.isdigit() else None,
        connections=conns.get(one),
    )

"""Virtual Systems (VSX) and Virtual Gateways (VSNext) on the members: finding and reading them.

Which there are say the blocks of `asg stat vs all` (named in EXLLAB; that they are those of
`asg stat -v` in SP76STAT is [I], and so is that only what enforces a policy has one). What one
does is read in its context, from what is read of the member itself: `cphaprob state`, `fw stat`
[B]. That the context was entered is never assumed, `vsenv` must have said so: else a Virtual
System would be judged by the state of 0.

Virtual Switches and Virtual Routers have no policy, and are well without one. Which these are is
never guessed from a policy that is lacking: `vsx stat -v` must have said so.
"""

from __future__ import annotations

import re
from collections.abc import Collection, Mapping
from dataclasses import replace

from engine.errors import UnexpectedOutput
from engine.facts import InstalledPolicy, VirtualFacts
from engine.gaia.dialect import context
from engine.gaia.readings import read_cphaprob, read_enforced, verified

LIST = "asg stat vs all"
"""The command that shows what is virtual. Source: EXLLAB."""


DEVICES = "vsx stat -v"
"""The command that says what sort each is. Source: as `read_kinds`."""

_KINDS = {"R": "Virtual Router", "W": "Virtual Switch"}
"""Which sorts have no policy; S is a Virtual System, B one in bridge mode. Source: its legend."""

_DEVICE = re.compile(r"\s*(\d+)\s*\|\s*([A-Z])\s+\S[^|]*\|\s*([^|]*?)\s*\|", re.ASCII)

_NO_POLICY = re.compile(r"(INITIAL|NO|DEFAULT) POLICY|<?NO(T APPLICABLE| POLICY)>?|N/?A|-+")
"""What the column Process may show instead of Enforcing Security where there is no policy.
Source: SP76STAT for NA, `vsx stat -v` for what stands in angle brackets; the rest is [B]."""


def read_kinds(text: str) -> dict[int, str]:
    """Read `vsx stat -v`: which are Virtual Switches or Virtual Routers, by number.

    Only rows whose policy is not applicable: a sort that is contradicted by a policy is none. A
    device that does not know the command has none either, and then all must enforce a policy.

    Source: what a VSX gateway printed, quoted in a public monitoring script (rows `1 | W sw1-ext |
    <Not Applicable> | …` and the legend of types). That a Security Group prints the same, and
    VSNext too, is [B].
    """
    rows = (found for line in text.splitlines() if (found := _DEVICE.match(line)))
    return {
        int(row[1]): _KINDS[row[2]]
        for row in rows
        if row[2] in _KINDS and row[3].strip("<>").upper() == "NOT APPLICABLE"
    }


def look_part(known: Collection[int]) -> str:
    """Return the part of a member's line that reads what is virtual there.

    Each in a subshell of its own: the context must not stay. No single quote may occur in it.

    Source: [B], see above.
    """
    return "; ".join(
        f"( echo @vs{one}; {context(one)}; echo; echo @vsstate{one}; cphaprob state; "
        f"echo; echo @vsfw{one}; fw stat )"
        for one in sorted(known)
    )


def read_virtual(
    listed: Mapping[int, str], own: Mapping[str, str], kinds: Mapping[int, str]
) -> tuple[VirtualFacts, ...]:
    """Read what a member's answer says of each that the group lists, by number.

    One that was not asked, or cannot be read, says so in `unread`.

    Source: as `look_part`.
    """
    return tuple(
        _one(number, listed[number], own, kinds.get(number, "")) for number in sorted(listed)
    )


def _one(number: int, name: str, own: Mapping[str, str], kind: str) -> VirtualFacts:
    if f"(ID {number})" not in own.get(f"vs{number}", f"(ID {number})"):
        return VirtualFacts(number, name, unread="its context was not entered")
    try:
        state, notes = read_cphaprob(own[f"vsstate{number}"])
        policy = None if kind else read_enforced(own[f"vsfw{number}"])
    except KeyError:
        return VirtualFacts(number, name, unread="it was not asked")
    except UnexpectedOutput as error:
        return VirtualFacts(number, name, unread=str(error))
    return VirtualFacts(number, name, state, tuple(sorted(notes)), policy, kind=kind)


def with_peers(
    own: tuple[VirtualFacts, ...], peers: Mapping[int, tuple[str, tuple[str, ...]]]
) -> tuple[VirtualFacts, ...]:
    """Return these with what the group's picture says of them on this member, where it does.

    A word other than their own is a note: both views must agree.

    Source: the blocks of SP76STAT.
    """
    return tuple(_with_peer(one, peers.get(one.id)) for one in own)


def _with_peer(one: VirtualFacts, peer: tuple[str, tuple[str, ...]] | None) -> VirtualFacts:
    if peer is None or one.unread:
        return one
    word, notes = peer
    if one.kind:
        notes = tuple(note for note in notes if not _NO_POLICY.fullmatch(note))
    same = word == one.state or (word == "UP" and one.state in ("ACTIVE", "STANDBY"))
    odd = () if same else (f"{word} for its peers",)
    return replace(one, notes=tuple(sorted({*one.notes, *notes, *odd})))


def signed(
    own: tuple[VirtualFacts, ...], policies: Mapping[int, InstalledPolicy]
) -> tuple[VirtualFacts, ...]:
    """Return these with what `asg policy verify` shows of their policies, where it has a row.

    Source: as `readings.read_virtual_policies`.
    """
    return tuple(
        replace(one, policy=verified(one.policy.name, policies[one.id]))
        if one.policy is not None and one.id in policies
        else one
        for one in own
    )

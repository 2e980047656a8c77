"""Virtual Systems (VSX) and Virtual Gateways (VSNext) on the members: finding and reading them.

Which there are say the blocks of `asg stat vs all` (named in EXLLAB; that they are those of
`asg stat -v` in SP76STAT is [I], and so is that only what enforces a policy has one). What one
does is read in its context, from what is read of the member itself: `cphaprob state`, `fw stat`
[B]. That the context was entered is never assumed, `vsenv` must have said so: else a Virtual
System would be judged by the state of 0.
"""

from __future__ import annotations

from collections.abc import Collection, Mapping
from dataclasses import replace

from engine.errors import UnexpectedOutput
from engine.gaia.dialect import context
from engine.gaia.readings import read_cphaprob, read_enforced
from engine.model import InstalledPolicy, VirtualFacts

LIST = "asg stat vs all"
"""The command that shows what is virtual. Source: EXLLAB."""


def look_part(known: Collection[int]) -> str:
    """Return the part of a member's line that reads what is virtual there.

    Each in a subshell of its own: the context must not stay. No single quote may occur in it.

    Source: [B], see above.
    """
    return "; ".join(
        f"( echo @vs{one}; {context(one)}; echo @vsstate{one}; cphaprob state; "
        f"echo @vsfw{one}; fw stat )"
        for one in sorted(known)
    )


def read_virtual(listed: Mapping[int, str], own: Mapping[str, str]) -> tuple[VirtualFacts, ...]:
    """Read what a member's answer says of each that the group lists, by number.

    One that was not asked, or cannot be read, says so in `unread`.

    Source: as `look_part`.
    """
    return tuple(_one(number, listed[number], own) for number in sorted(listed))


def _one(number: int, name: str, own: Mapping[str, str]) -> VirtualFacts:
    if f"(ID {number})" not in own.get(f"vs{number}", f"(ID {number})"):
        return VirtualFacts(number, name, unread="its context was not entered")
    try:
        state, notes = read_cphaprob(own[f"vsstate{number}"])
        policy = read_enforced(own[f"vsfw{number}"])
    except KeyError:
        return VirtualFacts(number, name, unread="it was not asked")
    except UnexpectedOutput as error:
        return VirtualFacts(number, name, unread=str(error))
    return VirtualFacts(number, name, state, tuple(sorted(notes)), policy)


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
    same = word == one.state or (word == "UP" and one.state in ("ACTIVE", "STANDBY"))
    odd = () if same else (f"{word} for its peers",)
    return replace(one, notes=tuple(sorted({*one.notes, *notes, *odd})))


def signed(
    own: tuple[VirtualFacts, ...], policies: Mapping[int, InstalledPolicy]
) -> tuple[VirtualFacts, ...]:
    """Return these with the signature that `asg policy verify` shows of the same policy.

    Source: as `readings.read_virtual_policies`.
    """
    return tuple(
        replace(one, policy=policies[one.id])
        if one.policy is not None
        and one.id in policies
        and policies[one.id].name == one.policy.name
        else one
        for one in own
    )

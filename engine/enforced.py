"""Which policies members and their Virtual Systems enforce: whether alike, and how they changed.

A Virtual System here is one of VSX, or a Virtual Gateway of VSNext; 0 is the member itself. Pure.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Sequence

from engine.facts import GroupFacts, InstalledPolicy, MemberFacts, VirtualFacts, enforces, spelled


def named(policy: InstalledPolicy) -> str:
    """Return a policy's name, date and signature as people compare them."""
    if _uncompared(policy):
        return f"{policy.name} [not verified]"
    return f"{policy.name} of {policy.date} [{policy.signature or 'no signature'}]"


def same_policy(members: Sequence[MemberFacts]) -> list[str]:
    """Say where policies differ: by signature at the same take, else by name and date."""
    known = [(m, m.policy) for m in members if m.policy is not None]
    problems = [
        f"{member.id} has policy {named(policy)}, {other.id} has {named(theirs)}"
        for member, policy, other, theirs in _unlike(known)
    ]
    problems += _failed(known) + _unverified(known)
    return problems + _same_virtual(members)


def _failed(held: Sequence[Held], number: int = 0) -> list[str]:
    """Say whose verification failed; `number` is of a Virtual System, 0 of the members themselves.

    Where it is everybody's, with one and the same policy, it is one thing for people to look at,
    and one sentence. What helps is from SGMUP and POLM: the policy is installed again.
    """
    failed = [(member, policy) for member, policy in held if policy.failed]
    if len(failed) == len(held) > 1 and len({named(policy) for _, policy in failed}) == 1:
        of = f" (VS {number})" if number else ""
        who = spelled(member.id for member, _ in failed)
        return [
            f"the verification of policy {named(failed[0][1])}{of} failed on all of {who} alike: "
            "probably it is one thing for all, the policy or the management, and not these "
            "members; install the policy again, then retry"
        ]
    of = f"VS {number} of " if number else ""
    return [
        f"{of}{member.id} has policy {named(policy)}, and its verification failed"
        for member, policy in failed
    ]


def _unverified(held: Sequence[Held], number: int = 0) -> list[str]:
    """Say whose policy nothing compares with that of the others."""
    who = [member.id for member, policy in held if _uncompared(policy)]
    if not who:
        return []
    have = "has" if len(who) == 1 else "have"
    of = f" of VS {number}" if number else ""
    return [
        f"nothing shows whether {spelled(who)} {have} the same policy{of}: it was not verified; "
        "compare what `fw stat` and `asg policy verify -a` name there"
    ]


def _uncompared(policy: InstalledPolicy) -> bool:
    """Tell whether only the member's own `fw stat` names this policy, and nothing compares it."""
    return not policy.date and not policy.signature


Held = tuple[MemberFacts, InstalledPolicy]


def _unlike(
    held: Sequence[Held],
) -> Iterator[tuple[MemberFacts, InstalledPolicy, MemberFacts, InstalledPolicy]]:
    """Yield each that differs, with the one that it was compared with.

    All are compared with the first by name and date, and with the first of the same take by
    signature as well: where takes are mixed, each take has a signature of its own. One that was
    not verified has no more than its name.
    """
    of_take: dict[int | None, Held] = {}
    compared = [(member, policy) for member, policy in held if not _uncompared(policy)]
    for member, policy in compared:
        first, own = compared[0], of_take.setdefault(member.take, (member, policy))
        if not _alike(first[1], policy, same_take=False):
            yield member, policy, *first
        elif not _alike(own[1], policy, same_take=True):
            yield member, policy, *own
    for member, policy in held:
        first = (compared or held)[0]
        if _uncompared(policy) and policy.name != first[1].name:
            yield member, policy, *first


def _same_virtual(members: Sequence[MemberFacts]) -> list[str]:
    """Say where a Virtual System has another policy than on other members."""
    held: dict[int, list[Held]] = {}
    for member in members:
        for one in member.virtual:
            if one.policy is not None:
                held.setdefault(one.id, []).append((member, one.policy))
    said = [
        one
        for number, these in held.items()
        for one in (*_failed(these, number), *_unverified(these, number))
    ]
    return said + [
        f"VS {number} of {member.id} has policy {named(policy)}, that of {other.id} has "
        f"{named(theirs)}"
        for number, these in held.items()
        for member, policy, other, theirs in _unlike(these)
    ]


def _alike(one: InstalledPolicy, other: InstalledPolicy, *, same_take: bool) -> bool:
    if (one.name, one.date) != (other.name, other.date):
        return False
    return not same_take or one.signature == other.signature


def changes(before: MemberFacts, now: MemberFacts) -> Iterator[str]:
    """Yield how the policies of one member, and of its Virtual Systems, changed."""
    if before.policy and now.policy and not _same_as_before(before.policy, now.policy):
        yield f"changed from {named(before.policy)} to {named(now.policy)}"
    earlier = {one.id: one.policy for one in before.virtual}
    for one in now.virtual:
        was = earlier.get(one.id)
        if was and one.policy and not _alike(was, one.policy, same_take=False):
            yield f"(VS {one.id}) changed from {named(was)} to {named(one.policy)}"


def _same_as_before(before: InstalledPolicy, now: InstalledPolicy) -> bool:
    """Tell whether a policy did not change; one that nothing compared now counts by its name."""
    if _uncompared(now):
        return before.name == now.name
    return _alike(before, now, same_take=False)


def described_virtual(one: VirtualFacts, member: MemberFacts) -> str:
    """Say what is wrong with a Virtual System on a member; "" where nothing is."""
    what = f"{one.kind} {one.id}" if one.kind else f"VS {one.id}"
    name = f"{what} ({one.name})" if one.name else what
    if one.unread:
        return f"{name} cannot be read ({one.unread})"
    held = one.policy.name if one.policy else "no policy"
    policy = "" if one.kind or enforces(one.policy) else f" with {held}"
    notes = f" ({', '.join(one.notes)})" if one.notes else ""
    if not notes and not policy and one.state == member.own_state:
        return ""
    return f"{name} is {one.state or 'not seen'}{policy}{notes}"


def lost_virtual(members: Iterable[MemberFacts], known: GroupFacts | None) -> list[str]:
    """Say which Virtual System a member had when the plan began, and is not seen any more.

    One that nobody lists must not pass for one that was never there.
    """
    return [
        f"VS {before.id} of {member.id} is not listed any more"
        for member in members
        for before in (known.member(member.id).virtual if known else ())
        if before.id not in [one.id for one in member.virtual]
    ]

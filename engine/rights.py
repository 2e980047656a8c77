"""Who may order, operate, halt and freeze, and the sentence for whoever may not. Pure.

Who may approve is decided in `engine.gates`. Roles are asked live by the caller; which roles have
which right is fixed with the plan, so that settings changed later do not reach an open run.

Question: what may whoever ordered a run do to it? Answer: change what it proposes, and stop it in
every way that needs no judgement of others (halt, pause, abort), also without any other right. To
go on (resume, retry, rollback) takes the right to operate. Given up: an orderer who is no operator
has to ask one.
"""

from __future__ import annotations

from collections.abc import Collection

from engine.policy import Policy
from engine.ports import Person

ORDER, FREEZE, UNFREEZE, HALT = "install", "freeze", "unfreeze", "halt"
CHANGE = "change"
"""Another proposal in place of the one that is asked: whoever may approve it may also change it."""

ATTEND = ("there", "away")
"""Whether somebody will be there for the failovers: said by who may approve those."""

_OWN = ("halt", "pause", "abort", CHANGE)
"""What whoever ordered a run may always say to it; a changed proposal is asked anew."""

STOPS = ("halt", "pause")
"""Words that are never refused because Slack cannot be asked, or does not show, who somebody is."""


def roles_for(act: str, policy: Policy) -> frozenset[str]:
    """Return the roles that may do this; empty is nobody, never everybody.

    A plan of before there were rights has none: then operators are those named and all approvers.
    """
    operators = policy.operators if policy.rights is None else policy.rights.operate
    if act in ATTEND:
        return policy.failover.roles
    if act == CHANGE:
        return policy.proposal.roles | set(operators)
    if policy.rights is None:
        return policy.failover.roles | policy.proposal.roles | set(operators)
    if act == ORDER:
        return frozenset(policy.rights.order)
    if act == HALT:
        return frozenset(policy.rights.halt)
    if act == FREEZE:
        return frozenset(policy.rights.freeze)
    if act == UNFREEZE:
        return frozenset(policy.rights.lift or policy.rights.freeze)
    return frozenset(policy.rights.operate)


def is_own(act: str, user: str, requester: str) -> bool:
    """Tell whether somebody does this to a run of their own, for which no role is needed."""
    return act in _OWN and bool(requester) and user == requester


def refusal(
    act: str, person: Person, roles: Collection[str], policy: Policy, *, requester: str = ""
) -> str:
    """Return why somebody may not do this, or "" where they may.

    Args:
        act: `install`, `freeze`, `unfreeze`, or a word to a run.
        person: who it is, as Slack says now.
        roles: the roles that person is in now.
        policy: what governs the group, or the run.
        requester: who ordered the run; "" where there is none yet.
    """
    own = is_own(act, person.id, requester)
    if person.hidden and (act in STOPS or own):
        return ""
    if person.unfit:
        return f"this account may not do that: {person.unfit}"
    if own:
        return ""
    allowed = roles_for(act, policy)
    if allowed & set(roles):
        return ""
    return f"`{act}` needs one of these roles: {', '.join(sorted(allowed)) or 'none is set'}"

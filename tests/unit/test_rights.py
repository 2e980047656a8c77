"""Who may order, operate, halt and freeze: by the plan's rights, and for whoever ordered a run."""

from dataclasses import replace

import pytest

from engine.policy import GatePolicy, Policy, Rights
from engine.ports import Person
from engine.rights import CHANGE, FREEZE, HALT, ORDER, UNFREEZE, refusal, roles_for
from tests.unit.builders import plan

POLICY = Policy(
    proposal=GatePolicy(votes=1, voters=("network",)),
    failover=GatePolicy(votes=2, needs=(("network", 1), ("firewall", 1))),
    operators=("noc",),
    rights=Rights(order=("change",), operate=("noc",), halt=("desk",), freeze=("chief",)),
)
ACTS = (ORDER, "pause", "halt", "resume", "retry", "abort", "rollback", FREEZE, UNFREEZE, CHANGE)
OPERATING = {"pause", "resume", "retry", "abort", "rollback"}


def may(role: str, policy: Policy = POLICY, *, unfit: str = "") -> set[str]:
    who = Person("U1", "ana", unfit)
    return {act for act in ACTS if not refusal(act, who, {role}, policy, requester="U2")}


@pytest.mark.parametrize(
    ("role", "acts"),
    [
        ("change", {ORDER}),
        ("noc", OPERATING | {CHANGE}),
        ("desk", {HALT}),
        ("chief", {FREEZE, UNFREEZE}),
        ("network", {CHANGE}),
        ("firewall", set()),
        ("", set()),
    ],
)
def test_each_right_is_for_its_own_roles_alone(role, acts):
    assert may(role) == acts


def test_a_right_without_roles_is_nobodys_and_never_everybodys():
    policy = replace(POLICY, rights=Rights())

    assert all(may(role, policy) == set() for role in ("change", "noc", "desk", "chief", ""))
    assert "none is set" in refusal(ORDER, Person("U1", "ana"), {"change"}, policy)


def test_an_account_that_is_unfit_may_nothing_in_whatever_role():
    assert all(may(role, unfit="it is a guest") == set() for role in ("change", "noc", "desk"))
    own = refusal("halt", Person("U2", "rita", "it was deactivated"), {"desk"}, POLICY,
                  requester="U2")  # fmt: skip
    assert own == "this account may not do that: it was deactivated"


def test_one_whom_slack_does_not_show_may_stop_a_run_and_nothing_else_of_others():
    hidden = Person("U1", "U1", "Slack does not show this account", hidden=True)
    noc = {act for act in ACTS if not refusal(act, hidden, {"noc"}, POLICY, requester="U2")}
    assert noc == {"halt", "pause"}
    own = {act for act in ACTS if not refusal(act, hidden, (), POLICY, requester="U1")}
    assert own == {"halt", "pause", "abort", CHANGE}


def test_whoever_ordered_a_run_may_stop_it_but_not_go_on():
    rita = Person("U2", "rita")
    own = {act for act in ACTS if not refusal(act, rita, (), POLICY, requester="U2")}

    assert own == {"halt", "pause", "abort", CHANGE}


def test_nobody_owns_a_run_that_is_not_there_yet():
    assert refusal("halt", Person("", "nobody"), (), POLICY)


def test_where_lifters_are_named_they_alone_lift_and_else_the_freezers():
    named = replace(POLICY, rights=replace(POLICY.rights or Rights(), lift=("head",)))

    assert may("chief", named) == {FREEZE}
    assert may("head", named) == {UNFREEZE}
    assert may("chief") == {FREEZE, UNFREEZE}
    assert "lift" not in plan(policy=POLICY).as_json()["policy"]["rights"], "as it ever was"
    assert plan(policy=named).as_json()["policy"]["rights"]["lift"] == ["head"]


def test_in_a_plan_of_before_there_were_rights_operators_and_approvers_may():
    old = replace(POLICY, rights=None)

    acts = set(ACTS) - {CHANGE}
    assert {roles_for(act, old) for act in acts} == {frozenset({"noc", "network", "firewall"})}
    assert roles_for(CHANGE, old) == {"noc", "network"}

"""Virtual Systems as the conditions judge them: ill, of another policy, or not seen any more."""

from dataclasses import replace

import pytest

from engine import invariants
from engine.enforced import changes
from engine.errors import ConditionFailed
from engine.facts import InstalledPolicy, MemberFacts, VirtualFacts, in_service
from engine.fold import RunState
from tests.unit.builders import facts, member, plan

BERN = InstalledPolicy("Bern_Policy", "12Mar24 10:51", "9107a1ef3")
WELL = VirtualFacts(2, "Bern", "ACTIVE", (), BERN)


def with_bern(number: int, **changes) -> MemberFacts:
    return member(number, virtual=(replace(WELL, **changes),))


def four(*changed: MemberFacts):
    return facts(*(with_bern(n) for n in range(1, 5) if n not in [int(m.id[2:]) for m in changed]),
                 *changed)  # fmt: skip


def at_failover(seen) -> str:
    state = RunState(run="hf-000001", plan=plan(), baseline=four())
    try:
        invariants.check(plan().step("A.ADMIN_DOWN"), seen, state)
    except ConditionFailed as failed:
        return str(failed)
    return ""


def test_a_group_whose_virtual_systems_are_well_may_be_taken_down():
    assert at_failover(four()) == ""


@pytest.mark.parametrize("number", [1, 3])
@pytest.mark.parametrize(
    ("changes", "words"),
    [
        ({"state": "DOWN", "notes": ("ROUTED",)}, "VS 2 (Bern) is DOWN (ROUTED)"),
        (
            {"policy": InstalledPolicy("InitialPolicy", "")},
            "ACTIVE; VS 2 (Bern) is ACTIVE with InitialPolicy",
        ),
        ({"policy": None}, "VS 2 (Bern) is ACTIVE with no policy"),
        ({"unread": "it was not asked"}, "VS 2 (Bern) cannot be read (it was not asked)"),
        ({"state": ""}, "VS 2 (Bern) is not seen"),
    ],
)
def test_an_ill_virtual_system_forbids_the_failover_and_is_named(number, changes, words):
    ill = with_bern(number, **changes)
    assert not in_service(ill)
    assert f"1_{number} is ACTIVE; {words.removeprefix('ACTIVE; ')}" in at_failover(four(ill))


@pytest.mark.parametrize("kind", ["Virtual Switch", "Virtual Router"])
def test_what_has_no_policy_by_its_sort_is_well_without_one_and_ill_for_all_else(kind):
    well = [with_bern(n, kind=kind, policy=None) for n in range(1, 5)]
    assert all(in_service(one) for one in well)
    assert at_failover(facts(*well)) == ""
    ill = with_bern(3, kind=kind, policy=None, state="DOWN", notes=("ROUTED",))
    assert not in_service(ill)
    assert f"{kind} 2 (Bern) is DOWN (ROUTED)" in at_failover(facts(*well[:2], ill, well[3]))


def test_another_policy_of_a_virtual_system_forbids_the_failover():
    other = replace(BERN, date="13Mar24 09:00")
    assert "VS 2 of 1_4 has policy Bern_Policy of 13Mar24 09:00" in at_failover(
        four(with_bern(4, policy=other))
    )


def test_a_verification_that_failed_forbids_the_failover_and_is_not_bound():
    healthy = member(4).policy
    assert healthy is not None
    failed = facts(member(4, policy=replace(healthy, failed=True)))
    of_bern = four(with_bern(4, policy=replace(BERN, failed=True)))

    assert at_failover(of_bern) == (
        "VS 2 of 1_4 has policy Bern_Policy of 12Mar24 10:51 [9107a1ef3], and its verification "
        "failed"
    )
    assert invariants.carrying_traffic(["1_1"], failed, plan()) == [
        "1_4 has policy Standard of 12Mar24 10:51 [9107a1ef3], and its verification failed"
    ]
    assert failed.digest(None) == facts().digest(None)
    assert invariants.left_service(["1_1"], failed, plan()) == []


def test_a_verification_that_failed_on_all_alike_is_one_thing_and_one_sentence():
    healthy = member(4).policy
    assert healthy is not None
    ill = replace(healthy, failed=True)
    failed = facts(*(member(n, policy=ill) for n in range(1, 5)))
    of_bern = four(*(with_bern(n, policy=replace(BERN, failed=True)) for n in range(1, 5)))

    assert invariants.carrying_traffic(["1_1"], failed, plan()) == [
        "the verification of policy Standard of 12Mar24 10:51 [9107a1ef3] failed on all of "
        "1_2-1_4 alike: probably it is one thing for all, the policy or the management, and not "
        "these members; install the policy again, then retry"
    ]
    assert at_failover(of_bern).startswith(
        "the verification of policy Bern_Policy of 12Mar24 10:51 [9107a1ef3] (VS 2) failed on all"
    )
    assert invariants.left_service(["1_1"], failed, plan()) == []
    three = facts(*(member(n, policy=ill) for n in range(1, 4)))
    assert [one[:3] for one in invariants.carrying_traffic(["1_1"], three, plan())] == [
        "1_2",
        "1_3",
    ]


def test_a_virtual_system_that_is_not_listed_any_more_forbids_the_failover():
    assert at_failover(four(member(4))) == "VS 2 of 1_4 is not listed any more"


def test_a_virtual_system_lost_once_a_group_is_down_forbids_the_installation_and_is_rescued():
    """Of the members outside the group; what the group itself lost is for its return to say."""
    down = [member(n, state="DOWN", own_state="DOWN", notes=("ADMIN",)) for n in (1, 2)]
    state = RunState(run="hf-000001", plan=plan(), baseline=four())
    step = plan().step("A.INSTALL")
    lost = "VS 2 of 1_4 is not listed any more"

    invariants.check(step, four(*down), state)
    with pytest.raises(ConditionFailed, match=f"^{lost}$"):
        invariants.check(step, four(*down, member(4)), state)

    outside = (step.members, four(*down, member(4)), plan())
    assert invariants.left_service(*outside, four()) == [lost]
    assert invariants.left_service(step.members, four(*down), plan(), four()) == []


def test_a_policy_of_a_virtual_system_installed_meanwhile_is_told_of_it_alone():
    state = RunState(run="hf-000001", plan=plan(), baseline=four())
    other = replace(BERN, date="13Mar24 09:00")
    seen = four(*(with_bern(n, policy=other) for n in range(1, 5)))

    assert invariants.policy_drift_together(seen, state, ()) == (
        "policy on 1_1-1_4 (VS 2) changed from Bern_Policy of 12Mar24 10:51 [9107a1ef3] to "
        "Bern_Policy of 13Mar24 09:00 [9107a1ef3]"
    )


# ---------------------------------------------------------- what nothing compares with others

UNCOMPARED = InstalledPolicy("Standard", "")


def test_policies_that_nothing_compared_are_not_taken_for_the_same():
    seen = facts(*(member(n, policy=UNCOMPARED) for n in range(1, 5)))

    assert all(in_service(one) for one in seen.members)
    assert "nothing shows whether 1_3-1_4 have the same policy" in at_failover(seen)


def test_a_policy_that_nothing_compares_now_has_not_changed_where_its_name_has_not():
    before, now = member(1), member(1, policy=UNCOMPARED)

    assert list(changes(before, now)) == []
    assert list(changes(before, member(1, policy=InstalledPolicy("Lax", ""))))

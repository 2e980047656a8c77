"""Changed proposals: what is wrong with a split is told where it is wrong, and nothing else."""

import pytest
from hypothesis import given
from hypothesis import strategies as st

from engine.errors import PlanRefused
from engine.fold import RunState
from engine.model import Step, StepKind
from engine.proposals import REVISIONS_LIMIT, Change, plan_change, split_faults
from engine.splitting import split
from tests.unit.builders import POLICY, REQUEST, facts, plan, without_package

FOUR = ["1_1", "1_2", "1_3", "1_4"]


def asked(**changes: object) -> RunState:
    state = RunState(run="hf-000001")
    state.request, state.plan = REQUEST, plan(**changes)
    return state


def changed(change: Change, **changes: object):
    return plan_change(asked(**changes), change, without_package(), by="ana")


def shape(made) -> list[tuple[str, tuple[str, ...]]]:
    return [(group.name, group.members) for group in made.groups]


@given(
    st.lists(
        st.lists(st.sampled_from([*FOUR, "1_5"]), max_size=4),
        min_size=1,
        max_size=4,
    )
)
def test_the_form_finds_fault_exactly_where_the_planner_refuses(wanted):
    refused = False
    try:
        split(FOUR, 2, wanted)
    except PlanRefused:
        refused = True

    assert bool(split_faults(FOUR, wanted)) == refused


@pytest.mark.parametrize(
    ("wanted", "faults"),
    [
        ([["1_1", "1_2"], ["1_3", "1_4"]], {}),
        ([["1_1", "1_2"], ["1_3"]], {1: "1_4 is in no group yet"}),
        ([["1_1", "1_2"], ["1_2", "1_3", "1_4"]], {1: "1_2 stands in A as well"}),
        ([["1_1", "1_1", "1_2"], ["1_3", "1_4"]], {0: "1_1 stands here twice"}),
        ([["1_1", "1_2", "1_9"], ["1_3", "1_4"]], {0: "1_9 is not in this Security Group"}),
        (
            [["1_1", "1_2", "1_3"], ["1_4"]],
            {0: "3 members here and 1 in B: sizes may differ by one at most"},
        ),
        (
            [FOUR],
            {0: "all members at once would stop the traffic; make two groups or more"},
        ),
        (
            [FOUR, []],
            {1: "a Logical Group needs at least one member"},
        ),
    ],
)
def test_what_is_wrong_is_told_at_the_group_where_it_is_wrong(wanted, faults):
    assert split_faults(FOUR, wanted) == faults


def test_swapped_twice_it_is_as_before():
    once = changed(Change(order="swap"))
    twice = plan_change(
        asked(groups=once.groups, revision=2), Change(order="swap"), without_package(), by="ana"
    )

    assert shape(once) == [("B", ("1_3", "1_4")), ("A", ("1_1", "1_2"))]
    assert shape(twice) == shape(plan())


def test_of_three_groups_the_whole_order_is_said():
    three = changed(Change(groups=3))
    with pytest.raises(PlanRefused, match=r"say the whole order, e\.g\. `order C,B,A`"):
        plan_change(asked(groups=three.groups), Change(order="swap"), without_package(), by="ana")


def test_the_smo_is_last_where_that_is_wanted():
    made = changed(Change(order="smo_last"))

    assert [group.name for group in made.groups] == ["B", "A"]


def test_a_new_revision_has_another_digest_and_steps_of_its_own_for_each_group():
    before, after = plan(), changed(Change(order="swap"))

    assert after.revision == before.revision + 1
    assert after.digest != before.digest
    assert after.policy == before.policy
    assert after.cause == "changed by ana: order: A, B → B, A"
    own = {s.id for s in after.steps if s.group or s.kind is StepKind.PROPOSAL}
    assert not own & {s.id for s in before.steps}
    assert {s.id for s in after.steps} - own == {
        s.id for s in before.steps if not s.group and s.kind is not StepKind.PROPOSAL
    }
    assert after.steps[0] == Step("PROPOSAL.r2", StepKind.PROPOSAL)


def test_what_is_known_of_the_group_is_said_again_and_what_is_said_of_a_split_is_not():
    made = changed(
        Change(groups=4),
        notes=("the fence is off", "while A is down one member carries everything"),
    )

    assert made.notes[0] == "the fence is off"
    two = plan_change(asked(groups=made.groups), Change(groups=2), without_package(), by="ana")
    assert two.notes == ()


def test_a_group_that_is_not_as_an_installation_needs_it_is_refused():
    with pytest.raises(PlanRefused, match="one member cannot"):
        plan_change(asked(), Change(order="swap"), facts(count=1), by="ana")


def test_fewer_in_service_than_the_policy_asks_is_refused():
    from dataclasses import replace

    with pytest.raises(PlanRefused, match="while A is down only 2 would be in service"):
        changed(Change(order="swap"), policy=replace(POLICY, min_in_service=3))


def test_a_proposal_is_not_changed_without_end():
    with pytest.raises(PlanRefused, match="changed 19 times already"):
        changed(Change(order="swap"), revision=REVISIONS_LIMIT)

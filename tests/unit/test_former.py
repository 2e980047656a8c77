"""What a run that has ended tells a later one of the same group."""

from engine.facts import CpuseAction
from engine.fold import RunState
from engine.former import Former, former, kept_before
from tests.unit.builders import facts, member, plan

KEPT = CpuseAction(8, "Install", "in progress", 100, "Going to reboot:")
LATER = CpuseAction(9, "Install", "in progress", 100, "Going to reboot:")


def left(**kept_actions: int) -> Former:
    state = RunState(
        run="hf-000001", plan=plan(), ended={"state": "done"}, kept_actions={**kept_actions}
    )
    one = former(state)
    assert one is not None
    return one


def test_only_the_action_that_a_former_run_saw_over_is_over_later():
    """Whichever run it was; one that began since is somebody's."""
    formers = [left(**{"1_1": 8}), left(**{"1_2": 8, "1_3": 8})]
    seen = facts(member(1, action=KEPT), member(2, action=KEPT), member(3, action=LATER))

    assert kept_before(formers, seen.members) == {"1_1": 8, "1_2": 8}

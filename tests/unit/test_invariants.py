"""What must hold before each step: each missing condition is named."""

from dataclasses import replace

import pytest

from engine import invariants
from engine.errors import ConditionFailed, SessionOpen
from engine.facts import CpuseAction, InstalledPolicy, MemberHealth, PackageState, VirtualFacts
from engine.fold import RunState, StepState
from engine.model import Plan, StepKind
from engine.planner import group_steps
from tests.unit.builders import NAME, facts, member, plan, records, without_package

DOWN = {"state": "DOWN", "own_state": "DOWN", "notes": ("ADMIN",)}
OTHER = InstalledPolicy("Standard", "13Mar24 09:00", "ffff00000")


def state(phase: str = "fresh", baseline=None, **changes) -> RunState:
    made = plan(phase=phase)
    return RunState(run="hf-000001", plan=made, baseline=baseline or facts(), **changes)


def check(step: str, seen, state_=None) -> str:
    try:
        judged = state_ or state()
        invariants.check(judged.the_plan.step(step), seen, judged)
    except (ConditionFailed, SessionOpen) as failed:
        return str(failed)
    return ""


def test_a_healthy_group_may_be_taken_down():
    assert check("A.READY", facts()) == ""
    assert check("A.ADMIN_DOWN", facts()) == ""


@pytest.mark.parametrize(
    ("seen", "words"),
    [
        (
            facts(member(3, state="DOWN", own_state="DOWN")),
            "1_3 is DOWN, but it must carry traffic",
        ),
        (facts(member(3, notes=("FSYNC",))), "1_3 is ACTIVE (FSYNC)"),
        (facts(member(3, state="ACTIVE(!)", own_state="ACTIVE(!)")), "1_3 is ACTIVE(!)"),
        (facts(member(3, own_state="DOWN")), "ACTIVE for its peers and DOWN for itself"),
        (
            facts(member(3, answered=False, state="DETACHED")),
            "1_3 is DETACHED, and does not answer",
        ),
        (facts(member(4, policy=InstalledPolicy("InitialPolicy", ""))), "with InitialPolicy"),
        (facts(member(4, policy=OTHER)), "policy"),
        (facts(sync=False), "not synchronised"),
        (facts(member(1, auto_clone=True)), "auto-clone is on on 1_1"),
        (facts(member(1, auto_clone=None)), "auto-clone is not readable on 1_1"),
        (facts(member(2, packages=())), "1_2 shows the package as absent"),
        (facts(member(2, agent_busy=True)), "CPUSE is busy on 1_2"),
        (facts(member(2, packages=None)), "CPUSE cannot be asked on 1_2"),
        (facts(member(4, packages=None)), "CPUSE cannot be asked on 1_4"),
        (facts(member(4, session_open=True)), "a session of ours is still open on 1_4"),
        (facts(member(1, notes=("LACP_SYNC",))), "it must be healthy first"),
    ],
)
def test_each_missing_condition_forbids_the_failover_and_is_named(seen, words):
    assert words in check("A.ADMIN_DOWN", seen)
    assert words in check("A.READY", seen)


@pytest.mark.parametrize(
    ("ill", "may"),
    [
        ({"policy": InstalledPolicy("InitialPolicy", "")}, True),
        ({"notes": ("AMW",)}, True),
        ({"virtual": ()}, True),
        ({"state": "DOWN", "own_state": "DOWN", "notes": ("FSYNC",)}, False),
        ({"own_state": "NOT STARTED"}, False),
        ({"answered": False}, False),
    ],
)
def test_on_the_way_back_who_serves_may_go_down_however_ill(ill, may):
    """The one that is taken down, never one that stays; and only on the way back."""
    systems = (VirtualFacts(1, "Bern", "ACTIVE", policy=OTHER),)
    virtual = {"virtual": systems}
    known = facts(*(member(n, **virtual) for n in (1, 2, 3, 4)))
    way_back = state(phase="rollback", baseline=known)
    forward = state(baseline=known)
    mine, other = (
        facts(*(member(n, **{**virtual, **(ill if n == one else {})}) for n in (1, 2, 3, 4)))
        for one in (1, 3)
    )

    assert (check("A.READY", mine, way_back) == "") is may
    assert (check("A.ADMIN_DOWN", mine, way_back) == "") is may
    assert check("A.READY", mine, forward)
    assert check("A.READY", other, way_back)


def test_only_the_action_that_was_seen_done_is_over():
    """No action outlives the restart that it ended with; one that began since is somebody's."""
    after = state(kept_actions={"1_1": 8})
    kept = CpuseAction(8, "Install", "in progress", 100, "Going to reboot:")

    assert check("B.READY", facts(member(1, action=kept)), after) == ""
    for seen in (
        member(1, action=kept, agent_busy=True),
        member(1, action=replace(kept, id=9)),
        member(2, action=kept),
    ):
        assert f"CPUSE is busy on {seen.id}" in check("B.READY", facts(seen), after)


def test_fewer_than_must_stay_in_service_forbid_the_failover():
    strict = replace(plan(), policy=replace(plan().policy, min_in_service=3))

    assert "no member would be left" in check(
        "A.ADMIN_DOWN", facts(), replace(state(), plan=strict)
    )


def test_policies_of_one_name_differ_by_their_signature():
    other = InstalledPolicy("Standard", "12Mar24 10:51", "ffff00000")

    assert "1_4 has policy" in check("A.ADMIN_DOWN", facts(member(4, policy=other)))


def test_a_policy_since_ready_forbids_the_failover():
    everywhere = facts(*(member(n, policy=OTHER) for n in range(1, 5)))

    said = check("A.ADMIN_DOWN", everywhere, state(ready={"A": facts()}))

    assert "policy on 1_1 changed from Standard of 12Mar24 10:51" in said
    assert check("A.ADMIN_DOWN", everywhere, state(ready={"A": everywhere})) == ""


def test_an_open_session_alone_is_waited_for_and_never_hides_another_reason():
    seen = facts(member(4, session_open=True))
    for step in ("PREFLIGHT", "A.READY", "A.ADMIN_DOWN"):
        with pytest.raises(SessionOpen, match=r"fuser -v /var/log/hotfix-bot/lock"):
            invariants.check(plan().step(step), seen, state())

    with pytest.raises(ConditionFailed, match=r"not synchronised.*; a session of ours .* on 1_4"):
        invariants.check(plan().step("A.ADMIN_DOWN"), replace(seen, sync=False), state())


def test_an_installation_needs_exactly_its_group_admin_down():
    down = facts(member(1, **DOWN), member(2, **DOWN))

    assert check("A.INSTALL", down) == ""
    assert "1_2 is ACTIVE, expected DOWN (ADMIN)" in check("A.INSTALL", facts(member(1, **DOWN)))
    assert "must carry traffic" in check(
        "A.INSTALL", facts(member(1, **DOWN), member(2, **DOWN), member(3, **DOWN))
    )
    fsync = {**DOWN, "notes": ("FSYNC",)}
    assert "expected DOWN (ADMIN)" in check(
        "A.INSTALL", facts(member(1, **DOWN), member(2, **fsync))
    )


def test_the_first_look_wants_all_members_alike_and_nothing_installed():
    assert check("PREFLIGHT", without_package()) == ""
    assert "different takes" in check("PREFLIGHT", facts(member(1, take=98)))
    assert "already has" in check(
        "PREFLIGHT", facts(member(1, packages=((NAME, PackageState.INSTALLED),)))
    )
    assert "not those of the plan" in check("PREFLIGHT", facts(count=3))
    assert "auto-clone does not show the same" in check(
        "PREFLIGHT", facts(member(1, auto_clone=True))
    )


@pytest.mark.parametrize(
    ("changes", "words"),
    [
        ({"state": "DOWN", "own_state": "DOWN"}, "1_3 is DOWN"),
        ({"policy": OTHER}, "1_3 has policy"),
        ({"agent_busy": True}, "CPUSE is busy on 1_3"),
    ],
)
def test_the_first_look_wants_every_member_healthy_before_anything_is_sent(changes, words):
    fresh = [member(n, packages=()) for n in range(1, 5)]

    assert words in check("PREFLIGHT", facts(*fresh, member(3, packages=(), **changes)))


def test_the_first_look_wants_connections_synchronised_and_auto_clone_shown():
    unread = [member(n, packages=(), auto_clone=None) for n in range(1, 5)]

    assert "not synchronised" in check("PREFLIGHT", without_package(sync=False))
    assert "auto-clone does not show the same" in check("PREFLIGHT", facts(*unread))


@pytest.mark.parametrize(
    ("odd", "words"),
    [
        (member(3, auto_clone=True), "auto-clone is on on 1_3"),
        (member(1, **DOWN, agent_busy=True), "CPUSE is busy on 1_1"),
        (member(2, **DOWN, packages=()), "1_2 shows the package as absent"),
    ],
)
def test_right_before_an_installation_cloning_cpuse_and_package_are_looked_at_again(odd, words):
    """Minutes pass between a failover and its installation, and others may be at work there."""
    assert words in check("A.INSTALL", facts(member(1, **DOWN), member(2, **DOWN), odd))


LOST = {"state": "DOWN", "own_state": "DOWN", "notes": ("FSYNC",)}


@pytest.mark.parametrize(
    ("odd", "words"),
    [
        (member(2, **LOST), ""),
        (member(3, auto_clone=True), "auto-clone is on on 1_3"),
        (member(1, **LOST, agent_busy=True), "CPUSE is busy on 1_1"),
        (member(2, **LOST, packages=()), "1_2 shows the package as absent"),
        (member(1), "1_1 is ACTIVE, so it may carry traffic"),
        (member(1, state="DOWN", answered=False), "1_1 is DOWN, and does not answer"),
    ],
)
@pytest.mark.parametrize("step", ["A.READY", "A.INSTALL"])
def test_work_on_a_group_that_is_out_of_service_already_needs_as_much(step, odd, words):
    made = starting()
    seen = facts(member(1, **LOST), member(2, **LOST), odd)

    said = check(step, seen, replace(state(), plan=made))

    assert (words in said) if words else (said == "")


def test_the_first_look_starts_no_work_on_who_may_carry_traffic():
    made = starting()
    down = [member(n, **LOST, packages=()) for n in (1, 2)]
    others = [member(n, packages=()) for n in (3, 4)]
    begun, back = replace(state(), plan=made), member(2, packages=())

    assert check("PREFLIGHT", facts(*down, *others), begun) == ""
    assert "1_2 is ACTIVE, so it may carry traffic" in check(
        "PREFLIGHT", facts(*down, *others, back), begun
    )


def starting() -> Plan:
    """Return a plan whose first group is out of service already: nothing fails over."""
    whole = plan()
    place = whole.steps.index(whole.step("A.READY"))
    after = [step for step in whole.steps[place:] if step.group != "A"]
    first = group_steps(whole.group("A"), StepKind.INSTALL, 120, is_down=True)
    return replace(whole, steps=(*whole.steps[:place], *first, *after))


def test_cloning_goes_back_only_when_every_member_shows_the_same_take():
    assert check("CLONING_RESTORE", facts()) == ""
    assert "owed" in check("CLONING_RESTORE", facts(member(1, take=120)))
    assert "owed" in check("CLONING_RESTORE", facts(member(1, take=None)))
    nobody_told = facts(*(member(n, take=None) for n in range(1, 5)))
    assert "owed" in check("CLONING_RESTORE", nobody_told)


def test_cloning_does_not_go_back_while_members_differ_in_any_package_that_is_owed():
    """A hotfix beside the Jumbo, of this run or of one before, leaves the take as it is."""
    former, listed = "Check_Point_former.tgz", ((NAME, PackageState.AVAILABLE),)
    installed = (*listed, (former, PackageState.INSTALLED))
    unread = (*listed, (former, PackageState.UNKNOWN))
    owed = state(cloning_packages=(former,))

    for first, others in ((installed, listed), (unread, unread)):
        seen = facts(member(1, packages=first), *(member(n, packages=others) for n in range(2, 5)))
        assert f"not alike in {former}" in check("CLONING_RESTORE", seen, owed)
    alike = facts(*(member(n, packages=installed) for n in range(1, 5)))
    assert check("CLONING_RESTORE", alike, owed) == ""


@pytest.mark.parametrize(
    ("before", "now", "uploaded_on", "needed_mb"),
    [
        (PackageState.ABSENT, PackageState.ABSENT, "", 9),
        (PackageState.ABSENT, PackageState.AVAILABLE, "", 6),
        (PackageState.ABSENT, PackageState.AVAILABLE, "1_1", 3),
        (PackageState.ABSENT, PackageState.AVAILABLE, "1_2", 6),
        (PackageState.AVAILABLE, PackageState.AVAILABLE, "", 9),
        (PackageState.AVAILABLE, PackageState.INSTALLED, "1_1", 0),
        (PackageState.INSTALLED, PackageState.INSTALLED, "", 9),
    ],
)
def test_what_the_work_itself_has_filled_is_not_asked_for_again(
    before, now, uploaded_on, needed_mb
):
    """A package of 3 MB: its file on one member, what an import makes of it, the installation."""
    began = facts(member(1, packages=((NAME, before),)))
    sent = records(("DONE", {"step": "UPLOAD", "on": uploaded_on}))
    after = state(steps=RunState.replay(sent).steps)
    after.baseline = began

    def said(free_mb: int) -> str:
        health = (MemberHealth("1_1", log_free_mb=free_mb),)
        return check("A.READY", facts(member(1, packages=((NAME, now),)), health=health), after)

    assert "free in /var/log" not in said(needed_mb)
    if needed_mb:
        assert f"has {needed_mb - 1} MB free in /var/log, needs {needed_mb} MB" in said(
            needed_mb - 1
        )


def test_lost_licences_new_core_dumps_and_a_full_disk_are_seen_at_ready():
    before = facts(health=tuple(MemberHealth(f"1_{n}", 60_000, 9_000, 3) for n in range(1, 5)))
    now = facts(
        health=(
            MemberHealth(
                "1_1", 2, 9_000, 2, ("/var/log/dump/a.core.gz", "/var/log/dump/b.core.gz")
            ),
            *before.health[1:],
        )
    )
    said = check("A.READY", now, RunState(run="r", plan=plan(), baseline=before))

    assert "1_1 shows 2 licences, before 3" in said
    assert "1_1 wrote core dumps" in said
    assert "1_1 has 2 MB free" in said


def test_at_the_second_failover_the_first_group_must_be_at_the_new_take():
    new = InstalledPolicy("Standard", "12Mar24 10:51", "another at the new take")
    installed = ((NAME, PackageState.INSTALLED),)
    half = [member(n, take=120, packages=installed, policy=new) for n in (1, 2)]
    done = state(steps={"A.RETURN": StepState(status="done")})

    assert check("B.READY", facts(*half), done) == ""
    assert "1_1 is at take 99, expected 120" in check("B.READY", facts(), done)
    unread = member(1, take=None, packages=installed, policy=new)
    told = check("B.READY", facts(unread, half[1]), done)
    assert "the take of 1_1 cannot be read, expected 120" in told


@pytest.mark.parametrize(
    ("off", "words"),
    [
        ((0.0, 20.0, -40.0, None), ""),
        ((-900.0, -900.0, -900.0, -900.0), ""),
        ((-1000.0, -15000.0, -15001.0, None), "3 of 3 members are 16 min or more behind"),
        ((15000.0, 15001.0, 15002.0, 1.0), "3 of 4 members are 4 h 10 min or more ahead of"),
        ((15000.0, 15001.0, 1.0, 1.0), ""),
        ((15000.0, -15001.0, 1.0, None), ""),
        ((None, None, None, None), ""),
    ],
)
def test_it_may_be_another_time_where_most_members_say_so_on_one_side(off, words):
    health = tuple(
        MemberHealth(f"1_{n}", 60_000, 9_000, 3, clock_offset_s=one) for n, one in enumerate(off, 1)
    )

    said = invariants.another_time(facts(health=health))

    assert words in said
    assert bool(said) is bool(words)

"""Sites and Virtual Systems in facts: what counts as in service, what is bound, what is drift."""

from dataclasses import replace
from types import SimpleNamespace
from typing import Any

import pytest

from engine import invariants
from engine.canon import from_json, to_json
from engine.enforced import same_policy
from engine.errors import ConditionFailed
from engine.facts import (
    GroupFacts,
    Identity,
    InstalledPolicy,
    MemberFacts,
    SiteFacts,
    VirtualFacts,
    differences,
    in_service,
    spelled,
)
from engine.fold import RunState, StepState
from engine.gaia.dialect import CHASSIS, VERSIONS, dialect, never_found, unsupported
from engine.invariants import described
from engine.model import LogicalGroup
from engine.planner import install_steps
from engine.steps import changing, finishing, traffic
from tests.unit.builders import NAME, POLICY, facts, member, plan

STANDARD = InstalledPolicy("Standard", "12Mar24 10:51", "9107a1ef3")
WORDS = dialect("R82").state_words(2)


def on_site(site: int, number: int, **changes: Any) -> MemberFacts:
    return member(number, **{"id": f"{site}_{number}", **changes})


def two_sites(*changed: MemberFacts, active: int | None = 1, **changes: Any) -> GroupFacts:
    """Two healthy members on each Site; those of the other Site stand by."""
    by_id = {m.id: m for m in changed}
    members = []
    for site in (1, 2):
        word = "ACTIVE" if site == active else "STANDBY"
        for number in (1, 2):
            plain = on_site(site, number, state=word, own_state=word)
            members.append(by_id.get(plain.id, plain))
    sites = tuple(SiteFacts(s, "ACTIVE" if s == active else "STANDBY") for s in (1, 2))
    return facts(**{"members": tuple(members), "sites": sites, "sync_all": True, **changes})


def by_site(**changes: Any) -> Any:
    groups = (LogicalGroup("A", ("2_1", "2_2")), LogicalGroup("B", ("1_1", "1_2")))
    policy = replace(POLICY, state_words=WORDS)
    return plan(groups=groups, steps=install_steps(groups, 120), policy=policy, **changes)


def run(active: int | None = 1, **statuses: str) -> RunState:
    """A run whose steps are that far: `B_ADMIN_DOWN="done"`."""
    steps = {name.replace("_", ".", 1): StepState(status=how) for name, how in statuses.items()}
    seen = two_sites(active=active)
    state = RunState(run="hf-000001", plan=by_site(), baseline=seen, facts=seen, steps=steps)
    state.active_site = active
    return state


# --------------------------------------------------------------------------- in service


def test_a_healthy_member_of_a_standby_site_is_in_service_and_carries_what_it_must():
    seen = two_sites()

    assert all(in_service(one, WORDS) for one in seen.members)
    assert invariants.carrying_traffic(["2_1", "2_2"], seen, by_site()) == []
    assert seen.active_site == 1
    assert seen.standing_by == ("2_1", "2_2")


@pytest.mark.parametrize(
    ("seen", "said"),
    [
        (two_sites(active=None), "no Site is active (Site 1 STANDBY, Site 2 STANDBY)"),
        (
            two_sites(on_site(1, 2, state="STANDBY", own_state="STANDBY")),
            "1_2 stands by, but Site 1 is active",
        ),
        (
            two_sites(on_site(1, 2, own_state="STANDBY")),
            "1_2 stands by, but Site 1 is active",
        ),
        (two_sites(on_site(1, 1, state="DOWN", own_state="DOWN")), "1_1 is DOWN, but it must"),
        (
            two_sites(on_site(1, 1, state="STANDBY", own_state="STANDBY", notes=("FSYNC",))),
            "1_1 is STANDBY (FSYNC), but it must carry traffic",
        ),
    ],
)
def test_who_must_carry_traffic_and_does_not_is_named_on_two_sites(seen, said):
    assert said in "; ".join(invariants.carrying_traffic(["2_1", "2_2"], seen, by_site()))


def test_a_device_that_shows_no_sites_state_says_nothing_of_who_is_active():
    mute = replace(two_sites(), sites=(SiteFacts(1, ""), SiteFacts(2, "")))

    assert invariants.one_site_carries(mute.members, mute) == []
    assert mute.active_site is None


def test_on_one_site_standby_is_no_word_of_a_healthy_member():
    one = member(1, state="STANDBY", own_state="STANDBY")

    assert not in_service(one, dialect("R82").state_words(1))
    assert in_service(member(1, state="UP"), dialect("R81.20").state_words(1))


class Watch:
    """A clock that is set by hand."""

    def __init__(self) -> None:
        self.now = 0.0

    def monotonic(self) -> float:
        return self.now


DOWN = {"state": "DOWN", "own_state": "DOWN", "notes": ("ADMIN",)}
OURS = [on_site(1, number, **DOWN) for number in (1, 2)]
WAITS = replace(two_sites(*OURS), sites=(SiteFacts(1, "DOWN"), SiteFacts(2, "STANDBY")))
SPLIT = replace(
    two_sites(*(on_site(s, n, state="ACTIVE", own_state="ACTIVE") for s in (1, 2) for n in (1, 2))),
    sites=(SiteFacts(1, "ACTIVE"), SiteFacts(2, "ACTIVE")),
)


def on_duty(**changes: Any) -> Any:
    state = SimpleNamespace(
        baseline=two_sites(), cloning_owed=False, the_plan=by_site(), restarts_due={}
    )
    return SimpleNamespace(plan=by_site(), clock=Watch(), tried_since={}, state=state, **changes)


def test_a_site_is_down_only_when_the_other_one_has_taken_over():
    duty, step = on_duty(), by_site().step("B.ADMIN_DOWN")

    assert traffic._is_down(duty, step, two_sites(*OURS, active=2))
    assert not traffic._is_down(duty, step, WAITS)


def test_a_site_that_does_not_take_over_is_waited_for_half_a_minute_and_no_longer():
    duty, step = on_duty(), by_site().step("B.ADMIN_DOWN")

    for now in (0.0, 15.0):
        duty.clock.now = now
        assert not traffic._is_down(duty, step, WAITS)
    duty.clock.now = 30.0
    with pytest.raises(ConditionFailed, match=r"no Site is active \(Site 1 DOWN, Site 2 STANDBY"):
        traffic._is_down(duty, step, WAITS)

    # A time that is over does not count for the next one.
    duty.clock.now = 31.0
    assert not traffic._is_down(duty, step, WAITS)
    assert traffic._is_down(duty, step, two_sites(*OURS, active=2))
    duty.clock.now = 90.0
    assert not traffic._is_down(duty, step, WAITS)


def test_that_no_site_took_over_is_reason_to_bring_the_group_up_and_two_active_ones_are_not():
    assert invariants.left_service(["1_1", "1_2"], WAITS, by_site()) == [
        "no Site is active (Site 1 DOWN, Site 2 STANDBY)"
    ]
    shown = two_sites(*OURS)
    assert invariants.left_service(["1_1", "1_2"], shown, by_site()) == [
        "no Site is active (Site 1 ACTIVE without a member, Site 2 STANDBY)"
    ]
    assert invariants.left_service(["1_1", "1_2"], two_sites(*OURS, active=2), by_site()) == []
    assert invariants.left_service(["2_1", "2_2"], SPLIT, by_site()) == []


def test_two_sites_that_are_active_at_once_forbid_a_failover_and_an_installation():
    said = "2 Sites are active at once (Site 1 ACTIVE, Site 2 ACTIVE)"

    for name in ("A.READY", "A.ADMIN_DOWN", "A.INSTALL"):
        with pytest.raises(ConditionFailed) as refused:
            invariants.check(by_site().step(name), SPLIT, run())
        assert said in str(refused.value)


@pytest.mark.parametrize(
    ("seen", "said"),
    [(two_sites(active=None), "no Site is active"), (SPLIT, "2 Sites are active at once")],
)
def test_a_group_is_not_back_and_a_night_not_over_unless_one_site_is_active(seen, said):
    duty = on_duty()
    back, soak = by_site().step("B.RETURN"), by_site().step("B.SOAK")

    assert changing._not_back(duty, back, two_sites(), None) == []
    assert said in "; ".join(changing._not_back(duty, back, seen, None))
    assert changing.all_in_service(duty, soak, two_sites())
    assert not changing.all_in_service(duty, soak, seen)
    duty.clock.now = 30.0
    with pytest.raises(ConditionFailed, match=said):
        changing.all_in_service(duty, soak, seen)


def test_that_no_site_is_active_at_the_end_is_not_the_takeover_that_was_planned():
    duty = on_duty()

    assert finishing.not_by_us(duty, two_sites(active=2)) == ()
    assert "sites: Site 1 ACTIVE Site 2 STANDBY → Site 1 STANDBY Site 2 STANDBY" in (
        finishing.not_by_us(duty, two_sites(active=None))
    )


# --------------------------------------------------------------------------------- drift


@pytest.mark.parametrize(
    ("state", "now", "drift"),
    [
        (run(), 1, False),
        (run(), 2, True),
        (run(B_ADMIN_DOWN="intended"), 2, False),
        (run(B_ADMIN_DOWN="done", B_INSTALL="done"), 2, False),
        (run(A_ADMIN_DOWN="done"), 2, False),
        (run(A_ADMIN_DOWN="done", A_SOAK="done"), 2, True),
        (run(2, B_ADMIN_DOWN="done", B_RETURN="done"), 1, False),
        (run(2, B_ADMIN_DOWN="done", B_RETURN="done", B_SOAK="done"), 1, True),
        (run(), None, False),
        (run(None), 2, False),
    ],
)
def test_a_site_failover_is_ours_from_when_its_site_goes_down_until_it_stood_for_its_time(
    state, now, drift
):
    assert bool(invariants.site_failover(two_sites(active=now), state)) is drift


def test_what_a_rescued_group_takes_back_is_no_surprise():
    state = run(2)
    state.rescued = frozenset({"B"})

    assert invariants.site_failover(two_sites(active=1), state) == ""


def test_across_two_sites_no_failover_is_ours():
    groups = (LogicalGroup("A", ("1_1", "2_1")), LogicalGroup("B", ("1_2", "2_2")))
    state = run(A_ADMIN_DOWN="done")
    state.plan = plan(groups=groups, steps=install_steps(groups, 120))

    said = invariants.site_failover(two_sites(active=2), state)

    assert said == "Site 2 is active now, and Site 1 was before"


# ----------------------------------------------------------------------------- the digest


def test_what_is_on_one_site_and_not_virtual_has_the_digest_of_before():
    plain = facts()

    assert facts(sites=(SiteFacts(1, "ACTIVE"),), sync_all=True).digest(NAME) == plain.digest(NAME)
    assert set(plain.digested(NAME)) == {"members", "smo", "sync", "version", "platform", "mode"}
    assert "virtual" not in plain.digested(NAME)["members"][0]


def test_sites_and_virtual_systems_are_bound_and_told_field_by_field():
    policies = [STANDARD, replace(STANDARD, name="InitialPolicy")]
    before = two_sites()
    other = two_sites(active=2)
    assert "sites: Site 1 ACTIVE Site 2 STANDBY → Site 1 STANDBY Site 2 ACTIVE" in differences(
        before.digested(NAME), other.digested(NAME)
    )
    assert before.digest(NAME) != replace(before, sync_all=None).digest(NAME)

    first, second = (
        facts(member(1, virtual=(vs(1), vs(12, policy=policy)))) for policy in policies
    )
    assert differences(first.digested(NAME), second.digested(NAME)) == (
        "1_1: virtual 12: ACTIVE, Standard 9107a1ef3; → 12: ACTIVE, InitialPolicy 9107a1ef3;",
    )


def test_facts_of_before_are_read_and_new_ones_come_back_as_they_were():
    seen = two_sites(on_site(1, 1, virtual=(vs(3, notes=("FSYNC",)),)))
    assert from_json(GroupFacts, to_json(seen)) == seen

    old = to_json(facts())
    for key in ("sites", "sync_all"):
        del old[key]
    for one in old["members"]:
        del one["virtual"]
    assert from_json(GroupFacts, old) == facts()


# ------------------------------------------------------------------------ Virtual Systems


def vs(number: int, **changes: Any) -> VirtualFacts:
    return replace(VirtualFacts(number, "x", "ACTIVE", policy=STANDARD), **changes)


@pytest.mark.parametrize(
    ("ill", "said"),
    [
        (vs(3, state="DOWN"), "VS 3 (x) is DOWN"),
        (vs(3, notes=("FSYNC",)), "VS 3 (x) is ACTIVE (FSYNC)"),
        (vs(3, policy=None), "VS 3 (x) is ACTIVE with no policy"),
        (vs(3, policy=replace(STANDARD, name="InitialPolicy")), "is ACTIVE with InitialPolicy"),
        (vs(3, unread="it was not asked"), "VS 3 (x) cannot be read (it was not asked)"),
        (vs(3, state="ACTIVE(!)"), "VS 3 (x) is ACTIVE(!)"),
    ],
)
def test_a_member_is_in_service_only_where_every_virtual_system_is(ill, said):
    one = member(3, virtual=(vs(1), ill))

    assert in_service(member(3, virtual=(vs(1), vs(3))))
    assert not in_service(one)
    assert said in described(one)
    assert "VS 1 " not in described(one)
    assert said in "; ".join(invariants.carrying_traffic(["1_1"], facts(one), plan()))


def test_the_policy_of_each_virtual_system_must_be_the_same():
    other = replace(STANDARD, signature="ffff")
    group = [member(n, virtual=(vs(1), vs(3))) for n in (1, 2)]
    assert same_policy(group) == []

    group[1] = member(2, virtual=(vs(1), vs(3, policy=other)))
    assert same_policy(group) == [
        "VS 3 of 1_2 has policy Standard of 12Mar24 10:51 [ffff], that of 1_1 has Standard of "
        "12Mar24 10:51 [9107a1ef3]"
    ]
    # Across takes signatures differ by themselves.
    assert same_policy([group[0], replace(group[1], take=120)]) == []


def test_a_policy_that_changes_in_one_virtual_system_is_drift():
    before = facts(*(member(n, virtual=(vs(3),)) for n in range(1, 5)))
    later = vs(3, policy=replace(STANDARD, date="13Mar24 09:00"))
    state = RunState(run="hf-000001", plan=plan(), baseline=before)

    drift = invariants.policy_drift(facts(member(2, virtual=(later,))), state)

    assert len(drift) == 1
    assert drift[0].startswith("policy on 1_2 (VS 3) changed from Standard of 12Mar24 10:51")


# -------------------------------------------------------------------------- the dialects


def test_every_version_says_how_members_are_set_down_and_up():
    spoken = {
        v: dialect(v).set_admin_state("down", ["1_1", "1_2"], accelerated=True) for v in VERSIONS
    }
    old, new = (
        "g_clusterXL_admin -b 1_1-1_2 down -a",
        ("gclish -c 'set cluster members-admin-state ids 1_01-1_02 down'"),
    )
    assert spoken == {
        "R80.30SP": old,
        "R81": old,
        "R81.10": old,
        "R81.20": old,
        "R82": new,
        "R82.10": new,
    }
    assert dialect("R81.20").set_admin_state("up", ["1_1"], accelerated=True).endswith("1_1 up")


@pytest.mark.parametrize(
    ("identity", "why"),
    [
        (Identity("R82", "Maestro", "VSX"), ""),
        (Identity("R82.10", "ElasticXL", "VSNext"), ""),
        (Identity("R81.20", "Maestro", "VSX"), ""),
        (Identity("R81.20", "Maestro", "VSNext"), "VSNext mode is not supported with R81.20"),
        (Identity("R82", "ElasticXL", "VSX"), "ElasticXL in Traditional VSX mode is not supported"),
        (Identity("R81.20", "ElasticXL", "Gateway"), "there is no ElasticXL of R81.20"),
        (Identity("R81.20", CHASSIS, "Gateway"), "a chassis is not supported"),
        (Identity("R81.20", "", "VSX"), "asg stat does not say the platform"),
        (Identity("R81.20", "Quantum", "Gateway"), "asg stat says Quantum"),
        (Identity("R77", "Maestro", "Gateway"), "R77 is not supported; supported: R80.30SP, R81,"),
        (Identity("", "Maestro", "Gateway"), "a version that is not shown is not supported"),
    ],
)
def test_what_is_not_supported_is_refused_with_the_reason(identity, why):
    said = unsupported(identity.version, identity.platform, identity.mode)

    assert why in said
    assert bool(said) is bool(why)


def test_pins_that_no_group_can_ever_have_together_are_refused():
    assert never_found(Identity()) == ""
    assert never_found(Identity(platform="ElasticXL")) == ""
    assert "ElasticXL R81.10" in never_found(Identity("R81.10", "ElasticXL"))


def test_ids_are_spelled_as_each_version_prints_them():
    members = ["2_1", "1_3", "1_2", "1_10"]

    assert spelled(members) == "1_2-1_3,1_10,2_1"
    assert spelled(members, padded=True) == "1_02-1_03,1_10,2_01"

"""Logical Groups: the vendor's sizes, two Sites, and what people are told of a split."""

from dataclasses import replace
from typing import Any

import pytest
from hypothesis import assume, given
from hypothesis import strategies as st

from bot.changing import Place, form, read_form
from engine import invariants
from engine.errors import ConditionFailed, PlanRefused
from engine.facts import (
    GroupFacts,
    MemberFacts,
    MemberHealth,
    PackageState,
    SiteFacts,
    by_number,
    spelled,
)
from engine.fold import RunState
from engine.headroom import active_among, active_site, headroom, in_words, standby_site
from engine.model import LogicalGroup, Plan, StepKind
from engine.planner import plan_install
from engine.proposals import Change, plan_change, split_faults
from engine.splitting import (
    HOW,
    UNGUARDED,
    by_sites,
    goes_by_site,
    is_about_split,
    left_alone,
    notes,
    site_of,
    size_fault,
    split,
    spread,
    whole_sites,
)
from tests.unit.builders import PACKAGE, POLICY, REQUEST, facts, member


def on(*counts: int) -> list[str]:
    """Members 1_1, 1_2 … of Site 1, then those of Site 2."""
    return [f"{site}_{n}" for site, count in enumerate(counts, 1) for n in range(1, count + 1)]


def shape(groups: tuple[LogicalGroup, ...]) -> list[str]:
    return [spelled(group.members) for group in groups]


any_ids = st.one_of(
    st.sets(st.integers(1, 31), min_size=2, max_size=31).map(lambda ns: [f"1_{n}" for n in ns]),
    st.tuples(
        st.sets(st.integers(1, 31), min_size=1, max_size=16),
        st.sets(st.integers(1, 31), min_size=1, max_size=16),
    ).map(lambda two: [f"{site}_{n}" for site, ns in enumerate(two, 1) for n in ns]),
)


@given(any_ids, st.integers(2, 9), st.sampled_from(HOW), st.sampled_from([0, 1, 2]))
def test_every_member_is_in_exactly_one_group_and_never_all_are_in_one(members, count, how, first):
    try:
        groups = split(members, count, how=how, first=first)
    except PlanRefused:
        smallest = min(len(of) for of in by_sites(members).values())
        assert count > len(members) or (how == "across_sites" and smallest < count)
        return

    assert sorted(one for g in groups for one in g.members) == sorted(members)
    assert len(groups) == count
    assert all(0 < len(g.members) < len(members) for g in groups)
    assert [g.name for g in groups] == [chr(ord("A") + n) for n in range(count)]


@given(any_ids, st.integers(2, 9), st.sampled_from(HOW), st.sampled_from([0, 1, 2]))
def test_sizes_differ_by_at_most_one_where_the_vendor_asks_it(members, count, how, first):
    assume(count <= len(members))
    sites = by_sites(members)
    assume(how != "across_sites" or min(map(len, sites.values())) >= count)
    groups = split(members, count, how=how, first=first)

    assert size_fault([g.members for g in groups]) == ""
    if len(sites) == 1:
        assert spread([len(g.members) for g in groups]) <= 1
        return
    if goes_by_site(members, count, how):
        assert all(len({site_of(one) for one in g.members}) == 1 for g in groups)
        for site in sites:
            assert spread([len(g.members) for g in groups if site_of(g.members[0]) == site]) <= 1
        if first:
            assert site_of(groups[0].members[0]) == first
        return
    for site in sites:
        assert spread([sum(site_of(one) == site for one in g.members) for g in groups]) <= 1
    sizes = sorted(len(of) for of in sites.values())
    decided = count == 2 and sizes[0] % 2 == 1 and sizes[1] == sizes[0] + 2
    apart = spread([len(g.members) for g in groups])
    assert apart == 2 if decided else apart <= 1
    assert not any(whole_sites(groups).values())


@given(any_ids, st.integers(2, 6), st.sampled_from(HOW))
def test_a_split_of_ours_is_taken_where_somebody_gives_it_by_its_members(members, count, how):
    try:
        groups = split(members, count, how=how)
    except PlanRefused:
        return

    parts = [g.members for g in groups]
    assert split(members, 2, parts) == groups
    assert split_faults(members, parts) == {}


@given(st.data(), any_ids)
def test_the_form_finds_fault_exactly_where_a_split_of_two_sites_is_refused(data, members):
    where = {one: data.draw(st.integers(0, 2)) for one in members}
    wanted = [[one for one in members if where[one] == part] for part in range(3)]
    try:
        split(members, 2, wanted)
        refused = False
    except PlanRefused:
        refused = True

    assert bool(split_faults(members, wanted)) == refused


@pytest.mark.parametrize(
    ("counts", "count", "how", "first", "expected"),
    [
        ((8,), 2, "auto", 0, ["1_1-1_4", "1_5-1_8"]),
        ((5,), 2, "auto", 0, ["1_1-1_3", "1_4-1_5"]),
        ((8,), 3, "auto", 0, ["1_1-1_3", "1_4-1_6", "1_7-1_8"]),
        ((4, 4), 2, "auto", 2, ["2_1-2_4", "1_1-1_4"]),
        ((4, 3), 2, "auto", 1, ["1_1-1_4", "2_1-2_3"]),
        ((1, 1), 2, "auto", 2, ["2_1", "1_1"]),
        ((5, 3), 2, "auto", 2, ["1_1-1_3,2_1-2_2", "1_4-1_5,2_3"]),
        ((5, 3), 2, "by_site", 2, ["2_1-2_3", "1_1-1_5"]),
        ((4, 4), 2, "across_sites", 2, ["1_1-1_2,2_1-2_2", "1_3-1_4,2_3-2_4"]),
        ((3, 3), 2, "across_sites", 2, ["1_1-1_2,2_1", "1_3,2_2-2_3"]),
        ((5, 5), 2, "across_sites", 2, ["1_1-1_3,2_1-2_2", "1_4-1_5,2_3-2_5"]),
        ((4, 4), 3, "across_sites", 2, ["1_1-1_2,2_1", "1_3,2_2-2_3", "1_4,2_4"]),
        ((5, 4), 3, "auto", 2, ["1_1-1_2,2_1", "1_3-1_4,2_2", "1_5,2_3-2_4"]),
        ((7, 3), 2, "auto", 2, ["1_1-1_4,2_1", "1_5-1_7,2_2-2_3"]),
        ((7, 5), 2, "auto", 2, ["1_1-1_4,2_1-2_3", "1_5-1_7,2_4-2_5"]),
        ((6, 6), 3, "auto", 2, ["1_1-1_2,2_1-2_2", "1_3-1_4,2_3-2_4", "1_5-1_6,2_5-2_6"]),
        ((5, 1), 2, "auto", 2, ["2_1", "1_1-1_5"]),
        ((5, 2), 3, "auto", 2, ["2_1-2_2", "1_1-1_3", "1_4-1_5"]),
        ((4, 4), 4, "by_site", 2, ["2_1-2_2", "2_3-2_4", "1_1-1_2", "1_3-1_4"]),
    ],
)
def test_members_are_divided_as_it_was_decided(counts, count, how, first, expected):
    assert shape(split(on(*counts), count, how=how, first=first)) == expected


@pytest.mark.parametrize(
    ("counts", "count", "how", "words"),
    [
        ((3,), 4, "auto", "3 members cannot be divided into 4 groups"),
        ((5, 1), 2, "across_sites", "Site 2 has 1 member, so 2 groups cannot each take a share"),
        ((5, 2), 3, "across_sites", "Site 2 has 2 members, so 3 groups"),
    ],
)
def test_what_cannot_be_divided_is_refused_with_the_reason(counts, count, how, words):
    with pytest.raises(PlanRefused, match=words):
        split(on(*counts), count, how=how)


@pytest.mark.parametrize(
    ("parts", "fault"),
    [
        ([["1_1", "1_2", "1_3"], ["2_1"]], False),
        ([["1_1", "1_2", "2_1"], ["1_3"]], True),
        ([["1_1", "1_2", "2_1", "2_2"], ["1_3", "2_3"]], True),
        ([["1_1", "1_2", "1_3", "2_1", "2_2"], ["1_4", "1_5", "2_3"]], False),
        ([["1_1", "1_2", "1_3", "1_4", "2_1"], ["1_5", "2_2", "2_3"]], True),
        ([["1_1", "1_2", "1_3", "2_1"], ["2_2"]], True),
        ([["1_1", "2_1", "2_2", "2_3"], ["1_2"]], True),
        ([["1_1", "1_2", "1_3"], ["1_4"], ["2_1"]], True),
    ],
)
def test_by_site_sizes_may_differ_and_otherwise_not(parts, fault):
    assert bool(size_fault(parts)) == fault


# --------------------------------------------------------------------------------- what is told


def test_the_proposal_says_when_the_other_site_takes_over_and_whether_it_goes_back():
    groups = split(on(4, 4), 2, first=2)

    standby, active = notes(groups, 1)
    assert standby.startswith("while A is down Site 2 is out as a whole, and Site 1 has no other")
    assert active.startswith("while B is down Site 2 takes over from Site 1. As delivered the")
    assert "goes back by itself" in active


def test_of_the_active_site_first_both_failovers_are_said():
    groups = split(on(4, 4), 2, first=1)

    first, second = notes(groups, 1)
    assert first.startswith("while A is down Site 2 takes over from Site 1")
    assert second.startswith("while B is down Site 1 takes over from Site 2")


def test_across_sites_it_is_said_that_a_site_failover_is_not_ours():
    (told,) = notes(split(on(5, 3), 2), 1)

    assert told.startswith("Site failovers: no Site is out as a whole")


def test_of_one_site_nothing_is_said_of_sites():
    assert notes(split(on(8), 2)) == ()


def test_one_member_that_is_left_is_named_by_its_group():
    assert left_alone(split(on(3), 2)) == ("A",)
    assert left_alone(split(on(1, 1), 2)) == ("A", "B")
    assert left_alone(split(on(2, 2), 2)) == ()


@pytest.mark.parametrize(
    ("counts", "down", "active", "carrying", "staying"),
    [
        ((8,), on(4), None, on(8), ["1_5", "1_6", "1_7", "1_8"]),
        ((4, 4), ["2_1", "2_2", "2_3", "2_4"], 1, on(4), on(4)),
        ((4, 4), on(4), 1, on(4), ["2_1", "2_2", "2_3", "2_4"]),
        ((5, 3), ["1_1", "1_2", "1_3", "2_1", "2_2"], 1, on(5), ["1_4", "1_5"]),
        ((4, 4), on(4), None, on(4, 4), ["2_1", "2_2", "2_3", "2_4"]),
    ],
)
def test_headroom_counts_those_who_carry_traffic(counts, down, active, carrying, staying):
    seen = headroom(down, on(*counts), active)

    assert (list(seen.carrying), list(seen.staying)) == (carrying, staying)


def test_headroom_in_words():
    assert in_words("A", headroom(on(3), on(5))) == (
        "while A is down 2 members carry what 5 carry now: 2.5 times as much each"
    )
    assert in_words("B", headroom(on(2), on(2, 1), 1)) == (
        "while B is down 1 member carries (2_1, the other Site) what 2 carry now: 2.0 times as "
        "much each"
    )
    assert "nobody who carries traffic now is missing" in in_words(
        "A", headroom(["2_1"], on(2, 1), 1)
    )


# ----------------------------------------------------------------------------- plans of two Sites


def on_site(site: int, number: int, **changes: Any) -> MemberFacts:
    state = "ACTIVE" if site == 1 else "STANDBY"
    made = member(number, id=f"{site}_{number}", state=state, own_state=state, packages=())
    return replace(made, **changes)


def two_sites(*counts: int, active: int = 1, **changes: Any) -> GroupFacts:
    members = tuple(
        on_site(site, n) for site, count in enumerate(counts, 1) for n in range(1, count + 1)
    )
    states = {active: "ACTIVE"}
    sites = tuple(SiteFacts(n, states.get(n, "STANDBY")) for n in range(1, len(counts) + 1))
    return replace(facts(), members=members, sites=sites, sync_all=True, **changes)


def planned(look: GroupFacts, **wanted: Any) -> Plan:
    return plan_install("hf-000001", replace(REQUEST, **wanted), PACKAGE, look, POLICY)


def test_equal_sites_are_a_group_each_and_the_standby_one_goes_first():
    assert shape(planned(two_sites(4, 4)).groups) == ["2_1-2_4", "1_1-1_4"]
    assert shape(planned(two_sites(4, 4, active=2)).groups) == ["1_1-1_4", "2_1-2_4"]


def test_unequal_sites_give_the_same_share_of_each():
    assert shape(planned(two_sites(5, 3)).groups) == ["1_1-1_3,2_1-2_2", "1_4-1_5,2_3"]


@pytest.mark.parametrize(
    ("smo", "groups", "expected"),
    [
        ("2_1", 2, ["2_1-2_4", "1_1-1_4"]),
        ("1_1", 2, ["2_1-2_4", "1_1-1_4"]),
        ("2_1", 4, ["2_3-2_4", "2_1-2_2", "1_1-1_2", "1_3-1_4"]),
        ("1_1", 4, ["2_1-2_2", "2_3-2_4", "1_3-1_4", "1_1-1_2"]),
    ],
)
def test_the_standby_site_stays_first_where_the_smo_goes_last(smo, groups, expected):
    policy = replace(POLICY, order="smo_last")
    request = replace(REQUEST, groups=groups, divide="by_site")
    made = plan_install("hf-000001", request, PACKAGE, two_sites(4, 4, smo=smo), policy)

    assert shape(made.groups) == expected


def test_across_sites_the_smo_goes_last():
    made = plan_install(
        "hf-000001", REQUEST, PACKAGE, two_sites(5, 3, smo="1_1"), replace(POLICY, order="smo_last")
    )

    assert shape(made.groups) == ["1_4-1_5,2_3", "1_1-1_3,2_1-2_2"]


def test_the_order_wins_over_the_settings():
    by_site = planned(two_sites(5, 3), divide="by_site")

    assert shape(by_site.groups) == ["2_1-2_3", "1_1-1_5"]
    assert by_site.policy.split == "by_site"
    assert len(planned(two_sites(4, 4), groups=4).groups) == 4


def test_a_healthy_member_of_the_standby_site_counts_as_in_service():
    words = planned(two_sites(4, 4)).policy.state_words

    assert {"ACTIVE", "STANDBY", "UP"} <= set(words)
    assert planned(facts()).policy.state_words == ("ACTIVE", "UP")


def test_which_site_goes_first_is_not_guessed():
    unknown = replace(two_sites(4, 4), sites=(SiteFacts(1, ""), SiteFacts(2, "")))
    with pytest.raises(PlanRefused, match=r"which that is cannot be told \(Site 1 \?, Site 2 \?\)"):
        planned(unknown)

    assert len(planned(unknown, divide="across_sites").groups) == 2
    assert len(planned(unknown, split=(tuple(on(4)), tuple(on(0, 4)))).groups) == 2


@pytest.mark.parametrize(
    ("counts", "platform", "words"),
    [
        ((4, 2), "ElasticXL", "at most 3 members per Site and 6 in all, but there are 4 on Site 1"),
        ((2, 2, 2), "Maestro", "3 Sites are more than the 2"),
        ((16, 16), "Maestro", "32 members are more than the limit of 31"),
    ],
)
def test_more_members_than_there_may_be_are_refused(counts, platform, words):
    look = two_sites(*counts, platform=platform, version="R82")
    package = replace(PACKAGE, version="R82")
    with pytest.raises(PlanRefused, match=words):
        plan_install("hf-1", REQUEST, package, look, POLICY)


def test_six_members_of_an_elasticxl_cluster_are_planned_by_site():
    look = two_sites(3, 3, platform="ElasticXL", version="R82")
    made = plan_install("hf-1", REQUEST, replace(PACKAGE, version="R82"), look, POLICY)

    assert shape(made.groups) == ["2_1-2_3", "1_1-1_3"]


def test_the_active_and_the_standby_site_are_read_and_never_computed():
    assert (active_site(two_sites(4, 4)), standby_site(two_sites(4, 4))) == (1, 2)
    both = replace(two_sites(4, 4), sites=(SiteFacts(1, "ACTIVE"), SiteFacts(2, "ACTIVE")))
    assert (active_site(both), standby_site(both)) == (None, None)


# ------------------------------------------------------------------------------ what must hold


def preflight_of(look: GroupFacts) -> list[str]:
    made = planned(look)
    state = RunState(run="hf-000001")
    state.request, state.plan = REQUEST, made
    try:
        invariants.check(made.steps[1], look, state)
    except ConditionFailed as error:
        return str(error).split("; ")
    return []


@pytest.mark.parametrize("sync_all", [False, None])
def test_a_split_by_site_needs_synchronisation_to_all_sites(sync_all):
    assert preflight_of(two_sites(4, 4)) == []
    found = preflight_of(replace(two_sites(4, 4), sync_all=sync_all))
    assert all("synchronisation to all Sites" in one for one in found)
    assert len(found) == 2


def test_the_same_share_of_each_site_needs_none():
    assert preflight_of(replace(two_sites(5, 3), sync_all=False)) == []


@pytest.mark.parametrize(("limit", "refused"), [(0, False), (100, True), (222, True), (223, False)])
def test_a_failover_that_leaves_too_much_to_each_is_refused(limit, refused):
    look = facts(
        *(member(n, packages=((PACKAGE.name, PackageState.AVAILABLE),)) for n in range(1, 5)),
        health=tuple(MemberHealth(f"1_{n}", connections=100) for n in range(1, 5)),
    )
    policy = replace(POLICY, connections_limit=limit)
    state = RunState(run="hf-000001")
    state.request = REQUEST
    state.plan = plan_install("hf-000001", REQUEST, PACKAGE, look, policy)
    ready = next(step for step in state.plan.steps if step.kind is StepKind.READY)
    if not refused:
        invariants.check(ready, look, state)
        return

    with pytest.raises(ConditionFailed, match="each member that stays would carry about 200"):
        invariants.check(ready, look, state)


def test_which_site_is_active_is_read_in_a_digest_too():
    assert active_among(two_sites(4, 4).digested(None)["sites"]) == 1
    assert active_among(two_sites(4, 4, active=2).digested(None)["sites"]) == 2
    assert active_among(None) is None


# ------------------------------------------------------------------------------------- changes


def changed(change: Change, look: GroupFacts) -> Plan:
    state = RunState(run="hf-000001")
    state.request, state.plan = REQUEST, planned(look)
    return plan_change(state, change, look, by="ana")


def test_a_proposal_of_two_sites_is_changed():
    look = two_sites(4, 4)
    across = changed(Change(divide="across_sites"), look)
    assert shape(across.groups) == ["1_1-1_2,2_1-2_2", "1_3-1_4,2_3-2_4"]
    assert across.policy.split == "across_sites"

    swapped = changed(Change(order="swap"), look)
    assert [(g.name, spelled(g.members)) for g in swapped.groups] == [
        ("B", "1_1-1_4"),
        ("A", "2_1-2_4"),
    ]
    assert swapped.notes[0].startswith("while B is down Site 2 takes over from Site 1")
    assert swapped.notes[1].startswith("while A is down Site 1 takes over from Site 2")

    four = changed(Change(groups=4), look)
    assert shape(four.groups) == ["1_1,2_1", "1_2,2_2", "1_3,2_3", "1_4,2_4"]


def test_what_was_said_of_the_former_split_is_not_said_again():
    across = changed(Change(divide="across_sites"), two_sites(4, 4))

    assert [note[:15] for note in across.notes] == ["Site failovers:"]


def test_the_form_of_a_proposal_is_filled_in_by_site_and_read_back():
    look = two_sites(4, 4)
    made, place = planned(look), Place("hf-000001", 1, "C0FIREWALL", "1.000001")
    values = {
        block["label"]["text"]: block["element"].get("initial_value")
        for block in form(made, place, "1_1", seen=look)["blocks"]
        if block["type"] == "input"
    }
    assert (values["Members of A"], values["Members of B"]) == ("2_1-2_4", "1_1-1_4")

    view = form(made, place, "1_1", count=4, seen=look)
    sent = {
        block["block_id"]: {block["element"]["action_id"]: _as_sent(block["element"])}
        for block in view["blocks"]
        if block["type"] == "input"
    }
    change, errors = read_form({"state": {"values": sent}}, made)
    assert errors == {}
    assert [spelled(part) for part in change.split] == ["1_1,2_1", "1_2,2_2", "1_3,2_3", "1_4,2_4"]
    assert sorted((m for part in change.split for m in part), key=by_number) == on(4, 4)


def _as_sent(element: dict[str, Any]) -> dict[str, Any]:
    return {
        "value": element.get("initial_value"),
        "selected_option": element.get("initial_option"),
        "selected_options": element.get("initial_options", []),
    }


def test_where_members_of_a_standby_site_call_themselves_active_people_are_told_in_the_proposal():
    seen = two_sites(2, 2)
    same = replace(
        seen,
        members=tuple(replace(one, state="ACTIVE", own_state="ACTIVE") for one in seen.members),
    )

    assert seen.tells_sites_apart
    assert not same.tells_sites_apart
    assert same.said_active == ("1_1", "1_2")
    told = [note for note in planned(same).notes if is_about_split(note)]
    assert told[-1].startswith("members of the Standby Site call themselves ACTIVE, so no")
    assert UNGUARDED not in planned(seen).notes
    assert facts().said_active == ()
    assert facts().tells_sites_apart

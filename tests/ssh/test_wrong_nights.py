"""Nights that the vendor forbids, on the bare rehearsal: the witness objects to each."""

from collections.abc import Awaitable, Callable
from datetime import timedelta
from pathlib import Path
from typing import Any

import pytest

from engine.rehearsal.group import Group, Setup
from engine.rehearsal.shell import RehearsalShell
from tests.rehearsing import (
    PACKAGE,
    SOON,
    admin,
    all_in_service,
    answering,
    cloning,
    install,
    prepare,
)
from tests.simulation.loop import VirtualClock, run_virtual, virtual_clock

Night = Callable[[RehearsalShell, Group, VirtualClock], Awaitable[None]]


def play(night: Night, tmp_path: Path, **settings: Any) -> dict[str, Any]:
    package = tmp_path / PACKAGE
    package.write_bytes(b"x" * 1000)

    async def whole() -> dict[str, Any]:
        clock = virtual_clock()
        group = Group(Setup(**{"members": 4, **settings}), clock)
        shell = RehearsalShell(group)
        await prepare(shell, package)
        await night(shell, group, clock)
        await shell.close()
        return group.report()

    return run_virtual(whole())


async def a_right_night(shell, group, clock):
    await cloning(shell, "off")
    await admin(shell, "1_3", "1_1-1_2")
    await answering(group, clock)
    await install(shell, "1_1", "1_1-1_2")
    await all_in_service(group, clock)
    await admin(shell, "1_1", "1_3-1_4")
    await install(shell, "1_3", "1_3-1_4")
    await all_in_service(group, clock)
    await cloning(shell, "on")


async def all_members_at_once(shell, group, clock):
    await cloning(shell, "off")
    await install(shell, "1_1", "all")
    await clock.sleep(timedelta(minutes=17))
    await all_in_service(group, clock)


async def cloning_left_on(shell, group, clock):
    await admin(shell, "1_1", "1_3-1_4")
    await install(shell, "1_3", "1_3-1_4")
    await all_in_service(group, clock)


async def members_in_service(shell, group, clock):
    await cloning(shell, "off")
    await install(shell, "1_3", "1_3-1_4")
    await all_in_service(group, clock)


async def both_groups_down(shell, group, clock):
    await admin(shell, "1_1", "1_3-1_4")
    await admin(shell, "1_3", "1_1-1_2")
    await answering(group, clock)


async def install_twice(shell, group, clock):
    await cloning(shell, "off")
    await admin(shell, "1_1", "1_3-1_4")
    await install(shell, "1_3", "1_3-1_4")
    await shell.run(f"gexec -a -g0 -b 1_3 -c 'da_cli install package={PACKAGE}'", within=SOON)
    group.start_change(group.member("1_3"), group.member("1_3").packages[-1], "Install")
    group.order("install", "1_3", ["1_3", "1_4"], package=PACKAGE)
    await all_in_service(group, clock)


async def second_group_before_the_first_is_back(shell, group, clock):
    await cloning(shell, "off")
    await admin(shell, "1_1", "1_3-1_4")
    await install(shell, "1_3", "1_3-1_4")
    await admin(shell, "1_2", "1_1-1_1")
    await answering(group, clock)


async def installing_while_others_are_away(shell, group, clock):
    await cloning(shell, "off")
    await admin(shell, "1_3", "1_1-1_1")
    await answering(group, clock)
    group.add_fault({"name": "member_fails", "member": "1_4", "after_s": 0})
    await install(shell, "1_1", "1_1")


async def second_group_before_the_first_restarted(shell, group, clock):
    """CPUSE lists the package as installed, and the restart that it announced is late."""
    await cloning(shell, "off")
    await admin(shell, "1_1", "1_3-1_4")
    await install(shell, "1_3", "1_3-1_4")
    await clock.sleep(timedelta(minutes=18))
    group.advance()
    await admin(shell, "1_1", "1_3-1_4", "up")
    await admin(shell, "1_3", "1_1-1_2")
    await answering(group, clock)


async def all_members_down(shell, group, clock):
    await admin(shell, "1_1", "all")


async def cloning_on_over_two_halves(shell, group, clock):
    await cloning(shell, "off")
    await admin(shell, "1_1", "1_3-1_4")
    await install(shell, "1_3", "1_3-1_4")
    await all_in_service(group, clock)
    await cloning(shell, "on")


WRONG: list[tuple[Night, str]] = [
    (all_members_at_once, "on all members at once"),
    (cloning_left_on, "rebooted after install with image auto-clone on"),
    (members_in_service, "install was started on 1_3, which was ACTIVE"),
    (both_groups_down, "1_1 was ordered down while 1_3 was DOWN"),
    (install_twice, "install was started twice on 1_3"),
    (second_group_before_the_first_is_back, "1_1 was ordered down while 1_3 was"),
    (installing_while_others_are_away, "install was started on 1_1 while 1_4 was DETACHED"),
    (
        cloning_on_over_two_halves,
        "image auto-clone was ordered on, and members differ: 1_1 take 99",
    ),
    (all_members_down, "was ordered down together with all members"),
]

A_LATE_RESTART = {"restart_after_s": 1200.0}


def test_the_witness_objects_to_members_whose_restart_is_still_to_come(tmp_path: Path):
    night = play(second_group_before_the_first_restarted, tmp_path, **A_LATE_RESTART)
    sentence = "1_1 was ordered down while the announced restart of 1_3, 1_4 was still to come"
    assert any(sentence in one for one in night["objections"]), night["objections"]

    right = play(a_right_night, tmp_path, **A_LATE_RESTART)
    assert (right["objections"], right["connections_lost"]) == ([], 0)


def test_the_witness_knows_a_hotfix_that_leaves_the_take_as_it_is(tmp_path: Path):
    beside = [{"name": PACKAGE, "kind": "hotfix"}]
    night = play(cloning_on_over_two_halves, tmp_path, packages=beside)

    assert {one["take_after"] for one in night["members"]} == {99}
    (objection,) = night["objections"]
    assert f"1_2 take 99; 1_3 take 99 and {PACKAGE}" in objection


@pytest.mark.parametrize(("night", "objection"), WRONG, ids=[n.__name__ for n, _ in WRONG])
def test_the_witness_objects(night: Night, objection: str, tmp_path: Path):
    report = play(night, tmp_path)
    assert any(objection in sentence for sentence in report["objections"]), report["objections"]


@pytest.mark.parametrize("members", [4, 5, 8])
@pytest.mark.parametrize("seed", [0, 1, 2])
def test_the_witness_has_nothing_against_the_vendors_night(members: int, seed: int, tmp_path: Path):
    async def night(shell, group, clock):
        half = (members + 1) // 2
        a, b = f"1_1-1_{half}", f"1_{half + 1}-1_{members}"
        await cloning(shell, "off")
        await admin(shell, f"1_{half + 1}", a)
        await answering(group, clock)
        await install(shell, "1_1", a)
        took = await all_in_service(group, clock)
        assert 17 * 60 <= took <= 22 * 60
        await admin(shell, "1_1", b)
        await install(shell, f"1_{half + 1}", b)
        await all_in_service(group, clock)
        await cloning(shell, "on")

    report = play(night, tmp_path, members=members, seed=seed)
    assert report["objections"] == []
    assert report["connections_lost"] == 0
    assert report["active_min"] == members // 2
    assert {m["take_after"] for m in report["members"]} == {120}
    assert {m["installs_started"] for m in report["members"]} == {1}


def test_a_night_of_all_members_at_once_loses_every_connection(tmp_path: Path):
    report = play(all_members_at_once, tmp_path)
    assert report["active_min"] == 0
    assert report["connections_lost"] >= 120_000


def test_a_member_with_cloning_on_comes_back_with_the_smos_software(tmp_path: Path):
    report = play(cloning_left_on, tmp_path)
    assert [m["take_after"] for m in report["members"]] == [99, 99, 99, 99]


def test_the_last_healthy_member_refuses_to_go_down(tmp_path: Path):
    async def night(shell, group, clock):
        await admin(shell, "1_1", "1_3-1_4")
        await admin(shell, "1_1", "1_2")
        shown = await admin(shell, "1_3", "1_1")
        await answering(group, clock)
        assert "Member current state is ACTIVE(!)" in shown
        assert group.states()["1_1"] == "ACTIVE(!)"

    assert play(night, tmp_path)["connections_lost"] == 0


# ------------------------------------------------------------------------------- two Sites


async def site_by_site(shell, group, clock):
    await cloning(shell, "off")
    await admin(shell, "1_1", "2_1-2_3")
    await install(shell, "2_1", "2_1-2_3")
    await all_in_service(group, clock)
    await admin(shell, "2_1", "1_1-1_5")
    await answering(group, clock)
    await install(shell, "1_1", "1_1-1_5")
    await all_in_service(group, clock)
    await cloning(shell, "on")


async def across_the_sites(shell, group, clock):
    await cloning(shell, "off")
    await admin(shell, "1_4", "1_1-1_3,2_1-2_2")
    await answering(group, clock)
    await install(shell, "1_1", "1_1-1_3,2_1-2_2")
    await all_in_service(group, clock)
    await admin(shell, "1_1", "1_4-1_5,2_3")
    await install(shell, "1_4", "1_4-1_5,2_3")
    await all_in_service(group, clock)
    await cloning(shell, "on")


async def the_standby_site_without_taking_it_down(shell, group, clock):
    """As on two chassis: the hotfix goes onto the Standby one, which carries nothing."""
    await cloning(shell, "off")
    await install(shell, "2_1", "chassis2")
    await clock.sleep(timedelta(minutes=17))
    await all_in_service(group, clock)
    await admin(shell, "2_1", "chassis1")
    await answering(group, clock)
    await install(shell, "1_1", "chassis1")
    await all_in_service(group, clock)


@pytest.mark.parametrize("word", ["STANDBY", "UP", "ACTIVE"])
@pytest.mark.parametrize("returns", [False, True])
@pytest.mark.parametrize(
    "night", [site_by_site, across_the_sites, the_standby_site_without_taking_it_down]
)
def test_the_witness_has_nothing_against_a_right_night_of_two_sites(
    night: Night, returns: bool, word: str, tmp_path: Path
):
    report = play(night, tmp_path, sites=[5, 3], standby_word=word, site_returns=returns)
    assert report["objections"] == []
    assert report["connections_lost"] == 0
    assert {m["take_after"] for m in report["members"]} == {120}
    assert report["active_min"] == 3


async def both_sites_down(shell, group, clock):
    await admin(shell, "1_1", "2_1-2_3")
    await admin(shell, "2_1", "1_1-1_5")
    await answering(group, clock)


async def the_active_site_in_service(shell, group, clock):
    await cloning(shell, "off")
    await install(shell, "1_4", "1_4-1_5,2_3")
    await all_in_service(group, clock)


async def the_standby_site_away(shell, group, clock):
    for member in ("2_1", "2_2", "2_3"):
        group.add_fault({"name": "member_fails", "member": member})
    await admin(shell, "1_4", "1_1-1_3")
    await answering(group, clock)


async def the_sites_one_after_the_other_without_waiting(shell, group, clock):
    await cloning(shell, "off")
    await install(shell, "2_1", "chassis2")
    await clock.sleep(timedelta(minutes=17))
    await admin(shell, "1_1", "chassis1")
    await answering(group, clock)


async def both_sites_at_once(shell, group, clock):
    await admin(shell, "1_1", "chassis1,chassis2")


WRONG_WITH_TWO_SITES: list[tuple[Night, str]] = [
    (both_sites_down, "1_1 was ordered down while 2_1 was DOWN, 2_2 was DOWN, 2_3 was DOWN"),
    (the_active_site_in_service, "install was started on 1_4, which was ACTIVE"),
    (the_standby_site_away, "1_1 was ordered down while 2_1 was DETACHED"),
    (the_sites_one_after_the_other_without_waiting, "1_1 was ordered down while 2_1 was"),
    (both_sites_at_once, "2_3 was ordered down together with all members"),
]


@pytest.mark.parametrize("word", ["STANDBY", "ACTIVE"])
@pytest.mark.parametrize(
    ("night", "objection"),
    WRONG_WITH_TWO_SITES,
    ids=[n.__name__ for n, _ in WRONG_WITH_TWO_SITES],
)
def test_the_witness_objects_with_two_sites(
    night: Night, objection: str, word: str, tmp_path: Path
):
    report = play(night, tmp_path, sites=[5, 3], standby_word=word)
    assert any(objection in sentence for sentence in report["objections"]), report["objections"]

"""Two Sites of a rehearsal: who stands by, who carries, and when the other Site takes over."""

import re
from collections.abc import Awaitable, Callable
from typing import Any

import pytest

from engine.rehearsal.group import Group, Setup
from engine.rehearsal.shell import RehearsalShell
from tests.rehearsing import admin, answering, command
from tests.simulation.loop import run_virtual, virtual_clock

Scene = Callable[[RehearsalShell, Group], Awaitable[Any]]


def play(scene: Scene, **settings: Any) -> Any:
    async def whole() -> Any:
        group = Group(Setup(**{"sites": [3, 2], "name": "cti", **settings}), virtual_clock())
        shell = RehearsalShell(group)
        group.advance()
        result = await scene(shell, group)
        await shell.close()
        return result

    return run_virtual(whole())


def asked(*lines: str, **settings: Any) -> list[str]:
    async def scene(shell: RehearsalShell, group: Group) -> list[str]:
        return [await command(shell, line) for line in lines]

    texts: list[str] = play(scene, **settings)
    return texts


def rows(text: str) -> list[list[str]]:
    """Return the cells of the rows that begin with a number."""
    return [line.strip("| ").split() for line in text.splitlines() if re.match(r"\|\s+\d", line)]


async def down(shell: RehearsalShell, group: Group, seen_from: str, ids: str) -> None:
    await admin(shell, seen_from, ids)
    await answering(group, group.clock)


def test_two_sites_stand_side_by_side():
    (shown,) = asked("asg stat -v")
    assert re.search(r"\| SGM ID +Chassis 1 +Chassis 2 +\|\n\| +ACTIVE +STANDBY +\|", shown)
    assert rows(shown) == [
        ["1", "(local)", "ACTIVE", "STANDBY"],
        ["2", "ACTIVE", "STANDBY"],
        ["3", "ACTIVE", "-"],
    ]
    assert re.search(r"\| SGMs +\| 3 / 3 +\| 2 / 2 ", shown)
    assert "Sync to all chassis:    Enabled" in shown


def test_a_site_of_its_own_size_may_be_the_active_one():
    stat, ids, me = asked("asg stat -v", "asg stat -i active_ids", "hostname -i", active_site=2)
    assert rows(stat)[2] == ["3", "STANDBY", "-"]
    assert ids.split() == ["1_1", "1_2", "1_3", "2_1", "2_2"]
    assert me == "192.0.2.15\n"


@pytest.mark.parametrize("word", ["UP", "ACTIVE", "STANDBY"])
def test_the_word_of_a_healthy_member_that_stands_by_is_a_setting(word: str):
    stat, ids, own = asked(
        "asg stat -v",
        "asg stat -i active_ids",
        "gexec -a -g0 -b 2_1 -c 'cphaprob state'",
        standby_word=word,
    )
    assert rows(stat)[0] == ["1", "(local)", "ACTIVE", word]
    assert "2_1" in ids
    assert re.search(r"^15 \(local\) 192\.0\.2\.15 +0% +(STANDBY|ACTIVE) ", own, re.MULTILINE)


@pytest.mark.parametrize("sites", [[3, 2], [20, 11], [3, 3]])
def test_every_member_has_an_address_of_its_own(sites: list[int]):
    (shown,) = asked("cphaprob state", sites=sites)
    addresses = re.findall(r"192\.0\.2\.\d+", shown)
    assert len(set(addresses)) == len(addresses) == sum(sites)


def test_the_standby_site_carries_no_connections():
    (shown,) = asked("asg_conns", connections=3000)
    counts = re.findall(r"(\d_\d\d):\n#VALS.*\n(\d+) ", shown)
    assert counts == [
        ("1_01", "1000"),
        ("1_02", "1000"),
        ("1_03", "1000"),
        ("2_01", "0"),
        ("2_02", "0"),
    ]


def test_checks_see_both_sites():
    policy, dumps, tasks = asked(
        "asg policy verify -a", "core_dump_verifier -v", "asg stat -i tasks"
    )
    assert re.findall(r"\|(\d_\d\d) ", policy) == ["1_01", "1_02", "1_03", "2_01", "2_02"]
    assert "-*- 5 blades: 1_01 1_02 1_03 2_01 2_02 -*-" in dumps
    assert re.search(r"\| SMO \(0\) +\| +1 +\| +- +\|", tasks)


@pytest.mark.parametrize(
    ("words", "chosen"),
    [
        ("1_1-1_3,2_1", ["1_1", "1_2", "1_3", "2_1"]),
        ("2_01-2_02", ["2_1", "2_2"]),
        ("chassis2", ["2_1", "2_2"]),
        ("site1", ["1_1", "1_2", "1_3"]),
        ("chassis_active", ["1_1", "1_2", "1_3"]),
        ("all", ["1_1", "1_2", "1_3", "2_1", "2_2"]),
    ],
)
def test_ids_name_members_and_sites(words: str, chosen: list[str]):
    async def scene(shell: RehearsalShell, group: Group) -> list[str]:
        return group.ids(words)

    assert play(scene) == chosen


@pytest.mark.parametrize("words", ["2_3", "chassis3", "1_1-2_1", "standby"])
def test_ids_that_are_not_there_are_refused(words: str):
    async def scene(shell: RehearsalShell, group: Group) -> None:
        with pytest.raises(KeyError):
            group.ids(words)

    play(scene)


def test_a_group_of_both_sites_leaves_the_active_one_in_charge():
    async def scene(shell: RehearsalShell, group: Group) -> Group:
        await down(shell, group, "1_3", "1_1-1_2,2_1")
        return group

    group = play(scene)
    assert (group.active_site, group.smo) == (1, "1_3")
    assert group.states() == {
        "1_1": "DOWN",
        "1_2": "DOWN",
        "1_3": "ACTIVE",
        "2_1": "DOWN",
        "2_2": "STANDBY",
    }
    assert group.traffic.of("1_3") == group.setup.connections
    assert group.traffic.lost == 0


def takeover(**settings: Any) -> tuple[Group, list[Any]]:
    """Take the whole Active Site down, and up again; return what was so in between."""

    async def scene(shell: RehearsalShell, group: Group) -> tuple[Group, list[Any]]:
        await down(shell, group, "2_1", "1_1-1_3")
        between = [group.active_site, group.smo, group.states(), group.traffic.of("2_2")]
        await admin(shell, "2_1", "1_1-1_3", "up")
        await answering(group, group.clock)
        return group, between

    seen: tuple[Group, list[Any]] = play(scene, connections=2000, **settings)
    return seen


def test_the_other_site_takes_over_when_the_active_one_is_down():
    group, (site, smo, states, carried) = takeover()
    assert (site, smo, carried) == (2, "2_1", 1000)
    assert states == {
        "1_1": "DOWN",
        "1_2": "DOWN",
        "1_3": "DOWN",
        "2_1": "ACTIVE",
        "2_2": "ACTIVE",
    }
    assert group.traffic.lost == 0
    assert group.report()["active_min"] == 2


def test_the_other_site_keeps_the_connections_unless_told():
    group, _ = takeover()
    assert (group.active_site, group.smo, group.states()["1_1"]) == (2, "2_1", "STANDBY")
    group, _ = takeover(site_returns=True)
    assert (group.active_site, group.smo, group.states()["2_1"]) == (1, "1_1", "STANDBY")
    assert group.traffic.lost == 0


def test_sites_that_are_not_synchronised_lose_the_connections():
    group, _ = takeover(sync_all_sites=False)
    assert group.traffic.lost >= 2000


def test_a_site_that_dies_leaves_its_connections_to_the_other():
    async def scene(shell: RehearsalShell, group: Group) -> Group:
        for member in ("1_1", "1_2", "1_3"):
            group.add_fault({"name": "member_fails", "member": member})
            await group.sleep(30)
        await answering(group, group.clock)
        return group

    group = play(scene)
    assert (group.active_site, group.smo, group.traffic.lost) == (2, "2_1", 0)
    group = play(scene, sync_all_sites=False)
    assert group.traffic.lost == group.setup.connections


def test_a_member_of_the_standby_site_is_no_last_resort_while_others_are_well():
    async def scene(shell: RehearsalShell, group: Group) -> Group:
        await down(shell, group, "1_1", "2_1-2_2")
        await down(shell, group, "1_3", "1_1-1_2")
        await admin(shell, "1_1", "1_3")
        return group

    group = play(scene)
    assert group.states()["1_3"] == "ACTIVE(!)"
    assert (group.active_site, group.traffic.lost) == (1, 0)


@pytest.mark.parametrize("returns", [False, True])
def test_a_site_failover_comes_as_a_fault(returns: bool):
    async def scene(shell: RehearsalShell, group: Group) -> Group:
        group.add_fault({"name": "site_failover"})
        await answering(group, group.clock)
        return group

    group = play(scene, site_returns=returns)
    assert (group.active_site, group.smo) == (2, "2_1")
    assert group.states()["1_1"] == "STANDBY"
    assert group.traffic.lost == 0
    assert ("site:2") in [name for _, name in group.moments]


def test_a_site_failover_may_be_short():
    async def scene(shell: RehearsalShell, group: Group) -> list[int]:
        group.add_fault({"name": "site_failover", "seconds": 100})
        seen = [group.active_site]
        await group.sleep(150)
        return [*seen, group.active_site]

    assert play(scene) == [2, 1]


def test_a_site_failover_needs_another_site():
    async def scene(shell: RehearsalShell, group: Group) -> Group:
        group.add_fault({"name": "site_failover"})
        return group

    group = play(scene, sites=[4])
    assert (group.active_site, group.smo, group.answering) == (1, "1_1", True)

"""Virtual Systems of the rehearsal: what each shows of itself, and when it comes back."""

import re
from datetime import timedelta
from pathlib import Path
from typing import Any

import pytest

from engine.rehearsal.faults import parse
from engine.rehearsal.group import Group, Setup
from engine.rehearsal.shell import RehearsalShell
from tests.rehearsing import PACKAGE, SOON, admin, command, install, prepare, until
from tests.simulation.loop import run_virtual, virtual_clock

SYSTEMS = (
    {"id": 1, "name": "Berlin", "policy": "Berlin_Policy"},
    {"id": 2, "name": "Bern", "policy": "Bern_Policy"},
)


def asked(
    *lines: str,
    faults: tuple[dict[str, Any], ...] = (),
    mode: str = "VSX",
    systems: tuple[dict[str, Any], ...] = SYSTEMS,
) -> list[str]:
    """Type lines at the group address."""

    async def whole() -> list[str]:
        group = Group(Setup(members=2, mode=mode, virtual=systems, faults=faults), virtual_clock())
        shell = RehearsalShell(group)
        group.advance()
        texts = [await command(shell, line) for line in lines]
        await shell.close()
        return texts

    return run_virtual(whole())


def night(
    tmp_path: Path,
    *faults: dict[str, Any],
    minutes: int = 30,
    systems: tuple[dict[str, Any], ...] = SYSTEMS,
) -> Group:
    """Install on 1_2 of two members."""
    package = tmp_path / PACKAGE
    package.write_bytes(b"x" * 100)

    async def whole() -> Group:
        clock = virtual_clock()
        setup = Setup(members=2, mode="VSX", virtual=systems, auto_clone=False, faults=faults)
        group = Group(setup, clock)
        shell = RehearsalShell(group)
        await prepare(shell, package)
        await admin(shell, "1_1", "1_2")
        await install(shell, "1_2", "1_2")
        await clock.sleep(timedelta(minutes=minutes))
        group.advance()
        await shell.close()
        return group

    return run_virtual(whole())


def of_vs(group: Group, number: int) -> list[tuple[float, str, str]]:
    return [
        (e["at"], e["state"], e["policy"])
        for e in group.witness.events
        if e["what"] == "virtual" and e["vs"] == number
    ]


def test_the_context_of_a_shell_says_which_system_speaks():
    shown = asked("vsenv 2; fw stat; cphaprob state; ( vsenv 1; fw stat ); fw stat; vsenv 9")[0]
    assert re.findall(r"localhost (\S+)", shown) == ["Bern_Policy", "Berlin_Policy", "Bern_Policy"]
    assert "Context is set to Virtual Device Bern (ID 2)." in shown
    assert "Active PNOTEs: None" in shown
    assert "Invalid Virtual System ID: 9" in shown


def test_an_ill_system_is_down_in_its_own_context_alone():
    fault = {"name": "member_fails", "member": "1_1", "vs": 2, "notes": ["ROUTED"]}
    shown = asked("cphaprob state", "vsenv 2; cphaprob state", "asg stat -v", faults=(fault,))
    assert "Active PNOTEs: None" in shown[0]
    assert not re.search(r"^1 \(local\) .*DOWN", shown[0], re.MULTILINE)
    assert "Active PNOTEs: ROUTED" in shown[1]
    assert re.search(r"^1 \(local\) .*DOWN", shown[1], re.MULTILINE)
    blocks = shown[2].split("VS ID:")
    assert [("DOWN" in block) for block in blocks[1:]] == [False, False, True]


def test_all_systems_stand_in_the_picture_with_their_names():
    (text,) = asked("asg stat vs all", mode="VSX")
    assert "| VSX System Status  " in text
    assert re.findall(r"VS ID:  (\d+) +VS Name:  (\S+)", text) == [
        ("0", "site-1"),
        ("1", "Berlin"),
        ("2", "Bern"),
    ]
    assert {len(line) for line in text.splitlines()} == {80}


def test_virtual_switches_are_listed_as_such_and_have_no_policy():
    switch = {"id": 3, "name": "sw-ext", "kind": "W"}
    listed, verified, own = asked(
        "vsx stat -v", "asg policy verify -a", "vsenv 3; fw stat", systems=(*SYSTEMS, switch)
    )
    assert re.search(r"^   2 \| S Bern  +\| Bern_Policy  +\| 12Mar24", listed, re.MULTILINE)
    assert re.search(r"^   3 \| W sw-ext  +\| <Not Applicable>  +\|  +\|", listed, re.MULTILINE)
    assert "R - Virtual Router, W - Virtual Switch." in listed
    assert "|1_01:2 |" in verified
    assert ":3 |" not in verified
    assert re.search(r"localhost +- ", own)


def test_a_switch_is_no_reason_for_a_member_to_be_away_after_a_reboot(tmp_path: Path):
    group = night(tmp_path, systems=(*SYSTEMS, {"id": 3, "kind": "W"}))
    assert group.in_service() == ["1_1", "1_2"]
    assert group.member("1_2").virtual[3].policy.name == "-"


def test_every_policy_has_a_row_and_the_summary_names_the_system(tmp_path: Path):
    group = night(tmp_path, {"name": "policy_missing", "member": "1_2", "vs": 2})

    async def whole() -> str:
        shell = RehearsalShell(group)
        return await command(shell, "asg policy verify -a")

    text = run_virtual(whole())
    assert "|1_02:2 |InitialPolicy" in text
    assert re.search(r"\|1_01:1 \|Berlin_Policy .*\|Failed  \|", text), "1_02 has another take"
    assert "[1_02:2]: Policy is not installed" in text


def test_each_system_fetches_its_policy_in_its_own_time(tmp_path: Path):
    group = night(tmp_path)
    berlin, bern = of_vs(group, 1), of_vs(group, 2)
    assert [(s, p) for _, s, p in berlin] == [
        ("ACTIVE", "InitialPolicy"),
        ("ACTIVE", "Berlin_Policy"),
    ]
    assert berlin[-1][0] != bern[-1][0]
    back = [at for at, name in group.moments if name == "returned:1_2"]
    assert back == [pytest.approx(max(berlin[-1][0], bern[-1][0]), abs=0.1)]
    assert group.in_service() == ["1_1", "1_2"]


def test_a_member_is_not_back_while_one_of_its_systems_has_no_policy(tmp_path: Path):
    group = night(tmp_path, {"name": "policy_missing", "member": "1_2", "vs": 1})
    assert group.states()["1_2"] == "ACTIVE"
    assert group.in_service() == ["1_1"]
    assert not [name for _, name in group.moments if name == "returned:1_2"]


def test_a_system_that_stays_down_keeps_its_note(tmp_path: Path):
    group = night(tmp_path, {"name": "stuck_down", "member": "1_2", "vs": 1, "notes": "AMW"})
    assert group.member("1_2").ill_systems == ["VS 1 DOWN (AMW)"]
    group.add_fault({"name": "member_recovers", "member": "1_2", "vs": 1})
    assert group.in_service() == ["1_1", "1_2"]


def test_a_policy_of_one_system_installed_meanwhile_changes_that_one_alone():
    fault = {"name": "policy_installed", "vs": 1, "text": "Berlin_2"}
    shown = asked(*(f"vsenv {n}; fw stat" for n in (0, 1, 2)), faults=(fault,))
    assert [re.findall(r"localhost (\S+)", text)[0] for text in shown] == [
        "Standard",
        "Berlin_2",
        "Bern_Policy",
    ]


def test_the_witness_objects_when_others_go_down_while_a_system_is_ill():
    fault = {"name": "member_fails", "member": "1_1", "vs": 2}

    async def whole() -> list[str]:
        group = Group(
            Setup(members=2, mode="VSX", virtual=SYSTEMS, faults=(fault,)), virtual_clock()
        )
        shell = RehearsalShell(group)
        group.advance()
        await admin(shell, "1_1", "1_2")
        await shell.close()
        return group.witness.objections()

    (objection,) = run_virtual(whole())
    assert "1_2 was ordered down while 1_1 was ACTIVE with VS 2 DOWN (ROUTED)" in objection


def test_acting_in_another_context_is_refused_or_objected_to():
    async def whole() -> tuple[str, list[str]]:
        group = Group(
            Setup(members=2, mode="VSNext", version="R82", virtual=SYSTEMS), virtual_clock()
        )
        shell = RehearsalShell(group)
        terminal = await shell.terminal("member 1_2", within=SOON)
        shown = await until(terminal, ":0]# ")
        for line, end in (
            ("vsenv 2", ":2]# "),
            ("clusterXL_admin up", ":2]# "),
            ("gclish", ":2> "),
            ("installer verify 1", ":2> "),
            ("set virtual-system 0", ":0> "),
            ("exit", ":2]# "),
        ):
            await terminal.write(line + "\n")
            shown += await until(terminal, end)
        await shell.close()
        return shown, group.witness.objections()

    shown, objections = run_virtual(whole())
    assert "Invalid command:'installer verify 1'" in shown
    assert len(objections) == 1
    assert objections[0].startswith("clusterXL_admin was run on 1_2 in the context of VS 2")


@pytest.mark.parametrize(
    "setup",
    [
        {"virtual": SYSTEMS},
        {"mode": "VSX", "virtual": [{"id": 0}]},
        {"mode": "VSX", "virtual": [{"id": 1}, {"id": 1}]},
        {"mode": "VSX", "virtual": [{"id": 1, "polcy": "x"}]},
        {"mode": "VLX"},
    ],
)
def test_a_setup_that_no_group_has_is_refused(setup: dict[str, Any]):
    with pytest.raises(ValueError, match=r"virtual system|mode"):
        Setup(**setup)


def test_a_fault_that_hits_whole_members_takes_no_system():
    with pytest.raises(ValueError, match="one virtual system"):
        parse({"name": "install_fails", "vs": 1})

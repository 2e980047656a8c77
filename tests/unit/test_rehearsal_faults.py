"""Each fault of the rehearsal: fires once, when told, and shows on the devices."""

from datetime import timedelta
from pathlib import Path
from typing import Any

import pytest

from engine.errors import MemberUnreachable
from engine.rehearsal.faults import AT_ONCE, ON_OCCASION, parse
from engine.rehearsal.group import Group, Setup
from engine.rehearsal.shell import RehearsalShell
from engine.rehearsal.syntax import UnsupportedSyntax
from tests.rehearsing import (
    PACKAGE,
    SOON,
    admin,
    all_in_service,
    answering,
    cloning,
    command,
    install,
    prepare,
    until,
)
from tests.simulation.loop import run_virtual, virtual_clock
from tests.unit.builders import NOW
from tests.unit.hand_clock import HandClock


def night_with(fault: dict[str, Any], tmp_path: Path, *, minutes: int = 30) -> Group:
    """Install on 1_3 and 1_4 of four members, with one fault."""
    package = tmp_path / PACKAGE
    package.write_bytes(b"x" * 100)

    async def whole() -> Group:
        clock = virtual_clock()
        group = Group(Setup(members=4, faults=[fault]), clock)
        shell = RehearsalShell(group)
        await prepare(shell, package)
        await cloning(shell, "off")
        await admin(shell, "1_1", "1_3-1_4")
        await install(shell, "1_3", "1_3-1_4")
        await clock.sleep(timedelta(minutes=minutes))
        group.advance()
        await shell.close()
        return group

    return run_virtual(whole())


def after(fault: dict[str, Any], *lines: str, members: int = 4) -> tuple[Group, list[str]]:
    """Let one fault fire at the start, and type lines."""

    async def whole() -> tuple[Group, list[str]]:
        group = Group(Setup(members=members, faults=[fault]), virtual_clock())
        shell = RehearsalShell(group)
        group.advance()
        texts = []
        for line in lines:
            await answering(group, group.clock)
            texts.append(await command(shell, line))
        await shell.close()
        return group, texts

    return run_virtual(whole())


def fired(group: Group) -> float:
    at = group.faults[0].fired_at
    assert at is not None, "the fault never fired"
    return at


def test_a_failed_member_is_down_with_its_notes():
    group, (text,) = after(
        {"name": "member_fails", "member": "1_4", "notes": ["ROUTED"]},
        "gexec -a -g0 -b 1_4 -c 'cphaprob state'",
    )
    assert "Active PNOTEs: ROUTED" in text
    assert fired(group) == 0
    assert group.states()["1_4"] == "DOWN"


def test_a_member_that_vanishes_loses_no_synchronised_connection():
    group, (text,) = after({"name": "member_fails", "member": "1_4"}, "asg stat -i proc")
    assert "DETACHED" in text
    assert group.traffic.lost == 0


def test_a_fault_may_come_after_a_moment_and_a_delay(tmp_path: Path):
    fault = {
        "name": "member_fails",
        "member": "1_1",
        "when": "install_progress:1_3:32",
        "delay_s": 60,
    }
    group = night_with(fault, tmp_path, minutes=8)
    moments = {name: at for at, name in group.moments}
    assert fired(group) == pytest.approx(moments["install_progress:1_3:32"] + 60, abs=0.2)
    assert group.states()["1_1"] == "DETACHED"


def test_an_installation_that_fails_stops_at_its_percentage(tmp_path: Path):
    fault = {"name": "install_fails", "member": "1_4", "percent": 40, "message": "Broken archive."}
    group = night_with(fault, tmp_path)
    action = group.member("1_4").actions[-1]
    assert (action.status, action.message) == ("failure", "Broken archive.")
    assert group.member("1_4").take == 99
    assert group.member("1_3").take == 120


def test_a_member_may_come_back_with_another_take(tmp_path: Path):
    group = night_with({"name": "wrong_take", "member": "1_3", "take": 118}, tmp_path)
    assert group.member("1_3").take == 118
    assert group.member("1_4").take == 120


def test_a_member_may_come_back_without_policy(tmp_path: Path):
    group = night_with({"name": "policy_missing", "member": "1_3"}, tmp_path)
    assert group.member("1_3").policy.name == "InitialPolicy"
    assert group.member("1_4").policy.name == "Standard"


def test_a_member_may_stay_down(tmp_path: Path):
    fault = {"name": "stuck_down", "member": "1_3", "notes": ["FSYNC"]}
    group = night_with(fault, tmp_path)
    assert group.member("1_3").state == "DOWN"
    assert group.member("1_3").notes == ["FSYNC"]
    assert group.member("1_4").state == "ACTIVE"


def test_a_member_may_return_late(tmp_path: Path):
    fault = {"name": "slow_return", "member": "1_3", "seconds": 1200}
    assert night_with(fault, tmp_path, minutes=25).member("1_3").state == "DOWN"
    assert night_with(fault, tmp_path, minutes=45).member("1_3").state == "ACTIVE"


def test_cloning_that_comes_on_again_takes_the_hotfix_away(tmp_path: Path):
    fault = {"name": "auto_clone_on", "when": "install_started:1_3"}
    group = night_with(fault, tmp_path)
    assert [m.take for m in group.members.values()] == [99, 99, 99, 99]
    assert any("auto-clone on" in o for o in group.witness.objections())


def test_a_verification_may_be_denied(tmp_path: Path):
    async def whole() -> str:
        fault = {"name": "verify_denied", "member": "1_2", "text": "Installation is not allowed."}
        group = Group(Setup(members=2, imported=[PACKAGE], faults=[fault]), virtual_clock())
        shell = RehearsalShell(group)
        text = await command(shell, "gclish -c 'installer verify 1 member_ids all'")
        await shell.close()
        return text

    final = run_virtual(whole()).split("Update Service Engine")[-1]
    assert "|1_01 (local) |Installation is allowed." in final
    assert "|1_02         |Installation is not allowed." in final


@pytest.mark.parametrize(
    ("where", "line"),
    [
        ("install", "gclish -c 'installer install 1 member_ids 1_2'"),
        ("admin_down", "g_clusterXL_admin -b 1_2 down"),
    ],
)
def test_an_unknown_prompt_changes_nothing(where: str, line: str):
    async def whole() -> Group:
        fault = {"name": "unknown_prompt", "in": where}
        group = Group(Setup(members=2, imported=[PACKAGE], faults=[fault]), virtual_clock())
        shell = RehearsalShell(group)
        terminal = await shell.terminal(line, within=SOON)
        await until(terminal, "verride? (yes/no): ", "Discard it? ([y]es / [n]o)")
        await terminal.close()
        await group.sleep(60)
        await shell.close()
        return group

    group = run_virtual(whole())
    fired(group)
    assert group.witness.acts == []


def test_any_other_key_aborts():
    async def whole() -> Group:
        group = Group(Setup(members=2), virtual_clock())
        shell = RehearsalShell(group)
        terminal = await shell.terminal("g_clusterXL_admin -b 1_2 down", within=SOON)
        await until(terminal, "any other key - no) ")
        await terminal.write("n\n")
        assert await until(terminal, "never said")
        await shell.close()
        return group

    assert run_virtual(whole()).witness.acts == []


def test_a_policy_installation_changes_date_and_signature():
    _, (before,) = after({"name": "policy_installed", "after_s": 60}, "fw stat")
    assert "12Mar24 10:51" in before
    _, (text,) = after({"name": "policy_installed"}, "fw stat")
    assert "12Mar24 10:51" not in text


def test_the_smo_may_move_and_return():
    async def whole() -> list[str]:
        faults = [{"name": "smo_moves", "seconds": 100}]
        group = Group(Setup(members=3, faults=faults), virtual_clock())
        shell = RehearsalShell(group)
        seen = []
        for _ in range(2):
            await group.sleep(60)
            await answering(group, group.clock)
            seen.append(await command(shell, "hostname -i"))
            await group.sleep(60)
        await shell.close()
        return seen

    assert run_virtual(whole()) == ["192.0.2.2\n", "192.0.2.1\n"]


def test_dropped_sessions_are_unreachable_and_then_not():
    async def whole() -> str:
        fault = {"name": "drop_sessions", "when": "command:^sleep"}
        group = Group(Setup(members=2, faults=[fault]), virtual_clock())
        shell = RehearsalShell(group)
        with pytest.raises(MemberUnreachable):
            await shell.run("sleep 100", within=SOON)
        text = await command(shell, "echo back")
        await shell.close()
        return text

    assert run_virtual(whole()) == "back\n"


def test_a_crash_of_the_bot_ends_its_sessions_and_no_installation(tmp_path: Path):
    package = tmp_path / PACKAGE
    package.write_bytes(b"x" * 100)

    async def whole() -> dict[str, Any]:
        clock = virtual_clock()
        group = Group(Setup(members=4), clock)
        shell = RehearsalShell(group)
        await prepare(shell, package)
        await cloning(shell, "off")
        await admin(shell, "1_1", "1_3-1_4")
        await install(shell, "1_3", "1_3-1_4")
        shell.drop_all()
        assert group.sessions == []
        await RehearsalShell(group).run("true", within=SOON)
        await all_in_service(group, clock)
        await shell.close()
        return group.report()

    assert [m["take_after"] for m in run_virtual(whole())["members"]] == [99, 99, 120, 120]


def test_an_uninstall_gives_back_the_take_of_before():
    async def whole() -> dict[str, Any]:
        clock = virtual_clock()
        imported = [{"name": PACKAGE, "installed": True}]
        group = Group(Setup(members=4, imported=imported, auto_clone=False), clock)
        shell = RehearsalShell(group)
        await admin(shell, "1_1", "1_3-1_4")
        await install(shell, "1_3", "1_3-1_4", "uninstall")
        await all_in_service(group, clock)
        await shell.close()
        return group.report()

    report = run_virtual(whole())
    assert [m["take_before"] for m in report["members"]] == [120, 120, 120, 120]
    assert [m["take_after"] for m in report["members"]] == [120, 120, 99, 99]
    assert [m["uninstalls_started"] for m in report["members"]] == [0, 0, 1, 1]


def test_a_package_without_reboot_leaves_the_member_admin_down():
    async def whole() -> Group:
        clock = virtual_clock()
        group = Group(Setup(members=2, imported=[PACKAGE], reboots=False), clock)
        shell = RehearsalShell(group)
        await admin(shell, "1_1", "1_2")
        terminal = await shell.terminal("member 1_2", within=SOON)
        await until(terminal, ":0]# ")
        await terminal.write("gclish -c 'installer install 1 member_ids 1_2'\n")
        for prompt, answer in (
            ("any other key - no) ", "y"),
            ("any other key - no) ", "y"),
            ("full name: ", "Ann"),
            ("[Maintenance]: ", ""),
        ):
            await until(terminal, prompt)
            await terminal.write(answer + "\n")
        await until(terminal, "successfully installed")
        await shell.close()
        return group

    member = run_virtual(whole()).member("1_2")
    assert (member.take, member.state, member.boots) == (120, "DOWN", 0)


def test_an_unknown_line_is_loud_and_reported():
    async def whole() -> list[str]:
        group = Group(Setup(members=1), virtual_clock())
        shell = RehearsalShell(group)
        with pytest.raises(UnsupportedSyntax):
            await shell.run("awk '{print}'", within=SOON)
        await shell.close()
        return list(group.report()["unsupported"])

    assert run_virtual(whole()) == ["the program awk"]


@pytest.mark.parametrize("name", sorted(AT_ONCE | ON_OCCASION))
def test_every_name_is_read(name: str):
    assert parse({"name": name, "after_s": 5}).after_s == 5


@pytest.mark.parametrize("raw", [{"name": "nosuch"}, {"name": "blind", "secs": 3}])
def test_what_is_not_known_is_refused(raw: dict[str, Any]):
    with pytest.raises(ValueError, match=r"no (fault|setting)|has no setting"):
        parse(raw)


def test_a_night_that_is_hurried_leaves_the_date_that_a_time_server_tells():
    clock = HandClock(NOW)
    group = Group(Setup(members=2, speed=100.0), clock)
    group.advance()
    member = group.members["1_1"]
    began = group.date(member)

    clock.move_to(60)
    group.advance()

    assert group.date(member) - began == timedelta(seconds=60)
    assert group.now == 6000

"""CPUSE of the rehearsal: what it numbers, refuses, gives back and needs room for."""

import json
import re
from datetime import timedelta
from typing import Any

import pytest

from engine.rehearsal.group import Group, Setup
from engine.rehearsal.repository import kind_of, version_of
from engine.rehearsal.shell import RehearsalShell
from tests.rehearsing import PACKAGE, SOON, admin, command, install
from tests.simulation.loop import run_virtual, virtual_clock

T99 = PACKAGE.replace("T120", "T99")
PRIVATE = "Check_Point_R81_20_hf_sk182000_FULL.tgz"


def asked(*lines: str, **settings: Any) -> list[str]:
    """Type lines at the group address, some minutes apart."""

    async def whole() -> list[str]:
        clock = virtual_clock()
        group = Group(Setup(**{"members": 2, **settings}), clock)
        shell = RehearsalShell(group)
        texts = []
        for line in lines:
            texts.append(await command(shell, line))
            await clock.sleep(timedelta(minutes=1))
        await shell.close()
        return texts

    return run_virtual(whole())


def after_uninstall(**settings: Any) -> Group:
    """Uninstall T120 from 1_2 of two members that have it."""

    async def whole() -> Group:
        clock = virtual_clock()
        imported = [{"name": PACKAGE, "installed": True}]
        group = Group(Setup(members=2, imported=imported, auto_clone=False, **settings), clock)
        shell = RehearsalShell(group)
        await admin(shell, "1_1", "1_2")
        await install(shell, "1_2", "1_2", "uninstall")
        await clock.sleep(timedelta(minutes=25))
        group.advance()
        await shell.close()
        return group

    return run_virtual(whole())


@pytest.mark.parametrize(
    ("gives_back", "take"), [("previous", 99), ("nothing", 0), ("76", 76), (76, 76)]
)
def test_what_an_uninstall_gives_back(gives_back: object, take: int):
    group = after_uninstall(uninstall_gives_back=gives_back)
    assert [m.take for m in group.members.values()] == [120, take]
    assert group.in_service() == ["1_1", "1_2"]


def test_the_number_for_an_uninstall_is_that_of_the_installed_list():
    imported = [
        {"name": PACKAGE.replace("T120", "T130")},
        {"name": PACKAGE, "installed": True},
        {"name": PRIVATE, "installed": True},
    ]
    typed = r"printf 'y\ny\n' | gclish -c 'installer uninstall 2 member_ids 1_1'"
    (text,) = asked(typed, imported=imported)
    assert f"Package Uninstallation ({PRIVATE}) on blades: 1_01" in text
    (listed,) = asked("da_cli packages_info status=installed", imported=imported)
    assert [p["filename"] for p in json.loads(listed)["packages"]] == [PACKAGE, PRIVATE]


def test_a_jumbo_with_a_hotfix_on_top_is_not_uninstalled():
    imported = [
        {"name": PACKAGE, "installed": True},
        {"name": PRIVATE, "installed": True, "kind": "hotfix", "requires": [PACKAGE]},
    ]
    shown, status = asked(
        "gclish -c 'installer uninstall 1 member_ids 1_2'",
        f"da_cli uninstall package={PACKAGE}",
        imported=imported,
    )
    assert re.search(rf"\] Uninstall the hotfix\(es\) {PRIVATE} and try again\n", shown)
    assert f"Action was aborted (uninstall, '{PACKAGE}')." in shown
    assert json.loads(status)["Action ID"] == "-1"


def test_a_hotfix_beside_a_jumbo_leaves_its_take():
    imported = [{"name": PRIVATE, "installed": True}]
    shown, text = asked("cpinfo -y all", "da_cli packages_info", imported=imported)
    assert "BUNDLE_R81_20_JUMBO_HF_MAIN Take: 99" in shown
    categories = {p["filename"]: p["category"] for p in json.loads(text)["packages"]}
    assert categories == {T99: "jumbo", PRIVATE: "misc"}


@pytest.mark.parametrize(
    ("package", "words"),
    [
        (PACKAGE, "This package can be uninstalled."),
        (T99, f"A newer version is installed on top of {T99}"),
        (PACKAGE.replace("T120", "T130"), "This package is not installed."),
    ],
)
def test_verify_uninstall_says_whether_it_may_be(package: str, words: str):
    imported = [{"name": PACKAGE, "installed": True}, PACKAGE.replace("T120", "T130")]
    delivered, _, _ = asked(
        f"da_cli verify_uninstall package={package}", "true", "true", imported=imported
    )
    number = json.loads(delivered)["Action ID"]
    _, answer = asked(
        f"da_cli verify_uninstall package={package}",
        f"da_cli get_status_of_action actionID={number}",
        imported=imported,
    )
    assert json.loads(json.loads(answer)["Message"])["text"] == words


@pytest.mark.parametrize(("method", "take"), [("completely", 0), ("last_take", 99)])
def test_da_cli_is_told_how_much_to_uninstall(method: str, take: int):
    async def whole() -> int:
        clock = virtual_clock()
        setup = Setup(members=2, imported=[{"name": PACKAGE, "installed": True}], auto_clone=False)
        group = Group(setup, clock)
        shell = RehearsalShell(group)
        line = f"da_cli uninstall package={PACKAGE} method={method}"
        await command(shell, f"gexec -a -g0 -b 1_2 -c '{line}'")
        await clock.sleep(timedelta(minutes=25))
        group.advance()
        await shell.close()
        return group.member("1_2").take

    assert run_virtual(whole()) == take


def test_a_package_of_another_version_is_not_allowed():
    (shown,) = asked(
        "gclish -c 'installer verify 1'",
        imported=["Check_Point_R82_jumbo_hf_main_Bundle_T60_FULL.tgz"],
    )
    assert "Installation is not allowed. The package is for R82, this is" in shown


def test_a_hotfix_without_what_it_needs_is_not_allowed():
    (shown,) = asked(
        "gclish -c 'installer verify 1'",
        imported=[PRIVATE],
        packages=[{"name": PRIVATE, "requires": [PACKAGE]}],
    )
    assert "Installation is not allowed." in shown
    assert f"{PACKAGE}mustbeinstalledfirst." in re.sub(r"[\s|]+", "", shown)


def test_members_may_differ_in_room_and_in_what_lies_there():
    df, listed = asked(
        "gexec -a -g0 -c 'df -Pm /var/log | tail -1'",
        "gclish -c 'show installer packages imported'",
        disks={"1_2": 500},
        imported=[{"name": PACKAGE, "members": ["1_2"]}],
    )
    assert [line.split()[3] for line in df.splitlines()] == ["60000", "500"]
    first, second = listed.split("1_02:")
    assert PACKAGE not in first
    assert PACKAGE in second


def test_an_import_needs_room_on_every_member(tmp_path: Any):
    package = tmp_path / PACKAGE
    package.write_bytes(b"x" * 3_000_000)

    async def whole() -> tuple[str, Group]:
        group = Group(Setup(members=2, disks={"1_2": 2}), virtual_clock())
        shell = RehearsalShell(group)
        await shell.upload(package, f"/var/log/upload/{PACKAGE}", within=SOON)
        line = f"gclish -c 'installer import local /var/log/upload/{PACKAGE}'"
        shown = await command(shell, line)
        await shell.close()
        return shown, group

    shown, group = run_virtual(whole())
    assert "Not enough disk space to import the package." in shown
    assert [m.package(PACKAGE) is not None for m in group.members.values()] == [True, False]


@pytest.mark.parametrize(
    ("name", "version", "kind"),
    [
        ("Check_Point_R80_30SP_JHF_MAIN_Bundle_T101_FULL.tgz", "R80.30SP", "jumbo"),
        ("Check_Point_R81_10_JUMBO_HF_MAIN_Bundle_T66_FULL.tar", "R81.10", "jumbo"),
        ("Check_Point_R82_jumbo_hf_main_Bundle_T39_FULL.tgz", "R82", "jumbo"),
        ("Check_Point_R81.10_T338_ScalablePlatform_Upgrade.tar", "R81.10", "major"),
        ("private.tgz", "", "hotfix"),
    ],
)
def test_a_name_says_version_and_kind(name: str, version: str, kind: str):
    assert (version_of(name), kind_of(name)) == (version, kind)


@pytest.mark.parametrize(
    "setup",
    [
        {"packages": [{"kind": "jumbo"}]},
        {"packages": [{"name": "x", "kind": "jumb"}]},
        {"packages": [{"name": "x", "members": ["1_1"]}]},
        {"imported": [{"name": "x", "reboot": True}]},
        {"uninstall_gives_back": "last"},
    ],
)
def test_what_nobody_knows_of_a_package_is_refused(setup: dict[str, Any]):
    with pytest.raises(ValueError, match=r"package|kind|gives_back"):
        Setup(**setup)

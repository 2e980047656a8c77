"""The versions and platforms that a rehearsal plays, and what it refuses to play."""

import re
from typing import Any

import pytest

from engine.rehearsal.dialects import DIALECTS
from engine.rehearsal.group import Group, Setup
from engine.rehearsal.shell import RehearsalShell
from tests.rehearsing import SOON, command, talk, until
from tests.simulation.loop import run_virtual, virtual_clock


def asked(*lines: str, **settings: Any) -> list[str]:
    """Type lines at the group address."""

    async def whole() -> list[str]:
        shell = RehearsalShell(Group(Setup(**{"members": 2, **settings}), virtual_clock()))
        texts = [await command(shell, line) for line in lines]
        await shell.close()
        return texts

    return run_virtual(whole())


@pytest.mark.parametrize("version", DIALECTS)
def test_a_version_names_itself_everywhere(version: str):
    stat, release, take, build = asked(
        "asg stat -v", "cat /etc/cp-release", "cpinfo -y all", "fw ver", version=version
    )
    assert re.search(rf"\| Version +\| {re.escape(version)} \(Build Number \d+\)", stat)
    assert release == f"Check Point Gaia {version}\n"
    bundle = "BUNDLE_" + version.replace(".", "_") + "_"
    assert f"{bundle}J" in take
    assert version in build


@pytest.mark.parametrize(
    ("version", "name"),
    [
        ("R80.30SP", "Check_Point_R80_30SP_JHF_MAIN_Bundle_T101_FULL.tgz"),
        ("R81", "Check_Point_R81_JUMBO_HF_MAIN_Bundle_T101_FULL.tgz"),
        ("R81.10", "Check_Point_R81_10_JUMBO_HF_MAIN_Bundle_T101_FULL.tgz"),
        ("R81.20", "Check_Point_R81_20_JUMBO_HF_MAIN_Bundle_T101_FULL.tgz"),
        ("R82", "Check_Point_R82_jumbo_hf_main_Bundle_T101_FULL.tgz"),
        ("R82.10", "Check_Point_R82_10_jumbo_hf_main_Bundle_T101_FULL.tgz"),
    ],
)
def test_a_version_has_packages_of_its_own(version: str, name: str):
    (listed,) = asked("da_cli packages_info status=installed", version=version, take_before=101)
    assert f'"filename" : "{name}"' in listed


@pytest.mark.parametrize(
    ("version", "words"),
    [
        ("R80.30SP", ("SGM ID", "Chassis 1", "| SGMs ", "Active chassis:", "cti-ch01-02")),
        ("R81.20", ("SGM ID", "Chassis 1", "| SGMs ", "Active chassis:", "cti-ch01-02")),
        ("R82", ("Member ID", "Site 1", "| Members ", "Active site:", "cti-s01-02")),
        ("R82.10", ("Member ID", "Site 1", "| Members ", "Active site:", "cti-s01-02")),
    ],
)
def test_words_differ_by_version(version: str, words: tuple[str, ...]):
    shown = "".join(asked("asg stat -v", "cphaprob state", version=version, name="cti"))
    assert [word for word in words if word not in shown] == []


@pytest.mark.parametrize(
    ("version", "right", "wrong"),
    [
        ("R80.30SP", "smo image", "cluster configuration image"),
        ("R81.20", "smo image", "cluster configuration image"),
        ("R82", "cluster configuration image", "smo image"),
    ],
)
def test_image_auto_clone_has_one_name_per_version(version: str, right: str, wrong: str):
    good, bad = asked(
        f"gclish -c 'show {right} auto-clone state'",
        f"gclish -c 'show {wrong} auto-clone state'",
        version=version,
    )
    assert good.count("Image auto-clone state is on") == 2
    assert "Invalid command" in bad


def ordered_down(line: str, version: str) -> tuple[Group, str]:
    """Take 1_02 down by this line at the Expert prompt."""

    async def whole() -> tuple[Group, str]:
        group = Group(Setup(members=2, version=version), virtual_clock())
        shell = RehearsalShell(group)
        terminal = await shell.terminal(f"{line}; echo @over", within=SOON)
        shown = await talk(
            terminal,
            ("any other key - no) ", "y"),
            ("full name: ", "Ann"),
            ("[Maintenance]: ", "CHG0042"),
        )
        shown += await until(terminal, "@over")
        await shell.close()
        return group, shown

    return run_virtual(whole())


@pytest.mark.parametrize(
    "line",
    ["gclish -c 'set cluster members-admin-state ids 1_02 down'", "g_clusterXL_admin -b 1_02 down"],
)
def test_r82_takes_a_member_down_in_gclish_and_still_in_the_expert_shell(line: str):
    group, shown = ordered_down(line, "R82")
    assert "Member current state is DOWN" in shown
    assert group.states() == {"1_1": "ACTIVE", "1_2": "DOWN"}
    assert [(act.act, act.by, act.reason) for act in group.witness.acts] == [
        ("admin_down", "Ann", "CHG0042")
    ]


def test_before_r82_gclish_takes_nobody_down():
    line = "gclish -c 'set cluster members-admin-state ids 1_02 down'"
    assert "Invalid command" in asked(line, version="R81.20")[0]
    assert "Invalid member ids: 1_07" in asked(line.replace("1_02", "1_07"), version="R82")[0]


def test_the_overview_of_r82_is_the_picture_of_asg_stat():
    stat, gclish, expert = asked(
        "asg stat",
        "gclish -c 'show cluster info overview'",
        "cluster-cli show info overview",
        version="R82",
        platform="ElasticXL",
    )
    assert "| System Status - ElasticXL" in stat
    assert gclish == expert == stat


@pytest.mark.parametrize("line", ["asg monitor", "gclish -c 'show cluster info overview live'"])
def test_a_live_picture_is_painted_until_somebody_ends_it(line: str):
    async def whole() -> str:
        shell = RehearsalShell(Group(Setup(members=2, version="R82"), virtual_clock()))
        terminal = await shell.terminal("", within=SOON)
        await until(terminal, ":0]# ")
        await terminal.write(f"{line}\n")
        shown = ""
        for _ in range(3):
            shown += await until(terminal, "System Status")
        await terminal.write("\x03")
        shown += await until(terminal, ":0]# ")
        await shell.close()
        return shown

    assert run_virtual(whole()).count("System Status") >= 3


def test_the_help_says_whether_accelerated_connections_can_be_synchronised():
    (shown,) = asked("g_clusterXL_admin -h")
    assert "{up | down [-a]} [-r]" in shown


@pytest.mark.parametrize(
    ("settings", "why"),
    [
        ({"version": "R80.40"}, "version 'R80.40' is not one of R80.30SP, R81, R81.10"),
        ({"platform": "Chassis"}, "platform 'Chassis' is not one of Maestro, ElasticXL"),
        ({"members": 32}, "1 to 31 members, not 32"),
        ({"members": 0}, "1 to 31 members, not 0"),
        ({"platform": "ElasticXL"}, "version of ElasticXL 'R81.20' is not one of R82, R82.10"),
        ({"platform": "ElasticXL", "version": "R82", "members": 4}, "1 to 3 members per Site"),
        ({"platform": "ElasticXL", "version": "R82", "sites": [4, 2]}, "1 to 3 members per Site"),
        ({"platform": "ElasticXL", "version": "R82", "mode": "VSX"}, "mode of ElasticXL 'VSX'"),
        ({"mode": "VSNext"}, "version of VSNext 'R81.20' is not one of R82, R82.10"),
        ({"sites": [2, 2, 2]}, "1 to 2 Sites"),
        ({"sites": [2, 0]}, "members per Site, not 2, 0"),
        ({"sites": [2, 2], "active_site": 3}, "one of them active"),
        ({"standby_word": "IDLE"}, "standby_word 'IDLE' is not one of STANDBY, UP, ACTIVE"),
        ({"login_shell": "bash"}, "login_shell 'bash' is not one of expert, gclish"),
    ],
)
def test_what_no_vendor_sells_is_not_played(settings: dict[str, Any], why: str):
    with pytest.raises(ValueError, match=re.escape(why)):
        Setup(**settings)


@pytest.mark.parametrize(
    ("version", "kind"), [("R80.30SP", "RSA"), ("R81", "RSA"), ("R81.10", "ED25519")]
)
def test_host_keys_were_rsa_before_r81_10(version: str, kind: str):
    async def whole() -> str:
        shell = RehearsalShell(Group(Setup(members=2, version=version), virtual_clock()))
        terminal = await shell.terminal("member 1_2", within=SOON)
        shown = await until(terminal, ":0]# ")
        await shell.close()
        return shown

    assert f"Permanently added '192.0.2.2' ({kind}) to the list" in run_virtual(whole())

"""The rehearsal prints what real devices printed; samples and sources are in recorded/."""

import re
from dataclasses import replace
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

import pytest

from engine.rehearsal.group import Group, Setup
from engine.rehearsal.shell import RehearsalShell
from tests.rehearsing import PACKAGE, SOON, admin, answering, command, prepare, talk, until
from tests.simulation.loop import run_virtual, virtual_clock

RECORDED = Path(__file__).parent / "recorded"


def recorded(name: str) -> str:
    return (RECORDED / name).read_text()


def play(scene, tmp_path: Path, **settings) -> str:
    package = tmp_path / PACKAGE
    package.write_bytes(b"x" * 100)

    async def whole() -> str:
        group = Group(Setup(**{"name": "cti", "members": 2, **settings}), virtual_clock())
        shell = RehearsalShell(group)
        text: str = await scene(shell, group, package)
        await shell.close()
        return text

    return run_virtual(whole())


def plain(text: str) -> str:
    """End lines as the recording does."""
    return text.replace("\r\r\n", "\n").replace("\r\n", "\n").replace("\r", "")


@pytest.mark.parametrize(
    ("version", "name"),
    [("R80.30SP", "admin_down_r80_30sp.txt"), ("R81.10", "admin_down.txt")],
)
def test_admin_down_reads_as_recorded(version: str, name: str, tmp_path: Path):
    async def scene(shell, group, package):
        terminal = await shell.terminal("member 1_1", within=SOON)
        shown = await talk(
            terminal,
            (":0]# ", "g_clusterXL_admin -b 1_2 down"),
            ("any other key - no) ", "y"),
            ("full name: ", "Ansible"),
            ("[Maintenance]: ", "Automated Upgrade"),
        )
        return shown + await until(terminal, "state is DOWN\r\n")

    shown = plain(play(scene, tmp_path, version=version))
    assert recorded(name).rstrip("\n") in shown


def test_a_login_on_a_member_reads_as_recorded(tmp_path: Path):
    async def scene(shell, group, package):
        terminal = await shell.terminal("member 1_2", within=SOON)
        return await until(terminal, ":0]# ")

    shown = plain(play(scene, tmp_path, version="R80.30SP"))
    shown = re.sub(r"\x1b\].*?\x07|\x1b\[\?1034h", "", shown)
    shown = re.sub(r"Last login: .*", "Last login: DATE", shown)
    sample = re.sub(r"Last login: .*", "Last login: DATE", recorded("member_login.txt"))
    # Before the first line stands the banner of the login on the SMO, in the sample as well.
    assert shown.strip() == sample.strip()


def test_the_picture_of_a_group_reads_as_described(tmp_path: Path):
    async def scene(shell, group, package):
        await admin(shell, "1_1", "1_2")
        return await command(shell, "asg stat -v")

    def known(text: str) -> list[str]:
        lines = [line for line in text.splitlines() if "..." not in line and "SGMs" not in line]
        return [re.sub(r"\d+:\d\d:\d\d", "TIME", line) for line in lines]

    shown = known(play(scene, tmp_path))
    assert [line for line in shown if "Parameters" not in line and "Ports" not in line] == known(
        recorded("asg_stat.txt")
    )


def test_the_last_healthy_member_answers_as_recorded(tmp_path: Path):
    async def scene(shell, group, package):
        await admin(shell, "1_1", "1_2")
        return await admin(shell, "1_1", "1_1")

    assert recorded("admin_down_refused.txt") in plain(play(scene, tmp_path))


def test_the_install_dialogue_reads_as_recorded(tmp_path: Path):
    async def scene(shell, group, package):
        await prepare(shell, package)
        await admin(shell, "1_1", "1_2")
        terminal = await shell.terminal("member 1_2", within=SOON)
        shown = await talk(
            terminal,
            (":0]# ", "gclish -c 'installer install 1 member_ids 1_2'"),
            ("([y]es / [n]o)\r\r\n", "y"),
            ("any other key - no) ", "y"),
            ("any other key - no) ", "y"),
            ("full name: ", "Ansible"),
            ("[Maintenance]: ", "Automated Upgrade"),
        )
        shown += await until(terminal, "Installing package...")
        assert "reboot after install.\r\r\n" in shown
        assert "\x1b[2J\r\r\n" in shown
        assert "\x1b[11;1H" in shown
        assert "\x1b]0;admin@cti-ch01-02:~\x07\x1b[?1034h[Expert@cti-ch01-02:0]# " in shown
        return shown

    assert recorded("install_dialogue.txt") in plain(play(scene, tmp_path))


def test_cphaprob_state_reads_as_recorded(tmp_path: Path):
    async def scene(shell, group, package):
        await admin(shell, "1_1", "1_2")
        return await command(shell, "cphaprob state")

    shown = play(scene, tmp_path).strip("\n").split("\n")
    sample = recorded("cphaprob_state.txt").strip("\n").split("\n")
    assert len(shown) == len(sample)
    for line, expected in zip(shown, sample, strict=True):
        assert line.startswith(expected)


def test_an_import_of_another_build_fails_as_recorded(tmp_path: Path):
    async def scene(shell, group, package):
        group.add_fault({"name": "other_build", "member": "1_1", "build": 101})
        await shell.upload(package, f"/var/log/upload/{PACKAGE}", within=SOON)
        return await command(shell, f"gclish -c 'installer import local /var/log/upload/{PACKAGE}'")

    assert recorded("import_other_build.txt") in play(scene, tmp_path)


def test_a_verify_of_a_mixed_set_aborts_as_recorded(tmp_path: Path):
    async def scene(shell, group, package):
        group.add_fault({"name": "import_missing", "member": "1_2"})
        await prepare(shell, package)
        return await command(shell, "gclish -c 'installer verify 1'")

    shown = play(scene, tmp_path)
    assert recorded("verify_mixed.txt") in shown
    assert re.search(
        rf"\[\w{{3}} \d\d \d\d:\d\d:\d\d\] verify {re.escape(PACKAGE)} cannot be performed on "
        r"members :1_02, please use member_ids option with the correct members list \n",
        shown,
    )
    assert f"Action was aborted (verify, '{PACKAGE}'). \n" in shown


def test_an_index_that_is_not_there_is_refused_as_recorded(tmp_path: Path):
    async def scene(shell, group, package):
        return await command(shell, "gclish -c 'installer verify 1'")

    shown = play(scene, tmp_path)
    assert re.search(r"\] Package index doesn't exist on the local member \('1'\)\n", shown)


def test_auto_clone_off_reads_as_recorded(tmp_path: Path):
    async def scene(shell, group, package):
        return await command(shell, 'gclish -s -c "set smo image auto-clone state off"')

    assert play(scene, tmp_path) == recorded("auto_clone_off.txt")


def test_a_policy_of_mixed_takes_reads_as_recorded(tmp_path: Path):
    async def scene(shell, group, package):
        group.member("1_1").foreign_take = 120
        text = await command(shell, "asg policy verify -a")
        for member, name in (("1_1", "SIGNATUR1"), ("1_2", "SIGNATUR2")):
            text = text.replace(group.member(member).signature, name)
        return text

    assert play(scene, tmp_path) == recorded("policy_mixed.txt")


def test_core_dumps_read_as_recorded(tmp_path: Path):
    async def scene(shell, group, package):
        group.add_fault({"name": "core_dump", "member": "1_2"})
        output = await shell.run("core_dump_verifier -v", within=SOON)
        assert output.status == 1
        return re.sub(r"\d{4}-\d\d-\d\d [\d:.]+", "DATE", output.text)

    assert play(scene, tmp_path) == recorded("core_dumps.txt")


def test_ids_and_process_rows_read_as_recorded(tmp_path: Path):
    async def scene(shell, group, package):
        ids = await command(shell, "asg stat -i all_ids")
        await admin(shell, "1_1", "1_2")
        return ids + await command(shell, "asg stat -i proc | grep DOWN")

    assert play(scene, tmp_path) == recorded("ids.txt") + recorded("proc_row.txt")


def test_a_block_of_a_virtual_system_reads_as_recorded(tmp_path: Path):
    """The recorded one has rules of another width, and its guide says UP for ACTIVE."""

    async def scene(shell, group, package):
        await admin(shell, "1_1", "1_3")
        return await command(shell, "asg stat -v")

    shown = play(scene, tmp_path, name="Athens", members=4, mode="VSX", virtual=[{"id": 3}])
    lines = [line.split("|")[1].split() for line in shown.splitlines() if line.startswith("|")]
    sample = [
        [word.replace("UP", "ACTIVE") for word in line.split("|")[1].split()]
        for line in recorded("vsx_stat.txt").splitlines()
        if line.startswith("|")
    ]
    assert lines[0] == sample[0]
    begin = lines.index(sample[1])
    for line, expected in zip(lines[begin:], sample[1:], strict=False):
        dates = {"09Jan14": "12Mar24", "11:30": "10:51", "STANDBY": "ACTIVE"}
        assert [w for w in line if w != "(admin)"] == [dates.get(w, w) for w in expected]
    shown_heads, (head,) = columns(shown), columns(recorded("vsx_stat.txt"))
    assert shown_heads == [head, head]


def columns(text: str) -> list[list[int]]:
    """Return where the columns of each table of members begin."""
    heads = [line for line in text.splitlines() if "SGM ID" in line and "Process" in line]
    return [[m.start() for m in re.finditer(r"SGM|State|Process|Policy", head)] for head in heads]


T101 = "Check_Point_R80_30SP_JHF_MAIN_Bundle_T101_FULL.tgz"


def test_an_import_begins_as_recorded_and_ends_so_the_second_time(tmp_path: Path):
    async def scene(shell, group, package):
        await shell.upload(package, f"/var/log/upload/{T101}", within=SOON)
        line = f"gclish -c 'installer import local /var/log/upload/{T101}'"
        return await command(shell, line) + "AGAIN" + await command(shell, line)

    first, second = play(scene, tmp_path, version="R80.30SP").split("AGAIN")
    stamp = r"\w{3} \w{3} \d\d [\d:]{8} \w+ \d{4}(?=Update Service Engine)"
    head, frame = re.sub(stamp, "WHEN", recorded("import_begins.txt")).split("<ESC>[2J\n")
    shown = re.sub(stamp, "WHEN", first)
    assert shown.startswith(head + "\x1b[2J\n")
    assert frame in shown
    assert "The package 'Check_Point_R80_30SP..' was successfully imported." in shown
    assert recorded("import_exists.txt") in second


def test_a_verification_that_allows_reads_as_recorded(tmp_path: Path):
    async def scene(shell, group, package):
        return await command(shell, "member 1_2 \"gclish -c 'installer verify 1 member_ids all'\"")

    assert recorded("verify_allowed.txt") in play(scene, tmp_path, imported=[PACKAGE])


def test_a_member_without_its_policy_reads_as_recorded(tmp_path: Path):
    async def scene(shell, group, package):
        member = group.member("1_1")
        member.policy = replace(member.policy, name="InitialPolicy")
        return await command(shell, "asg policy verify -a")

    def blanked(text: str) -> str:
        """Dates and signatures are of their own day."""
        text = re.sub(r"\d\d[A-Z][a-z]{2}\d\d \d\d:\d\d", "DDMmmYY HH:MM", text)
        return re.sub(r"\|[0-9a-f]{9} ", "|SIGNATURE ", text)

    assert blanked(recorded("policy_initial.txt")) in blanked(play(scene, tmp_path))


def test_an_act_of_da_cli_is_delivered_as_recorded(tmp_path: Path):
    async def scene(shell, group, package):
        await shell.upload(package, f"/var/log/upload/{T101}", within=SOON)
        return await command(shell, f"da_cli import package={T101} location=/var/log/upload")

    shown = play(scene, tmp_path, version="R80.30SP")
    assert re.sub(r'"Action ID" : "\d+"', '"Action ID" : "1"', shown) == recorded(
        "da_delivered.txt"
    )


def listing(tmp_path: Path, scope: str, *imported: dict[str, Any], **settings) -> str:
    """Return a list of packages, on members without any other package."""

    async def scene(shell, group, package):
        return await command(shell, f"gclish -c 'show installer {scope}'")

    settings = {"take_before": 0, "imported": imported, **settings}
    return play(scene, tmp_path, **settings)


def test_a_narrow_list_of_packages_reads_as_recorded(tmp_path: Path):
    name = "Check_Point_R80_30SP_JHF_MAIN_Bundle_T101_FULL.tgz"
    shown = listing(
        tmp_path,
        "packages",
        {"name": name, "members": ["1_1"]},
        {"name": name, "members": ["1_2"], "installed": True},
        version="R80.30SP",
    )
    assert shown == recorded("packages_narrow.txt")


def test_a_wide_list_of_packages_with_majors_reads_as_recorded(tmp_path: Path):
    shown = listing(
        tmp_path,
        "packages installed",
        {"name": "Check_Point_R81_10_JUMBO_HF_MAIN_Bundle_T66_FULL.tgz", "installed": True},
        {"name": "Check_Point_R81.10_T338_ScalablePlatform_Upgrade.tgz", "installed": True},
        version="R81.10",
    )
    assert shown.endswith("\n\n" + recorded("packages_wide.txt"))


def test_a_list_with_types_reads_as_recorded(tmp_path: Path):
    shown = listing(
        tmp_path,
        "packages imported",
        {
            "name": "Check_Point_R82_10_jumbo_hf_main_Bundle_T19_FULL.tgz",
            "display": "R82.10 Jumbo Hotfix Accumulator Take 19",
        },
        {"name": "Check_Point_R82_10_jumbo_hf_main_Bundle_T36_FULL.tgz"},
        version="R82.10",
    )
    assert shown.endswith("1_02:\n" + recorded("packages_typed.txt"))


def test_the_detail_of_a_package_reads_as_recorded(tmp_path: Path):
    names: list[dict[str, Any]] = [
        {"name": f"Check_Point_R82_10_jumbo_hf_main_Bundle_T{take}_FULL.tgz"} for take in (19, 24)
    ]
    shown = listing(
        tmp_path,
        "package 3",
        *names,
        {
            "name": "Check_Point_R82_10_jumbo_hf_main_Bundle_T36_FULL.tgz",
            "size": 2_169_000_000,
        },
        version="R82.10",
        start=datetime(2026, 7, 22, 15, 11, 9, tzinfo=UTC),
    )
    clock = r"Wed Jul 22 15:1\d:\d\d 2026"
    own = shown.rpartition("1_02:\n")[2]
    assert re.sub(clock, "WHEN", own) == re.sub(clock, "WHEN", recorded("package_detail.txt"))


def test_the_build_of_the_agent_reads_as_recorded(tmp_path: Path):
    assert listing(tmp_path, "status build", da_build=27) == recorded("status_build.txt")


@pytest.mark.parametrize("sites", [[1], [2], [8], [31], [5, 3], [2, 9]])
def test_every_table_row_has_one_width(sites: list[int], tmp_path: Path):
    async def scene(shell, group, package):
        return await command(
            shell, "asg stat -v; asg stat -i sgm_info; asg stat -i tasks; asg stat -i proc"
        )

    assert {len(line) for line in play(scene, tmp_path, sites=sites).splitlines()} == {80}


def test_the_group_address_moves_to_the_next_member_and_back(tmp_path: Path):
    async def scene(shell, group, package):
        await admin(shell, "1_2", "1_1")
        await answering(group, group.clock)
        before = await command(shell, "hostname -i")
        await admin(shell, "1_2", "1_1", "up")
        await answering(group, group.clock)
        return before + await command(shell, "hostname -i")

    assert play(scene, tmp_path) == "192.0.2.2\n192.0.2.1\n"

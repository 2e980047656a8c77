"""A rehearsal whose login shell is gClish, in process and behind real SSH."""

import asyncio
from collections.abc import AsyncIterator
from datetime import timedelta
from pathlib import Path

import pytest

from engine.clock import SystemClock
from engine.ports import Shell, Terminal
from engine.rehearsal.group import Group, Setup
from engine.rehearsal.server import RehearsalServer
from engine.rehearsal.shell import RehearsalShell
from engine.ssh import SshShell
from tests.latecomers import each_turn, left_hanging
from tests.rehearsing import SOON, until
from tests.ssh.conftest import settings

PASSWORD = "Only-4-Tests"
SETUP = Setup(name="cti", members=2, speed=100.0, login_shell="gclish", expert_password=PASSWORD)


@pytest.fixture(params=["in_process", "real_ssh"])
async def shell(request: pytest.FixtureRequest, tmp_path: Path) -> AsyncIterator[Shell]:
    if request.param == "in_process":
        inside = RehearsalShell(Group(SETUP, SystemClock()))
        yield inside
        await inside.close()
        return
    server = RehearsalServer(SETUP, tmp_path)
    outside = SshShell(settings(await server.start()))
    yield outside
    await outside.close()
    await server.stop()


async def typed(terminal: Terminal, line: str, *ends: str) -> str:
    await terminal.write(f"{line}\n")
    return await until(terminal, *ends)


async def test_a_login_ends_in_gclish(shell: Shell):
    terminal = await shell.terminal("", within=SOON)
    shown = await until(terminal, "> ")
    assert shown.endswith("[Global] cti-ch01-01> ")
    assert "Last login: " in shown
    shown = await typed(terminal, "show smo image auto-clone state", "cti-ch01-01> ")
    assert shown.count("Image auto-clone state is on") == 2
    shown = await typed(terminal, "asg stat -i local_id", "cti-ch01-01> ")
    assert "Invalid command" in shown
    await terminal.write("exit\n")
    assert await terminal.read(within=SOON) in ("exit\r\n", "")
    await terminal.close()


async def test_the_expert_shell_wants_the_password_and_shows_none(shell: Shell):
    terminal = await shell.terminal("", within=SOON)
    await until(terminal, "> ")
    await typed(terminal, "expert", "Enter expert password:")
    shown = await typed(terminal, PASSWORD, ":0]# ", "Wrong")
    assert shown.endswith("[Expert@cti-ch01-01:0]# ")
    assert "You are in expert mode now." in shown
    assert PASSWORD not in shown
    assert "1_1 " in await typed(terminal, "asg stat -i local_id", ":0]# ")
    shown = await typed(terminal, "exit", "> ")
    assert shown.endswith("[Global] cti-ch01-01> ")
    await terminal.close()


async def test_a_wrong_password_stays_outside(shell: Shell):
    terminal = await shell.terminal("", within=SOON)
    await until(terminal, "> ")
    for wrong in ("", "letmein", f"{PASSWORD} ", "y"):
        await typed(terminal, "expert", "Enter expert password:")
        shown = await typed(terminal, wrong, "cti-ch01-01> ", ":0]# ")
        assert "Wrong password." in shown
        assert shown.endswith("[Global] cti-ch01-01> ")
    shown = await typed(terminal, "fw stat", "cti-ch01-01> ")
    assert "Invalid command:'fw stat'" in shown
    await terminal.close()


async def test_a_one_line_command_goes_to_gclish(shell: Shell):
    known = await shell.run("show installer packages installed", within=SOON)
    assert known.text.count("Installed") == 2
    for line in ("asg stat -v", "gclish -c 'show version all'", "echo a; echo b", "expert"):
        unknown = await shell.run(line, within=SOON)
        assert f"Invalid command:'{line}'" in unknown.text
        assert unknown.status == 1


async def test_a_member_too_is_reached_in_gclish(shell: Shell):
    terminal = await shell.terminal("", within=SOON)
    await until(terminal, "> ")
    await typed(terminal, "expert", "password:")
    await typed(terminal, PASSWORD, ":0]# ")
    shown = await typed(terminal, "member 1_2", "> ")
    assert shown.endswith("[Global] cti-ch01-02> ")
    await typed(terminal, "expert", "password:")
    shown = await typed(terminal, PASSWORD, ":0]# ")
    assert shown.endswith("[Expert@cti-ch01-02:0]# ")
    await typed(terminal, "exit", "> ")
    shown = await typed(terminal, "exit", ":0]# ")
    assert shown.endswith("[Expert@cti-ch01-01:0]# ")
    await terminal.close()


async def test_a_file_comes_by_sftp_all_the_same(shell: Shell, tmp_path: Path):
    file = tmp_path / "hotfix.tgz"
    file.write_bytes(b"x" * 1000)
    await shell.upload(file, "/var/log/upload/hotfix.tgz", within=timedelta(seconds=30))
    said = await shell.run("installer import local /var/log/upload/hotfix.tgz", within=SOON)
    assert said.text.count("successfully imported") >= 2


@pytest.mark.parametrize(
    ("version", "kind"), [("R80.30SP", "ssh-rsa"), ("R81", "ssh-rsa"), ("R81.10", "ssh-ed25519")]
)
async def test_a_member_shows_the_kind_of_key_of_its_version(
    version: str, kind: str, tmp_path: Path
):
    server = RehearsalServer(Setup(members=2, version=version), tmp_path)
    place = await server.start()
    shell = SshShell(settings(place))
    assert f"Gaia {version}" in (await shell.run("cat /etc/cp-release", within=SOON)).text
    text = await asyncio.to_thread(Path(place.known_hosts).read_text)
    assert [line.split()[1] for line in text.splitlines()] == [kind, kind]
    await shell.close()
    await server.stop()


@each_turn
async def test_who_connects_while_a_rehearsal_stops_is_not_left_hanging(turns: int, tmp_path: Path):
    server = RehearsalServer(SETUP, tmp_path)
    place = await server.start()

    assert not await left_hanging(place.port, turns, server.stop)

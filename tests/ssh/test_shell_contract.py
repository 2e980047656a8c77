"""What engine.ports.Shell promises, kept by the shell in process and by the one over real SSH."""

import asyncio
import hashlib
from datetime import timedelta
from pathlib import Path

import pytest

from engine.errors import MemberUnreachable, StepFailed, TooLate
from engine.rehearsal.server import RehearsalServer
from engine.rehearsal.setup import Setup
from engine.ssh import SshSettings, SshShell
from tests.rehearsing import until
from tests.ssh.conftest import Stage, settings

SOON = timedelta(seconds=20)


async def unreachable(stage: Stage) -> MemberUnreachable:
    """Wait for the first command that reaches nobody."""
    for _ in range(200):
        try:
            await stage.shell.run("true", within=SOON)
        except MemberUnreachable as gone:
            return gone
        await stage.group.sleep(1)
    raise AssertionError("always reachable")


async def reachable(stage: Stage) -> str:
    """Wait until somebody answers, and say who."""
    async with asyncio.timeout(60):
        while True:
            try:
                return (await stage.shell.run("asg stat -i local_id", within=SOON)).text.strip()
            except MemberUnreachable:
                await stage.group.sleep(5)


async def test_a_command_gives_its_text_and_status(stage: Stage):
    output = await stage.shell.run("echo out; echo err 1>&2; exit 7", within=SOON)
    assert sorted(output.text.split()) == ["err", "out"]
    assert output.status == 7


async def test_commands_keep_one_session_and_run_on_the_smo(stage: Stage):
    for _ in range(3):
        assert (await stage.shell.run("hostname -i", within=SOON)).text == "192.0.2.1\n"


async def test_a_command_that_does_not_end_is_too_late(stage: Stage):
    with pytest.raises(TooLate):
        await stage.shell.run("sleep 6000", within=timedelta(seconds=0.3))
    assert (await stage.shell.run("echo on", within=SOON)).text == "on\n"


async def test_when_the_smo_leaves_the_session_breaks_and_the_next_one_answers(stage: Stage):
    running = asyncio.create_task(stage.shell.run("sleep 6000", within=SOON))
    await stage.group.sleep(5)
    stage.group.admin_down(stage.group.member("1_1"))
    with pytest.raises(MemberUnreachable):
        await running
    with pytest.raises(MemberUnreachable):
        await stage.shell.run("true", within=SOON)
    assert await reachable(stage) == "1_2"


async def test_a_member_that_reboots_closes_the_terminal_on_it(stage: Stage):
    terminal = await stage.shell.terminal("member 1_3", within=SOON)
    await until(terminal, ":0]# ")
    stage.group.reboot(stage.group.member("1_3"))
    shown = ""
    while text := await terminal.read(within=SOON):
        shown += text
    assert "closed by remote host" in shown
    assert await terminal.read(within=SOON) == ""
    await terminal.close()


async def test_a_terminal_echoes_and_keeps_state(stage: Stage):
    terminal = await stage.shell.terminal("member 1_2", within=SOON)
    banner = await until(terminal, ":0]# ")
    assert "Moving to member 1_2" in banner
    await terminal.write("x=5\n")
    await until(terminal, ":0]# ")
    await terminal.write("echo x$x\n")
    shown = await until(terminal, ":0]# ")
    assert "echo x$x\r\n" in shown
    assert "x5\r\n" in shown
    await terminal.write("exit\n")
    shown = await until(terminal, "closed.")
    assert "logout" in shown
    await terminal.close()


async def test_silence_is_a_time_out_and_the_session_stays(stage: Stage):
    terminal = await stage.shell.terminal("member 1_2", within=SOON)
    await until(terminal, ":0]# ")
    with pytest.raises(TimeoutError):
        await terminal.read(within=timedelta(seconds=0.05))
    await terminal.write("echo still\n")
    assert "still" in await until(terminal, "still\r\n")
    await terminal.close()
    with pytest.raises(MemberUnreachable):
        await terminal.write("echo x\n")


async def test_closing_a_terminal_gives_its_lock_back(stage: Stage):
    await stage.shell.run("mkdir -p /var/log/hotfix-bot", within=SOON)
    probe = "( flock -n 9 && echo free || echo held ) 9>/var/log/hotfix-bot/lock"
    terminal = await stage.shell.terminal("", within=SOON)
    await until(terminal, ":0]# ")
    await terminal.write("( flock -n 9; exec sleep 60000 ) 9>/var/log/hotfix-bot/lock\n")
    await until(terminal, "lock\r\n")
    await stage.group.sleep(2)
    assert (await stage.shell.run(probe, within=SOON)).text == "held\n"
    await terminal.close()
    await stage.group.sleep(20)
    assert (await stage.shell.run(probe, within=SOON)).text == "free\n"


async def test_an_upload_arrives_whole(stage: Stage, tmp_path: Path):
    source = tmp_path / "package.tgz"
    source.write_bytes(bytes(range(256)) * 4000)
    seen: list[tuple[int, int]] = []
    await stage.shell.upload(
        source, "/var/log/upload/p.tgz", within=SOON, progress=lambda *p: seen.append(p)
    )
    digest = hashlib.sha256(source.read_bytes()).hexdigest()
    text = (await stage.shell.run("sha256sum /var/log/upload/p.tgz", within=SOON)).text
    assert text == f"{digest}  /var/log/upload/p.tgz\n"
    assert seen[0] == (0, 1024000)
    assert seen[-1] == (1024000, 1024000)


async def test_an_upload_onto_a_full_disk_fails(stage: Stage, tmp_path: Path):
    source = tmp_path / "package.tgz"
    source.write_bytes(b"x" * 1000)
    stage.group.add_fault({"name": "disk_full"})
    with pytest.raises(StepFailed):
        await stage.shell.upload(source, "/var/log/upload/p.tgz", within=SOON)


async def test_a_truncated_upload_shows_in_the_checksum(stage: Stage, tmp_path: Path):
    source = tmp_path / "package.tgz"
    source.write_bytes(b"x" * 1000)
    stage.group.add_fault({"name": "upload_truncated"})
    await stage.shell.upload(source, "/var/log/upload/p.tgz", within=SOON)
    digest = hashlib.sha256(source.read_bytes()).hexdigest()
    assert (
        digest not in (await stage.shell.run("sha256sum /var/log/upload/p.tgz", within=SOON)).text
    )


async def test_an_upload_that_broke_off_goes_on_where_it_was(stage: Stage, tmp_path: Path):
    if stage.place is None:
        return
    source, target = tmp_path / "package.tgz", "/var/log/upload/p.tgz"
    source.write_bytes(bytes(range(256)) * 4000)
    part = tmp_path / "part"
    part.write_bytes(source.read_bytes()[:300_000])
    await stage.shell.upload(part, target, within=SOON)
    seen: list[tuple[int, int]] = []
    await stage.shell.upload(source, target, within=SOON, progress=lambda *p: seen.append(p))
    assert (seen[0], seen[-1]) == ((300_000, 1_024_000), (1_024_000, 1_024_000))
    assert stage.group.member("1_1").files.files[target].size == 1_024_000


async def test_where_sftp_is_not_offered_scp_brings_the_file(tmp_path: Path):
    server = RehearsalServer(Setup(members=2, speed=100.0, sftp=False), tmp_path)
    shell = SshShell(settings(await server.start()))
    source, target = tmp_path / "package.tgz", "/var/log/upload/p.tgz"
    source.write_bytes(bytes(range(256)) * 4000)
    seen: list[tuple[int, int]] = []
    try:
        assert (await shell.run("echo on", within=SOON)).text == "on\n"
        await shell.upload(source, target, within=SOON, progress=lambda *p: seen.append(p))
        assert seen[-1] == (1_024_000, 1_024_000)
        digest = hashlib.sha256(source.read_bytes()).hexdigest()
        assert (await shell.run(f"sha256sum {target}", within=SOON)).text.startswith(digest)

        terminal = await shell.terminal("member 1_2", within=SOON)
        await until(terminal, ":0]# ")
        await terminal.close()

        server.group.add_fault({"name": "disk_full"})
        with pytest.raises(StepFailed):
            await shell.upload(source, "/var/log/upload/q.tgz", within=SOON)
    finally:
        await shell.close()
        await server.stop()


async def test_a_blind_group_answers_again(stage: Stage):
    await stage.shell.run("true", within=SOON)
    stage.group.add_fault({"name": "blind", "seconds": 60})
    await unreachable(stage)
    assert await reachable(stage) == "1_1"


async def test_an_unknown_host_key_is_refused(stage: Stage, tmp_path: Path):
    if stage.place is None:
        return
    nobody = tmp_path / "nobody"
    nobody.write_text("")
    shell = SshShell(
        SshSettings(
            stage.place.address, nobody, [Path(stage.place.client_key)], port=stage.place.port
        )
    )
    with pytest.raises(MemberUnreachable, match="Host key"):
        await shell.run("true", within=SOON)
    await shell.close()

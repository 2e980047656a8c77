"""A rehearsal in this process and one behind real SSH, for suites that both must pass."""

from collections.abc import AsyncIterator
from dataclasses import dataclass
from pathlib import Path

import pytest

from engine.clock import SystemClock
from engine.ports import Shell
from engine.rehearsal.group import Group, Setup
from engine.rehearsal.server import Place, RehearsalServer
from engine.rehearsal.shell import RehearsalShell
from engine.ssh import SshSettings, SshShell


@dataclass
class Stage:
    """A shell and the simulated group behind it; `place` only where SSH is real."""

    shell: Shell
    group: Group
    place: Place | None = None


def settings(place: Place) -> SshSettings:
    return SshSettings(
        place.address, Path(place.known_hosts), [Path(place.client_key)], port=place.port
    )


@pytest.fixture(params=["in_process", "real_ssh"])
async def stage(request: pytest.FixtureRequest, tmp_path: Path) -> AsyncIterator[Stage]:
    setup = Setup(members=4, speed=100.0)
    if request.param == "in_process":
        group = Group(setup, SystemClock())
        shell = RehearsalShell(group)
        yield Stage(shell, group)
        await shell.close()
        return
    server = RehearsalServer(setup, tmp_path)
    place = await server.start()
    ssh = SshShell(settings(place))
    yield Stage(ssh, server.group, place)
    await ssh.close()
    await server.stop()

"""`hotfix-bot look` over real SSH: what is wrong is told, and nothing is done."""

import asyncio
import json
import sys
from pathlib import Path

import pytest

from engine.rehearsal.group import Setup
from engine.rehearsal.server import RehearsalServer
from tests.ssh.test_plan import CONFIG


async def look(config: Path, *words: str) -> tuple[int, str, str]:
    process = await asyncio.create_subprocess_exec(
        sys.executable, "-m", "bot", "look", "--config", str(config), *words,
        stdout=asyncio.subprocess.PIPE,
        stderr=asyncio.subprocess.PIPE,
    )  # fmt: skip
    out, err = await process.communicate()
    assert process.returncode is not None
    return process.returncode, out.decode(), err.decode()


@pytest.mark.slow
async def test_what_is_wrong_with_a_group_is_told_and_nothing_is_done(tmp_path):
    server = RehearsalServer(Setup(members=4, speed=100.0), tmp_path)
    place = await server.start()
    config = tmp_path / "hotfix.toml"
    config.write_text(
        CONFIG.format(
            folder=tmp_path,
            known_hosts=place.known_hosts,
            key=place.client_key,
            address=place.address,
            port=place.port,
        )
    )
    try:
        assert await look(config, "site-1") == (0, "site-1: in order\n", "")

        server.group.admin_down(server.group.member("1_3"))
        server.group.advance()
        code, out, err = await look(config, "--all", "--json")
        assert (code, err) == (1, "")
        (told,) = json.loads(out)
        assert (told["group"], [one["key"] for one in told["findings"]]) == ("site-1", ["out"])
        assert told["findings"][0]["text"] == "1_3 is DOWN (ADMIN)"
        assert server.group.witness.acts == []
    finally:
        await server.stop()
    code, out, _ = await look(config, "site-1")
    assert code == 1
    assert "it could not be looked at" in out

    for words, reason in (
        ((), "name a group, or --all; groups: site-1"),
        (("site-1", "--all"), "name a group, or --all; groups: site-1"),
        (("site-2",), "there is no group site-2; groups: site-1"),
    ):
        code, out, err = await look(config, *words)
        assert (code, out, err) == (2, "", f"{reason}\n")

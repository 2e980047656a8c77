"""`hotfix-bot plan` over real SSH: it tells everything, and the group sees nothing but looks."""

import asyncio
import hashlib
import json
import re
import sys
from pathlib import Path

import pytest

from engine.rehearsal.group import Setup
from engine.rehearsal.server import RehearsalServer
from tests.simulation.night import PACKAGE
from tests.unit import archives

CONFIG = """
[policy.proposal]
voters = ["network"]
[policy.failover]
voters = ["network"]
[roles.network]
members = ["U1", "U2", "U3"]
[packages]
directory = "{folder}"
[ssh]
known_hosts = "{known_hosts}"
client_keys = ["{key}"]
[groups.site-1]
address = "{address}"
port = {port}
channel = "C1"
timezone = "Asia/Tokyo"
"""


async def plan(config: Path, *words: str) -> tuple[int, str, str]:
    process = await asyncio.create_subprocess_exec(
        sys.executable, "-m", "bot", "plan", "--config", str(config), *words,
        stdout=asyncio.subprocess.PIPE,
        stderr=asyncio.subprocess.PIPE,
    )  # fmt: skip
    out, err = await process.communicate()
    assert process.returncode is not None
    return process.returncode, out.decode(), err.decode()


@pytest.mark.slow
async def test_a_plan_of_a_real_group_is_told_and_nothing_is_done(tmp_path):
    package = tmp_path / PACKAGE
    package.write_bytes(archives.package())
    published = hashlib.sha256(package.read_bytes()).hexdigest()
    package.with_name(f"{PACKAGE}.sha256").write_text(f"{published}  {PACKAGE}\n")
    server = RehearsalServer(Setup(members=5, speed=100.0), tmp_path)
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
        code, out, err = await plan(config, "install", "site-1", PACKAGE, "--json")
        assert (code, err) == (0, "")
        told = json.loads(out)
        assert [part["members"] for part in told["split"]] == [
            ["1_1", "1_2", "1_3"],
            ["1_4", "1_5"],
        ]
        assert told["facts"]["members"][4]["take"] == 99
        commands = [line["command"] for step in told["steps"] for line in step["lines"]]
        assert "gclish -c 'installer install <N> member_ids 1_4-1_5'" in commands
        assert told["estimate_min"] > 30

        code, out, err = await plan(
            config, "uninstall", "site-1", "last", "take", "to", "take", "45", "--json"
        )
        assert (code, err) == (0, "")
        told = json.loads(out)
        assert (told["take"]["before"], told["take"]["after"]) == (99, 45)
        assert (told["would_refuse"], told["would_hold"]) == ([], "")
        commands = [line["command"] for step in told["steps"] for line in step["lines"]]
        assert "gclish -c 'installer uninstall <N> member_ids 1_4-1_5'" in commands

        for words, reason in (
            (["uninstall", "site-1"], "take 99 can be uninstalled in two ways"),
            (["rollback", "site-1"], "no run has changed anything on site-1, so there is nothing"),
            (["halt", "site-1"], "I understood plan, but halt is nothing that can be planned"),
        ):
            code, out, err = await plan(config, *words)
            assert (code, out) == (2, "")
            assert err.startswith(reason)
            assert len(err.splitlines()) == 1

        code, out, err = await plan(
            config, "install", "site-1", PACKAGE, "split", "1_1-1_2/1_3-1_5"
        )
        assert (code, err) == (0, "")
        assert "A  1_1-1_2  (while A is down 3 members carry what 5 carry now" in out
        assert "Nothing was sent but what reads." in out

        when = ["at", "tomorrow", "02:00", "for", "3h", "rollback", "after", "72h"]
        code, out, err = await plan(config, "install", "site-1", PACKAGE, *when)
        assert (code, err) == (0, "")
        assert re.search(r"When: \w+ \d+ \w+ 02:00 JST \(UTC\+9\) until ", out)
        assert re.search(r", in UTC \w+ \d+ \w+ 17:00 UTC until \w+ \d+ \w+ 20:00 UTC\.", out)
        assert "  APPOINTMENT  (waits for the time that was agreed on" in out

        code, out, err = await plan(config, "install", "site-1", PACKAGE, *when, "--json")
        assert (code, err) == (0, "")
        told = json.loads(out)
        assert told["rollback_after_s"] == 72 * 3600
        begins = told["appointment"]
        assert begins["zone"] == "Asia/Tokyo"
        assert begins["start"].endswith("T17:00:00+00:00")
        assert begins["start_there"].endswith("T02:00:00+09:00")
        assert begins["until"].endswith("T20:00:00+00:00")
        assert begins["until_there"].endswith("T05:00:00+09:00")

        code, out, err = await plan(config, "install", "site-1", PACKAGE, "at", "2am")
        assert (code, out) == (2, "")
        assert "2am is no time of day; write at 02:00" in err

        code, out, err = await plan(config, "install", "site-1", PACKAGE, "split", "1_1/1_2-1_5")
        assert (code, out) == (2, "")
        assert err.startswith("the vendor asks for groups of nearly equal size")
        assert len(err.splitlines()) == 1
        assert server.group.witness.acts == []
    finally:
        await server.stop()
    code, out, err = await plan(config, "install", "site-1", PACKAGE)
    assert (code, out) == (1, "")
    assert err.startswith("site-1 could not be looked at: ")
    assert len(err.splitlines()) == 1

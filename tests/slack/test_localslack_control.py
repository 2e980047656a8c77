"""The control API, the seeds, and the server as a program."""

import asyncio
import json
import signal
import sys
from pathlib import Path

import jsonschema
import pytest
from slack_sdk.errors import SlackApiError

from bot.localslack import ControlClient, LocalSlack, read_seed
from bot.localslack.seed import MANIFEST, read_manifest
from tests.slack.raw import send
from tests.slack.samples import DATA
from tests.slack.watch import PATIENCE_S, clock_is_awaited

CHANNEL = "C0000FWOPS0"
HOUSE = Path(__file__).parent.parent.parent


def test_the_apps_manifest_is_one_that_slack_takes():
    schema = json.loads((DATA / "manifest.schema.json").read_text(encoding="utf-8"))
    jsonschema.validate(read_manifest(MANIFEST), schema)


async def test_the_stream_tells_every_change(people, client):
    stream = people.stream()
    async with asyncio.timeout(PATIENCE_S):
        assert (await anext(stream))[0] == "ready"
        await client.chat_postMessage(channel=CHANNEL, text="hello")
        kinds = [(await anext(stream))[0] for _ in range(2)]
    assert kinds == ["message_posted", "traffic"]
    await stream.aclose()


async def test_the_log_shows_calls_without_their_secrets(people, client):
    await client.chat_postMessage(channel=CHANNEL, text="hello")
    with pytest.raises(SlackApiError):
        await client.chat_postMessage(channel="C0NOWHERE0", text="hello")
    fine, wrong = await people.traffic()
    assert (fine["method"], fine["ok"], fine["args"]["text"]) == ("chat.postMessage", True, "hello")
    assert (wrong["ok"], wrong["error"]) == (False, "channel_not_found")
    assert "xoxb" not in json.dumps([fine, wrong])
    assert await people.traffic(since=wrong["seq"]) == []


@pytest.mark.parametrize(("fault", "status"), [("rate_limit", 429), ("server_error", 500)])
async def test_a_fault_hits_the_method_that_is_meant(people, slack, client, fault, status):
    await people.fault(fault, method="users.info", n=1, seconds=7)
    assert (await client.auth_test())["ok"]
    url = slack.base_url + "users.info?user=U00000RITA0"
    hit, spared = [await send("GET", url, token="xoxb-localslack") for _ in range(2)]
    assert (hit.status, spared.status) == (status, 200)
    assert hit.headers.get("Retry-After") == ("7" if status == 429 else None)


async def test_a_response_may_be_lost_after_the_deed(people, client):
    await people.fault("lose_response", method="chat.postMessage")
    # Slack's library tries once more by itself when a connection breaks.
    await client.chat_postMessage(channel=CHANNEL, text="once?")
    messages = (await people.channel("firewall-ops"))["messages"]
    assert [m["text"] for m in messages] == ["once?", "once?"]


async def test_a_slow_answer_comes_when_its_time_has_come(people, client, clock):
    await people.fault("slow", method="auth.test", seconds=20)
    asking = asyncio.create_task(client.auth_test())
    await clock_is_awaited(people, clock, within=20)
    assert not asking.done()
    clock.advance(20)
    assert (await asking)["ok"]


async def test_what_is_unknown_is_refused_with_what_there_is(people):
    assert "rate_limit" in (await people.fault("earthquake"))["known"]
    assert "react" in (await people.act("ana", "dance"))["known"]
    assert "usergroup" in (await people.change("weather", "x"))["known"]
    assert (await people.act("nobody", "react"))["error"] == "user_not_found"


async def test_a_page_of_another_site_is_refused(slack):
    headers = {"Origin": "https://example.com"}
    assert (await send("GET", slack.url + "control/state", headers=headers)).status == 403


async def test_a_workspace_can_be_a_toml_file(tmp_path, clock):
    file = tmp_path / "workspace.toml"
    file.write_text(
        """
        [team]
        name = "Elsewhere"
        [[users]]
        id = "U0SOMEBODY0"
        name = "zoe"
        real_name = "Zoe"
        [[channels]]
        id = "C0ELSEWHER0"
        name = "elsewhere"
        members = ["zoe", "hotfix"]
        """
    )
    seed = read_seed(file)
    slack = LocalSlack(seed, clock=clock)
    await slack.start()
    async with ControlClient(slack.url) as people:
        state = await people.state()
    await slack.stop()
    assert state["team"]["name"] == "Elsewhere"
    assert state["channels"][0]["members"] == ["U0SOMEBODY0", "U0000HOTFIX"]


async def test_it_runs_as_a_program():
    process = await asyncio.create_subprocess_exec(
        sys.executable,
        "-m",
        "bot.localslack",
        "--port",
        "0",
        cwd=HOUSE,
        stdout=asyncio.subprocess.PIPE,
    )
    assert process.stdout
    async with asyncio.timeout(PATIENCE_S * 3):
        ready = json.loads(await process.stdout.readline())
        async with ControlClient(ready["url"]) as people:
            assert (await people.state())["team"]["name"] == "Hotfix Demo"
        process.send_signal(signal.SIGTERM)
        assert await process.wait() == 0

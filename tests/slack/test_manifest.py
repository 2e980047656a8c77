"""The app as people create it: Slack takes the manifest, and each scope in it is missed."""

import json
from contextlib import asynccontextmanager
from typing import Any

import jsonschema
import pytest

from bot.localslack import ControlClient, LocalSlack
from bot.localslack.events import SCOPE_OF
from bot.localslack.seed import Seed, demo_workspace
from tests.architecture.slack_calls import methods_called, needed
from tests.slack.app import ExampleApp
from tests.slack.manifest import FOR_HTTP, SOURCE, TWIN, as_json, read, read_for_http
from tests.slack.raw import send
from tests.slack.samples import DATA
from tests.slack.watch import Watch

PUBLIC, PRIVATE, PERSON = "C0000FWOPS0", "C00PRIVATE0", "U00000RITA0"
SCOPES = read()["oauth_config"]["scopes"]["bot"]
EVENTS = set(read()["settings"]["event_subscriptions"]["bot_events"])
SCHEMA = json.loads((DATA / "manifest.schema.json").read_text(encoding="utf-8"))

CALLED = {method for method in methods_called() if method != "apps.connections.open"}


def without(scope: str) -> Seed:
    """A workspace in which the app has all scopes of its manifest but one."""
    seed = demo_workspace()
    seed["manifest"]["oauth_config"]["scopes"]["bot"].remove(scope)
    private = {"id": PRIVATE, "name": "quiet", "members": ["rita", "hotfix"], "is_private": True}
    seed["channels"].append(private)
    return seed


@asynccontextmanager
async def running(seed: Seed):
    """A Slack that hurries, so that no limit of calls is met."""
    server = LocalSlack(seed, hurry=1000)
    await server.start()
    yield server
    await server.stop()


@pytest.mark.parametrize("manifest", [read(), read_for_http()], ids=["socket mode", "http"])
def test_slack_takes_the_manifest(manifest: Any):
    jsonschema.validate(manifest, SCHEMA)


def test_what_the_code_reads_is_what_people_create():
    assert TWIN.read_text(encoding="utf-8") == as_json(read()), (
        "bot/slack-manifest.json is written from deploy/slack-manifest.yaml: change that one, and "
        "run `python -m tests.slack.manifest`"
    )


def test_each_scope_stands_there_with_its_reason():
    lines = SOURCE.read_text(encoding="utf-8").splitlines()
    for scope in SCOPES:
        (line,) = [one for one in lines if one.strip().startswith(f"- {scope} ")]
        assert len(line.partition("#")[2]) > 5, line


def test_for_http_there_is_an_address_wherever_slack_calls():
    manifest = read_for_http()
    settings = manifest["settings"]
    asked = {
        manifest["features"]["slash_commands"][0]["url"],
        settings["event_subscriptions"]["request_url"],
        settings["interactivity"]["request_url"],
    }

    assert asked == {"https://hotfix.example.com/slack/events"}
    assert not settings["socket_mode_enabled"]
    assert SOURCE.read_text(encoding="utf-8").count(f"{FOR_HTTP}") == 3 + 1, "and in the heading"


@pytest.mark.parametrize("scope", SCOPES)
async def test_a_call_without_its_scope_is_refused_and_no_other(scope: str):
    refused: set[str] = set()
    async with running(without(scope)) as slack:
        for method in CALLED:
            for place in (PUBLIC, PRIVATE, PERSON):
                sent = {"channel": place, "user": PERSON, "users": PERSON, "text": "x"}
                url = slack.base_url + method
                answer = (await send("POST", url, token="xoxb-localslack", data=sent)).body
                if answer.get("error") == "missing_scope":
                    assert answer["needed"] in (scope, *needed(method))
                    refused.add(method)

    assert refused == {method for method in CALLED if scope in needed(method)}


@pytest.mark.parametrize("scope", SCOPES)
async def test_an_event_without_its_scope_is_not_told(scope: str):
    wanted = {event for event in EVENTS if SCOPE_OF[event] != scope}
    async with running(without(scope)) as slack, ControlClient(slack.url) as people:
        watch, app = Watch(slack.changes), ExampleApp(slack)
        await app.connect()
        ts = (await people.act("rita", "message", channel=PUBLIC, text="hello"))["ts"]
        await people.act("ana", "react", channel=PUBLIC, ts=ts, emoji="x")
        await people.act("ana", "unreact", channel=PUBLIC, ts=ts, emoji="x")
        await people.act("ana", "mention", channel=PUBLIC, text="hello")
        await people.change("usergroup", "S0FWAPPROV0", users=["ben"])
        await people.change("channel", PUBLIC, is_ext_shared=True)
        if "app_home_opened" in EVENTS:
            await people.act("ana", "open_home")
        for _ in wanted:
            await watch.until_traffic("ack", ok=True)
        told = {body["event"]["type"] for body in app.heard}
        await app.close()

    assert told == wanted


async def test_without_the_scope_of_commands_there_is_no_command():
    async with running(without("commands")) as slack, ControlClient(slack.url) as people:
        answer = await people.act("rita", "command", channel=PUBLIC, text="/hotfix help")

    assert answer["error"] == "unknown_command"

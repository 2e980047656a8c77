"""The app asks Slack for exactly what the code uses: scopes, events, and what is switched on."""

import json
from typing import Any

import pytest

from bot.localslack.events import SCOPE_OF
from bot.localslack.limits import RULES
from tests.architecture.house import ROOT, name_of
from tests.architecture.slack_calls import bot_modules, methods_called, needed, words_of

MANIFEST: dict[str, Any] = json.loads((ROOT / "bot" / "slack-manifest.json").read_text())
SCOPES = set(MANIFEST["oauth_config"]["scopes"]["bot"])
EVENTS = set(MANIFEST["settings"]["event_subscriptions"]["bot_events"])

HOW = "in deploy/slack-manifest.yaml; then run `python -m tests.slack.manifest`"

# Every event of `message.channels` and the like is told as "message", a word with other uses.
EVENT_NAMES = {name for name in SCOPE_OF if not name.startswith("message.")}

CALLED = methods_called()


def used_events() -> set[str]:
    """The events that some module of the bot knows by name."""
    return EVENT_NAMES & {word for path in bot_modules() for word in words_of(path)}


def test_the_sources_are_read_as_they_are():
    """What surely is called is found: directly, handed on, and through another function."""
    assert {"chat.postMessage", "reactions.get", "users.info"} <= CALLED.keys()
    assert {"files.getUploadURLExternal", "files.completeUploadExternal"} <= CALLED.keys()
    looks = {"bot/people.py", "bot/speaking/losses.py", "bot/speaking/twins.py"}
    assert CALLED["reactions.get"] == looks
    assert "team.info" not in CALLED


@pytest.mark.parametrize("method", sorted(CALLED))
def test_every_method_that_is_called_is_known_and_covered(method: str):
    where = ", ".join(sorted(CALLED[method]))
    assert method in RULES, f"{where} calls {method}, which bot/localslack does not know"

    lacking = sorted(needed(method) - SCOPES)

    assert not lacking, f"{where} calls {method}: add the scope {', '.join(lacking)} {HOW}"


@pytest.mark.parametrize("scope", sorted(SCOPES))
def test_no_scope_is_asked_for_without_a_use(scope: str):
    uses = {method for method in CALLED if scope in needed(method)}
    uses |= {event for event in EVENTS if SCOPE_OF.get(event) == scope}
    uses |= {"slash commands"} if scope == "commands" and MANIFEST["features"] else set()

    assert uses, f"no call and no event needs the scope {scope}: take it out {HOW}"


@pytest.mark.parametrize("event", sorted(EVENTS))
def test_every_event_subscribed_to_is_listened_to_and_may_be_told(event: str):
    assert event in used_events(), f"no module of bot/ knows the event {event}: take it out {HOW}"
    scope = SCOPE_OF[event]
    assert not scope or scope in SCOPES, f"the event {event} needs the scope {scope}: add it {HOW}"


def test_every_event_listened_to_is_subscribed_to():
    deaf = sorted(used_events() - EVENTS)
    where = {e: sorted(name_of(p) for p in bot_modules() if e in words_of(p)) for e in deaf}

    assert not deaf, f"listened to, but never told: {where}; add it {HOW}"


def test_the_home_is_switched_on_exactly_when_something_is_shown_there():
    home = MANIFEST["features"]["app_home"]["home_tab_enabled"]

    assert home == ("views.publish" in CALLED), f"set home_tab_enabled to {not home} {HOW}"


def test_clicks_and_commands_are_switched_on():
    assert MANIFEST["settings"]["interactivity"]["is_enabled"]
    assert MANIFEST["settings"]["socket_mode_enabled"]
    assert [one["command"] for one in MANIFEST["features"]["slash_commands"]] == ["/hotfix"]

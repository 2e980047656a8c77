"""What Slack refuses whoever asks is told once, with what to do, until it takes it again."""

import pytest
from structlog.testing import capture_logs

from bot.standing import CHANNEL_SHUT, IN_THREADS, TOKEN_REFUSED, Standing

CHANNEL = "C0000FWOPS0"


def heard() -> tuple[Standing, list[str]]:
    reasons: list[str] = []
    return Standing(reasons.append), reasons


def test_a_refused_token_is_said_once_however_often_it_is_refused():
    standing, reasons = heard()
    with capture_logs() as logs:
        for method in ("chat.postMessage", "reactions.get", "chat.postMessage"):
            standing.refused(method, CHANNEL, "token_revoked")

    (line,) = logs
    assert line["log_level"] == "error"
    assert "token_revoked" in line["reason"]
    assert "SLACK_BOT_TOKEN" in line["reason"]
    assert reasons == [line["reason"]]


def test_it_is_over_when_slack_takes_the_token_again():
    standing, reasons = heard()
    standing.refused("auth.test", "", "invalid_auth")
    standing.took("users.info")

    assert reasons[-1] == standing.reason == ""

    standing.refused("auth.test", "", "invalid_auth")
    assert "invalid_auth" in standing.reason, "and said again when it comes again"


def test_a_channel_is_not_open_again_because_it_can_be_read():
    standing, _ = heard()
    standing.refused("chat.postMessage", CHANNEL, "is_archived")
    standing.took("conversations.replies", CHANNEL)
    assert CHANNEL in standing.reason

    standing.took("chat.postMessage", "C0000OTHER0")
    assert CHANNEL in standing.reason

    standing.took("chat.postMessage", CHANNEL)
    assert standing.reason == ""


@pytest.mark.parametrize("error", sorted(IN_THREADS))
def test_a_channel_that_takes_no_threads_is_not_open_because_it_takes_all_else(error: str):
    standing, _ = heard()
    standing.refused("chat.postMessage", CHANNEL, error)
    for method in ("chat.postMessage", "chat.update", "reactions.add"):
        standing.took(method, CHANNEL)
    assert CHANNEL in standing.reason

    standing.took("chat.postMessage", CHANNEL, in_thread=True)
    assert standing.reason == ""


def test_a_scope_that_is_missing_is_named_until_its_method_works():
    standing, _ = heard()
    standing.refused("usergroups.users.list", "", "missing_scope", "usergroups:read")
    standing.took("auth.test")

    assert "usergroups:read" in standing.reason

    standing.took("usergroups.users.list")
    assert standing.reason == ""


def test_what_concerns_one_person_or_one_call_is_not_told_here():
    standing, reasons = heard()
    standing.refused("chat.postMessage", "U00000RITA0", "channel_not_found")
    standing.refused("reactions.get", CHANNEL, "message_not_found")
    standing.refused("chat.update", CHANNEL, "msg_too_long")

    assert reasons == []


def test_every_refusal_says_what_to_do():
    assert all(len(words) > 20 for words in (*TOKEN_REFUSED.values(), *CHANNEL_SHUT.values()))

"""Whether a request is Slack's: signature, timestamp, and the time in which it is good."""

from datetime import UTC, datetime, timedelta

import pytest

from bot.signature import REPLAY_WINDOW, SIGNATURE, TIMESTAMP, fault, signature

# Source: docs.slack.dev/authentication/verifying-requests-from-slack, its own example.
SECRET = "8f742231b10e8888abcd99yyyzzz85a5"
AT = "1531420618"
BODY = (
    b"token=xyzz0WbapA4vBCDEFasx0q6G&team_id=T1DC2JH3J&team_domain=testteamnow&channel_id=G8PSS9T3V"
    b"&channel_name=foobar&user_id=U2CERLKJA&user_name=roadrunner&command=%2Fwebhook-collect&text="
    b"&response_url=https%3A%2F%2Fhooks.slack.com%2Fcommands%2FT1DC2JH3J%2F397700885554%2F96rGlfmib"
    b"IGlgcZRskXaIFfN&trigger_id=398738663015.47445629121.803a0bc887a14d10d2c447fce8b6703c"
)
SIGNED = "v0=a2114d57b48eac39b9ad189dd8316235a7b4a8d21a10bd27519666489c69b503"
NOW = datetime.fromtimestamp(int(AT), UTC)


def told(*, secret: str = SECRET, body: bytes = BODY, now: datetime = NOW, **headers: str) -> str:
    given = {SIGNATURE: SIGNED, TIMESTAMP: AT, **headers}
    return fault(secret, {name: value for name, value in given.items() if value}, body, now)


def test_the_example_of_slacks_own_page_is_good():
    assert signature(SECRET, AT, BODY) == SIGNED
    assert told() == ""


@pytest.mark.parametrize(
    ("changes", "why"),
    [
        ({"secret": "another"}, "its signature is wrong"),
        ({"secret": ""}, "it is not signed"),
        ({"body": BODY + b" "}, "its signature is wrong"),
        ({SIGNATURE: ""}, "it is not signed"),
        ({TIMESTAMP: ""}, "it is not signed"),
        ({SIGNATURE: SIGNED.upper()}, "its signature is wrong"),
        ({SIGNATURE: SIGNED.replace("v0", "v1")}, "its signature is wrong"),
        ({SIGNATURE: "v0=größe"}, "its signature is wrong"),
        ({TIMESTAMP: "now"}, "its timestamp is none"),
        ({TIMESTAMP: "-1"}, "its timestamp is none"),
        ({TIMESTAMP: "٣١"}, "its timestamp is none"),
        ({TIMESTAMP: "9" * 5000}, "its timestamp is none"),
        ({TIMESTAMP: str(int(AT) + 1)}, "its signature is wrong"),
    ],
)
def test_what_slack_did_not_sign_so_is_refused(changes, why):
    assert told(**changes) == why


@pytest.mark.parametrize("side", [1, -1])
def test_a_request_is_good_for_five_minutes_either_way(side):
    assert told(now=NOW + side * REPLAY_WINDOW) == ""
    late = NOW + side * (REPLAY_WINDOW + timedelta(seconds=1))
    assert told(now=late) == "its timestamp is 301 s away from our clock"

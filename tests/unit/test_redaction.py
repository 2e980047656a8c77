"""Secrets stay out of text, of JSON values and of every line that is logged."""

import json
import logging

import pytest
import structlog
from hypothesis import given
from hypothesis import strategies as st

from bot.logs import set_up_logging
from bot.redaction import REDACTED, Redactor

TOKEN = "a-known-secret"


@pytest.mark.parametrize(
    "text",
    [
        f"it is {TOKEN}!",
        "xoxb-1234-abcd in a sentence",
        "xapp-1-A111-222",
        "https://hooks.slack.com/commands/T1/2/abc",
        "-----BEGIN OPENSSH PRIVATE KEY-----\nb3Bl\n-----END OPENSSH PRIVATE KEY-----",
        "-----BEGIN PRIVATE KEY-----\ncut off",
    ],
)
def test_a_secret_is_replaced(text):
    told = Redactor([TOKEN]).text(text)

    assert REDACTED in told
    for secret in (TOKEN, "abcd", "A111", "T1/2", "b3Bl", "cut off"):
        assert secret not in told


# Without these two characters no text has the shape of a token, an address or a key.
PLAIN = st.text(st.characters(exclude_characters="-/"))


@given(st.recursive(PLAIN, lambda inner: st.lists(inner) | st.dictionaries(PLAIN, inner)))
def test_a_value_without_secrets_stays_as_it_is(value):
    assert Redactor([TOKEN]).value(value) == value


def test_secrets_deep_in_a_value_are_replaced():
    value = {"a": [{"b": f"x{TOKEN}y"}], "n": 1, "none": None}

    assert Redactor([TOKEN]).value(value) == {"a": [{"b": f"x{REDACTED}y"}], "n": 1, "none": None}


def test_short_values_do_not_black_out_words():
    assert Redactor(["", "a", "ab"]).text("a table") == "a table"


@pytest.fixture
def _logging():
    root = logging.getLogger()
    handlers, level = root.handlers, root.level
    yield
    root.handlers = handlers
    root.setLevel(level)
    structlog.reset_defaults()


@pytest.mark.usefixtures("_logging")
@pytest.mark.parametrize("as_json", [True, False])
def test_no_line_of_the_log_shows_a_secret(capsys, as_json):
    set_up_logging(Redactor([TOKEN]), as_json=as_json)

    structlog.get_logger("ours").info("said", token=TOKEN, deep={"list": [TOKEN]})
    logging.getLogger("theirs").warning("token %s", TOKEN)
    try:
        int(f"refused {TOKEN}")
    except ValueError:
        structlog.get_logger("ours").exception("failed")
        logging.getLogger("theirs").exception("failed")

    told = capsys.readouterr().err
    assert TOKEN not in told
    assert told.count(REDACTED) >= 5
    if as_json:
        lines = [json.loads(line) for line in told.splitlines()]
        assert lines[0]["event"] == "said"
        assert "ValueError" in lines[2]["exception"]

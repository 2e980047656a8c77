"""Whether the bot waited when it was told to is read from the traffic alone."""

from typing import Any

from bot.demo.patience import impatient, refused_for_rate


def call(at: float, method: str = "chat.update", wait: int = 0) -> dict[str, Any]:
    refused = {"ok": False, "retry_after": wait} if wait else {"ok": True}
    return {"kind": "api", "method": method, "at": at, **refused}


def test_a_call_before_its_time_is_told():
    (told,) = impatient([call(100, wait=5), call(103)])

    assert told == "chat.update was called 2.0 s before its time"


def test_whoever_waits_or_calls_another_method_is_not_told():
    traffic = [call(100, wait=5), call(101, "users.info"), call(105), call(106)]

    assert impatient(traffic) == []
    assert refused_for_rate(traffic) == ["chat.update"]


def test_what_was_under_way_when_the_refusal_came_is_not_told():
    assert impatient([call(100, wait=5), call(100.2)]) == []

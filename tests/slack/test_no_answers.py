"""What comes in place of an answer of Slack's: cut off, or of a proxy, and never taken for one."""

from collections.abc import AsyncIterator, Callable

import pytest
from aiohttp import web
from aiohttp.test_utils import TestServer

from bot.calls import SlackClient, Trouble, called
from bot.people import SlackAnswers
from bot.questions import SlackRefused, asked
from engine.errors import PeopleUnreadable
from storage.memory import MemoryStores
from tests.slack.house import BEN, CHANNEL

Answers = Callable[[int, str, str], SlackClient]


@pytest.fixture
async def answers() -> AsyncIterator[Answers]:
    """Return what makes a client of a server that answers everything alike."""
    said: list[tuple[int, str, str]] = []

    async def answer(_: web.BaseRequest) -> web.Response:
        status, kind, body = said[-1]
        return web.Response(status=status, content_type=kind, text=body)

    def client(status: int, kind: str, body: str) -> SlackClient:
        said.append((status, kind, body))
        return SlackClient(token="xoxb-1", base_url=str(server.make_url("/api/")))

    server = TestServer(web.Application())
    server.app.router.add_route("*", "/{method:.*}", answer)
    async with server:
        yield client


NO_ANSWERS = {
    "cut off": (200, "application/json", '{"ok":true,"user":{"id":"U1'),
    "a page of a proxy": (200, "text/html", "<html>Please log in</html>"),
    "a page that says that it is JSON": (200, "application/json", "<html>"),
    "nothing": (200, "application/json", ""),
    "a list": (200, "application/json", "[]"),
    "null": (200, "application/json", "null"),
    "a text": (200, "text/plain", "ok"),
    "a file": (200, "application/gzip", "PK"),
    "a gateway that reaches nobody": (502, "text/html", "<html>"),
    "a gateway that says nothing in JSON": (503, "application/json", ""),
    "a gateway with a text": (503, "text/plain", "upstream connect error"),
    "a gateway that wants less, in no words of Slack's": (429, "application/json", "<html>"),
}


@pytest.mark.parametrize("name", NO_ANSWERS)
async def test_what_is_no_answer_decides_nothing(answers, name):
    client = answers(*NO_ANSWERS[name])

    with pytest.raises(PeopleUnreadable) as unread:
        await asked(lambda: client.users_info(user=BEN))
    assert not isinstance(unread.value, SlackRefused)


@pytest.mark.parametrize("name", NO_ANSWERS)
async def test_after_what_is_no_answer_nobody_knows_what_became_of_a_call(answers, name):
    client = answers(*NO_ANSWERS[name])

    with pytest.raises(Trouble) as trouble:
        await called(client.chat_postMessage(channel=CHANNEL, text="one"))
    assert trouble.value.unclear or trouble.value.retry_after is not None
    assert not trouble.value.about_content


@pytest.mark.parametrize("name", NO_ANSWERS)
async def test_by_what_is_no_answer_nobody_was_told(answers, name):
    to = SlackAnswers(answers(*NO_ANSWERS[name]), MemoryStores().deliveries)

    assert not await to.answer({"channel": CHANNEL, "user": BEN}, "not begun")


@pytest.mark.parametrize(
    ("error", "given"),
    [
        ("cannot_dm_bot", True),
        ("channel_not_found", True),
        ("token_revoked", False),
        ("fatal_error", False),
    ],
)
async def test_an_answer_is_let_go_where_slack_will_never_take_it(answers, error, given):
    to = SlackAnswers(
        answers(200, "application/json", f'{{"ok":false,"error":"{error}"}}'),
        MemoryStores().deliveries,
    )

    assert await to.answer({"user": BEN}, "not begun") is given


async def test_a_refusal_of_slacks_has_a_name(answers):
    client = answers(200, "application/json", '{"ok":false,"error":"user_not_found"}')

    with pytest.raises(SlackRefused, match="user_not_found"):
        await asked(lambda: client.users_info(user=BEN))

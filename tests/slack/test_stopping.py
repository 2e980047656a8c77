"""How an HTTP server of ours stops."""

from aiohttp import web

from bot.listening import listening
from tests.latecomers import each_turn, left_hanging


@each_turn
async def test_who_connects_while_a_server_stops_is_not_left_hanging(turns: int):
    runner = web.AppRunner(web.Application())
    _, _, port = (await listening(runner, ("127.0.0.1", 0))).rpartition(":")

    assert not await left_hanging(int(port), turns, runner.cleanup)

"""How Slack reaches us: only Slack is heard, nothing is acked too soon, no way is silently dead.

P2 rests on it where somebody else could vote, P12 where a vote would be lost.
"""

from tests.mutation.trials import safety

HTTP = "bot/http.py"
SIGNATURE = "bot/signature.py"
SOCKET = "bot/socket.py"
BY_HTTP = "slack/test_http.py"
BY_SOCKET = "slack/test_socket.py"
BY_SIGNATURE = "unit/test_signature.py"

SAFETIES = (
    safety(
        "a request that is not signed is refused",
        promise="P2",
        why="Whoever reaches our port could vote as anybody.",
        file=HTTP,
        old="        if wrong:\n",
        new="        if False:\n",
        by=(
            f"{BY_HTTP}::test_what_slack_did_not_sign_just_now_is_refused_logged_and_changes_nothing",
        ),
    ),
    safety(
        "a signature is compared with ours",
        promise="P2",
        why="Any text in the header would do.",
        file=SIGNATURE,
        old="    if not hmac.compare_digest(",
        new="    if False and hmac.compare_digest(",
        by=(f"{BY_SIGNATURE}::test_what_slack_did_not_sign_so_is_refused",),
    ),
    safety(
        "an old request is refused",
        promise="P2",
        why="A request that was copied once could be sent again for ever.",
        file=SIGNATURE,
        old="    if away > REPLAY_WINDOW.total_seconds():\n",
        new="    if False:\n",
        by=(f"{BY_SIGNATURE}::test_a_request_is_good_for_five_minutes_either_way",),
    ),
    safety(
        "a request from the future is refused",
        promise="P2",
        why="It would be good for as long as it is ahead, and five minutes more.",
        file=SIGNATURE,
        old="abs(now.timestamp() - int(timestamp))",
        new="now.timestamp() - int(timestamp)",
        by=(f"{BY_SIGNATURE}::test_a_request_is_good_for_five_minutes_either_way",),
    ),
    safety(
        "an event over HTTP is acked when its row is there",
        promise="P12",
        why="Slack believes that we have it, and we are killed.",
        file=HTTP,
        old="        return _answer(await self._app.async_dispatch(asked))\n",
        new="        self._later = asyncio.ensure_future(self._app.async_dispatch(asked))\n"
        "        return web.Response()\n",
        by=(f"{BY_HTTP}::test_an_event_is_acked_only_when_its_row_is_there",),
    ),
    safety(
        "what the database does not take is no ack over HTTP",
        promise="P12",
        why="Slack would not send it again.",
        file=HTTP,
        old="status=response.status, text",
        new="status=200, text",
        by=(f"{BY_HTTP}::test_a_database_error_is_no_ack_and_slack_sends_the_event_again",),
    ),
    safety(
        "a connection that is open and silent is replaced",
        promise="P12",
        why="The library calls it connected, and nothing is heard any more.",
        file=SOCKET,
        old="        if line.quiet(now) is not None:\n            return True\n",
        by=(
            f"{BY_SOCKET}::test_a_connection_that_is_open_and_silent_is_replaced_although_it_says_"
            "it_is_connected",
        ),
    ),
    safety(
        "one connection is replaced at a time",
        promise="P12",
        why="For some seconds nobody would listen.",
        file=SOCKET,
        old="        if not lost or self._is_settling(now):\n",
        new="        if not lost:\n",
        by=(f"{BY_SOCKET}::test_two_silent_connections_are_never_replaced_at_once",),
    ),
    safety(
        "a look that comes late judges no connection",
        promise="P12",
        why="After our own standstill both would be thrown away, with what they have to tell.",
        file=SOCKET,
        old="            if now - looked <= (LOOK_EVERY + LOOK_LATE).total_seconds():\n",
        new="            if True:\n",
        by=(f"{BY_SOCKET}::test_a_process_that_stood_still_blames_nobody_for_the_silence",),
    ),
    safety(
        "Slack says when it may be asked for an address again",
        promise="P12",
        why="Whoever asks on is kept out for longer, and hears nothing.",
        file=SOCKET,
        old="        if trouble.retry_after is not None:\n",
        new="        if False:\n",
        by=(f"{BY_SOCKET}::test_a_limit_on_addresses_is_waited_for_as_long_as_slack_says",),
    ),
    safety(
        "a token that Slack refuses is told",
        promise="P12",
        why="The bot would look well while no vote can be read.",
        file="bot/tokens.py",
        old='            elif body.get("error") in TOKEN_REFUSED:\n',
        new="            elif False:\n",
        by=(
            "slack/test_health.py::test_a_token_that_is_revoked_makes_it_not_ready_with_slacks_reason",
        ),
    ),
)

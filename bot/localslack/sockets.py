"""Socket Mode: connections of the app, and one envelope to exactly one of them.

It knows nothing of what is in an envelope. When one is not acknowledged it says so, and the
caller decides: events are sent again, commands and clicks fail visibly to the person.

Source: docs.slack.dev/apis/events-api/using-socket-mode; names of the frames' fields as
slack_sdk and the Node SDK read them.
"""

from __future__ import annotations

import asyncio
import json
import uuid
from contextlib import suppress
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any

from aiohttp import WSCloseCode, WSMessage, WSMsgType, web

from bot.localslack.clock import Clock, Timer, until
from bot.localslack.delivery import SECONDS_TO_ACK, Delivery, NotDelivered
from bot.localslack.ids import secret
from bot.localslack.refusal import Refused

if TYPE_CHECKING:
    from bot.localslack.faults import Fault, Faults
    from bot.localslack.model import Json
    from bot.localslack.traffic import Traffic
    from bot.localslack.workspace import Workspace

MOST_CONNECTIONS = 10
# How long an address from apps.connections.open waits for its connection: a guess.
TICKET_LIFE_S = 30.0
# "Every few hours"; the number is what Slack's `hello` was seen to say.
CONNECTION_LIFE_S = 18_060.0
DEBUG_CONNECTION_LIFE_S = 360.0
WARNING_AHEAD_S = 10.0
# How long an app that was asked to leave may stay: a guess.
SECONDS_TO_LEAVE = 5.0
# How long the other side may take to answer the closing of a connection.
SECONDS_TO_CLOSE = 1.0
# A WebSocket ping, so that a dead connection is noticed; Slack's own rhythm is similar. Seconds
# of the machine's clock, since it is about the network: no night in a hurry makes it faster.
PING_EVERY_S = 5.0


@dataclass(eq=False)
class Connection:
    """One open WebSocket of the app."""

    id: int
    socket: web.WebSocketResponse
    waiting: dict[str, asyncio.Future[Json]] = field(default_factory=dict)
    timers: list[Timer] = field(default_factory=list)
    is_leaving: bool = False
    is_silent: bool = False
    is_heard: bool = True
    pulse: asyncio.TimerHandle | None = None

    async def send(self, frame: Json) -> None:
        """Send a frame, unless this connection is open and dead."""
        if not self.is_silent:
            await _send(self.socket, frame)


class SocketMode:
    """All connections of the app."""

    def __init__(
        self, clock: Clock, workspace: Workspace, faults: Faults, traffic: Traffic
    ) -> None:
        self._clock = clock
        self._workspace = workspace
        self._faults = faults
        self._traffic = traffic
        self._tickets: dict[str, float] = {}
        self._connections: list[Connection] = []
        self._next_id = 1
        self._turn = 0
        self._chores: set[asyncio.Task[None]] = set()

    @property
    def count(self) -> int:
        """Return how many connections are open."""
        return len(self._connections)

    def issue_url(self, address: str) -> str:
        """Return a WebSocket address that works once."""
        ticket = secret()
        self._tickets[ticket] = self._clock.now() + TICKET_LIFE_S
        return f"ws://{address}/link/?ticket={ticket}&app_id={self._workspace.app.id}"

    async def serve(self, request: web.Request) -> web.StreamResponse:
        """Be one connection, for as long as it lasts."""
        expires = self._tickets.pop(request.query.get("ticket", ""), 0.0)
        refused = self._faults.is_out or self._faults.take("refuse_connection")
        if refused or expires < self._clock.now():
            self._traffic.record("socket", event="refused", ok=False)
            raise web.HTTPRequestTimeout
        socket = web.WebSocketResponse(autoping=False, timeout=SECONDS_TO_CLOSE)
        await socket.prepare(request)
        if len(self._connections) >= MOST_CONNECTIONS:
            await _send(
                socket,
                {
                    "type": "disconnect",
                    "reason": "too_many_websockets",
                    "debug_info": {"host": "localslack"},
                },
            )
            await socket.close()
            return socket
        connection = self._open(socket)
        try:
            await self._greet(connection, short="debug_reconnects" in request.query)
            self._pulse(connection)
            async for message in socket:
                await self._hear(connection, message)
        finally:
            self._forget(connection)
        return socket

    async def deliver(self, delivery: Delivery) -> Json:
        """Send one envelope to one connection and return the payload of its ack.

        Raises:
            NotDelivered: there is no connection, or no ack came within three seconds.
        """
        connection = self._choose()
        if connection is None:
            self._traffic.record(
                "delivery",
                type=delivery.kind,
                ok=False,
                error="dispatch_failed",
                retry_attempt=delivery.attempt,
                payload=delivery.payload,
            )
            raise NotDelivered("dispatch_failed")
        envelope = {
            "envelope_id": str(uuid.uuid4()),
            "payload": delivery.payload,
            "type": delivery.kind,
            "accepts_response_payload": delivery.accepts_response,
        }
        if delivery.kind == "events_api":
            envelope |= {"retry_attempt": delivery.attempt, "retry_reason": delivery.reason}
        ack = await self._send_and_wait(connection, envelope)
        if ack is None:
            self._traffic.record(
                "delivery",
                type=delivery.kind,
                ok=False,
                error="operation_timeout",
                envelope_id=envelope["envelope_id"],
                retry_attempt=delivery.attempt,
            )
            raise NotDelivered("operation_timeout")
        return ack

    async def disconnect(self, reason: str, how_many: int | None = None) -> int:
        """Ask connections to go, as Slack does on a refresh; return how many.

        After `warning` and `refresh_requested` the app has a few seconds to leave by itself;
        `link_disabled` closes at once, `none` without a word.
        """
        chosen = self._connections[:how_many]
        for connection in chosen:
            await self._ask_to_leave(connection, reason)
        return len(chosen)

    def fall_silent(self, how_many: int | None = None) -> int:
        """Let connections stay open without a frame, not even an answer to a ping."""
        chosen = [c for c in self._connections if not c.is_silent][:how_many]
        for connection in chosen:
            connection.is_silent = True
            self._traffic.record("socket", event="silent", ok=True, connection=connection.id)
        return len(chosen)

    async def close(self) -> None:
        """Close all connections, because the server stops."""
        for connection in list(self._connections):
            await connection.socket.close(code=WSCloseCode.GOING_AWAY)
        for chore in list(self._chores):
            chore.cancel()

    # ------------------------------------------------------------------ private

    def _open(self, socket: web.WebSocketResponse) -> Connection:
        connection = Connection(self._next_id, socket)
        self._next_id += 1
        self._connections.append(connection)
        self._traffic.record("socket", event="opened", ok=True, connection=connection.id)
        self._workspace.publish("connection_opened", connection=connection.id, open=self.count)
        return connection

    def _pulse(self, connection: Connection) -> None:
        """Send a ping, and again and again; who does not answer one is gone."""
        if connection.socket.closed:
            return
        if not connection.is_silent:
            if not connection.is_heard:
                self._start(_close(connection.socket))
                return
            connection.is_heard = False
            self._start(_ping(connection.socket))
        loop = asyncio.get_running_loop()
        connection.pulse = loop.call_later(PING_EVERY_S, self._pulse, connection)

    async def _greet(self, connection: Connection, *, short: bool) -> None:
        life = DEBUG_CONNECTION_LIFE_S if short else CONNECTION_LIFE_S
        await connection.send(
            {
                "type": "hello",
                "num_connections": self.count,
                "debug_info": {
                    "host": "localslack",
                    "build_number": 1,
                    "approximate_connection_time": int(life),
                },
                "connection_info": {"app_id": self._workspace.app.id},
            },
        )
        self._later(connection, life - WARNING_AHEAD_S, "warning")

    def _later(self, connection: Connection, seconds: float, reason: str) -> None:
        def act() -> None:
            self._start(self._ask_to_leave(connection, reason))

        connection.timers.append(self._clock.call_later(seconds, act))

    async def _ask_to_leave(self, connection: Connection, reason: str) -> None:
        if connection.socket.closed:
            return
        connection.is_leaving = True
        self._traffic.record(
            "socket", event="disconnect", reason=reason, ok=True, connection=connection.id
        )
        if reason != "none":
            await connection.send(
                {"type": "disconnect", "reason": reason, "debug_info": {"host": "localslack"}},
            )
        if reason == "warning":
            self._later(connection, WARNING_AHEAD_S, "refresh_requested")
        elif reason == "refresh_requested":
            # The app has heard it and leaves by itself; who does not, is cut off.
            self._later(connection, SECONDS_TO_LEAVE, "none")
        else:
            # Not awaited: closing waits for the other side, which may be busy leaving.
            self._start(_close(connection.socket))

    def _start(self, chore: Any) -> None:  # noqa: ANN401 -- any coroutine
        task = asyncio.ensure_future(chore)
        self._chores.add(task)
        task.add_done_callback(self._chores.discard)

    async def _hear(self, connection: Connection, message: WSMessage) -> None:
        if connection.is_silent:
            return
        connection.is_heard = True
        if message.type is WSMsgType.PING:
            await connection.socket.pong(message.data)
        if message.type is not WSMsgType.TEXT:
            return
        try:
            ack = json.loads(message.data)
        except ValueError:
            return
        envelope_id = str(ack.get("envelope_id")) if isinstance(ack, dict) else ""
        if self._faults.take("lose_ack"):
            self._traffic.record("ack", envelope_id=envelope_id, ok=False, error="lost")
            return
        # An ack on another connection than its envelope's does not count: nobody documents
        # that it does, and an app that relies on it would be wrong somewhere.
        awaited = connection.waiting.pop(envelope_id, None)
        known = awaited is not None and not awaited.done()
        self._traffic.record(
            "ack",
            envelope_id=envelope_id,
            ok=known,
            connection=connection.id,
            payload=ack.get("payload") if isinstance(ack, dict) else None,
        )
        if awaited is not None and not awaited.done():
            payload = ack.get("payload")
            awaited.set_result(payload if isinstance(payload, dict) else {})

    def _choose(self) -> Connection | None:
        staying = [c for c in self._connections if not c.is_leaving and not c.socket.closed]
        if not staying or self._faults.is_out:
            return None
        self._turn += 1
        return staying[self._turn % len(staying)]

    async def _send_and_wait(self, connection: Connection, envelope: Json) -> Json | None:
        loop = asyncio.get_running_loop()
        acked: asyncio.Future[Json] = loop.create_future()
        connection.waiting[envelope["envelope_id"]] = acked
        copies = [envelope]
        if fault := self._faults.take("duplicate_envelope"):
            copies.append(self._copy(envelope, fault))
            connection.waiting[copies[1]["envelope_id"]] = loop.create_future()
        try:
            for copy in copies:
                self._traffic.record(
                    "delivery",
                    type=copy["type"],
                    ok=True,
                    connection=connection.id,
                    envelope_id=copy["envelope_id"],
                    retry_attempt=copy.get("retry_attempt", 0),
                    payload=copy["payload"],
                )
                await connection.send(copy)
            return await until(self._clock, SECONDS_TO_ACK, acked)
        finally:
            connection.waiting.pop(envelope["envelope_id"], None)

    def _copy(self, envelope: Json, fault: Fault) -> Json:
        """Return the envelope once more; `new_event_id` makes it look like another event."""
        payload = dict(envelope["payload"])
        if fault.details.get("new_event_id") and "event_id" in payload:
            payload["event_id"] = self._workspace.ids.new("Ev")
        return {**envelope, "envelope_id": str(uuid.uuid4()), "payload": payload}

    def _forget(self, connection: Connection) -> None:
        self._connections.remove(connection)
        for timer in connection.timers:
            timer.cancel()
        if connection.pulse is not None:
            connection.pulse.cancel()
        for awaited in connection.waiting.values():
            awaited.cancel()
        self._traffic.record("socket", event="closed", ok=True, connection=connection.id)
        self._workspace.publish("connection_closed", connection=connection.id, open=self.count)


def check_may_connect(workspace: Workspace) -> None:
    """Refuse when the app does not use Socket Mode.

    Raises:
        Refused: `socket_mode_disabled`, hard to find otherwise.
    """
    if not workspace.app.uses_sockets:
        raise Refused("socket_mode_disabled")


async def _send(socket: web.WebSocketResponse, frame: Json) -> None:
    try:
        await socket.send_str(json.dumps(frame))
    except ConnectionError:
        # The other side went away meanwhile; the missing ack will tell.
        return


async def _ping(socket: web.WebSocketResponse) -> None:
    with suppress(ConnectionError):
        await socket.ping()


async def _close(socket: web.WebSocketResponse) -> None:
    await socket.close()

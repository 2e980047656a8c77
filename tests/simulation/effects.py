"""Numbers what an executor does to the world, and lets it die or stall around each such effect.

An effect is a commit, a command sent to a device, a reply of it, a call to Slack or its answer.
Between two effects an executor only thinks, so these are all the moments at which a `kill -9`
can be told apart from another one.
"""

import asyncio
import json
from collections.abc import Callable
from contextlib import AbstractAsyncContextManager
from datetime import timedelta
from enum import Enum, auto
from pathlib import Path
from types import TracebackType
from typing import Any

import aiohttp

from bot.localslack.webapi import WebApi
from engine.ports import Output, Shell, Terminal
from tests.simulation.loop import Held

COMMITS = {
    "journal": {"append"},
    "inbox": {"put", "drop"},
    "deliveries": {"save"},
    "leases": {"acquire", "renew", "release"},
    "evidence": {"put"},
}
"""What writes, by store; everything else reads."""


class Killed(BaseException):
    """The process died here."""


class Fate(Enum):
    """What happens at a moment between two effects."""

    GOES_ON = auto()
    DIES = auto()
    STALLS = auto()
    OTHER_WAKES = auto()


class Life:
    """One executor's life: every effect of it passes here, and none does after its death.

    An executor that stalls (a paused process) makes its next effect only when it is woken: what
    it had decided by then is as old as the stall was long.
    """

    def __init__(self, effects: "Effects", on_death: Callable[[], None]) -> None:
        self._effects = effects
        self._on_death = on_death
        self.dead = False
        self.stalled: asyncio.Future[None] | None = None

    def point(self, name: str) -> None:
        """Pass a moment between two effects, in a blocking call.

        Raises:
            Killed: the executor dies there.
            Held: it stalls there.
        """
        self.check()
        match self._effects.at(name):
            case Fate.DIES:
                self.die()
            case Fate.STALLS:
                self.stalled = asyncio.get_running_loop().create_future()
                self._effects.stalls(self)
                raise Held(self.stalled)
            case Fate.OTHER_WAKES:
                self._effects.wake_the_stalled()
            case Fate.GOES_ON:
                pass

    async def passes(self, name: str) -> None:
        """Pass a moment between two effects; a stalled executor stays here until it is woken."""
        try:
            self.point(name)
        except Held as held:
            await held.until
            self.check()

    async def awake(self) -> None:
        """Wait until this executor moves; not a moment of its own."""
        try:
            self.check()
        except Held as held:
            await held.until
            self.check()

    def check(self) -> None:
        """Raise `Killed` where this executor is dead, and `Held` where it stands still."""
        if self.dead:
            raise Killed
        if self.stalled is not None and not self.stalled.done():
            raise Held(self.stalled)

    def die(self) -> None:
        """End this life here and now."""
        self.dead = True
        self._on_death()
        raise Killed


class Effects:
    """Counts the moments of a night over all executors' lives, and decides what happens there."""

    def __init__(
        self, fate: Callable[[int, str], Fate] = lambda _number, _name: Fate.GOES_ON
    ) -> None:
        self.fate = fate
        self.names: list[str] = []
        self.stalled: Life | None = None
        self.on_stall: Callable[[], None] = lambda: None

    def at(self, name: str) -> Fate:
        """Number this moment, and tell what happens there."""
        self.names.append(name)
        return self.fate(len(self.names), name)

    def stalls(self, life: Life) -> None:
        """Remember who stands still."""
        self.stalled = life
        self.on_stall()

    def wake_the_stalled(self) -> None:
        """Let the process that stood still go on."""
        life, self.stalled = self.stalled, None
        if life is not None and life.stalled is not None and not life.stalled.done():
            life.stalled.set_result(None)


# ------------------------------------------------------------------------------ the store


class MortalStores:
    """Stores of an executor that can die around each commit."""

    def __init__(self, inner: Any, life: Life) -> None:
        self._inner = inner
        for name, writes in COMMITS.items():
            setattr(self, name, _MortalStore(getattr(inner, name), name, writes, life))

    def __getattr__(self, name: str) -> Any:
        return getattr(self._inner, name)


class _MortalStore:
    def __init__(self, inner: Any, name: str, writes: set[str], life: Life) -> None:
        self._inner = inner
        self._name = name
        self._writes = writes
        self._life = life

    def __getattr__(self, method: str) -> Any:
        real = getattr(self._inner, method)
        life = self._life

        def write(*args: Any, **named: Any) -> Any:
            told = f"commit {self._name}.{method}{_kinds(args)}"
            life.point(f"{told} before")
            result = real(*args, **named)
            if method != "renew":
                # Nothing depends on having heard of it; the next effect comes at the same state.
                life.point(f"{told} after")
            return result

        def read(*args: Any, **named: Any) -> Any:
            life.check()
            return real(*args, **named)

        return write if method in self._writes else read


def _kinds(args: tuple[Any, ...]) -> str:
    """Name the records of an append, for who reads about a schedule."""
    drafts = args[1] if len(args) > 1 and isinstance(args[1], list) else []
    return f" {'+'.join(d.kind for d in drafts)}" if drafts else ""


# ---------------------------------------------------------------------------- the devices


class MortalShell:
    """A Shell whose user can die around each thing that is sent or heard."""

    def __init__(self, inner: Shell, life: Life) -> None:
        self._inner = inner
        self._life = life

    async def run(self, command: str, *, within: timedelta) -> Output:
        """See engine.ports.Shell."""
        await self._life.passes(f"send {command[:24]}")
        output = await self._inner.run(command, within=within)
        await self._life.passes(f"reply to {command[:24]}")
        return output

    async def terminal(self, command: str, *, within: timedelta) -> Terminal:
        """See engine.ports.Shell."""
        await self._life.passes(f"open {command[:24]}")
        return _MortalTerminal(await self._inner.terminal(command, within=within), self._life)

    async def upload(self, source: Path, target: str, **named: Any) -> None:
        """See engine.ports.Shell."""
        await self._life.passes("upload before")
        await self._inner.upload(source, target, **named)
        await self._life.passes("upload after")

    async def close(self) -> None:
        """See engine.ports.Shell."""
        await self._inner.close()


class _MortalTerminal:
    def __init__(self, inner: Terminal, life: Life) -> None:
        self._inner = inner
        self._life = life

    async def read(self, *, within: timedelta) -> str:
        text = await self._inner.read(within=within)
        await self._life.passes("heard at a terminal")
        return text

    async def write(self, text: str) -> None:
        await self._life.passes(f"type {text[:16]!r} before")
        await self._inner.write(text)
        await self._life.passes(f"type {text[:16]!r} after")

    async def close(self) -> None:
        await self._inner.close()


# ------------------------------------------------------------------------------- Slack


class Loopback:
    """An HTTP session that reaches a localslack in this process, without a socket.

    It offers what slack_sdk uses of `aiohttp.ClientSession`.
    """

    closed = False

    def __init__(self, api: WebApi, life: Life) -> None:
        self._api = api
        self._life = life

    def request(self, _verb: str, url: str, **named: Any) -> AbstractAsyncContextManager[Any]:
        """Make one call."""
        return _Exchange(self._api, self._life, url.rpartition("/")[2], named)


class _Exchange(AbstractAsyncContextManager[Any]):
    def __init__(self, api: WebApi, life: Life, method: str, named: dict[str, Any]) -> None:
        self._api: Any = api
        self._life = life
        self._method = method
        self._asked = _Asked(method, named)

    async def __aenter__(self) -> "_Answered":
        await self._life.passes(f"call {self._method}")
        await asyncio.sleep(0)  # noqa: TID251 -- a call is never answered in the same turn
        response = await self._api.answer(self._asked)
        await self._life.passes(f"answer to {self._method}")
        if self._asked.lost:
            raise aiohttp.ServerDisconnectedError
        return _Answered(response)

    async def __aexit__(
        self,
        _kind: type[BaseException] | None,
        _error: BaseException | None,
        _trace: TracebackType | None,
    ) -> None:
        return None


class _Asked:
    """A request as `WebApi.answer` reads it: JSON where slack_sdk sends JSON, a form elsewhere."""

    host = "localslack"

    def __init__(self, method: str, named: dict[str, Any]) -> None:
        self.match_info = {"method": method}
        self.headers = named.get("headers") or {}
        self.query = {k: str(v) for k, v in (named.get("params") or {}).items()}
        self.transport = self
        self.lost = False
        self._json = named.get("json")
        self._form = {k: str(v) for k, v in (named.get("data") or {}).items()}
        self.content_type = "application/json" if self._json is not None else "form"
        self.can_read_body = bool(self._form)

    async def text(self) -> str:
        """Return the body."""
        return json.dumps(self._json)

    async def post(self) -> dict[str, Any]:
        """Return the form."""
        return self._form

    def abort(self) -> None:
        """The answer is lost on its way."""
        self.lost = True


class _Answered:
    """A response as slack_sdk reads it."""

    content_type = "application/json"

    def __init__(self, response: Any) -> None:
        self._response = response
        self.status = response.status
        self.headers = response.headers

    async def json(self) -> Any:
        """Return the body."""
        return json.loads(self._response.text)

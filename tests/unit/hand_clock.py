"""A clock that a test moves by hand; its wall can be stepped while its time goes on."""

from datetime import datetime, timedelta


class HandClock:
    """See engine.ports.Clock; nobody sleeps on it."""

    def __init__(self, start: datetime) -> None:
        self._start = start
        self._passed = timedelta(0)
        self._stepped = timedelta(0)

    def now(self) -> datetime:
        return self._start + self._passed + self._stepped

    def monotonic(self) -> float:
        return self._passed.total_seconds()

    async def sleep(self, duration: timedelta) -> None:
        raise AssertionError("nobody sleeps on a clock that is moved by hand")

    def move_to(self, seconds: float) -> None:
        """Let time pass until so many seconds after the start."""
        self._passed = timedelta(seconds=seconds)

    def step(self, change: timedelta) -> None:
        """Set the wall clock forward or back, as a time server or a person does."""
        self._stepped += change

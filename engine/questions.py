"""Questions about people, each asked in a way that its asker chooses.

What Slack answers, and when, is not in our hands; how long a group is left unseen for it is. The
way is `engine.duty.Duty.looking_on`.
"""

from __future__ import annotations

from collections.abc import Collection, Coroutine, Sequence
from typing import Any, Protocol, TypeVar

from engine.ports import Ballot, People, Person, Reach

T = TypeVar("T")


class Way(Protocol):
    """How a question is asked."""

    def __call__(self, question: Coroutine[Any, Any, T], /) -> Coroutine[Any, Any, T]:
        """Return its answer, or raise PeopleUnreadable."""
        ...


class AskedInTime:
    """See engine.ports.People; every question goes the given way."""

    def __init__(self, people: People, way: Way) -> None:
        self._people = people
        self._way = way

    async def ballots(self, channel: str, ts: str) -> Sequence[Ballot]:
        """See engine.ports.People."""
        return await self._way(self._people.ballots(channel, ts))

    async def person(self, user: str) -> Person:
        """See engine.ports.People."""
        return await self._way(self._people.person(user))

    async def shared(self, channel: str) -> str:
        """See engine.ports.People."""
        return await self._way(self._people.shared(channel))

    async def roles(self, user: str) -> frozenset[str]:
        """See engine.ports.People."""
        return await self._way(self._people.roles(user))

    async def members(self, role: str) -> frozenset[str]:
        """See engine.ports.People."""
        return await self._way(self._people.members(role))

    async def reach(self, roles: Collection[str]) -> Sequence[Reach]:
        """See engine.ports.People: it never raises, and has a limit of its own."""
        return await self._people.reach(roles)

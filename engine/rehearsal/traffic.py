"""Simulated connections: who carries them, who has their copy, and how many were lost.

A connection belongs to one member and is synchronised to one other. An orderly leave hands it to
its copy; an abrupt one as well, unless the copy is gone or not yet made. Where the Sites are
synchronised, the Standby Site has a copy of everything: it saves what has no copy in its own Site.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

SYNC_SECONDS = 5.0
"""How long a connection is without a copy after its copy has left; a guess: one delta sync
is under a second, a bulk one takes some."""


@dataclass
class Bundle:
    """Connections that share owner and copy; `copied_at` is when the copy is complete."""

    owner: str
    copy: str | None
    count: int
    copied_at: float = 0.0


class Traffic:
    """The connections of one Security Group.

    `elsewhere` are the members of the Standby Site that have copies; with `between_sites` an
    orderly leave waits until they have, and an abrupt one finds there what was copied before.
    """

    def __init__(
        self,
        connections: int,
        members: Sequence[str],
        elsewhere: Sequence[str] = (),
        *,
        between_sites: bool = True,
    ) -> None:
        self.wanted = connections
        self.lost = 0
        self.carriers: list[str] = list(members)
        self.elsewhere: dict[str, float] = dict.fromkeys(elsewhere, 0.0)
        self.between_sites = between_sites
        self.bundles: list[Bundle] = []
        self._spread(0.0)

    def of(self, member: str) -> int:
        """Return how many connections a member carries."""
        return sum(b.count for b in self.bundles if b.owner == member)

    def change(
        self,
        carriers: Sequence[str],
        orderly: Sequence[str],
        now: float,
        elsewhere: Sequence[str] = (),
    ) -> None:
        """Take note of who carries traffic now, and who elsewhere has a copy of all of it.

        `orderly` names those who left in order.
        """
        stood_by = [m for m, since in self.elsewhere.items() if since <= now]
        self._change(carriers, orderly, now, [m for m in stood_by if m in carriers])
        self.elsewhere = {m: self.elsewhere.get(m, now + SYNC_SECONDS) for m in elsewhere}

    def _change(
        self, carriers: Sequence[str], orderly: Sequence[str], now: float, saviours: Sequence[str]
    ) -> None:
        gone = [m for m in self.carriers if m not in carriers]
        came = [m for m in carriers if m not in self.carriers]
        stayed = [m for m in carriers if m in self.carriers]
        self.carriers = list(carriers)
        if not gone and not came:
            return
        for member in gone:
            for bundle in [b for b in self.bundles if b.owner == member]:
                heirs = saviours
                if member in orderly:
                    heirs = stayed or (self.carriers if self.between_sites else saviours)
                self._leave(bundle, heirs, now)
        for bundle in self.bundles:
            if bundle.copy in gone or bundle.copy is None:
                self._copy_again(bundle, now)
        if came or not self.bundles:
            self._spread(now)

    def _leave(self, bundle: Bundle, heirs: Sequence[str], now: float) -> None:
        copied = bundle.copy in self.carriers and bundle.copied_at <= now
        if copied and bundle.copy is not None:
            bundle.owner, bundle.copy = bundle.copy, None
        elif heirs:
            bundle.owner, bundle.copy = heirs[0], None
        else:
            self.lost += bundle.count
            self.bundles.remove(bundle)

    def _copy_again(self, bundle: Bundle, now: float) -> None:
        others = [m for m in self.carriers if m != bundle.owner]
        bundle.copy = others[hash_of(bundle.owner) % len(others)] if others else None
        bundle.copied_at = now + SYNC_SECONDS

    def _spread(self, now: float) -> None:
        """Share all connections out evenly; lost ones are opened anew by their clients."""
        self.bundles = []
        for index, owner in enumerate(self.carriers):
            share, rest = divmod(self.wanted, len(self.carriers))
            copy = self.carriers[(index + 1) % len(self.carriers)]
            count = share + (1 if index < rest else 0)
            ready = now + SYNC_SECONDS if now else 0.0
            self.bundles.append(Bundle(owner, None if copy == owner else copy, count, ready))


def hash_of(member: str) -> int:
    """Return a small number that depends only on the id."""
    return sum(int(part) for part in member.split("_"))

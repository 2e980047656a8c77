"""The epoch on the devices: what keeps an executor out that acts late (P9).

Question: a lease says who may act, but a process that was paused between its check and its act
does not know that another has taken over meanwhile. How does the device refuse it?

Answer: each member keeps the epoch of the lease under which acts are allowed, in one file, with
the id of the boot in which it was written, and of the database that counted the epoch:
`7 3f2a… 9c1d…`. Every acting line takes a lock, compares that file with its own epoch, the present
boot and its own database, and only then acts; the acting command inherits
the lock (`engine.gaia.guards`). Anything but equality is 97. It is written by take-over alone:

    read all ──► a higher or strange one? ──► lease in force in the database? ──► write on all
                          Fenced, or a hold              Fenced                      in reach
    first look ◄── no session open there ◄──────────────────────────────────────────────┘

- *A stale executor does not get through.* A line that comes after the write is refused. One that
  had passed before the write holds the lock while it acts, so the look that follows sees a session
  open, and whoever decides waits for its end. Whoever is stale cannot write its epoch back: a
  higher one stays, two writers come one after the other, and the database is asked right before.
- *A restart opens nothing.* A member that was away at take-over, or comes back from a snapshot
  with an old file in it, has another boot id than the file: it refuses everybody until the lease's
  holder has written again. The holder sees that in its next look, since each look reads the file,
  and writes before it decides anything.
- *The rightful executor does not lock itself out.* A file that is missing, unreadable, no number,
  lower, or of another boot is written anew by whoever holds the lease in the database. A higher
  one while the database says that the lease is ours, or one of another database, means another
  installation, or a database that was restored from a copy: that is a hold with the way out in
  it, since only people can tell which. A database that was moved (`hotfix-bot db move`) knows
  whose work it goes on with, and takes over from that one alone; the one moved from refuses to be
  used. A file without a database is from a version before they had ids, and counts as former
  where its epoch is lower.

Given up: a member that only we cannot reach, and that did not restart, keeps the former epoch
until it is seen again. Bytes of an upload are not fenced, only its beginning: a stale executor
could only send the same bytes, and importing them is an acting line. While people have halted a
run, the epoch is written all the same: it touches no traffic, and keeps others from doing so.
"""

from __future__ import annotations

import asyncio
from collections.abc import Mapping
from datetime import timedelta

from engine.errors import ConditionFailed, Fenced
from engine.facts import GroupFacts, MemberId
from engine.gaia import guards, probe
from engine.gaia.guards import Stamp
from engine.gaia.probe import Kept
from engine.ports import Shell
from storage.records import Identity, Lease, LeaseStore


class Fence:
    """One executor's epoch on the members of one Security Group; for as long as its lease lasts.

    `stands` once the epoch was written on every member in reach and no session of a former
    executor was open on any of them afterwards.
    """

    def __init__(
        self, lease: Lease, leases: LeaseStore, identity: Identity, directory: str
    ) -> None:
        self.stands = False
        self.stamp = Stamp(lease.epoch, identity.id, identity.heir_of)
        self._lease = lease
        self._leases = leases
        self._directory = directory

    @property
    def epoch(self) -> int:
        """The epoch of the lease."""
        return self._lease.epoch

    def is_lacking(self, facts: GroupFacts) -> bool:
        """Tell whether a member that answered does not keep our epoch in its present boot."""
        return any(
            not self.is_kept(member.epoch, member.boot_id or "")
            for member in facts.members
            if member.answered
        )

    def is_kept(self, text: str, boot_id: str) -> bool:
        """Tell whether the text of an epoch file lets our acting lines pass in this boot."""
        return text == self.stamp.kept(boot_id)

    async def put_up(self, shell: Shell, *, within: timedelta) -> Mapping[MemberId, Kept]:
        """Write our epoch on every member in reach; return what each keeps afterwards.

        Raises:
            Fenced: another executor has taken over; nothing was written.
            ConditionFailed: a member keeps a higher epoch, or another database's, although the
                lease is ours.
            MemberUnreachable, TooLate, UnexpectedOutput: as a look.
        """
        before = await shell.run(guards.read_epochs(self._directory), within=within)
        await self._refuse_newer(probe.read_kept(before.text))
        await self._check_lease()
        after = await shell.run(guards.write_epoch(self._directory, self.stamp), within=within)
        kept = probe.read_kept(after.text)
        await self._refuse_newer(kept)
        self.stands = self.stands or not any(one.held for one in kept.values())
        return kept

    async def _check_lease(self) -> None:
        now = await asyncio.to_thread(self._leases.current, self._lease.resource)
        if now is None or (now.epoch, now.holder) != (self.epoch, self._lease.holder):
            raise Fenced(f"{self._lease.resource}: epoch {self.epoch} is over")

    async def _refuse_newer(self, kept: Mapping[MemberId, Kept]) -> None:
        strange = [member for member, one in kept.items() if self._is_strange(one.epoch)]
        newer = [member for member, one in kept.items() if self._is_newer(one.epoch)]
        if not strange and not newer:
            return
        await self._check_lease()
        if strange:
            other = _database(kept[strange[0]].epoch)
            said = f"{', '.join(strange)} keep the epoch of another database ({other[:60]!r})"
            why = "the database is a copy"
        else:
            highest = max(_number(kept[member].epoch) for member in newer)
            said = (
                f"{', '.join(newer)} keep epoch {highest}, but the lease in our database has epoch "
                f"{self.epoch}"
            )
            why = "the database is an older copy"
        raise ConditionFailed(
            f"{said}: another installation works on this group, or {why}. Make sure that no other "
            f"does, remove {self._directory}/epoch on every member, then retry"
        )

    def _is_strange(self, text: str) -> bool:
        """Whether another database has written it, whose epochs ours cannot be compared with."""
        return _database(text) not in ("", self.stamp.database, *self.stamp.heir_of)

    def _is_newer(self, text: str) -> bool:
        """Whether it is no former one: another database never had the epoch that we have now."""
        ours = _database(text) == self.stamp.database
        return _number(text) > (self.epoch if ours else self.epoch - 1)


def _number(text: str) -> int:
    first = text.partition(" ")[0]
    return int(first) if first.isdecimal() and first.isascii() else 0


def _database(text: str) -> str:
    """Return the id of the database in an epoch file, "" where there is none."""
    fields = text.split(" ")
    return fields[2] if len(fields) > 2 else ""

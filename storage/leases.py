"""Leases in the database: see `storage.records.LeaseStore`.

Expiry lets another worker take over; it does not stop the former one. The epoch does, in
`refuse_lost`, which every append calls in its own transaction.
"""

from __future__ import annotations

from dataclasses import replace
from datetime import UTC, datetime, timedelta
from typing import TYPE_CHECKING

from sqlmodel import col, select, update

from storage.chain import in_utc
from storage.records import Lease, LeaseLost, for_how_long
from storage.tables import LeasesTable

if TYPE_CHECKING:
    from sqlmodel import Session

    from storage.database import Database

_NEVER = datetime(1970, 1, 1, tzinfo=UTC)


class Leases:
    """See storage.records.LeaseStore."""

    def __init__(self, database: Database) -> None:
        self._database = database

    def acquire(self, resource: str, holder: str, *, ttl_s: float, now: datetime) -> Lease | None:
        """See storage.records.LeaseStore."""
        with self._database.write() as session:
            row = self._locked_row(session, resource)
            moment = in_utc(self._database.time(session, in_utc(now)))
            until = moment + timedelta(seconds=ttl_s)
            if row.holder != holder:
                if row.holder and row.expires_at > moment:
                    row.expires_at = _lease(row).within_its_life(moment).expires_at
                    return None
                row.holder, row.epoch = holder, row.epoch + 1
            row.expires_at, row.life_s = until, ttl_s
            return _lease(row)

    def _locked_row(self, session: Session, resource: str) -> LeasesTable:
        """Return the row, made if need be, which nobody else can change until the end."""
        blank = self._database.insert(LeasesTable).values(
            resource=resource, holder="", epoch=0, expires_at=_NEVER, life_s=0.0
        )
        session.exec(blank.on_conflict_do_nothing())
        query = select(LeasesTable).where(col(LeasesTable.resource) == resource)
        return session.exec(query.with_for_update()).one()

    def renew(self, lease: Lease, *, ttl_s: float, now: datetime) -> Lease:
        """See storage.records.LeaseStore."""
        with self._database.write() as session:
            refuse_lost(session, lease, shared=False)
            moment = in_utc(self._database.time(session, in_utc(now)))
            until = moment + timedelta(seconds=ttl_s)
            longer = replace(lease, expires_at=until, life_s=ttl_s)
            session.exec(
                update(LeasesTable)
                .where(col(LeasesTable.resource) == lease.resource)
                .values(expires_at=until, life_s=ttl_s)
            )
            return longer

    def release(self, lease: Lease) -> None:
        """See storage.records.LeaseStore."""
        with self._database.write() as session:
            session.exec(
                update(LeasesTable)
                .where(
                    col(LeasesTable.resource) == lease.resource,
                    col(LeasesTable.epoch) == lease.epoch,
                    col(LeasesTable.holder) == lease.holder,
                )
                .values(holder="")
            )

    def current(self, resource: str) -> Lease | None:
        """See storage.records.LeaseStore."""
        with self._database.read() as session:
            row = session.get(LeasesTable, resource)
            return _lease(row) if row else None

    def lapsed(self, resource: str, *, now: datetime) -> timedelta | None:
        """See storage.records.LeaseStore."""
        with self._database.read() as session:
            moment = in_utc(self._database.time(session, in_utc(now)))
            row = session.get(LeasesTable, resource)
            return for_how_long(_lease(row) if row else None, moment)


def refuse_lost(session: Session, lease: Lease, *, shared: bool) -> None:
    """Raise unless the lease is in force, and keep it in force until the transaction ends.

    A plain select would let another holder take over between this look and the commit.

    Raises:
        LeaseLost: another epoch is in force, or the lease was given back.
    """
    query = select(LeasesTable).where(col(LeasesTable.resource) == lease.resource)
    row = session.exec(query.with_for_update(read=shared)).first()
    if row is None or (row.epoch, row.holder) != (lease.epoch, lease.holder):
        raise LeaseLost(f"{lease.resource}: epoch {lease.epoch} of {lease.holder} is over")


def give_back_all(database: Database) -> None:
    """Free all leases: whoever held them is known to be dead."""
    with database.write() as session:
        session.exec(update(LeasesTable).values(holder=""))


def _lease(row: LeasesTable) -> Lease:
    return Lease(row.resource, row.holder, row.epoch, in_utc(row.expires_at), row.life_s)

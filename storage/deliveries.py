"""Deliveries in the database: see `storage.records.DeliveryStore`."""

from __future__ import annotations

from dataclasses import asdict
from typing import TYPE_CHECKING

from sqlmodel import col, select

from storage.leases import refuse_lost
from storage.records import Delivery
from storage.tables import DeliveriesTable

if TYPE_CHECKING:
    from collections.abc import Sequence

    from storage.database import Database
    from storage.records import Lease

_AFTER_ALL = "\U0010ffff"
"""Sorts behind every character that follows a prefix, so that the key's index serves the search."""


class Deliveries:
    """See storage.records.DeliveryStore."""

    def __init__(self, database: Database) -> None:
        self._database = database

    def all(self, prefix: str) -> Sequence[Delivery]:
        """See storage.records.DeliveryStore."""
        key = col(DeliveriesTable.message_key)
        query = select(DeliveriesTable).where(key >= prefix, key < prefix + _AFTER_ALL)
        with self._database.read() as session:
            return [_delivery(row) for row in session.exec(query.order_by(key))]

    def save(self, delivery: Delivery, *, lease: Lease | None = None) -> None:
        """See storage.records.DeliveryStore."""
        values = asdict(delivery)
        statement = self._database.insert(DeliveriesTable).values(values)
        with self._database.write() as session:
            if lease is not None:
                refuse_lost(session, lease, shared=True)
            session.exec(
                statement.on_conflict_do_update(index_elements=["message_key"], set_=values)
            )

    def by_ts(self, channel: str, ts: str) -> Delivery | None:
        """See storage.records.DeliveryStore."""
        query = (
            select(DeliveriesTable)
            .where(col(DeliveriesTable.channel) == channel, col(DeliveriesTable.ts) == ts)
            .order_by(col(DeliveriesTable.message_key))
            .limit(1)
        )
        with self._database.read() as session:
            row = session.exec(query).first()
            return _delivery(row) if row else None


def _delivery(row: DeliveriesTable) -> Delivery:
    return Delivery(row.message_key, row.channel, row.ts, row.digest, row.state)

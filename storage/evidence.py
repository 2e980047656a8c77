"""Evidence in the database: see `storage.records.EvidenceStore`."""

from __future__ import annotations

import hashlib
from typing import TYPE_CHECKING

from sqlmodel import col, select

from storage.tables import EvidenceTable

if TYPE_CHECKING:
    from sqlmodel import Session

    from storage.database import Database


class Evidence:
    """See storage.records.EvidenceStore."""

    def __init__(self, database: Database) -> None:
        self._database = database

    def keep(self, blob: bytes) -> str:
        """See storage.records.EvidenceStore."""
        digest = hashlib.sha256(blob).hexdigest()
        statement = self._database.insert(EvidenceTable).values(sha256=digest, blob=blob)
        with self._database.write() as session:
            session.exec(statement.on_conflict_do_nothing())
        return digest

    def get(self, sha256: str) -> bytes | None:
        """See storage.records.EvidenceStore."""
        with self._database.read() as session:
            row = session.get(EvidenceTable, sha256)
            return row.blob if row else None


def spoilt(session: Session) -> list[str]:
    """Return the hashes that do not belong to what is kept under them."""
    rows = session.exec(
        select(EvidenceTable.sha256, EvidenceTable.blob).order_by(col(EvidenceTable.sha256)),
        execution_options={"yield_per": 10},
    )
    return [sha256 for sha256, blob in rows if hashlib.sha256(blob).hexdigest() != sha256]

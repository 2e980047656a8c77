"""Evidence in the database: see `storage.records.EvidenceStore`."""

from __future__ import annotations

import hashlib
from typing import TYPE_CHECKING

from storage.tables import EvidenceTable

if TYPE_CHECKING:
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

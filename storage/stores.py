"""Opens all stores over one database: what `bot.wiring` calls, and nothing else does."""

from __future__ import annotations

from typing import TYPE_CHECKING

from sqlmodel import false, insert, update

from storage.database import Database
from storage.deliveries import Deliveries
from storage.evidence import Evidence
from storage.identity import refuse_moved, refuse_word_after_move, settle
from storage.inbox import Inbox
from storage.journal import Journal
from storage.leases import Leases, give_back_all
from storage.listening import Listener
from storage.migrate import make_current
from storage.records import DatabaseAway, StorageDown
from storage.tables import HOLDINGS

if TYPE_CHECKING:
    from collections.abc import Callable

    from storage.records import Identity, Stores

CHANGED = ("runs", "inbox", "deliveries", "leases")
"""The tables whose rows are changed while a service runs; into the others it only inserts."""


class DatabaseStores:
    """All stores over one open database; see storage.records.Stores."""

    def __init__(self, database: Database, identity: Identity) -> None:
        self._database = database
        self.identity = identity
        self.journal = Journal(database)
        self.inbox = Inbox(database)
        self.leases = Leases(database)
        self.deliveries = Deliveries(database)
        self.evidence = Evidence(database)
        self._listeners: list[Listener] = []

    def listen(self, heard: Callable[[str], None]) -> Callable[[], None]:
        """See storage.records.Stores."""
        if self._database.embedded:
            return lambda: None
        listener = Listener(self._database, heard)
        self._listeners.append(listener)
        return listener.stop

    def try_out(self) -> None:
        """See storage.records.Stores; a server may let us read and not write."""
        if self._database.embedded:
            self.journal.runs()
            return
        with self._database.write() as session:
            for table in HOLDINGS:
                nothing = table.select().where(false())
                session.execute(insert(table).from_select(table.c.keys(), nothing))
                if table.name in CHANGED:
                    same = {column: column for column in table.primary_key}
                    session.execute(update(table).values(same).where(false()))

    def close(self) -> None:
        """See storage.records.Stores."""
        for listener in self._listeners:
            listener.stop()
        self._database.close()


def open_stores(url: str, *, acting: bool) -> Stores:
    """Open a database, create or upgrade its schema where that is due, and return its stores.

    Args:
        url: `sqlite:///relative`, `sqlite:////absolute` or `postgresql+psycopg://…`.
        acting: this process plans, acts or speaks. One that does not (the command line beside a
            running service) may read and put words into the inbox; all else is refused.

    Raises:
        DatabaseInUse: another process acts on this embedded database.
        NewerDatabase: a newer version has written it.
        DatabaseAway: it does not answer now.
        StorageRefusal: it was moved elsewhere, or the address names no database that can be
            opened like this.
    """
    database = Database(url, acting=acting)
    try:
        make_current(database)
        refuse_moved(database)
        database.before_words = refuse_word_after_move
        identity = settle(database)
        if database.embedded and acting:
            give_back_all(database)
    except StorageDown as error:
        database.close()
        raise DatabaseAway(f"the database cannot be opened: {error.cause}") from error
    except BaseException:
        database.close()
        raise
    return DatabaseStores(database, identity)

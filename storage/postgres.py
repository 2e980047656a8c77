"""Connects to PostgreSQL so that nobody waits for ever, on either side.

An append is never cancelled from outside, so whatever may happen to the server or to the network
must end it from inside, as an error of the driver. In the order in which they strike:

- the server gives up waiting for a lock (`lock_timeout`), and on a statement (`statement_timeout`);
- TCP gives up on a network that answers nothing (`tcp_user_timeout`, keepalives);
- we give up on a server that is reached and stays silent: frozen storage, a stuck proxy.

The server in turn drops a process that vanished in a transaction, which would else keep the lease
locked, and so every other process away, for hours.

An address may say otherwise, e.g. `?connect_timeout=3`; so may the server, where it sets limits.

A pooler may stand between (PgBouncer in transaction mode): nothing is prepared, which another
session would not know, and every transaction that writes says its own limits.
"""

from __future__ import annotations

import time
from typing import TYPE_CHECKING, Any

from sqlalchemy import Connection, Engine, create_engine, event

from storage.records import StorageRefusal

if TYPE_CHECKING:
    from collections.abc import Callable, Generator, Sequence

    from sqlalchemy.engine import URL
    from sqlalchemy.engine.interfaces import DBAPIConnection, Dialect

ANSWER_S = 30.0
"""How long we wait for an answer: longer than the server and TCP take to say what is wrong."""

CLIENT_LIMITS = {
    "connect_timeout": 10,
    "keepalives_idle": 10,
    "keepalives_interval": 5,
    "keepalives_count": 3,
    "tcp_user_timeout": 20_000,
}
"""In seconds, and the last in milliseconds. All guesses, well below the 60 s of a lease."""

SERVER_LIMITS = {
    "lock_timeout": "10s",
    "statement_timeout": "20s",
    "idle_in_transaction_session_timeout": "30s",
    "tcp_keepalives_idle": "10s",
    "tcp_keepalives_interval": "5s",
    "tcp_keepalives_count": "3",
    "tcp_user_timeout": "20s",
}
"""Set where the server has none. All guesses: our statements take milliseconds."""

OURS_ALONE = {"prepare_threshold": None, "client_encoding": "UTF8"}
"""What no address may change: see above, and what we write may be in any language."""

ITS_STATE = frozenset(("42501", "42P01", "42703", "42883", "3F000", "26000", "42P05", "0A000"))
"""What a server says of a right statement where somebody changed something: we may not (any more);
the table, column, function or schema is not there, or not where we look; another session prepared
the statement, or what it was prepared for was altered. It passes when that is put right."""

_STRICTER = (
    "SELECT set_config(name, strict, %s)"
    " FROM unnest(%s::text[], %s::text[], %s::text[]) AS limits (name, lax, strict)"
    " WHERE current_setting(name) = lax"
)


def tells_its_state(error: BaseException | None) -> bool:
    """Say whether the server means itself, where its driver means our statement."""
    return getattr(error, "sqlstate", None) in ITS_STATE


def postgres_engine(place: URL) -> Engine:
    """Return the pool of connections to a server.

    Raises:
        StorageRefusal: the driver is not installed.
    """
    try:
        engine = create_engine(
            place, isolation_level="READ COMMITTED", pool_pre_ping=True, pool_timeout=10
        )
    except ModuleNotFoundError as error:
        raise StorageRefusal(
            "PostgreSQL needs its driver: pip install 'hotfix-bot[postgres]'"
        ) from error
    event.listen(engine, "do_connect", _connector())
    event.listen(engine, "connect", _settle)
    event.listen(engine, "begin", _insist)
    return engine


def _connector() -> Callable[..., DBAPIConnection]:
    """Return what opens a connection that does not wait for ever; the driver is optional."""
    import psycopg

    class Limited(psycopg.Connection[Any]):
        """A connection that is given up where an answer takes too long."""

        def wait(self, gen: Any, *rest: Any, **named: Any) -> Any:  # noqa: ANN401 -- the driver's
            return super().wait(self._limited(gen), *rest, **named)

        def _limited(self, waits: Generator[Any, Any, Any]) -> Generator[Any, Any, Any]:
            give_up_at = time.monotonic() + ANSWER_S
            try:
                wanted = next(waits)
                while True:
                    ready = yield wanted
                    if not ready and time.monotonic() > give_up_at:
                        self.pgconn.finish()
                        raise psycopg.OperationalError(f"no answer within {ANSWER_S:.0f} s")
                    wanted = waits.send(ready)
            except StopIteration as end:
                return end.value

    def connect(
        _dialect: Dialect, _record: object, args: Sequence[Any], parameters: dict[str, Any]
    ) -> Any:  # noqa: ANN401 -- the driver's connection is what SQLAlchemy asks for
        ours = {**CLIENT_LIMITS, "application_name": "hotfix-bot"}
        connection = Limited.connect(*args, **{**ours, **parameters, **OURS_ALONE})
        if connection.info.parameter_status("server_encoding") == "SQL_ASCII":
            name = connection.info.dbname
            connection.close()
            raise StorageRefusal(
                f"the database {name} has the encoding SQL_ASCII, which does not"
                " know what it keeps: make one WITH ENCODING 'UTF8' TEMPLATE template0"
            )
        return connection

    return connect


def _settle(connection: DBAPIConnection, _record: object) -> None:
    """Have moments told as the driver reads them, and no session without limits."""
    cursor = connection.cursor()
    cursor.execute("SET datestyle = 'ISO'")
    cursor.execute(_STRICTER, (False, *_limits()))
    cursor.close()
    connection.commit()


def _insist(connection: Connection) -> None:
    """Say it for this transaction where it writes: a pooler may have given it another session."""
    if connection.get_execution_options().get("writes"):
        connection.exec_driver_sql(_STRICTER, (True, *_limits()))


def _limits() -> tuple[list[str], list[str], list[str]]:
    """Return names, what is too weak, and what it becomes: stronger settings stay."""
    limits = [("synchronous_commit", "off", "on")]
    limits += [(name, "0", limit) for name, limit in SERVER_LIMITS.items()]
    names, lax, strict = zip(*limits, strict=True)
    return list(names), list(lax), list(strict)

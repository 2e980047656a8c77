"""Places for stores, each empty for each test; PostgreSQL is started once, when first needed."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

import pytest

from storage.records import Stores
from tests.contract.places import DatabasePlace, MemoryPlace, Place
from tests.contract.postgres import PostgresServer, running_server


@pytest.fixture(scope="session")
def postgres() -> Iterator[PostgresServer]:
    with running_server() as server:
        yield server


@pytest.fixture
def mortal_postgres() -> Iterator[PostgresServer]:
    """A server of this test's own, which it may stop and start again."""
    with running_server() as server:
        yield server


def _place(name: str, request: pytest.FixtureRequest, folder: Path) -> MemoryPlace | DatabasePlace:
    if name == "memory":
        return MemoryPlace()
    if name == "sqlite":
        return DatabasePlace(name, f"sqlite:///{folder / 'hotfix.db'}", shared=False)
    server: PostgresServer = request.getfixturevalue("postgres")
    return DatabasePlace(name, server.new_database(), shared=True)


@pytest.fixture(params=["memory", "sqlite", "postgres"])
def place(request: pytest.FixtureRequest, tmp_path: Path) -> Iterator[Place]:
    made = _place(request.param, request, tmp_path)
    yield made
    made.close()


@pytest.fixture
def stores(place: Place) -> Iterator[Stores]:
    opened = place.open()
    yield opened
    opened.close()


@pytest.fixture(params=["sqlite", "postgres"])
def database(request: pytest.FixtureRequest, tmp_path: Path) -> Iterator[DatabasePlace]:
    made = _place(request.param, request, tmp_path)
    assert isinstance(made, DatabasePlace)
    yield made
    made.close()


@pytest.fixture
def sqlite(request: pytest.FixtureRequest, tmp_path: Path) -> Iterator[DatabasePlace]:
    made = _place("sqlite", request, tmp_path)
    assert isinstance(made, DatabasePlace)
    yield made
    made.close()

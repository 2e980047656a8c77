"""Where stores can live, as one shape, so that one suite judges them all."""

from __future__ import annotations

from typing import Protocol

from storage.memory import MemoryStores, Shelf
from storage.records import Stores
from storage.stores import open_stores


class Place(Protocol):
    """One empty place for stores."""

    name: str

    def open(self) -> Stores:
        """Open stores as a process that acts."""
        ...

    def reopen(self, stores: Stores) -> Stores:
        """Close these stores in an orderly way, and open the place as the next process would."""
        ...

    def several(self, count: int) -> list[Stores]:
        """Return stores for so many workers: of processes of their own where the place allows."""
        ...

    def close(self) -> None:
        """Close everything that was opened here."""
        ...


class MemoryPlace:
    """A shelf in this process."""

    name = "memory"

    def __init__(self) -> None:
        self._shelf = Shelf()

    def open(self) -> Stores:
        return MemoryStores(self._shelf)

    def reopen(self, stores: Stores) -> Stores:
        assert isinstance(stores, MemoryStores)
        return stores.reopened()

    def several(self, count: int) -> list[Stores]:
        return [self.open()] * count

    def close(self) -> None:
        pass


class DatabasePlace:
    """A database at a URL; `shared` where several processes may act on it at once."""

    def __init__(self, name: str, url: str, *, shared: bool) -> None:
        self.name = name
        self.url = url
        self.shared = shared
        self._opened: list[Stores] = []

    def open(self, *, acting: bool = True) -> Stores:
        stores = open_stores(self.url, acting=acting)
        self._opened.append(stores)
        return stores

    def reopen(self, stores: Stores) -> Stores:
        stores.close()
        return self.open()

    def several(self, count: int) -> list[Stores]:
        if self.shared:
            return [self.open() for _ in range(count)]
        return [self.open()] * count

    def close(self) -> None:
        for stores in self._opened:
            stores.close()

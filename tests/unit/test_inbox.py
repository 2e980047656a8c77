"""What stands between a request from Slack and its ack: it is stored, once, or not acked."""

from typing import Any

import pytest
from slack_bolt.context.async_context import AsyncBoltContext

from bot.hearing import Heard
from bot.inbox import HEARD, storing
from storage.memory import MemoryStores
from storage.records import InboxRow, StorageDown
from tests.unit.builders import NOW

ROW = InboxRow("act:7:ana:8", "hf-000001", "word", {"verb": "halt"}, NOW)


class Hears:
    """Hears the same word in every request."""

    def hear(self, body: object) -> Heard:
        return Heard(ROW)


class Away:
    """An inbox whose database is away."""

    def put(self, row: InboxRow) -> bool:
        raise StorageDown("the connection was refused")


class Listener:
    """What comes after the middleware: the ack, and all that follows."""

    def __init__(self, stores: MemoryStores) -> None:
        self.stores = stores
        self.found: list[int] = []

    async def __call__(self) -> None:
        self.found.append(len(self.stores.inbox.waiting()))


async def asked(inbox: Any, listener: Listener) -> tuple[AsyncBoltContext, Any]:
    context, hearing = AsyncBoltContext(), Hears()
    middleware = storing(hearing, inbox)  # type: ignore[arg-type] # it hears one word only
    return context, await middleware(body={}, context=context, next=listener)


async def test_a_word_is_stored_before_anything_else_happens():
    stores = MemoryStores()
    listener = Listener(stores)

    context, answer = await asked(stores.inbox, listener)

    assert (answer, listener.found) == (None, [1])
    assert context[HEARD].row is ROW


async def test_a_word_that_cannot_be_stored_is_not_acked():
    listener = Listener(MemoryStores())

    with pytest.raises(StorageDown):
        await asked(Away(), listener)

    assert listener.found == []


async def test_a_word_that_comes_again_is_acked_and_goes_no_further():
    stores = MemoryStores()
    listener = Listener(stores)
    await asked(stores.inbox, listener)

    _, answer = await asked(stores.inbox, listener)

    assert answer.status == 200
    assert listener.found == [1]

"""What people say about freezes: who may, what another freeze does, and what is lifted."""

import asyncio
from collections.abc import Callable, Sequence
from dataclasses import dataclass, field, replace
from datetime import timedelta
from typing import Any

import pytest

from engine.answering import AnswerQueue
from engine.freezes import Freeze, by_any_clock, of_group, standing
from engine.freezing import Freezes
from engine.policy import Policy, Rights
from engine.ports import GroupSetup, Shell
from engine.stopwatch import Stopwatch
from storage.cells import UNKNOWN
from storage.memory import MemoryStores
from storage.records import HOUSE, UNREADABLE, InboxRow, Record
from tests.simulation.night import Crowd, Said
from tests.unit.builders import NOW
from tests.unit.hand_clock import HandClock

ANA, BEN, NET = "U0ANA00001", "U0BEN00001", "U0NET00001"
LOOSE = Policy(rights=Rights(freeze=("network",)))
STRICT = Policy(rights=Rights(freeze=("network",), lift=("chief",)))
MAY_NOT_LIFT = "`unfreeze` needs one of these roles: chief"


def hours(count: float) -> str:
    return (NOW + timedelta(hours=count)).isoformat()


def no_shell() -> Shell:
    raise AssertionError("nothing is sent to a group for a freeze")


@dataclass
class Groups:
    """See engine.ports.Inventory: groups with their tags and policies."""

    setups: dict[str, GroupSetup]

    def group(self, name: str) -> GroupSetup | None:
        return self.setups.get(name)

    def names(self) -> Sequence[str]:
        return sorted(self.setups)


def groups(policy: Policy = LOOSE, **tags: str) -> Groups:
    """Return site_1 and so on, each with its tags, and one of them with a policy of its own."""
    return Groups(
        {
            name: GroupSetup(name, "C1", policy, no_shell, tags=tuple(borne.split()))
            for name, borne in tags.items()
        }
    )


@dataclass
class Desk:
    """Where people speak: Ana may freeze, and Ben lift."""

    inventory: Groups = field(default_factory=lambda: groups(one="emea pci", two="emea", three=""))
    stores: MemoryStores = field(default_factory=MemoryStores)
    clock: HandClock = field(default_factory=lambda: HandClock(NOW))
    said: Said = field(default_factory=Said)
    crowd: Crowd = field(
        default_factory=lambda: Crowd(roles_of={ANA: {"network"}, BEN: {"chief", "network"}})
    )
    rows: int = 0
    redact: Callable[[str], str] = lambda text: text

    def say(self, verb: str, scope: str, user: str = ANA, **body: Any) -> str:
        """Return what is answered."""
        self.rows += 1
        row = {"verb": verb, "scope": scope, "user": user, "reason": f"nr {self.rows}", **body}
        self.stores.inbox.put(InboxRow(f"k{self.rows}", None, "freeze", row, self.clock.now()))
        asyncio.run(self._take())
        assert self.stores.inbox.waiting() == []
        return self.said.texts[-1][1]

    async def _take(self) -> None:
        queue = AnswerQueue(self.said, self.stores.inbox, self.clock)
        taker = Freezes(
            self.stores, self.clock, self.inventory, queue, self.crowd, redact=self.redact
        )
        await taker.take_all()
        await queue.close()

    @property
    def stand(self) -> list[Freeze]:
        return standing(self.stores.journal.read(HOUSE), self.clock.now())

    @property
    def reasons(self) -> list[str]:
        return [one.reason for one in self.stand]

    def frozen(self) -> list[str]:
        house, now = self.stores.journal.read(HOUSE), self.clock.now()
        return [
            name
            for name, one in sorted(self.inventory.setups.items())
            if of_group(house, name, now, tags=one.tags)
        ]


@pytest.mark.parametrize(("scope", "kind"), [("one", "FROZEN"), ("nine", "REFUSED")])
def test_a_secret_in_a_reason_is_neither_recorded_nor_told(scope, kind):
    desk = Desk(redact=lambda text: text.replace("s3cret", "[redacted]"))

    told = desk.say("freeze", scope, reason="move off s3cret")

    (record,) = desk.stores.journal.read(HOUSE)
    assert record.kind == kind
    assert "move off [redacted]" in str(record.body)
    assert "s3cret" not in f"{record.body}{told}"


def test_a_tag_freezes_its_groups_and_lifting_it_lifts_them():
    desk = Desk()

    assert "emea (one, two) is frozen by ana until it is lifted" in desk.say("freeze", "emea")
    assert desk.frozen() == ["one", "two"]
    assert "there is no group or tag apac" in desk.say("freeze", "apac")
    assert "pci is not frozen; emea (one, two) is frozen" in desk.say("unfreeze", "pci")
    assert desk.say("unfreeze", "emea").startswith("Lifted: emea (one, two) is frozen by ana")
    assert desk.frozen() == []


def test_a_tag_that_is_taken_off_thaws_nothing_also_where_its_freeze_is_replaced():
    desk = Desk()
    desk.say("freeze", "emea")

    desk.inventory = groups(one="pci", two="emea", three="emea")
    assert desk.frozen() == ["one", "three", "two"]
    desk.say("freeze", "emea", until=hours(5))
    assert desk.frozen() == ["one", "three", "two"]
    desk.inventory = groups(one="pci", two="", three="")
    assert desk.frozen() == ["one", "three", "two"]
    assert "Lifted: emea (one, three, two)" in desk.say("unfreeze", "emea")
    assert desk.frozen() == []


@pytest.mark.parametrize(("minutes", "lifted"), [(-5, False), (5, True)])
def test_a_lifting_that_is_found_late_lifts_no_freeze_that_was_said_since(minutes, lifted):
    desk = Desk()
    desk.say("freeze", "emea")
    said = desk.clock.now() + timedelta(minutes=minutes)
    desk.clock.step(timedelta(minutes=15))

    told = desk.say("unfreeze", "emea", said=said.isoformat())

    assert desk.frozen() == ([] if lifted else ["one", "two"])
    assert lifted or "came late" in told


def test_a_lifting_is_not_late_by_a_clock_that_was_ahead_as_somebody_froze():
    desk = Desk()
    desk.say("freeze", "emea")
    desk.clock.step(timedelta(hours=-3))

    assert "Lifted" in desk.say("unfreeze", "emea", said=desk.clock.now().isoformat())


def test_what_is_frozen_can_be_lifted_where_the_settings_have_none_of_its_groups():
    desk = Desk()
    desk.say("freeze", "pci")
    desk.say("freeze", "three")
    desk.inventory = groups(STRICT, four="")

    assert MAY_NOT_LIFT in desk.say("unfreeze", "pci")
    assert MAY_NOT_LIFT in desk.say("unfreeze", "three")
    assert "Lifted: pci (one)" in desk.say("unfreeze", "pci", BEN)
    assert "Lifted: three is frozen" in desk.say("unfreeze", "three", BEN)


def test_what_was_heard_to_be_meant_is_frozen_too():
    desk = Desk()

    desk.say("freeze", "pci", groups=["one", "three"])

    assert desk.frozen() == ["one", "three"]
    assert "there is no group or tag apac" in desk.say("freeze", "apac", groups=["nine"])


def test_of_one_scope_the_freeze_in_force_is_replaced_and_one_to_come_stands_beside_it():
    desk = Desk()
    desk.say("freeze", "one", until=hours(2))

    told = desk.say("freeze", "one", begins=hours(8), until=hours(9))
    assert "Done: one will be frozen by ana from" in told
    assert "Beside it: one is frozen by ana until" in told
    assert "It replaces" not in told
    told = desk.say("freeze", "one", until=hours(3))
    assert "It replaces: one is frozen by ana until" in told
    assert "earlier" not in told
    assert "Beside it: one will be frozen by ana from" in told
    told = desk.say("freeze", "one", until=hours(1))
    assert "It replaces: one is frozen by ana until" in told
    assert "So it ends earlier than that." in told
    assert desk.reasons == ["nr 2", "nr 4"]


def test_lifting_a_scope_lifts_what_is_in_force_and_what_is_to_come_and_names_each():
    desk = Desk()
    desk.say("freeze", "one")
    desk.say("freeze", "one", begins=hours(8))
    desk.say("freeze", "emea", begins=hours(2), until=hours(9))
    desk.say("freeze", "all", until=hours(5))

    told = desk.say("unfreeze", "one")

    lifted, _, still = told.partition(" But ")
    assert "one is frozen by ana until it is lifted: nr 1; and one will be frozen" in lifted
    assert "emea (one, two) will be frozen" in still
    assert "everything is frozen by ana until" in still
    assert desk.reasons == ["nr 3", "nr 4"]


def test_one_whose_time_has_come_before_it_was_decided_cuts_none_in_force():
    desk = Desk(groups(STRICT, one=""))
    desk.say("freeze", "one")
    desk.clock.move_to(2 * 3600)

    told = desk.say("freeze", "one", begins=hours(1), until=hours(4))

    assert "Done: one is frozen by ana until" in told
    assert "It replaces" not in told
    assert "Beside it: one is frozen by ana until it is lifted: nr 1." in told
    assert desk.reasons == ["nr 1", "nr 2"]
    desk.clock.move_to(5 * 3600)
    assert desk.reasons == ["nr 1"]


@pytest.mark.parametrize("policy", [LOOSE, STRICT], ids=["no-lifters", "lifters"])
def test_who_may_lift(policy):
    desk = Desk(groups(policy, one="emea", two="emea"))
    desk.say("freeze", "emea")
    may = policy is LOOSE

    assert (MAY_NOT_LIFT in desk.say("unfreeze", "emea")) is not may, "also who set it"
    assert desk.frozen() == ([] if may else ["one", "two"])
    assert desk.say("unfreeze", "emea", BEN).startswith("Lifted") is not may


def test_a_tag_takes_the_right_on_every_group_for_which_it_holds():
    desk = Desk(groups(one="emea", two="emea"))
    desk.say("freeze", "emea")
    desk.inventory.setups["two"] = GroupSetup("two", "C1", STRICT, no_shell)

    desk.crowd.roles_of[BEN] = {"chief"}
    assert "`freeze` needs one of these roles: network, on one" in desk.say("freeze", "all", BEN)
    told = desk.say("unfreeze", "emea")
    assert f"For the others it stays: {MAY_NOT_LIFT}, on two." in told, "it bears no tag any more"
    assert desk.frozen() == ["two"]


def test_each_lifts_for_the_groups_on_which_they_may_and_together_all():
    desk = Desk(groups(one="", two=""))
    for name, role in (("one", "net"), ("two", "fw")):
        policy = Policy(rights=Rights(freeze=("network",), lift=(role,)))
        desk.inventory.setups[name] = GroupSetup(name, "C1", policy, no_shell)
    desk.crowd.roles_of = {ANA: {"network"}, NET: {"net"}, BEN: {"fw"}}
    desk.say("freeze", "all")
    desk.say("freeze", "all", begins=hours(1))

    assert "nothing was changed: `unfreeze` needs one of these roles: net, on one" in desk.say(
        "unfreeze", "all"
    )
    told = desk.say("unfreeze", "all", NET)
    assert told.startswith("Lifted for one alone: everything is frozen by ana until it is lifted")
    assert "For the others it stays: `unfreeze` needs one of these roles: fw, on two." in told
    assert desk.frozen() == ["two"]
    assert str(desk.stand[0]).startswith("everything but one is frozen by ana")
    assert "nothing was changed" in desk.say("unfreeze", "all", NET)
    desk.clock.move_to(2 * 3600)
    assert desk.frozen() == ["two"], "what was coming was lifted for it too"
    assert desk.say("unfreeze", "all", BEN).startswith("Lifted: everything but one is frozen")
    assert desk.stand == []


def test_what_was_lifted_for_a_group_does_not_come_back_with_what_replaces_a_freeze_of_its_tag():
    desk = Desk(groups(one="emea", two="emea"))
    desk.inventory.setups["two"] = GroupSetup("two", "C1", STRICT, no_shell, tags=("emea",))
    desk.say("freeze", "emea")
    desk.say("unfreeze", "emea")
    assert desk.frozen() == ["two"]
    assert str(desk.stand[0]).startswith("emea (two) is frozen by ana")

    desk.inventory.setups["one"] = GroupSetup("one", "C1", LOOSE, no_shell)
    desk.say("freeze", "emea")

    assert desk.frozen() == ["two"]


def test_what_is_over_by_a_clock_that_was_set_is_lifted_all_the_same():
    desk = Desk(groups(STRICT, one=""))
    desk.say("freeze", "one", until=hours(2))
    stopwatch = Stopwatch(desk.clock)
    stopwatch.see(desk.stand[0].since)
    desk.clock.step(timedelta(hours=3))

    def barred() -> bool:
        house, now = desk.stores.journal.read(HOUSE), desk.clock.now()
        return by_any_clock(house, "one", now, stopwatch.about, tags=()) is not None

    assert barred()
    assert MAY_NOT_LIFT in desk.say("unfreeze", "one")
    assert barred()
    assert "; by this clock that was over." in desk.say("unfreeze", "one", BEN)
    assert not barred()
    assert "one is not frozen" in desk.say("unfreeze", "one", BEN)


def test_a_freeze_that_cannot_be_read_holds_for_all_until_all_is_lifted(monkeypatch):
    desk = Desk(groups(STRICT, one="", two=""))
    desk.say("freeze", "one", until=hours(1))
    desk.say("freeze", "all", until=hours(9))
    desk.say("unfreeze", "all", BEN)
    read = desk.stores.journal.read

    def spoilt(stream: str, *, after: int = 0) -> list[Record]:
        return [
            replace(one, at=UNKNOWN, body={UNREADABLE: {}}, hash="") if one.seq == 1 else one
            for one in read(stream, after=after)
        ]

    monkeypatch.setattr(desk.stores.journal, "read", spoilt)

    assert "everything is frozen by record 1 of the house until it is lifted" in str(desk.stand[0])
    assert "`hotfix-bot db check`" in str(desk.stand[0])
    desk.clock.move_to(10 * 3600)
    assert desk.frozen() == ["one", "two"]
    assert "one is not frozen; everything is frozen by record 1" in desk.say("unfreeze", "one", BEN)
    assert MAY_NOT_LIFT in desk.say("unfreeze", "all")
    assert "Beside it: everything is frozen by rec" in desk.say("freeze", "all", until=hours(11))
    assert "Lifted: everything is frozen by record 1" in desk.say("unfreeze", "all", BEN)
    assert desk.frozen() == []


def test_a_lifting_that_cannot_be_read_lifts_nothing(monkeypatch):
    desk = Desk(groups(one=""))
    desk.say("freeze", "one")
    desk.say("unfreeze", "one")
    read = desk.stores.journal.read
    monkeypatch.setattr(
        desk.stores.journal,
        "read",
        lambda stream: [
            replace(one, body={UNREADABLE: {}}) if one.seq == 2 else one for one in read(stream)
        ],
    )

    assert desk.frozen() == ["one"]
    assert desk.say("unfreeze", "one").startswith("Lifted: one is frozen")
    assert desk.frozen() == []


def test_who_may_not_lift_does_not_replace_a_freeze_by_one_that_ends_earlier():
    desk = Desk(groups(STRICT, one=""))
    desk.say("freeze", "one", until=hours(5))

    told = desk.say("freeze", "one", until=hours(4))
    assert MAY_NOT_LIFT in told
    assert "it would end before this: one is frozen by ana until" in told
    assert desk.reasons == ["nr 1"]
    desk.say("freeze", "one", until=hours(5))
    desk.say("freeze", "one", begins=hours(1), until=hours(2))
    desk.say("freeze", "one", until=hours(6))
    assert desk.reasons == ["nr 4", "nr 5"]
    desk.say("freeze", "one", BEN, until=hours(1))
    assert desk.reasons == ["nr 4", "nr 6"]


def test_who_lifts_needs_no_right_where_nothing_of_that_scope_stands_any_more():
    desk = Desk(groups(STRICT, one="emea", two="emea"))
    desk.inventory.setups["one"] = GroupSetup("one", "C1", LOOSE, no_shell, tags=("emea",))
    desk.say("freeze", "emea", begins=hours(1), until=hours(2))
    desk.inventory.setups["two"] = GroupSetup("two", "C1", STRICT, no_shell)
    desk.clock.move_to(3 * 3600)
    desk.say("freeze", "emea", until=hours(9))

    assert desk.say("unfreeze", "emea").startswith("Lifted: emea")

    assert desk.stand == []

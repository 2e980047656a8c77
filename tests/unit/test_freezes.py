"""Freezes: what is frozen is what the house's stream says, and until when it says so."""

from dataclasses import replace
from datetime import datetime, timedelta
from typing import Any

import pytest

from engine import zoned
from engine.estimate import work
from engine.freezes import (
    REACHES,
    against,
    bars,
    coming,
    in_force,
    into,
    meant,
    noted,
    of_group,
    standing,
)
from engine.model import Appointment
from storage.chain import chained
from storage.records import HOUSE, Draft, InboxRow, Record
from tests.unit.builders import NOW, plan

LATER = NOW + timedelta(hours=2)


def told(moment: datetime) -> str:
    return zoned.said(moment, "UTC")


def said(*records: tuple[str, dict[str, Any]]) -> list[Record]:
    drafts = [
        Draft(kind, NOW, "U1", {"name": "ana", "reason": "fair", "until": None, **body})
        for kind, body in records
    ]
    return chained(HOUSE, drafts, epoch=0)


ONE, EVERY = {"scope": "site-1"}, {"scope": "all"}


@pytest.mark.parametrize(
    ("records", "frozen"),
    [
        ([], []),
        ([("FROZEN", ONE)], ["site-1"]),
        ([("FROZEN", EVERY)], ["site-1", "site-2"]),
        ([("FROZEN", ONE), ("UNFROZEN", ONE)], []),
        ([("FROZEN", ONE), ("UNFROZEN", EVERY)], ["site-1"]),
        ([("FROZEN", EVERY), ("UNFROZEN", ONE)], ["site-1", "site-2"]),
        ([("FROZEN", EVERY), ("FROZEN", ONE), ("UNFROZEN", EVERY)], ["site-1"]),
        ([("FROZEN", ONE), ("UNFROZEN", ONE), ("FROZEN", ONE)], ["site-1"]),
        ([("OWED", {"group": "site-1"}), ("REFUSED", {})], []),
    ],
)
def test_the_newest_word_about_a_scope_holds_and_all_is_every_group(records, frozen):
    found = said(*records)

    assert [g for g in ("site-1", "site-2") if of_group(found, g, NOW, tags=())] == frozen


@pytest.mark.parametrize(
    "edited",
    [
        {"scope": ["site-1"]},
        {"name": None},
        {"reason": 7},
        {"until": "soon"},
        {"until": 1767225600},
        {"until": "2001-01-01T00:00:00"},
        {"begins": "2999-01-01T00:00:00"},
        {"groups": "site-1"},
        {"groups": [1]},
        {"zone": 1},
    ],
    ids=str,
)
def test_a_freeze_that_somebody_changed_so_that_it_cannot_be_read_holds_for_all(edited):
    frozen = in_force(said(("FROZEN", {**ONE, **edited})), LATER)

    assert [one.scope for one in frozen] == ["all"]
    assert "cannot be read" in str(frozen[0])


@pytest.mark.parametrize(
    "edited",
    [{"scope": None}, {"groups": "site-1"}, {"groups": 5}, {"groups": [5]}, {"spoilt": 5}],
    ids=str,
)
def test_a_lifting_that_somebody_changed_so_that_it_cannot_be_read_lifts_nothing(edited):
    records = said(("FROZEN", ONE), ("UNFROZEN", {**ONE, **edited}))

    assert [one.lifted for one in in_force(records, LATER)] == [frozenset()]


def test_a_freeze_ends_at_its_moment_and_not_before():
    records = said(("FROZEN", {**ONE, "until": LATER.isoformat()}))

    assert of_group(records, "site-1", LATER - timedelta(microseconds=1), tags=())
    assert of_group(records, "site-1", LATER, tags=()) is None
    assert of_group(said(("FROZEN", ONE)), "site-1", LATER + timedelta(days=999), tags=())


def test_the_later_freeze_of_a_scope_replaces_the_former_also_with_an_earlier_end():
    records = said(("FROZEN", ONE), ("FROZEN", {**ONE, "until": LATER.isoformat()}))

    assert in_force(records, LATER) == []


def test_a_freeze_says_what_who_until_when_and_why():
    (one,) = in_force(said(("FROZEN", {**ONE, "until": LATER.isoformat()})), NOW)
    (every,) = in_force(said(("FROZEN", EVERY)), NOW)

    assert str(one) == f"site-1 is frozen by ana until {told(LATER)}: fair"
    assert str(every) == "everything is frozen by ana until it is lifted: fair"


# --------------------------------------------------------------------- tags, and what is coming

EMEA = {"scope": "emea", "groups": ["site-1", "site-2"]}
EARLIER, LATEST = NOW + timedelta(hours=1), NOW + timedelta(hours=4)


def ahead(scope: dict[str, Any] = ONE, **body: Any) -> tuple[str, dict[str, Any]]:
    """A freeze from EARLIER to LATER."""
    times = {"begins": EARLIER.isoformat(), "until": LATER.isoformat()}
    return ("FROZEN", {**scope, **times, **body})


def test_a_tag_is_the_groups_that_were_meant_and_those_that_bear_it_later():
    found = said(("FROZEN", EMEA))

    assert of_group(found, "site-1", NOW, tags=()), "the tag was taken off in the settings"
    assert of_group(found, "site-3", NOW, tags=("pci", "emea")), "it bears the tag since"
    assert of_group(found, "site-3", NOW, tags=("pci",)) is None
    assert str(in_force(found, NOW)[0]).startswith("emea (site-1, site-2) is frozen by ana")
    assert in_force(said(("FROZEN", EMEA), ("UNFROZEN", {"scope": "emea"})), NOW) == []
    assert in_force(said(("FROZEN", EMEA), ("UNFROZEN", ONE)), NOW)


def test_a_scope_means_groups_by_their_names_by_their_tags_or_all():
    tags = {"site-1": ("emea", "pci"), "site-2": ("emea",), "site-3": ()}

    assert meant("site-1", tags) == ["site-1"]
    assert meant("pci", tags) == ["site-1"]
    assert meant("emea", tags) == ["site-1", "site-2"]
    assert meant("all", tags) == ["site-1", "site-2", "site-3"]
    assert meant("apac", tags) == []


def test_a_freeze_begins_at_its_moment_and_not_before():
    records = said(ahead())

    assert of_group(records, "site-1", EARLIER - timedelta(microseconds=1), tags=()) is None
    assert of_group(records, "site-1", EARLIER, tags=())
    assert of_group(records, "site-1", LATER, tags=()) is None
    (one,) = coming(records, NOW)
    assert one.announced == (
        f"site-1 will be frozen by ana from {told(EARLIER)} until {told(LATER)}: fair"
    )
    assert coming(records, EARLIER) == []


def test_what_is_coming_and_what_is_in_force_stand_beside_each_other():
    now, then = ("FROZEN", ONE), ahead(reason="then")

    for records in (said(now, then), said(then, now)):
        assert [one.reason for one in in_force(records, NOW)] == ["fair"]
        assert [one.reason for one in coming(records, NOW)] == ["then"]
    both = said(then, ahead(reason="again", until=LATEST.isoformat()))
    assert [one.reason for one in coming(both, NOW)] == ["then", "again"]
    assert of_group(both, "site-1", LATER, tags=()), "the other one still holds"
    lifted = said(now, then, ("UNFROZEN", ONE))
    assert standing(lifted, NOW) == []


def test_of_several_freezes_the_one_is_told_that_lasts_longest():
    own = ("FROZEN", {**ONE, "until": LATER.isoformat(), "reason": "own"})
    every = ("FROZEN", {**EVERY, "until": LATEST.isoformat(), "reason": "every"})
    endless = ("FROZEN", {**EMEA, "reason": "endless"})

    def reason(*records: tuple[str, dict[str, Any]]) -> str:
        found = of_group(said(*records), "site-1", NOW, tags=())
        return found.reason if found else ""

    assert reason(own, every) == "every"
    assert reason(own, every, endless) == "endless"


def order_for(start: Any, until: Any = None) -> Appointment:
    return Appointment(start, until, "at 02:00", "UTC")


def test_an_order_is_refused_while_frozen_and_for_a_time_inside_of_a_freeze_to_come():
    def refused(records: list[Record], appointment: Appointment | None) -> str:
        return against(records, "site-1", NOW, appointment, tags=())

    assert "is frozen by ana" in refused(said(("FROZEN", ONE)), order_for(LATER))
    inside = refused(said(ahead()), order_for(EARLIER))
    assert "site-1 will be frozen by ana from" in inside
    assert "is inside of that" in inside
    assert refused(said(ahead()), order_for(LATER)) == "", "it is over then"
    assert refused(said(ahead()), order_for(EARLIER - timedelta(minutes=1))) == ""
    assert refused(said(ahead()), None) == ""
    assert refused(said(ahead({"scope": "site-2"})), order_for(EARLIER)) == ""


def test_a_refused_appointment_is_told_in_its_own_time_zone():
    tokyo = Appointment(EARLIER, zone="Asia/Tokyo")

    for records in (said(ahead(EVERY)), said(("FROZEN", {**EVERY, "until": LATER.isoformat()}))):
        refused = against(records, "site-1", NOW, tokyo, tags=())
        assert f"until {zoned.said(LATER, 'Asia/Tokyo')}" in refused
        assert told(LATER) not in refused
    inside = into(said(ahead(EVERY)), "site-1", NOW, tokyo, tags=())
    assert f"{zoned.said(EARLIER, 'Asia/Tokyo')} is inside of that" in inside


def test_nothing_is_moved_into_a_freeze_of_a_known_time():
    known = said(("FROZEN", {**ONE, "until": LATER.isoformat()}))

    assert "is frozen by ana until" in into(known, "site-1", NOW, order_for(EARLIER), tags=())
    assert into(known, "site-1", NOW, order_for(LATER), tags=()) == ""
    assert into(said(("FROZEN", ONE)), "site-1", NOW, order_for(LATER), tags=()) == "", (
        "it may be lifted"
    )


def test_a_plan_says_into_which_freeze_its_estimate_or_its_window_reaches():
    at_once = plan()
    takes = work(at_once, at_once.steps)
    just, after = (NOW + takes - timedelta(minutes=1)), (NOW + takes)

    def notes(begins: Any, appointment: Appointment | None = None) -> list[str]:
        one = replace(at_once, appointment=appointment, notes=("first", f"{REACHES}old"))
        body = {"begins": begins.isoformat(), "until": (begins + timedelta(days=1)).isoformat()}
        found = noted(one, said(ahead(**body)), NOW, tags=())
        assert found.notes[0] == "first"
        return list(found.notes[1:])

    (note,) = notes(just)
    assert note.startswith(f"{REACHES}site-1 will be frozen by ana from")
    assert f"takes until about {told(after)}, and no failover begins" in note
    assert notes(after) == []
    window = order_for(NOW + timedelta(days=2), NOW + timedelta(days=2, hours=3))
    (note,) = notes(NOW + timedelta(days=2, hours=2, minutes=59), window)
    assert "its window is open until" in note
    assert notes(NOW + timedelta(days=2, hours=3), window) == []
    assert notes(NOW + timedelta(hours=1), window) == [], "it is over before the window"


@pytest.mark.parametrize(
    ("body", "barred"),
    [
        ({"scope": "site-1"}, True),
        ({"scope": "all"}, True),
        ({"scope": "emea"}, True),
        ({"scope": "pci", "groups": ["site-1"]}, True),
        ({"scope": "pci", "groups": ["site-2"]}, False),
        ({"scope": "site-1", "begins": EARLIER.isoformat()}, False),
        ({"scope": "site-1", "begins": NOW.isoformat()}, True),
        ({"scope": "site-1", "verb": "unfreeze"}, False),
    ],
)
def test_what_was_said_and_is_not_decided_bars_the_groups_that_are_meant(body, barred):
    row = InboxRow("k", None, "freeze", {"verb": "freeze", **body}, NOW)

    assert bars(row, "site-1", NOW, tags=("emea",)) is barred

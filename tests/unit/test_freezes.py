"""Freezes: what is frozen is what the house's stream says, and until when it says so."""

from datetime import timedelta
from typing import Any

import pytest

from engine.freezes import in_force, of_group
from storage.chain import chained
from storage.records import HOUSE, Draft, Record
from tests.unit.builders import NOW

LATER = NOW + timedelta(hours=2)


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

    assert [g for g in ("site-1", "site-2") if of_group(found, g, NOW)] == frozen


def test_a_freeze_ends_at_its_moment_and_not_before():
    records = said(("FROZEN", {**ONE, "until": LATER.isoformat()}))

    assert of_group(records, "site-1", LATER - timedelta(microseconds=1))
    assert of_group(records, "site-1", LATER) is None
    assert of_group(said(("FROZEN", ONE)), "site-1", LATER + timedelta(days=999))


def test_the_later_freeze_of_a_scope_replaces_the_former_also_with_an_earlier_end():
    records = said(("FROZEN", ONE), ("FROZEN", {**ONE, "until": LATER.isoformat()}))

    assert in_force(records, LATER) == {}


def test_a_freeze_says_what_who_until_when_and_why():
    (one,) = in_force(said(("FROZEN", {**ONE, "until": LATER.isoformat()})), NOW).values()
    (every,) = in_force(said(("FROZEN", EVERY)), NOW).values()

    assert str(one) == f"site-1 is frozen by ana until {LATER:%Y-%m-%d %H:%M} UTC: fair"
    assert str(every) == "everything is frozen by ana until it is lifted: fair"

"""Each checker is seen to fail once: a judge that never objects is none."""

from dataclasses import replace
from datetime import datetime, timedelta
from typing import Any
from zoneinfo import ZoneInfo

import pytest

from engine import promises
from engine.canon import to_json
from engine.model import Appointment, StepKind
from engine.policy import Windows
from tests.unit.builders import NOW, REQUEST, plan, records

ORDERED = ("ORDERED", {"request": to_json(REQUEST)})
PLANNED = ("PLANNED", {"plan": to_json(plan())})
ALL = ["1_1", "1_2", "1_3", "1_4"]
OPENED = (
    "GATE_OPENED",
    {"step": "A.FAILOVER", "votes": 2, "plan_digest": "p", "facts_digest": "f"},
)
SHOWN = ("GATE_SHOWN", {"step": "A.FAILOVER"})
APPROVED = (
    "GATE_CLOSED",
    {"step": "A.FAILOVER", "outcome": "approved", "good_until": NOW.replace(hour=23).isoformat()},
)


def vote(user: str, choice: str = "yes"):
    return ("VOTED", {"step": "A.FAILOVER", "user": user, "choice": choice})


def down(**changes):
    body = {
        "step": "A.ADMIN_DOWN",
        "kind": "ADMIN_DOWN",
        "members": ["1_1", "1_2"],
        "in_service": ALL,
        "gate_step": "A.FAILOVER",
        "plan_digest": "p",
        "facts_digest": "f",
        "attempt": 1,
    }
    return ("INTENDED", body | changes)


GOOD = [ORDERED, PLANNED, OPENED, SHOWN, vote("ana"), vote("ben"), APPROVED, down()]


def verdict(*drafts, promise: str) -> str:
    return promises.judge(records(*drafts))[promise]


@pytest.mark.parametrize("promise", ["P1", "P2", "P8", "P9", "P12"])
def test_a_good_night_keeps_them(promise):
    assert verdict(*GOOD, promise=promise) == "held"


def degraded_end(*out: str, **changes):
    """A run that people let end with 1_2 out of service, and what its end says is."""
    seen: list[dict[str, object]] = [
        {"id": one, "state": "DOWN" if one == "1_2" else "ACTIVE", "notes": []} for one in ALL
    ]
    passed = {"step": "DEGRADED.r2", "kind": "DEGRADED", "how": "approved", "attempt": 1}
    bound = {"gate_step": "DEGRADED.r2", "plan_digest": "p", "facts_digest": "f"}
    end = {"state": "degraded", "members": {}, "out_of_service": list(out), "cloning_owed": False}
    here = [
        (kind, {**body, "step": "DEGRADED.r2"})
        for kind, body in (OPENED, SHOWN, vote("ana"), vote("ben"), APPROVED)
    ]
    here[0][1]["facts"] = {"members": seen}
    return [ORDERED, PLANNED, *here, ("DONE", {**passed, **bound, **changes}), ("ENDED", end)]


@pytest.mark.parametrize(
    ("drafts", "expected"),
    [
        (degraded_end("1_2"), "held"),
        (degraded_end("1_2", "1_3"), "broken"),
        (degraded_end("1_2", facts_digest="other"), "broken"),
        (degraded_end("1_2", plan_digest="other"), "broken"),
        ([ORDERED, PLANNED, degraded_end("1_2")[-1]], "broken"),
    ],
)
def test_p2_asks_of_a_degraded_end_what_it_asks_of_a_failover(drafts, expected):
    assert verdict(*drafts, promise="P2") == expected


@pytest.mark.parametrize(
    ("end", "expected"), [("1_2", "broken"), ("1_3", "held"), ("1_4", "broken")]
)
def test_p2_goes_by_who_was_shown_out_of_service_at_a_degraded_end_where_that_is_written(
    end, expected
):
    drafts = degraded_end(end)
    drafts[2][1]["evidence"] = {"out_of_service": ["1_3"]}

    assert verdict(*drafts, promise="P2") == expected


def test_p2_notices_a_degraded_end_with_too_few_votes():
    drafts = degraded_end("1_2")
    del drafts[5]

    assert verdict(*drafts, promise="P2") == "broken"


@pytest.mark.parametrize(
    "drafts",
    [
        [*GOOD[:-1], down(in_service=["1_1", "1_2", "1_3"])],
        [
            *GOOD,
            (
                "COMMITTING",
                {"step": "A.ADMIN_DOWN", "attempt": 1, "in_service": ["1_1", "1_2", "1_4"]},
            ),
        ],
    ],
)
def test_p1_notices_a_member_missing_at_the_act(drafts):
    assert verdict(*drafts, promise="P1") == "broken"


@pytest.mark.parametrize(
    "drafts",
    [
        [ORDERED, PLANNED, down()],
        [*GOOD[:5], APPROVED, down()],
        [*GOOD[:5], vote(REQUEST.requester), APPROVED, down()],
        [*GOOD[:-1], ("WITHDRAWN", {"step": "A.FAILOVER", "user": "ben"}), down()],
        [*GOOD[:-1], vote("ben", "no"), down()],
        [*GOOD[:-1], down(plan_digest="other")],
        [*GOOD[:-1], down(facts_digest="other")],
        [*GOOD[:6], ("GATE_CLOSED", {**APPROVED[1], "good_until": NOW.isoformat()}), down()],
        [*GOOD[:6], ("GATE_CLOSED", {"step": "A.FAILOVER", "outcome": "superseded"}), down()],
    ],
)
def test_p2_notices_every_way_in_which_an_approval_is_none(drafts):
    assert verdict(*drafts, promise="P2") == "broken"


def committing(step: str, attempt: int = 1):
    return ("COMMITTING", {"step": step, "attempt": attempt, "in_service": ALL})


def test_p2_notices_an_act_that_was_committed_without_its_intent():
    assert verdict(*GOOD, committing("A.ADMIN_DOWN"), promise="P2") == "held"
    assert verdict(*GOOD, committing("A.ADMIN_DOWN", 2), promise="P2") == "broken"
    assert verdict(*GOOD[:-1], committing("A.ADMIN_DOWN"), promise="P2") == "broken"
    assert verdict(*GOOD, committing("A.INSTALL"), promise="P2") == "broken"


def bar(reason: str):
    return ("BARRED", {"step": "A.FAILOVER", "reason": reason})


def test_a_failover_while_its_gate_was_barred_breaks_it():
    assert verdict(*GOOD[:-1], bar("frozen"), down(), promise="P2") == "broken"
    lifted = [bar("frozen"), bar(""), APPROVED, down()]
    assert verdict(*GOOD[:-1], *lifted, promise="P2") == "held"
    asked_again = [*GOOD[:2], OPENED, bar("frozen"), *GOOD[2:]]
    assert verdict(*asked_again, promise="P2") == "held"


ASKED = (OPENED[0], OPENED[1] | {"roles": ["network"]})
CALLED = ("ESCALATED", {"step": "A.FAILOVER", "role": "managers"})


def in_role(user: str, role: str):
    return ("VOTED", {"step": "A.FAILOVER", "user": user, "choice": "yes", "roles": [role]})


@pytest.mark.parametrize(
    ("votes", "word"),
    [
        ([in_role("ana", "network"), CALLED, in_role("max", "managers")], "held"),
        ([in_role("ana", "network"), in_role("max", "managers"), CALLED], "broken"),
        ([in_role("ana", "network"), CALLED, in_role("zoe", "guests")], "broken"),
    ],
)
def test_p2_notices_a_vote_in_a_role_that_was_not_asked_or_not_yet(votes, word):
    night = [ORDERED, PLANNED, ASKED, SHOWN, *votes, APPROVED, down()]

    assert verdict(*night, promise="P2") == word


@pytest.mark.parametrize(
    ("ben", "word"),
    [
        ({"after": 7, "roles": ["network"]}, "held"),
        ({"after": 6, "roles": ["network"]}, "broken"),
        ({"after": 7, "roles": ["guests"]}, "broken"),
        (None, "broken"),
    ],
)
def test_p2_notices_whose_right_to_vote_was_not_seen_again_after_the_approval(ben, word):
    seen = {"ana": {"after": 7, "roles": ["network"]}} | ({"ben": ben} if ben else {})
    votes = [in_role("ana", "network"), in_role("ben", "network")]
    night = [ORDERED, PLANNED, ASKED, SHOWN, *votes, APPROVED, down(confirmed=seen)]

    assert verdict(*night, promise="P2") == word


def test_p2_notices_an_approval_by_whoever_changed_the_plan():
    changed = (PLANNED[0], PLANNED[1] | {"author": "ben"})
    asked = ("GATE_OPENED", OPENED[1] | {"step": "PROPOSAL"})
    done = ("DONE", {"step": "PROPOSAL", "kind": "PROPOSAL", "how": "approved"})
    said = ("VOTED", {"step": "PROPOSAL", "user": "ben", "choice": "yes"})

    assert verdict(ORDERED, changed, *GOOD[2:], promise="P2") == "broken"
    assert verdict(ORDERED, changed, asked, said, done, promise="P2") == "broken"
    other = (said[0], said[1] | {"user": "ana"})
    assert verdict(ORDERED, changed, asked, other, done, promise="P2") == "not exercised"


INSTALL = (
    "INTENDED",
    {"step": "A.INSTALL", "kind": "INSTALL", "members": ["1_1", "1_2"], "attempt": 1},
)
COMMIT = ("COMMITTING", {"step": "A.INSTALL", "attempt": 1})


def test_p3_notices_a_second_start_and_accepts_one_after_the_device_showed_nothing():
    found = ("FOUND", {"step": "A.INSTALL", "started": False})
    retried = ("COMMITTING", {"step": "A.INSTALL", "attempt": 2})

    assert verdict(ORDERED, PLANNED, INSTALL, COMMIT, promise="P3") == "held"
    assert verdict(ORDERED, PLANNED, INSTALL, COMMIT, INSTALL, COMMIT, promise="P3") == "broken"
    assert (
        verdict(ORDERED, PLANNED, INSTALL, COMMIT, found, INSTALL, COMMIT, promise="P3") == "held"
    )
    asked = ("RETRIED", {"again": ["A.INSTALL"]})
    assert verdict(ORDERED, INSTALL, COMMIT, asked, INSTALL, retried, promise="P3") == "held"
    assert verdict(ORDERED, INSTALL, COMMIT, INSTALL, retried, promise="P3") == "broken"


def test_p4_notices_a_done_step_that_is_begun_again_from_memory():
    done = ("DONE", {"step": "A.INSTALL"})
    undone = ("UNDONE", {"steps": ["A.INSTALL"]})

    assert verdict(ORDERED, INSTALL, done, INSTALL, promise="P4") == "broken"
    assert verdict(ORDERED, INSTALL, done, undone, INSTALL, promise="P4") == "held"


def test_p5_notices_an_installation_before_cloning_was_off_and_a_debt_forgotten():
    off = ("DONE", {"step": "CLONING_OFF"})
    owed = ("OWED", {"was": True})
    end = ("ENDED", {"state": "done", "members": {"1_1": 120}, "cloning_owed": False})

    assert verdict(ORDERED, INSTALL, COMMIT, promise="P5") == "broken"
    assert verdict(ORDERED, off, INSTALL, COMMIT, promise="P5") == "held"
    assert verdict(ORDERED, owed, off, end, promise="P5") == "broken"
    assert verdict(ORDERED, owed, off, ("SETTLED", {}), end, promise="P5") == "held"


@pytest.mark.parametrize(
    ("other", "held"),
    [
        ({"take": 120, "packages": [["x.tgz", "installed"]]}, True),
        ({"take": 99, "packages": [["x.tgz", "installed"]]}, False),
        ({"take": 120, "packages": [["x.tgz", "available"]]}, False),
        ({"take": 120, "packages": []}, False),
        ({"take": 120, "packages": [["x.tgz", "installed"], ["y.tgz", "installed"]]}, True),
    ],
)
def test_p5_notices_cloning_that_went_back_to_unlike_members(other: Any, held: bool):
    owed = ("OWED", {"was": True, "packages": ["x.tar"]})
    one = {"take": 120, "packages": [["x.tgz", "installed"]]}
    settled = ("SETTLED", {"seen": {"1_1": one, "1_2": other}})
    end = ("ENDED", {"state": "done", "members": {"1_1": 120}, "cloning_owed": False})

    found = verdict(ORDERED, owed, ("DONE", {"step": "CLONING_OFF"}), settled, end, promise="P5")

    assert found == ("held" if held else "broken")


def test_p6_notices_a_hold_that_hides_what_was_printed():
    assert (
        verdict(("HELD", {"error": "UnknownPrompt", "reason": "", "text": ""}), promise="P6")
        == "broken"
    )
    assert (
        verdict(("HELD", {"error": "UnknownPrompt", "reason": "x", "text": "?"}), promise="P6")
        == "held"
    )


def test_p7_notices_an_act_after_a_halt():
    assert verdict(ORDERED, ("HALTED", {}), INSTALL, promise="P7") == "broken"
    assert verdict(ORDERED, ("HALTED", {}), ("RESUMED", {}), INSTALL, promise="P7") == "held"


def test_p8_notices_a_changed_a_missing_and_a_moved_record():
    chain = records(*GOOD)

    assert (
        promises.judge([*chain[:3], replace(chain[3], by="mallory"), *chain[4:]])["P8"] == "broken"
    )
    assert promises.judge([*chain[:3], *chain[4:]])["P8"] == "broken"
    assert promises.judge([chain[1], chain[0], *chain[2:]])["P8"] == "broken"


def test_p9_notices_an_older_executor_writing_after_a_newer_one():
    chain = records(*GOOD)
    late = [replace(r, epoch=1 if r.seq > 4 else 2) for r in chain]

    assert promises.judge(late)["P9"] == "broken"


def test_p10_notices_an_end_that_calls_two_takes_done():
    end = {"state": "done", "members": {"1_1": 120, "1_2": 99}, "cloning_owed": False}

    assert verdict(("ENDED", end), promise="P10") == "broken"
    alike = {**end, "members": {"1_1": 120, "1_2": 120}}
    assert verdict(PLANNED, ("ENDED", alike), promise="P10") == "held"
    old = {**end, "members": {"1_1": 99, "1_2": 99}}
    assert verdict(PLANNED, ("ENDED", old), promise="P10") == "broken"
    assert verdict(PLANNED, ("ENDED", {**old, "state": "rolled back"}), promise="P10") == "held"


def worked(step: str, *, boot: str, has: str = "installed", announced: bool | None = True):
    """The work on A, and the look that followed: 1_1 in this boot, with its package so."""
    begun = {"step": step, "kind": step.split(".")[1], "members": ["1_1", "1_2"], "attempt": 1}
    before = {m: {"boot_id": f"{m} old", "take": 99, "action": 7} for m in ("1_1", "1_2")}
    said = {} if announced is None else {"restart_announced": announced}
    name = plan().package.name.removesuffix(".tgz")
    seen = [
        {"id": "1_1", "boot_id": boot, "packages": [[name, has]]},
        {"id": "1_2", "boot_id": "1_2 new", "packages": [[name, has]]},
    ]
    return [
        ORDERED,
        PLANNED,
        ("INTENDED", {**begun, "before": before, "in_service": ALL}),
        ("COMMITTING", {"step": step, "attempt": 1, "in_service": ALL, **said}),
        ("SEEN", {"facts": {"members": seen}}),
    ]


OLD_BOOT = [
    (worked("A.INSTALL", boot="1_1 old"), "broken"),
    (worked("A.INSTALL", boot="1_1 new"), "held"),
    (worked("A.INSTALL", boot="1_1 old", has="available"), "held"),
    (worked("A.INSTALL", boot="1_1 old", announced=False), "held"),
    (worked("A.INSTALL", boot="1_1 old", announced=None), "held"),
    (worked("A.UNINSTALL", boot="1_1 old", has="available"), "broken"),
    (worked("A.UNINSTALL", boot="1_1 old"), "held"),
]


@pytest.mark.parametrize(("night", "word"), OLD_BOOT)
def test_p1_notices_who_is_to_carry_traffic_in_the_boot_of_before(night, word):
    b_down = down(step="B.ADMIN_DOWN", members=["1_3", "1_4"])

    assert verdict(*night, b_down, promise="P1") == word


def test_p1_has_nothing_against_who_goes_down_itself_or_is_out_of_service():
    night = worked("A.INSTALL", boot="1_1 old")
    others = down(step="B.ADMIN_DOWN", members=["1_3", "1_4"], in_service=["1_2"])

    assert verdict(*night, down(), promise="P1") == "held"
    told = promises.explained(records(*night, others))["P1"][1]
    assert [one for one in told if "restart" in one] == []


@pytest.mark.parametrize(("night", "word"), OLD_BOOT)
def test_p10_notices_an_end_before_the_restart(night, word):
    end = {"state": "done", "members": {"1_1": 120, "1_2": 120}, "cloning_owed": False}

    assert verdict(*night, ("ENDED", end), promise="P10") == word


def test_p12_notices_a_written_yes_with_the_code_of_something_else():
    opened = (OPENED[0], {**OPENED[1], "code": "7K3F"})
    written = {"step": "A.FAILOVER", "user": "ana", "choice": "yes", "source": "text"}

    def with_code(code: str) -> str:
        voted = ("VOTED", {**written, "code": code})
        return verdict(ORDERED, PLANNED, opened, SHOWN, voted, promise="P12")

    assert with_code("7K3F") == "held"
    assert with_code("7K3G") == "broken"


def test_p12_notices_a_vote_by_a_button_that_was_not_pressed_there():
    opened = (OPENED[0], {**OPENED[1], "code": "7K3F"})
    shown = (SHOWN[0], {**SHOWN[1], "channel": "C1", "ts": "1.0"})
    pressed = {"step": "A.FAILOVER", "user": "ana", "choice": "yes", "channel": "C1", "ts": "1.0"}
    clicked = ("CLICKED", pressed)
    voted = (
        "VOTED",
        {
            "step": "A.FAILOVER",
            "user": "ana",
            "choice": "yes",
            "source": "button",
            "code": "7K3F",
        },
    )

    def judged(*records) -> str:
        return verdict(ORDERED, PLANNED, *records, promise="P12")

    assert judged(opened, shown, clicked, voted) == "held"
    assert judged(opened, shown, voted) == "broken"
    assert judged(opened, shown, ("CLICKED", {**pressed, "user": "ben"}), voted) == "broken"
    assert judged(opened, shown, ("CLICKED", {**pressed, "ts": "0.9"}), voted) == "broken"
    assert judged(opened, shown, clicked, opened, shown, voted) == "broken"
    assert judged(opened, shown, clicked, (voted[0], {**voted[1], "code": "7K3G"})) == "broken"
    back = ("CLICKED", {**pressed, "choice": "withdraw"})
    assert judged(opened, shown, clicked, back, voted) == "broken"
    assert judged(opened, shown, back, vote("ana")) == "broken"


def test_p2_notices_a_vote_that_was_taken_back_with_a_button():
    pressed = {"step": "A.FAILOVER", "user": "ben", "channel": "C1", "ts": "1.0"}
    back = ("CLICKED", {**pressed, "choice": "withdraw"})

    assert verdict(*GOOD[:-1], back, down(), promise="P2") == "broken"


def test_p12_notices_a_vote_that_counts_before_its_gate_was_shown():
    assert verdict(ORDERED, PLANNED, OPENED, vote("ana"), promise="P12") == "broken"
    closed = ("GATE_CLOSED", {"step": "A.FAILOVER", "outcome": "rejected"})
    assert verdict(ORDERED, PLANNED, OPENED, SHOWN, closed, vote("ana"), promise="P12") == "broken"
    passed = ("DONE", {"step": "A.FAILOVER"})
    assert verdict(ORDERED, PLANNED, OPENED, SHOWN, passed, vote("ana"), promise="P12") == "broken"


def test_p12_lets_the_approval_of_a_start_alone_be_given_anew():
    """Nothing was begun: the members are still out, so their START is asked for where it stands."""
    nothing = ("FOUND", {"step": "A.UNINSTALL", "started": False})

    def asked_anew(gate: str) -> str:
        opened, shown = (OPENED[0], OPENED[1] | {"step": gate}), (SHOWN[0], {"step": gate})
        late = ("VOTED", {"step": gate, "user": "ana", "choice": "no"})
        passed = ("DONE", {"step": gate})
        return verdict(ORDERED, PLANNED, opened, shown, passed, nothing, late, promise="P12")

    assert asked_anew("A.START") == "held"
    assert asked_anew("A.FAILOVER") == "broken"


def test_p2_notices_a_failover_out_of_the_time_that_was_agreed_on():
    start, until = NOW - timedelta(hours=1), NOW + timedelta(hours=1)

    def planned_for(start: datetime, until: datetime | None):
        made = replace(plan(), appointment=Appointment(start, until))
        return ("PLANNED", {"plan": made.as_json()})

    def night(agreed: tuple[str, dict[str, object]]) -> str:
        return verdict(ORDERED, agreed, *GOOD[2:], promise="P2")

    assert night(planned_for(start, until)) == "held"
    assert night(planned_for(until, None)) == "broken"
    assert night(planned_for(start - timedelta(hours=1), start)) == "broken"


OF_LAST_WEEK = 7 * 24 * 60
"""A window that began in the week before ends so many minutes later, as windows are counted."""


@pytest.mark.parametrize(
    ("begin", "end", "phase", "word"),
    [
        (0, 60, "fresh", "held"),
        (-60, 1, "fresh", "held"),
        (1, 60, "fresh", "broken"),
        (-60, 0, "fresh", "broken"),
        (OF_LAST_WEEK - 60, OF_LAST_WEEK + 1, "fresh", "held"),
        (OF_LAST_WEEK - 60, OF_LAST_WEEK, "fresh", "broken"),
        (60, 120, "rollback", "broken"),
    ],
)
def test_p2_notices_a_failover_outside_of_the_windows_of_its_group(begin, end, phase, word):
    wall = NOW.astimezone(ZoneInfo("Europe/Berlin"))
    minute = (wall.weekday() * 24 + wall.hour) * 60 + wall.minute
    there = Windows(((minute + begin, minute + end),), (), "Europe/Berlin")
    made = plan(phase=phase, policy=replace(plan().policy, windows=there))
    agreed = ("PLANNED", {"plan": made.as_json()})

    assert verdict(ORDERED, agreed, *GOOD[2:], promise="P2") == word


@pytest.mark.parametrize(
    ("asked", "does", "word"),
    [
        ("install", StepKind.UNINSTALL, "held"),
        ("uninstall", StepKind.INSTALL, "held"),
        ("rollback", StepKind.UNINSTALL, "held"),
        ("rollback", StepKind.INSTALL, "broken"),
        ("uninstall", StepKind.UNINSTALL, "broken"),
        ("finish", StepKind.UNINSTALL, "broken"),
    ],
)
def test_p2_takes_no_word_for_it_that_something_is_taken_back(asked, does, word):
    closed = Windows(((0, 1),))
    made = plan(phase="rollback", policy=replace(plan().policy, windows=closed))
    steps = [replace(s, kind=does) if s.kind is StepKind.INSTALL else s for s in made.steps]
    agreed = ("PLANNED", {"plan": replace(made, steps=tuple(steps)).as_json()})
    ordered = ("ORDERED", {"request": to_json(replace(REQUEST, kind=asked))})

    assert verdict(ordered, agreed, *GOOD[2:], promise="P2") == word


def test_p2_notices_a_failover_on_the_approval_of_something_else():
    def about(step: str):
        opened = (OPENED[0], OPENED[1] | {"step": step})
        voted = [("VOTED", vote(user)[1] | {"step": step}) for user in ("ana", "ben")]
        approved = (APPROVED[0], APPROVED[1] | {"step": step})
        shown = (SHOWN[0], {"step": step})
        return verdict(
            ORDERED, PLANNED, opened, shown, *voted, approved, down(gate_step=step), promise="P2"
        )

    assert about("A.FAILOVER") == "held"
    assert about("A.START") == "held"
    assert about("WITHOUT.r2") == "broken"
    assert about("PROPOSAL") == "broken"

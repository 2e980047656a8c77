"""The verdict: what is broken is said to be broken, by either judge, and nothing else is."""

from dataclasses import replace
from datetime import timedelta
from typing import Any

import pytest

from bot.demo.expectation import differences, read_expectations
from bot.demo.matching import Timeline, batches, match
from bot.demo.posts import Post
from bot.demo.verdict import Seen, Spell, judged, shortfalls, verdict
from engine.canon import to_json
from engine.journal import planned_body
from tests.unit.builders import NOW, REQUEST, plan, records, without_package

SPEED = 100.0
TIMELINE = Timeline(NOW, SPEED)
ALL = ["1_1", "1_2", "1_3", "1_4"]
A = ["1_1", "1_2"]
BOT = "U0HOTFIX"


def second(number: float) -> float:
    """Return the simulated second at which the record of that number was written."""
    return number * SPEED


def opened(step: str) -> tuple[str, dict[str, Any]]:
    body = {
        "step": step,
        "votes": 2,
        "plan_digest": "p",
        "facts_digest": "f",
        "code": "ABCD",
        "facts": {},
        "evidence": {},
        "expires_at": (NOW + timedelta(hours=1)).isoformat(),
    }
    return ("GATE_OPENED", body)


def vote(user: str, choice: str = "yes", step: str = "A.FAILOVER") -> tuple[str, dict[str, Any]]:
    body = {"step": step, "user": user, "name": user, "choice": choice, "roles": []}
    return ("VOTED", {**body, "source": "reaction"})


def button(user: str) -> tuple[str, dict[str, Any]]:
    kind, body = vote(user)
    return (kind, body | {"source": "button", "code": "ABCD"})


def closed(outcome: str = "approved") -> tuple[str, dict[str, Any]]:
    until = (NOW + timedelta(hours=1)).isoformat()
    body = {"step": "A.FAILOVER", "outcome": outcome, "starts_at": until, "good_until": until}
    return ("GATE_CLOSED", body)


def intended(step: str, kind: str, members: list[str], **more: Any) -> tuple[str, dict[str, Any]]:
    body = {"step": step, "kind": kind, "members": members, "in_service": ALL, "attempt": 1}
    return ("INTENDED", body | more)


def committing(step: str, attempt: int = 1) -> tuple[str, dict[str, Any]]:
    left = ["1_3", "1_4"]
    return ("COMMITTING", {"step": step, "attempt": attempt, "on": "1_3", "in_service": left})


def done(step: str, kind: str, how: str = "acted") -> tuple[str, dict[str, Any]]:
    return ("DONE", {"step": step, "kind": kind, "how": how, "attempt": 1})


GATE_PASSED = {
    "gate_step": "A.FAILOVER",
    "plan_digest": "p",
    "facts_digest": "f",
    "voters": ["ana", "ben"],
}

NIGHT = [
    ("ORDERED", {"request": to_json(REQUEST)}),
    ("PLANNED", planned_body(plan(), without_package())),
    intended("CLONING_OFF", "CLONING_OFF", []),  # 3
    done("CLONING_OFF", "CLONING_OFF"),
    opened("A.FAILOVER"),  # 5
    ("GATE_SHOWN", {"step": "A.FAILOVER", "gate": "G1", "channel": "C", "ts": "9.9"}),
    vote("ana"),
    vote("ben"),
    closed(),
    done("A.FAILOVER", "FAILOVER", "approved"),  # 10
    intended("A.ADMIN_DOWN", "ADMIN_DOWN", A, **GATE_PASSED),
    committing("A.ADMIN_DOWN"),  # 12
    done("A.ADMIN_DOWN", "ADMIN_DOWN"),
    intended("A.INSTALL", "INSTALL", A),
    committing("A.INSTALL"),  # 15
    done("A.INSTALL", "INSTALL", "seen"),
]


def acts(name: str, at: float, members: list[str]) -> list[dict[str, Any]]:
    return [{"act": name, "member": m, "group": members, "at": at} for m in members]


ACTS = [
    {"act": "auto_clone_off", "member": "1_1", "group": ALL, "at": second(3.1)},
    *acts("admin_down", second(12.1), A),
    *acts("install", second(15.1), A),
]


def member(number: int, **changes: Any) -> dict[str, Any]:
    healthy = {"state": "ACTIVE", "in_service": True, "take_before": 99, "take_after": 99}
    starts = {"installs_started": int(number <= 2), "uninstalls_started": 0}
    return {"id": f"1_{number}", **healthy, **starts} | changes


def device(**changes: Any) -> dict[str, Any]:
    calm = {
        "members": [member(n) for n in range(1, 5)],
        "active_site": 1,
        "active_min": 2,
        "connections_lost": 0,
        "auto_clone": {"before": "on", "after": "off"},
        "acts": ACTS,
        "faults": [],
        "objections": [],
        "unsupported": [],
        "seconds": 2000.0,
    }
    return calm | changes


def touch(user: str, at: float, kind: str = "reaction_added", name: str = "white_check_mark"):
    event = {"type": kind, "user": user, "reaction": name, "item": {"ts": "9.9"}}
    moment = NOW.timestamp() + at
    payload = {"event": {**event, "event_ts": f"{moment:.6f}"}}
    return {"kind": "delivery", "at": moment, "payload": payload}


TRAFFIC = [touch(BOT, 6.1), touch("ana", 6.5), touch("ben", 7.5)]


def seen(*drafts: tuple[str, dict[str, Any]], **changes: Any) -> Seen:
    whole = Seen("night", records(*(drafts or NIGHT)), device(), TIMELINE, TRAFFIC, BOT)
    return replace(whole, **changes)


def broken(case: Seen) -> set[str]:
    return {name for name, (word, _) in judged(case).items() if word == "broken"}


def without(night: list[Any], *numbers: int) -> list[Any]:
    return [draft for place, draft in enumerate(night, start=1) if place not in numbers]


def test_a_good_night_breaks_nothing():
    assert broken(seen()) == set()
    assert {p for p, (w, _) in judged(seen()).items() if w == "held"} >= {"P1", "P2", "P3", "P5"}
    assert shortfalls(verdict(seen()), seen()) == []


def test_the_line_holds_what_was_asked_for():
    told = verdict(seen(names={"U0RITA0001": "rita"}, kills=1, took_s=12.34))

    assert told["requester"] == "rita"
    assert told["state"] == "open"
    assert told["gates"] == [
        {
            "name": "G1",
            "step": "A.FAILOVER",
            "state": "approved",
            "voters": ["ana", "ben"],
            "ways": ["reaction", "reaction"],
        }
    ]
    assert told["auto_clone"] == {"before": "on", "after": "off", "owed": False}
    assert (told["kills"], told["took_s"]) == (1, 12.3)
    assert list(told["promises"]) == [f"P{n}" for n in range(1, 13)]


# -------------------------------------------------------------------- acts and records


def test_what_failed_around_the_bot_is_told_beside_the_faults_of_the_group():
    at = NOW + timedelta(seconds=2)
    spell = Spell("slack_gone", at, at + timedelta(seconds=1))
    told = verdict(seen(troubles=[spell], device=device(faults=[])))

    assert told["faults"] == [{"name": "slack_gone", "fired_at": second(2)}]


@pytest.mark.parametrize(("what", "promise"), [("slack_gone", "P2"), ("database_gone", "P8")])
def test_a_failover_that_began_without_slack_or_a_database_is_wrong(what, promise):
    gone = Spell(what, NOW + timedelta(seconds=8), NOW + timedelta(seconds=14))
    over = Spell(what, NOW + timedelta(seconds=3), NOW + timedelta(seconds=8))

    assert broken(seen(troubles=[gone])) == {promise}
    assert broken(seen(troubles=[over])) == set()


def written(user: str, at: float, text: str) -> dict[str, Any]:
    return {"user": user, "ts": f"{NOW.timestamp() + at:.6f}", "text": f"<@{BOT}> {text}"}


def test_a_vote_in_words_is_one_that_was_given():
    by_word = [
        (k, {**b, "source": "text", "code": "ABCD"} if b.get("user") == "ben" else b)
        for k, b in NIGHT
    ]
    silent = seen(*by_word, traffic=TRAFFIC[:2])
    wrote = replace(silent, said=[written("ben", 7.5, "approve G1 ABCD")])

    assert broken(silent) >= {"P2", "P12"}
    assert broken(wrote) == set()


def test_a_no_in_words_must_be_counted_and_one_nobody_wrote_must_not():
    lost = seen(said=[written("noor", 7.0, "reject G1 not tonight")])
    without_code = seen(said=[written("noor", 7.0, "approve G1")])

    assert broken(lost) == {"P12"}
    assert broken(without_code) == set()


def test_a_message_that_stands_twice_or_too_late_in_slack_is_wrong():
    twice = [Post("1.0", "r/gate/G1"), Post("2.0", "r/gate/G1")]
    late = [Post("1.0", "r/m/9"), Post("2.0", "r/m/8")]

    case = seen(posts=[*twice, *late])
    told = verdict(case)

    assert told["posted_twice"] == ["r/gate/G1"]
    assert "in Slack, r/gate/G1 was posted twice" in shortfalls(told, case)
    assert "in Slack, r/m/8 came after r/m/9" in shortfalls(told, case)


def test_one_command_on_many_members_is_one_batch():
    found = batches(ACTS, TIMELINE)

    assert [(b.act, sorted(b.members)) for b in found] == [
        ("auto_clone_off", ["1_1"]),
        ("admin_down", A),
        ("install", A),
    ]
    assert found[1].at == NOW + timedelta(seconds=12.1)


@pytest.mark.parametrize(("waited_s", "count"), [(0.2, 1), (0.5, 2)])
def test_a_rehearsal_that_waits_for_a_processor_splits_no_command(waited_s, count):
    later = 10.0 + waited_s * TIMELINE.speed
    one_by_one = [acts("install", at, A)[place] for place, at in enumerate([10.0, later])]

    assert len(batches(one_by_one, TIMELINE)) == count


def test_a_second_start_on_the_same_members_is_another_batch():
    twice = acts("install", 10.0, A) + acts("install", 10.5, A)

    assert len(batches(twice, TIMELINE)) == 2


def test_an_import_that_cpuse_refused_may_be_asked_again_and_an_installation_not():
    asked = [intended("IMPORT", "IMPORT", ALL), *NIGHT[2:]]
    twice = [*acts("import", second(1.1), ALL), *acts("import", second(1.4), ALL), *ACTS]
    again = [*ACTS, *acts("install", second(15.4), A)]

    assert match(twice, records(*asked), TIMELINE).without_record == []
    assert match(again, records(*NIGHT), TIMELINE).without_record != []


def test_every_act_of_a_good_night_has_its_record_and_the_reverse():
    matched = match(ACTS, records(*NIGHT), TIMELINE)

    assert [one.step for _, one in matched.pairs] == ["CLONING_OFF", "A.ADMIN_DOWN", "A.INSTALL"]
    assert matched.without_record == []
    assert matched.without_act == []


@pytest.mark.parametrize(
    ("extra", "promises"),
    [
        (acts("install", second(15.5), ["1_3", "1_4"]), {"P3", "P8"}),
        (acts("install", second(15.6), A), {"P3", "P8"}),
        (acts("admin_down", second(15.6), ["1_3", "1_4"]), {"P2", "P8"}),
        (acts("admin_up", second(15.6), A), {"P8"}),
        (acts("reboot", second(15.6), ["1_1"]), {"P8"}),
    ],
    ids=["install elsewhere", "install again", "failover", "bring up", "reboot"],
)
def test_an_act_without_a_record_breaks_what_it_concerns(extra, promises):
    assert broken(seen(device=device(acts=ACTS + extra))) == promises


def test_an_act_before_its_record_does_not_belong_to_it():
    early = [*ACTS[:1], *acts("admin_down", second(11.0), A), *ACTS[3:]]

    assert broken(seen(device=device(acts=early))) == {"P2", "P8"}


def test_a_step_recorded_as_done_that_no_device_saw_is_found():
    case = seen(device=device(acts=ACTS[:3]))

    assert broken(case) == {"P8"}
    assert "A.INSTALL is done, but no act was seen on 1_1, 1_2" in judged(case)["P8"][1][0]


def test_a_part_of_the_group_is_not_the_group():
    case = seen(device=device(acts=ACTS[:-1]))

    assert "no act was seen on 1_2" in judged(case)["P8"][1][0]


def test_after_a_kill_the_newest_record_before_the_act_is_the_one_that_allowed_it():
    again = [
        *NIGHT[:15],
        ("TAKEN_UP", {"holder": "two"}),
        ("FOUND", {"step": "A.INSTALL", "started": False, "found": "idle"}),
        intended("A.INSTALL", "INSTALL", A),
        committing("A.INSTALL"),  # 19
        done("A.INSTALL", "INSTALL", "seen"),
    ]
    late = ACTS[:3] + acts("install", second(19.1), A)

    matched = match(late, records(*again), TIMELINE)

    assert [one.seq for _, one in matched.pairs] == [3, 12, 19]
    assert broken(seen(*again, device=device(acts=late))) == set()


def test_a_rescue_is_an_act_with_its_record():
    rescued = [
        *NIGHT[:13],
        intended("A.RESCUE_UP", "ADMIN_UP", A),
        committing("A.RESCUE_UP"),  # 15
        done("A.RESCUE_UP", "RESCUE_UP"),
    ]
    members = [member(n, installs_started=0) for n in range(1, 5)]
    up = ACTS[:3] + acts("admin_up", second(15.1), A)

    assert broken(seen(*rescued, device=device(acts=up, members=members))) == set()
    assert "P8" in broken(seen(*rescued, device=device(acts=ACTS[:3], members=members)))


# ---------------------------------------------------------------------- what else breaks


@pytest.mark.parametrize(
    ("objection", "promise"),
    [
        ("1_1 was ordered down while 1_3 was DOWN (at 9 s)", "P1"),
        ("install was started on 1_1, which was ACTIVE (at 9 s)", "P1"),
        ("install was started twice on 1_1 (at 9 s)", "P3"),
        ("1_1 rebooted after install with image auto-clone on (at 9 s)", "P5"),
    ],
)
def test_what_the_witness_objects_to_breaks_a_promise(objection, promise):
    assert broken(seen(device=device(objections=[objection]))) == {promise}


def test_more_starts_than_attempts_break_p3():
    members = [member(1, installs_started=2), *(member(n) for n in range(2, 5))]

    assert broken(seen(device=device(members=members))) == {"P3"}


@pytest.mark.parametrize(
    ("cloning", "owed", "expected"),
    [
        ({"before": "on", "after": "on"}, False, set()),
        ({"before": "on", "after": "off"}, True, set()),
        ({"before": "on", "after": "off"}, False, {"P5"}),
        ({"before": "on", "after": "on"}, True, {"P5"}),
        ({"before": "on", "after": "mixed"}, False, {"P5"}),
    ],
)
def test_cloning_is_restored_or_owed_at_the_end(cloning, owed, expected):
    takes = dict.fromkeys(ALL, 99)
    ended = ("ENDED", {"state": "aborted", "members": takes, "cloning_owed": owed, "takes": [99]})
    owes = [("OWED", {"was": True})] if owed else [("OWED", {"was": True}), ("SETTLED", {})]

    assert broken(seen(*NIGHT, *owes, ended, device=device(auto_clone=cloning))) == expected


def test_the_end_says_what_the_devices_show():
    takes = dict.fromkeys(ALL, 120)
    ended = ("ENDED", {"state": "done", "members": takes, "cloning_owed": False, "takes": [120]})
    good = [member(n, take_after=120) for n in range(1, 5)]
    on = {"before": "on", "after": "on"}

    assert broken(seen(*NIGHT, ended, device=device(members=good, auto_clone=on))) == set()

    standing_by = [*good[:3], member(4, take_after=120, state="STANDBY")]
    case = seen(*NIGHT, ended, device=device(members=standing_by, auto_clone=on))
    assert broken(case) == set()

    away = member(4, take_after=120, state="DOWN", in_service=False)
    for wrong in (member(4, take_after=99), away):
        members = [*good[:3], wrong]
        case = seen(*NIGHT, ended, device=device(members=members, auto_clone=on))
        assert broken(case) == {"P10"}


def test_an_act_after_a_halt_breaks_p7_even_with_a_record():
    halted = ("HALTED", {"out_of_service": A})
    night = [*NIGHT[:13], halted, *NIGHT[13:]]
    late = ACTS[:3] + acts("install", second(16.1), A)

    assert "P7" in broken(seen(*night, device=device(acts=late)))


def test_what_was_under_way_when_the_halt_came_is_no_offence():
    night = [*NIGHT[:15], ("HALTED", {"out_of_service": A}), NIGHT[15]]

    assert broken(seen(*night)) == set()


def test_a_secret_that_was_seen_breaks_p11():
    assert broken(seen(leaks=["the bot's token is seen in bot.log"])) == {"P11"}
    assert judged(seen())["P11"][0] == "held"


@pytest.mark.parametrize(
    ("traffic", "expected"),
    [
        (TRAFFIC[:2], {"P2", "P12"}),
        ([*TRAFFIC, touch("ben", 8.1, "reaction_removed")], {"P2"}),
        ([*TRAFFIC, touch("noor", 6.3, name="x")], {"P12"}),
        ([*TRAFFIC, touch("noor", 6.3, name="tada")], set()),
        ([*TRAFFIC, touch("noor", 6.3), touch("noor", 6.9, "reaction_removed")], set()),
        ([*TRAFFIC, touch("noor", 9.5)], set()),
    ],
    ids=["never given", "taken back", "never counted", "no vote", "gone again", "too late"],
)
def test_votes_in_slack_are_those_that_were_counted(traffic, expected):
    assert broken(seen(traffic=traffic)) == expected


@pytest.mark.parametrize(
    ("written_by_ben", "expected"),
    [
        ([written("ben", 7.5, "approve G1 ABCD")], set()),
        ([written("ben", 7.5, "approve G1 ABCE")], {"P2", "P12"}),
        ([written("ben", 7.5, "approve G2 ABCD")], {"P2", "P12"}),
        ([written("ben", 7.5, "approve G1")], {"P2", "P12"}),
        (
            [written("ben", 7.5, "approve G1 ABCD"), written("ben", 8.1, "withdraw G1")],
            {"P2"},
        ),
        (
            [written("ben", 7.5, "approve G1 ABCD"), written("noor", 6.3, "reject G1 not now")],
            {"P12"},
        ),
        ([written("ben", 7.5, "approve G1 ABCD"), written("noor", 6.3, "reject G9")], set()),
    ],
    ids=["right", "wrong code", "another gate", "no code", "taken back", "lost no", "elsewhere"],
)
def test_votes_in_words_are_those_that_were_counted(written_by_ben, expected):
    by_word = [
        (kind, {**body, "source": "text", "code": "ABCD"} if body.get("user") == "ben" else body)
        for kind, body in NIGHT
    ]

    assert broken(seen(*by_word, traffic=TRAFFIC[:2], said=written_by_ben)) == expected


def pressed(
    user: str, at: float, verb: str = "approve", *, acked: bool = True, **place: str
) -> list[dict[str, Any]]:
    """Return what Slack's traffic shows of a click."""
    moment = NOW.timestamp() + at
    where = {"ts": "9.9", "value": "hf-1/G1/ABCD", **place}
    action = {"action_id": f"vote:{verb}", "value": where["value"], "action_ts": f"{moment:.6f}"}
    payload = {
        "type": "block_actions",
        "user": {"id": user},
        "container": {"message_ts": where["ts"]},
        "actions": [action],
    }
    line = {"at": moment, "envelope_id": f"{user}{at}", "ok": True}
    ack = [{"kind": "ack", **line}] if acked else []
    return [{"kind": "delivery", "payload": payload, **line}, *ack]


@pytest.mark.parametrize(
    ("clicks", "expected"),
    [
        (pressed("ben", 7.5), set()),
        (pressed("ben", 7.5, acked=False), {"P2", "P12"}),
        (pressed("ben", 7.5, ts="9.8"), {"P2", "P12"}),
        (pressed("ben", 7.5, value="hf-1/G1/ABCE"), {"P2", "P12"}),
        ([*pressed("ben", 7.5), *pressed("ben", 8.1, "withdraw")], {"P2"}),
        ([*pressed("ben", 7.5), touch("ben", 8.1, "reaction_removed")], set()),
        ([*pressed("ben", 7.5), touch("ben", 7.6), *pressed("ben", 8.1, "withdraw")], {"P2"}),
        ([*pressed("ben", 7.5), *pressed("noor", 6.3, "reject")], {"P12"}),
        ([*pressed("ben", 7.5), *pressed("noor", 6.3, "reject", acked=False)], set()),
    ],
    ids=[
        "right",
        "never heard",
        "another message",
        "another code",
        "taken back",
        "a reaction taken away",
        "both taken back",
        "lost no",
        "failed no",
    ],
)
def test_votes_with_buttons_are_those_that_were_counted(clicks, expected):
    place = {"step": "A.FAILOVER", "gate": "G1", "channel": "C", "ts": "9.9", "code": "ABCD"}
    click = {**place, "user": "ben", "choice": "yes", "pressed": NOW.isoformat()}
    by_button = {**vote("ben")[1], "source": "button", "code": "ABCD"}
    night = [*NIGHT[:7], ("CLICKED", click), ("VOTED", by_button), *NIGHT[8:]]
    shifted = [{**act, "at": act["at"] + SPEED * (act["at"] > second(7))} for act in ACTS]
    traffic = [*TRAFFIC[:2], *clicks]

    assert broken(seen(*night, device=device(acts=shifted), traffic=traffic)) == expected


def test_a_vote_that_was_refused_was_not_lost():
    refused = ("REFUSED", {"step": "A.FAILOVER", "user": "gus", "choice": "yes", "reason": "guest"})
    night = [*NIGHT[:6], refused, *NIGHT[6:]]
    shifted = [{**act, "at": act["at"] + SPEED * (act["at"] > second(7))} for act in ACTS]
    traffic = [*TRAFFIC, touch("gus", 6.3)]

    assert broken(seen(*night, device=device(acts=shifted), traffic=traffic)) == set()


def test_a_fault_that_never_fired_is_a_shortfall():
    case = seen(device=device(faults=[{"name": "blind", "fired_at": None}]))

    assert shortfalls(verdict(case), case) == ["the fault blind never fired"]


# ------------------------------------------------------------------------------- gates


def gates_of(*drafts: tuple[str, dict[str, Any]]) -> list[dict[str, Any]]:
    found: list[dict[str, Any]] = verdict(seen(*drafts))["gates"]
    return found


def test_a_vote_taken_back_is_not_among_the_voters():
    back = ("WITHDRAWN", {"step": "A.FAILOVER", "user": "ben", "name": "ben"})
    told = gates_of(*NIGHT[:9], back)

    assert told[0]["state"] == "open"
    assert told[0]["voters"] == ["ana"]


def test_voters_are_told_by_name_with_the_way_of_each():
    told = gates_of(*NIGHT[:6], vote("noor", "no"), vote("ben"), button("ana"))

    assert told[0]["voters"] == ["ana", "ben"]
    assert told[0]["ways"] == ["button", "reaction"]
    assert told[0]["against"] == ["noor"]


def test_a_gate_that_was_asked_twice_is_there_twice():
    again = ("GATE_CLOSED", {"step": "A.FAILOVER", "outcome": "superseded", "again": []})
    told = gates_of(*NIGHT[:7], again, opened("A.FAILOVER"), vote("noor", "no"), closed("rejected"))

    assert [(g["name"], g["state"], g["voters"]) for g in told] == [
        ("G1", "superseded", ["ana"]),
        ("G2", "rejected", []),
    ]
    assert told[1]["against"] == ["noor"]


# ------------------------------------------------------------------- what was expected


TOLD = {
    "state": "done",
    "took_s": 31.5,
    "members": [{"id": f"1_{n}", "take": 120 if n < 3 else 99} for n in range(1, 5)],
    "gates": [{"name": "G1", "voters": ["ana"]}, {"name": "G2", "voters": ["ana", "ben"]}],
    "auto_clone": {"before": "on", "owed": False},
}


@pytest.mark.parametrize(
    "expected",
    [
        {"state": "done"},
        {"members.*.id": {"contains": "1_"}},
        {"members.1_1-1_2.take": 120},
        {"members": {"1_3": {"take": 99}}},
        {"gates": [{"name": "G1"}, {"voters": ["ana", "ben"]}]},
        {"gates.G2.voters": ["ana", "ben"]},
        {"gates.G2.voters": ["ben", "ana"]},
        {"gates": [{"name": "G1"}, {"voters": ["ben", "ana"]}]},
        {"gates.1.voters": {"contains": "ben"}},
        {"auto_clone": {"before": "on", "owed": False}},
        {"took_s": {"at_most": 60, "at_least": 1}},
        {"state": {"one_of": ["done", "aborted"]}},
    ],
)
def test_what_is_as_expected_makes_no_difference(expected):
    assert differences(TOLD, read_expectations(expected)) == []


@pytest.mark.parametrize(
    ("expected", "sentence"),
    [
        ({"state": "held"}, "state: 'done', expected 'held'"),
        ({"members.*.take": 120}, "members.1_3.take: 99, expected 120"),
        ({"members.1_9.take": 120}, "members.1_9.take: expected 120, but there is nothing there"),
        ({"gates": [{"name": "G1"}]}, "gates: "),
        ({"gates.G1.voters": ["ben"]}, "gates.G1.voters: ['ana'], expected ['ben']"),
        ({"took_s": {"at_most": 30}}, "took_s: 31.5, expected at most 30"),
        ({"auto_clone.owed": 0}, "auto_clone.owed: False, expected 0"),
    ],
)
def test_each_difference_is_told_with_its_place(expected, sentence):
    told = differences(TOLD, read_expectations(expected))

    assert told
    assert sentence in told[0]


def test_an_unknown_comparison_is_an_error():
    with pytest.raises(ValueError, match="no comparison is called at_all"):
        read_expectations({"took_s": {"at_most": 3, "at_all": 4}})

"""What people read of runs with an appointment, and of rollbacks that were ordered beforehand."""

import re
from dataclasses import replace
from datetime import timedelta

import pytest

from bot.commands.appointing import Clocks
from bot.commands.kinds import Move
from bot.commands.reading import read_command
from bot.commands.scheduling import moved_to
from bot.views import render
from bot.views.schedule import appointment_lines
from bot.views.words import DOING, TITLES
from engine.journal import Kind
from engine.model import Appointment, StepKind
from engine.policy import Windows
from tests.simulation.loop import START
from tests.unit.builders import POLICY, plan
from tests.unit.nights import AT, DAILY, DUE, night, until
from tests.unit.test_views import by_key, heading, said, texts, thread, whole

THERE = "Tue 3 Mar 05:00 CET (UTC+1)"
"""The moment of the appointments, where the group stands."""

YOURS = f"{THERE}, your time <!date^{int(DUE.timestamp())}^"


def with_plan(records, **changes):
    """The same records with another plan in the first one that has one."""
    planned = next(r for r in records if r.kind == Kind.PLANNED)
    body = {**planned.body, "plan": {**planned.body["plan"], **changes}}
    return [replace(r, body=body) if r is planned else r for r in records]


# ------------------------------------------------------------------------- with an appointment


def test_a_proposal_for_later_says_when_for_the_group_and_for_each_reader_and_what_happens_then():
    proposal = by_key(until(night("appointed"), Kind.GATE_SHOWN, gate="G1"))["proposal"]
    shown = whole(proposal)

    assert heading(proposal).endswith(f", {THERE} until Tue 3 Mar 08:00 CET (UTC+1)")
    assert f"*When:* from {YOURS}" in shown
    assert "(`window 05:00-08:00`)" in shown
    assert "the package is prepared at once, without touching traffic" in shown
    assert "• *Tue 3 Mar 04:30 CET (UTC+1), your time <!date^" in shown
    assert "is good until Tue 3 Mar 05:10 CET (UTC+1)" in shown
    assert "No failover begins outside of the window" in shown
    assert "; once approved, it waits for its time" in shown


def test_a_run_that_waits_for_another_one_says_so_and_not_that_it_prepares():
    records = until(night("appointed"), Kind.DONE, step="PROPOSAL")
    body = {"step": "PREFLIGHT", "reason": "site-1 is busy with hf-other"}
    barred = replace(records[-1], seq=records[-1].seq + 1, kind=Kind.BARRED, body=body)

    (live,) = (one for one in render([*records, barred]) if one.key.endswith("/live"))

    assert live.text == "🕑 Not prepared yet, waits: site-1 is busy with hf-other"
    assert "under way" not in whole(live)
    assert "🕑 group checked: waits: site-1 is busy with hf-other" in whole(live)


def test_a_proposal_for_the_window_alone_says_so_and_that_the_window_is_too_short():
    records = until(night("appointed for the window alone"), Kind.GATE_SHOWN, gate="G1")
    shown = whole(by_key(records)["proposal"])

    assert "also the preparation waits for the appointment" in shown
    assert "⚠️ *Warning:* the work takes about 57 min, and the window is 20 min long" in shown


@pytest.mark.parametrize(
    ("start", "said_"),
    [
        (START - timedelta(hours=1), "window 22:00-04:00"),
        (START, "now"),
        (START + timedelta(minutes=10), "in 10m"),
        (DUE, "at 05:00"),
    ],
)
@pytest.mark.parametrize(
    ("name", "lead"), [("appointed", 30), ("appointed for the window alone", 0)]
)
def test_a_proposal_tells_no_moment_that_has_passed_as_one_to_come(start, said_, name, lead):
    ends = (start + timedelta(hours=6)).isoformat() if said_.startswith("window") else None
    when = {"start": start.isoformat(), "until": ends, "said": said_, "zone": "Europe/Berlin"}
    records = with_plan(night(name), appointment=when)
    asked = tuple(until(tuple(records), Kind.GATE_SHOWN, gate="G1"))
    approved = until(tuple(records), Kind.DONE, step="PROPOSAL")
    waits = start - timedelta(minutes=lead) > asked[-1].at

    shown = whole(by_key(asked)["proposal"])

    assert ("once it is prepared" in shown.lower()) != waits
    assert ("the group is free for other runs" in shown) == (waits and name == "appointed")
    assert ("once approved, it waits for its time" in shown) == waits
    assert ("it waits until" in "".join(thread(approved))) == waits
    assert ("No failover begins before" in shown) == (start > asked[-1].at and not ends)
    assert ("is good until" in shown) == (start > asked[-1].at)


def test_a_proposal_without_an_appointment_says_nothing_of_time():
    shown = whole(by_key(until(night("good"), Kind.GATE_SHOWN, gate="G1"))["proposal"])

    assert "*When:*" not in shown
    assert "*Afterwards:*" not in shown


def test_a_run_that_waits_says_until_when_and_has_one_button_that_cancels_it():
    root = by_key(until(night("appointed"), Kind.DONE, step="VERIFY"))["root"]
    (press,) = [one for block in root.blocks for one in block.get("elements", ()) if "value" in one]

    assert heading(root).startswith(f"🕑 Scheduled for {THERE} · hf-")
    assert f"*When:* from {YOURS}" in whole(root)
    assert "*Next:* Tue 3 Mar 04:30 CET (UTC+1), your time <!date^" in whole(root)
    assert "`@hotfix move at sat 02:00` in the thread moves it" in whole(root)
    assert (press["action_id"], press["value"].split()[1]) == ("word:abort", "0")
    assert "confirm" in press


def test_what_is_prepared_until_its_time_says_so_and_goes_on_then():
    waiting = until(night("appointed"), Kind.DONE, step="VERIFY")
    (live,) = [m for k, m in by_key(waiting).items() if k.endswith("/live")]
    (later,) = [m for k, m in by_key(night("appointed")).items() if k.endswith("/live")]

    assert live.text == "🕑 Prepared so far, 4 of 5: the rest at its time"
    assert later.text.startswith("✅ Prepared")


def test_a_failover_that_is_approved_before_its_time_says_when_it_starts():
    asked = by_key(until(night("appointed"), Kind.GATE_SHOWN, gate="G2"))["gate/G2"]
    approved = until(night("appointed"), Kind.GATE_CLOSED, step="A.FAILOVER")

    assert f"once approved, it begins {YOURS}" in whole(asked)
    assert "✅ <@U0RITA0001> G2 approved by ana and ben: starting " + THERE in thread(approved)[-1]
    assert heading(by_key(approved)["root"]).startswith(f"✋ Approved G2, begins {THERE}")
    assert f"Starting <!date^{int(DUE.timestamp())}^" in whole(by_key(approved)["gate/G2"])


def test_the_thread_says_that_the_appointment_is_near_and_what_it_waits_for():
    near = said(night("appointed"), "The appointment is near")
    waits = said(night("frozen when due"), "Its time has come, and it waits")
    root = by_key(until(night("frozen when due"), Kind.BARRED))["root"]

    assert f"No failover begins before {YOURS}" in near.text
    assert "site-1 is frozen by ana until" in waits.text
    assert "from Tue 3 Mar 08:00 CET (UTC+1), your time <!date^" in waits.text
    assert heading(root).startswith("🕑 Due, and waits: site-1 is frozen by ana")


def test_what_is_to_be_prepared_says_which_run_it_waits_for():
    before = until(night("appointed"), Kind.DONE, step="PROPOSAL")
    why = "site-1 is busy with hf-7k3fq2ma"
    barred = {"step": "PREFLIGHT", "reason": why}
    records = (*before, replace(before[-1], seq=before[-1].seq + 1, kind="BARRED", body=barred))
    root = by_key(records)["root"]

    assert heading(root).startswith(f"🕑 Scheduled for {THERE}, and waits: {why}")
    assert f"*Next:* it waits: {why}. It goes on by itself when that is over" in whole(root)
    assert f"It waits: {why}" in thread(records)[-1]


# ------------------------------------------------------------------------ who will be there


def before_it_goes_on():
    return until(night("some will be there"), Kind.CALLED, number=3)


def test_the_proposal_says_who_will_be_there_and_who_is_lacking_as_it_stands():
    records = night("some will be there")
    asked = whole(by_key(until(records, Kind.GATE_SHOWN, gate="G1"))["proposal"])
    one = whole(by_key(until(records, Kind.ATTENDING))["proposal"])
    away = whole(by_key(until(records, Kind.ATTENDING, there=False))["proposal"])
    enough = whole(by_key(before_it_goes_on())["proposal"])

    assert "*There at its time:* nobody has said so yet. Lacking: 2 more people." in asked
    assert "`@hotfix there` or `@hotfix away` in the thread says it" in asked
    assert "*There at its time:* ana (network). Lacking: 1 more person." in one
    assert "Away: noor (firewall, network)." in away
    assert "*There at its time:* ana (network) and ben (firewall). Enough for each" in enough
    assert "`@hotfix there`" not in enough


def test_the_question_has_a_button_for_each_answer_until_its_time_has_come():
    records = before_it_goes_on()
    question = said(records, "Who of you will be there?")
    later = said(night("appointed"), "It was asked who will be there")

    (actions,) = (block for block in question.blocks if block["type"] == "actions")
    assert [one["action_id"] for one in actions["elements"]] == ["word:there", "word:away"]
    assert "It approves nothing" in whole(question)
    assert question.live
    assert all(block["type"] != "actions" for block in later.blocks)


def test_a_reminder_names_who_is_lacking_calls_who_could_help_and_says_nothing_once_it_is_enough():
    reminders = [one for one in thread(before_it_goes_on()) if "Still lacking" in one]

    assert len(reminders) == 1
    assert reminders[0].startswith("⏰ <@U0BEN00001> Still lacking when the failovers begin")
    assert "1 more person" in reminders[0]


def test_that_nobody_of_a_role_will_be_there_is_told_to_who_asked():
    told = said(night("nobody of a role"), "nobody could approve")

    assert told.text.startswith("⚠️ <@U0RITA0001> Without ana and noor nobody could approve")


def test_a_run_that_was_moved_says_by_whom_from_when_to_when_and_is_prepared_once():
    records = night("moved")
    moved = said(records, "moved it")

    assert moved.text.startswith("🕑 rita moved it: Tue 10 Mar 02:00 CET (UTC+1), your time")
    assert f"It was {YOURS}" in moved.text
    assert "(in 7d)" in moved.text
    assert len([k for k in by_key(records) if k.endswith("/live")]) == 1
    assert "It is prepared: it waits until Tue 10 Mar 02:00" in thread(records)[-2]
    assert "The failovers begin Tue 10 Mar 02:00" in thread(records)[-1]


def test_who_comes_too_late_says_when_it_was_to_be_and_which_words_help():
    held = said(night("away when due"), "HELD")

    assert f"Agreed was: {YOURS}" in held.text
    assert "Say `@hotfix retry` or `@hotfix abort` in the thread." in held.text


def test_a_window_that_ended_offers_the_words_that_move_it():
    records = night("appointed for the window alone")
    held, root = said(records, "the window ended"), by_key(records)["root"]

    for shown in (held.text, whole(root)):
        assert (
            "Say `@hotfix move at sat 02:00` or `@hotfix abort` or `@hotfix rollback` in the thread"
        ) in shown
        assert "/hotfix" not in shown, "the slash command may have another name"


def test_a_run_of_a_group_with_windows_is_moved_to_the_next_one_in_words_that_are_taken():
    records = night("in a window of the settings")
    waits = by_key(until(records, Kind.DONE, step="VERIFY"))["root"]
    held, root = said(records, "the window ended"), by_key(records)["root"]

    words = "move window 2026-03-04 05:00-05:20"
    for shown in (held.text, whole(root), whole(waits)):
        assert f"`@hotfix {words}`" in shown
        assert "at sat" not in shown
    move = read_command(words, groups=["site-1"], in_thread=True)
    assert isinstance(move, Move)
    clocks = Clocks(records[-1].at, {"site-1": "Europe/Berlin"}, {"site-1": DAILY.shortest})
    tomorrow = moved_to(move, "site-1", replace(clocks, windows={"site-1": DAILY}))
    assert tomorrow.start == DUE + timedelta(days=1)


@pytest.mark.parametrize(
    ("phase", "back"),
    [("fresh", False), ("rollback", False), ("finish", False), ("rollback", True)],
)
def test_a_proposal_says_in_which_windows_its_group_may_fail_over(phase, back):
    there = Windows(((5 * 1440 + 120, 5 * 1440 + 300),), ("sat 02:00-05:00",), "Europe/Berlin")
    governed = replace(POLICY, windows=there)
    made = plan(policy=governed, appointment=AT, phase=phase, gives_back=back)

    lines = "\n".join(appointment_lines(made, START))

    rule = "• `site-1` fails over only in its windows (sat 02:00-05:00, Europe/Berlin)."
    assert (rule in lines) is not back


# ------------------------------------------------------------------------ rollbacks beforehand


def test_an_installation_with_its_rollback_says_what_that_means_and_at_its_end_when_it_is_due():
    records = night("with its rollback")
    proposal = whole(by_key(until(records, Kind.GATE_SHOWN, gate="G1"))["proposal"])
    end = by_key(records)["end"]
    due = int((records[-1].at + timedelta(hours=72)).timestamp())

    assert "*Afterwards:* `rollback after 72h`" in proposal
    assert "gives back the software of before, at take 99" in proposal
    assert f"*Rollback:* `{records[0].stream}-rollback` has begun and is due" in whole(end)
    assert f"<!date^{due}^" in whole(end)
    assert end.file is not None
    assert f"- Rollback: {records[0].stream}-rollback, due" in end.file[1]


def test_an_end_without_the_rollback_that_was_ordered_says_why():
    *before, ended = night("with its rollback")
    body = {k: v for k, v in ended.body.items() if k != "rollback"}
    none = replace(ended, body={**body, "no_rollback": "a member is ill"})

    end = by_key([*before, none])["end"]

    assert "*Rollback:* ⚠️ none was scheduled, although it was ordered: a member is ill." in whole(
        end
    )
    assert end.file is not None
    assert "- Rollback: none was scheduled; a member is ill" in end.file[1]


def test_whether_it_is_kept_is_asked_with_what_is_installed_when_it_is_due_and_all_ways():
    gate = by_key(until(night("kept"), Kind.GATE_SHOWN, gate="G1"))["gate/G1"]
    shown = whole(gate)

    assert re.match(
        r"⛔ G1 · \w{4} · site-1: is take 120 kept\? Its rollback is due Thu", gate.text
    )
    assert "*Installed:* take 120, on B (1_3-1_4), A (1_1-1_2), by hf-" in shown
    assert "`@hotfix move now` in this thread. Put it off: `@hotfix move in 7d`" in shown
    assert "`@hotfix abort` in this thread" in shown
    assert "unanswered, the rollback is asked for then" in shown
    assert {"Keep", "Do not keep", "Withdraw"} <= set(texts(gate.blocks))
    assert "Approve" not in set(texts(gate.blocks))


def test_a_no_to_keeping_it_is_told_and_the_end_says_that_it_is_kept():
    records = night("kept")
    end, root = by_key(records)["end"], by_key(records)["root"]

    assert "❌ G1: not kept. The votes fell, and it is asked anew." in thread(records)
    assert "✅ <@U0RITA0001> G2: kept by ana and ben. The hotfix stays." in thread(records)
    assert end.text.startswith("✅ Kept: every member is in service")
    assert "Seen last <!date^" in end.text
    assert "G2, whether the hotfix is kept: ana (network) and ben (firewall)" in whole(end)
    assert "Other differences" not in whole(end)
    assert root.text.startswith("✅ Kept · hf-")


def test_what_nobody_has_kept_is_due_and_says_that_the_hotfix_stays_meanwhile():
    records = night("nobody answers")
    messages = by_key(records)
    asked = by_key(until(records, Kind.GATE_SHOWN, gate="G2"))["proposal/G2"]

    assert messages["gate/G1"].text.startswith("⌛ G1")
    assert "nobody has kept it in time, so the rollback is due" in whole(
        said(records, "nobody has kept it in time")
    )
    assert "⌛ G2: nobody answered. It is asked again; the hotfix stays." in thread(records)
    assert "*Take 120 stays until this is approved;* unanswered, it is asked again." in whole(asked)
    between = by_key(until(records, Kind.DONE, how="due"))["root"]
    assert heading(between).startswith("▶️ Rollback due · hf-")
    assert heading(messages["root"]).startswith("✋ Rollback due, waiting for approval G3")
    assert "The hotfix stays until it is approved." in whole(messages["root"])


def test_who_did_not_keep_it_is_no_approver_in_the_report():
    report = whole(by_key(night("taken back"))["end"])

    assert "G2, proposal: ana (network)" in report
    assert "G1, whether" not in report


def test_a_scheduled_rollback_can_be_cancelled_with_one_button_as_long_as_nothing_is_under_way():
    waits = by_key(until(night("taken back"), Kind.GATE_SHOWN, gate="G1"))["root"]
    works = by_key(until(night("taken back"), Kind.DONE, step="PREFLIGHT"))["root"]

    assert "Cancel it" in set(texts(waits.blocks))
    assert "Cancel it" not in set(texts(works.blocks))


@pytest.mark.parametrize("zone", ["Mars/Olympus", "../etc", ""])
def test_a_zone_that_is_none_is_told_in_utc(zone):
    odd = Appointment(AT.start, zone=zone)
    records = until(night("moved"), Kind.GATE_SHOWN, gate="G1")
    plan = {
        "appointment": {"start": odd.start.isoformat(), "until": None, "said": "", "zone": zone}
    }

    (proposal,) = [m for m in render(with_plan(records, **plan)) if m.gate]

    assert "Tue 3 Mar 04:00 UTC, your time" in whole(proposal)


def test_every_kind_of_step_has_its_words():
    assert set(DOING) == set(TITLES) == set(StepKind)


@pytest.mark.parametrize("name", ["kept", "nobody answers", "moved"])
def test_a_command_that_a_message_names_is_one_that_is_understood(name):
    records = night(name)
    clocks = Clocks(records[-1].at, {"site-1": "Europe/Berlin"})
    shown = "\n".join(whole(m) for end in (4, len(records)) for m in render(records[:end]))
    named = set(re.findall(r"`@hotfix (move [^`]*)`", shown))

    assert named
    for words in named:
        move = read_command(words, groups=["site-1"], in_thread=True)
        assert isinstance(move, Move)
        assert not move.target, "said in the thread, it needs none"
        assert moved_to(move, "site-1", clocks).start >= clocks.now


def test_what_does_not_fit_any_more_is_told_while_there_is_time_and_calls_no_alarm():
    records = until(night("appointed"), Kind.DONE, step="VERIFY")
    reason = "as things are it would not begin: 1_3 is DOWN"
    alarm = replace(
        records[-1],
        seq=records[-1].seq + 1,
        kind=Kind.ALARMED,
        body={"what": "schedule", "reason": reason, "mention": True},
    )
    said_ = by_key([*records, alarm])
    (told,) = [m.text for key, m in said_.items() if key.endswith(f"m/{alarm.seq}")]

    assert "As things are it would not begin: 1_3 is DOWN. It still waits for its time" in told
    assert "CPUSE" not in told

"""Why nothing goes on: who is needed, whose vote did not count, and for what reason."""

from collections.abc import Sequence
from dataclasses import replace
from datetime import timedelta

import pytest

from bot.runs import NoSuchRun, Runs
from bot.views.drift import line
from bot.views.home import GroupLine, Home, home
from engine.drift import Finding, Look, stream_of
from engine.journal import Kind
from storage.memory import MemoryStores
from storage.records import Draft, Record, RunRow
from tests.unit.builders import NOW
from tests.unit.nights import night, until

ANA, BEN, NOOR, RITA = "U0ANA00001", "U0BEN00001", "U0NOOR0001", "U0RITA0001"


def why(records: Sequence[Record], user: str, *refused: tuple[str, str], target: str = "") -> str:
    """Ask about a run as it stood at the end of these records, after some votes were refused."""
    stores, run = MemoryStores(), records[0].stream
    drafts = [Draft(r.kind, r.at, r.by, r.body) for r in records]
    for who, reason in refused:
        body = {"step": "A.FAILOVER", "user": who, "name": "", "choice": "yes", "reason": reason}
        drafts.append(Draft(Kind.REFUSED, records[-1].at, who, body))
    index = RunRow(run, "site-1", "install", open=True, occupies=True, wake_at=None)
    stores.journal.append(run, drafts, lease=None, last_seq=0, index=index)
    return Runs(stores.journal, stores.deliveries, ["site-1", "site-2"]).why(target, user)


def test_it_says_who_is_counted_and_who_is_needed():
    told = why(until(night("good"), Kind.VOTED, gate="G2"), BEN)

    assert told.startswith("G2 waits until <!date^")
    assert "1 of 2 — ana (network)" in told
    assert "Still needed: 1 more person." in told
    assert "rita asked for it and may not approve" in told
    assert "No vote of yours was seen." in told


def test_it_says_first_why_my_own_vote_did_not_count_and_then_why_others_did_not():
    shown = until(night("good"), Kind.VOTED, gate="G2")

    told = why(shown, RITA, (NOOR, "wrong code"), (RITA, "you asked for this run"))

    mine, others = told.splitlines()[-2:]
    assert mine == "Your vote does not count: you asked for this run."
    assert others.startswith("The vote of ")
    assert others.endswith(" does not count: wrong code.")


def test_whose_vote_counts_by_now_is_not_told_of_an_earlier_refusal():
    shown = until(night("good"), Kind.VOTED, gate="G2")

    told = why(shown, ANA, (ANA, "wrong code"))

    assert "does not count" not in told
    assert "No vote of yours" not in told


@pytest.mark.parametrize(
    ("choice", "told"),
    [
        ("yes", "Withdraw does, or `@hotfix withdraw G2`."),
        ("withdraw", "no yes of yours counts at G2 until you press Approve."),
    ],
)
def test_it_says_what_stands_of_clicks_and_how_they_are_taken_back(choice, told):
    records = until(night("good"), Kind.VOTED, gate="G2")
    last = records[-1]
    body = {
        "step": "A.FAILOVER",
        "gate": "G2",
        "user": BEN,
        "choice": choice,
        "code": "7K3F",
        "pressed": last.at.isoformat(),
        "channel": "C",
        "ts": "1.0",
    }
    clicked = replace(last, seq=last.seq + 1, kind=Kind.CLICKED, by=BEN, body=body)

    lines = why([*records, clicked], BEN).splitlines()

    assert lines[-1].startswith("You pressed ")
    assert lines[-1].endswith(told)
    assert "You pressed" not in why([*records, clicked], ANA)


def test_where_nothing_is_asked_it_says_what_holds_the_run():
    told = why(night("rejected"), ANA)

    assert told.startswith("Nothing is asked now. *")
    assert "Held since" in told
    assert "G3 rejected by noor" in told


def test_an_approved_gate_is_about_to_start():
    closed = until(night("good"), Kind.GATE_CLOSED, step="A.FAILOVER")

    assert "G2 is approved, and about to start." in why(closed, ANA)


def test_nobody_can_tell_which_run_is_meant():
    with pytest.raises(NoSuchRun, match="No run is open on `site-2`"):
        why(night("rejected"), ANA, target="site-2")


def test_reasons_mention_nobody():
    shown = until(night("good"), Kind.VOTED, gate="G2")

    assert "<!channel>" not in why(shown, NOOR, (NOOR, "<!channel>"))


def test_status_and_home_tell_what_the_daily_look_found_and_when():
    wrong = Finding("out", "1_3 is <!channel> DOWN", "look at it on the device")
    stores = MemoryStores()
    runs = Runs(stores.journal, stores.deliveries, ["site-1"])
    told = []
    for number, findings in enumerate([(wrong,), ()]):
        look = Look("site-1", NOW, findings, f"2026-03-0{number + 2}")
        draft = Draft(Kind.LOOKED, NOW, "engine", look.as_json())
        stores.journal.append(stream_of("site-1"), [draft], lease=None, last_seq=number)
        told.append((runs.status("site-1"), runs.status("")))
    shown = str(home(Home([], [GroupLine("site-1", "C0", looked=line(look))], [], [])))

    assert all("1 thing is wrong when last looked at, <!date^" in one for one in told[0])
    assert all("1_3 is &lt;!channel&gt; DOWN" in one for one in told[0])
    assert "in order when last looked at, <!date^" in told[1][0]
    assert "looked at" not in told[1][1]
    assert "in order when last looked at" in shown


def test_what_a_run_may_have_mended_since_is_said_to_be_older():
    look = Look("site-1", NOW, (Finding("out", "1_3 is DOWN", "look"),), "2026-03-02")
    stores = MemoryStores()
    runs = Runs(stores.journal, stores.deliveries, ["site-1"])
    draft = Draft(Kind.LOOKED, NOW, "engine", look.as_json())
    stores.journal.append(stream_of("site-1"), [draft], lease=None, last_seq=0)
    told = night("good")
    drafts = [Draft(r.kind, NOW + timedelta(hours=1), r.by, r.body) for r in told]
    index = RunRow(told[0].stream, "site-1", "install", open=False, occupies=False, wake_at=None)
    stores.journal.append(told[0].stream, drafts, lease=None, last_seq=0, index=index)

    assert f"1_3 is DOWN; {told[0].stream} has ended since" in runs.status("site-1")


def test_a_home_warns_of_auto_clone_only_where_no_run_is_open():
    open_, idle = (
        str(home(Home([], [GroupLine("site-1", "C0", run, "", owed=True)], [], [], "/hotfix")))
        for run in ("Installing, hf-000001", "")
    )

    assert "auto-clone is off until the run ends" in open_
    assert "owed" not in open_
    assert "⚠️ *auto-clone is owed*" in idle

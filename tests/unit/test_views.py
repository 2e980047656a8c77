"""What people read, about nights that the engine itself recorded."""

import copy
import json
import re
from collections.abc import Iterator, Sequence
from dataclasses import replace
from typing import Any

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from bot.localslack.blocks import check_blocks
from bot.views import Message, render
from engine.canon import LETTERS
from engine.journal import Kind
from storage.records import Record
from tests.unit.nights import NIGHTS, night, until

REQUESTER = "<@U0RITA0001>"
DATE = r"<!date\^\d+\^\{date_short_pretty\} at \{time_secs\}\|[-0-9: UTC]+>"


def by_key(records: Sequence[Record]) -> dict[str, Message]:
    """The messages by what follows the run's id in their key."""
    return {m.key.partition("/")[2]: m for m in render(records)}


def texts(value: Any) -> Iterator[str]:
    """Every text in blocks, in order."""
    if isinstance(value, dict):
        for key, inner in value.items():
            if key == "text" and isinstance(inner, str):
                yield inner
            else:
                yield from texts(inner)
    elif isinstance(value, list | tuple):
        for inner in value:
            yield from texts(inner)


def whole(message: Message) -> str:
    """All that a message shows."""
    return "\n".join([message.text, *texts(message.blocks)])


def heading(message: Message) -> str:
    """The first line that people see."""
    return next(texts(message.blocks))


def thread(records: Sequence[Record]) -> list[str]:
    """What the thread says, in order."""
    return [m.text for m in render(records) if "/m/" in m.key]


def said(records: Sequence[Record], part: str) -> Message:
    """The one message of the thread that contains this."""
    found = [m for m in render(records) if "/m/" in m.key and part in whole(m)]
    assert len(found) == 1, [m.text for m in found]
    return found[0]


# ------------------------------------------------------------------------------- every night


@pytest.mark.parametrize("name", NIGHTS)
def test_at_every_record_all_messages_are_what_slack_takes_and_only_live_ones_change(name):
    records = night(name)
    seen: dict[str, Message] = {}
    for end in range(1, len(records) + 1):
        messages = [m for m in render(records[:end]) if not m.direct]
        keys = [m.key for m in messages]
        assert keys[: len(seen)] == list(seen), "what was said keeps its place"
        assert len(set(keys)) == len(keys)
        assert [m for m in messages if not m.in_thread] == list(messages[:1])
        for message in messages:
            if message != seen.get(message.key):
                assert message.live or message.key not in seen
                takes(message)
            seen[message.key] = message


def takes(message: Message) -> None:
    """Check a message with what enforces Slack's limits, and that it mentions nobody unasked."""
    assert message.text.strip()
    assert len(message.text) <= 4_000
    blocks = copy.deepcopy(list(message.blocks))
    json.dumps([message.text, blocks]).encode()
    message.text.encode()
    if blocks:
        check_blocks(blocks)
    if message.cards:
        assert blocks, "what cards say is said without them as well"
        check_blocks(copy.deepcopy(list(message.cards)))
        json.dumps(message.cards).encode()
    for text in (message.text, *mrkdwn(message.blocks), *mrkdwn(message.cards)):
        rest = re.sub(
            r"<!date\^\d+\^\{date_short_pretty\} at \{time_secs\}\|[-0-9: UTC]+>", "", text
        )
        rest = re.sub(r"<@[UW][A-Z0-9]+>|<#C[A-Z0-9]+>", "", rest)
        assert "<" not in rest
        assert ">" not in rest
        assert not re.search(r"&(?!amp;|lt;|gt;)", rest)


def mrkdwn(value: Any) -> Iterator[str]:
    """Every text in which Slack reads marks."""
    if isinstance(value, dict):
        if value.get("type") == "mrkdwn":
            yield value["text"]
        for inner in value.values():
            yield from mrkdwn(inner)
    elif isinstance(value, list | tuple):
        for inner in value:
            yield from mrkdwn(inner)


def test_a_gate_that_is_asked_again_names_what_changed_and_mentions_whose_votes_fell():
    records = until(night("good"), Kind.GATE_SHOWN, gate="G2")
    asked = next(r for r in records if r.kind == Kind.GATE_OPENED and "A." in r.body["step"])
    again = {"changed": ["1_6: boot id 1 → 2"], "fallen": ["U0ANA00001"]}
    opened = replace(asked, body={**asked.body, **again})

    gate = by_key([opened if r is asked else r for r in records])["gate/G2"]

    assert "• 1_6: boot id 1 → 2" in whole(gate)
    assert "The votes of <@U0ANA00001> fell: please look, and vote again here." in whole(gate)
    assert "votes of" not in whole(by_key(records)["gate/G2"])


# ---------------------------------------------------------------------------------- the root


def test_the_root_says_state_site_and_take_first_and_counts_steps_in_words():
    root = by_key(until(night("good"), Kind.GATE_SHOWN, gate="G2"))["root"]

    assert heading(root).startswith("✋ Waiting for approval G2 · hf-")
    assert heading(root).endswith("· site-1 · T120")
    assert "7 of 21 steps" in whole(root)
    assert "needs your votes until <!date^" in whole(root)
    assert root.live
    assert not root.in_thread


def test_the_root_names_who_is_out_of_service_in_its_first_line_when_held():
    root = by_key(night("unknown prompt"))["root"]

    assert heading(root).startswith("🛑 HELD · out of service: 1_1-1_2 · hf-")
    assert root.text.startswith("🛑 HELD · out of service: 1_1-1_2")
    assert "`@hotfix abort` or `@hotfix retry`" in whole(root)
    assert "`g_clusterXL_admin -b 1_1-1_2 up`" in whole(root)


def test_the_members_table_is_narrow_enough_for_a_phone():
    for name in NIGHTS:
        table = next(t for t in texts(by_key(night(name))["root"].blocks) if t.startswith("member"))
        assert max(len(line) for line in table.splitlines()) <= 56


def test_the_root_says_that_auto_clone_is_owed_until_it_is_settled():
    held = by_key(night("rejected"))["root"]
    assert "Auto-clone: *owed*" in whole(held)

    owed = by_key(night("rejected and aborted"))["root"]
    assert heading(owed).startswith("⏹️ Ended by abort · auto-clone is owed")

    done = by_key(night("good"))["root"]
    assert "Auto-clone: on again" in whole(done)
    assert heading(done).startswith("✅ Done · hf-")


def test_the_plan_shows_the_group_in_hand_step_by_step_and_the_rest_in_a_line():
    shown = whole(by_key(until(night("good"), Kind.INTENDED, step="A.INSTALL"))["root"])

    assert "✅ *Preparation*: done" in shown
    assert "▶️ *A (1_1-1_2)*" in shown
    assert "▶️ installed: installing on A" in shown
    assert "○ *B (1_3-1_4)*: to come, 6 steps" in shown


# ----------------------------------------------------------------------------------- gates


def test_the_proposal_shows_the_whole_night_and_who_must_approve():
    proposal = by_key(until(night("good"), Kind.GATE_SHOWN, gate="G1"))["proposal"]
    shown = whole(proposal)

    assert "A (1_1-1_2), B (1_3-1_4)" in heading(proposal)
    assert "*Take* 99 → 120" in shown
    assert "SMO: 1_1 (in A)" in shown
    assert "SHA-256 `" in shown
    assert "the group is brought back up by itself" in shown
    assert "_Estimate:_" in shown
    assert "about 20 min" in shown
    assert "Please do not install policy" in shown
    assert "1 person of firewall or network; rita asked for it and may not approve" in shown
    assert "2 people of firewall or network, not the one who asked" in shown
    assert proposal.gate == "G1"
    assert proposal.reactions == ("white_check_mark", "x")
    assert proposal.broadcast


def test_an_open_gate_can_be_approved_without_reading_anything_else():
    gate = by_key(until(night("good"), Kind.VOTED, gate="G2"))["gate/G2"]
    shown = whole(gate)

    code = f"[{LETTERS}]{{4}}"
    assert re.match(rf"⛔ G2 · {code} · site-1: A \(1_1-1_2\) goes out", heading(gate))
    assert "*A*: 1_1-1_2 ACTIVE, take 99" in shown
    assert "They take traffic again by themselves, at take 120, when they return" in shown
    assert "*Counted* 1 of 2 — ana (network)" in shown
    assert "*Still missing* 1 more person" in shown
    assert "not the numbers beside the emoji" in shown
    assert "*Expires* <!date^" in shown
    assert gate.reactions == ("white_check_mark", "x")


def test_one_member_left_is_said_in_the_first_lines():
    records = list(night("good"))
    warning = "while A is down one member carries everything: no redundancy"
    planned = copy.deepcopy(dict(records[1].body))
    planned["plan"]["notes"] = [warning]
    records[1] = replace(records[1], body=planned)
    messages = by_key(records)

    for key in ("proposal", "gate/G2"):
        assert warning in list(texts(messages[key].blocks))[1]
    assert warning not in whole(messages["gate/G3"])


def test_the_proposal_and_each_gate_say_what_the_members_that_stay_carry():
    messages = by_key(night("good"))

    assert "A (1_1-1_2)*; while A is down 2 members carry what 4 carry now: 2.0 times" in whole(
        messages["proposal"]
    )
    assert "Connections now: 1,000; each of the 2 members that stays will carry about 500, 2.0" in (
        whole(messages["gate/G2"])
    )


def test_near_the_limit_the_gate_warns():
    def at(limit: int) -> str:
        records = [
            replace(one, body={**one.body, "headroom": {**one.body["headroom"], "limit": limit}})
            if "headroom" in one.body
            else one
            for one in night("good")
        ]
        return whole(by_key(records)["gate/G2"])

    assert "⚠️ *Connections now: 1,000" in at(600)
    assert "83% of the 600 that one can carry" in at(600)
    assert "that one can carry" not in at(1000)


def test_one_member_alone_is_said_in_the_first_line():
    records = night("good")
    body = copy.deepcopy(dict(records[1].body))
    groups = [{"name": "A", "members": ["1_1", "1_2", "1_3"]}, {"name": "B", "members": ["1_4"]}]
    body["plan"]["groups"] = groups
    messages = by_key([records[0], replace(records[1], body=body), *records[2:]])

    alone = "one member alone carries the traffic"
    assert f"{alone} while A is down: no redundancy" in messages["proposal"].text
    assert f", {alone}: no redundancy" in messages["gate/G2"].text
    assert alone not in messages["gate/G3"].text


@pytest.mark.parametrize(
    ("name", "key", "says"),
    [
        ("good", "gate/G2", "Approved by ana (network) and ben (firewall); begun <!date^"),
        ("rejected", "gate/G3", "Rejected by noor (firewall, network)"),
        ("expired", "proposal", "Expired"),
    ],
)
def test_a_closed_gate_says_how_it_ended_and_asks_for_nothing(name, key, says):
    gate = by_key(night(name))[key]

    assert says in gate.text
    assert "React with" not in whole(gate)
    assert gate.reactions == ()


@pytest.mark.parametrize("name", NIGHTS)
def test_each_question_and_the_end_carry_the_journals_head_as_it_stood_then(name):
    records = night(name)
    asked = [f"journal {r.seq} · {r.hash[:12]}" for r in records if r.kind == Kind.GATE_OPENED]
    ends = [f"journal {r.seq} · {r.hash[:12]}" for r in records if r.kind == Kind.ENDED]
    shown = [text for m in render(records) for text in texts(m.blocks) if "journal " in text]

    assert [text for text in shown if re.fullmatch(r"journal \d+ · [0-9a-f]{12}", text)] == [
        *asked,
        *ends,
    ]


def test_a_superseded_gate_shows_the_changes_and_the_next_one_is_another_message():
    records = list(until(night("good"), Kind.VOTED, gate="G2"))
    opened = next(r for r in records if r.body.get("step") == "A.FAILOVER")
    closed = {
        "step": "A.FAILOVER",
        "outcome": "superseded",
        "reason": "1_4: notes [] → ['FSYNC']; smo: 1_1 → 1_2",
        "fallen": ["U0ANA00001"],
        "again": ["A.READY", "A.FAILOVER", "A.ADMIN_DOWN"],
    }
    again = {**opened.body, "code": "ZZZZ", "changed": ["smo: 1_1 → 1_2"]}
    records = [*records, _next(records[-1], Kind.GATE_CLOSED, closed)]
    records.append(_next(records[-1], Kind.GATE_OPENED, again))
    messages = by_key(records)

    assert "• smo: 1_1 → 1_2" in whole(messages["gate/G2"])
    assert "votes no longer count" in messages["gate/G2"].text
    assert "*Asked again, because this changed:*" in whole(messages["gate/G3"])
    assert messages["gate/G3"].gate == "G3"
    assert "The votes of <@U0ANA00001> fell" in said(records, "is superseded").text


def _next(record: Record, kind: Kind, body: dict[str, Any]) -> Record:
    return replace(record, seq=record.seq + 1, kind=kind, body=body)


def test_a_gate_says_how_to_vote_in_words_with_its_code_once_it_asks():
    records = until(night("good"), Kind.GATE_SHOWN, gate="G2")
    gate = by_key(records)["gate/G2"]
    code = next(r.body["code"] for r in records if r.body.get("step") == "A.FAILOVER")

    assert heading(gate).startswith(f"⛔ G2 · {code} · site-1:")
    assert f"`@hotfix approve G2 {code}`" in whole(gate)
    assert "(or `reject G2 …`, `withdraw G2`)" in whole(gate)
    assert "@hotfix approve" not in whole(by_key(night("good"))["gate/G2"])


def pressable(message: Message) -> list[dict[str, Any]]:
    """The buttons of a message."""
    blocks = [block for block in message.blocks if block["type"] == "actions"]
    return [one for block in blocks for one in block["elements"]]


@pytest.mark.parametrize(
    ("name", "gate", "key", "what"),
    [
        ("good", "G1", "proposal", ("A (1_1-1_2)", "B (1_3-1_4)")),
        ("good", "G2", "gate/G2", ("A (1_1-1_2)", "B (1_3-1_4)")),
        ("degraded", "G3", "gate/G3", ("end DEGRADED", "1_2")),
    ],
)
def test_every_gate_has_buttons_that_ask_once_more_with_its_code_and_its_members(
    name, gate, key, what
):
    records = until(night(name), Kind.GATE_SHOWN, gate=gate)
    code = [r.body["code"] for r in records if r.kind == Kind.GATE_OPENED][-1]
    message = by_key(records)[key]
    shown = [one for one in pressable(message) if one["action_id"] != "change:open"]

    assert [one["text"]["text"] for one in shown] == ["Approve", "Reject", "Withdraw"]
    assert len({one["action_id"] for one in shown}) == 3
    for one in shown:
        assert one["value"] == f"{records[0].stream}/{gate}/{code}"
        asked = one["confirm"]["text"]
        assert asked["type"] == "plain_text"
        for part in (gate, code, "site-1", *what):
            assert part in asked["text"]
        label = one["accessibility_label"]
        assert label.startswith(f"{one['text']['text']} {gate} {code} site-1")
        assert len(label) <= 75


def test_no_two_openings_have_the_same_ids_and_nothing_can_be_pressed_once_a_gate_is_closed():
    seen: set[str] = set()
    for name in NIGHTS:
        records = night(name)
        ends = [place for place, r in enumerate(records, 1) if r.kind == Kind.GATE_OPENED]
        for end in (*ends, len(records)):
            for message in render(records[:end]):
                ids = [b["block_id"] for b in message.blocks if "votes/" in b.get("block_id", "")]
                assert len(ids) <= 1
                seen |= {f"{name} {one}" for one in ids}
        if records[-1].kind == Kind.ENDED:
            assert [pressable(m) for m in render(records) if m.gate and pressable(m)] == []
    opened = sum(r.kind == Kind.GATE_OPENED for name in NIGHTS for r in night(name))
    assert len(seen) == opened


@pytest.mark.parametrize(
    ("name", "kind", "body"),
    [
        ("good", Kind.DONE, {"step": "A.FAILOVER"}),
        ("good", Kind.DONE, {"step": "PROPOSAL"}),
        ("rejected", Kind.GATE_CLOSED, {"outcome": "rejected"}),
        ("expired", Kind.GATE_CLOSED, {"outcome": "expired"}),
    ],
)
def test_the_buttons_vanish_with_the_record_that_closes_the_gate(name, kind, body):
    records = until(night(name), kind, **body)
    before, after = render(records[:-1]), render(records)

    def asking(messages: Sequence[Message]) -> list[str]:
        return [m.gate for m in messages if m.gate and pressable(m)]

    assert len(asking(before)) == 1
    assert asking(after) == []


def test_in_the_grace_time_what_can_be_pressed_is_what_stops():
    approved = until(night("good"), Kind.GATE_CLOSED, step="A.FAILOVER", outcome="approved")
    gate = by_key(approved)["gate/G2"]

    assert [one["text"]["text"] for one in pressable(gate)] == ["Reject", "Withdraw"]
    begun = until(night("good"), Kind.DONE, step="A.FAILOVER")
    assert pressable(by_key(begun)["gate/G2"]) == []


def test_the_reason_of_a_written_no_is_shown_and_mentions_nobody():
    records = list(until(night("good"), Kind.VOTED, gate="G2"))
    no = {**records[-1].body, "choice": "no", "source": "text", "reason": "<!channel> no policy"}
    records[-1] = replace(records[-1], body=no)

    told = said(records, "no at G2")

    assert told.text.endswith("no at G2: &lt;!channel&gt; no policy.")


def test_a_vote_taken_back_is_shown_at_the_gate_and_in_the_thread():
    messages = by_key(night("withdrawn"))

    assert "Waiting: 1 of 2 — ana (network)" in messages["gate/G2"].text
    assert "ben" in said(night("withdrawn"), "took the vote at G2 back — 1 of 2").text


# -------------------------------------------------------------------------------- milestones


def test_the_thread_of_a_good_night_is_its_milestones_in_order():
    parts = [
        "ana (network): yes at G1 — 1 of 1",
        "G1 approved by ana",
        "Prepared: package uploaded",
        "Image auto-clone is off",
        "ana (network): yes at G2 — 1 of 2; still missing: 1 more person",
        "ben (firewall): yes at G2 — 2 of 2",
        "G2 approved by ana and ben: starting in 10 s — remove your ✅, add ❌, press "
        "Withdraw, or write `@hotfix withdraw G2` to stop",
        "A (1_1-1_2) is out of service; B (1_3-1_4) carries the traffic",
        "Installed take 120 on A (1_1-1_2), in",
        "A (1_1-1_2) is back in service at take 120",
        "A (1_1-1_2) was stable for 5 min",
    ]
    told = thread(night("good"))

    for part, text in zip(parts, told, strict=False):
        assert part in text


def test_an_installation_shows_its_percentages_while_it_runs():
    records = night("good")
    progress = [r for r in records if r.kind == Kind.PROGRESS and "%" in str(r.body["members"])]
    running = said(records[: progress[-1].seq], "Installing take 120 on")

    assert re.search(r"1_\d(-1_\d)?: \d+ %", whole(running))
    assert running.live


def test_a_restart_says_where_it_goes_on():
    text = said(night("restarted"), "The bot was restarted").text

    assert "goes on from “Installing on A”; nothing is done twice" in text


def test_a_hold_says_who_is_out_why_what_helps_and_shows_the_device_text_as_it_stands():
    hold = next(m for m in render(night("unknown prompt")) if m.text.startswith("🛑 *HELD"))

    assert hold.text.startswith(f"🛑 *HELD · out of service: 1_1-1_2* · {REQUESTER}")
    assert "`@hotfix abort` or `@hotfix retry`" in hold.text
    assert "`g_clusterXL_admin -b 1_1-1_2 up`" in hold.text
    assert "Discard it? ([y]es / [n]o)" in list(texts(hold.blocks))[-1], "the end is kept"
    assert hold.broadcast


def test_a_rescue_is_told_at_once_and_when_it_is_done():
    told = thread(night("rescued"))

    alarm = next(i for i, text in enumerate(told) if text.startswith("🚨"))
    assert REQUESTER in told[alarm]
    assert "it is being brought back up now" in told[alarm]
    assert "A (1_1-1_2) is back up by itself; nothing was changed there" in told[alarm + 1]
    assert told[alarm + 2].startswith("🛑 *HELD · out of service: 1_3*")


def test_a_halt_says_who_is_out_and_the_exact_command_and_reminds():
    told = thread(night("halted while down"))

    halt = next(text for text in told if "HALTED by rita" in text)
    assert "out of service: 1_1-1_2" in halt
    assert "`g_clusterXL_admin -b 1_1-1_2 up`" in halt
    assert "CPUSE is idle" not in halt
    root = whole(by_key(until(night("halted while down"), Kind.HALTED))["root"])
    assert "Say `@hotfix resume` or `@hotfix abort` in the thread." in root
    assert any(text.startswith(f"⏰ {REQUESTER} *HALTED, still out of service") for text in told)
    assert any("rita said resume" in text for text in told)


def test_an_abort_says_what_happens_now():
    assert (
        "it is brought back up; then it ends"
        in said(night("unknown prompt, aborted"), "said abort").text
    )
    assert "cannot be stopped" in said(night("aborted while installing"), "said abort").text


def test_an_installation_that_a_hold_left_running_is_not_called_stopped():
    live = said(night("failed"), "what a device has begun goes on by itself")

    assert "since <!date^" in live.text


# --------------------------------------------------------------------------------- the end


def test_the_report_of_a_good_night():
    report = by_key(night("good"))["end"]
    shown = whole(report)

    assert heading(report).startswith("✅ Done: every member is in service · hf-")
    assert REQUESTER in shown
    assert re.search(r"1_1 +99 +120 +in service", shown)
    assert "*Auto-clone:* on again" in shown
    assert "G2, failover of A: ana (network) and ben (firewall)" in shown
    assert "*Duration:*" in shown
    assert "held: P1, P2" in shown
    assert report.broadcast


def test_a_policy_that_comes_to_all_members_at_once_is_told_once():
    records = until(night("asked again"), Kind.GATE_CLOSED, outcome="superseded")
    (message,) = [m for m in render(records) if "The policy changed, not by us" in m.text]

    assert re.search(r"policy on 1_1-1_4 changed from Standard of .+ to Standard of ", message.text)
    alarms = [r for r in night("asked again") if r.body.get("what") == "policy"]
    told = [drift for alarm in alarms for drift in alarm.body["drifts"]]
    assert len(told) == len(set(told))


def test_a_member_left_out_is_named_wherever_people_decide_or_read_how_it_ended():
    records = night("without a member")
    asked = by_key(until(records, "GATE_OPENED", step="PROPOSAL"))["proposal"]
    gate = by_key(until(records, "GATE_OPENED", step="A.FAILOVER"))["gate/G2"]
    for message in (asked, gate):
        assert ", without 1_5" in heading(message)
        first = next(texts(message.blocks[1:]))
        assert first.startswith("⚠️ *Warning:* 1_5 is left out: out of service when this was")
        assert "take 120 is not installed there" in first
        assert "stays owed until every member shows the same take" in first
        assert ", without 1_5" in message.text
    assert "Auto-clone stays off, and owed where it was on, because of 1_5, the file" in whole(
        asked
    )
    assert "*Left out*: 1_5 DETACHED, and does not answer, take ?" in whole(gate)
    root = by_key(until(records, "DONE", step="A.INSTALL"))["root"]
    assert "⚠️ 1_5 is left out" in whole(root)
    assert re.search(r"^1_5 +out +\? +DETACHED", whole(root), re.MULTILINE)
    assert "out of service: 1_5" not in whole(root)

    messages = by_key(records)
    ended, report = messages["root"], messages["end"]
    assert "left out: 1_5" in heading(ended)
    assert heading(report).startswith(
        "⚠️ Done: every other member is in service; left out: 1_5 · auto-clone is owed · hf-"
    )
    assert (
        "Every other member of site-1 is at take 120. Left out, and not looked after: 1_5."
        in report.text
    )
    assert re.search(r"^1_5 +\? +\? +DETACHED", whole(report), re.MULTILINE)
    assert "1_5 as well, left out here" in whole(report)
    assert report.file is not None
    assert "| 1_5 | left out | None | None | DETACHED, does not answer |" in report.file[1]
    assert "*Other differences to before:* none." in whole(report)
    by_hand = whole(report)
    assert "*To bring 1_5 to take 120 by hand*" in by_hand
    assert "installer import local /var/log/upload/" in by_hand
    assert "gclish -c 'installer install NUMBER member_ids 1_5'" in by_hand
    assert "Auto-clone stays owed meanwhile. The next run on this group puts it back" in by_hand
    assert "by hand*" not in whole(by_key(night("good"))["end"])


def test_a_run_held_after_a_member_was_left_out_does_not_say_that_every_member_is_in_service():
    records = until(night("without a member"), "DONE", step="A.SOAK")
    held = {"step": "B.READY", "reason": "B is ill", "error": "x", "ways": ["retry"]}
    last = records[-1]
    stopped = replace(last, seq=last.seq + 1, kind="HELD", body=held)
    first = heading(by_key([*records, stopped])["root"])

    assert first.startswith("🛑 HELD · every other member is in service; left out: 1_5 · hf-")


def test_a_proposal_that_leaves_members_out_needs_the_votes_of_a_failover_and_says_so():
    asked = whole(
        by_key(until(night("without a member"), "GATE_OPENED", step="PROPOSAL"))["proposal"]
    )
    ordinary = whole(by_key(until(night("good"), "GATE_OPENED", step="PROPOSAL"))["proposal"])

    assert "*Needs* 2 people of firewall or network; " in asked
    assert "Members are left out, so this proposal needs a failover's votes." in asked
    assert "*Needs* 1 person of " in ordinary
    assert "failover's votes" not in ordinary


def test_a_proposal_says_once_who_approves_it_and_who_can_be_reached():
    asked = whole(by_key(until(night("good"), "GATE_OPENED", step="PROPOSAL"))["proposal"])

    assert asked.count("asked for it and may not approve") == 1
    assert asked.count("Can be reached now") == 1


def test_a_proposal_says_who_is_out_of_service_and_how_to_go_on_without():
    shown = whole(by_key(night("one is away"))["proposal"])

    assert "⚠️ *Out of service: 1_4.* As long as that is so, the run stops at its" in shown
    assert "`@hotfix change without 1_4`" in shown
    assert "Out of service" not in whole(by_key(night("without a member"))["proposal"])


def test_a_night_that_leaves_nobody_out_says_nothing_of_it():
    assert all("left out" not in whole(message) for message in render(night("good")))


def test_the_end_report_names_what_each_approval_was_for():
    shown = whole(by_key(night("degraded"))["end"])

    assert "G1, proposal: ana" in shown
    assert "G2, failover of A: ana" in shown
    assert "G3, the end with members out of service: ana" in shown


def test_the_report_of_an_abort_says_that_takes_differ_and_cloning_is_owed():
    report = by_key(night("rejected and aborted"))["end"]

    assert "auto-clone is owed" in heading(report)
    assert "different takes: 99, 120" in report.text
    assert "G3" not in whole(report)
    assert "`/hotfix finish site-1` brings it to the members without it." in whole(report)
    assert "`/hotfix rollback site-1` takes it from the members that have it." in whole(report)
    assert "Left admin-down" not in whole(report)


def test_the_report_of_a_degraded_end_names_the_commands_that_bring_up_and_make_alike():
    report, left_down = whole(by_key(night("degraded"))["end"]), whole(by_key(_left_down())["end"])

    assert "without it; it is refused while 1_2 is out of service." in report
    assert "`/hotfix rollback site-1` takes it from the members that have it." in report
    assert "Left admin-down" not in report
    assert "Expert mode: `g_clusterXL_admin -b 1_2 up`" in left_down


def _left_down() -> list[Record]:
    """The degraded night, with the member down by this run."""
    told = json.dumps([dict(r.body) for r in night("degraded")])
    bodies = json.loads(told.replace('"FSYNC"', '"ADMIN"'))
    return [replace(r, body=body) for r, body in zip(night("degraded"), bodies, strict=True)]


@pytest.mark.parametrize("name", ["good", "rolled back", "unknown prompt, aborted", "kept"])
def test_where_the_members_are_alike_the_report_names_no_way_on(name):
    assert "/hotfix" not in whole(by_key(night(name))["end"])


def test_the_report_tells_a_crash_of_what_was_changed_apart_from_what_is_not_by_us():
    told = "1_4: new core dumps /var/log/dump/usermode/cpviewd.1.core.gz"
    records = [
        replace(r, body={**r.body, "crashes": [told]}) if r.body.get("step") == "POSTFLIGHT" else r
        for r in night("good")
    ]

    shown = whole(by_key(records)["end"])

    assert "*New core dumps on members that this run changed*" in shown
    assert "cpviewd.1.core.gz" in shown
    assert "New core dumps" not in whole(by_key(night("good"))["end"])


# ------------------------------------------------------------------------- hostile text

FROM_ELSEWHERE = frozenset(
    {
        "by_hand", "changed", "crashes", "fallen", "how", "mode", "name", "not_by_us", "notes",
        "package", "platform", "policy", "reason", "requester", "requester_name", "roles",
        "security_group", "sha256", "state", "text", "ticket", "trouble", "user",
        "version", "voters", "ways",
    }
)  # fmt: skip


def poisoned(value: Any, text: str, key: str = "") -> Any:
    """Replace every string that people or devices may have written."""
    if isinstance(value, str):
        return text if key in FROM_ELSEWHERE else value
    if isinstance(value, list):
        return [poisoned(one, text, key) for one in value]
    if isinstance(value, dict):
        return {
            k: v if _ours(k, key, value) else poisoned(v, text, _inherited(k, key))
            for k, v in value.items()
        }
    return value


def _ours(key: str, above: str, owner: dict[str, Any]) -> bool:
    """The letter of a Logical Group and the name of a promise are our own."""
    return above == "promises" or (key == "name" and "members" in owner)


def _inherited(key: str, above: str) -> str:
    return "text" if above == "members" and re.fullmatch(r"\d+_\d+", key) else key


def _unread(record: Record, text: str) -> Record:
    body = poisoned(dict(record.body), text)
    if record.kind == Kind.ENDED:
        body = {**body, "state": "done", "members": record.body["members"]}
    return replace(record, body=body, by=text)


HOSTILE = st.one_of(
    st.text(),
    st.sampled_from(
        [
            "<!channel>",
            "<!here> <@U0ANA00001> <http://evil|fine> & < >",
            "`*_~```",
            "&amp;&lt;!channel&gt;",
            "\x1b[31mred\x1b[0m",
            "\ud800",
            "\u202etxt.exe",
            "line\n" * 400,
            "&" * 5_000,
            "<" * 20_000,
            "x" * 30_000,
            "",
        ]
    ),
)


@settings(
    max_examples=40, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture]
)
@given(text=HOSTILE, name=st.sampled_from(sorted(NIGHTS)), part=st.floats(0.05, 1))
def test_no_text_of_a_record_breaks_limits_or_mentions_anybody(text, name, part):
    records = [_unread(record, text) for record in night(name)]

    for message in render(records[: max(2, int(len(records) * part))]):
        takes(message)


# ------------------------------------------------------------------------- the one who asked


@pytest.mark.parametrize(
    ("name", "part"),
    [
        ("good", "G1 approved by ana"),
        ("good", "G2 approved by ana and ben"),
        ("rejected", "G3 rejected by noor"),
        ("expired", "G1 expired: not approved"),
    ],
)
def test_who_asked_is_mentioned_when_a_gate_ends_however_it_ends(name, part):
    told = [m for m in render(night(name)) if "/m/" in m.key and part in m.text]

    assert [REQUESTER in m.text for m in told] == [True]


def test_who_asked_is_mentioned_at_the_end():
    report = next(m for m in render(night("good")) if m.key.endswith("/end"))

    assert REQUESTER in str(report.blocks)

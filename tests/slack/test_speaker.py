"""The speaker against a Slack on loopback: nothing lost, nothing twice, in order and in time."""

import asyncio
from collections.abc import AsyncIterator, Callable, Sequence
from dataclasses import dataclass, field, replace
from datetime import timedelta
from typing import Any, NoReturn

import pytest
from slack_sdk.web.async_client import AsyncWebClient

from bot.calls import SlackClient
from bot.localslack import ControlClient, LocalSlack
from bot.localslack.methods import METHODS
from bot.localslack.parts import Call
from bot.localslack.refusal import Refused
from bot.pacing import Turns
from bot.speaking.comparison import Comparison
from bot.speaking.lease import LEASE_TTL
from bot.speaking.search import Search
from bot.speaking.speaker import Speaker
from bot.standing import Standing
from bot.views import Message, render
from engine.fold import RunState
from engine.journal import Kind
from storage.memory import MemoryStores
from storage.records import Delivery, Draft, Record
from tests.slack.hasty import HandClock, HastyClock
from tests.slack.watch import PATIENCE_S
from tests.unit.nights import night, until

CHANNEL = "C0000FWOPS0"


@dataclass
class Stage:
    """A journal that grows, a Slack, and a speaker between them."""

    clock: HastyClock
    slack: LocalSlack
    people: ControlClient
    stores: MemoryStores = field(default_factory=MemoryStores)
    shown: list[tuple[str, str, str, str]] = field(default_factory=list)
    speakers: list[Speaker] = field(default_factory=list)

    def speaker(self, clock: HastyClock | None = None, **settings: Any) -> Speaker:
        """Start a speaker, as a fresh process would."""
        shared = {name: settings.pop(name, None) for name in ("turns", "standing")}
        speaker = Speaker(
            self.stores,
            SlackClient(token="xoxb-localslack", base_url=self.slack.base_url, **shared),
            clock or self.clock,
            lambda request: {"site-1": CHANNEL}[request.security_group],
            self._on_shown,
            **{"holder": "a process", **settings},
        )
        self.speakers.append(speaker)
        return speaker

    async def _on_shown(self, run: str, gate: str, channel: str, ts: str) -> None:
        self.shown.append((run, gate, channel, ts))

    def append(self, records: Sequence[Record]) -> str:
        """Let these happen; return the run."""
        run = records[0].stream
        there = list(self.stores.journal.read(run))
        state = RunState.replay(there)
        for record in records:
            state.apply(record)
        drafts = [Draft(r.kind, r.at, r.by, r.body) for r in records]
        index = replace(state.index(), occupies=False)  # one night may be that of two runs
        self.stores.journal.append(run, drafts, lease=None, last_seq=len(there), index=index)
        return run

    def messages(self) -> list[dict[str, Any]]:
        """What stands in the channel and its threads, oldest first."""
        workspace = self.slack.workspace
        found = workspace.channels[CHANNEL].messages.values()
        ordered = sorted(found, key=lambda m: m.ts)
        return [workspace.shown(m, with_metadata=True) for m in ordered]

    def keys(self) -> list[str]:
        """The keys of what stands, in order."""
        ours = [m for m in self.messages() if m.get("metadata")]
        return [m["metadata"]["event_payload"]["key"] for m in ours]

    def standing(self, key: str) -> dict[str, Any]:
        """The message that stands under a key."""
        ours = [m for m in self.messages() if m.get("metadata")]
        return next(m for m in ours if m["metadata"]["event_payload"]["key"] == key)

    async def calls(self, method: str) -> list[dict[str, Any]]:
        """What was asked of a method, also where it was refused."""
        return [line for line in await self.people.traffic() if line.get("method") == method]

    def delivery(self, key: str) -> Delivery:
        """What we remember of a delivery."""
        return next(d for d in self.stores.deliveries.all(key) if d.message_key == key)


@pytest.fixture
async def stage() -> AsyncIterator[Stage]:
    clock = HastyClock()
    slack = LocalSlack(clock=clock.as_slack())
    await slack.start()
    async with ControlClient(slack.url) as people:
        made = Stage(clock, slack, people)
        yield made
        for speaker in made.speakers:
            await speaker.close()
    await slack.stop()


def expected(records: Sequence[Record]) -> list[str]:
    """The keys that should stand, in order."""
    return [m.key for m in render(records)]


async def test_a_whole_night_is_told_in_order_once_and_as_it_is_now(stage: Stage):
    records = night("good")
    run = stage.append(records)

    await stage.speaker().settle(run)

    assert stage.keys() == expected(records)
    root, *rest = stage.messages()
    assert "thread_ts" not in root or root["thread_ts"] == root["ts"]
    assert {m["thread_ts"] for m in rest} == {root["ts"]}
    for message in render(records):
        assert stage.standing(message.key)["text"] == message.text


async def test_what_is_told_piece_by_piece_ends_the_same(stage: Stage):
    records = night("rescued")
    speaker = stage.speaker()
    for start in range(2, len(records), 3):
        speaker.wake(stage.append(records[0 if start == 2 else start : start + 3]))
        await stage.clock.sleep(timedelta(seconds=2))
    run = records[0].stream

    await speaker.settle(run)

    assert sorted(stage.keys()) == sorted(expected(records))
    for message in render(records):
        assert stage.standing(message.key)["text"] == message.text


async def test_speaking_again_says_nothing_new(stage: Stage):
    run = stage.append(night("rejected"))
    speaker = stage.speaker()
    await speaker.settle(run)
    before = await stage.people.traffic()

    await speaker.settle(run)
    await stage.speaker().settle(run)

    assert [t for t in await stage.people.traffic() if t["kind"] == "api"] == [
        t for t in before if t["kind"] == "api"
    ]


async def test_a_gate_gets_its_emoji_and_is_broadcast_and_confirmed(stage: Stage):
    run = stage.append(until(night("good"), Kind.GATE_OPENED, step="PROPOSAL"))

    await stage.speaker().settle(run)

    gate = stage.standing(f"{run}/proposal")
    assert {r["name"] for r in gate["reactions"]} == {"white_check_mark", "x"}
    assert gate["subtype"] == "thread_broadcast"
    assert stage.shown == [(run, "G1", CHANNEL, gate["ts"])]


async def test_a_gate_is_confirmed_again_after_a_restart_until_the_journal_has_it(stage: Stage):
    records = until(night("good"), Kind.GATE_SHOWN, gate="G1")
    run = stage.append(records[:-1])
    await stage.speaker().settle(run)

    await stage.speaker().settle(run)
    assert len(stage.shown) == 2

    place = {"channel": CHANNEL, "ts": stage.standing(f"{run}/proposal")["ts"]}
    stage.append([replace(records[-1], body={**records[-1].body, **place})])
    await stage.speaker().settle(run)
    assert len(stage.shown) == 2


async def test_a_live_message_is_edited_in_place_and_keeps_its_reactions(stage: Stage):
    records = night("good")
    asked = until(records, Kind.GATE_SHOWN, gate="G2")
    run = stage.append(asked)
    speaker = stage.speaker()
    await speaker.settle(run)
    before = stage.standing(f"{run}/gate/G2")

    stage.append(until(records, Kind.VOTED, gate="G2")[len(asked) :])
    await speaker.settle(run)

    after = stage.standing(f"{run}/gate/G2")
    assert "1 of 2 — ana" in after["text"]
    assert after["ts"] == before["ts"]
    assert after["reactions"] == before["reactions"]


# --------------------------------------------------------------------------------- pacing


async def test_edits_keep_their_distance_and_the_gate_goes_first(stage: Stage):
    records = night("good")
    asked = until(records, Kind.GATE_SHOWN, gate="G2")
    run = stage.append(asked)
    speaker = stage.speaker(edit_interval=timedelta(seconds=30))
    await speaker.settle(run)
    told = len(await stage.calls("chat.update"))

    stage.append(until(records, Kind.INTENDED, step="A.INSTALL")[len(asked) :])
    began = stage.clock.monotonic()
    await speaker.settle(run)

    edits = (await stage.calls("chat.update"))[told:]
    first = [e["args"]["ts"] for e in edits]
    assert first[0] == stage.standing(f"{run}/gate/G2")["ts"]
    assert len(edits) >= 2
    assert stage.clock.monotonic() - began >= 25 * (len(edits) - 1)
    assert stage.standing(f"{run}/root")["text"].startswith("▶️ Installing on A")


# --------------------------------------------------------------------------------- trouble


async def test_a_post_whose_answer_was_lost_is_found_again_and_not_repeated(stage: Stage):
    records = until(night("good"), Kind.GATE_SHOWN, gate="G2")
    run = stage.append(records)
    await stage.people.fault("lose_response", method="chat.postMessage", n=3)

    await stage.speaker().settle(run)

    assert stage.keys() == expected(records)


async def test_a_crash_between_post_and_save_does_not_post_twice(stage: Stage):
    records = until(night("good"), Kind.VOTED, gate="G2")
    run = stage.append(records)
    await stage.speaker().settle(run)
    for key in (f"{run}/root", f"{run}/gate/G2"):
        stage.stores.deliveries.save(replace(stage.delivery(key), ts=None, state="sending"))

    await stage.speaker().settle(run)

    assert stage.keys() == expected(records)
    assert stage.delivery(f"{run}/gate/G2").ts == stage.standing(f"{run}/gate/G2")["ts"]


async def test_what_is_found_again_says_in_the_end_what_it_should(stage: Stage):
    """An older attempt that Slack took late, where the row is of the last one, which it did not."""
    records = until(night("good"), Kind.VOTED, gate="G2")
    run = stage.append(records)
    first = stage.speaker()
    await first.settle(run)
    await first.close()
    key = f"{run}/gate/G2"
    wanted, noted = stage.standing(key)["text"], stage.delivery(key)
    assert noted.ts is not None
    client = SlackClient(token="xoxb-localslack", base_url=stage.slack.base_url)
    await client.chat_update(channel=CHANNEL, ts=noted.ts, text="as it was asked", blocks=[])
    stage.stores.deliveries.save(replace(noted, ts=None, state="sending"))

    await stage.speaker().settle(run)

    assert stage.keys() == expected(records)
    assert stage.standing(key)["text"] == wanted


async def test_a_post_that_is_seen_late_is_looked_for_after_another_was_refused(
    stage: Stage, monkeypatch
):
    records = until(night("good"), Kind.GATE_SHOWN, gate="G2")
    run = stage.append(records)
    looked_for = []
    look_for = Search.look_for

    async def late(self: Search, current: Any, message: Any) -> str | None:
        looked_for.append(message.key)
        if len(looked_for) > 1:
            return await look_for(self, current, message)
        await stage.people.fault("rate_limit", method="chat.postMessage", n=1, seconds=5)
        return None

    monkeypatch.setattr(Search, "look_for", late)
    await stage.people.fault("lose_response", method="chat.postMessage", n=1)

    await stage.speaker().settle(run)

    assert len(looked_for) == 2
    assert stage.keys() == expected(records)


async def test_a_crash_before_the_post_is_made_good(stage: Stage):
    records = until(night("good"), Kind.GATE_OPENED, step="PROPOSAL")
    run = stage.append(records)
    stage.stores.deliveries.save(Delivery(f"{run}/root", CHANNEL, None, "", "sending"))

    await stage.speaker().settle(run)

    assert stage.keys() == expected(records)


@pytest.mark.parametrize(
    "fault",
    [
        {"kind": "rate_limit", "method": "chat.postMessage", "n": 3, "seconds": 5},
        {"kind": "server_error", "method": "chat.postMessage", "n": 2},
        {"kind": "server_error", "method": "reactions.add", "n": 1},
        {"kind": "rate_limit", "method": "reactions.add", "n": 1, "seconds": 5},
        {"kind": "lose_response", "method": "chat.update", "n": 1},
        {"kind": "outage", "seconds": 20},
    ],
    ids=lambda fault: f"{fault['kind']}-{fault.get('method', 'all')}",
)
async def test_trouble_is_ridden_out(stage: Stage, fault: dict[str, Any]):
    records = night("unknown prompt")
    run = stage.append(records)
    await stage.people.fault(**fault)

    await stage.speaker().settle(run)

    assert stage.keys() == expected(records)


REFUSED_FOR_LONG = [
    {"kind": "rate_limit", "n": 10_000, "seconds": 30},
    {"kind": "server_error", "n": 10_000},
]


@pytest.mark.parametrize("fault", REFUSED_FOR_LONG, ids=lambda fault: str(fault["kind"]))
async def test_posts_go_on_while_slack_refuses_edits(stage: Stage, fault: dict[str, Any]):
    records = night("good")
    asked = until(records, Kind.GATE_SHOWN, gate="G2")
    run = stage.append(asked)
    speaker = stage.speaker()
    await speaker.settle(run)
    await stage.people.fault(method="chat.update", **fault)

    stage.append(until(records, Kind.DONE, step="A.ADMIN_DOWN")[len(asked) :])
    await speaker.speak(run)

    told = until(records, Kind.DONE, step="A.ADMIN_DOWN")
    assert stage.keys() == expected(told)
    await stage.people.fault("clear")
    await speaker.settle(run)
    gate = next(m for m in render(told) if m.key == f"{run}/gate/G2")
    assert stage.standing(gate.key)["text"] == gate.text, "the last edit comes all the same"


async def test_a_gate_that_closed_is_edited_before_all_that_is_due_is_posted(stage: Stage):
    records = night("good")
    asked = until(records, Kind.GATE_SHOWN, gate="G2")
    run = stage.append(asked)
    speaker = stage.speaker()
    await speaker.settle(run)
    told = len(await stage.people.traffic())

    stage.append(records[len(asked) :])
    await speaker.settle(run)

    methods = [line.get("method") for line in (await stage.people.traffic())[told:]]
    before = methods[: methods.index("chat.update")]
    assert before.count("chat.postMessage") < 5 < methods.count("chat.postMessage")


async def test_a_retry_after_that_another_run_met_keeps_no_post_back(stage: Stage):
    records = night("good")
    asked = until(records, Kind.GATE_SHOWN, gate="G2")
    run = stage.append(asked)
    turns = Turns(stage.clock)
    speaker = stage.speaker(turns=turns)
    await speaker.settle(run)
    turns.hold("chat.update", 1_000_000)

    stage.append(until(records, Kind.DONE, step="A.ADMIN_DOWN")[len(asked) :])
    async with asyncio.timeout(PATIENCE_S):
        await speaker.speak(run)

    assert stage.keys() == expected(until(records, Kind.DONE, step="A.ADMIN_DOWN"))


async def test_a_gate_that_closed_is_edited_while_slack_refuses_posts(stage: Stage):
    records = night("good")
    asked = until(records, Kind.GATE_SHOWN, gate="G2")
    run = stage.append(asked)
    speaker = stage.speaker(turns=Turns(stage.clock))
    await speaker.settle(run)
    await stage.people.fault("rate_limit", method="chat.postMessage", n=10_000, seconds=1_000_000)
    voted = until(records, Kind.VOTED, gate="G2")
    stage.append(voted[len(asked) :])
    await speaker.speak(run)

    down = until(records, Kind.DONE, step="A.ADMIN_DOWN")
    stage.append(down[len(voted) :])
    speaker.wake(run)

    gate = next(m for m in render(down) if m.key == f"{run}/gate/G2")
    async with asyncio.timeout(PATIENCE_S):
        while stage.standing(gate.key)["text"] != gate.text:
            await stage.people.state()


async def test_nobody_sleeps_in_looking_for_a_post_that_must_wait(stage: Stage):
    records = night("good")
    asked = until(records, Kind.GATE_SHOWN, gate="G2")
    run = stage.append(asked)
    turns = Turns(stage.clock)
    speaker = stage.speaker(turns=turns)
    await speaker.settle(run)
    turns.hold("conversations.replies", 1_000_000)
    await stage.people.fault("lose_response", method="chat.postMessage")
    voted = until(records, Kind.VOTED, gate="G2")
    stage.append(voted[len(asked) :])
    await speaker.speak(run)
    await stage.clock.sleep(timedelta(seconds=60))

    down = until(records, Kind.DONE, step="A.ADMIN_DOWN")
    stage.append(down[len(voted) :])
    speaker.wake(run)

    gate = next(m for m in render(down) if m.key == f"{run}/gate/G2")
    async with asyncio.timeout(PATIENCE_S):
        while stage.standing(gate.key)["text"] != gate.text:
            await stage.people.state()


async def test_a_run_whose_post_takes_long_holds_up_no_edit_of_another(stage: Stage):
    records = night("good")
    asked = until(records, Kind.GATE_SHOWN, gate="G2")
    down = until(records, Kind.DONE, step="A.ADMIN_DOWN")
    slow, other = "hf-slow0000", stage.append(asked)
    stage.append([replace(record, stream=slow) for record in asked])
    minute = timedelta(seconds=60)
    speaker = stage.speaker(edit_interval=minute, edit_interval_per_run=minute)
    await asyncio.gather(speaker.settle(slow), speaker.settle(other))
    voted = until(records, Kind.VOTED, gate="G2")
    stage.append([replace(record, stream=slow) for record in voted[len(asked) :]])
    await speaker.settle(slow)
    posting, post = asyncio.Event(), speaker._client.chat_postMessage

    async def never(**content: Any) -> Any:
        if not posting.is_set():
            posting.set()
            await asyncio.Event().wait()
        return await post(**content)

    speaker._client.chat_postMessage = never  # type: ignore[method-assign] # Slack is slow
    stage.append([replace(record, stream=slow) for record in down[len(voted) :]])
    speaker.wake(slow)
    await posting.wait()
    stage.append(voted[len(asked) :])
    speaker.wake(other)

    async with asyncio.timeout(PATIENCE_S):
        while "1 of 2 — ana" not in stage.standing(f"{other}/gate/G2")["text"]:
            await stage.people.state()


async def test_retry_after_is_honoured(stage: Stage):
    run = stage.append(night("good")[:2])
    await stage.people.fault("rate_limit", method="chat.postMessage", seconds=40)
    began = stage.clock.monotonic()

    await stage.speaker().settle(run)

    assert stage.clock.monotonic() - began >= 40


@pytest.mark.parametrize(
    ("wrong", "right"),
    [
        ({"is_archived": True}, {"is_archived": False}),
        ({"members": ["U00000RITA0"]}, {"members": ["U00000RITA0", "U0000HOTFIX"]}),
    ],
    ids=["archived", "not a member"],
)
async def test_a_channel_that_cannot_be_written_to_is_waited_for(stage: Stage, wrong, right):
    records = night("good")[:2]
    run = stage.append(records)
    await stage.people.change("channel", CHANNEL, **wrong)
    speaker = stage.speaker()

    await speaker.speak(run)
    assert stage.messages() == []
    await stage.people.change("channel", CHANNEL, **right)
    await speaker.settle(run)

    assert stage.keys() == expected(records)


async def test_blocks_that_are_refused_do_not_lose_the_message(stage: Stage, monkeypatch):
    records = until(night("good"), Kind.GATE_OPENED, step="PROPOSAL")

    def with_bad_blocks(given: Sequence[Record]) -> tuple[Any, ...]:
        return tuple(replace(m, blocks=({"type": "no such block"},)) for m in render(given))

    monkeypatch.setattr("bot.speaking.comparison.render", with_bad_blocks)
    run = stage.append(records)

    await stage.speaker().settle(run)

    assert stage.keys() == expected(records)
    assert stage.standing(f"{run}/proposal")["text"] == render(records)[1].text


async def test_a_post_without_blocks_has_none_and_not_an_empty_list(stage: Stage, monkeypatch):
    records = until(night("good"), Kind.GATE_OPENED, step="PROPOSAL")
    real, given = METHODS["chat.postMessage"], []

    def post(call: Any) -> Any:
        given.append(call.arguments.nested("blocks"))
        return real(call)

    def as_text(records: Sequence[Record]) -> tuple[Any, ...]:
        return tuple(replace(m, blocks=(), cards=()) for m in render(records))

    monkeypatch.setitem(METHODS, "chat.postMessage", post)
    monkeypatch.setattr("bot.speaking.comparison.render", as_text)
    run = stage.append(records)

    await stage.speaker().settle(run)

    assert stage.keys() == expected(records)
    assert given
    assert not any(blocks == [] for blocks in given)


async def test_a_root_that_somebody_deleted_is_posted_again(stage: Stage):
    asked = until(night("good"), Kind.GATE_SHOWN, gate="G1")
    run = stage.append(asked)
    speaker = stage.speaker()
    await speaker.settle(run)
    old = stage.standing(f"{run}/root")["ts"]
    client = AsyncWebClient(token="xoxb-localslack", base_url=stage.slack.base_url)
    await client.chat_delete(channel=CHANNEL, ts=old)

    stage.append(until(night("good"), Kind.GATE_SHOWN, gate="G2")[len(asked) :])
    await speaker.settle(run)

    new = stage.delivery(f"{run}/root").ts
    assert new not in (None, old)
    assert stage.standing(f"{run}/gate/G2")["thread_ts"] == new


async def asked_for(stage: Stage) -> tuple[str, Speaker]:
    """Have a run that waits at its second gate, everything told and known to stand."""
    asked = until(night("good"), Kind.GATE_OPENED, step="A.FAILOVER")
    run = stage.append(asked)
    speaker = stage.speaker()
    await speaker.settle(run)
    shown = until(night("good"), Kind.GATE_SHOWN, gate="G2")[-1]
    place = {"channel": CHANNEL, "ts": stage.standing(f"{run}/gate/G2")["ts"]}
    stage.append([replace(shown, body={**shown.body, **place})])
    await speaker.settle(run)
    stage.shown.clear()
    return run, speaker


async def deleted(stage: Stage, key: str) -> str:
    """Let an administrator delete a message; return where it stood."""
    ts = str(stage.standing(key)["ts"])
    await stage.people.change("user", "noor", is_admin=True)
    assert (await stage.people.act("noor", "delete", channel=CHANNEL, ts=ts))["ok"]
    return ts


async def read_back(stage: Stage, speaker: Speaker, run: str) -> None:
    """Tell the speaker what stands in the thread, as whoever reads it back does."""
    root = stage.delivery(f"{run}/root").ts
    assert root is not None
    there = {m["ts"] for m in stage.messages() if root in (m["ts"], m.get("thread_ts"))}
    there -= {m["ts"] for m in stage.messages() if m.get("subtype") == "tombstone"}
    await speaker.stood(run, root, root, there)
    await speaker.settle(run)


async def test_a_gate_that_somebody_deleted_stands_anew_and_can_be_voted_on_there(stage: Stage):
    run, speaker = await asked_for(stage)
    old = await deleted(stage, f"{run}/gate/G2")

    await read_back(stage, speaker, run)

    gate = stage.standing(f"{run}/gate/G2")
    assert gate["ts"] > old
    assert gate["thread_ts"] == stage.delivery(f"{run}/root").ts
    assert {r["name"] for r in gate["reactions"]} == {"white_check_mark", "x"}
    assert stage.shown == [(run, "G2", CHANNEL, gate["ts"])]
    assert len(stage.keys()) == len(set(stage.keys()))


async def test_a_gate_that_is_gone_is_noticed_when_its_votes_are_counted(stage: Stage):
    run, speaker = await asked_for(stage)
    old = await deleted(stage, f"{run}/gate/G2")

    await speaker.gone(CHANNEL, old)
    await speaker.settle(run)

    assert stage.standing(f"{run}/gate/G2")["ts"] > old


async def test_a_gate_that_is_gone_is_noticed_when_it_is_edited(stage: Stage):
    run, speaker = await asked_for(stage)
    old = await deleted(stage, f"{run}/gate/G2")
    there = len(stage.stores.journal.read(run))
    voted = until(night("good"), Kind.VOTED, gate="G2")

    stage.append(voted[there:])
    await speaker.settle(run)

    gate = stage.standing(f"{run}/gate/G2")
    assert gate["ts"] > old
    assert "1 of 2 — ana" in gate["text"], "it says what is true by then"


async def test_what_was_told_once_comes_back_too(stage: Stage):
    run, speaker = await asked_for(stage)
    milestone = next(m.key for m in render(stage.stores.journal.read(run)) if not m.live)
    said = stage.standing(milestone)["text"]
    old = await deleted(stage, milestone)

    await read_back(stage, speaker, run)

    assert stage.standing(milestone)["ts"] > old
    assert stage.standing(milestone)["text"] == said
    assert stage.shown == []


async def test_what_is_only_not_seen_yet_is_asked_for_and_left_alone(stage: Stage):
    run, speaker = await asked_for(stage)
    before = stage.keys()
    root = stage.delivery(f"{run}/root").ts
    assert root is not None

    await speaker.stood(run, root, root, {root})
    await speaker.settle(run)

    assert stage.keys() == before


async def test_what_slack_puts_outside_of_its_thread_is_taken_back_and_the_root_comes_anew(
    stage: Stage,
):
    run, speaker = await asked_for(stage)
    old = stage.delivery(f"{run}/root").ts
    channel = stage.slack.workspace.channels[CHANNEL]
    for ts in [m["ts"] for m in stage.messages()]:
        del channel.messages[ts]
    gate = stage.delivery(f"{run}/gate/G2")
    stage.stores.deliveries.save(replace(gate, ts=None, state="failed"))

    speaker.wake(run)
    await speaker.settle(run)

    new = stage.delivery(f"{run}/root").ts
    assert new is not None
    assert new != old
    stands = {m["metadata"]["event_payload"]["key"]: m for m in stage.messages()}
    assert stands[f"{run}/gate/G2"]["thread_ts"] == new
    assert all(m["ts"] == new or m.get("thread_ts") == new for m in stage.messages())


def _locked(monkeypatch: pytest.MonkeyPatch, error: str, threads: Callable[[str], bool]) -> None:
    """Have Slack refuse posts in some threads."""
    real = METHODS["chat.postMessage"]

    def post(call: Any) -> Any:
        if threads(call.arguments.text("thread_ts")):
            raise Refused(error)
        return real(call)

    monkeypatch.setitem(METHODS, "chat.postMessage", post)


LOCKED = "restricted_action_thread_locked"


async def test_a_run_whose_thread_somebody_locked_goes_on_in_another(
    stage: Stage, monkeypatch: pytest.MonkeyPatch
):
    run, speaker = await asked_for(stage)
    old = stage.delivery(f"{run}/root").ts
    _locked(monkeypatch, LOCKED, lambda thread: thread == old)
    there = len(stage.stores.journal.read(run))

    stage.append(night("good")[there:])
    async with asyncio.timeout(2 * PATIENCE_S):
        await speaker.settle(run)

    new = stage.delivery(f"{run}/root").ts
    assert new != old
    ours = [m for m in stage.messages() if m.get("metadata")]
    told = {m["metadata"]["event_payload"]["key"]: m for m in ours}
    assert told.keys() >= set(expected(night("good")))
    assert told[expected(night("good"))[-1]]["thread_ts"] == new


async def test_where_every_thread_is_locked_one_other_is_tried(
    stage: Stage, monkeypatch: pytest.MonkeyPatch
):
    standing = Standing()
    run = stage.append(until(night("good"), Kind.GATE_SHOWN, gate="G2"))
    speaker = stage.speaker(standing=standing)
    await speaker.settle(run)
    _locked(monkeypatch, LOCKED, bool)
    there = len(stage.stores.journal.read(run))

    stage.append(night("good")[there:])
    async with asyncio.timeout(2 * PATIENCE_S):
        while LOCKED not in standing.reason:
            await speaker.speak(run)
    await speaker.speak(run)

    assert stage.keys().count(f"{run}/root") == 2


@pytest.mark.parametrize("error", [LOCKED, "non_threadable"])
async def test_where_no_thread_is_open_no_root_after_the_other_is_posted_and_it_is_said(
    stage: Stage, monkeypatch: pytest.MonkeyPatch, error: str
):
    _locked(monkeypatch, error, bool)
    standing = Standing()
    run = stage.append(until(night("good"), Kind.GATE_OPENED, step="A.FAILOVER"))
    speaker = stage.speaker(standing=standing)

    await speaker.speak(run)
    speaker.wake(run)
    await speaker.speak(run)

    assert stage.keys() == [f"{run}/root"]
    assert error in standing.reason


def _says_little(monkeypatch, kept: Sequence[str]) -> None:
    """Have Slack answer a post with no more of its message than it says it always does."""
    real = METHODS["chat.postMessage"]

    def post(call: Any) -> Any:
        answer = real(call)
        answer["message"] = {name: answer["message"][name] for name in kept}
        return {name: part for name, part in answer.items() if part != {}}

    monkeypatch.setitem(METHODS, "chat.postMessage", post)


LITTLE = [pytest.param(("text", "type", "ts"), id="bare"), pytest.param((), id="nothing")]


@pytest.mark.parametrize("kept", LITTLE)
async def test_a_post_whose_answer_does_not_say_where_it_stands_is_kept(
    stage: Stage, monkeypatch, kept
):
    _says_little(monkeypatch, kept)
    records = until(night("good"), Kind.GATE_OPENED, step="PROPOSAL")
    run, speaker = stage.append(records), stage.speaker()

    async with asyncio.timeout(60):
        await speaker.settle(run)

    assert stage.keys() == expected(records)
    assert "chat.delete" not in {line.get("method") for line in await stage.people.traffic()}


@pytest.mark.parametrize("kept", LITTLE)
async def test_where_slack_does_not_say_so_a_post_below_no_root_is_taken_back_all_the_same(
    stage: Stage, monkeypatch, kept
):
    run, speaker = await asked_for(stage)
    old = stage.delivery(f"{run}/root").ts
    channel = stage.slack.workspace.channels[CHANNEL]
    for ts in [m["ts"] for m in stage.messages()]:
        del channel.messages[ts]
    gate = stage.delivery(f"{run}/gate/G2")
    stage.stores.deliveries.save(replace(gate, ts=None, state="failed"))
    _says_little(monkeypatch, kept)

    speaker.wake(run)
    async with asyncio.timeout(60):
        await speaker.settle(run)

    new = stage.delivery(f"{run}/root").ts
    assert new != old
    assert all(m["ts"] == new or m.get("thread_ts") == new for m in stage.messages())


async def test_where_nobody_knows_whether_the_root_stands_a_post_is_not_made_twice(
    stage: Stage, monkeypatch
):
    _says_little(monkeypatch, ("text", "type", "ts"))
    records = until(night("good"), Kind.GATE_OPENED, step="PROPOSAL")
    run, speaker = stage.append(records), stage.speaker()
    await stage.people.fault("server_error", method="reactions.get", n=1)

    async with asyncio.timeout(60):
        await speaker.settle(run)

    assert stage.keys() == expected(records)


async def test_below_a_deleted_root_the_run_goes_on_in_a_new_thread(stage: Stage):
    run, speaker = await asked_for(stage)
    old = await deleted(stage, f"{run}/root")
    gate = stage.standing(f"{run}/gate/G2")["ts"]
    told = next(m for m in stage.messages() if m.get("thread_ts") == old and m["ts"] != old)

    await read_back(stage, speaker, run)

    new = stage.delivery(f"{run}/root").ts
    assert new is not None
    assert new > old
    below = [m for m in stage.messages() if m.get("thread_ts") == new and m["ts"] != new]
    keys = [m["metadata"]["event_payload"]["key"] for m in below]
    assert keys == [f"{run}/moved/{old}", f"{run}/gate/G2"]
    assert told["ts"].replace(".", "") in below[0]["text"], "it leads to what was told before"
    assert stage.shown == [(run, "G2", CHANNEL, below[1]["ts"])]
    assert gate not in {m["ts"] for m in stage.messages()}, "nobody votes in vain"

    await stage.speaker().settle(run)
    assert len(stage.keys()) == len(set(stage.keys()))


async def test_a_no_on_a_gate_that_we_take_away_with_its_thread_is_heard_first(stage: Stage):
    run, speaker = await asked_for(stage)
    gate = stage.standing(f"{run}/gate/G2")["ts"]
    for person, emoji in (("ana", "x"), ("ben", "white_check_mark")):
        await stage.people.act(person, "react", channel=CHANNEL, ts=gate, emoji=emoji)
    await deleted(stage, f"{run}/root")

    await read_back(stage, speaker, run)

    assert gate not in {m["ts"] for m in stage.messages()}
    hints = [row for row in stage.stores.inbox.waiting(run=run) if row.kind == "hint"]
    assert [(row.body["user"], row.body["choice"], row.body["ts"]) for row in hints] == [
        ("U000000ANA0", "no", gate)
    ]


async def test_a_restart_while_something_comes_back_posts_it_once(stage: Stage):
    run, speaker = await asked_for(stage)
    old = await deleted(stage, f"{run}/gate/G2")
    await stage.people.fault("lose_response", method="chat.postMessage")
    root = stage.delivery(f"{run}/root").ts
    assert root is not None
    await speaker.stood(run, root, root, {root})
    await speaker.speak(run)
    await speaker.close()

    await stage.speaker(holder="next").settle(run)

    assert stage.standing(f"{run}/gate/G2")["ts"] > old
    assert stage.keys().count(f"{run}/gate/G2") == 1


async def test_long_device_text_comes_as_a_file_once(stage: Stage):
    *records, last = night("unknown prompt")
    printed = "".join(f"line {n} <!channel>\n" for n in range(200))
    records.append(replace(last, body={**last.body, "text": printed}))
    run = stage.append(records)
    await stage.speaker().settle(run)
    held = next(m for m in render(records) if m.file)
    stage.stores.deliveries.save(replace(stage.delivery(held.key), state="sending"))

    await stage.speaker().settle(run)

    files = [f["name"] for m in stage.messages() for f in m.get("files", [])]
    assert files == [f"{run}-{records[-1].seq}.txt"]


async def test_the_end_report_leads_to_what_was_asked_and_comes_as_a_file(stage: Stage):
    run = stage.append(night("rejected and aborted"))

    await stage.speaker().settle(run)

    report = str(stage.standing(f"{run}/end")["blocks"])
    (file,) = [f for f in stage.slack.workspace.files.values() if f.name == f"{run}-report.md"]
    content = (file.content or b"").decode()
    for key in [f"{run}/proposal", f"{run}/gate/G2"]:
        place = stage.standing(key)["ts"].replace(".", "")
        assert place in report
        assert place in content
    held = [
        m.key for m in render(stage.stores.journal.read(run)) if "HELD" in m.text and not m.live
    ]
    assert held
    assert stage.standing(held[0])["ts"].replace(".", "") in content
    assert "## Members" in content
    assert "| 1_1 |" in content


# ------------------------------------------------------------------------------- the process


async def test_catching_up_tells_what_is_missing_and_leaves_told_runs_alone(stage: Stage):
    run = stage.append(night("rejected and aborted"))
    speaker = stage.speaker()
    await speaker.catch_up()
    assert set(speaker._voices) == {run}
    await speaker.settle(run)
    assert stage.keys() == expected(night("rejected and aborted"))

    fresh = stage.speaker()
    await fresh.catch_up()
    assert fresh._voices == {}


async def test_close_ends_everything_at_once(stage: Stage):
    run = stage.append(night("good"))
    speaker = stage.speaker()
    speaker.wake(run)

    await speaker.close()
    await speaker.speak(run)
    there = len(stage.messages())
    speaker.wake(run)
    await stage.clock.sleep(timedelta(seconds=10))

    assert len(stage.messages()) == there


# ------------------------------------------------------------------------------- several of them


AT_ONCE = {
    "post_interval": timedelta(0),
    "edit_interval": timedelta(0),
    "edit_interval_per_run": timedelta(0),
}
"""For a clock that stands still while nobody moves it."""


async def told_by_all(stage: Stage, run: str, count: int) -> None:
    """Wait until so many messages stand."""
    async with asyncio.timeout(PATIENCE_S):
        while len(stage.keys()) < count:
            await stage.people.state()


async def test_of_two_speakers_that_hear_of_everything_one_tells_it(stage: Stage):
    records = night("rescued")
    run = records[0].stream
    two = [stage.speaker(holder="one"), stage.speaker(holder="two")]
    for start in range(2, len(records), 3):
        stage.append(records[0 if start == 2 else start : start + 3])
        for speaker in two:
            speaker.wake(run)
        await stage.clock.sleep(timedelta(seconds=2))

    await asyncio.gather(*(speaker.settle(run) for speaker in two))
    await told_by_all(stage, run, len(expected(records)))

    assert sorted(stage.keys()) == sorted(expected(records))


async def test_a_speaker_that_is_gone_is_followed_by_another_which_looks_before_it_posts(
    stage: Stage,
):
    records = until(night("good"), Kind.VOTED, gate="G2")
    asked = until(records, Kind.GATE_SHOWN, gate="G1")
    run = stage.append(asked)
    clock = HandClock()
    gone = stage.speaker(clock, holder="gone", **AT_ONCE)
    await gone.settle(run)
    lease = stage.stores.leases.current(f"chat:{run}")
    assert lease is not None
    key = f"{run}/proposal"
    stage.stores.deliveries.save(replace(stage.delivery(key), ts=None, state="sending"))
    stage.append(records[len(asked) :])
    clock.passed += LEASE_TTL - timedelta(seconds=1)
    other = stage.speaker(clock, holder="other", **AT_ONCE)
    await other.catch_up()
    await other.speak(run)
    assert stage.keys() == expected(asked)

    clock.passed += timedelta(seconds=2)
    await other.catch_up()
    await other.settle(run)

    assert stage.keys() == expected(records)
    assert stage.delivery(key).ts == stage.standing(key)["ts"]
    current = stage.stores.leases.current(f"chat:{run}")
    assert current is not None
    assert (current.holder, current.epoch) == ("other", lease.epoch + 1)


async def test_a_speaker_that_ends_gives_its_runs_back_and_one_that_has_said_all_does_too(
    stage: Stage,
):
    asked = until(night("good"), Kind.GATE_SHOWN, gate="G1")
    run = stage.append(asked)
    first = stage.speaker(holder="first")
    await first.settle(run)
    await first.close()
    second = stage.speaker(holder="second")
    stage.append(night("good")[len(asked) :])
    await second.settle(run)

    current = stage.stores.leases.current(f"chat:{run}")

    assert stage.keys() == expected(night("good"))
    assert current is not None
    assert (current.holder, current.epoch) == ("", 2)


async def test_a_speaker_stopped_before_its_post_takes_back_what_it_posts_too_late(stage: Stage):
    records = until(night("good"), Kind.GATE_OPENED, step="PROPOSAL")
    run = stage.append(records)
    late = stage.speaker(holder="late")
    posting, go_on = asyncio.Event(), asyncio.Event()
    post = late._client.chat_postMessage

    async def stopped_here(**content: Any) -> Any:
        posting.set()
        await go_on.wait()
        return await post(**content)

    late._client.chat_postMessage = stopped_here  # type: ignore[method-assign] # a stopped process
    late.wake(run)
    await posting.wait()
    await stage.clock.sleep(LEASE_TTL)
    other = stage.speaker(holder="other")
    await other.settle(run)
    assert stage.keys() == expected(records)

    go_on.set()
    async with asyncio.timeout(PATIENCE_S):
        while not await stage.calls("chat.delete"):
            await stage.people.state()

    assert stage.keys() == expected(records)


async def test_a_speaker_stopped_before_its_edit_leaves_nothing_outdated(stage: Stage):
    early = until(night("good"), Kind.GATE_SHOWN, gate="G1")
    run = stage.append(early)
    late = stage.speaker(stage.clock, holder="late", **AT_ONCE)
    await late.settle(run)
    editing, go_on = asyncio.Event(), asyncio.Event()
    update = late._client.chat_update

    async def stopped_here(**content: Any) -> Any:
        if not editing.is_set():
            editing.set()
            await go_on.wait()
        return await update(**content)

    late._client.chat_update = stopped_here  # type: ignore[method-assign] # a stopped process
    voted = until(night("good"), Kind.VOTED)
    stage.append(voted[len(early) :])
    late.wake(run)
    await editing.wait()
    await stage.clock.sleep(LEASE_TTL)
    records = until(night("good"), Kind.GATE_CLOSED)
    stage.append(records[len(voted) :])
    other = stage.speaker(stage.clock, holder="other", **AT_ONCE)
    await other.settle(run)

    go_on.set()
    async with asyncio.timeout(PATIENCE_S):
        while all(delivery.digest for delivery in stage.stores.deliveries.all(run)):
            await stage.people.state()
    await other.catch_up()
    await other.settle(run)

    wanted = {message.key: message.text for message in render(records)}
    keys = stage.keys()
    assert {key: stage.standing(key)["text"] for key in keys} == wanted


async def test_a_lease_is_renewed_while_there_is_nothing_to_say(stage: Stage):
    run = stage.append(until(night("good"), Kind.GATE_SHOWN, gate="G1"))
    clock = HandClock()
    speaker = stage.speaker(clock, holder="one", **AT_ONCE)
    other = stage.speaker(clock, holder="two", **AT_ONCE)
    await speaker.settle(run)
    for _ in range(10):
        clock.passed += LEASE_TTL / 4
        await speaker.catch_up()
        await other.catch_up()
        await other.speak(run)

    current = stage.stores.leases.current(f"chat:{run}")

    assert current is not None
    assert (current.holder, current.epoch) == ("one", 1)


# ---------------------------------------------------------------------------------- task cards


def blocks_of(stage: Stage, key: str) -> set[str]:
    return {block["type"] for block in stage.standing(key)["blocks"]}


def posts_of(stage: Stage, records: tuple[Record, ...]) -> str:
    return stage.append(until(records, Kind.GATE_OPENED, step="PROPOSAL"))


async def test_steps_are_task_cards_where_slack_takes_them(stage):
    run = posts_of(stage, night("good"))
    await stage.speaker().settle(run)

    assert "plan" in blocks_of(stage, f"{run}/root")


@pytest.mark.parametrize(("setting", "asked"), [("auto", 1), ("on", 3), ("off", 0)])
async def test_an_older_slack_gets_sections_and_is_asked_as_often_as_the_settings_say(
    stage, setting, asked
):
    stage.slack.workspace.without_blocks = frozenset({"plan", "task_card"})
    records = night("good")
    run = posts_of(stage, records)
    speaker = stage.speaker(task_cards=setting)
    await speaker.settle(run)
    told = len(stage.stores.journal.read(run))
    stage.append(records[told : len(until(records, Kind.DONE, step="PROPOSAL"))])
    await speaker.settle(run)

    assert "plan" not in blocks_of(stage, f"{run}/root")
    assert "section" in blocks_of(stage, f"{run}/root")
    refused = [
        line
        for line in await stage.people.traffic()
        if line.get("error") == "invalid_blocks" or "invalid_blocks" in str(line.get("answer"))
    ]
    # "on" asks with the root's post and its edit, and with the post of the preparation.
    assert len(refused) == asked
    assert stage.keys().count(f"{run}/root") == 1


async def test_a_fresh_process_tries_the_cards_once_more(stage):
    stage.slack.workspace.without_blocks = frozenset({"plan", "task_card"})
    records = night("good")
    run = posts_of(stage, records)
    first = stage.speaker()
    await first.settle(run)
    await first.close()
    stage.slack.workspace.without_blocks = frozenset()
    told = len(stage.stores.journal.read(run))
    stage.append(records[told : len(until(records, Kind.DONE, step="PROPOSAL"))])
    await stage.speaker().settle(run)

    assert "plan" in blocks_of(stage, f"{run}/root")


@pytest.mark.parametrize("error", ["ekm_access_denied", "something_new"])
async def test_what_is_refused_whatever_it_says_keeps_its_buttons(stage, monkeypatch, error):
    run, speaker = await asked_for(stage)
    before = blocks_of(stage, f"{run}/gate/G2")

    def refuses(_call: Call) -> NoReturn:
        raise Refused(error)

    there = len(stage.stores.journal.read(run))
    stage.append(until(night("good"), Kind.VOTED, gate="G2")[there:])
    with monkeypatch.context() as away:
        away.setitem(METHODS, "chat.update", refuses)
        await speaker.speak(run)
        await stage.clock.sleep(timedelta(seconds=20))
    await stage.clock.sleep(timedelta(seconds=300))
    await speaker.settle(run)

    assert "actions" in before
    assert blocks_of(stage, f"{run}/gate/G2") == before
    assert "1 of 2" in str(stage.standing(f"{run}/gate/G2"))


# ------------------------------------------------------------------------ what stands twice


async def twin_of(stage: Stage, key: str, root: str) -> str:
    """Have Slack take a post late, which was posted again meanwhile."""
    client = AsyncWebClient(token="xoxb-localslack", base_url=stage.slack.base_url)
    metadata = {"event_type": "hotfix", "event_payload": {"key": key}}
    said = await client.chat_postMessage(
        channel=CHANNEL, thread_ts=root, text="late", metadata=metadata
    )
    return str(said["ts"])


async def test_a_message_that_stands_twice_is_taken_back_but_not_while_it_shows_a_no(stage: Stage):
    records = until(night("good"), Kind.GATE_SHOWN, gate="G2")
    run = stage.append(records)
    speaker = stage.speaker()
    await speaker.settle(run)
    root, key = stage.delivery(f"{run}/root").ts or "", f"{run}/gate/G2"
    silent, refused = [await twin_of(stage, key, root) for _ in range(2)]
    await stage.people.act("ana", "react", channel=CHANNEL, ts=refused, emoji="x")

    for _ in range(2):
        ours = {
            m["ts"]: key for m in stage.messages() if m["metadata"]["event_payload"] == {"key": key}
        }
        await speaker.stood(run, root, "0", {m["ts"] for m in stage.messages()}, ours)
        await speaker.settle(run)

    places = [m["ts"] for m in stage.messages()]
    assert silent not in places
    assert refused in places, "its no would be lost with it"
    assert stage.delivery(key).ts in places

    await stage.people.act("ana", "unreact", channel=CHANNEL, ts=refused, emoji="x")
    await speaker.stood(run, root, "0", set(places), {refused: key})
    await speaker.settle(run)

    assert stage.keys() == expected(records)


async def test_a_copy_that_shows_a_no_goes_once_its_gate_is_over(stage: Stage):
    records = until(night("good"), Kind.GATE_SHOWN, gate="G2")
    run = stage.append(records)
    speaker = stage.speaker()
    await speaker.settle(run)
    root, key = stage.delivery(f"{run}/root").ts or "", f"{run}/gate/G2"
    copy = await twin_of(stage, key, root)
    await stage.people.act("ana", "react", channel=CHANNEL, ts=copy, emoji="x")
    await speaker.stood(run, root, "0", {m["ts"] for m in stage.messages()}, {copy: key})
    await speaker.settle(run)
    assert copy in [m["ts"] for m in stage.messages()]

    stage.append(night("good")[len(records) :])
    await speaker.settle(run)

    assert copy not in [m["ts"] for m in stage.messages()]


async def comes_to_stand(stage: Stage, keys: Sequence[str]) -> None:
    """Wait until this stands, and nothing twice; each question lets the speaker run a little."""
    async with asyncio.timeout(PATIENCE_S):
        while stage.keys() != keys:
            await stage.people.state()


@pytest.mark.parametrize("seen_after", [1, 2])
async def test_a_root_that_slack_shows_late_is_taken_back(
    stage: Stage, monkeypatch: pytest.MonkeyPatch, seen_after: int
):
    records = until(night("good"), Kind.GATE_SHOWN, gate="G1")
    run = stage.append(records)
    places, looks = Search.places, 0

    async def late(self: Search, current: Comparison, message: Message) -> AsyncIterator[str]:
        nonlocal looks
        looks += 1
        if looks > seen_after:
            async for ts in places(self, current, message):
                yield ts

    monkeypatch.setattr(Search, "places", late)
    await stage.people.fault("lose_response", method="chat.postMessage", n=1)

    await stage.speaker().settle(run)
    assert stage.keys().count(f"{run}/root") == 2

    await comes_to_stand(stage, expected(records))

    assert looks == seen_after + 1
    assert stage.delivery(f"{run}/root").ts == stage.standing(f"{run}/root")["ts"]


async def test_after_a_restart_a_root_that_is_still_young_is_looked_for_as_well(
    stage: Stage, monkeypatch: pytest.MonkeyPatch
):
    records = until(night("good"), Kind.GATE_SHOWN, gate="G1")
    run = stage.append(records)

    async def blind(self: Search, current: Comparison, message: Message) -> AsyncIterator[str]:
        for ts in list[str]():
            yield ts

    await stage.people.fault("lose_response", method="chat.postMessage", n=1)
    with monkeypatch.context() as patched:
        patched.setattr(Search, "places", blind)
        first = stage.speaker()
        await first.settle(run)
        await first.close()
    assert stage.keys().count(f"{run}/root") == 2

    stage.speaker(holder="another").wake(run)

    await comes_to_stand(stage, expected(records))


async def from_a_copy(stage: Stage, copy: Sequence[Record]) -> str:
    """Lose the database, and put one in its place that ends with `copy`; return the run."""
    run = copy[0].stream
    kept = stage.stores.deliveries.all(f"{run}/")
    stage.stores = MemoryStores()
    stage.append(copy)
    known = expected(copy)
    for delivery in kept:
        if delivery.message_key in known:
            stage.stores.deliveries.save(delivery)
    await stage.clock.sleep(timedelta(seconds=60))
    body = {"holder": "second", "version": "1", "copy": "c1", "last": None}
    at = stage.clock.now()
    taken_up = replace(copy[-1], kind=Kind.TAKEN_UP, at=at, by="engine", body=body)
    stage.append([taken_up])
    return run


async def test_what_was_told_in_a_time_that_a_copy_does_not_have_stays(stage: Stage):
    copy = until(night("good"), Kind.GATE_SHOWN, gate="G2")
    lost = until(night("good"), Kind.DONE, step="A.ADMIN_DOWN")
    stage.append(lost)
    first = stage.speaker()
    await first.settle(copy[0].stream)
    await first.close()
    told = {m["ts"]: m["metadata"]["event_payload"]["key"] for m in stage.messages()}
    run = await from_a_copy(stage, copy)
    speaker = stage.speaker()
    await speaker.settle(run)

    root = stage.delivery(f"{run}/root").ts or ""
    below = {ts: key for ts, key in told.items() if ts != root}
    await speaker.stood(run, root, "0", set(told), below)
    await speaker.settle(run)

    keys = stage.keys()
    assert any(keys.count(key) == 2 for key in keys), "the numbers begin again"
    assert set(told) <= {m["ts"] for m in stage.messages()}


async def test_what_a_former_life_posted_is_not_found_again(stage: Stage):
    copy = until(night("good"), Kind.GATE_SHOWN, gate="G2")
    stage.append(copy)
    first = stage.speaker()
    await first.settle(copy[0].stream)
    await first.close()
    run = await from_a_copy(stage, copy)
    gate = stage.delivery(f"{run}/gate/G2")
    stage.stores.deliveries.save(replace(gate, ts=None, state="sending"))

    await stage.speaker().settle(run)

    assert float(stage.delivery(gate.message_key).ts or 0) > float(gate.ts or 0)

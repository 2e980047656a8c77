"""The form that changes a proposal: opened, filled in, refused at its fields, and sent."""

import asyncio
from collections.abc import AsyncIterator
from dataclasses import replace
from typing import Any

import pytest

from bot.localslack.client import ControlClient
from bot.views import render
from engine.canon import from_json, to_json
from engine.facts import MemberFacts
from engine.journal import Kind
from engine.proposals import Change
from storage.records import Delivery, Draft, RunRow
from tests.slack.house import CHANNEL, RITA, House
from tests.slack.watch import PATIENCE_S, clock_is_awaited
from tests.unit.builders import NAME, NOW, member, without_package

RUN = "hf-000001"


class Proposal(House):
    """A house in which a run of four members waits for the approval of its proposal."""

    async def propose(self, *away: MemberFacts) -> str:
        """Ask, and return where the message stands; these members were seen like this."""
        self.add_run(RUN)
        facts, plan = without_package(), self.runs.story(RUN).plan
        seen = facts.without(one.id for one in away)
        facts = replace(seen, members=(*seen.members, *away))
        self.append(Kind.SEEN, {"facts": to_json(facts), "changes": []}, seq=2)
        body = {
            "step": "PROPOSAL",
            "code": "7K3F",
            "plan_digest": plan.digest,
            "revision": 1,
            "facts_digest": facts.digest(NAME),
            "facts": facts.digested(NAME),
            "evidence": {"at": NOW.isoformat()},
            "expires_at": "2026-03-02T22:30:00+00:00",
            "roles": ["network"],
            "votes": 1,
        }
        self.append(Kind.GATE_OPENED, body, seq=3)
        root = await self.post(f"{RUN}/root")
        message = next(m for m in render(self.stores.journal.read(RUN)) if m.gate == "G1")
        said = await self.client.chat_postMessage(
            channel=CHANNEL, text=message.text, blocks=list(message.blocks), thread_ts=root
        )
        ts = str(said["ts"])
        self.stores.deliveries.save(Delivery(message.key, CHANNEL, ts, "digest", "sent"))
        return ts

    def append(self, kind: Kind, body: dict[str, Any], *, seq: int) -> None:
        index = RunRow(RUN, "site-1", "install", open=True, occupies=True, wake_at=None)
        draft = Draft(kind, self.clock.now(), "engine", body)
        self.stores.journal.append(RUN, [draft], lease=None, last_seq=seq, index=index)


@pytest.fixture
async def house(slack) -> AsyncIterator[Proposal]:
    built = Proposal(slack)
    await built.connect()
    yield built
    await built.close()


@pytest.fixture
async def form(house, people, watch) -> dict[str, Any]:
    ts = await house.propose()
    await people.act("rita", "click", channel=CHANNEL, ts=ts, action_id="change:open")
    opened = await watch.until("view_opened", user=RITA)
    view: dict[str, Any] = opened["view"]
    return view


def blocks(view: dict[str, Any]) -> dict[str, dict[str, Any]]:
    return {block["block_id"]: block for block in view["blocks"]}


def shown(view: dict[str, Any]) -> dict[str, Any]:
    return {
        block["block_id"]: next(
            value.get("value") or (value.get("selected_option") or {}).get("value")
            for value in view["state"]["values"][block["block_id"]].values()
        )
        for block in view["blocks"]
        if block["type"] == "input"
    }


async def told(people: ControlClient) -> str:
    async with asyncio.timeout(PATIENCE_S):
        while not (seen := (await people.state())["ephemerals"].get(RITA)):
            continue
    return str(seen[0]["text"])


async def sent(house: House) -> Change:
    async with asyncio.timeout(PATIENCE_S):
        while not house.woken:
            await house.client.api_test()
    (row,) = house.rows
    assert row.body["verb"] == "change"
    assert row.run == RUN
    change: Change = from_json(Change, row.body["change"])
    return change


async def test_it_shows_the_proposal_as_it_is_and_whom_it_is_about(form):
    assert shown(form) == {
        "groups": "2",
        "part:2:A": "1_1-1_2",
        "part:2:B": "1_3-1_4",
        "order:2": "vendor",
    }
    assert form["title"]["text"] == "Change the proposal"
    first = form["blocks"][0]["text"]["text"]
    assert "`site-1` has 4 members, 1_1-1_4; the SMO is 1_1" in first
    assert "the votes for this proposal no longer count" in first


async def test_what_is_sent_is_one_row_for_its_run_bound_to_the_revision(house, people, form):
    await people.act("rita", "submit", values={"order:2": "swap"})

    change = await sent(house)
    assert change == Change(
        split=(("1_1", "1_2"), ("1_3", "1_4")), order="listed", listed=("B", "A")
    )
    (row,) = house.rows
    assert row.key == f"view:{form['id']}:{form['hash']}"
    assert row.body["revision"] == 1
    assert row.body["user"] == RITA
    assert row.body["answer"]["channel"] == CHANNEL
    assert (await people.state())["views"] == []


@pytest.mark.parametrize(
    ("values", "errors"),
    [
        (
            {"part:2:A": "1_1-1_3", "part:2:B": "1_4"},
            {"part:2:A": "3 members here and 1 in B: sizes may differ by one at most."},
        ),
        ({"part:2:B": "1_3"}, {"part:2:B": "1_4 is in no group yet."}),
        ({"part:2:B": "1_2, 1_3-1_4"}, {"part:2:B": "1_2 stands in A as well."}),
        ({"part:2:A": "1_1,1_2,1_9"}, {"part:2:A": "1_9 is not in this Security Group."}),
        (
            {"part:2:A": "everybody"},
            {"part:2:A": "These are no members; write them like 1_1-1_4 or 1_1,1_3."},
        ),
        ({}, {"order:2": "The proposal says that already; nothing is otherwise."}),
    ],
)
async def test_what_is_wrong_is_told_at_its_field_and_nothing_is_stored(
    house, people, form, values, errors
):
    refused = await people.act("rita", "submit", values=values)

    assert refused["errors"] == errors
    assert house.rows == []
    assert len((await people.state())["views"]) == 1

    await people.act("rita", "submit", values={"part:2:A": "1_1,1_3", "part:2:B": "1_2,1_4"})
    assert (await sent(house)).split == (("1_1", "1_3"), ("1_2", "1_4"))


async def test_another_number_of_groups_fills_in_the_form_anew(house, people, watch, form):
    await people.act("rita", "click", view_id=form["id"], action_id="change:groups", value="3")
    three = (await watch.until("view_updated", user=RITA))["view"]

    assert shown(three) == {
        "groups": "3",
        "part:3:A": "1_1-1_2",
        "part:3:B": "1_3",
        "part:3:C": "1_4",
        "order:3": "vendor",
        "listed:3": "A, B, C",
    }
    refused = await people.act("rita", "submit", values={"order:3": "listed", "listed:3": "C, A"})
    assert refused["errors"] == {
        "listed:3": "The order must name every group exactly once: A, B, C."
    }
    await people.act("rita", "submit", values={"order:3": "listed", "listed:3": "c a b"})
    assert await sent(house) == Change(
        split=(("1_1", "1_2"), ("1_3",), ("1_4",)), order="listed", listed=("C", "A", "B")
    )


async def test_a_member_that_is_out_of_service_can_be_ticked_and_the_others_are_filled_in(
    house, people, watch
):
    away = member(4, state="DOWN", own_state="DOWN", notes=("FSYNC",), packages=())
    ts = await house.propose(away)
    await people.act("rita", "click", channel=CHANNEL, ts=ts, action_id="change:open")
    view = (await watch.until("view_opened", user=RITA))["view"]
    box = blocks(view)["out"]["element"]
    assert [(one["value"], one["text"]["text"]) for one in box["options"]] == [
        ("1_4", "1_4: DOWN (FSYNC)")
    ]

    await people.act("rita", "click", view_id=view["id"], action_id="change:out", value=["1_4"])
    drawn = (await watch.until("view_updated", user=RITA))["view"]
    ticked = blocks(drawn)["out"]["element"]["initial_options"]
    assert [one["value"] for one in ticked] == ["1_4"]
    typed = {key: one["element"] for key, one in blocks(drawn).items() if key.startswith("part:")}
    assert [one["initial_value"] for one in typed.values()] == ["1_1-1_2", "1_3"]

    await people.act("rita", "submit", values={"out": ["1_4"]})
    assert await sent(house) == Change(
        split=(("1_1", "1_2"), ("1_3",)), order="vendor", left_out=("1_4",)
    )


async def test_a_form_for_a_proposal_that_is_over_is_not_opened(house, people):
    ts = await house.propose()
    closed = {"step": "PROPOSAL", "outcome": "rejected", "reason": "no"}
    house.append(Kind.GATE_CLOSED, closed, seq=4)

    await people.act("rita", "click", channel=CHANNEL, ts=ts, action_id="change:open")

    assert await told(people) == "This proposal is not asked any more, so it cannot be changed."
    assert (await people.state())["views"] == []


async def test_a_form_that_comes_too_late_is_said_so(house, people, clock):
    ts = await house.propose()
    await people.fault("slow", method="views.open", seconds=4)

    await people.act("rita", "click", channel=CHANNEL, ts=ts, action_id="change:open")
    await clock_is_awaited(people, clock, 4.1)
    clock.advance(4)

    assert "The form could not be opened: it took too long" in await told(people)
    assert house.rows == []


async def test_the_same_submission_again_is_one_row(house, people, form):
    await people.fault("duplicate_envelope")
    await people.act("rita", "submit", values={"order:2": "swap"})

    await sent(house)
    async with asyncio.timeout(PATIENCE_S):
        while house.inbox.puts < 2:
            await people.state()
    assert len(house.rows) == 1


async def test_a_submission_that_cannot_be_stored_keeps_the_form_open(
    house, people, clock, watch, form
):
    house.inbox.failures = 1
    sending = asyncio.ensure_future(people.act("rita", "submit", values={"order:2": "swap"}))
    async with asyncio.timeout(PATIENCE_S):
        while house.inbox.puts == 0:
            await people.state()
    clock.advance(3)

    assert (await sending)["error"] == "operation_timeout"
    assert house.rows == []
    assert len((await people.state())["views"]) == 1


async def test_words_in_the_thread_are_bound_to_the_revision_that_stands_there(house, people):
    await house.propose()
    root = next(
        d.ts for d in house.stores.deliveries.all(f"{RUN}/root") if d.message_key == f"{RUN}/root"
    )
    await people.act(
        "rita", "mention", channel=CHANNEL, thread_ts=root, text="change groups 3 order C,A,B"
    )

    assert await sent(house) == Change(groups=3, order="listed", listed=("C", "A", "B"))
    assert house.rows[0].body["revision"] == 1
    assert house.rows[0].key.startswith("evt:app_mention/")

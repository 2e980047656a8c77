"""Who is who, what they vote now, and how one of them is told something: failing closed."""

import asyncio
from collections.abc import AsyncIterator
from dataclasses import replace
from datetime import timedelta
from types import SimpleNamespace
from typing import Any

import pytest
from aiohttp import web
from aiohttp.test_utils import TestServer

from bot.localslack.methods import METHODS
from bot.localslack.model import Message
from bot.people import PlainAnswers, Self, SlackAnswers, SlackPeople
from bot.reactions import lost_under
from engine.errors import PeopleUnreadable, StopUnheard
from engine.ports import Ballot
from storage.records import Delivery
from tests.slack.house import (
    ANA,
    BEN,
    BOT,
    CHANNEL,
    GUS,
    NOOR,
    RITA,
    ROLES,
    House,
    add_run,
    app_writes,
    chatter,
    post_copy,
)
from tests.slack.watch import PATIENCE_S, Watch

YES = "white_check_mark"


@pytest.fixture
async def house(slack) -> AsyncIterator[House]:
    """Build the Slack side of a bot; these tests need no connection."""
    built = House(slack)
    yield built
    await built.handler.client.close()
    built.stores.close()


@pytest.fixture
def asked(house) -> SlackPeople:
    """Return what the engine asks."""
    return SlackPeople(house.client, house.clock, house.me, ROLES, house.stores.deliveries)


async def react(people, ts: str, *reactions: tuple[str, str]) -> None:
    for user, emoji in reactions:
        await people.act(user, "react", channel=CHANNEL, ts=ts, emoji=emoji)


# ------------------------------------------------------------------------------------- ballots


async def test_ballots_are_what_the_message_shows_now_without_the_bots_own(house, people, asked):
    _, ts = await house.ask()
    for name in (YES, "x"):
        await house.client.reactions_add(channel=CHANNEL, timestamp=ts, name=name)
    assert await asked.ballots(CHANNEL, ts) == []

    await react(people, ts, ("ana", YES), ("ben", "heavy_check_mark"), ("noor", "no_entry"))
    await react(people, ts, ("gus", "eyes"), ("rita", YES), ("rita", "x"))

    assert await asked.ballots(CHANNEL, ts) == [
        Ballot(ANA, "yes", "reaction"),
        Ballot(BEN, "yes", "reaction"),
        Ballot(NOOR, "no", "reaction"),
        Ballot(RITA, "no", "reaction"),
        Ballot(RITA, "yes", "reaction"),
    ]


async def test_a_ballot_taken_back_is_gone(house, people, asked):
    _, ts = await house.ask()
    await react(people, ts, ("ana", YES))
    await people.act("ana", "unreact", channel=CHANNEL, ts=ts, emoji=YES)

    assert await asked.ballots(CHANNEL, ts) == []


async def test_two_emoji_of_one_meaning_are_one_ballot(house, people, asked):
    _, ts = await house.ask()
    await react(people, ts, ("ana", YES), ("ana", "heavy_check_mark"))

    assert await asked.ballots(CHANNEL, ts) == [Ballot(ANA, "yes", "reaction")]


async def test_everybody_is_counted_however_many_there_are(house, people, asked):
    _, ts = await house.ask()
    await react(people, ts, *((who, YES) for who in ("ana", "ben", "noor", "rita", "gus")))

    assert {b.user for b in await asked.ballots(CHANNEL, ts)} == {ANA, BEN, NOOR, RITA, GUS}


async def test_a_message_that_is_gone_is_no_empty_ballot(house, asked):
    with pytest.raises(PeopleUnreadable, match="message_not_found"):
        await asked.ballots(CHANNEL, "1800000000.000009")


@pytest.mark.parametrize("method", ["reactions.get", "auth.test"])
async def test_slack_away_is_no_empty_ballot(house, people, asked, method):
    _, ts = await house.ask()
    await react(people, ts, ("ana", YES))
    await people.fault("server_error", method=method, n=9)

    with pytest.raises(PeopleUnreadable):
        await asked.ballots(CHANNEL, ts)


async def test_slack_that_cannot_be_reached_is_no_empty_ballot(house, slack, asked):
    _, ts = await house.ask()
    await slack.stop()

    with pytest.raises(PeopleUnreadable):
        await asked.ballots(CHANNEL, ts)


async def test_a_rate_limit_is_waited_for(house, people, asked, clock):
    _, ts = await house.ask()
    await react(people, ts, ("ana", YES))
    await people.fault("rate_limit", method="reactions.get", seconds=0)

    assert len(await asked.ballots(CHANNEL, ts)) == 1


# ----------------------------------------------------------------------------- ballots as text


async def write(people, root: str, user: str, text: str) -> str:
    return str(
        (await people.act(user, "mention", channel=CHANNEL, thread_ts=root, text=text))["ts"]
    )


async def test_words_in_the_thread_are_ballots_in_the_order_in_which_they_were_said(
    house, people, asked
):
    root, ts = await house.ask()
    await write(people, root, "ana", "approve G2 7k3f")
    await write(people, root, "ben", "reject G2 the policy &amp; more")
    await write(people, root, "ana", "withdraw G2")
    await react(people, ts, ("noor", YES))

    assert await asked.ballots(CHANNEL, ts) == [
        Ballot(NOOR, "yes", "reaction"),
        Ballot(ANA, "yes", "text", "G2", "7K3F"),
        Ballot(BEN, "no", "text", "G2", reason="the policy &amp; more"),
        Ballot(ANA, "withdraw", "text", "G2"),
    ]


async def test_a_word_that_is_deleted_is_gone_and_an_edited_one_counts_as_it_reads_now(
    house, people, asked
):
    root, ts = await house.ask()
    gone = await write(people, root, "ana", "approve G2 7K3F")
    changed = await write(people, root, "ben", "approve G2 7K3F")

    await people.act("ana", "delete", channel=CHANNEL, ts=gone)
    await people.act("ben", "edit", channel=CHANNEL, ts=changed, text="@hotfix reject G2")

    assert await asked.ballots(CHANNEL, ts) == [Ballot(BEN, "no", "text", "G2")]


@pytest.mark.parametrize("text", ["withdraw!", "*withdraw* G2", ", withdraw G2"])
async def test_a_yes_is_taken_back_however_hasty_that_is_written(house, people, asked, text):
    root, ts = await house.ask()
    await write(people, root, "ana", "approve G2 7K3F")
    await write(people, root, "ana", text)

    ballots = await asked.ballots(CHANNEL, ts)
    assert [(one.user, one.choice) for one in ballots] == [(ANA, "yes"), (ANA, "withdraw")]


@pytest.mark.parametrize(
    "text",
    ["approve G2", "approve G2 7K3F please", "status", "halt", "aprove G2 7K3F", "why"],
)
async def test_what_is_no_vote_as_it_stands_is_no_ballot(house, people, asked, text):
    root, ts = await house.ask()
    await write(people, root, "ana", text)

    assert await asked.ballots(CHANNEL, ts) == []


async def test_talk_elsewhere_or_by_the_bot_is_no_ballot(house, people, asked):
    root, ts = await house.ask()
    mention = f"<@{BOT}> approve G2 7K3F"
    await people.act("ana", "message", channel=CHANNEL, text=mention)
    await people.act("ana", "message", channel=CHANNEL, thread_ts=root, text="approve G2 7K3F")
    await house.client.chat_postMessage(channel=CHANNEL, thread_ts=root, text=mention)

    assert await asked.ballots(CHANNEL, ts) == []


async def test_a_word_above_the_message_says_so_until_its_author_edits_it(
    house, slack, people, asked
):
    root = await house.post("hf-000001/root")
    said = await write(people, root, "ana", "reject")
    ts = await house.post("hf-000001/gate/G2", thread_ts=root)

    assert await asked.ballots(CHANNEL, ts) == [Ballot(ANA, "no", "text", above=said)]

    slack.workspace.channels[CHANNEL].messages[said].edited = {"user": ANA, "ts": later(ts)}

    assert await asked.ballots(CHANNEL, ts) == [Ballot(ANA, "no", "text")]


def later(ts: str) -> str:
    """Return the second after this one; Slack tells of an edit in whole ones."""
    return f"{int(float(ts)) + 1}.000000"


def types(slack, root: str, text: str, user: str = ANA) -> None:
    """Have a person write what Slack leaves as it is typed, as it does with what is pasted."""
    slack.workspace.post(Message(CHANNEL, slack.workspace.new_ts(), user, text, thread_ts=root))


async def test_of_what_only_names_the_bot_a_stop_counts_and_a_yes_does_not(house, slack, asked):
    root, ts = await house.ask()
    types(slack, root, "@hotfix approve G2 7K3F")
    types(slack, root, "@hotfix reject G2", BEN)
    types(slack, root, "@Hotfix, withdraw!", NOOR)

    assert [(one.user, one.choice) for one in await asked.ballots(CHANNEL, ts)] == [
        (BEN, "no"),
        (NOOR, "withdraw"),
    ]


async def test_a_stop_that_only_names_the_bot_is_heard_before_any_vote_counts(house, slack):
    run = add_run(house.stores, house.clock)
    root, ts = await house.ask()
    types(slack, root, "@hotfix halt!")

    with pytest.raises(StopUnheard):
        await house.people.ballots(CHANNEL, ts)

    (row,) = house.stores.inbox.waiting()
    assert (row.run, row.body["verb"], row.body["user"]) == (run, "halt", ANA)


async def test_what_another_app_writes_is_nobodys_vote(house, slack, asked):
    root, ts = await house.ask()
    app_writes(slack, root, f"<@{BOT}> approve G2 7K3F")

    assert await asked.ballots(CHANNEL, ts) == []


async def test_words_that_somebody_else_edited_are_nobodys(house, slack, people, asked):
    root, ts = await house.ask()
    said = await write(people, root, "ana", "approve G2 7K3F")
    message = slack.workspace.channels[CHANNEL].messages[said]
    message.edited = {"user": BEN, "ts": said}

    assert await asked.ballots(CHANNEL, ts) == []


@pytest.mark.parametrize("text", ["halt", "pause", "halt NOW!"])
async def test_a_stop_whose_event_was_lost_is_heard_once_before_any_vote_counts(
    house, people, text
):
    run = add_run(house.stores, house.clock)
    root, ts = await house.ask()
    said = await write(people, root, "ana", text)
    await react(people, ts, ("noor", YES))

    with pytest.raises(StopUnheard):
        await house.people.ballots(CHANNEL, ts)

    (row,) = house.stores.inbox.waiting()
    assert (row.key, row.run, row.kind) == (f"evt:app_mention/{CHANNEL}/{said}", run, "word")
    assert (row.body["verb"], row.body["user"]) == (text.split()[0], ANA)
    assert await house.people.ballots(CHANNEL, ts) == [Ballot(NOOR, "yes", "reaction")]
    assert len(house.stores.inbox.waiting()) == 1


async def test_a_stop_made_by_an_edit_is_heard_before_any_vote_counts(house, people):
    add_run(house.stores, house.clock)
    root, ts = await house.ask()
    said = await write(people, root, "ana", "hatl")
    await house.threads.read_back()
    await people.act("ana", "edit", channel=CHANNEL, ts=said, text="@hotfix halt")
    await react(people, ts, ("noor", YES))

    with pytest.raises(StopUnheard):
        await house.people.ballots(CHANNEL, ts)

    assert await house.people.ballots(CHANNEL, ts) == [Ballot(NOOR, "yes", "reaction")]


async def test_a_stop_said_right_before_the_gate_was_shown_is_heard_as_well(house, people):
    add_run(house.stores, house.clock)
    root = await house.post("hf-000001/root")
    await write(people, root, "ana", "halt")
    ts = await house.post("hf-000001/gate/G2", thread_ts=root)

    with pytest.raises(StopUnheard):
        await house.people.ballots(CHANNEL, ts)


async def test_a_word_behind_two_hundred_others_is_found(house, slack, people, asked):
    root, ts = await house.ask()
    chatter(slack, root, 201)
    await write(people, root, "ana", "reject G2")

    assert await asked.ballots(CHANNEL, ts) == [Ballot(ANA, "no", "text", "G2")]


@pytest.mark.parametrize("key", ["hf-000001/root", "hf-000001/gate/G2"])
async def test_a_thread_that_nobody_knows_is_not_an_empty_one(house, people, asked, key):
    _, ts = await house.ask()
    house.stores.deliveries.save(Delivery(key, "C0ELSE", "1.0", "digest", "sent"))

    with pytest.raises(PeopleUnreadable, match="in which thread"):
        await asked.ballots(CHANNEL, ts)


async def gate_again(house: House, root: str, thread: str, key: str) -> str:
    """Have a gate's message deleted and posted anew, as the speaker does."""
    row = house.stores.deliveries.by_ts(CHANNEL, root)
    assert row is not None
    house.stores.deliveries.save(replace(row, message_key=lost_under(row), state="deleted"))
    return await house.post(key, thread_ts=thread)


async def test_words_below_a_message_that_was_deleted_are_ballots_at_the_one_after_it(
    house, people, asked
):
    root, first = await house.ask()
    await write(people, root, "ben", "reject G2 the other site is down")
    again = await gate_again(house, first, root, "hf-000001/gate/G2")

    assert await asked.ballots(CHANNEL, again) == [
        Ballot(BEN, "no", "text", "G2", reason="the other site is down")
    ]


async def test_words_in_a_thread_whose_root_was_deleted_are_ballots_still(house, people, asked):
    root, first = await house.ask()
    await write(people, root, "ben", "reject G2")
    await people.change("user", "noor", is_admin=True)
    await people.act("noor", "delete", channel=CHANNEL, ts=root)
    new = await gate_again(house, root, "", "hf-000001/root")
    again = await gate_again(house, first, new, "hf-000001/gate/G2")
    await write(people, root, "ana", "withdraw G2")

    assert [(b.user, b.choice) for b in await asked.ballots(CHANNEL, again)] == [
        (BEN, "no"),
        (ANA, "withdraw"),
    ]


async def test_whoever_posts_is_told_of_a_message_that_is_gone(house, people, asked):
    _, ts = await house.ask()
    told: list[tuple[str, str]] = []

    async def gone(channel: str, place: str) -> None:
        told.append((channel, place))

    asked.on_gone = gone
    await house.client.chat_delete(channel=CHANNEL, ts=ts)

    with pytest.raises(PeopleUnreadable):
        await asked.ballots(CHANNEL, ts)

    assert told == [(CHANNEL, ts)]


async def test_a_thread_that_cannot_be_read_is_not_an_empty_one(house, people, asked):
    _, ts = await house.ask()
    await react(people, ts, ("ana", YES))
    await people.fault("server_error", method="conversations.replies", n=9)

    with pytest.raises(PeopleUnreadable):
        await asked.ballots(CHANNEL, ts)


# ------------------------------------------------------------------------------------- persons


async def test_a_person_has_a_name_and_may_vote(asked):
    person = await asked.person(ANA)

    assert (person.id, person.unfit) == (ANA, "")
    assert person.name
    assert person.timezone


@pytest.mark.parametrize(
    ("change", "reason"),
    [
        ({"deleted": True}, "it was deactivated"),
        ({"is_restricted": True}, "it is a guest"),
        ({"is_ultra_restricted": True}, "it is a guest"),
        ({"is_stranger": True}, "it is of another organisation"),
    ],
)
async def test_an_account_that_may_not_vote_says_why(people, asked, change, reason):
    await people.change("user", ANA, **change)

    assert (await asked.person(ANA)).unfit == reason


async def test_a_bot_may_not_vote(asked):
    assert (await asked.person(BOT)).unfit == "it is a bot"
    assert (await asked.person(GUS)).unfit == "it is a guest"


async def test_one_whom_slack_does_not_show_is_unfit_and_no_outage_is_that(people, asked):
    nobody = await asked.person("U0NOBODY00")

    assert (nobody.unfit, nobody.hidden) == ("Slack does not show this account", True)
    await people.fault("server_error", method="users.info", n=9)
    with pytest.raises(PeopleUnreadable):
        await asked.person("U0NOBODY00")


# --------------------------------------------------------------------------------------- roles


async def test_roles_come_from_settings_and_from_user_groups(asked):
    assert await asked.roles(ANA) == {"network"}
    assert await asked.roles(BEN) == {"network"}
    assert await asked.roles(RITA) == {"firewall"}
    assert await asked.roles(GUS) == frozenset()


async def test_a_user_group_is_asked_again_after_a_minute(house, people, asked):
    assert await asked.roles(BEN) == {"network"}
    await people.change("usergroup", "S0FWAPPROV0", users=["noor"])
    house.clock.passed += timedelta(seconds=60)
    assert await asked.roles(BEN) == {"network"}

    house.clock.passed += timedelta(seconds=1)

    assert await asked.roles(BEN) == frozenset()


async def test_a_user_group_that_cannot_be_read_is_not_an_empty_one(house, people, asked):
    assert await asked.roles(BEN) == {"network"}
    await people.fault("server_error", method="usergroups.users.list", n=9)
    house.clock.passed += timedelta(minutes=2)

    with pytest.raises(PeopleUnreadable):
        await asked.roles(BEN)
    assert await asked.roles(ANA), "who stands in the settings needs no user group"


async def test_in_a_user_group_that_slack_no_longer_has_is_nobody(house, people, asked):
    """Whoever has a right by another role keeps it: one lost group does not shut out everybody."""
    assert await asked.roles(BEN) == {"network"}
    await people.change("usergroup", "S0FWAPPROV0", disabled=True)
    house.clock.passed += timedelta(minutes=2)

    assert await asked.roles(BEN) == frozenset()
    assert await asked.roles(RITA) == {"firewall"}
    assert await asked.in_roles(["network"]) == {ANA}


# ------------------------------------------------------------------------------------- answers


async def whispered(watch: Watch, user: str) -> dict[str, Any]:
    return await watch.until("ephemeral_posted", to=user)


@pytest.mark.parametrize(
    ("home", "theirs", "ours", "unfit"),
    [
        ("T1", "", "", ""),
        ("T1", "E1", "E1", ""),
        ("T2", "E1", "E1", ""),
        ("T2", "", "", "it is of another workspace"),
        ("T2", "", "E1", "it is of another workspace"),
        ("T2", "E2", "", "it is of another workspace"),
        ("T2", "E2", "E1", "it is of another organisation"),
        ("T1", "E2", "E1", "it is of another organisation"),
    ],
)
async def test_only_a_known_and_equal_organisation_lets_another_workspaces_member_pass(
    house, people, home, theirs, ours, unfit
):
    class Grid:
        """Slack, as it answers in an organisation of several workspaces."""

        async def auth_test(self) -> SimpleNamespace:
            known = {"enterprise_id": ours} if ours else {}
            return SimpleNamespace(data={"user_id": "U1", "team_id": "T1", **known})

        async def users_info(self, *, user: str) -> SimpleNamespace:
            grid = {"enterprise_user": {"enterprise_id": theirs}} if theirs else {}
            return SimpleNamespace(
                data={"user": {"id": user, "name": "w", "team_id": home, **grid}}
            )

    grid: Any = Grid()
    asked = SlackPeople(grid, house.clock, Self(grid), ROLES, house.stores.deliveries)

    assert (await asked.person("W1")).unfit == unfit


async def test_an_answer_uses_the_commands_own_address_while_it_works(house, people, watch):
    house.handler.client.auto_reconnect_enabled = False
    await house.connect()
    await people.act("rita", "command", channel=CHANNEL, text="/hotfix install site-1 x.tgz")
    (row,) = house.rows
    watch_from_here = await whispered(watch, RITA)
    assert "Understood" in watch_from_here["text"]

    await house.answers.answer(row.body["answer"], "not begun")

    assert (await whispered(watch, RITA))["text"] == "not begun"


async def test_an_address_that_no_longer_works_falls_back_to_the_channel(house, slack, watch):
    to = {"channel": CHANNEL, "user": RITA, "response_url": f"{slack.url}commands/gone"}

    await house.answers.answer(to, "not begun")

    assert (await whispered(watch, RITA))["text"] == "not begun"


@pytest.mark.parametrize(
    ("body", "whispers"),
    [
        ('{"ok": false, "error": "expired_url"}', True),
        ("<html>Please log in</html>", True),
        ('{"ok": true}', False),
        ("ok", False),
    ],
)
async def test_an_address_may_refuse_with_a_status_of_200(house, people, body, whispers):
    async def answer(_: web.BaseRequest) -> web.Response:
        return web.Response(text=body)

    server = TestServer(web.Application())
    server.app.router.add_post("/used", answer)
    async with server:
        to = {"channel": CHANNEL, "user": RITA, "response_url": str(server.make_url("/used"))}
        await house.answers.answer(to, "not begun")

    told = (await people.state())["ephemerals"].get(RITA, [])
    assert [one["text"] for one in told] == (["not begun"] if whispers else [])


async def test_a_click_in_a_thread_is_answered_in_that_thread(house, people, watch):
    house.handler.client.auto_reconnect_enabled = False
    await house.connect()
    run = house.add_run()
    root = await house.post(f"{run}/root")
    pressed = {"type": "button", "action_id": "vote:yes", "value": "spoilt"}
    button = {**pressed, "text": {"type": "plain_text", "text": "Approve"}}
    posted = await house.client.chat_postMessage(
        channel=CHANNEL,
        text="G2",
        thread_ts=root,
        blocks=[{"type": "actions", "elements": [button]}],
    )

    await people.act(
        "ben", "click", channel=CHANNEL, ts=posted["ts"], action_id=pressed["action_id"]
    )

    told = await whispered(watch, BEN)
    assert "cannot be read" in told["text"]
    assert told["thread_ts"] == root, "elsewhere it would be read by who looks for it, or nobody"
    await house.handler.close_async()


async def test_an_answer_about_a_run_is_given_in_its_thread(house, watch):
    root = await house.post(f"{house.add_run()}/root")

    await house.answers.answer({"channel": CHANNEL, "user": ANA, "run": "hf-000001"}, "no vote")

    assert (await whispered(watch, ANA))["thread_ts"] == root


async def test_a_person_who_left_the_channel_is_written_to(house, people, watch):
    await people.change("channel", CHANNEL, members=["rita", "hotfix"])

    await house.answers.answer({"channel": CHANNEL, "user": ANA}, "no vote")

    posted = await watch.until("message_posted", text="no vote")
    assert posted["channel"].startswith("D")


SHARED = {
    "is_ext_shared": "shared with another organisation",
    "is_org_shared": "shared with other workspaces of your organisation",
    "is_pending_ext_shared": "shared with another organisation",
}


@pytest.mark.parametrize(("mark", "said"), SHARED.items())
async def test_in_a_channel_that_others_share_nothing_is_ordered_and_no_vote_can_be_read(
    house, people, asked, mark, said
):
    _, ts = await house.ask()
    await react(people, ts, ("ana", YES))
    assert await asked.shared(CHANNEL) == ""
    assert len(await asked.ballots(CHANNEL, ts)) == 1

    await people.change("channel", "firewall-ops", **{mark: True})
    house.clock.passed += timedelta(seconds=2)

    assert said in await asked.shared(CHANNEL)
    with pytest.raises(PeopleUnreadable, match=said):
        await asked.ballots(CHANNEL, ts)

    await people.change("channel", "firewall-ops", **{mark: False})
    house.clock.passed += timedelta(seconds=2)
    assert len(await asked.ballots(CHANNEL, ts)) == 1


async def test_a_channel_of_which_slack_says_no_more_than_it_must_is_one_to_ask_in(
    house, people, asked, monkeypatch
):
    _, ts = await house.ask()
    await react(people, ts, ("ana", YES))
    real = METHODS["conversations.info"]

    def info(call):
        answer = real(call)
        shown = {k: v for k, v in answer["channel"].items() if k != "is_member"}
        return {**answer, "channel": shown}

    monkeypatch.setitem(METHODS, "conversations.info", info)

    assert await asked.shared(CHANNEL) == ""
    assert len(await asked.ballots(CHANNEL, ts)) == 1


async def test_whether_a_channel_is_shared_is_never_guessed(house, people, asked):
    await people.fault("server_error", method="conversations.info", n=9)

    with pytest.raises(PeopleUnreadable):
        await asked.shared(CHANNEL)


async def test_what_is_no_channel_is_not_asked_about(house, people, asked):
    await people.fault("server_error", method="conversations.info", n=9)

    assert await asked.shared("D0000000001") == await asked.shared("") == ""


async def test_slacks_word_of_a_change_in_a_user_group_empties_what_is_remembered(
    house, people, watch
):
    await house.connect()
    assert "network" in await house.people.roles(BEN)

    await people.change("usergroup", "fw-approvers", users=["ana"])
    await watch.until_traffic("ack", ok=True)

    async with asyncio.timeout(PATIENCE_S):
        while "network" in await house.people.roles(BEN):
            await people.state()
    await house.handler.close_async()


@pytest.mark.parametrize("answer", ["empty", "unreadable"])
async def test_a_user_group_that_is_empty_or_unreadable_means_nobody(house, people, asked, answer):
    if answer == "empty":
        await people.change("usergroup", "fw-approvers", users=[])
        assert await asked.roles(NOOR) == frozenset()
        assert await asked.roles(ANA) == {"network"}, "who is listed is in the role all the same"
        return
    await people.fault("server_error", method="usergroups.users.list", n=9)
    with pytest.raises(PeopleUnreadable):
        await asked.roles(NOOR)


async def test_what_the_engine_says_mentions_nobody(house, watch):
    to = {"channel": CHANNEL, "user": ANA}

    await PlainAnswers(house.answers).answer(to, "frozen: <!channel> & <@U1>")

    assert (await whispered(watch, ANA))["text"] == "frozen: &lt;!channel&gt; &amp; &lt;@U1&gt;"


async def test_what_is_too_long_to_be_said_is_a_file_for_that_person_alone(house, slack, watch):
    to = {"channel": CHANNEL, "user": ANA}

    await PlainAnswers(house.answers).answer(to, "in short", file=("plan.txt", "line <1>\n" * 900))

    text = (await whispered(watch, ANA))["text"]
    assert text.startswith("in short\nAll of it is in <http")
    assert text.endswith("|plan.txt>, which I wrote to you directly.")
    (file,) = slack.workspace.files.values()
    assert (file.name, file.content) == ("plan.txt", b"line <1>\n" * 900)
    (where,) = file.shares
    assert set(slack.workspace.channels[where].members) == {ANA, BOT}


async def test_where_a_file_cannot_be_given_the_answer_still_comes(house, people, watch):
    await people.fault("server_error", method="files.getUploadURLExternal", n=9)
    to = {"channel": CHANNEL, "user": ANA}

    await house.answers.answer(to, "in short", file=("plan.txt", "long"))

    text = (await whispered(watch, ANA))["text"]
    assert (
        text
        == "in short\nMore is in `plan.txt`, which could not be sent to you now; ask again later."
    )


async def test_an_answer_that_nobody_can_hear_is_let_go(house, people, slack):
    await house.answers.answer({"user": "shell:root"}, "halted")
    await house.answers.answer({}, "halted")
    await slack.stop()
    await SlackAnswers(house.client, house.stores.deliveries).answer(
        {"channel": CHANNEL, "user": ANA}, "no vote"
    )


async def test_a_no_on_a_copy_counts_however_long_before_the_other_it_was_taken(
    house, slack, people, asked, monkeypatch
):
    root = await house.post("hf-000001/root")
    copy = await post_copy(house, "hf-000001/gate/G2", root)
    now = slack.workspace.now
    monkeypatch.setattr(slack.workspace, "now", lambda: now() + 3600)
    ts = await house.post("hf-000001/gate/G2", thread_ts=root)
    await react(people, copy, ("ana", "x"))

    assert await asked.ballots(CHANNEL, ts) == [Ballot(ANA, "no", "reaction")]


async def test_of_the_votes_on_a_second_copy_of_its_message_a_no_is_a_ballot(house, people, asked):
    root, ts = await house.ask()
    copy = await post_copy(house, "hf-000001/gate/G2", root)
    other = await post_copy(house, "hf-000001/gate/G3", root)
    await react(people, copy, ("ana", "x"), ("ben", YES), ("ana", YES))
    await react(people, other, ("noor", "x"))

    assert await asked.ballots(CHANNEL, ts) == [Ballot(ANA, "no", "reaction")]

"""The real Bolt app against a Slack on loopback: stored before the ack, answered, or let go."""

import asyncio
import copy
from collections.abc import AsyncIterator, Callable
from dataclasses import replace
from datetime import datetime, timedelta

import pytest
from slack_bolt.request.async_request import AsyncBoltRequest

from bot.reactions import lost_under
from bot.views import render
from bot.views.format import button
from engine.canon import from_json
from engine.journal import Kind
from engine.model import Request
from storage.records import HOUSE, Draft
from tests.slack.house import ANA, BEN, BOT, CHANNEL, NOOR, PACKAGE, RITA, House
from tests.slack.watch import PATIENCE_S, clock_is_awaited
from tests.unit.nights import night
from tests.unit.nights import until as until_record

YES = "white_check_mark"


@pytest.fixture(params=["socket", "http"])
async def house(slack, request) -> AsyncIterator[House]:
    """Run the Slack side of a bot, which Slack reaches in one of its two ways."""
    built = House(slack, transport=request.param)
    await built.connect()
    yield built
    await built.close()


async def say(people, text: str, user: str = "rita", channel: str = CHANNEL) -> str:
    """Give a command and return what the person sees."""
    seen = await people.act(user, "command", channel=channel, text=f"/hotfix {text}".rstrip())
    assert all(message["is_ephemeral"] for message in seen["saw"])
    return "\n".join(message["text"] for message in seen["saw"])


async def until(people, holds: Callable[[], bool]) -> None:
    """Wait until something holds; each question to the server lets others run."""
    async with asyncio.timeout(PATIENCE_S):
        while not holds():
            await people.state()


# ------------------------------------------------------------------------------------ commands


async def test_an_order_is_stored_before_its_ack_and_answered(house, people):
    told = await say(people, f"install site-1 {PACKAGE} ticket CHG1 split 1_1-1_4/1_5-1_8")

    (row,) = house.rows
    assert row.kind == "order"
    assert row.run is None
    assert row.key.startswith("cmd:")
    request = from_json(Request, row.body["request"])
    assert request.security_group == "site-1"
    assert (request.requester, request.requester_name, request.channel) == (RITA, "rita", CHANNEL)
    assert request.ticket == "CHG1"
    assert request.split == (("1_1", "1_2", "1_3", "1_4"), ("1_5", "1_6", "1_7", "1_8"))
    assert row.body["answer"]["user"] == RITA
    assert row.body["answer"]["response_url"].startswith("http")
    assert f"Understood: install `{PACKAGE}` on `site-1`" in told


@pytest.mark.parametrize("verb", ["install", "uninstall", "finish", "rollback"])
async def test_what_an_order_would_do_can_be_asked_without_ordering(house, people, verb):
    package = f" {PACKAGE}" if verb == "install" else ""

    told = await say(people, f"plan {verb} site-1{package}")

    (row,) = house.rows
    assert (row.kind, row.run) == ("plan", None)
    request = from_json(Request, row.body["request"])
    assert (request.kind, request.security_group, request.requester) == (verb, "site-1", RITA)
    assert row.body["answer"]["response_url"]
    assert "I only look, and begin nothing" in told


async def test_an_order_for_a_group_told_elsewhere_says_where(house, people):
    told = await say(people, f"install site-2 {PACKAGE}")

    assert "the proposal or the reason follows in <#C0000OTHER0>" in told
    assert house.rows[0].body["request"]["channel"] == "C0000OTHER0"


async def test_a_command_that_cannot_be_stored_fails_visibly_and_changes_nothing(
    house, people, clock, watch
):
    house.inbox.failures = 1
    waiting = people.act(
        "rita", "command", channel=CHANNEL, text=f"/hotfix install site-1 {PACKAGE}"
    )

    seen = asyncio.ensure_future(waiting)
    await watch.until_traffic("delivery", type="slash_commands")
    await until(people, lambda: house.inbox.puts > 0)
    if house.transport == "socket":
        clock.advance(3)
    answer = await seen

    # Over a socket there is no ack; over HTTP Slack sees at once that we failed.
    told = {"socket": "operation_timeout", "http": "http_service_error"}[house.transport]
    assert answer["error"] == told
    assert f'/hotfix failed with the error "{told}"' in answer["saw"][0]["text"]
    assert house.rows == []


async def test_a_duplicate_envelope_is_acked_and_dropped(house, people, watch):
    await people.fault("duplicate_envelope")

    await say(people, f"install site-1 {PACKAGE}")
    await until(people, lambda: house.inbox.puts == 2)

    assert len(house.rows) == 1


@pytest.mark.parametrize(
    ("text", "sentence"),
    [
        ("instal site-1 x.tgz", "Did you mean `/hotfix install site-1 x.tgz`?"),
        ("install site-9 x.tgz", "there is no group `site-9`"),
        ("install site-1 ../../etc/passwd", "cannot be a package"),
        ("abort", "No run is open."),
        ("abort hf-zzzzzz", "There is no run or group `hf-zzzzzz`"),
        ("retry site-2", "No run is open on `site-2`."),
        ("help", "tells how things stand"),
        ("", "tells how things stand"),
        ("status", "No run is open on `site-1`, `site-2`."),
        ("status site-1", "There was never a run on `site-1`."),
        ("status site-3", "did you mean `site-"),
        ("freeze", "I understood `freeze`, but not what"),
        (
            "freeze site-9 because x",
            "There is: `site-1`, `site-2`, `emea`, `all`",
        ),
        ("freeze site-1", "I understood `freeze site-1`, but not why"),
        ("freeze site-1 until tomorrow because x", "`because` is no time of day"),
        ("freeze site-1 until 2026-12-24 because x", "`because` is no time of day"),
        ("freeze site-1 tomorrow because x", "but not `tomorrow`"),
        ("freeze site-1 until 2026-03-02 21:00 because x", "has passed"),
        ("unfreeze site-1 please", "but not `please`"),
        ("freeze emae because x", "Did you mean `/hotfix freeze emea`?"),
        ("unfreeze apac", "there is no group or tag `apac`"),
        ("freeze emea from 2026-03-29 02:30 because x", "write `from 2026-03-29 01:59` for"),
    ],
)
async def test_what_is_no_order_is_answered_to_the_person_alone(house, people, text, sentence):
    before = (await people.channel("firewall-ops"))["messages"]

    assert sentence in await say(people, text)

    assert house.rows == []
    assert (await people.channel("firewall-ops"))["messages"] == before


@pytest.mark.parametrize(
    ("text", "until", "reason"),
    [
        ("freeze site-1 because the fair is on", None, "the fair is on"),
        ("freeze site-1 until 2026-03-02 23:30 because x", "2026-03-02T23:30:00+00:00", "x"),
        ("freeze all until 2026-03-03T01:00+02:00 because x", "2026-03-02T23:00:00+00:00", "x"),
    ],
)
async def test_a_freeze_is_stored_for_whoever_acts(house, people, text, until, reason):
    told = await say(people, text, user="ana")

    (row,) = house.rows
    assert (row.kind, row.run) == ("freeze", None)
    asked = {name: row.body[name] for name in ("verb", "scope", "until", "reason", "user")}
    scope = text.split()[1]
    assert asked == {
        "verb": "freeze", "scope": scope, "until": until, "reason": reason, "user": ANA
    }  # fmt: skip
    assert f"Understood: `freeze` `{scope}`" in told


async def test_a_freeze_of_a_tag_with_a_beginning_is_said_back_in_its_zone_and_everybodys(
    house, people
):
    told = await say(people, "freeze emea from fri 18:00 until mon 06:00 quarter end", user="ana")

    (row,) = house.rows
    assert {name: row.body[name] for name in ("scope", "groups", "zone", "begins", "until")} == {
        "scope": "emea",
        "groups": ["site-2"],
        "zone": "Europe/Berlin",
        "begins": "2026-03-06T17:00:00+00:00",
        "until": "2026-03-09T05:00:00+00:00",
    }
    assert "Understood: `freeze` `emea` (site-2) from Fri 6 Mar 18:00 CET (UTC+1)" in told
    assert "your time <!date^1772816400^" in told
    assert "until Mon 9 Mar 06:00 CET (UTC+1), your time <!date^1773032400^" in told
    assert "Days and times of day were read in Europe/Berlin." in told


async def test_what_stands_of_a_tag_that_nobody_bears_can_be_lifted(house, people):
    body = {"scope": "apac", "name": "ana", "reason": "x", "until": None, "groups": ["site-1"]}
    draft = Draft("FROZEN", house.clock.now(), ANA, body)
    house.stores.journal.append(HOUSE, [draft], lease=None, last_seq=0)

    assert "Understood: `unfreeze` `apac`" in await say(people, "unfreeze apac")

    assert [row.body["verb"] for row in house.rows] == ["unfreeze"]


async def test_status_says_what_will_be_frozen(house, people):
    body = {"scope": "emea", "name": "ana", "reason": "fair", "groups": ["site-2"], "zone": "UTC"}
    times = {"begins": "2026-03-06T17:00:00+00:00", "until": "2026-03-09T05:00:00+00:00"}
    draft = Draft("FROZEN", house.clock.now(), ANA, {**body, **times})
    house.stores.journal.append(HOUSE, [draft], lease=None, last_seq=0)
    sentence = (
        "🗓️ emea (site-2) will be frozen by ana from Fri 6 Mar 17:00 UTC until Mon 9 Mar 05:00 "
        "UTC: fair"
    )

    assert sentence in await say(people, "status")
    assert sentence in await say(people, "status site-2")
    assert "will be frozen" not in await say(people, "status site-1")


async def test_status_says_what_is_frozen(house, people):
    body = {"scope": "all", "name": "ana", "reason": "<!channel> fair", "until": None}
    draft = Draft("FROZEN", house.clock.now(), ANA, body)
    house.stores.journal.append(HOUSE, [draft], lease=None, last_seq=0)

    for text in ("status", "status site-1"):
        told = await say(people, text)
        assert "everything is frozen by ana until it is lifted: &lt;!channel&gt; fair" in told


async def test_help_shows_only_what_its_reader_may_do(house, people, watch):
    told = {who: await say(people, "help", user=who) for who in ("rita", "ana", "gus")}

    assert "/hotfix install" in told["rita"]
    assert "/hotfix retry" not in told["rita"], "operating is for network"
    assert "/hotfix retry" in told["ana"]
    assert "in no role that may order" in told["gus"], "a guest"
    assert all("/hotfix status" in text for text in told.values())

    await people.act("rita", "mention", channel=CHANNEL, text="help")
    in_thread = await watch.until("ephemeral_posted", to=RITA)
    assert "/hotfix retry" not in in_thread["text"]


async def test_help_while_slack_cannot_be_asked_shows_all_words(house, people):
    await people.fault("server_error", method="users.info", n=9)

    told = await say(people, "help", user="gus")

    assert "Slack could not be asked who you are" in told
    assert "/hotfix retry" in told


async def test_a_name_that_would_mention_everybody_mentions_nobody(house, people):
    told = await say(people, "install <!channel> x.tgz")

    assert "<!channel>" not in told
    assert "&lt;!channel&gt;" in told


async def test_commands_are_not_taken_in_other_channels(slack, house, people):
    house.settings.groups["site-1"].__dict__["channel"] = "C0000ELSE00"

    told = await say(people, f"install site-1 {PACKAGE}")

    assert "Commands are not taken in this channel; they are in <#C0000ELSE00>" in told
    assert house.rows == []


async def test_who_says_stop_is_told_what_stops_with_a_button_that_does(house, people):
    run = house.add_run()

    seen = await people.act("ana", "command", channel=CHANNEL, text="/hotfix STOP!")

    (told,) = seen["saw"]
    assert told["is_ephemeral"]
    assert told["text"].startswith("*Nothing was stopped. To stop, say `/hotfix halt`*")
    assert house.rows == []
    await people.act("ana", "click", channel=CHANNEL, ts=told["ts"], action_id="word:halt")
    await until(people, lambda: house.woken == [run])
    (row,) = house.rows
    assert (row.kind, row.run, row.body["verb"]) == ("word", run, "halt")


async def test_who_says_stop_where_two_runs_are_open_is_asked_which(house, people):
    house.add_run()
    house.add_run("hf-000002", "site-2")

    told = await say(people, "stop everything")

    assert told.startswith("*Nothing was stopped. To stop, say `/hotfix halt`*")
    assert told.endswith("Which run? Open runs: `hf-000001` (site-1), `hf-000002` (site-2).")


@pytest.mark.parametrize("target", ["", " site-1", " hf-000001"])
async def test_a_word_is_stored_for_the_run_that_is_meant(house, people, target):
    run = house.add_run()

    told = await say(people, f"halt{target}", user="ana")

    (row,) = house.rows
    assert (row.kind, row.run) == ("word", run)
    assert (row.body["verb"], row.body["user"]) == ("halt", ANA)
    assert f"Understood: `halt` for `{run}`" in told
    assert house.woken == [run]


async def test_a_word_that_could_mean_two_runs_is_asked_back(house, people):
    house.add_run()
    house.add_run("hf-000002", "site-2")

    assert "Which run? Open runs: `hf-000001` (site-1), `hf-000002` (site-2)" in await say(
        people, "abort"
    )
    assert house.rows == []


async def test_of_runs_that_have_ended_the_home_shows_first_the_one_that_ended_last(house):
    first = house.add_run()
    house.clock.passed += timedelta(hours=1)
    second = house.add_run("hf-000002", "site-2")
    house.end_run(second, "site-2")
    house.clock.passed += timedelta(hours=1)
    house.end_run(first)

    snapshot = await house.homes._overview.snapshot()

    assert [run.row.id for run in snapshot.ended] == [first, second]


async def test_status_tells_how_a_run_stands(house, people):
    house.add_run()

    told = await say(people, "status")

    assert "hf-000001" in told
    assert "No run is open on `site-2`." in told


# ----------------------------------------------------------------------------- words in threads


async def test_a_word_in_a_runs_thread_is_for_that_run(house, people, watch):
    house.add_run("hf-000002", "site-2")
    root = await house.post(f"{house.add_run()}/root")

    await people.act("ana", "mention", channel=CHANNEL, thread_ts=root, text="retry")
    await watch.until_traffic("ack", ok=True)

    (row,) = house.rows
    assert (row.kind, row.run, row.body["verb"]) == ("word", "hf-000001", "retry")
    assert row.body["answer"] == {"channel": CHANNEL, "user": ANA, "thread_ts": root}
    assert row.key.startswith("evt:")


async def test_a_question_in_a_thread_is_answered_there(house, people, watch):
    root = await house.post(f"{house.add_run()}/root")

    await people.act("ana", "mention", channel=CHANNEL, thread_ts=root, text="status")
    told = await watch.until("ephemeral_posted", to=ANA)

    assert "hf-000001" in told["text"]
    assert told["thread_ts"] == root
    await until(people, lambda: house.rows == [])


async def test_a_mistake_in_a_thread_is_answered_to_the_person_alone(house, people, watch):
    root = await house.post(f"{house.add_run()}/root")

    await people.act("ana", "mention", channel=CHANNEL, thread_ts=root, text="abrot")
    told = await watch.until("ephemeral_posted", to=ANA)

    assert "Did you mean `@hotfix abort`?" in told["text"]
    await until(people, lambda: house.rows == [])


@pytest.mark.parametrize(
    ("text", "vote"),
    [
        ("approve G2 7k3f", {"verb": "approve", "gate": "G2", "choice": "yes"}),
        ("reject G2 the policy is new", {"verb": "reject", "gate": "G2", "choice": "no"}),
        ("reject", {"verb": "reject", "gate": "", "choice": "no"}),
        ("withdraw G2", {"verb": "withdraw", "gate": "G2", "choice": "withdraw"}),
    ],
)
async def test_a_vote_as_text_is_stored_as_a_reason_to_look(house, people, watch, text, vote):
    root = await house.post(f"{house.add_run()}/root")

    said = await people.act("ana", "mention", channel=CHANNEL, thread_ts=root, text=text)
    await watch.until_traffic("ack", ok=True)

    (row,) = house.rows
    assert (row.kind, row.run) == ("vote", "hf-000001")
    assert row.key == f"evt:app_mention/{CHANNEL}/{said['ts']}"
    answer = {"channel": CHANNEL, "user": ANA, "thread_ts": root}
    assert row.body == {**vote, "user": ANA, "ts": said["ts"], "answer": answer}
    await until(people, lambda: house.woken == ["hf-000001"])


async def test_a_vote_outside_of_a_runs_thread_is_answered_and_changes_nothing(
    house, people, watch
):
    house.add_run()

    assert "A vote must stand where all can see it" in await say(people, "approve G2 7K3F")
    await people.act("ana", "mention", channel=CHANNEL, text="approve G2 7K3F")
    told = await watch.until("ephemeral_posted", to=ANA)

    assert "Votes are read in the thread of a run, not here." in told["text"]
    await until(people, lambda: house.rows == [])


async def test_a_vote_as_text_after_the_end_is_answered(house, people, watch):
    run = house.add_run()
    root = await house.post(f"{run}/root")
    house.end_run(run)

    await people.act("noor", "mention", channel=CHANNEL, thread_ts=root, text="reject G2")
    told = await watch.until("ephemeral_posted", to=NOOR)

    assert told["text"] == f"Your vote does not count: `{run}` has ended."
    await until(people, lambda: house.rows == [])


async def test_talk_without_the_bots_name_is_nobodys_command(house, people):
    root = await house.post(f"{house.add_run()}/root")

    await people.act("ana", "message", channel=CHANNEL, thread_ts=root, text="abort?")

    assert house.rows == []


# ----------------------------------------------------------------------------------- reactions


@pytest.mark.parametrize("place", ["proposal", "gate/G2"])
@pytest.mark.parametrize(("emoji", "choice"), [(YES, "yes"), ("x", "no"), ("no_entry", "no")])
async def test_a_reaction_on_a_gate_is_stored_as_a_hint(house, people, watch, place, emoji, choice):
    ts = await house.post(f"{house.add_run()}/{place}")

    await people.act("ben", "react", channel=CHANNEL, ts=ts, emoji=emoji)
    await watch.until_traffic("ack", ok=True)

    (row,) = house.rows
    assert (row.kind, row.run) == ("hint", "hf-000001")
    assert row.body == {
        "channel": CHANNEL,
        "ts": ts,
        "user": BEN,
        "emoji": emoji,
        "choice": choice,
        "added": True,
    }
    assert row.key.startswith("evt:reaction_added/")
    await until(people, lambda: bool(house.woken))
    assert house.woken == ["hf-000001"]


async def test_a_no_of_which_slack_tells_once_its_message_has_gone_is_a_hint(house, people, watch):
    ts = await house.post(f"{house.add_run()}/gate/G2")
    (stood,) = house.stores.deliveries.all("hf-000001/gate/G2")
    house.stores.deliveries.save(replace(stood, message_key=lost_under(stood), state="deleted"))
    house.stores.deliveries.save(replace(stood, ts=None, state="failed"))

    await people.act("ben", "react", channel=CHANNEL, ts=ts, emoji="x")
    await watch.until_traffic("ack", ok=True)

    (row,) = house.rows
    assert (row.kind, row.run, row.body["ts"]) == ("hint", "hf-000001", ts)
    assert (row.body["user"], row.body["choice"], row.body["added"]) == (BEN, "no", True)


async def test_a_reaction_taken_back_and_given_again_is_three_hints(house, people, watch):
    ts = await house.post(f"{house.add_run()}/gate/G2")

    for do in ("react", "unreact", "react"):
        await people.act("ben", do, channel=CHANNEL, ts=ts, emoji=YES)
        await watch.until_traffic("ack", ok=True)

    assert [row.body["added"] for row in house.rows] == [True, False, True]


@pytest.mark.parametrize(
    ("key", "emoji"),
    [
        ("hf-000001/root", YES),
        ("hf-000001/m/3", "x"),
        ("hf-000001/gate/G2", "eyes"),
        ("hf-000001/gate/G2", "thumbsup"),
    ],
)
async def test_a_reaction_that_is_no_vote_is_acked_and_let_go(house, people, watch, key, emoji):
    house.add_run()
    ts = await house.post(key)

    await people.act("ben", "react", channel=CHANNEL, ts=ts, emoji=emoji)
    await watch.until_traffic("ack", ok=True)

    assert house.rows == []


async def test_a_reaction_on_somebody_elses_message_is_acked_and_let_go(house, people, watch):
    said = await people.act("ana", "message", channel=CHANNEL, text="lunch?")

    await people.act("ben", "react", channel=CHANNEL, ts=said["ts"], emoji=YES)
    await watch.until_traffic("ack", ok=True)

    assert house.rows == []


async def test_the_bots_own_reactions_are_no_votes(house, watch):
    ts = await house.post(f"{house.add_run()}/gate/G2")

    await house.client.reactions_add(channel=CHANNEL, timestamp=ts, name=YES)
    delivered = await watch.until_traffic("delivery", ok=True)
    await watch.until_traffic("ack", ok=True)

    assert delivered["payload"]["event"]["user"] == BOT
    assert house.rows == []


async def test_a_person_by_whose_authorization_an_event_is_sent_is_not_the_bot(
    house, people, watch
):
    root, _ = await house.ask(house.add_run())
    await people.fault("drop_event")
    await people.act("ana", "mention", channel=CHANNEL, thread_ts=root, text="halt")
    lost = await watch.until_traffic("delivery", error="dropped")
    body = copy.deepcopy(lost["payload"])
    body["authorizations"] = [{"team_id": body["team_id"], "user_id": ANA, "is_bot": False}]

    answer = await house.bolt.async_dispatch(AsyncBoltRequest(mode="socket_mode", body=body))

    assert answer.status == 200
    assert [(row.body["verb"], row.body["user"]) for row in house.rows] == [("halt", ANA)]


async def test_a_reaction_that_cannot_be_stored_comes_again(house, people, watch, clock):
    ts = await house.post(f"{house.add_run()}/gate/G2")
    house.inbox.failures = 1

    await people.act("ben", "react", channel=CHANNEL, ts=ts, emoji=YES)
    await watch.until_traffic("delivery", ok=True, retry_attempt=0)
    await until(people, lambda: house.inbox.puts > 0)
    assert house.rows == []
    clock.advance(3)
    await watch.until_traffic("delivery", ok=True, retry_attempt=1)
    await watch.until_traffic("ack", ok=True)

    (row,) = house.rows
    assert row.body["user"] == BEN


async def test_a_lost_ack_brings_the_reaction_again_but_not_its_hint(house, people, watch, clock):
    ts = await house.post(f"{house.add_run()}/gate/G2")
    await people.fault("lose_ack")

    await people.act("ben", "react", channel=CHANNEL, ts=ts, emoji=YES)
    await watch.until_traffic("ack", error="lost")
    clock.advance(3)
    await watch.until_traffic("ack", ok=True)

    assert house.inbox.puts == 2
    assert len(house.rows) == 1


async def test_the_same_reaction_under_another_event_id_is_one_hint(house, people, watch, slack):
    ts = await house.post(f"{house.add_run()}/gate/G2")
    await people.act("ben", "react", channel=CHANNEL, ts=ts, emoji=YES)
    first = await watch.until_traffic("delivery", ok=True)
    await watch.until_traffic("ack", ok=True)

    again = {**first["payload"], "event_id": "Ev0ANOTHER"}
    answer = await house.bolt.async_dispatch(AsyncBoltRequest(mode="socket_mode", body=again))

    assert answer.status == 200
    assert len(house.rows) == 1


async def test_a_vote_after_the_end_is_answered(house, people, watch):
    run = house.add_run()
    ts = await house.post(f"{run}/gate/G2")
    house.end_run(run)

    await people.act("noor", "react", channel=CHANNEL, ts=ts, emoji=YES)
    told = await watch.until("ephemeral_posted", to=NOOR)

    assert f"Your vote does not count: `{run}` has ended." in told["text"]
    assert house.rows == []


# ------------------------------------------------------------------------------------- buttons


def buttons(run: str) -> list[dict[str, object]]:
    """The buttons of a gate's message, as the views make them."""
    records = until_record(night("good"), Kind.GATE_SHOWN, gate="G2")
    gate = next(m for m in render(records) if m.gate == "G2")
    made = copy.deepcopy([block for block in gate.blocks if block["type"] == "actions"])
    for one in made[0]["elements"]:
        one["value"] = f"{run}/G2/7K3F"
    return made


async def test_a_word_button_says_which_hold_its_presser_saw(house, people):
    run = house.add_run()
    press = button("Retry", "word:retry", f"{run} 17", "Again?")
    ts = await house.post(f"{run}/root", blocks=[{"type": "actions", "elements": [press]}])

    await people.act("ana", "click", channel=CHANNEL, ts=ts, action_id="word:retry")

    await until(people, lambda: house.woken == [run])
    (row,) = house.rows
    assert (row.run, row.body["verb"], row.body["seen"]) == (run, "retry", 17)
    assert row.key.endswith(f":{datetime.fromisoformat(row.body['said']).timestamp():.6f}")


async def test_a_button_that_goes_on_without_somebody_says_who(house, people):
    run = house.add_run()
    press = button("Without 1_7", "word:without", f"{run} 17 1_6,1_7", "Again?")
    ts = await house.post(f"{run}/root", blocks=[{"type": "actions", "elements": [press]}])

    await people.act("ana", "click", channel=CHANNEL, ts=ts, action_id="word:without")

    await until(people, lambda: house.woken == [run])
    (row,) = house.rows
    assert (row.run, row.body["verb"], row.body["seen"]) == (run, "change", 17)
    assert row.body["change"]["left_out"] == ["1_6", "1_7"]


@pytest.mark.parametrize(
    ("verb", "choice"), [("approve", "yes"), ("reject", "no"), ("withdraw", "withdraw")]
)
async def test_a_click_is_stored_with_all_that_counts_before_its_ack(
    house, people, watch, verb, choice
):
    run = house.add_run()
    ts = await house.post(f"{run}/gate/G2", blocks=buttons(run))

    await people.act("ben", "click", channel=CHANNEL, ts=ts, action_id=f"vote:{verb}")
    delivered = await watch.until_traffic("delivery", type="interactive")

    (row,) = house.rows
    pressed = delivered["payload"]["actions"][0]["action_ts"]
    assert (row.kind, row.run, row.key) == ("click", run, f"act:{ts}:{BEN}:{pressed}")
    answer = row.body.pop("answer")
    assert answer["channel"] == CHANNEL
    assert answer["response_url"].startswith("http")
    assert datetime.fromisoformat(row.body.pop("pressed")).timestamp() == float(pressed)
    assert row.body == {
        "verb": verb,
        "choice": choice,
        "gate": "G2",
        "code": "7K3F",
        "user": BEN,
        "channel": CHANNEL,
        "ts": ts,
    }
    await until(people, lambda: house.woken == [run])


async def test_where_only_the_message_says_so_its_thread_is_where_a_click_is_answered(
    house, people, watch
):
    run = house.add_run()
    root = await house.post(f"{run}/root")
    ts = await house.post(f"{run}/gate/G2", root, blocks=buttons(run))
    await people.act("ben", "click", channel=CHANNEL, ts=ts, action_id="vote:approve")
    body = copy.deepcopy((await watch.until_traffic("delivery", type="interactive"))["payload"])

    del body["container"]["thread_ts"]
    row = house.hearing.hear(body).row
    assert row is not None
    assert row.body["answer"]["thread_ts"] == root

    body["message"] = {"ts": root, "thread_ts": root}
    row = house.hearing.hear(body).row
    assert row is not None
    assert "thread_ts" not in row.body["answer"], "the root stands above its thread"


async def test_a_click_that_comes_twice_is_one_row_and_two_clicks_are_two(house, people, watch):
    run = house.add_run()
    ts = await house.post(f"{run}/gate/G2", blocks=buttons(run))
    await people.fault("duplicate_envelope")

    await people.act("ben", "click", channel=CHANNEL, ts=ts, action_id="vote:approve")
    await until(people, lambda: house.inbox.puts == 2)
    assert len(house.rows) == 1

    await people.act("ben", "click", channel=CHANNEL, ts=ts, action_id="vote:approve")
    assert len(house.rows) == 2


async def test_a_click_that_cannot_be_stored_fails_visibly_and_changes_nothing(
    house, people, clock
):
    run = house.add_run()
    ts = await house.post(f"{run}/gate/G2", blocks=buttons(run))
    house.inbox.failures = 1

    seen = asyncio.ensure_future(
        people.act("ben", "click", channel=CHANNEL, ts=ts, action_id="vote:approve")
    )
    await until(people, lambda: house.inbox.puts > 0)
    if house.transport == "socket":
        clock.advance(3)

    told = {"socket": "operation_timeout", "http": "http_service_error"}[house.transport]
    assert (await seen)["error"] == told
    assert house.rows == []


async def test_a_click_after_the_end_is_answered(house, people, watch):
    run = house.add_run()
    ts = await house.post(f"{run}/gate/G2", blocks=buttons(run))
    house.end_run(run)

    await people.act("noor", "click", channel=CHANNEL, ts=ts, action_id="vote:approve")
    told = await watch.until("ephemeral_posted", to=NOOR)

    assert told["text"] == f"Your vote does not count: `{run}` has ended."
    assert house.rows == []


async def test_when_slack_cannot_say_who_we_are_an_event_is_not_acked(house, people, watch, clock):
    ts = await house.post(f"{house.add_run()}/gate/G2")
    await people.fault("server_error", method="auth.test", n=3)

    await people.act("ben", "react", channel=CHANNEL, ts=ts, emoji=YES)
    await watch.until_traffic("delivery", ok=True, retry_attempt=0)
    for _ in range(200):
        await people.state()
    assert house.rows == []
    await clock_is_awaited(people, clock, within=3)
    clock.advance(3)
    await watch.until_traffic("delivery", ok=True, retry_attempt=1)
    await watch.until_traffic("ack", ok=True)

    assert len(house.rows) == 1

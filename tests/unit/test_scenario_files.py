"""Every scenario can be read, and a mistake in one is told when it is read."""

import pytest

from bot.config.file import load as load_settings
from bot.demo import scenario
from bot.demo.props import Props, write_settings
from bot.demo.scenario import PEOPLE, ScenarioWrong, load, names, read
from bot.localslack.seed import demo_workspace

MUST = {
    "http-mode",
    "two-replicas",
    "install",
    "buttons",
    "late-vote",
    "vote-while-down",
    "duplicate-events",
    "kill",
    "kill-committing",
    "b-fails-before-install",
    "abort-down-not-started",
    "reject",
    "requester-cross",
    "withdraw",
    "abort-while-installing",
    "halt-while-down",
    "kill-everywhere",
    "postgres",
    "proposal-changed",
    "slack-outage",
    "database-restart",
    "text-reject-while-down",
    "two-workers",
    "two-workers-cut",
    "worker-frozen",
}


def test_the_scenarios_that_were_promised_are_there():
    assert set(names()) >= MUST


@pytest.mark.parametrize("name", names())
def test_a_scenario_can_be_read(name):
    found = load(name)

    assert found.name == name
    assert found.about
    assert found.expect, "a scenario that expects nothing shows nothing"
    assert found.group.get("auto_clone", True), "cloning is on, so that P5 is exercised"


@pytest.mark.parametrize("name", names())
def test_a_scenario_expects_nothing_impossible(name):
    known = {"state", "hold", "holds", "requester", "groups", "gates", "members", "active_min",
             "connections_lost", "auto_clone", "promises", "faults", "kills", "acted", "there",
             "posted_twice", "took_s", "run", "scenario", "refused", "told",
             "events", "deliveries", "brought_up",
                 "told_directly", "refused_for_rate", "impatient", "active_site",
                 "runs"}  # fmt: skip

    assert {one.key.split(".")[0] for one in load(name).expect} <= known


def test_the_people_of_the_scenarios_are_those_of_the_workspace():
    assert set(PEOPLE) == {user["name"] for user in demo_workspace()["users"]}


TROUBLE = {"when": "gate:1", "what": "slack_gone", "for_s": 5}
DEED = {"on": "proposal", "user": "ana", "do": "react", "emoji": "x"}
CLICK = {"on": "proposal", "user": "ana", "do": "click", "text": "Approve"}


@pytest.mark.parametrize(
    ("wrong", "told"),
    [
        ({"peopel": []}, "unknown: peopel"),
        ({"about": ""}, "`about` is missing"),
        ({"until": "soon"}, "until = 'soon'"),
        ({"group": {"membres": 3}}, "membres"),
        ({"group": {"members": 77}}, "1 to 31 members"),
        ({"faults": [{"name": "earthquake"}]}, "no fault is called 'earthquake'"),
        ({"people": [DEED | {"user": "bob"}]}, "nobody is called 'bob'"),
        ({"people": [DEED | {"do": "shout"}]}, "do = 'shout'"),
        ({"people": [DEED | {"at_s": 3}]}, "unknown: at_s"),
        ({"people": [DEED | {"emoji": ""}]}, "react needs emoji"),
        ({"people": [{"on": "proposal", "user": "ana"}]}, "do is missing"),
        ({"people": [DEED | {"on": "gates:1"}]}, "is no moment"),
        ({"people": [DEED | {"on": "step:A.INSTAL"}]}, "is no moment"),
        ({"people": [DEED | {"on": "held"}]}, "a reaction needs `at`"),
        ({"people": [CLICK | {"on": "held"}]}, "a click needs `at`"),
        ({"people": [CLICK | {"text": ""}]}, "click needs text"),
        ({"people": [DEED | {"event": "eaten"}]}, "event = 'eaten'"),
        ({"people": [CLICK | {"event": "lost"}]}, "event = 'lost'"),
        ({"people": [DEED | {"fails": "operation_timeout"}]}, "only a click and a command"),
        ({"kill": [{"when": "record:COMMITING:A.INSTALL"}]}, "is no moment"),
        ({"kill": [{"when": "device:install_progres:1_1:32"}]}, "is no moment"),
        ({"kill": [{"restart_after_s": 1}]}, "when is missing"),
        ({"kill": [{"when": "held", "who": "worker-1"}]}, "no process is called 'worker-1'"),
        ({"people": [DEED | {"on": "killed:1", "at": "gate:1"}]}, "killed:1 never comes"),
        ({"people": [DEED | {"on": "killed:0", "at": "gate:1"}]}, "is no moment"),
        ({"people": [{"on": "held", "user": "ana", "do": "shell"}]}, "shell needs text"),
        ({"trouble": [TROUBLE | {"when": "gates:1"}]}, "is no moment"),
        ({"trouble": [TROUBLE | {"what": "earthquake"}]}, "what = 'earthquake'"),
        ({"trouble": [{"when": "held", "what": "slack_gone"}]}, "for_s is missing"),
        ({"trouble": [TROUBLE | {"what": "database_gone"}]}, 'needs database = "postgres"'),
        ({"trouble": [TROUBLE, TROUBLE | {"when": "mended:3"}]}, "mended:3 never comes"),
        ({"trouble": [TROUBLE | {"what": "cut"}]}, "only a worker's link is cut"),
        ({"database": "oracle"}, "database = 'oracle'"),
        ({"workers": 2}, 'need database = "postgres"'),
        ({"serves": 2}, 'need database = "postgres"'),
        ({"serves": 9, "database": "postgres"}, "serves = 9"),
        ({"serves": 2, "workers": 1, "database": "postgres"}, "one `serve` alone"),
        ({"transport": "rtm"}, "transport = 'rtm'"),
        ({"transport": "http", "serves": 2, "database": "postgres"}, "needs a balancer"),
        ({"slack": [{"when": "gate:1", "kind": "hiccup"}]}, "kind = 'hiccup'"),
        ({"slack": [{"kind": "lose_ack"}]}, "when is missing"),
        ({"workers": 9, "database": "postgres"}, "workers = 9"),
        ({"settings": {"policy": {"fense": True}}}, "settings: policy.fense"),
        ({"order": {"user": "bob"}}, "nobody is called 'bob'"),
        ({"expect": {"took_s": {"at_most": 1, "roughly": 2}}}, "no comparison is called roughly"),
    ],
)
def test_a_mistake_in_a_scenario_is_told(wrong, told):
    with pytest.raises(ScenarioWrong) as caught:
        read("some", {"about": "something", **wrong})

    assert told in str(caught.value)


def test_a_scenario_that_is_not_there_names_those_that_are():
    with pytest.raises(ScenarioWrong, match="install"):
        load("instal")


def test_a_file_that_is_no_toml_is_told_as_one_sentence(tmp_path):
    (tmp_path / "some.toml").write_text("about = nothing")

    with pytest.raises(ScenarioWrong, match="some: "):
        load("some", tmp_path)


@pytest.mark.parametrize(
    "moment",
    [
        "proposal",
        "gate:2",
        "held",
        "step:A.INSTALL",
        "done:CLONING_OFF",
        "step:A.RESCUE_UP",
        "record:HALTED",
        "record:COMMITTING:B.INSTALL",
        "done:ABORT.CLEANUP.r2",
        "device:install_progress:1_1:32",
        "device:dialogue:install:confirm",
        "killed:20",
        "started:1",
        "trouble:2",
        "mended:2",
    ],
)
def test_moments_are_known(moment):
    scenario.check_moment("here", moment)


def test_settings_of_a_scenario_lie_over_those_of_the_stage(tmp_path):
    settings = {"policy": {"fence": True, "limits": {"look": "7s"}}}
    played = read("some", {"about": "something", "settings": settings})
    props = Props(tmp_path, speed=100.0, auto=True)
    device = {"known_hosts": "k", "client_key": "c", "address": "a", "port": 22, "username": "u"}
    write_settings(props, played, device, {"base_url": "https://slack"}, {"bot": "sqlite:///x.db"})

    found = load_settings(props.settings).settings

    assert found.policy.fence
    assert found.policy.limits.look.total_seconds() == 7
    assert found.policy.limits.comeback.total_seconds() == 36
    assert found.storage.url.endswith("/x.db")


@pytest.mark.parametrize(
    ("wanted", "why"),
    [
        ({}, ""),
        ({"database": "postgres"}, "its database is a server of its own"),
        ({"trouble": [TROUBLE]}, "what fails here lies between processes"),
        ({"people": [DEED | {"event": "lost"}]}, "what goes astray here are Slack's events"),
        (
            {"people": [{"on": "held", "user": "ana", "do": "shell", "text": "halt"}]},
            "somebody types at the bot's machine",
        ),
    ],
)
def test_a_scenario_says_why_it_needs_processes(wanted, why):
    assert read("some", {"about": "something", **wanted}).needs_processes == why

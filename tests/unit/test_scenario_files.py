"""Every scenario can be read, and a mistake in one is told when it is read."""

import pytest

from bot.demo import scenario
from bot.demo.scenario import PEOPLE, ScenarioWrong, load, names, read
from bot.localslack.seed import demo_workspace

MUST = {
    "install",
    "kill",
    "kill-committing",
    "b-fails-before-install",
    "abort-down-not-started",
    "reject",
    "requester-cross",
    "withdraw",
    "abort-while-installing",
    "halt-while-down",
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
    known = {"state", "hold", "requester", "gates", "members", "active_min", "connections_lost",
             "auto_clone", "promises", "faults", "kills", "took_s", "run", "scenario"}  # fmt: skip

    assert {one.key.split(".")[0] for one in load(name).expect} <= known


def test_the_people_of_the_scenarios_are_those_of_the_workspace():
    assert set(PEOPLE) == {user["name"] for user in demo_workspace()["users"]}


DEED = {"on": "proposal", "user": "ana", "do": "react", "emoji": "x"}


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
        ({"kill": [{"when": "record:COMMITING:A.INSTALL"}]}, "is no moment"),
        ({"kill": [{"when": "device:install_progres:1_1:32"}]}, "is no moment"),
        ({"kill": [{"restart_after_s": 1}]}, "when is missing"),
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
    ],
)
def test_moments_are_known(moment):
    scenario.check_moment("here", moment)

"""The first look at groups of every version, platform and mode, as the rehearsal plays them."""

import re
from functools import partial
from pathlib import Path
from typing import Any

import pytest

from bot.device_check import identified
from engine.errors import PlanRefused, UnexpectedOutput
from engine.facts import NOTHING_PINNED, GroupFacts, Identity, in_service
from engine.gaia.dialect import VERSIONS, dialect
from engine.gaia.identity import identify_line
from engine.group import LiveGroup
from engine.invariants import described
from engine.policy import Policy
from engine.ports import GroupSetup, Output
from engine.rehearsal.group import Group, Setup
from engine.rehearsal.shell import RehearsalShell
from tests.simulation.loop import run_virtual, virtual_clock
from tests.simulation.night import Night, small_package

VIRTUAL = ({"id": 1, "name": "inside"}, {"id": 12, "name": "outside", "policy": "Other"})


def looked(
    tmp_path: Path,
    pins: Identity = NOTHING_PINNED,
    *,
    told: Any = None,
    looks: int = 1,
    **setup: Any,
) -> tuple[GroupFacts, list[str]]:
    """Look at a group that nothing is known of; return that and the lines that were sent."""

    async def night() -> tuple[GroupFacts, list[str]]:
        stage = Night(small_package(tmp_path), setup=Setup(**setup))
        sent: list[str] = []
        run = stage.shell.run

        async def listen(command: str, **limits: Any) -> Output:
            sent.append(command)
            output = await run(command, **limits)
            return Output(told(output.text), output.status) if told else output

        stage.shell.run = listen  # type: ignore[method-assign]  # this test hears what is sent
        live = LiveGroup(stage.shell, stage.clock, Policy(), pins=pins)
        for _ in range(looks):
            facts = await live.observe(full=True)
        await stage.close()
        return facts, sent

    return run_virtual(night())


@pytest.mark.parametrize("version", VERSIONS)
def test_every_version_is_found_by_looking_and_then_spoken_to_as_it_speaks(tmp_path, version):
    facts, sent = looked(tmp_path, version=version, members=4)

    assert facts.identity == Identity(version, "Maestro", "Gateway")
    assert all(in_service(member) for member in facts.members)
    assert sent[0] == identify_line()
    assert len(sent) == 2
    assert dialect(version).show_cloning in sent[1]
    assert not any(each.show_cloning in sent[0] for each in map(dialect, VERSIONS))


@pytest.mark.parametrize("mode", ["Gateway", "VSNext"])
def test_an_elasticxl_cluster_is_found(tmp_path, mode):
    virtual = VIRTUAL if mode == "VSNext" else ()
    facts, _ = looked(
        tmp_path, version="R82", platform="ElasticXL", mode=mode, virtual=virtual, sites=[2, 1]
    )

    assert facts.identity == Identity("R82", "ElasticXL", mode)
    assert facts.ids == ("1_1", "1_2", "2_1")
    assert facts.standing_by == ("2_1",)


@pytest.mark.parametrize("word", ["STANDBY", "UP", "ACTIVE"])
@pytest.mark.parametrize(("sites", "active"), [([5, 3], 1), ([3, 5], 2), ([2, 2], 1)])
@pytest.mark.parametrize("version", ["R81.20", "R82"])
def test_two_sites_are_read_side_by_side(tmp_path, version, sites, active, word):
    facts, _ = looked(tmp_path, version=version, sites=sites, active_site=active, standby_word=word)

    assert len(facts.members) == sum(sites)
    shown = {site.id: site.state for site in facts.sites}
    assert shown == {active: "ACTIVE", 3 - active: "STANDBY"}
    words = dialect(version).state_words(2)
    assert all(in_service(member, words) for member in facts.members)
    assert {m.state for m in facts.some(facts.standing_by)} == {word}
    assert facts.sync_all is not None


@pytest.mark.parametrize("version", ["R81.20", "R82"])
def test_what_is_virtual_is_read_on_every_member_in_its_own_context(tmp_path, version):
    facts, sent = looked(
        tmp_path,
        Identity(platform="Maestro"),
        version=version,
        mode="VSX",
        members=2,
        virtual=VIRTUAL,
    )

    assert facts.identity == Identity(version, "Maestro", "VSX")
    for member in facts.members:
        assert [(one.id, one.name, one.state, one.notes) for one in member.virtual] == [
            (1, "inside", "ACTIVE", ()),
            (12, "outside", "ACTIVE", ()),
        ]
        names = [one.policy.name for one in member.virtual if one.policy]
        assert names[1] == "Other"
        assert in_service(member)
    assert len(sent) == 3, "the look that finds what is virtual is followed by one that asks for it"


SWITCHED = (*VIRTUAL, {"id": 13, "name": "sw-ext", "kind": "W"}, {"id": 14, "kind": "R"})


def test_a_virtual_switch_has_no_policy_and_makes_nobody_ill(tmp_path):
    facts, _ = looked(
        tmp_path, Identity(platform="Maestro"), mode="VSX", members=2, virtual=SWITCHED
    )

    for member in facts.members:
        kinds = [(one.id, one.kind, one.notes) for one in member.virtual]
        assert kinds[2:] == [(13, "Virtual Switch", ()), (14, "Virtual Router", ())]
        assert kinds[:2] == [(1, "", ()), (12, "", ())]
        assert [one.policy for one in member.virtual[2:]] == [None, None]
        assert in_service(member)


@pytest.mark.parametrize(
    ("shown", "instead"),
    [("| W sw-ext ", "| S sw-ext "), ("vsx", ""), ("  13 | W", "  99 | W")],
    ids=["a system", "the command is not known", "another one"],
)
def test_without_a_policy_all_are_ill_that_no_list_calls_a_switch(tmp_path, shown, instead):
    def told(text: str) -> str:
        if shown == "vsx":
            head, mark, rest = text.partition("@@kinds\n")
            return head + mark + "bash: vsx: command not found\n" + rest[rest.find("@@local") :]
        return text.replace(shown, instead)

    pins = Identity(platform="Maestro")
    facts, _ = looked(tmp_path, pins, told=told, mode="VSX", members=2, virtual=SWITCHED)

    for member in facts.members:
        assert not in_service(member)
        assert "VS 13 (sw-ext) is ACTIVE with no policy" in described(member)


def test_a_switch_that_was_seen_stays_one_where_a_later_look_cannot_ask(tmp_path):
    asked = 0

    def told(text: str) -> str:
        nonlocal asked
        head, mark, rest = text.partition("@@kinds\n")
        asked += bool(mark)
        if asked < 3:
            return text
        return head + mark + "bash: timed out\n" + rest[rest.find("@@local") :]

    facts, _ = looked(
        tmp_path,
        Identity(platform="Maestro"),
        told=told,
        looks=4,
        mode="VSX",
        members=2,
        virtual=SWITCHED,
    )

    assert asked > 3
    assert all(in_service(member) for member in facts.members)


def test_a_context_that_was_not_entered_is_not_the_state_of_a_virtual_system(tmp_path):
    facts, _ = looked(
        tmp_path,
        Identity(platform="Maestro"),
        version="R81.20",
        mode="VSX",
        members=2,
        virtual=VIRTUAL,
        told=lambda text: text.replace("(ID 12)", "(ID 0)"),
    )

    for member in facts.members:
        assert [one.unread for one in member.virtual] == ["", "its context was not entered"]
        assert not in_service(member)


@pytest.mark.parametrize(
    ("pins", "said"),
    [
        (
            Identity(platform="ElasticXL"),
            "pin `platform` to ElasticXL, and the device says Maestro",
        ),
        (Identity(version="R82"), "pin `version` to R82, and the device says R81.20"),
    ],
)
def test_a_pin_that_the_device_contradicts_is_refused(tmp_path, pins, said):
    with pytest.raises(PlanRefused, match=said):
        looked(tmp_path, pins, version="R81.20", members=2)


def test_a_pin_of_another_mode_than_shown_is_refused(tmp_path):
    with pytest.raises(PlanRefused, match="pin `mode` to VSNext, and the device says VSX"):
        looked(
            tmp_path, Identity(mode="VSNext"), version="R82", mode="VSX", members=2, virtual=VIRTUAL
        )


def test_a_version_that_nobody_knows_is_refused_and_the_known_ones_are_named(tmp_path):
    with pytest.raises(PlanRefused, match=r"R79\.10 is not supported; supported: R80\.30SP, R81, "):
        looked(
            tmp_path,
            version="R81.20",
            members=2,
            told=lambda text: text.replace("R81.20", "R79.10"),
        )


def test_two_places_that_name_other_versions_are_refused(tmp_path):
    with pytest.raises(
        PlanRefused, match=r"asg stat says R81\.20 and /etc/cp-release says R81\.10"
    ):
        looked(
            tmp_path,
            version="R81.20",
            members=2,
            told=lambda text: text.replace("Gaia R81.20", "Gaia R81.10"),
        )


def test_a_first_look_that_was_cut_off_says_nothing(tmp_path):
    with pytest.raises(UnexpectedOutput, match="cut off"):
        looked(tmp_path, members=2, told=lambda text: text.replace("@@over", ""))


def test_check_says_what_every_group_is_and_which_is_wrong(tmp_path):
    pins = {"site-2": Identity(platform="ElasticXL"), "site-4": Identity(platform="Maestro")}
    groups: dict[str, dict[str, Any]] = {
        "site-1": {"version": "R82", "platform": "ElasticXL", "sites": [2, 1]},
        "site-2": {"version": "R81.20"},
        "site-3": {"version": "R81.20", "mode": "VSX", "virtual": VIRTUAL},
        "site-4": {"version": "R81.20", "mode": "VSX", "virtual": VIRTUAL},
        "site-5": {"version": "R81"},
    }

    async def asked() -> tuple[list[str], list[str]]:
        clock = virtual_clock()
        stood = {
            name: Group(Setup(name=name, **{"members": 2, **setup}), clock)
            for name, setup in groups.items()
        }
        stood["site-5"].silence(3600, "nobody answers")
        setups = [
            GroupSetup(
                name,
                "C0FIREWALL",
                Policy(),
                partial(RehearsalShell, group),
                pins=pins.get(name, NOTHING_PINNED),
            )
            for name, group in stood.items()
        ]
        return await identified(setups, clock)

    found, wrong = run_virtual(asked())

    assert found == [
        "site-1 is ElasticXL in Gateway mode, R82",
        "site-4 is Maestro in Traditional VSX mode, R81.20",
    ]
    assert [text.partition(":")[0] for text in wrong] == [
        "groups.site-2",
        "groups.site-3",
        "groups.site-5",
    ]
    assert "pin `platform` to ElasticXL, and the device says Maestro" in wrong[0]
    assert "does not say the platform" in wrong[1]


# ------------------------------------------------------------- what one picture leaves out


def test_a_member_that_the_list_of_ids_leaves_out_is_a_member_all_the_same(tmp_path):
    def short(text: str) -> str:
        return re.sub(r"(?m)^1_4 +\n", "", text, count=1)

    facts, _ = looked(tmp_path, told=short, version="R81.20", members=4)

    assert facts.ids == ("1_1", "1_2", "1_3", "1_4")
    assert in_service(facts.member("1_4"))


def test_what_only_the_list_of_virtual_systems_shows_ill_is_ill(tmp_path):
    """The group's picture has no block for VS 12, and each member finds itself well in it."""

    def only_there(text: str) -> str:
        listed, mark, rest = text.partition("@@local")
        if "VS ID:  12" not in listed:
            return text
        start = listed.index("VS ID:  12")
        ill = re.sub(r"\|  2( +)ACTIVE( +)Enforcing Security", r"|  2\1DOWN  \2Inactive          ",
                     listed[start:])  # fmt: skip
        first, _, after = rest.partition("| VS ID:  12")
        return listed[:start] + ill + mark + first + after[after.index("| Site Parameters") :]

    setup: dict[str, Any] = {"version": "R82", "mode": "VSNext", "virtual": VIRTUAL, "members": 2}
    facts, _ = looked(tmp_path, told=only_there, **setup)

    assert in_service(facts.member("1_1"))
    assert not in_service(facts.member("1_2"))
    assert "VS 12 (outside) is ACTIVE (DOWN for its peers)" in described(facts.member("1_2"))


def test_virtual_systems_in_the_table_of_policies_are_not_gateway_mode(tmp_path):
    def with_system(text: str) -> str:
        return re.sub(
            r"(?m)^\|1_0(\d)   \|.*\n",
            lambda row: row[0] + f"|1_0{row[1]}:3 |InitialPolicy      |NA    |0      |Failed  |\n",
            text,
        )

    with pytest.raises(UnexpectedOutput, match="shows Virtual Systems, and nothing says the mode"):
        looked(tmp_path, told=with_system, version="R81.20", members=2)

"""Looks at a whole group: what one odd answer may and may not spoil."""

from datetime import timedelta
from pathlib import Path

import pytest

from engine.errors import UnexpectedOutput
from engine.facts import GroupFacts, PackageState, in_service
from engine.gaia import probe
from engine.gaia.dialect import dialect
from engine.invariants import described
from engine.rehearsal.group import Setup
from tests.simulation.loop import run_virtual
from tests.simulation.night import PACKAGE, Night, small_package


def look(tmp_path: Path, old: str, new: str) -> GroupFacts:
    """Look at four members; change what the second one answers."""

    async def night() -> GroupFacts:
        stage = Night(small_package(tmp_path), setup=Setup(members=4))
        line = probe.look_line(dialect("R81.20"), directory="/var/log/hotfix-bot", full=True)
        output = await stage.shell.run(line, within=timedelta(seconds=90))
        first, mark, rest = output.text.partition("@member 1_2")
        assert old in rest
        facts = probe.read_look(first + mark + rest.replace(old, new, 1), stage.clock.now())
        await stage.close()
        return facts

    return run_virtual(night())


@pytest.mark.parametrize(
    ("old", "new"),
    [
        ("@state", "@nothing"),
        ("Cluster Mode:", "bash: cphaprob: command not found\n@x\n"),
        ("@lock\nfree", "@lock\nbash: flock: command not found"),
    ],
)
def test_one_member_that_cannot_be_read_is_not_in_service_and_blinds_nobody(tmp_path, old, new):
    facts = look(tmp_path, old, new)

    assert not in_service(facts.member("1_2"))
    assert "cannot be read" in described(facts.member("1_2"))
    assert [in_service(m) for m in facts.others(["1_2"])] == [True, True, True]


@pytest.mark.parametrize(
    ("old", "new"),
    [
        ('"Installation in Progress"', '"Something else"'),
        ("@agent\n", "@agent\nFailed to connect to DAService\n@x\n"),
        ("@packages\n", "@packages\nFailed to connect to DAService\n@x\n"),
        ("@action\n", "@action\n{Failed to connect to DAService\n@x\n"),
    ],
)
def test_a_member_whose_cpuse_cannot_be_read_carries_traffic_and_nobody_knows_more(
    tmp_path, old, new
):
    facts = look(tmp_path, old, new)
    silent = facts.member("1_2")

    assert in_service(silent)
    assert described(silent) == "ACTIVE"
    assert (silent.cpuse_silent, silent.agent_busy, silent.action) == (True, None, None)
    assert silent.package(PACKAGE) is PackageState.UNKNOWN
    assert silent.unread
    assert [m.cpuse_silent for m in facts.others(["1_2"])] == [False, False, False]


def test_a_member_that_cannot_name_itself_blinds_nobody(tmp_path):
    facts = look(tmp_path, " ", " Failed to connect to the cluster daemon ")

    assert not facts.member("1_2").answered
    assert [in_service(m) for m in facts.others(["1_2"])] == [True, True, True]


def changed_look(tmp_path: Path, old: str, new: str) -> GroupFacts:
    async def night() -> GroupFacts:
        stage = Night(small_package(tmp_path), setup=Setup(members=2))
        line = probe.look_line(dialect("R81.20"), directory="/var/log/hotfix-bot", full=True)
        output = await stage.shell.run(line, within=timedelta(seconds=90))
        await stage.close()
        assert old in output.text
        return probe.read_look(output.text.replace(old, new, 1), stage.clock.now())

    return run_virtual(night())


BANNER = "Warning: System diagnostics failed on the following tests: Core Dumps.\n"


@pytest.mark.parametrize("section", ["@@local\n", "@@all\n"])
def test_a_banner_among_the_ids_is_skipped(tmp_path, section):
    facts = changed_look(tmp_path, section, section + BANNER)

    assert (facts.smo, facts.ids) == ("1_1", ("1_1", "1_2"))


@pytest.mark.parametrize(
    ("old", "new"),
    [
        ("@@all\n", "@@all\n1_2x\n"),
        ("@@all\n", "@@all\n@@x\n"),
        ("@@local\n", "@@local\n1_2\n"),
        ("@@local\n", "@@local\n@@x\n"),
    ],
)
def test_an_id_that_cannot_be_read_is_not_skipped_and_one_must_remain(tmp_path, old, new):
    with pytest.raises(UnexpectedOutput):
        changed_look(tmp_path, old, new)


def test_a_member_whose_answer_is_cut_off_did_not_answer(tmp_path):
    facts = look(tmp_path, "@end", "")

    assert not facts.member("1_2").answered
    assert in_service(facts.member("1_1"))


@pytest.mark.parametrize(
    "known", [{"1_1": 7, "1_2": 3}, {"1_1": 9_999, "1_3": 1}], ids=["less", "gone"]
)
def test_a_known_action_number_changes_where_the_search_begins_and_not_what_it_finds(
    tmp_path, known
):
    async def night() -> tuple[GroupFacts, GroupFacts]:
        stage = Night(small_package(tmp_path), setup=Setup(members=4))
        shown = []
        nothing: dict[str, int] = {}
        for actions in (nothing, known):
            line = probe.look_line(
                dialect("R81.20"), directory="/var/log/hotfix-bot", full=False, actions=actions
            )
            output = await stage.shell.run(line, within=timedelta(seconds=90))
            shown.append(probe.read_look(output.text, stage.clock.now()))
        await stage.close()
        return shown[0], shown[1]

    from_the_first, from_the_known = run_virtual(night())

    assert [m.action for m in from_the_known.members] == [m.action for m in from_the_first.members]
    assert all(member.action is not None for member in from_the_first.members)

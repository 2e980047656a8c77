"""The engine reads what real devices printed; samples and sources are in recorded/."""

from pathlib import Path

import pytest

from engine.facts import InstalledPolicy, SiteFacts, member_id
from engine.gaia import readings
from engine.gaia.picture import read_blocks, read_stat

RECORDED = Path(__file__).parent / "recorded"


def recorded(name: str) -> str:
    return (RECORDED / name).read_text()


def test_the_picture_of_maestro():
    stat = read_stat(recorded("asg_stat.txt"))

    assert (stat.version, stat.platform, stat.mode) == ("R81.20", "Maestro", "")
    assert (stat.sync, stat.sync_all) == (True, True)
    assert stat.site_facts == (SiteFacts(1, "ACTIVE"),)
    assert stat.states == {"1_1": ("ACTIVE", ()), "1_2": ("DOWN", ("ADMIN",))}


def test_the_picture_of_vsx_on_a_chassis_that_stands_by():
    text = recorded("vsx_stat.txt")
    stat = read_stat(text)

    assert (stat.mode, stat.platform, stat.version) == ("VSX", "", "")
    assert read_blocks(text).names == {0: "Athens"}
    assert stat.site_facts == (SiteFacts(1, "STANDBY"),)
    assert stat.states == {
        "1_1": ("UP", ()),
        "1_2": ("UP", ()),
        "1_3": ("DOWN", ()),
        "1_4": ("UP", ()),
    }


def test_a_members_own_state():
    assert readings.read_cphaprob(recorded("cphaprob_state.txt")) == ("ACTIVE", ())


@pytest.mark.parametrize(
    ("notes", "read"),
    [
        ("ADMIN", ("ADMIN",)),
        ("FSYNC, during_upgrade", ("FSYNC", "during_upgrade")),
        ("FSYNC, AMW, ROUTED", ("FSYNC", "AMW", "ROUTED")),
        ("LACP_SYNC", ("LACP_SYNC",)),
    ],
)
def test_the_problem_notes_that_were_seen(notes, read):
    text = recorded("cphaprob_state.txt").replace("Active PNOTEs: None", f"Active PNOTEs: {notes}")

    assert readings.read_cphaprob(text)[1] == read


def test_policies_that_differ_in_their_signatures():
    found = readings.read_policies(recorded("policy_mixed.txt"))

    assert {one: policy.name for one, policy in found.items()} == {
        "1_1": "Standard",
        "1_2": "Standard",
    }
    assert found["1_1"].signature != found["1_2"].signature
    assert readings.read_virtual_policies(recorded("policy_mixed.txt")) == {}


def test_policies_of_virtual_systems_beside_those_of_the_members():
    """As the recorded summary spells them, `1_02:0`; or in a column of their own."""
    spelled = recorded("policy_mixed.txt")
    both = spelled.replace("|1_01   |", "|1_01:0 |").replace("|1_02   |", "|1_01:3 |")

    members = readings.read_policies(both)
    assert list(members) == ["1_1"]
    assert list(readings.read_virtual_policies(both)) == ["1_1"]
    assert list(readings.read_virtual_policies(both)["1_1"]) == [3]

    column = "|SGM |VS |Policy Name |Policy Date |Policy Signature |Status |\n" + (
        "|1_01 |0 |Standard |22Aug22 08:54 |aa |Success |\n"
        "|     |3 |Other |22Aug22 08:55 |bb |Success |\n"
        "|1_02 |0 |Standard |22Aug22 08:54 |aa |Success |\n"
    )
    assert list(readings.read_policies(column)) == ["1_1", "1_2"]
    assert readings.read_virtual_policies(column) == {
        "1_1": {3: InstalledPolicy("Other", "22Aug22 08:55", "bb")}
    }


def test_auto_clone_of_every_member():
    assert readings.read_cloning(recorded("auto_clone_off.txt")) == {"1_1": False, "1_2": False}


def test_core_dumps_of_one_member():
    assert list(readings.read_core_dumps(recorded("core_dumps.txt"))) == ["1_2"]


def test_ids_one_a_line():
    lines = recorded("ids.txt").splitlines()

    assert [member_id(line) for line in lines if line.strip()] == ["1_1", "1_2"]


@pytest.mark.parametrize(
    ("text", "policy"),
    [
        (
            "HOST      POLICY     DATE\nlocalhost Standard   22Aug22  8:54:10 : [>eth1]\n",
            InstalledPolicy("Standard", "22Aug22 8:54:10"),
        ),
        ("HOST      POLICY     DATE\nlocalhost -          -\n", None),
        ("HOST      POLICY     DATE\n", None),
        ("", None),
    ],
)
def test_the_policy_of_a_machine(text, policy):
    assert readings.read_enforced(text) == policy
    assert readings.read_fw_stat(text) == (policy.name if policy else "")

"""The engine reads what real devices printed of packages, policies and Virtual Systems."""

from pathlib import Path

import pytest

from engine.gaia.installer import ALLOWED, EXISTS, last_frame
from engine.gaia.picture import read_stat
from engine.gaia.readings import read_policies
from engine.gaia.refusals import may_pass

RECORDED = Path(__file__).parent / "recorded"
HEAD = f"|{'Member ID':<13}|{'Status':<64}|\n+{'-' * 13}+{'-' * 64}+\n"


def recorded(name: str) -> str:
    return (RECORDED / name).read_text()


def test_every_member_of_a_frame_is_read():
    assert last_frame(recorded("import_begins.txt")) == {
        "1_1": "Initiating package import...",
        "1_2": "Initiating package import...",
    }
    assert last_frame(HEAD + recorded("verify_allowed.txt")) == {"1_1": ALLOWED, "1_2": ALLOWED}


@pytest.mark.parametrize(
    ("name", "words"), [("import_exists.txt", EXISTS), ("import_other_build.txt", "Another build")]
)
def test_a_refused_import_is_read_with_its_wrapped_lines(name: str, words: str):
    (status,) = last_frame(HEAD + recorded(name)).values()
    assert words in status
    assert not may_pass(status)


def test_a_member_without_its_policy_is_read():
    assert {m: p.name for m, p in read_policies(recorded("policy_initial.txt")).items()} == {
        "1_1": "InitialPolicy",
        "1_2": "Standard",
    }


def test_the_picture_of_a_chassis_with_virtual_systems_is_read():
    stat = read_stat(recorded("vsx_stat.txt"))
    assert (stat.mode, stat.platform, stat.sites) == ("VSX", "", {1: "STANDBY"})
    assert {m: word for m, (word, _) in stat.states.items()} == {
        "1_1": "UP",
        "1_2": "UP",
        "1_3": "DOWN",
        "1_4": "UP",
    }

"""What members print at once, told apart whatever the order and the prefixes."""

from itertools import chain, zip_longest

import pytest

from engine.errors import UnexpectedOutput
from engine.gaia.broadcast import by_member, of_one
from engine.gaia.text import marked


def answer(number: int) -> list[str]:
    return [f"@member 1_{number}   ", "@lock", "free", "@state", f"word {number}", "", "@end"]


def prefixed(number: int) -> list[str]:
    return [f"[1_0{number}]{line}" for line in answer(number)]


def interleaved(*answers: list[str]) -> list[str]:
    return [line for line in chain(*zip_longest(*answers)) if line is not None]


def states(lines: list[str]) -> dict[str, str]:
    return {one: own["state"].strip() for one, own in by_member("\n".join(lines)).items()}


BOTH = {"1_1": "word 1", "1_2": "word 2"}


@pytest.mark.parametrize(
    "lines",
    [
        [*answer(2), *answer(1)],
        ["1_01:", *answer(1), "", "1_02:", *answer(2)],
        [*prefixed(1), *prefixed(2)],
        interleaved(prefixed(1), prefixed(2)),
        interleaved(prefixed(2), ["", *prefixed(1)]),
        ["Warning: a banner", *interleaved(prefixed(1), prefixed(2)), "the end"],
        [*answer(1)[:1], *answer(1), *answer(2)],
    ],
)
def test_answers_are_told_apart(lines):
    assert states(lines) == BOTH


def test_one_member_is_read_without_the_prefix_of_its_lines():
    text = "[1_01]{\n[1_01] 4 [1_01]\n[1_02]5\n1_01:\n"

    assert of_one("1_1", text) == "{\n4 [1_01]\n[1_02]5\n1_01:\n"


def test_markers_alone_may_have_the_prefix():
    lines = [line if "word" in line else f"[1_01]{line}" for line in answer(1)]

    assert states(lines) == {"1_1": "word 1"}


@pytest.mark.parametrize("head", ["", "Failed to connect", "1_2 1_3", "1_2:"])
def test_who_cannot_be_read_has_not_answered_and_blinds_nobody(head):
    assert states([*answer(1), f"@member {head}", *answer(2)[1:]]) == {"1_1": "word 1"}


@pytest.mark.parametrize(
    "lines",
    [
        interleaved(answer(1), answer(2)),
        [answer(1)[0], answer(2)[0], *answer(1)[1:], *answer(2)[1:]],
        [*answer(1), *answer(1)],
        [*prefixed(1), *prefixed(1)],
        [line.replace("[1_01]", "[1_02]") for line in prefixed(1)],
        [*prefixed(1)[:4], *prefixed(2)[:4], "word", *prefixed(1)[4:], *prefixed(2)[4:]],
        [*answer(1)[:3], "@lock", "held", *answer(1)[3:]],
        answer(1)[:-1],
    ],
    ids=["mixed", "one in the other", "twice", "twice-", "other", "whose", "repeated", "cut"],
)
def test_what_cannot_be_told_apart_is_no_answer(lines):
    assert states(lines) == {}


def test_a_repeated_marker_is_refused():
    with pytest.raises(UnexpectedOutput, match="@@local is repeated"):
        marked("@@local\n1_1\n@@stat\n@@local\n1_2\n", "@@")

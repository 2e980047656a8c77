"""The code of a gate and the id of a run: read once, written exactly, and of nothing else."""

from hypothesis import given
from hypothesis import strategies as st

from bot.commands.kinds import Vote, Word
from bot.commands.reading import read_command
from engine.asking import code_of
from engine.canon import LETTERS
from engine.orders import run_id

PARTS = st.tuples(*[st.text(max_size=20)] * 4)


@given(PARTS)
def test_a_code_has_four_letters_and_digits_that_nobody_confuses(parts):
    code = code_of(*parts)

    assert len(code) == 4
    assert set(code) <= set(LETTERS)
    assert code == code_of(*parts)
    assert not set("ILOU") & set(LETTERS)


@given(PARTS, st.sampled_from([str.upper, str.lower, str.title]))
def test_a_code_that_was_read_is_understood_as_it_stands(parts, spelled):
    code = code_of(*parts)

    assert read_command(f"approve G2 {spelled(code)}", groups=()) == Vote("yes", "G2", code)


def test_each_of_plan_facts_and_opening_makes_another_code():
    once = ("hf-1", "plan", "facts", "1")
    others = [
        ("hf-2", *once[1:]),
        ("hf-1", "p", *once[2:]),
        (*once[:2], "f", "1"),
        (*once[:3], "2"),
    ]

    codes = {code_of(*parts) for parts in [once, *others]}

    assert len(codes) == 5


def test_the_id_of_a_run_has_forty_bits_in_letters_that_nobody_confuses():
    run = run_id("cmd:1.2.3")

    assert run == run_id("cmd:1.2.3")
    assert len(run.removeprefix("hf-")) == 8
    assert set(run.removeprefix("hf-").upper()) <= set(LETTERS)
    assert read_command(f"halt {run}", groups=()) == Word("halt", run)


def test_no_two_of_many_orders_have_the_same_id():
    assert len({run_id(f"cmd:{number}") for number in range(50_000)}) == 50_000

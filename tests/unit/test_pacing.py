"""Who may post or edit next: each in turn, people who decide first, nobody left out."""

from datetime import UTC, datetime, timedelta

from bot.pacing import GATE, Pace


class Clock:
    """Time that a test sets; see engine.ports.Clock."""

    def __init__(self) -> None:
        self.seconds = 0.0

    def now(self) -> datetime:
        return datetime(2026, 3, 2, tzinfo=UTC) + timedelta(seconds=self.seconds)

    def monotonic(self) -> float:
        return self.seconds

    async def sleep(self, duration: timedelta) -> None:
        raise AssertionError("nobody sleeps in it")


def pace() -> tuple[Pace, Clock]:
    clock = Clock()
    made = Pace(clock, timedelta(seconds=1), timedelta(seconds=3), timedelta(seconds=1.3))
    return made, clock


def test_two_edits_are_apart_whichever_runs_they_belong_to():
    made, clock = pace()

    assert made.take_edit("a", 1, 2) == 0
    assert made.take_edit("b", 1, 2) == 1.3
    clock.seconds = 1.3
    assert made.take_edit("b", 1, 2) == 0


def test_a_run_comes_again_when_the_others_could_have_had_their_turn():
    made, clock = pace()
    made.take_edit("a", 1, 20)
    clock.seconds = 10

    assert made.take_edit("a", 1, 20) == 16
    assert made.take_edit("a", GATE, 20) == 0


def test_a_gate_goes_before_what_waited_longer():
    made, clock = pace()
    made.take_edit("a", 1, 3)
    made.take_edit("b", 1, 3)
    made.take_edit("c", GATE, 3)
    clock.seconds = 1.3

    assert made.take_edit("b", 1, 3) > 0
    assert made.take_edit("c", GATE, 3) == 0


def test_a_gate_that_may_not_go_yet_is_in_nobodys_way():
    made, clock = pace()
    made.take_edit("a", GATE, 2)
    made.take_edit("a", GATE, 2)
    clock.seconds = 1.3

    assert made.take_edit("b", 1, 2) == 0


def test_a_run_that_does_something_else_is_in_nobody_s_way():
    made, clock = pace()
    made.take_edit("a", 1, 3)
    made.take_edit("b", GATE, 3)
    made.take_edit("c", 1, 3)
    clock.seconds = 1.3

    with made.aside("b"):
        assert made.take_edit("c", 1, 3) == 0
        clock.seconds = 2.6
    made.take_edit("a", 1, 3)
    clock.seconds = 3.9
    assert made.take_edit("a", 1, 3) > 0, "it kept its place"
    assert made.take_edit("b", GATE, 3) == 0


def test_one_post_a_second_and_channel():
    made, clock = pace()

    assert made.take_post("C1") == 0
    assert made.take_post("C2") == 0
    assert made.take_post("C1") == 1
    clock.seconds = 1
    assert made.take_post("C1") == 0

"""The lines that act, run by real bash with stand-ins for the device's commands on its path."""

import subprocess
from pathlib import Path

import pytest

from engine.errors import ConditionFailed, Fenced, StepFailed
from engine.gaia.guards import Guard, exit_status, guarded, refusal

OUTSIDE = ("1_5", "1_6", "1_7", "1_8")


@pytest.fixture
def device(tmp_path: Path):
    """A member: `asg` says who it is and who is active; `act` leaves a trace."""
    bin_ = tmp_path / "bin"
    bin_.mkdir()
    (bin_ / "asg").write_text(
        '#!/bin/bash\n[ "$3" = local_id ] && cat "$HOME/local" || cat "$HOME/active"\n'
    )
    (bin_ / "act").write_text(
        '#!/bin/bash\necho acted "$@" >>"$HOME/trace"\n'
        '[ -z "$HOLD" ] || read -r _ <"$HOLD"\nexit "${STATUS:-0}"\n'
    )
    for file in bin_.iterdir():
        file.chmod(0o755)
    (tmp_path / "local").write_text("1_1              \n")
    (tmp_path / "active").write_text("".join(f"{m:<17}\n" for m in ("1_10", *OUTSIDE)))
    return tmp_path


def run(device: Path, guard: Guard, **env: str) -> tuple[int | None, bool]:
    line = guarded("act now", guard)
    done = subprocess.run(
        ["bash", "-c", line],
        capture_output=True,
        text=True,
        timeout=20,
        check=False,
        env={"PATH": f"{device}/bin:/usr/bin:/bin", "HOME": str(device), **env},
    )
    return exit_status(done.stdout), (device / "trace").exists()


def guard(device: Path, **changes) -> Guard:
    fields = {"member": "1_1", "outside": OUTSIDE, "directory": f"{device}/own"} | changes
    return Guard(**fields)


def test_where_all_conditions_hold_the_command_runs_and_its_status_is_told(device):
    assert run(device, guard(device)) == (0, True)
    assert run(device, guard(device), STATUS="3") == (3, True)


def test_another_member_than_meant_does_not_act(device):
    (device / "local").write_text("1_11             \n")

    assert run(device, guard(device)) == (95, False)


@pytest.mark.parametrize("active", [["1_5", "1_6", "1_7"], ["1_5", "1_6", "1_7", "11_8"], []])
def test_a_member_outside_that_is_not_active_forbids_the_act(device, active):
    (device / "active").write_text("".join(f"{m:<17}\n" for m in active))

    assert run(device, guard(device)) == (96, False)


def test_bringing_up_asks_nothing_of_the_others(device):
    (device / "active").write_text("")

    assert run(device, guard(device, outside=())) == (0, True)


@pytest.mark.parametrize(
    ("kept", "status"), [("4", 97), ("3", 0), ("2", 0), ("junk", 97), (None, 97)]
)
def test_an_older_epoch_than_the_one_on_the_member_is_fenced(device, kept, status):
    (device / "own").mkdir()
    if kept is not None:
        (device / "own" / "epoch").write_text(f"{kept}\n")

    told, acted = run(device, guard(device, epoch=3))

    assert (told, acted) == (status, status == 0)


def test_while_a_dialogue_lives_no_other_can_begin(device):
    import os

    pipe = device / "hold"
    os.mkfifo(pipe)
    env = {"PATH": f"{device}/bin:/usr/bin:/bin", "HOME": str(device), "HOLD": str(pipe)}
    first = subprocess.Popen(
        ["bash", "-c", guarded("act now", guard(device))], env=env, stdout=subprocess.PIPE
    )
    with pipe.open("w") as release:  # opens as soon as the first command reads: it holds the lock
        assert run(device, guard(device))[0] == 98
        release.write("\n")
    first.communicate(timeout=20)

    assert run(device, guard(device))[0] == 0


def test_each_status_of_a_guard_stands_for_its_error(device):
    one = guard(device)

    assert isinstance(refusal(95, one), StepFailed)
    assert isinstance(refusal(96, one), ConditionFailed)
    assert isinstance(refusal(97, one), Fenced)
    assert isinstance(refusal(98, one), StepFailed)
    assert refusal(0, one) is None


def test_the_echo_of_the_typed_line_is_not_taken_for_its_end(device):
    assert exit_status(guarded("act", guard(device))) is None
    assert exit_status("…\n@done 96\n") == 96

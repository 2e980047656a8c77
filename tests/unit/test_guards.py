"""The lines that act, run by real bash with stand-ins for the device's commands on its path."""

import os
import subprocess
from pathlib import Path

import pytest

from engine.errors import ConditionFailed, EpochGone, SessionOpen, StepFailed, UnexpectedOutput
from engine.gaia.dialect import context
from engine.gaia.guards import (
    Guard,
    Stamp,
    exit_status,
    guarded,
    printed,
    read_epochs,
    refusal,
    write_epoch,
)
from engine.gaia.probe import Kept, read_kept

OUTSIDE = ("1_5", "1_6", "1_7", "1_8")


@pytest.fixture
def device(tmp_path: Path):
    """A member: `asg` says who it is and who is active; `act` leaves a trace; `gexec` is here."""
    bin_ = tmp_path / "bin"
    bin_.mkdir()
    (bin_ / "asg").write_text(
        '#!/bin/bash\n[ "$3" = local_id ] && cat "$HOME/local" || cat "$HOME/active"\n'
    )
    (bin_ / "act").write_text(
        '#!/bin/bash\necho acted "$@" >>"$HOME/trace"\n'
        '[ -z "$HOLD" ] || read -r _ <"$HOLD"\nexit "${STATUS:-0}"\n'
    )
    (bin_ / "gexec").write_text('#!/bin/bash\nexec bash -c "${@: -1}"\n')
    for file in bin_.iterdir():
        file.chmod(0o755)
    (tmp_path / "local").write_text("1_1              \n")
    (tmp_path / "active").write_text("".join(f"{m:<17}\n" for m in ("1_10", *OUTSIDE)))
    return tmp_path


def env(device: Path, **more: str) -> dict[str, str]:
    return {"PATH": f"{device}/bin:/usr/bin:/bin", "HOME": str(device), **more}


def run(device: Path, guard: Guard, **more: str) -> tuple[int | None, bool]:
    line = guarded("act now", guard)
    done = subprocess.run(
        ["bash", "-c", line],
        capture_output=True,
        text=True,
        timeout=20,
        check=False,
        env=env(device, **more),
    )
    return exit_status(done.stdout), (device / "trace").exists()


def guard(device: Path, **changes) -> Guard:
    fields = {"member": "1_1", "outside": OUTSIDE, "directory": f"{device}/own"} | changes
    epoch = fields.pop("epoch", None)
    return Guard(**fields, stamp=None if epoch is None else of(epoch))


def of(epoch: int) -> Stamp:
    """Return our stamp: a database of this id, moved from two others."""
    return Stamp(epoch, "db", ("parent", "grandparent"))


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


def test_ids_may_be_written_with_two_digits(device):
    (device / "local").write_text("1_01             \n")
    (device / "active").write_text("1_05\n1_06   \n1_07\n1_8\n")

    assert run(device, guard(device)) == (0, True)


@pytest.mark.parametrize(
    ("local", "active", "status"),
    [
        ("1_011", "1_05 1_06 1_07 1_08", 95),
        ("1_10", "1_05 1_06 1_07 1_08", 95),
        ("11_01", "1_05 1_06 1_07 1_08", 95),
        ("1_01", "1_05 1_06 1_07 1_80", 96),
        ("1_01", "1_05 1_06 1_07 1_18", 96),
    ],
)
def test_two_digits_make_no_other_member_of_it(device, local, active, status):
    (device / "local").write_text(f"{local}\n")
    (device / "active").write_text(active.replace(" ", "\n") + "\n")

    assert run(device, guard(device)) == (status, False)


def test_bringing_up_asks_nothing_of_the_others(device):
    (device / "active").write_text("")

    assert run(device, guard(device, outside=())) == (0, True)


STANDING_BY = """
Cluster Mode:   HA Over LS

ID         Unique Address  Assigned Load   State          Name

1          192.0.2.1       100%            ACTIVE         cti-ch01-01
2 (local)  192.0.2.15      0%              STANDBY        cti-ch02-01

Active PNOTEs: None
"""


def two_sites(
    device: Path,
    *,
    active: list[str],
    said: list[str],
    outside: tuple[str, ...] = ("1_1", "2_1", "2_2"),
    resting: tuple[str, ...] = ("2_1", "2_2"),
    said_active: tuple[str, ...] = (),
) -> tuple[int | None, bool]:
    """Run with 1_1 on the Active Site; 2_1 and 2_2 stood by when they were looked at.

    `cphaprob state` on each member that is asked says what `said` has; one that `gexec` asks by
    itself, the one of its place.
    """
    (device / "active").write_text("".join(f"{m:<17}\n" for m in active))
    (device / "said").write_text("\n".join(said))
    cphaprob = device / "bin" / "cphaprob"
    cphaprob.write_text('#!/bin/bash\ncat "$HOME/said"\n')
    cphaprob.chmod(0o755)
    conditions = {"standing_by": resting, "said_active": said_active}
    return run(device, guard(device, outside=outside, **conditions))


@pytest.mark.parametrize(
    ("active", "said"),
    [
        (["1_1"], [STANDING_BY] * 2),
        (["1_1"], [STANDING_BY.replace("STANDBY", "ACTIVE ")] * 2),
        (["1_1", "2_1", "2_2"], ["bash: cphaprob: command not found"]),
        (["1_1", "2_1"], [STANDING_BY] * 2),
    ],
    ids=["not listed", "they say ACTIVE", "all are listed", "one is listed"],
)
def test_members_of_a_standby_site_may_be_listed_as_active_or_say_that_they_stand_by(
    device, active, said
):
    assert two_sites(device, active=active, said=said) == (0, True)


@pytest.mark.parametrize(
    ("active", "said"),
    [
        (["1_1"], [STANDING_BY]),
        (["1_1"], []),
        (["1_1"], [STANDING_BY, STANDING_BY.replace("None", "FSYNC")]),
        (["1_1"], [STANDING_BY, STANDING_BY.replace("STANDBY", "DOWN   ")]),
        (["1_1"], [STANDING_BY, STANDING_BY.replace("STANDBY", "ACTIVE(!)")]),
        (["1_1"], [STANDING_BY, "HA module not started."]),
        (["2_1", "2_2"], [STANDING_BY] * 2),
        ([], [STANDING_BY] * 2),
    ],
    ids=[
        "one does not answer",
        "nobody answers",
        "one has a problem",
        "one is DOWN",
        "one had to become active",
        "one is starting",
        "the Sites changed places",
        "nobody is active",
    ],
)
def test_a_standby_site_that_could_not_take_over_forbids_the_act(device, active, said):
    assert two_sites(device, active=active, said=said) == (96, False)


CARRIES = STANDING_BY.replace("STANDBY", "ACTIVE ")


@pytest.mark.parametrize(
    ("said", "result"),
    [
        ([CARRIES, CARRIES], (0, True)),
        ([CARRIES, STANDING_BY], (96, False)),
        ([STANDING_BY, STANDING_BY], (96, False)),
        ([CARRIES, CARRIES.replace("ACTIVE ", "ACTIVE(!)")], (96, False)),
        ([CARRIES], (96, False)),
        ([], (96, False)),
    ],
    ids=["they carry", "one stands by", "no Site took over", "in danger", "one is away", "none"],
)
def test_where_all_are_listed_as_active_a_site_that_did_not_take_over_is_known_by_its_own_word(
    device, said, result
):
    """`active_ids` lists the members of a Standby Site too, so it says nothing of a take-over."""
    both = {"outside": ("2_1", "2_2"), "resting": (), "said_active": ("2_1", "2_2")}

    assert two_sites(device, active=["1_1", "2_1", "2_2"], said=said, **both) == result


def test_a_member_that_says_active_and_is_not_listed_forbids_the_act(device):
    both = {"outside": ("2_1", "2_2"), "resting": (), "said_active": ("2_1", "2_2")}

    assert two_sites(device, active=["2_1"], said=[CARRIES] * 2, **both) == (96, False)


@pytest.mark.parametrize(
    ("vsenv", "result"),
    [
        ("#!/bin/bash\nexit 0\n", (0, True)),
        ("#!/bin/bash\nexit 1\n", (94, False)),
        ("", (94, False)),
    ],
    ids=["entered", "refused", "there is no vsenv"],
)
def test_an_act_that_cannot_enter_the_context_of_0_is_none(device, vsenv, result):
    if vsenv:
        (device / "bin" / "vsenv").write_text(vsenv)
        (device / "bin" / "vsenv").chmod(0o755)

    assert run(device, guard(device, context=context(0))) == result
    assert isinstance(refusal(94, guard(device)), StepFailed)


BOOT = Path("/proc/sys/kernel/random/boot_id").read_text().strip()
OTHER_BOOT = "00000000-0000-4000-8000-000000000000"
LONG = 9_007_199_254_740_993  # 16 digits, and more than a float can hold


@pytest.mark.parametrize(
    ("kept", "ours", "status"),
    [
        (f"3 {BOOT} db\n", 3, 0),
        (f"{LONG} {BOOT} db\n", LONG, 0),
        (f"{LONG} {BOOT} db\n", LONG - 1, 97),
        (f"{LONG - 1} {BOOT} db\n", LONG, 97),
        (f"4 {BOOT} db\n", 3, 97),
        (f"2 {BOOT} db\n", 3, 97),
        (f"30 {BOOT} db\n", 3, 97),
        (f"3 {OTHER_BOOT} db\n", 3, 97),
        (f"3 {BOOT} db\n4 {BOOT} db\n", 3, 97),
        (f"3 {BOOT}\n", 3, 97),
        (f"3 {BOOT} other\n", 3, 97),
        (f"3 {BOOT} parent\n", 3, 97),
        (f"3 {BOOT} db x\n", 3, 97),
        ("3\n", 3, 97),
        ("junk\n", 3, 97),
        ("* $(touch trace)\n", 3, 97),
        ("", 3, 97),
        (None, 3, 97),
    ],
)
def test_only_the_epoch_that_the_member_keeps_in_this_boot_may_act(device, kept, ours, status):
    (device / "own").mkdir()
    if kept is not None:
        (device / "own" / "epoch").write_text(kept)

    told, acted = run(device, guard(device, epoch=ours))

    assert (told, acted) == (status, status == 0)


def test_an_epoch_that_cannot_be_read_is_fenced(device):
    (device / "own" / "epoch").mkdir(parents=True)

    assert run(device, guard(device, epoch=3)) == (97, False)


def test_while_a_dialogue_lives_no_other_can_begin(device):
    pipe = device / "hold"
    os.mkfifo(pipe)
    first = subprocess.Popen(
        ["bash", "-c", guarded("act now", guard(device))],
        env=env(device, HOLD=str(pipe)),
        stdout=subprocess.PIPE,
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
    assert isinstance(refusal(97, one), EpochGone)
    assert isinstance(refusal(98, one), SessionOpen)
    assert refusal(0, one) is None


def test_the_echo_of_the_typed_line_is_not_taken_for_its_end(device):
    assert exit_status(guarded("act", guard(device))) is None
    assert exit_status("…\n@done 96\n") == 96
    assert exit_status("no line end@done 0\r\n") == 0
    assert printed("all that was said\n@done 0\n") == "all that was said\n"


def test_a_line_for_another_member_has_no_single_quote(device):
    line = guarded("act now", guard(device, outside=(), epoch=3))

    assert "'" not in line
    assert "'" not in read_epochs("/own").partition("'")[2].rpartition("'")[0]
    assert "'" not in write_epoch("/own", of(3)).partition("'")[2].rpartition("'")[0]


# ------------------------------------------------------------------------------ the take-over


def take_over(device: Path, epoch: int | None) -> Kept:
    """Run the line that reads (without an epoch) or writes epochs, as its member sees it."""
    own = f"{device}/own"
    line = read_epochs(own) if epoch is None else write_epoch(own, of(epoch))
    done = subprocess.run(
        ["bash", "-c", line],
        capture_output=True,
        text=True,
        timeout=20,
        check=False,
        env=env(device),
    )
    assert done.stderr == ""
    return read_kept(done.stdout)["1_1"]


def file_of(device: Path) -> Path:
    (device / "own").mkdir(exist_ok=True)
    return device / "own" / "epoch"


@pytest.mark.parametrize("epoch", [1, 7, LONG])
def test_a_take_over_writes_its_epoch_and_then_its_lines_pass_and_older_ones_do_not(device, epoch):
    kept = take_over(device, epoch)

    assert kept == Kept(f"{epoch} {BOOT} db", BOOT, held=False)
    assert run(device, guard(device, epoch=epoch - 1)) == (97, False)
    assert run(device, guard(device, epoch=epoch)) == (0, True)


@pytest.mark.parametrize(
    "before",
    [
        None,
        "",
        "6\n",
        f"6 {BOOT}\n",
        f"6 {BOOT} db\n",
        f"6 {BOOT} parent\n",
        f"6 {BOOT} grandparent\n",
        f"7 {OTHER_BOOT} db\n",
        "junk\n",
        "a\nb\n",
        "-1 x\n",
    ],
)
def test_what_is_lower_older_or_no_epoch_is_replaced(device, before):
    if before is not None:
        file_of(device).write_text(before)

    assert take_over(device, 7).epoch == f"7 {BOOT} db"


@pytest.mark.parametrize(
    "before", [f"8 {BOOT} db", f"8 {OTHER_BOOT} db", f"8 {BOOT}", "8", f"{LONG} {BOOT} db"]
)
def test_a_higher_epoch_stays_whatever_boot_it_is_of(device, before):
    file_of(device).write_text(f"{before}\n")

    assert take_over(device, 7).epoch == before
    assert run(device, guard(device, epoch=7)) == (97, False)


@pytest.mark.parametrize("of_the_same", [f"7 {BOOT}", "7", f"7 {BOOT} parent"])
def test_our_own_number_in_another_hand_stays(device, of_the_same):
    """A former version, or the database that ours was moved from, went on after us."""
    file_of(device).write_text(f"{of_the_same}\n")

    assert take_over(device, 7).epoch == of_the_same
    assert run(device, guard(device, epoch=7)) == (97, False)


@pytest.mark.parametrize("number", ["6", "7", "8", "junk"])
@pytest.mark.parametrize("boot", [BOOT, OTHER_BOOT])
def test_what_another_database_wrote_stays_whatever_its_epoch_is(device, number, boot):
    file_of(device).write_text(f"{number} {boot} other\n")

    assert take_over(device, 7).epoch == f"{number} {boot} other"
    assert run(device, guard(device, epoch=7)) == (97, False)


def test_reading_the_epochs_makes_nothing(device):
    assert take_over(device, None) == Kept("", BOOT, held=False)
    assert not (device / "own").exists()


def test_a_member_that_cannot_keep_an_epoch_shows_that_it_does_not(device):
    (device / "own").write_text("a file where the folder should be")
    done = subprocess.run(
        ["bash", "-c", write_epoch(f"{device}/own", of(7))],
        capture_output=True,
        text=True,
        timeout=20,
        check=False,
        env=env(device),
    )

    assert read_kept(done.stdout)["1_1"].epoch == ""
    assert run(device, guard(device, epoch=7))[1] is False


def test_an_open_dialogue_keeps_no_epoch_out_and_is_seen(device):
    pipe = device / "hold"
    os.mkfifo(pipe)
    take_over(device, 6)
    dialogue = subprocess.Popen(
        ["bash", "-c", guarded("act now", guard(device, epoch=6))],
        env=env(device, HOLD=str(pipe)),
        stdout=subprocess.PIPE,
    )
    with pipe.open("w") as release:
        assert take_over(device, 7) == Kept(f"7 {BOOT} db", BOOT, held=True)
        assert take_over(device, None).held
        assert run(device, guard(device, epoch=7))[0] == 98
        release.write("\n")
    dialogue.communicate(timeout=20)

    assert not take_over(device, None).held
    assert run(device, guard(device, epoch=6))[0] == 97
    assert run(device, guard(device, epoch=7))[0] == 0


def test_of_two_that_take_over_at_once_the_higher_stays(device):
    lines = [write_epoch(f"{device}/own", of(n)) for n in range(1, 13)]
    for number in range(5):
        file_of(device).unlink(missing_ok=True)
        writers = [
            subprocess.Popen(["bash", "-c", line], env=env(device), stdout=subprocess.DEVNULL)
            for line in (lines if number % 2 else reversed(lines))
        ]
        for writer in writers:
            writer.wait(timeout=20)

        assert file_of(device).read_text() == f"12 {BOOT} db\n"


@pytest.mark.parametrize(
    "text", ["", "@@over\n", "@member 1_1\n@boot\nb\n@lock\nfree\n@epoch\n7 b\n@end\n"]
)
def test_an_answer_without_members_or_without_an_end_is_not_read(text):
    with pytest.raises(UnexpectedOutput):
        read_kept(text)


def test_a_lock_that_cannot_be_read_is_not_taken_for_free():
    odd = "@member 1_1\n@boot\nb\n@lock\nflock: bad\n@epoch\n7 b\n@end\n@@over\n"

    with pytest.raises(UnexpectedOutput):
        read_kept(odd)
    whole = odd.replace("1_1", "1_2").replace("flock: bad", "free")
    assert list(read_kept(odd.removesuffix("@@over\n") + whole)) == ["1_2"]


@pytest.mark.parametrize("active", [[], ["1_1", "1_2"]])
def test_nothing_is_taken_down_where_no_site_is_active_and_all_others_only_stand_by(device, active):
    done = two_sites(device, active=active, said=[STANDING_BY] * 2, outside=("2_1", "2_2"))

    assert done == ((0, True) if active else (96, False))

"""The same thing spelled otherwise: blanks, colours, case, padding. Read the same, or refused."""

import asyncio
import json
from collections.abc import Coroutine
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import cast

import pytest
from hypothesis import given
from hypothesis import strategies as st

from engine.errors import MaintenanceError, StepFailed, UnexpectedOutput, UnknownPrompt
from engine.facts import Identity, InstalledPolicy, MemberId
from engine.gaia.dialogues import admin_state
from engine.gaia.guards import Guard
from engine.gaia.installer import ALLOWED, after_frames, last_frame
from engine.gaia.picture import read_stat
from engine.gaia.readings import (
    read_cloning,
    read_connections,
    read_core_dumps,
    read_cphaprob,
    read_policies,
    read_take,
)
from engine.gaia.text import cleaned
from engine.group import LiveGroup, _Talk
from engine.logins import EXPERT, _Prompts
from engine.ports import Output, Shell
from tests.unit.builders import PACKAGE, POLICY
from tests.unit.hand_clock import HandClock
from tests.unit.test_parsers import FRAME

RECORDED = Path(__file__).parents[1] / "transcripts" / "recorded"

# ------------------------------------------------------------------------- image auto-clone

OFF = "Image auto-clone state is off"


@pytest.mark.parametrize(
    "text",
    [
        f"1_01: {OFF}\n1_02: {OFF}\n",
        f"[1_01]{OFF}\n[1_02] {OFF}\n",
        f"  1_01:  \n{OFF}\n\n1_02 (local):\n{OFF}\n",
        f"-*- 2 members: 1_01 1_02 -*-\n{OFF.upper()}\n",
        f"-*- 2 blades: 1_01,1_02 -*-\nCLINFR0771  Config lock is owned by admin.\n{OFF}\n",
        "1_01:\nImage auto-clone state is: off\n1_02:\nImage auto-clone state is:  Off\n",
    ],
)
def test_cloning_is_read_of_each_member_however_its_block_begins(text):
    assert read_cloning(text) == {"1_1": False, "1_2": False}


@pytest.mark.parametrize(
    "head",
    ["1_02 (standby):", "1_02 - local", "1_02", "-*- 2 blades: 1_02 -*-", "-*- all blades -*-"],
)
def test_what_stands_under_a_heading_that_cannot_be_read_is_not_the_member_before(head):
    found = read_cloning(f"1_01:\n{OFF}\n{head}\n{OFF.replace('off', 'on')}\n1_03:\n{OFF}\n")

    assert found == {"1_1": False, "1_3": False}
    assert read_connections(f"1_01:\n{head}\n1 2 3\n1_03:\n4 5 6\n") == {"1_3": 4}
    assert read_core_dumps(f"-*- 1 blade: 1_01 -*-\n{head}\n/var/log/dump/usermode/x\n") == {}


@pytest.mark.parametrize("word", ["off-line", "offline", "on/off", "", "of", "unknown"])
def test_another_word_is_no_state_of_cloning(word):
    with pytest.raises(UnexpectedOutput):
        read_cloning(f"1_01:\nImage auto-clone state is {word}\n")


def test_a_member_that_is_said_to_be_both_on_and_off_is_no_reading():
    with pytest.raises(UnexpectedOutput, match="both"):
        read_cloning(f"1_01:\n{OFF}\n1_02:\n{OFF}\n1_01:\n{OFF.replace('off', 'on')}\n")


heads = st.sampled_from(["{}:", " {}: ", "{} (local):", "[{}]", "-*- 1 blade: {} -*-", "{}: "])


@given(st.permutations(range(1, 6)), st.lists(st.booleans(), min_size=5, max_size=5), st.data())
def test_in_any_order_and_spelling_each_member_has_its_own_state(order, states, data):
    """One heading is lost: then that one has no state, and nobody has another's."""
    lost = data.draw(st.sampled_from([0, *order]))
    lines = []
    for number in order:
        head = data.draw(heads).format(data.draw(st.sampled_from([f"1_{number}", f"1_0{number}"])))
        word = "on" if states[number - 1] else "off"
        lines += ["garbage" if number == lost else head, f"Image auto-clone state is {word}", ""]
    try:
        found = read_cloning("\n".join(lines))
    except UnexpectedOutput:
        assert lost
        return
    wrong = {one for one, on in found.items() if on != states[int(one[2:]) - 1]}

    assert not wrong
    assert len(found) == (4 if lost else 5)


# ---------------------------------------------------------------------------- policies

POLICIES = """\
 +---+
 | Member ID | POLICY NAME | Policy  Date | Policy Signature | STATUS |
 | 1_01 (local) | Standard | 22Aug22 08:54 | aa | {} |
 | 1_02 | Standard | 22Aug22  08:54 | aa | Success |
"""


@pytest.mark.parametrize(
    ("word", "failed"),
    [
        ("Success", False),
        ("SUCCESSFUL", False),
        ("Failed", True),
        ("FAILURE", True),
        ("Error", True),
        ("OK", False),
        ("", False),
    ],
)
def test_a_padded_table_of_policies_and_only_what_says_so_is_failed(word, failed):
    found = read_policies(POLICIES.format(word))

    assert found["1_1"] == InstalledPolicy("Standard", "22Aug22 08:54", "aa", failed)
    assert found["1_2"] == InstalledPolicy("Standard", "22Aug22 08:54", "aa")


# ------------------------------------------------------------------- colours and drawn boxes

STAT = (RECORDED / "asg_stat.txt").read_text()
READ = {
    "picture": (read_stat, STAT),
    "policies": (read_policies, (RECORDED / "policy_mixed.txt").read_text()),
    "cloning": (read_cloning, (RECORDED / "auto_clone_off.txt").read_text()),
    "state": (read_cphaprob, (RECORDED / "cphaprob_state.txt").read_text()),
    "frame": (last_frame, FRAME),
}
PAINT = ["\x1b[31m", "\x1b[0m", "\x1b[01;32m", "\x1b[m", "\x1b[K", "\x1b(B", "\x1b[?25l", "\x1b[0K"]


@pytest.mark.parametrize("what", list(READ))
@given(data=st.data())
def test_paint_anywhere_changes_nothing_that_is_read(what, data):
    reader, text = READ[what]
    places = data.draw(st.lists(st.integers(0, len(text)), max_size=30))
    painted = text
    for place in sorted(places, reverse=True):
        painted = painted[:place] + data.draw(st.sampled_from(PAINT)) + painted[place:]

    assert reader(cleaned(painted)) == reader(text)


@pytest.mark.parametrize("what", ["picture", "policies", "frame"])
def test_a_box_may_be_drawn_with_lines(what):
    reader, text = READ[what]

    assert reader(cleaned(text.replace("|", "│").replace("-----", "─────"))) == reader(text)


NOW = datetime(2026, 3, 1, tzinfo=UTC)
PROMPTS = [
    "[Expert@cti-ch01-02:0]# ",
    "[Expert@cti-ch01-02:0]#",
    "\x1b]0;admin@x:~\x07\x1b[?1034h[Expert@cti-ch01-02:0]# ",
    "\x1b[01;32m[Expert@EXL-s01-01:0]#\x1b[0m ",
    "[Expert@EXL-s01-01:0]# \x1b[K",
    "\x1b(B\x1b[m[Expert@EXL-s01-01:0]# ",
    "\x1b[?2004h[Expert@EXL-s01-01:0]# ",
    "Last login: now\r\r\n\x1b[1m[Expert@EXL-s01-01:0]\x1b[22m# \x1b[?25h",
]


class Shown:
    """A terminal that shows this and falls silent."""

    def __init__(self, *texts: str) -> None:
        self.texts = list(texts)

    async def read(self, *, within: timedelta) -> str:
        if not self.texts:
            raise TimeoutError
        return self.texts.pop(0)

    async def write(self, text: str) -> None:
        raise AssertionError(text)

    async def close(self) -> None:
        """Nothing is open."""


def finds_prompt(*texts: str) -> bool:
    """Tell whether both that wait for an Expert prompt find it, or neither."""
    at, guard = "1_2", Guard("1_2", (), "/var/log/x")

    async def commit(on: MemberId) -> None:
        raise AssertionError(on)

    async def both() -> list[bool]:
        found = []
        script = admin_state("down", [at], name="ana", reason="x", confirming_acts=False)
        talk = _Talk(Shown(*texts), script, guard, at, HandClock(NOW), timedelta(minutes=3), commit)
        for waiting in (talk.reach_prompt(), _Prompts(Shown(*texts)).next(EXPERT)):
            try:
                await waiting
                found.append(True)
            except MaintenanceError:
                found.append(False)
        return found

    found = asyncio.run(both())
    assert len(set(found)) == 1
    return found[0]


@pytest.mark.parametrize("prompt", PROMPTS)
def test_the_prompt_is_found_whatever_paints_it_and_in_pieces(prompt):
    assert finds_prompt(prompt)
    assert finds_prompt(*prompt)


@pytest.mark.parametrize(
    "text",
    ["# ", "[Expert@x:0]# rm -rf /", "[Expert@x:0]", "say [Expert@x:0]#", "[Expert@x\n:0]# "],
)
def test_what_is_no_prompt_is_not_taken_for_one(text):
    assert not finds_prompt(text)


SURE = (
    "You are about to perform blade state change to down on blades: \x1b[1m1_02\x1b[0m\n\n"
    "\x1b[31mAre you sure?\x1b[0m (Y - yes, any other key - no) \x1b[0m"
)


def test_a_question_in_bold_is_answered_and_names_who_it_names():
    answer = admin_state("down", ["1_2"], name="ana", reason="x", confirming_acts=False).hear(SURE)

    assert answer is not None
    assert answer.text == "y"
    with pytest.raises(UnknownPrompt, match="1_02"):
        admin_state("down", ["1_3"], name="ana", reason="x", confirming_acts=False).hear(SURE)


# --------------------------------------------------------------------------- asg stat -v

ROW = "|  2                      DOWN (admin)                                         |"


@pytest.mark.parametrize(
    ("shown", "read"),
    [
        ("DOWN(admin)", ("DOWN", ("ADMIN",))),
        ("DOWN  (admin)", ("DOWN", ("ADMIN",))),
        ("DOWN    ( ADMIN )", ("DOWN", ("ADMIN",))),
        ("down (admin_down)", ("DOWN", ("ADMIN",))),
        ("DOWN(FSYNC)", ("DOWN", ("FSYNC",))),
        ("DOWN ()", ("DOWN", ())),
        ("ACTIVE(!)", ("ACTIVE(!)", ())),
        ("ACTIVE (!)", ("ACTIVE(!)", ())),
        ("ACTIVE  ( ! )", ("ACTIVE(!)", ())),
        ("Active!", ("ACTIVE(!)", ())),
        ("ACTIVE!(admin)", ("ACTIVE(!)", ("ADMIN",))),
        ("No SGM detected in slot", ("DETACHED", ())),
        ("no member detected in a slot", ("DETACHED", ())),
    ],
)
def test_a_members_state_and_what_stands_in_brackets_behind_it(shown, read):
    for text in (f"  2                      {shown}", f"  1_02    {shown}"):
        assert read_stat(STAT.replace(ROW, f"|{text:<78}|")).states["1_2"] == read


@pytest.mark.parametrize(
    "shown", ["DOWN - admin", "is not there", "(admin)", "DOWN (a) (b)", "UP 5"]
)
def test_words_that_are_no_state_are_refused(shown):
    with pytest.raises(UnexpectedOutput):
        read_stat(STAT.replace(ROW, f"|{f'  2                      {shown}':<78}|"))


SYNC = "|   Sync to Active chassis: Enabled                                            |"


@pytest.mark.parametrize(
    ("line", "sync"),
    [
        ("Sync to Active chassis: Enabled", True),
        ("   Sync to Active site:  ENABLED  ", True),
        ("| Sync to Active site        | Enabled   |", True),
        ("| Sync to active sites : enabled |", True),
        ("Sync to Active chassis: Disabled", False),
        ("Sync to Active chassis: Enabled on 1 of 2", False),
        ("| Sync to Active chassis: Enabled with errors |", False),
        ("|   Sync to Active chassis: Enabled", False),
        ("| Sync to Active chassis: |", False),
    ],
)
def test_synchronisation_is_on_only_where_a_whole_line_says_no_more_than_that(line, sync):
    assert SYNC in STAT
    assert read_stat(STAT.replace(SYNC, line)).sync == sync


def test_a_line_that_is_cut_off_says_nothing_of_synchronisation():
    head, _, _ = STAT.partition(SYNC)

    assert not read_stat(f"{head}Sync to Active chassis: Enabled").sync
    assert read_stat(f"{head}Sync to Active chassis: Enabled\n").sync


# ------------------------------------------------------------------------------- the take

PRODUCTS = "[IDA]\n\tNo hotfixes..\n[FW1]\n{fw1}\n[SMO]\n{smo}\n\n[CPUpdates]\n\tBUNDLE_X Take: 7\n"
JUMBO = "\tBUNDLE_R81_20_jumbo_hf_main Take: {}"
NONE = "\tNo hotfixes.."


@pytest.mark.parametrize(
    ("text", "take"),
    [
        ("BUNDLE_R81_20_jumbo_hf_main Take: 120\n", 120),
        ("HOTFIX_R80_30SP_JHF_MAIN   take:101 \r\n", 101),
        ("BUNDLE_R82_JUMBO_HF_MAIN Take 60\n", 60),
        ("BUNDLE_R81_20_JUMBO_HF_MAIN#120\n", 120),
        ("HOTFIX_R81_20_JHF_T99_123_MAIN Take: 3\nBUNDLE_R81_20_JUMBO_HF_MAIN Take: 99\n", 99),
        (PRODUCTS.format(fw1=JUMBO.format(120), smo=JUMBO.format(120)), 120),
        (PRODUCTS.format(fw1=JUMBO.format(120), smo=JUMBO.format(99)), 99),
        (PRODUCTS.format(fw1=JUMBO.format(99), smo=JUMBO.format(120)), 120),
        (PRODUCTS.format(fw1=JUMBO.format(120), smo=NONE), 0),
        (PRODUCTS.format(fw1=NONE, smo="\tHOTFIX_OTHER_FIX Take: 3"), 0),
        (
            PRODUCTS.format(
                fw1=NONE, smo=f"\tHOTFIX_R81_20_JHF_PORTAL Take: 3\n{JUMBO}".format(76)
            ),
            76,
        ),
        (PRODUCTS.format(fw1=JUMBO.format(76), smo=""), 76),
        ("BUNDLE_R80_40_JUMBO_HF_T94_sk165456 Take: 94\n", 94),
        ("HOTFIX_R81_20_JHF_T99_123_MAIN\nBUNDLE_R81_20_JUMBO_HF_MAIN Take: 99\n", 99),
    ],
)
def test_the_take_is_that_of_the_jumbo_and_of_smo_where_products_are_told_apart(text, take):
    assert read_take(text) == take


@pytest.mark.parametrize(
    "text",
    [
        "1_01:\nerror: cannot connect to cpinfo\n",
        "This is Check Point CPinfo Build 914000231 for GAIA\n",
        "[SMO]\n\n[FW1]\n\tNo hotfixes..\n",
        "[SMO]\n\n[FW1]\nHOTFIX_OTHER_FIX Take: 3\n",
        "[SMO]\n  Take: 120\n",
        "BUNDLE_R82_JUMBO_HF_MAIN Take:\n",
        "BUNDLE_R82_JUMBO_HF_MAIN Take: 12x\n",
        "BUNDLE_R82_JUMBO_HF_MAIN: 12\n",
        "BUNDLE_R82_JUMBO_HF_MAIN Take: 60\nBUNDLE_R82_JUMBO_HF_MAIN Take: 91\n",
        "[FW1]\nBUNDLE_R82_JUMBO_HF_MAIN Take: 60\n[IDA]\nBUNDLE_R82_JUMBO_HF_MAIN Take: 91\n",
        PRODUCTS.format(fw1=JUMBO.format(120), smo="\terror: locked"),
    ],
)
def test_what_does_not_say_one_take_is_neither_that_nor_a_take_of_zero(text):
    with pytest.raises(UnexpectedOutput):
        read_take(text)


# ------------------------------------------------------------------- the installer's table

TABLE = "  +---+\n{head}\n  +---+\n{rows}\n  +---+\n\n{after}"
HEADS = ["|Member ID    |Status  |", "  | Member ID | Status |", "|MEMBER ID|STATUS|"]


@given(st.sampled_from(HEADS), st.permutations(range(1, 5)), st.data())
def test_rows_are_read_whatever_pads_them_and_in_any_order(head, order, data):
    said = {f"1_{number}": f"says {number}, at length" for number in order}
    rows = []
    for number in order:
        blanks = st.sampled_from(["", " ", "   "])
        left, inner, right = (data.draw(blanks) for _ in range(3))
        one = data.draw(st.sampled_from([f"1_{number}", f"1_0{number}"]))
        local = data.draw(st.sampled_from(["", " (local)", "(LOCAL)"]))
        first, _, second = said[f"1_{number}"].partition(" at")
        rows.append(f"{left}|{inner}{one}{local}{right}|{inner}{first}{right}|{left}")
        rows.append(f"{left}|{inner}{' ' * 6}{right}|{inner}at{second}{right}|")
    table = TABLE.format(head=head, rows="\n".join(rows), after="[Aug 31] it is said below")

    assert last_frame(table) == said
    assert after_frames(table) == "[Aug 31] it is said below"


def test_what_wraps_below_a_row_that_cannot_be_read_is_of_no_other_member():
    rows = (
        "|1_01 |Installation is |\n|     |allowed.  |\n|1_02 (odd)|Not |\n|     |allowed.  |\n"
        "|1_03 |Installation is allowed. |"
    )

    assert last_frame(TABLE.format(head=HEADS[0], rows=rows, after="")) == {
        "1_1": ALLOWED,
        "1_3": ALLOWED,
    }


VERIFY_ROWS = "|1_01 |{} |\n|1_02 |{} |\n|1_03 |{} |"


class Answering:
    """A shell that lists one package, and prints this table for a verification or an import."""

    def __init__(self, table: str) -> None:
        self.table = table

    async def run(self, command: str, *, within: timedelta) -> Output:
        if "installer verify" in command or "installer import" in command:
            return Output(f"{self.table}\n@done 0\n", 0)
        return Output(json.dumps({"packages": [{"filename": PACKAGE.name}]}), 0)


def verified(*said: str, after: str = "") -> str:
    """Verify on 1_1 and 1_3; return why it was refused, or ""."""
    return _refusal(_live(*said, after=after).verify(PACKAGE, ["1_1", "1_3"], at="1_1"))


def imported(*said: str, after: str = "") -> str:
    """Import; return why it was refused, or ""."""
    return _refusal(_live(*said, after=after).import_package(PACKAGE))


def _live(*said: str, after: str) -> LiveGroup:
    rows = VERIFY_ROWS.format(*said)
    shell = Answering(TABLE.format(head=HEADS[0], rows=rows, after=after))
    return LiveGroup(
        cast("Shell", shell),
        HandClock(NOW),
        POLICY,
        known=Identity("R81.20", "Maestro", "Gateway"),
    )


def _refusal(asked: Coroutine[None, None, str]) -> str:
    try:
        asyncio.run(asked)
    except StepFailed as refused:
        return str(refused)
    return ""


def test_a_verification_is_judged_by_the_members_that_were_asked():
    assert verified(ALLOWED, "Package is not ready for verify", ALLOWED) == ""
    assert "1_3: No." in verified(ALLOWED, ALLOWED, "No.")
    assert "1_1: No." in verified("No.", ALLOWED, ALLOWED)


def test_a_verification_that_was_aborted_is_refused_whatever_the_table_says():
    said = verified(ALLOWED, ALLOWED, ALLOWED, after="[Aug 31] Action was aborted (verify, 'a').")

    assert "Action was aborted" in said


GOES_ON = "Importing package..."
IMPORTED = "The package was successfully imported."
ABORTED = "[Aug 31] Import cannot be performed on members :1_02 (no space). Action was aborted."


def test_an_import_that_was_aborted_is_refused_whatever_its_rows_said_last():
    assert imported(GOES_ON, IMPORTED, GOES_ON) == ""
    assert "members :1_02 (no space)" in imported(GOES_ON, IMPORTED, GOES_ON, after=ABORTED)
    assert imported(IMPORTED, IMPORTED, IMPORTED, after=ABORTED) == ""


# ------------------------------------------------------------------- a member's own state

OWN = (
    "1{}(local)  192.0.2.1  100%  DOWN  x\n\nActive PNOTEs:{}\n\nLast member state change event:\n"
)


@pytest.mark.parametrize("noted", ["ADMIN", "admin", "Admin_Down"])
@pytest.mark.parametrize("blanks", ["", " ", "   "])
def test_who_is_down_by_hand_is_so_in_any_case_of_letters(noted, blanks):
    assert read_cphaprob(OWN.format(blanks, f" {noted}")) == ("DOWN", ("ADMIN",))


def test_a_line_of_notes_without_a_word_is_not_read_on_in_the_next_one():
    with pytest.raises(UnexpectedOutput, match="not even None"):
        read_cphaprob(OWN.format(" ", " "))

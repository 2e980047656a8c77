"""The installer's questions as recorded (R81.10 JHF T66, member 1_2), and what is not answered."""

import pytest

from engine.errors import StepFailed, UnknownPrompt
from engine.gaia.dialogues import Dialogue, admin_state, package
from engine.gaia.text import audit_text
from engine.model import PackageRef

REBOOT = (
    "The machines(1_02) will automatically reboot after install.\n"
    "Do you want to continue? ([y]es / [n]o)\n"
)
CLONE = (
    "Attention! In case image auto-clone is enabled, this operation may be overridden by "
    "auto-cloning from SMO during next boot.\nTo disable image auto-clone run: set smo image "
    "auto-clone state off\nAre you sure? (Y - yes, any other key - no) "
)
CONFIRM = (
    "You are about to perform \nPackage Installation "
    "(Check_Point_R81_10_JUMBO_HF_MAIN_Bundle_T66_FULL.tgz) on blades: 1_02\n\n"
    "Are you sure? (Y - yes, any other key - no) "
)
NAME = (
    "\nPackage Installation (Check_Point_R81_10_JUMBO_HF_MAIN_Bundle_T66_FULL.tgz) requires "
    "auditing\nEnter your full name: "
)
REASON = (
    "Enter reason for \nPackage Installation "
    "(Check_Point_R81_10_JUMBO_HF_MAIN_Bundle_T66_FULL.tgz) [Maintenance]: "
)
JUMBO = PackageRef(
    "Check_Point_R81_10_JUMBO_HF_MAIN_Bundle_T66_FULL.tar", "", 0, "", version="R81.10", take=66
)
ALL = [REBOOT, CLONE, CONFIRM, NAME, REASON]
DOWN = [
    "You are about to perform blade state change to down on blades: 1_02\n\nThis action will "
    "change members state\n\n\nAre you sure? (Y - yes, any other key - no) ",
    "\n\nBlade state change to down requires auditing\n\nEnter your full name: ",
    "Enter reason for blade state change to down [Maintenance]: ",
]
FRAMES = (
    "Querying cluster members...\x1b[2J\r\r\n"
    "Wed Aug 31 16:05:01 IDT 2022Update Service Engine\r\r\n"
    "|1_02 (local) |Package is ready for installation    |\r\r\n"
)


def install() -> Dialogue:
    return package("Package Installation", ["1_2"], JUMBO, name="ana, ben", reason="hf-1 CHG7")


def talk(dialogue: Dialogue, *texts: str, pieces: int = 1) -> list[str]:
    """Return the answers to these texts; each answer is echoed, as a terminal does."""
    given: list[str] = []
    echo = ""
    for said in texts:
        text, echo = echo + said, ""
        size = max(1, len(text) // pieces)
        for start in range(0, len(text), size):
            if answer := dialogue.hear(text[start : start + size]):
                given.append(answer.text)
                echo = f"{answer.text}\n"
    return given


@pytest.mark.parametrize("pieces", [1, 3, 1000])
def test_the_recorded_questions_get_their_five_answers_whatever_the_pieces(pieces):
    dialogue = install()

    assert talk(dialogue, FRAMES, *ALL, pieces=pieces) == ["y", "y", "y", "ana, ben", "hf-1 CHG7"]
    assert dialogue.committed


@pytest.mark.parametrize("absent", [[REBOOT], [CLONE], [REBOOT, CLONE]])
def test_reboot_notice_and_clone_warning_may_be_absent(absent):
    asked = [text for text in ALL if text not in absent]

    assert talk(install(), *asked)[-2:] == ["ana, ben", "hf-1 CHG7"]


@pytest.mark.parametrize(
    ("printed", "announced"),
    [
        ([REBOOT, CLONE, CONFIRM], True),
        ([CLONE, CONFIRM], False),
    ],
)
def test_a_restart_is_announced_by_its_question(printed, announced):
    dialogue = install()

    talk(dialogue, *printed, NAME, REASON)

    assert dialogue.committed
    assert dialogue.restart_announced is announced


def test_only_the_reason_commits():
    dialogue, commits = install(), []
    for text in ALL:
        answer = dialogue.hear(text)
        assert answer is not None
        commits.append(answer.commits)

    assert commits == [False, False, False, False, True]


def test_words_inside_the_text_are_no_prompt():
    dialogue = install()

    assert dialogue.hear(CONFIRM.rstrip() + "\nbut first something else\n") is None


@pytest.mark.parametrize(
    "order", [[NAME], [REBOOT, REASON], [CLONE, REBOOT, NAME], [CONFIRM, CONFIRM]]
)
def test_a_prompt_out_of_order_is_not_answered(order):
    dialogue = install()
    talk(dialogue, *order[:-1])

    assert dialogue.hear(order[-1]) is None
    assert "nothing was answered" in str(dialogue.stuck())


@pytest.mark.parametrize(
    "prompt", ["License agreement. Accept? [yes/no] ", "Password: ", "--More--"]
)
def test_an_unknown_prompt_is_shown_and_not_answered(prompt):
    dialogue = install()

    assert dialogue.hear(prompt) is None
    assert prompt.strip() in str(dialogue.stuck())
    assert isinstance(dialogue.stuck(), UnknownPrompt)


def test_a_confirmation_that_names_other_members_is_not_answered():
    with pytest.raises(UnknownPrompt, match=r"1_02,1_03"):
        talk(install(), REBOOT, CLONE, CONFIRM.replace("blades: 1_02", "blades: 1_02,1_03"))


def test_a_confirmation_that_leaves_a_member_out_is_not_answered():
    both = package("Package Installation", ["1_2", "1_3"], JUMBO, name="ana", reason="hf-1")

    with pytest.raises(UnknownPrompt, match=r"1_02, we mean 1_2, 1_3"):
        talk(both, REBOOT, CLONE, CONFIRM)


def test_a_clone_warning_that_asks_nothing_hides_no_confirmation():
    """Else what comes right behind it were answered without a look at whom it names."""
    told = CLONE.partition("Are you sure?")[0]
    other = CONFIRM.replace("blades: 1_02", "blades: 1_03")

    assert talk(install(), REBOOT, told + CONFIRM) == ["y", "y"]
    with pytest.raises(UnknownPrompt, match=r"1_03, we mean 1_2"):
        talk(install(), REBOOT, told + other)


@pytest.mark.parametrize(
    "other",
    [
        "Check_Point_R81.10_T338_ScalablePlatform_Upgrade.tgz",
        "Check_Point_R81_10_JUMBO_HF_MAIN_Bundle_T660_FULL.tgz",
        "R81.10 Jumbo Hotfix Accumulator Take 6",
        "R81 Jumbo Hotfix Accumulator Take 66",
        "",
    ],
)
def test_a_confirmation_that_names_another_package_is_not_answered(other):
    """A number that counts in another list than the one we read is another package's."""
    mine = "Check_Point_R81_10_JUMBO_HF_MAIN_Bundle_T66_FULL.tgz"
    with pytest.raises(UnknownPrompt, match=r"the device asks about .* we mean .*T66_FULL\.tar"):
        talk(install(), REBOOT, CLONE, CONFIRM.replace(mine, other))


@pytest.mark.parametrize(
    "named",
    [
        "Check_Point_R81_10_JUMBO_HF_MAIN_Bundle_T66_FULL.tar",
        "Check_Point_R81_10_JUMBO_HF_MAIN_Bundle_T66_\n       FULL.tgz",
        "R81.10 Jumbo Hotfix Accumulator Take 66",
    ],
)
def test_a_package_may_be_named_in_any_known_way(named):
    mine = "Check_Point_R81_10_JUMBO_HF_MAIN_Bundle_T66_FULL.tgz"

    assert talk(install(), REBOOT, CLONE, CONFIRM.replace(mine, named)) == ["y", "y", "y"]


@pytest.mark.parametrize("named", ["1_01,1_02,1_03", "1_01-1_03", "1_1-1_3", "1_01 1_02 1_03"])
def test_several_members_may_be_spelled_in_any_known_way(named):
    dialogue = package("Package Installation", ["1_1", "1_2", "1_3"], JUMBO, name="a", reason="b")

    assert talk(dialogue, CONFIRM.replace("blades: 1_02", f"blades: {named}")) == ["y"]


@pytest.mark.parametrize(
    "refusal",
    [
        "[Aug 24 16:00:47] Package index doesn't exist on the local member ('1')\n",
        "[Aug 31 15:35:13] Action was aborted (verify, 'x.tgz'). \n",
        "CLINFR0519 Configuration lock present. Can not execute.\n",
    ],
)
def test_a_refusal_is_an_error_with_the_devices_own_words(refusal):
    with pytest.raises(StepFailed, match=r"the device refused"):
        install().hear(refusal)


def test_the_admin_state_dialogue_as_recorded():
    dialogue = admin_state("down", ["1_2"], name="ana", reason="hf-1", confirming_acts=False)

    assert talk(dialogue, *DOWN) == ["y", "ana", "hf-1"]


# -------------------------------------------------------- what is said before a known question

UNKNOWN = "All takes of the Jumbo will be removed, not the last one alone.\n"


def one_line_more(text: str) -> list[str]:
    lines = text.splitlines(keepends=True)
    return ["".join([*lines[:at], UNKNOWN, *lines[at:]]) for at in range(len(lines))]


@pytest.mark.parametrize(("number", "text"), list(enumerate([FRAMES + REBOOT, *ALL[1:]])))
def test_a_question_below_one_sentence_more_than_recorded_is_not_answered(number, text):
    before_the_frames = len(FRAMES.splitlines()) if number == 0 else 0
    for odd in one_line_more(text)[before_the_frames:]:
        dialogue = install()
        talk(dialogue, *ALL[:number])

        assert dialogue.hear(odd) is None
        assert UNKNOWN.strip() in str(dialogue.stuck())


@pytest.mark.parametrize("number", range(3))
def test_nor_is_one_about_the_admin_state(number):
    typed = (
        '[Expert@x:0]# ( exec g_clusterXL_admin -b 1_2 down ) 9>/x/lock; echo "@do\r\nne $?"\r\n'
    )
    texts = [typed + DOWN[0], *DOWN[1:]]
    for odd in one_line_more(texts[number])[2 if number == 0 else 0 :]:
        dialogue = admin_state("down", ["1_2"], name="ana", reason="hf-1", confirming_acts=False)
        talk(dialogue, *texts[:number])

        assert dialogue.hear(odd) is None
        assert UNKNOWN.strip() in str(dialogue.stuck())
    whole = admin_state("down", ["1_2"], name="ana", reason="hf-1", confirming_acts=False)
    assert talk(whole, *texts) == ["y", "ana", "hf-1"]


@pytest.mark.parametrize(
    "said",
    [
        "",
        REBOOT.splitlines()[0].replace("install", "uninstall") + "\n",
        REBOOT.splitlines()[0].replace("machines", "orchestrators") + "\n",
        "The machine will automatically reboot after install of x.tgz. \n",
    ],
)
def test_do_you_want_to_continue_is_answered_below_the_reboot_notice_alone(said):
    dialogue = install()

    assert dialogue.hear(f"{FRAMES}{said}Do you want to continue? ([y]es / [n]o)\n") is None
    assert "Do you want to continue?" in str(dialogue.stuck())


def test_what_stands_in_a_box_of_one_cell_is_said_and_is_no_frame():
    dialogue = install()

    assert dialogue.hear(f"{FRAMES}+-----+\n| {UNKNOWN.strip()} |\n+-----+\n{REBOOT}") is None
    assert UNKNOWN.strip() in str(dialogue.stuck())


@pytest.mark.parametrize("named", ["1_01,1_02", "1_01-1_08", "1_03", ""])
def test_a_reboot_notice_that_names_other_members_is_not_answered(named):
    with pytest.raises(UnknownPrompt, match=r"the device asks about .*, we mean 1_2; nothing was"):
        install().hear(FRAMES + REBOOT.replace("1_02", named))


@pytest.mark.parametrize(
    "notice",
    [
        REBOOT.replace("1_02", "1_2"),
        REBOOT.replace(" ", "  ").replace("\n", "\n\n"),
        REBOOT.replace("1_02", " 1_02 "),
        REBOOT.replace("reboot after", "reboot\r\n   after"),
        REBOOT.replace("automatically", "autom\natically"),
        "CLINFR0771  Config lock is owned by admin. Use the command 'lock database override' to "
        "acquire the lock.\n" + REBOOT,
        f"+{'-' * 13}+{'-' * 64}+\n{' ' * 80}\x1b[11;1H" + REBOOT,
    ],
)
def test_blanks_wraps_and_frames_do_not_make_another_notice(notice):
    assert talk(install(), FRAMES + notice) == ["y"]


@pytest.mark.parametrize("act", ["uninstall", "uninstallation", "un-install", "install"])
@pytest.mark.parametrize("called", ["machines", "members"])
def test_the_notice_before_an_uninstall_which_nobody_recorded_may_be_worded_otherwise(act, called):
    dialogue = package("Package Uninstallation", ["1_2"], JUMBO, name="ana", reason="hf-1")
    notice = REBOOT.replace("after install", f"after {act}").replace("machines", called)

    assert talk(dialogue, notice) == ["y"]


@pytest.mark.parametrize("state", ["smo", "cluster configuration"])
def test_how_cloning_is_switched_off_is_told_in_two_ways(state):
    assert talk(install(), REBOOT, CLONE.replace("set smo", f"set {state}")) == ["y", "y"]


@pytest.mark.parametrize(("meant", "asked"), [("up", "down"), ("down", "up")])
def test_an_admin_state_other_than_meant_is_not_confirmed(meant, asked):
    dialogue = admin_state(meant, ["1_2"], name="ana", reason="hf-1", confirming_acts=False)
    text = (
        f"You are about to perform blade state change to {asked} on blades: 1_02\n\n"
        "Are you sure? (Y - yes, any other key - no) "
    )

    assert talk(dialogue, text) == []
    assert not dialogue.committed


@pytest.mark.parametrize(
    ("raw", "typed"),
    [
        ("Ana\nBen; rm -rf /", "Ana Ben; rm -rf /"),
        ("Jürgen Müller", "Jurgen Muller"),
        ("", "U0ANA"),
        ("山田", "U0ANA"),
        ("x" * 200, "x" * 60),
        ("\x1b[2Jy", "[2Jy"),
    ],
)
def test_what_is_typed_into_an_audit_prompt_is_one_short_ascii_line(raw, typed):
    assert audit_text(raw, "U0ANA") == typed

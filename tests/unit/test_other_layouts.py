"""What real devices may print otherwise: other words, spellings and columns for the same thing."""

from dataclasses import replace

import pytest

from engine.errors import NotReading, PlanRefused, UnexpectedOutput, UnknownPrompt
from engine.facts import NOTHING_PINNED, GroupFacts, Identity, SiteFacts
from engine.gaia.dialogues import Dialogue, admin_state
from engine.gaia.identity import read_identity
from engine.gaia.picture import read_stat
from engine.gaia.readings import read_cloning, read_cphaprob, read_take
from engine.headroom import active_among
from engine.invariants import nobody_took_over
from engine.reading import refuse_acts
from tests.unit.builders import facts
from tests.unit.test_splitting import planned, shape, two_sites

# ------------------------------------------------------------------------------- UP for ACTIVE


def sites(first: str, second: str) -> GroupFacts:
    return replace(two_sites(2, 2), sites=(SiteFacts(1, first), SiteFacts(2, second)))


def test_members_of_one_site_may_say_up():
    up = facts()
    up = replace(up, members=tuple(replace(one, state="UP") for one in up.members))

    assert planned(up).policy.state_words == ("ACTIVE", "UP")


@pytest.mark.parametrize(
    ("first", "second", "active"),
    [
        ("UP", "STANDBY", 1),
        ("STANDBY", "UP", 2),
        ("ACTIVE", "UP", 1),
        ("UP", "UP", None),
        ("STANDBY", "STANDBY", None),
        ("DOWN", "STANDBY", None),
    ],
)
def test_up_is_active_where_no_site_says_active(first, second, active):
    seen = sites(first, second)

    assert seen.active_site == active
    assert active_among([f"Site {one.id} {one.state}" for one in seen.sites]) == active
    nobody = not {"ACTIVE", "UP"} & {first, second}
    assert any("no Site is active" in one for one in nobody_took_over((), seen)) == nobody


def test_a_plan_can_be_made_where_the_active_site_says_up():
    by_site = planned(sites("UP", "STANDBY"), divide="by_site")

    assert shape(by_site.groups) == ["2_1-2_2", "1_1-1_2"]


# -------------------------------------------------------------------------------------- titles


def identity(title: str, pins: Identity = NOTHING_PINNED) -> Identity:
    return read_identity(
        "@@local\n1_1\n@@release\nCheck Point Gaia R82\n@@stat\n"
        f"| {title} |\n| Version | R82 (Build 1) |\n| Member ID   Site 1 |\n|   ACTIVE   |\n"
        "| 1 (local)   ACTIVE |\n@@over\n",
        pins,
    )


@pytest.mark.parametrize(
    ("title", "platform", "mode"),
    [
        ("System Status - Maestro Security Group", "Maestro", "Gateway"),
        ("System Status - Maestro VSX", "Maestro", "VSX"),
        ("System Status - ElasticXL (VSNext)", "ElasticXL", "VSNext"),
        ("SYSTEM STATUS - MAESTRO", "Maestro", "Gateway"),
        ("System Status - Scalable Platform", "Scalable Platform", "Gateway"),
        ("System Status - Maestro or ElasticXL", "Maestro or ElasticXL", "Gateway"),
        ("System Status - 64000 Maestro", "Chassis", "Gateway"),
    ],
)
def test_the_words_of_a_title_that_are_known_count(title, platform, mode):
    assert identity(title) == Identity("R82", platform, mode)


def test_a_title_that_is_not_known_yields_to_the_pin_and_one_that_is_does_not():
    pin = Identity("", "Maestro", "")

    assert identity("System Status - Scalable Platform", pin).platform == "Maestro"
    for title in ("System Status - ElasticXL (VSNext)", "System Status - 64000"):
        with pytest.raises(PlanRefused, match="platform"):
            identity(title, pin)
    with pytest.raises(PlanRefused, match="mode"):
        identity("System Status - Maestro VSX", Identity("", "", "VSNext"))


# ------------------------------------------------------------------------------ notes and words

LOCAL = "1 (local)  192.0.2.1  100%  {state}  cti-ch01-01\n\nActive PNOTEs: {notes}\n"


@pytest.mark.parametrize(
    ("state", "notes", "read"),
    [
        ("Active", "none", ("ACTIVE", ())),
        ("DOWN", "admin_down", ("DOWN", ("ADMIN",))),
        ("DOWN", "ADMIN, FSYNC", ("DOWN", ("ADMIN", "FSYNC"))),
        ("ACTIVE (!)", "None", ("ACTIVE(!)", ())),
    ],
)
def test_a_members_own_words(state, notes, read):
    assert read_cphaprob(LOCAL.format(state=state, notes=notes)) == read


@pytest.mark.parametrize(
    ("what", "word"), [("blade", "blades"), ("blade", "members"), ("member", "members")]
)
def test_the_question_may_say_members_and_must_name_ours(what, word):
    asked = (
        f"You are about to perform {what} state change to down on {word}: {{}}\n\n"
        "Are you sure? (Y - yes, any other key - no) "
    )

    def dialogue() -> Dialogue:
        return admin_state("down", ["1_2"], name="ana", reason="x", confirming_acts=False)

    answer = dialogue().hear(asked.format("1_02"))
    assert answer is not None
    assert answer.text == "y"
    with pytest.raises(UnknownPrompt, match="1_03"):
        dialogue().hear(asked.format("1_03"))


def test_cloning_may_be_grouped_and_begin_with_a_capital():
    text = (
        "-*- 2 blades: 1_01 1_02 -*-\nImage auto-clone state is Off\n"
        "-*- 1 blade: 1_03 -*-\nImage auto-clone state is On\n"
    )

    assert read_cloning(text) == {"1_1": False, "1_2": False, "1_3": True}
    with pytest.raises(UnexpectedOutput):
        read_cloning("Image auto-clone state is off\n")
    with pytest.raises(UnexpectedOutput):
        read_cloning("1_01:\nImage auto-clone state is offline\n")


ALONE = "Image auto-clone state is off\n"


def test_a_sentence_about_cloning_that_stands_alone_is_of_all_that_gclish_reaches():
    assert read_cloning(f"{ALONE}\n", ["1_1", "1_3"]) == {"1_1": False, "1_3": False}
    assert read_cloning(ALONE.replace("off", "on"), ["1_1"]) == {"1_1": True}


@pytest.mark.parametrize("text", [f"1_01:\n{ALONE}", f"{ALONE}1_01:\n{ALONE}"])
def test_a_sentence_about_cloning_beside_a_members_own_is_not_of_all(text):
    assert read_cloning(text, ["1_1", "1_2", "1_3"]) == {"1_1": False}


@pytest.mark.parametrize(
    "text",
    [
        f"{ALONE}1_02:\n",
        f"-*- 2 blades: 1_01 -*-\n{ALONE}",
        ALONE * 2,
        f"{ALONE}{ALONE.replace('off', 'on')}",
    ],
)
def test_a_sentence_about_cloning_with_anything_beside_it_is_nobodys_and_is_shown(text):
    with pytest.raises(UnexpectedOutput, match="Image auto-clone state is off"):
        read_cloning(text, ["1_1", "1_2", "1_3"])


def test_the_take_may_stand_in_a_hotfix_line():
    assert read_take("[SMO]\n\tHOTFIX_R81_10_JUMBO_HF_MAIN\tTake:  66\n") == 66
    assert read_take("[SMO]\n\tHOTFIX_OTHER_FIX\tTake:  66\n") == 0


# ------------------------------------------------------------------------------------- pictures

HEAD = "| System Status - ElasticXL |\n| Version | R82 (Build 1) |\n"
COLUMNS = "| Member ID   State   Process   Policy Date{} |\n"
ROW = "| {}   {}   Enforcing Security   09Jan14 11:30{} |\n"


def test_one_more_column_is_borne_where_the_heading_names_it():
    rows = ROW.format("1_01 (local)", "ACTIVE", "   60")

    assert read_stat(HEAD + COLUMNS.format("   Take") + rows).states == {"1_1": ("ACTIVE", ())}
    with pytest.raises(UnexpectedOutput):
        read_stat(HEAD + COLUMNS.format("") + rows)


SIDE_BY_SIDE = """\
| Member ID{before}     Site 1                    Site 2             {after} |
|             {gap}     ACTIVE                    STANDBY            {blank} |
|  1 (local)  {a}       ACTIVE                    STANDBY            {c}     |
|  2          {b}       DOWN (admin)              UP                 {c}     |
|  3          {b}       ACTIVE                                       {c}     |
|  4          {b}                                 STANDBY            {c}     |
"""
BEFORE = {"before": "    Host   ", "gap": " " * 9, "a": "exl-01   ", "b": "exl-02   "}
AFTER = {"after": "Policy Date  ", "blank": " " * 13, "c": "12Mar24 10:51"}
NEITHER = dict.fromkeys([*BEFORE, *AFTER], "")


@pytest.mark.parametrize("columns", [{}, BEFORE, AFTER, {**BEFORE, **AFTER}])
def test_other_columns_beside_two_sites_are_borne_where_the_heading_names_them(columns):
    stat = read_stat(HEAD + SIDE_BY_SIDE.format(**{**NEITHER, **columns}))

    assert stat.sites == {1: "ACTIVE", 2: "STANDBY"}
    assert stat.states == {
        "1_1": ("ACTIVE", ()),
        "2_1": ("STANDBY", ()),
        "1_2": ("DOWN", ("ADMIN",)),
        "2_2": ("UP", ()),
        "1_3": ("ACTIVE", ()),
        "2_4": ("STANDBY", ()),
    }


NAMED = "| Member ID   Site 1                    Site 2             Policy Date   |"
FAR = "| Member ID   Site 1                    Site 2                         Policy Date   |"
UNNAMED = "| Member ID   Site 1                    Site 2                           |"


@pytest.mark.parametrize(
    ("heading", "row"),
    [
        (UNNAMED, "| 1 (local)   ACTIVE                    STANDBY            12Mar24 10:51 |"),
        (NAMED, "| 1 (local)                             STANDBY     ACTIVE               |"),
        (
            FAR,
            "| 1 (local)   ACTIVE                           Standard                             |",
        ),
        (NAMED, "| 1 (local)                                       ACTIVE   12Mar24 10:51 |"),
        (NAMED, "| 1 (local)   ACTIVE                    STANDBY            Standard   ok |"),
    ],
    ids=["not named", "two of one", "beside its heading", "between two", "one too many"],
)
def test_a_word_that_stands_under_no_heading_is_no_state(heading, row):
    with pytest.raises(UnexpectedOutput, match="has a row that we cannot read"):
        read_stat(f"{HEAD}{heading}\n{row}\n")


def test_what_counts_something_by_site_beside_a_sum_is_no_table_of_members():
    sums = "| SGMs   Site 1   Site 2   Total |\n| 5   2   3   5 |\n"
    shown = HEAD + SIDE_BY_SIDE.format(**NEITHER)

    assert read_stat(shown + sums).states == read_stat(shown).states


def test_the_ids_say_how_many_sites_there_are_where_no_line_does():
    rows = ROW.format("1_01 (local)", "ACTIVE", "") + ROW.format("2_01", "STANDBY", "")

    assert read_stat(HEAD + COLUMNS.format("") + rows).sites == {1: "", 2: ""}
    one = HEAD + COLUMNS.format("") + ROW.format("1 (local)", "ACTIVE", "")
    assert read_stat(one).sites == {1: ""}


def test_a_site_may_be_in_capitals():
    picture = (
        "| MEMBER ID   CHASSIS 1   CHASSIS 2 |\n|   ACTIVE   STANDBY |\n| 1   ACTIVE   STANDBY |\n"
    )

    assert read_stat(HEAD + picture).sites == {1: "ACTIVE", 2: "STANDBY"}


# ---------------------------------------------------------------------------------- reading only


@pytest.mark.parametrize("file", ["/dev/null.x", "/dev/nullx", "/dev/null/x"])
def test_only_dev_null_itself_is_harmless(file):
    with pytest.raises(NotReading):
        refuse_acts(f"asg stat -v >{file}")
    refuse_acts("asg stat -v >/dev/null; asg stat -v 2>/dev/null")

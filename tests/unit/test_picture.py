"""Reading `asg stat -v` in every layout: whole, cut anywhere, and with a line lost."""

from collections.abc import Callable
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from engine.errors import MaintenanceError, UnexpectedOutput
from engine.facts import SiteFacts
from engine.gaia.dialect import dialect
from engine.gaia.picture import Stat, read_blocks, read_stat

RECORDED = Path(__file__).parents[1] / "transcripts" / "recorded"
VSX_R76 = (RECORDED / "vsx_stat.txt").read_text()
MAESTRO = (RECORDED / "asg_stat.txt").read_text()

RULE = "-" * 80


def row(text: str) -> str:
    return f"|{text:<78}|"


def picture(*lines: str, title: str = "System Status - Maestro", version: str = "R81.20") -> str:
    """Return a whole picture: head, these lines, and both sorts of synchronisation."""
    head = [
        RULE,
        row(f" {title}"),
        RULE,
        row(f" Version                       | {version} (Build 1)"),
    ]
    sync = ["   Sync to Active chassis: Enabled", "   Sync to all chassis:    Enabled"]
    rows = [line if line == RULE else row(line) for line in lines]
    return "\n".join([*head, RULE, *rows, RULE, *map(row, [" Synchronization", *sync]), RULE, ""])


SIDE_BY_SIDE = picture(
    " SGM ID                  Chassis 1                 Chassis 2",
    "                          ACTIVE                    STANDBY",
    RULE,
    "  1 (local)              ACTIVE                    STANDBY",
    "  2                      DOWN (admin)              UP",
    "  3                      ACTIVE",
    "  4                                                STANDBY",
    "  5                      ACTIVE                    -",
)
STACKED = picture(
    " Chassis 1                     STANDBY",
    RULE,
    " SGM ID         State          Process                   Policy Date",
    " 1  (local)     UP             Enforcing Security        09Jan14 11:30",
    " 2              DOWN           Inactive                  NA",
    RULE,
    " Chassis 2                     ACTIVE",
    RULE,
    " SGM ID         State          Process                   Policy Date",
    " 1              UP             Policy Started            09Jan14 11:30",
    " 2              UP             Initial Policy            NA",
)
STACKED_UNDER_ONE_HEADER = STACKED.replace(
    row(" Chassis 2                     ACTIVE")
    + f"\n{RULE}\n"
    + row(" SGM ID         State          Process                   Policy Date"),
    row(" Chassis 2                     ACTIVE") + f"\n{RULE}",
)
BLOCKS = picture(
    " VS ID:  0                      VS Name:  site-1",
    RULE,
    " Chassis 1                     ACTIVE",
    RULE,
    " SGM ID         State          Process                   Policy Date",
    " 1 (local)      ACTIVE         Enforcing Security        09Jan14 11:30",
    " 2              ACTIVE         Enforcing Security        09Jan14 11:30",
    RULE,
    " VS ID:  12                     VS Name:  out side",
    RULE,
    " Chassis 1                     ACTIVE",
    RULE,
    " SGM ID         State          Process                   Policy Date",
    " 1 (local)      ACTIVE         Enforcing Security        09Jan14 11:30",
    " 2              DOWN           Inactive                  NA",
    title="VSX System Status",
)
R82 = (
    picture(
        " Member ID               Site 1                    Site 2",
        "                          STANDBY                   ACTIVE",
        RULE,
        "  1 (local)              STANDBY                   ACTIVE",
        "  2                      STANDBY                   ACTIVE(!)",
        title="System Status - ElasticXL",
        version="R82",
    )
    .replace("Active chassis:", "Active site:")
    .replace("all chassis:  ", "all sites:    ")
)

LAYOUTS = {
    "maestro": MAESTRO,
    "side by side": SIDE_BY_SIDE,
    "stacked": STACKED,
    "stacked under one header": STACKED_UNDER_ONE_HEADER,
    "blocks": BLOCKS,
    "r82": R82,
    "vsx of R76": VSX_R76,
}
every_layout = pytest.mark.parametrize("text", LAYOUTS.values(), ids=LAYOUTS)


def test_two_sites_side_by_side_are_told_apart_by_where_a_word_stands():
    stat = read_stat(SIDE_BY_SIDE)

    assert stat.site_facts == (SiteFacts(1, "ACTIVE"), SiteFacts(2, "STANDBY"))
    assert stat.states == {
        "1_1": ("ACTIVE", ()),
        "2_1": ("STANDBY", ()),
        "1_2": ("DOWN", ("ADMIN",)),
        "2_2": ("UP", ()),
        "1_3": ("ACTIVE", ()),
        "2_4": ("STANDBY", ()),
        "1_5": ("ACTIVE", ()),
    }
    assert (stat.sync, stat.sync_all) == (True, True)


@pytest.mark.parametrize("text", [STACKED, STACKED_UNDER_ONE_HEADER])
def test_two_sites_one_below_the_other_with_what_the_process_does(text):
    stat = read_stat(text)

    assert stat.sites == {1: "STANDBY", 2: "ACTIVE"}
    assert stat.states == {
        "1_1": ("UP", ()),
        "1_2": ("DOWN", ()),
        "2_1": ("UP", ()),
        "2_2": ("UP", ("INITIAL POLICY",)),
    }


def test_the_picture_of_r76_is_read_although_it_says_neither_version_nor_platform():
    stat = read_stat(VSX_R76)

    assert (stat.mode, stat.platform, stat.version) == ("VSX", "", "")
    assert stat.sites == {1: "STANDBY"}
    assert stat.names == {0: "Athens"}
    assert [stat.states[f"1_{n}"][0] for n in (1, 2, 3, 4)] == ["UP", "UP", "DOWN", "UP"]


def test_each_virtual_system_has_states_of_its_own():
    stat = read_stat(BLOCKS)

    assert stat.names == {0: "site-1", 12: "out side"} == read_blocks(BLOCKS).names
    assert stat.states == {"1_1": ("ACTIVE", ()), "1_2": ("ACTIVE", ())}
    assert stat.virtual == {12: {"1_1": ("ACTIVE", ()), "1_2": ("DOWN", ())}}
    assert stat.sites == {1: "ACTIVE"}


def test_synchronisation_that_one_block_shows_off_is_off():
    line = "|   Sync to Active chassis:     Enabled |\n|   Sync to all chassis:     Enabled |\n"
    for first, last in ((line, line.replace("Enabled", "Disabled")), (line, line)):
        for pictures in (first + last, last + first):
            stat = read_stat(BLOCKS + pictures)
            assert (stat.sync, stat.sync_all) == (first == last, first == last)
    assert not read_stat(BLOCKS.replace("Sync to Active", "Something")).sync


def test_a_state_that_only_the_other_picture_shows_is_a_note():
    stat = read_stat(BLOCKS)
    stat.add(read_blocks(BLOCKS.replace("2              ACTIVE ", "2              DOWN   ", 1)))

    assert stat.states == {"1_1": ("ACTIVE", ()), "1_2": ("ACTIVE", ("DOWN in asg stat vs all",))}
    assert stat.virtual == {12: {"1_1": ("ACTIVE", ()), "1_2": ("DOWN", ())}}


def test_active_with_a_problem_is_the_same_word_with_a_blank_in_it():
    stat = read_stat(R82.replace("ACTIVE(!)", "ACTIVE (!)"))

    assert stat.states["2_2"] == ("ACTIVE(!)", ())


@pytest.mark.parametrize(
    ("title", "mode", "platform"),
    [
        ("System Status - Maestro", "", "Maestro"),
        ("System Status - ElasticXL", "", "ElasticXL"),
        ("VSX System Status", "VSX", ""),
        ("VSX System Status - Maestro", "VSX", "Maestro"),
        ("VSNext System Status - ElasticXL", "VSNext", "ElasticXL"),
        ("System Status - 64000", "", "Chassis"),
        ("System Status - 61000 Scalable", "", "Chassis"),
        ("System Status", "", ""),
        ("System Status - Quantum", "", "Quantum"),
    ],
)
def test_every_title_says_what_it_says_and_no_more(title, mode, platform):
    stat = read_stat(SIDE_BY_SIDE.replace(row(" System Status - Maestro"), row(f" {title}")))

    assert (stat.mode, stat.platform) == (mode, platform)


@pytest.mark.parametrize(
    ("old", "new"),
    [
        ("  3                      ACTIVE ", "  3                                  ACTIVE "),
        ("  3                      ACTIVE ", "  3                      fine, thanks "),
        ("  3                      ACTIVE ", "  2                      ACTIVE "),
        ("  2                      DOWN (admin)   ", "  2                      DOWN (admin)  UP "),
    ],
    ids=["halfway between two Sites", "no state", "a member twice", "more words than Sites"],
)
def test_a_row_that_cannot_be_told_apart_is_no_reading_at_all(old, new):
    assert old in SIDE_BY_SIDE
    with pytest.raises(UnexpectedOutput):
        read_stat(SIDE_BY_SIDE.replace(old, new))


def test_members_below_two_sites_that_stand_under_neither_are_no_reading():
    both = SIDE_BY_SIDE.splitlines()
    table = [row(" SGM ID         State          Process"), row(" 1              UP")]
    with pytest.raises(UnexpectedOutput, match="without a Site"):
        read_stat("\n".join([*both, *table]))


@pytest.mark.parametrize("said", ["Disabled", "", "Enabl"])
def test_synchronisation_to_all_sites_is_on_only_where_it_says_so(said):
    off = SIDE_BY_SIDE.replace("Sync to all chassis:    Enabled", f"Sync to all chassis: {said}")

    assert not read_stat(off).sync_all
    assert read_stat(off).sync


def test_a_row_of_counts_by_site_is_no_table_of_members():
    counts = [
        " Unit          Chassis 1     Chassis 2     Weight",
        " SGMs          3 / 3    3 / 3    6",
    ]
    text = SIDE_BY_SIDE.replace(row(" Synchronization"), "\n".join(map(row, counts)))

    assert read_stat(text).states == read_stat(SIDE_BY_SIDE).states


# --------------------------------------------------------------------------- no guess, ever


def healthy(stat: Stat) -> bool:
    """Tell whether a picture says that all is well, as strictly as anything here asks it."""
    words = dialect("R82").state_words(len(stat.sites))
    shown = [*stat.states.values(), *(s for own in stat.virtual.values() for s in own.values())]
    return (
        stat.sync
        and stat.sync_all is True
        and all(word in words and not notes for word, notes in shown)
    )


def never_better(whole: Stat, seen: Stat) -> None:
    for member, shown in seen.states.items():
        assert whole.states[member] == shown
    for number, own in seen.virtual.items():
        assert own.items() <= whole.virtual[number].items()
    assert seen.sync <= whole.sync
    assert (seen.sync_all or False) <= (whole.sync_all or False)


def read(text: str, check: Callable[[Stat], None]) -> None:
    try:
        seen = read_stat(text)
    except MaintenanceError:
        return
    check(seen)


@every_layout
def test_cut_at_any_byte_no_layout_reads_as_more_than_it_says(text):
    whole = read_stat(text)
    for end in range(len(text)):
        read(text[:end], lambda seen: never_better(whole, seen))


@pytest.mark.parametrize("text", LAYOUTS.values(), ids=LAYOUTS)
def test_no_cut_of_a_picture_says_that_all_is_well(text):
    """Not even of one that is: without its end it does not say that all Sites are synchronised."""
    well = text
    for sick in ("DOWN (admin)", "ACTIVE(!)   ", "DETACHED    ", "DOWN        "):
        well = well.replace(sick, f"{'ACTIVE':<{len(sick)}}")
    well = well.replace("Inactive          ", "Enforcing Security")
    well = well.replace("Initial Policy    ", "Enforcing Security")
    end = len(well.rstrip("-\n")) if "Sync" in well else len(well)
    assert healthy(read_stat(well)) == ("Sync" in well)

    def ill(seen: Stat) -> None:
        assert not healthy(seen)

    for cut in range(end):
        read(well[:cut], ill)


@every_layout
@given(data=st.data())
def test_with_a_line_lost_no_member_has_the_state_of_another(text, data):
    lines = text.splitlines()
    lost = data.draw(st.integers(0, len(lines) - 1))
    whole = read_stat(text)

    read("\n".join(lines[:lost] + lines[lost + 1 :]), lambda seen: never_better(whole, seen))


@given(st.text("| -(!)\nACTIVEDOWNsgm0123SyncoactiveEnabledChs", max_size=400))
def test_whatever_a_device_prints_is_read_or_refused(text):
    read(text, lambda seen: None)

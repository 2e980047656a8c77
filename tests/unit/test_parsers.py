"""Reading what devices print: outputs as quoted by their sources, whole, cut, and disturbed."""

import json

import pytest

from engine.errors import MaintenanceError, StepFailed, UnexpectedOutput
from engine.facts import PackageState
from engine.gaia import installer, probe, readings
from engine.gaia.picture import read_stat
from engine.gaia.text import cleaned
from engine.gaia.virtual import read_kinds

STAT = """\
--------------------------------------------------------------------------------
| System Status - Maestro                                                      |
--------------------------------------------------------------------------------
| Up time                       | 1 day, 10:13:27 hours                        |
| SGMs                          | 4 / 4                                        |
| Version                       | R81.20 (Build Number 631)                    |
| FW Policy Date                | 12Mar24 10:51                                |
--------------------------------------------------------------------------------
| SGM ID                  Chassis 1                                            |
|                          ACTIVE                                              |
--------------------------------------------------------------------------------
|  1 (local)              ACTIVE                                               |
|  2                      DOWN (admin)                                         |
|  3                      ACTIVE(!)                                            |
|  4                      DETACHED                                             |
--------------------------------------------------------------------------------
| Synchronization                                                              |
|   Sync to Active chassis: Enabled                                            |
|   Sync to all chassis:    Enabled                                            |
--------------------------------------------------------------------------------
"""
CPHAPROB = """
Cluster Mode:   HA Over LS

ID         Unique Address  Assigned Load   State          Name

1 (local)  192.0.2.1       100%            ACTIVE         cti-ch01-01
2          192.0.2.2       0%              DOWN           cti-ch01-02

Active PNOTEs: None
"""
POLICY = """\
+-------+-------------------+---------------+-----------------+--------+
|SGM    |Policy Name        |Policy Date    |Policy Signature |Status  |
+-------+-------------------+---------------+-----------------+--------+
|1_01   |InitialPolicy      |22Aug22 08:54  |7fe2a401f        |Failed  |
|1_02   |Standard           |22Aug22 08:54  |ba4ca088a        |Success |
+-------+-------------------+---------------+-----------------+--------+
"""
CLONING = "1_01:\nImage auto-clone state is off\n\n1_02:\nImage auto-clone state is on\n"
FRAME = """\
Querying cluster members...

\x1b[2J
Wed Aug 31 14:35:06 IDT 2022Update Service Engine
+------------------------------------------------------------------------------+
|Member ID    |Status                                                          |
+-------------+----------------------------------------------------------------+
|1_01 (local) |Initiating package import...                                    |
|1_02         |Initiating package import...                                    |
+-------------+----------------------------------------------------------------+
Wed Aug 31 14:36:06 IDT 2022Update Service Engine
+------------------------------------------------------------------------------+
|Member ID    |Status                                                          |
+-------------+----------------------------------------------------------------+
|1_01 (local) |Build number 101 of this package is already stored on this      |
|             |machine. Another build of this package is already stored on the |
|             |machine. Please remove all stored builds of this package.       |
|1_02         |The package 'Check_Point_R80_30SP_..' was successfully imported.|
+-------------+----------------------------------------------------------------+

[Aug 31 15:35:13] verify x.tgz cannot be performed on members :1_02, please use member_ids option
"""


def test_the_group_picture_gives_version_sync_and_each_state():
    stat = read_stat(STAT)

    assert (stat.version, stat.platform, stat.mode, stat.sync) == (
        "R81.20",
        "Maestro",
        "",
        True,
    )
    assert stat.states == {
        "1_1": ("ACTIVE", ()),
        "1_2": ("DOWN", ("ADMIN",)),
        "1_3": ("ACTIVE(!)", ()),
        "1_4": ("DETACHED", ()),
    }


def test_sync_that_is_not_enabled_or_not_shown_is_not_enabled():
    assert not read_stat(STAT.replace("chassis: Enabled", "chassis: Disabled")).sync
    assert not read_stat(STAT.replace("Sync to Active", "")).sync


def test_a_members_own_state_and_notes():
    assert readings.read_cphaprob(CPHAPROB) == ("ACTIVE", ())
    noted = CPHAPROB.replace("None", "FSYNC, AMW, ROUTED")
    assert readings.read_cphaprob(noted) == ("ACTIVE", ("FSYNC", "AMW", "ROUTED"))
    assert readings.read_cphaprob("HA module not started.\n") == ("NOT STARTED", ())


def test_policies_and_cloning_are_read_per_member():
    assert readings.read_policies(POLICY)["1_1"].name == "InitialPolicy"
    assert readings.read_policies(POLICY)["1_2"].signature == "ba4ca088a"
    assert readings.read_cloning(CLONING) == {"1_1": False, "1_2": True}


ROWS = "|SGM |Policy Name |Policy Date |Policy Signature |Status |\n"


@pytest.mark.parametrize(
    ("rows", "failed"),
    [
        # The same policy is well elsewhere: nothing explains that it failed here.
        (("1_01 |P |d |aa |Success", "1_02 |P |d |aa |Failed"), ["1_2"]),
        # Right after a group came back at another take: each differs from the others.
        (("1_01 |P |d |aa |Failed", "1_02 |P |d |bb |Failed"), []),
        (
            (
                "1_01 |P |d |aa |Failed",
                "1_02 |P |d |aa |Failed",
                "1_03 |P |d |bb |Failed",
                "1_04 |P |d |bb |Failed",
            ),
            [],
        ),
        # All have one and the same, so nothing in the table explains it: it is one thing for all.
        (("1_01 |P |d |aa |Failed", "1_02 |P |d |aa |Failed"), ["1_1", "1_2"]),
        (("1_01 |P |d |aa |Failed",), []),
        (("1_01 |P |d |aa |Failed", "1_02 |Q |d |aa |Failed"), []),
        # The same where only those fail that are fewer, or that the SMO does not agree with.
        (("1_01 |P |d |aa |Failed", "1_02 |P |d |bb |Success", "1_03 |P |d |bb |Success"), []),
        # Another name or date: that is said of the policy itself.
        (("1_01 |InitialPolicy |d |aa |Failed", "1_02 |P |d |bb |Success"), []),
        (("1_01:0 |P |d |aa |Success", "1_01:3 |P |d |aa |Failed"), []),
        # Another word, or none, says nothing of a failure.
        (("1_01 |P |d |aa |OK", "1_02 |P |d |aa |OK"), []),
        (("1_01 |P |d |aa |", "1_02 |P |d |aa |"), []),
        (("1_01 |P |d |aa |Success", "1_02 |P |d |aa |FAILURE"), ["1_2"]),
    ],
)
def test_a_verification_that_failed_counts_where_nothing_in_the_table_explains_it(rows, failed):
    found = readings.read_policies(ROWS + "".join(f"|{row} |\n" for row in rows))

    assert [one for one, policy in found.items() if policy.failed] == failed


def test_a_virtual_system_whose_verification_failed_is_told_apart():
    rows = ("1_01:0 |P |d |aa |Success", "1_01:3 |P |d |cc |Success", "1_02:3 |P |d |cc |Failed")
    found = readings.read_virtual_policies(ROWS + "".join(f"|{row} |\n" for row in rows))

    assert [found[one][3].failed for one in ("1_1", "1_2")] == [False, True]


def test_active_with_a_problem_is_not_active_where_a_blank_is_in_it():
    row = "1 (local)  192.0.2.1  100%  ACTIVE (!)  x\n\nActive PNOTEs: None\n"

    assert readings.read_cphaprob(row) == ("ACTIVE(!)", ())
    assert readings.read_cphaprob(row.replace(" (!)", "(!)")) == ("ACTIVE(!)", ())
    assert readings.read_cphaprob(row.replace(" (!)", "")) == ("ACTIVE", ())


READERS = [read_stat, readings.read_policies, readings.read_cloning, readings.read_cphaprob]


@pytest.mark.parametrize("reader", [*READERS, installer.last_frame])
@pytest.mark.parametrize(
    "text",
    ["", "bash: asg: command not found\n", "CLINFR0819  User: ansible denied access via CLI\n"],
)
def test_unreadable_output_is_an_error_never_an_absence(reader, text):
    with pytest.raises((UnexpectedOutput, StepFailed)):
        reader(text)


@pytest.mark.parametrize(
    ("words", "state"),
    [
        ("Available for Install", PackageState.AVAILABLE),
        ("Installed Successfully", PackageState.INSTALLED),
        ("Installed", PackageState.INSTALLED),
        ("Available for download", PackageState.ABSENT),
        ("Not Installed", PackageState.ABSENT),
        ("Installing", PackageState.UNKNOWN),
        ("Partially imported", PackageState.UNKNOWN),
    ],
)
def test_each_word_of_a_packages_state(words, state):
    text = json.dumps({"packages": [{"filename": "a.tgz", "state": words}]})

    assert readings.read_packages(text) == (("a.tgz", state),)


@pytest.mark.parametrize(
    ("progress", "read"), [("32", 32), ("", None), ("N/A", None), ("100", 100)]
)
def test_progress_may_be_a_number_or_nothing(progress, read):
    action = {
        "Action ID": "209",
        "Action Type": "Install",
        "Status": "in progress",
        "Progress": progress,
        "Message": "m",
    }

    seen = readings.read_action(json.dumps(action))

    assert seen is not None
    assert (seen.id, seen.progress) == (209, read)


def test_no_action_is_none():
    assert readings.read_action('{"Action ID": "-1", "Message": "none"}') is None


@pytest.mark.parametrize("said", ["maybe", None, 1, "0"])
def test_an_agent_that_does_not_say_whether_it_is_busy_is_not_taken_for_idle(said):
    with pytest.raises(UnexpectedOutput, match="busy"):
        probe._busy({"Installation in Progress": said})


@pytest.mark.parametrize(
    ("text", "take"),
    [
        ("BUNDLE_R82_JUMBO_HF_MAIN Take: 60\n", 60),
        ("  BUNDLE_R81_20_JUMBO_HF_MAIN\tTake:  120 \n", 120),
        ("This is Check Point CPinfo Build 914000231 for GAIA\n[FW1]\n no hotfixes\n", 0),
    ],
)
def test_the_take_is_read_from_the_bundle(text, take):
    assert readings.read_take(text) == take


def test_a_cpinfo_that_says_nothing_is_not_a_take_of_zero():
    with pytest.raises(UnexpectedOutput):
        readings.read_take(" \n")


@pytest.mark.parametrize("text", ["{}", '{"error": "the agent restarts"}', '{"packages": null}'])
def test_an_answer_without_a_list_of_packages_is_not_an_empty_list(text):
    with pytest.raises(UnexpectedOutput, match="no list of packages"):
        readings.read_packages(text)


@pytest.mark.parametrize("text", ["", "bash: flock: command not found\nheld", "free?"])
def test_a_lock_that_cannot_be_read_is_not_taken_for_free(text):
    with pytest.raises(UnexpectedOutput, match="session of ours"):
        probe._held(text)

    assert probe._held("held \n") is True
    assert probe._held("free") is False


def test_the_last_frame_counts_and_wrapped_rows_are_joined():
    frame = installer.last_frame(FRAME)

    assert frame["1_1"].startswith(
        "Build number 101 of this package is already stored on this machine."
    )
    assert frame["1_1"].endswith("Please remove all stored builds of this package.")
    assert installer.IMPORTED in frame["1_2"]
    assert "cannot be performed on members :1_02" in installer.after_frames(FRAME)


def test_a_packages_number_is_its_place_in_the_list_and_tar_is_listed_as_tgz():
    text = json.dumps({"packages": [{"filename": "a.tgz"}, {"filename": "b.tgz"}]})

    assert installer.package_number(text, "b.tar") == 2
    with pytest.raises(StepFailed):
        installer.package_number(text, "c.tgz")


def test_core_dumps_connections_and_disk():
    dumps = (
        "Checking for process core dumps:\n-*- 1 blade: 1_01 -*-\n* No core dumps found *\n"
        "-*- 1 blade: 1_02 -*-\n"
        "2022-08-31 14:52:57.85408552 /var/log/dump/usermode/cpviewd.52606.core.gz\n\n"
        "Checking for kernel core dumps:\n-*- 2 blades: 1_01 1_02 -*-\n* No core dumps found *\n"
    )

    assert readings.read_core_dumps(dumps) == {
        "1_2": ("/var/log/dump/usermode/cpviewd.52606.core.gz",)
    }
    assert readings.read_connections("1_01:\n 30000 31000 60000\n1_02:\n 1 2 3\n") == {
        "1_1": 30000,
        "1_2": 1,
    }
    head = "Filesystem 1024-blocks Used Available Capacity Mounted on\n"
    df = f"{head}/dev/a 100 1 60000000 1% /var/log\n"
    assert readings.read_disk(df) == {"/var/log": 61440}


def test_terminal_sequences_are_gone_after_cleaning():
    title = "\x1b]0;admin@host:~\x07\x1b[?1034h"
    raw = f"{title}[Expert@cti-ch01-02:0]# \r\r\nnext\x1b[2J\x1b[1;1Hrow\x08"

    assert cleaned(raw).split() == ["[Expert@cti-ch01-02:0]#", "next", "row"]


@pytest.mark.parametrize(
    ("reader", "text"),
    [
        (read_stat, STAT),
        (readings.read_cphaprob, CPHAPROB),
        (readings.read_policies, POLICY),
        (readings.read_cloning, CLONING),
    ],
)
def test_cut_at_any_byte_a_reading_is_true_or_an_error_but_never_better_than_the_whole(
    reader, text
):
    """No cut may make a member look healthier than it is."""
    whole = reader(text)
    for end in range(len(text)):
        try:
            seen = reader(text[:end])
        except MaintenanceError:
            continue
        if reader is read_stat:
            assert all(whole.states[m] == s for m, s in seen.states.items())
            assert seen.sync in (False, whole.sync)
        elif reader is readings.read_cphaprob:
            assert seen[0] in (whole[0], whole[0][: len(seen[0])])
        else:
            assert all(whole[m] == value for m, value in seen.items())


DEVICES = """
Virtual Devices Status
======================

 ID  | Type & Name             | Access Control Policy | Installed at    | Threat Prevention Policy | SIC Stat
-----+-------------------------+-----------------------+-----------------+--------------------------+---------
   1 | W sw-ext                | <Not Applicable>      |                 | <Not Applicable>         | Trust
   3 | S userext               | Standard              | 29Dec2021 11:28 | Standard                 | Trust
   4 | S new                   | <Not Applicable>      |                 | <Not Applicable>         | Trust
   5 | R backbone              | <Not Applicable>      |                 | <Not Applicable>         | Trust
   6 | B bridge                | <No Policy>           |                 | <No Policy>              | Trust
   7 | W odd                   | Standard              | 10Dec2021  5:27 | <No Policy>              | Trust
  12 | W sw-ext-2

Type: S - Virtual System, B - Virtual System in Bridge mode,
      R - Virtual Router, W - Virtual Switch.
"""  # noqa: E501 -- as a device prints it


def test_only_switches_and_routers_without_a_policy_are_listed_as_such():
    assert read_kinds(DEVICES) == {1: "Virtual Switch", 5: "Virtual Router"}
    assert read_kinds("bash: vsx: command not found\n") == {}
    assert read_kinds("") == {}

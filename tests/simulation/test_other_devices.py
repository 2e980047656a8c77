"""Nights on devices that say or do the same things otherwise than the recorded ones."""

from datetime import timedelta
from functools import partial
from typing import Any

import pytest

from engine.journal import Kind
from engine.model import StepKind
from engine.rehearsal.devices import clish, cpuse
from engine.rehearsal.group import Group
from engine.rehearsal.member import Action, Member, Package
from tests.simulation.night import PACKAGE, POLICY, REQUESTER, Night, everyone_agrees, quick
from tests.simulation.played import Played, Then, play_night

SPARSE = quick(POLICY, watch=timedelta(seconds=30))


async def to_the_end(night: Night) -> None:
    """Order, and wait for the end or a hold."""
    night.order()
    await night.until_over(hours=4)


async def then_say(word: str, night: Night, *, after: timedelta = timedelta(0)) -> None:
    """Say a word once the run holds, and wait for what comes of it."""
    await to_the_end(night)
    await night.clock.sleep(after)
    night.say(word, REQUESTER)
    await night.clock.sleep(timedelta(seconds=5))
    await night.until_over(hours=4)


def played(tmp_path: Any, then: Then = to_the_end, *, package: str = "", **setup: Any) -> Played:
    """Play a night with another device, four members of it."""
    named = {"package": package} if package else {}
    return play_night(tmp_path, then, policy=SPARSE, setup=setup, **named)


def orders(night: Played, *kinds: str) -> list[str]:
    """Return what the devices were ordered to do, of these kinds, with the member."""
    return [f"{one['act']} {one['member']}" for one in night.seen["acts"] if one["act"] in kinds]


# ------------------------------------------------------------------- da_status and the actions


async def _abort_at_work(night: Night) -> None:
    night.order()
    await night.until(lambda state: bool(state.progress.get("A.INSTALL")))
    await night.clock.sleep(timedelta(minutes=4))
    night.say("abort", REQUESTER)
    await night.until_over(hours=4)


def test_an_installation_that_only_its_action_shows_is_waited_for(tmp_path):
    night = played(tmp_path, tells_busy=False)

    assert night.state.ended is not None, night.state.hold
    assert night.seen["objections"] == []


def test_an_abort_waits_for_an_action_in_progress(tmp_path):
    night = played(tmp_path, _abort_at_work, tells_busy=False)

    assert [r.body["case"] for r in night.records if r.kind == Kind.ABORTED] == ["under_way"]
    assert orders(night, "admin_up", "auto_clone_on") == []
    assert night.installs() == {"1_1": 1, "1_2": 1, "1_3": 0, "1_4": 0}


def test_a_night_whose_device_says_of_auto_clone_one_sentence_for_all(tmp_path):
    """Nothing is known of members that are DOWN meanwhile: gClish does not reach them."""
    night = played(tmp_path, cloning_blocks=False, auto_clone=True)

    assert night.state.ended is not None, night.state.hold
    assert (night.broken(), night.seen["objections"]) == ({}, [])
    assert night.seen["auto_clone"] == {"before": "on", "after": "on"}
    looks = [r.body["facts"]["members"] for r in night.records if r.body.get("facts")]
    assert {m["auto_clone"] for seen in looks for m in seen if m["state"] == "DOWN"} == {None}
    assert {m["auto_clone"] for seen in looks for m in seen if m["state"] == "ACTIVE"} == {
        True,
        False,
    }


@pytest.mark.parametrize("word", ["", "rollback"])
def test_nobody_waits_for_an_action_that_outlived_the_restart_it_ended_with(tmp_path, word):
    """What is seen done is over, also where CPUSE calls it in progress for good."""

    async def then(night: Night) -> None:
        night.order()
        await night.until(lambda state: state.of("A.SOAK").status == "done")
        if word:
            night.say(word, REQUESTER)
        await night.until_over(hours=4)

    night = played(tmp_path, then, keeps_actions=True)

    assert night.state.ended is not None, night.state.hold
    assert night.state.ended["state"] == ("rolled back" if word else "done")
    assert night.installs() == {"1_1": 1, "1_2": 1, **dict.fromkeys(("1_3", "1_4"), int(not word))}


def test_what_a_former_run_saw_over_keeps_no_later_one_from_its_work(tmp_path):
    """Neither the rollback that it was ordered with, at its appointment, nor a later order."""
    ends: list[str] = []

    async def then(night: Night) -> None:
        night.order(rollback_after=timedelta(hours=2))
        for _ in range(3):
            await night.until_over(hours=4)
            ended = night.state().ended
            assert ended is not None, night.state().hold
            ends.append(ended["state"])
            if len(ends) == 1:
                night.follow(ended["rollback"])
            elif len(ends) == 2:
                night.order()

    def without_keep(night: Night, gate: str, shown: str) -> None:
        if "KEEP" not in shown.upper():
            everyone_agrees(night, gate, shown)

    night = play_night(
        tmp_path, then, policy=SPARSE, setup={"keeps_actions": True}, people=without_keep
    )

    assert ends == ["done", "done", "done"]
    assert night.installs() == dict.fromkeys(("1_1", "1_2", "1_3", "1_4"), 2)


def test_what_came_to_nothing_can_be_given_up_whatever_cpuse_keeps_of_it(tmp_path, monkeypatch):
    """Members restarted, nothing is installed, and the action stands as in progress for good."""

    def nothing_changes(_: Group, __: Member, ___: Package, action: Action) -> None:
        action.status, action.progress = "success", "100"

    monkeypatch.setattr(Group, "_change_software", nothing_changes)
    held: list[str] = []

    async def then(night: Night) -> None:
        await to_the_end(night)
        for word in ("rollback", "abort"):
            hold = night.state().hold
            held.append(hold.error if hold is not None else "")
            night.say(word, REQUESTER)
            await night.clock.sleep(timedelta(seconds=30))
        await night.until_over(hours=1)
        ended = night.state().ended
        assert ended is not None, night.state().hold
        assert ended["state"] == "aborted"
        night.order()
        await night.until_over(hours=1)

    night = played(tmp_path, then, keeps_actions=True)

    assert night.state.hold is not None
    assert night.state.hold.step == "A.INSTALL"
    assert held == ["InDoubt", "InDoubt"]
    assert any("a group's work is not over; first `abort`" in text for _, text in night.said)


# --------------------------------------------------------------------- answers of one member

TAKES_99_AWAY = {"kind": "uninstall", "package": "", "method": "last_take", "take": 99}


@pytest.mark.parametrize("form", ["plain", "blocks", "lines"])
@pytest.mark.parametrize("order", [{}, TAKES_99_AWAY])
def test_a_member_asked_alone_is_understood_however_the_broadcast_shows_it(tmp_path, order, form):
    """Numbers of packages, ends of verifications and refusals are read from one member alone."""
    imported = [{"name": PACKAGE, "installed": True}] if order else []

    async def then(night: Night) -> None:
        night.order(**order)
        await night.until_over(hours=4)

    night = played(tmp_path, then, broadcast=form, imported=imported)

    assert night.state.ended is not None, night.state.hold
    assert Kind.HELD not in night.kinds()
    assert night.seen["objections"] == []


# ------------------------------------------------------- an admin-down that asks only for a yes

R82 = "Check_Point_R82_jumbo_hf_main_Bundle_T120_FULL.tgz"
FAILS = {"name": "member_fails", "member": "1_4", "notes": ["FSYNC"], "when": "state:1_1:DOWN"}


def test_an_admin_down_that_only_wants_to_be_confirmed_is_one(tmp_path):
    night = played(tmp_path, package=R82, version="R82", audits_admin_state=False)

    assert night.state.ended is not None, night.state.hold
    assert set(night.states().values()) == {"ACTIVE"}
    assert night.broken() == {}


@pytest.mark.parametrize("audits", [False, True])
def test_before_a_confirmation_that_may_act_comes_every_check(tmp_path, audits):
    night = played(tmp_path, package=R82, version="R82", audits_admin_state=audits)

    assert night.state.ended is not None, night.state.hold
    by_step = [(r.kind, r.body.get("step")) for r in night.records]
    at = by_step.index((Kind.COMMITTING, "A.ADMIN_DOWN"))
    assert (Kind.INTENDED, "A.ADMIN_DOWN") in by_step[:at]
    assert (Kind.COMMITTING, "A.ADMIN_DOWN") not in by_step[at + 1 :]


def test_a_stop_after_a_confirmation_that_may_act_keeps_the_reason_back(tmp_path):
    async def halt_and_resume(night: Night) -> None:
        night.order()
        await night.group.wait_for("dialogue:admin_down:reason", within=timedelta(hours=1))
        night.say("halt")
        await night.clock.sleep(timedelta(minutes=2))
        assert night.state().halted
        assert {m["state"] for m in night.group.report()["members"]} == {"ACTIVE"}
        assert {a["act"] for a in night.group.report()["acts"]} <= {"import", "auto_clone_off"}
        night.say("resume")
        await night.until_over(hours=4)

    night = played(tmp_path, halt_and_resume, package=R82, version="R82")

    assert Kind.HALTED in night.kinds()
    assert night.state.ended is not None, night.state.hold
    assert night.broken() == {}


def test_a_member_that_fails_after_a_confirmation_keeps_the_reason_back(tmp_path):
    fault = {**FAILS, "when": "dialogue:admin_down:reason"}
    night = played(tmp_path, package=R82, version="R82", faults=[fault])

    assert Kind.COMMITTING in night.kinds()
    assert orders(night, "admin_down") == []
    assert [a["what"] for a in night.state.alarms] == []
    assert night.state.hold is not None
    assert "1_4" in night.state.hold.reason


def test_one_record_is_for_all_answers_of_a_dialogue_that_may_act(tmp_path):
    fault = {**FAILS, "delay_s": 20}
    night = played(tmp_path, package=R82, version="R82", faults=[fault])

    assert orders(night, "admin_up") == ["admin_up 1_1", "admin_up 1_2"]
    steps = [r.body["step"] for r in night.records if r.kind == Kind.COMMITTING]
    assert steps == ["A.ADMIN_DOWN", "A.RESCUE_UP"]


def test_who_went_down_by_a_confirmation_alone_is_brought_back_when_others_fail(tmp_path):
    fault = {**FAILS, "delay_s": 20}
    night = played(tmp_path, package=R82, version="R82", audits_admin_state=False, faults=[fault])

    assert [a["what"] for a in night.state.alarms if a["what"] == "rescue"] == ["rescue"]
    assert {one: night.states()[one] for one in ("1_1", "1_2")} == {
        "1_1": "ACTIVE",
        "1_2": "ACTIVE",
    }


def test_an_abort_brings_up_who_went_down_in_an_undone_attempt(tmp_path):
    """A version whose dialogue is known to end with a reason, and that acts without one."""
    night = played(tmp_path, partial(then_say, "abort"), audits_admin_state=False)

    assert [r.body["case"] for r in night.records if r.kind == Kind.ABORTED] == ["down_not_started"]
    assert orders(night, "admin_up") == ["admin_up 1_1", "admin_up 1_2"]
    assert set(night.states().values()) == {"ACTIVE"}


async def _rescued_then_taken_down_by_hand(night: Night) -> None:
    await to_the_end(night)
    night.group.add_fault({"name": "member_recovers", "member": "1_4", "after_s": 0})
    await night.clock.sleep(timedelta(seconds=60))
    night.group.admin_down(night.group.members["1_1"])
    await night.clock.sleep(timedelta(seconds=60))
    night.say("abort", REQUESTER)
    await night.clock.sleep(timedelta(minutes=5))
    assert night.group.members["1_1"].state == "DOWN"
    night.group.admin_up(night.group.members["1_1"])
    night.say("retry", REQUESTER)
    await night.clock.sleep(timedelta(seconds=5))
    await night.until_over(hours=4)


def test_an_abort_leaves_down_whom_others_took_down_after_the_rescue(tmp_path):
    """It was down by this run and brought up again; that it is down now is somebody else's."""
    fault = {**FAILS, "when": "admin_down:1_2", "delay_s": 5}
    night = played(tmp_path, _rescued_then_taken_down_by_hand, faults=[fault])

    assert [r.body["case"] for r in night.records if r.kind == Kind.ABORTED] == ["nothing_down"]
    assert orders(night, "admin_up") == ["admin_up 1_1", "admin_up 1_2"]
    assert night.state.ended is not None, night.state.hold


# ----------------------------------------------------------- what CPUSE calls a failed package

FAILED = [{"name": "install_fails", "member": one, "percent": 40} for one in ("1_1", "1_2")]


def _both_failed(word: str) -> Then:
    """Say a word when the second member has failed too."""
    return partial(then_say, word, after=timedelta(minutes=10))


def test_a_failed_package_by_another_name_is_not_installed_anew_unseen(tmp_path):
    """The failure allows a new attempt, and what the list says of the package forbids it."""
    night = played(tmp_path, _both_failed("retry"), failed_state="Failed", faults=FAILED)

    assert [r.body["again"] for r in night.records if r.kind == Kind.RETRIED] == [["A.INSTALL"]]
    assert night.installs() == {"1_1": 1, "1_2": 1, "1_3": 0, "1_4": 0}
    assert night.state.hold is not None
    assert "1_1 shows the package as unknown" in night.state.hold.reason


@pytest.mark.parametrize("state", ["Failed", "Install Failed"])
def test_a_failed_package_by_another_name_does_not_keep_an_abort_back(tmp_path, state):
    night = played(tmp_path, _both_failed("abort"), failed_state=state, faults=FAILED)

    assert [r.body["case"] for r in night.records if r.kind == Kind.ABORTED] == ["interrupted"]
    assert set(night.states().values()) == {"ACTIVE"}


# ------------------------------------------------------------- lists that lag behind a restart


def test_a_list_that_lags_behind_a_restart_is_waited_for(tmp_path):
    night = played(tmp_path, list_lags_s=60)

    assert Kind.HELD not in night.kinds()
    assert night.state.ended is not None
    assert night.installs() == {"1_1": 1, "1_2": 1, "1_3": 1, "1_4": 1}


# ------------------------------------------------- administratively down, and a restart over it

STAYS = {"name": "stuck_down", "member": "1_2", "notes": ["ADMIN"]}


async def _brought_up(night: Night) -> None:
    """Somebody follows what the hold says."""
    await to_the_end(night)
    night.group.admin_up(night.group.members["1_2"])
    night.say("retry", REQUESTER)
    await night.clock.sleep(timedelta(seconds=5))
    await night.until_over(hours=4)


def test_who_is_down_for_good_after_a_restart_is_told_soon(tmp_path):
    night = played(tmp_path, _brought_up, faults=[STAYS])

    (held,) = (r for r in night.records if r.kind == Kind.HELD)
    done = next(
        r for r in night.records if (r.kind, r.body.get("step")) == (Kind.DONE, "A.INSTALL")
    )
    assert "`clusterXL_admin up`" in held.body["reason"]
    assert "1_2" in held.body["reason"]
    assert "1_1" not in held.body["reason"]
    assert held.at - done.at < timedelta(minutes=10)
    assert orders(night, "admin_up") == []
    assert night.state.ended is not None, night.state.hold


def test_who_is_without_its_policy_is_told_soon_and_so_is_who_is_kept_down_beside_it(tmp_path):
    night = played(tmp_path, faults=[STAYS, {"name": "policy_missing", "member": "1_1"}])

    (held,) = (r for r in night.records if r.kind == Kind.HELD)
    serving = next(
        r.at
        for r in night.records
        if r.kind == Kind.SEEN and "1_1: state DOWN → ACTIVE" in r.body["changes"]
    )
    assert held.body["step"] == "A.RETURN"
    assert "1_1 is ACTIVE with InitialPolicy; 1_2 is DOWN" in held.body["reason"]
    assert "`asg_blade_config pull_config` in gClish on 1_1 and" in held.body["reason"]
    assert "`clusterXL_admin up`" in held.body["reason"]
    assert held.at - serving <= timedelta(minutes=3)


def test_what_came_back_without_its_policy_can_be_rolled_back_after_an_abort(tmp_path):
    async def then(night: Night) -> None:
        await to_the_end(night)
        night.say("abort", REQUESTER)
        await night.until(lambda state: any("DEGRADED" in step for step in state.gates))
        night.say("rollback", REQUESTER)
        await night.clock.sleep(timedelta(seconds=5))
        await night.until_over(hours=4)

    faults = [{"name": "policy_missing", "member": one} for one in ("1_1", "1_2")]
    night = played(tmp_path, then, faults=faults)

    assert night.state.ended is not None, night.state.hold
    assert night.state.ended["state"] == "rolled back"
    assert set(night.state.ended["members"].values()) == {99}
    assert night.broken() == {}
    assert night.seen["objections"] == []


def test_an_abort_brings_up_who_was_kept_down_after_a_restart(tmp_path):
    night = played(tmp_path, partial(then_say, "abort"), faults=[STAYS])

    assert orders(night, "admin_up") == ["admin_up 1_2"]
    assert set(night.states().values()) == {"ACTIVE"}


# ------------------------------------------------------------------- the configuration's lock


def test_a_configuration_that_is_locked_is_told_in_the_devices_words(tmp_path):
    night = played(tmp_path, partial(then_say, "retry"), faults=[{"name": "config_locked"}])

    (held,) = (r.body for r in night.records if r.kind == Kind.HELD)
    assert held["step"] == "CLONING_OFF"
    assert "CLINFR0519  Configuration lock present" in held["reason"]
    assert "`lock database override`" in held["reason"]
    assert night.state.ended is not None


LOCKED = "CLINFR0519  Configuration lock present. Can not execute."
FROM_DB = (
    "CLINFR0819  User: admin denied access via CLI\nERROR: Could not get Security Group from db"
)


@pytest.mark.parametrize("act", ["import", "verify", "install"])
def test_an_installer_that_is_locked_out_is_told_in_the_devices_words(tmp_path, act):
    fault = {"name": "installer_refused", "in": act, "text": LOCKED}
    night = played(tmp_path, partial(then_say, "retry"), faults=[fault])

    (held,) = (r.body for r in night.records if r.kind == Kind.HELD)
    assert held["step"] == {"install": "A.INSTALL"}.get(act, act.upper())
    assert f"the device refused: {LOCKED}" in held["reason"]
    assert "`lock database override`" in held["reason"]
    assert night.state.ended is not None


@pytest.mark.parametrize("act", ["import", "verify"])
def test_a_database_that_is_not_up_yet_is_asked_again_without_a_person(tmp_path, act):
    fault = {"name": "installer_refused", "in": act, "text": FROM_DB}
    night = played(tmp_path, faults=[fault])

    assert Kind.HELD not in night.kinds()
    assert night.state.ended is not None


@pytest.mark.parametrize("act", ["import", "verify"])
def test_a_database_that_does_not_come_up_is_told_after_a_while(tmp_path, act):
    fault = {"name": "installer_refused", "in": act, "text": FROM_DB}
    night = played(tmp_path, faults=[fault] * 30)

    assert night.state.hold is not None
    assert "Could not get Security Group from db" in night.state.hold.reason
    assert "lock database" not in night.state.hold.reason


def test_a_package_number_that_means_nothing_there_is_told_in_the_devices_words(tmp_path):
    said = "[Aug 24 16:00:47] Package index doesn't exist on the local member ('3')"
    fault = {"name": "installer_refused", "in": "verify", "text": f"Querying...\n\n{said}"}
    night = played(tmp_path, partial(then_say, "retry"), faults=[fault])

    (held,) = (r.body for r in night.records if r.kind == Kind.HELD)
    assert held["reason"].endswith(said)
    assert night.state.ended is not None


# ------------------------------------------------------ an installer that ends before its work


@pytest.mark.parametrize("seconds", [0, 2, 3, 8, 20, 40])
def test_an_import_whose_installer_ends_early_is_waited_for(tmp_path, seconds):
    night = played(tmp_path, faults=[{"name": "import_cut", "seconds": seconds}])

    assert Kind.HELD not in night.kinds()
    assert night.state.ended is not None
    assert len(orders(night, "import")) == 4


# --------------------------------------------------------------------------- a clock that is off


@pytest.mark.parametrize(
    ("off_s", "told"),
    [
        (86_400, ["1_3 is 86400 s ahead of ours"]),
        (-600, ["1_3 is 600 s behind ours"]),
        (40, []),
    ],
)
def test_a_clock_that_is_off_is_told_and_nothing_holds_for_it(tmp_path, off_s, told):
    async def then(night: Night) -> None:
        night.group.members["1_3"].clock_offset_s = off_s
        await to_the_end(night)

    night = played(tmp_path, then)

    (looked,) = (
        r.body
        for r in night.records
        if (r.kind, r.body.get("kind")) == (Kind.DONE, StepKind.PREFLIGHT)
    )
    assert len(looked["trouble"]) == len(told)
    assert all(words in said for words, said in zip(told, looked["trouble"], strict=True))
    assert night.state.ended is not None, night.state.hold
    assert Kind.HELD not in night.kinds()


# ---------------------------------------------------------- core dumps of a restart, as the reason


@pytest.mark.parametrize(("member", "step"), [("1_1", "A.SOAK"), ("1_4", "B.SOAK")])
def test_a_hold_for_core_dumps_says_what_lets_a_retry_go_on(tmp_path, member, step):
    """The last group's too, after which no other one is asked for. One left is told as ours."""

    async def then(night: Night) -> None:
        await to_the_end(night)
        assert (hold := night.state().hold) is not None
        assert f"move the files away on {member}, then `retry`" in hold.reason
        del night.group.members[member].core_dumps[1:]
        night.say("retry", REQUESTER)
        await night.clock.sleep(timedelta(seconds=5))
        await night.until_over(hours=4)

    dump = {"name": "core_dump", "member": member, "when": f"rebooted:{member}"}
    night = played(tmp_path, then, faults=[dump, {**dump, "delay_s": 1}])

    assert [r.body["step"] for r in night.records if r.kind == Kind.HELD] == [step]
    assert night.state.ended is not None, night.state.hold
    (last,) = [r.body for r in night.records if r.body.get("kind") == "POSTFLIGHT"]
    assert [told.partition(":")[0] for told in last["crashes"]] == [member]
    assert not [told for told in last["not_by_us"] if "core dumps" in told]


def test_a_retry_names_the_members_that_an_import_did_not_reach(tmp_path, monkeypatch):
    """Without `member_ids` this device imports on the local member alone."""
    whole = cpuse.import_local

    async def local(host, process, path, members):
        named = "member_ids" in " ".join(process.args)
        return await whole(host, process, path, members if named else [host.member])

    for module in (cpuse, clish):
        if hasattr(module, "import_local"):
            monkeypatch.setattr(module, "import_local", local)
    night = played(tmp_path, partial(then_say, "retry"))

    (held,) = (r.body for r in night.records if r.kind == Kind.HELD)
    assert held["step"] == "IMPORT"
    assert held["reason"].endswith("; not listed on 1_2, 1_3, 1_4")
    assert night.state.ended is not None, night.state.hold
    assert night.broken() == {}


@pytest.mark.parametrize("times", [1, 99], ids=["for a moment", "for good"])
def test_an_installer_that_is_refused_for_a_moment_is_asked_again(tmp_path, monkeypatch, times):
    """What it says first sounds like a missing right; only what comes behind says that it passes.

    Source: dossier 6, row 12.
    """
    asked = []
    installs = cpuse.change

    async def busy(host: Any, process: Any, *args: Any) -> int:
        asked.append(host.member.id)
        if len(asked) > times:
            return await installs(host, process, *args)
        process.out("CLINFR0819  User: ansible denied access via CLI\n")
        await host.sleep(2)
        process.out("ERROR: Could not get Security Group from db\n")
        return 1

    monkeypatch.setattr(cpuse, "change", busy)
    night = played(tmp_path)

    if times == 1:
        assert Kind.HELD not in night.kinds()
        assert night.state.ended is not None
        assert night.installs() == dict.fromkeys(("1_1", "1_2", "1_3", "1_4"), 1)
        return
    hold = night.state.hold
    assert hold is not None
    assert (hold.step, hold.error) == ("A.INSTALL", "NotNow")
    assert hold.reason.endswith("via CLI ERROR: Could not get Security Group from db")
    assert 2 < len(asked) < 10
    assert set(night.installs().values()) == {0}

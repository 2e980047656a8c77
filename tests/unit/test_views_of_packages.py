"""What people read of packages: what is installed, whether members restart, how far it is."""

from datetime import timedelta
from pathlib import Path

import pytest

from bot.demo.props import write_package
from bot.demo.scenario import Scenario
from engine.journal import Kind
from engine.rehearsal.group import Setup
from storage.records import Record
from tests.simulation.loop import run_virtual
from tests.simulation.night import PACKAGE, POLICY, Night, everyone_agrees, quick
from tests.unit.nights import until
from tests.unit.test_views import by_key, thread, whole

HOTFIX = "fw1_wrapper_HOTFIX_R81_20_sk700.tgz"


def recorded(folder: Path, name: str, *, reboots: bool, mb_per_s: float = 80.0) -> list[Record]:
    write_package(folder / name, Scenario("night", "", group={"reboots": reboots}), size=500)

    async def night() -> list[Record]:
        setup = Setup(members=4, connections=1000, reboots=reboots, upload_mb_per_s=mb_per_s)
        policy = quick(POLICY, watch=timedelta(seconds=30))
        stage = Night(folder / name, setup=setup, policy=policy, people=everyone_agrees)
        stage.begin()
        stage.order()
        await stage.until_over()
        records = list(stage.records())
        await stage.close()
        return records

    return run_virtual(night())


@pytest.fixture(scope="module")
def without_restart(tmp_path_factory: pytest.TempPathFactory) -> list[Record]:
    return recorded(tmp_path_factory.mktemp("packages"), HOTFIX, reboots=False, mb_per_s=0.000_005)


def test_a_proposal_says_that_members_do_not_restart_and_who_brings_them_back(without_restart):
    text = whole(by_key(without_restart)["proposal"])

    assert "install hotfix fw1_wrapper_HOTFIX_R81_20_sk700 on A" in text
    assert "brought back up by us without a restart" in text
    assert "members need not restart" in text
    assert "the take stays as it is" in text
    assert "*Take* 99 → 99" in text
    assert "about 20 min of it for each Logical Group" not in text


def test_a_failover_gate_says_what_comes_back_and_how(without_restart):
    shown = by_key(until(tuple(without_restart), Kind.GATE_SHOWN, gate="G2"))
    text = whole(next(message for key, message in shown.items() if "G2" in key))

    assert "Hotfix fw1_wrapper_HOTFIX_R81_20_sk700 is installed on A" in text
    assert "whose members do not restart" in text
    assert "We bring them back up" in text


def test_a_jumbo_is_named_by_its_take_and_its_members_restart(tmp_path):
    records = recorded(tmp_path, PACKAGE, reboots=True)
    text = whole(by_key(records)["proposal"])

    assert "install take 120 on A" in text
    assert "installed, restarted, back" in text
    assert "about 20 min of it for each Logical Group" in text
    assert "name alone" not in text


def test_how_far_an_upload_is_stands_in_the_thread(without_restart):
    last = max(r.seq for r in without_restart if r.kind == Kind.PROGRESS and "sent" in r.body)
    shown = "\n".join(whole(m) for m in by_key(without_restart[:last]).values())

    assert "uploaded: " in shown.lower()
    assert " % of " in shown
    assert not any("%" in line for line in thread(without_restart)[:1])


def test_the_root_names_the_hotfix_and_no_take(without_restart):
    heading = by_key(without_restart)["root"].text

    assert "hotfix fw1_wrapper_HOTFIX_R81_20_sk700" in heading
    assert "T99" not in heading

"""What is in the repository, as people choose from it."""

import hashlib
import json
from collections.abc import Sequence
from dataclasses import replace
from datetime import datetime, timedelta
from typing import Any

import pytest

from bot import catalogue
from bot.catalogue import Entry, Known
from bot.packages import PackageFolder
from engine.canon import to_json
from engine.journal import Kind
from storage.memory import MemoryStores
from storage.records import Draft, Record, RunRow
from tests.unit.archives import config, package, tar
from tests.unit.builders import NAME, NOW, REQUEST, facts, member, plan, records

HOTFIX = "fw1_HOTFIX_R82_sk1.tgz"


@pytest.fixture
def folder(tmp_path):
    def put(name: str, content: bytes, *, published: bool = True) -> None:
        (tmp_path / name).write_bytes(content)
        if published:
            digest = hashlib.sha256(content).hexdigest()
            (tmp_path / f"{name}.sha256").write_text(f"{digest}  {name}\n")

    put(NAME, package())
    said = {"CATEGORY": "MISC", "DIRECT_BASE_VERSION": "R82", "REBOOT": "no"}
    put(HOTFIX, tar({"hf.config": config(**said, BRANCH_NAME="", TAKE_NUMBER="")}))
    put("Check_Point_R82_T777_Gaia_Install_and_Upgrade.tgz", tar({"x": b"y"}))
    put("Check_Point_R81_20_JUMBO_HF_MAIN_Bundle_T121_FULL.tgz", package())
    put("broken_HOTFIX_R82.tgz", b"no archive")
    put("Check_Point_R82_jumbo_hf_main_Bundle_T60_FULL.tgz", tar({"x": b""}), published=False)
    (tmp_path / "link.tgz").symlink_to(tmp_path / NAME)
    return tmp_path


GROUPS = {
    "new": Known(),
    "old": Known("R81.20", 99),
    "done": Known("R81.20", 120),
    "r82": Known("R82", 60),
}


async def listed(folder) -> dict[str, Entry]:
    found = await catalogue.entries(PackageFolder(folder), GROUPS)
    return {one.name: one for one in found}


async def test_each_package_says_what_it_is_and_which_groups_it_fits(folder):
    found = await listed(folder)

    assert len(found) == 6, "a link is no package"
    jumbo = found[NAME]
    assert (jumbo.kind, jumbo.version, jumbo.take, jumbo.problem) == ("jumbo", "R81.20", 120, "")
    assert (jumbo.fits, jumbo.unknown) == (("old",), ("new",))
    assert jumbo.sha256 == hashlib.sha256(package()).hexdigest()
    hotfix = found[HOTFIX]
    assert (hotfix.kind, hotfix.take, hotfix.reboots) == ("hotfix", None, False)
    assert hotfix.fits == ("r82",)


async def test_what_cannot_be_installed_says_why(folder):
    problems = {name: one.problem for name, one in (await listed(folder)).items() if one.problem}

    assert "is a major version" in problems["Check_Point_R82_T777_Gaia_Install_and_Upgrade.tgz"]
    assert "its name says take 121, but its hf.config says TAKE_NUMBER=120" in str(problems)
    assert "is no tar archive" in problems["broken_HOTFIX_R82.tgz"]
    assert "no published checksum" in problems["Check_Point_R82_jumbo_hf_main_Bundle_T60_FULL.tgz"]
    assert len(problems) == 4


async def test_people_read_it_as_lines_and_programs_as_json(folder):
    found = await catalogue.entries(PackageFolder(folder), GROUPS)
    told, mrkdwn = "\n".join(catalogue.lines(found)), catalogue.answer(found)

    assert f"{NAME}  " in told
    assert "    R81.20, take 120\n    fits old\n    not looked at yet: new" in told
    assert "R82, a hotfix that leaves the take, members need not restart" in told
    assert f"• `{NAME}`" in mrkdwn
    assert len(json.loads(json.dumps([one.as_json() for one in found]))) == 6
    assert catalogue.lines([]) == ["The repository is empty."]
    assert "is empty" in catalogue.answer([])
    many = [Entry(f"a{n}.tgz", 1, "no") for n in range(30)]
    assert "… and 10 more" in catalogue.answer(many)


class Journal:
    """A journal with one run on site-1, which was at takes 98 and 99."""

    def runs(self, *, open_only: bool = True, group: str | None = None) -> list[RunRow]:
        return []

    def ended(self, group: str | None = None) -> list[RunRow]:
        rows = [RunRow("hf-000001", "site-1", "install", False, False, None)]
        return [row for row in rows if row.group == group]

    def read(self, _run: str, *, after: int = 0) -> list[Record]:
        made = {"plan": plan().as_json(), "digest": plan().digest, "revision": 1}
        return records(
            (Kind.ORDERED, {"request": to_json(REQUEST)}),
            (Kind.PLANNED, {**made, "facts": to_json(facts(member(2, take=98)))}),
        )


def test_a_group_is_known_by_its_last_look_and_by_what_its_settings_pin():
    pinned = {"site-1": "", "site-2": "R82"}
    known = catalogue.last_known(Journal(), pinned)  # type: ignore[arg-type]  # a part of one

    assert known == {"site-1": Known("R81.20", 98), "site-2": Known("R82")}


def ended(stores: MemoryStores, run: str, at: datetime, take: int) -> None:
    """Append a run that saw its group at that moment, with its second member at that take."""
    seen = replace(facts(member(2, take=take)), at=at)
    bodies: list[tuple[str, dict[str, Any]]] = [
        (Kind.ORDERED, {"request": to_json(REQUEST)}),
        (Kind.PLANNED, {"plan": plan().as_json(), "digest": plan().digest, "revision": 1}),
        (Kind.SEEN, {"facts": to_json(seen), "digest": "", "changes": []}),
    ]
    drafts = [Draft(kind, at, "engine", body) for kind, body in bodies]
    index = RunRow(run, "site-1", "install", False, False, None)
    stores.journal.append(run, drafts, lease=None, last_seq=0, index=index)


def test_what_was_seen_last_is_known_also_where_another_run_was_ordered_later():
    """One for later was ordered first, and looked after it."""
    stores = MemoryStores()
    for run, minutes, take in (("hf-000001", 90, 120), ("hf-000002", 60, 98)):
        ended(stores, run, NOW + timedelta(minutes=minutes), take)

    assert catalogue.last_known(stores.journal, {"site-1": ""}) == {"site-1": Known("R81.20", 99)}


def test_what_is_known_costs_the_same_after_years_of_runs(monkeypatch):
    stores, read = MemoryStores(), list[str]()
    for number in range(50):
        ended(stores, f"hf-{number:06}", NOW + timedelta(days=number), 99)
    journal = stores.journal
    whole = journal.read

    def counted(run: str) -> Sequence[Record]:
        read.append(run)
        return whole(run)

    monkeypatch.setattr(journal, "read", counted)

    assert catalogue.last_known(journal, {"site-1": ""}) == {"site-1": Known("R81.20", 99)}
    assert read == ["hf-000049", "hf-000048"]


def test_an_empty_journal_knows_only_what_is_pinned():
    assert catalogue.last_known(MemoryStores().journal, {"a": "R82", "b": ""}) == {
        "a": Known("R82"),
        "b": Known(),
    }

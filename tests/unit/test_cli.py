"""The command line: what it tells, what it refuses, and that it never acts by itself."""

import hashlib
import json
import re
import subprocess
import sys
from datetime import UTC, datetime
from pathlib import Path

import pytest
from typer.testing import CliRunner

from bot.__main__ import app
from bot.demo import stage
from bot.wiring import our_version
from engine.canon import to_json
from engine.journal import Kind, first_records
from storage.records import HOUSE, Draft, Record
from storage.stores import open_stores
from tests.unit.archives import package
from tests.unit.builders import PACKAGE, REQUEST, member, plan, without_package
from tests.unit.test_config import SMALL

RUN = "hf-000001"
ROOT = Path(__file__).parents[2]


class StillClock:
    def now(self) -> datetime:
        return datetime(2026, 3, 2, 22, 0, tzinfo=UTC)

    def monotonic(self) -> float:
        return 0.0

    async def sleep(self, duration) -> None:
        raise AssertionError("nobody waits here")


@pytest.fixture
def config(tmp_path: Path) -> Path:
    file = tmp_path / "hotfix.toml"
    file.write_text(SMALL)
    return file


@pytest.fixture
def database(tmp_path: Path, config: Path) -> str:
    """A database with one run, as a service that died left it."""
    url = f"sqlite:///{tmp_path / 'hotfix.db'}"
    facts = without_package()
    drafts, index = first_records(
        RUN, REQUEST, plan(), facts, StillClock(), by=REQUEST.requester, version="1.2.3"
    )
    stores = open_stores(url, acting=True)
    stores.journal.append(RUN, drafts, lease=None, last_seq=0, index=index)
    stores.close()
    return url


def run(*words: str, code: int = 0) -> str:
    """Run the command line in this process; return what it prints."""
    done = CliRunner().invoke(app, list(words))
    assert done.exit_code == code, done.output
    return done.output


@pytest.fixture
def told(config, database):
    return lambda *words, code=0: run(*words, "--config", str(config), code=code)


def test_runs_are_listed(told):
    assert f"{RUN}  site-1  {PACKAGE.name}" in told("runs")
    (one,) = json.loads(told("runs", "--json"))
    assert (one["run"], one["group"], one["open"]) == (RUN, "site-1", True)


def test_runs_say_what_is_frozen(told, database):
    body = {"scope": "site-1", "name": "ana", "reason": "the fair is on", "until": None}
    stores = open_stores(database, acting=True)
    draft = Draft("FROZEN", StillClock().now(), "U1", body)
    stores.journal.append(HOUSE, [draft], lease=None, last_seq=0)
    stores.close()

    sentence = "site-1 is frozen by ana until it is lifted: the fair is on"
    assert told("runs").startswith(f"FROZEN: {sentence}")
    (one,) = json.loads(told("runs", "--json"))
    assert one["frozen"] == sentence


def test_runs_say_what_will_be_frozen(told, database):
    body = {"scope": "emea", "name": "ana", "reason": "fair", "groups": ["site-1"]}
    begins = {"begins": "2099-12-20T18:00:00+00:00"}
    stores = open_stores(database, acting=True)
    draft = Draft("FROZEN", StillClock().now(), "U1", {**body, **begins})
    stores.journal.append(HOUSE, [draft], lease=None, last_seq=0)
    stores.close()

    sentence = "emea (site-1) will be frozen by ana from Sun 20 Dec 18:00 UTC"
    assert told("runs").startswith(f"FREEZE TO COME: {sentence} until it is lifted: fair")
    (one,) = json.loads(told("runs", "--json"))
    assert one["frozen"] is None
    assert one["to_be_frozen"] == [f"{sentence} until it is lifted: fair"]


def test_a_run_is_told_so_that_one_can_follow_it(told):
    shown = told("show", RUN)

    assert "Plan" in shown
    assert "A.INSTALL 1_1-1_2" in shown
    assert "ordered: install" in shown
    assert "version 1.2.3" in shown
    assert "planned: A = 1_1-1_2; B = 1_3-1_4" in shown
    assert "take 99 → 120" in shown


def test_a_run_is_told_in_json_with_its_records(told):
    shown = json.loads(told("show", RUN, "--json"))

    assert [record["kind"] for record in shown["records"]] == ["ORDERED", "PLANNED"]
    assert shown["records"][0]["what"].startswith("ordered: install")
    assert shown["steps"][0] == {
        "step": "PROPOSAL",
        "title": "proposal approved",
        "group": "",
        "members": "",
        "status": "waiting",
        "attempt": 1,
        "how": "",
    }


def test_a_run_that_a_newer_version_went_on_with_is_not_told_half(told, database):
    stores = open_stores(database, acting=True)
    drafts = [
        Draft(Kind.TAKEN_UP, StillClock().now(), "engine", {"holder": "x", "version": "9.0.0"}),
        Draft("CAMPAIGN", StillClock().now(), "engine", {}),
    ]
    stores.journal.append(RUN, drafts, lease=None, last_seq=2)
    stores.close()

    shown = told("show", RUN, code=2)

    assert f"{RUN} was written by version 9.0.0, and record 4 has the kind CAMPAIGN" in shown
    assert f"this is {our_version()}" in shown
    assert f"{RUN}  site-1  ?  of a newer version" in told("runs")
    assert f"Halt was said to {RUN}" in told("halt", code=2)


def test_who_is_down_is_told_of_a_run_that_cannot_be_read_as_it_was_last_read(told, database):
    down = {"state": "DOWN", "notes": ("ADMIN",)}
    seen = without_package(members=(member(1, **down), member(2, **down), member(3), member(4)))
    drafts = [
        Draft(Kind.SEEN, StillClock().now(), "engine", {"facts": to_json(seen)}),
        Draft("CAMPAIGN", StillClock().now(), "engine", {}),
    ]
    stores = open_stores(database, acting=True)
    stores.journal.append(RUN, drafts, lease=None, last_seq=2)
    stores.close()

    for words in (["halt"], ["show", RUN]):
        said = told(*words, code=2)
        assert "As last read (record 3, " in said
        assert "out of service: 1_1-1_2. What came after that is not known" in said
        assert "g_clusterXL_admin -b 1_1-1_2 up. But not before CPUSE is idle on them." in said
        assert "record 4 has the kind CAMPAIGN" in said
        as_json, _ = json.JSONDecoder().raw_decode(told(*words, "--json", code=2))
        assert as_json["out_of_service"] == ["1_1", "1_2"]
        assert as_json["as_last_read"]["record"] == 3


def test_a_run_that_is_not_there_gets_the_nearest(told):
    assert f"there is no run hf-000002; did you mean {RUN}?" in told("show", "hf-000002", code=2)
    assert "see hotfix-bot runs" in told("show", "x", code=2)


@pytest.mark.parametrize("target", [[], ["site-1"], [RUN]])
def test_halt_puts_a_word_into_the_inbox_beside_a_running_service(told, database, target):
    service = open_stores(database, acting=True)
    try:
        said = told("halt", *target)

        (row,) = service.inbox.waiting()
    finally:
        service.close()
    assert (row.kind, row.run, row.body["verb"]) == ("word", RUN, "halt")
    assert row.body["user"].startswith("shell:")
    assert f"Halt was said to {RUN}" in said
    assert "Out of service when last seen: nobody." in said


def test_halt_says_who_is_down_and_the_command_that_brings_them_back(told, database):
    from dataclasses import replace

    from tests.unit.builders import facts, member

    down = facts(*(member(n, state="DOWN", own_state="DOWN", notes=("ADMIN",)) for n in (1, 2)))
    stores = open_stores(database, acting=True)
    index = stores.journal.run(RUN)
    assert index is not None
    seen = Draft(Kind.SEEN, StillClock().now(), "engine", {"facts": to_json(down), "changes": []})
    stores.journal.append(RUN, [seen], lease=None, last_seq=2, index=replace(index))
    stores.close()

    said = told("halt")

    assert "Out of service when last seen: 1_1, 1_2." in said
    assert "    g_clusterXL_admin -b 1_1-1_2 up" in said
    assert json.loads(told("halt", "--json"))["by_hand"] == "g_clusterXL_admin -b 1_1-1_2 up"


def test_halt_without_an_open_run_is_refused(told):
    assert "There is no run or group site-7" in told("halt", "site-7", code=2)


def test_verify_judges_the_journal(told):
    assert f"{RUN}: 2 records, head " in told("verify")
    assert json.loads(told("verify", RUN, "--json"))[RUN]["chain"] == "unbroken"


def test_verify_finds_a_record_that_was_changed(told, tmp_path):
    import sqlite3

    database = sqlite3.connect(tmp_path / "hotfix.db")
    database.execute("UPDATE journal SET by = 'somebody else' WHERE seq = 1")
    database.commit()
    database.close()

    assert "broken at record 1" in told("verify", code=1)


def test_reading_makes_no_database(config, tmp_path):
    said = run("runs", "--config", str(config), code=2)

    assert "there is no database at" in said
    assert not (tmp_path / "hotfix.db").exists()


def test_settings_that_are_wrong_are_one_sentence_each(config):
    config.write_text(SMALL + 'soack = "1m"\n')

    said = run("serve", "--config", str(config), code=2)

    assert said == f"{config}: groups.site-1.soack is not a setting; did you mean soak?\n"


def test_serving_without_tokens_is_refused(config, monkeypatch):
    monkeypatch.delenv("SLACK_BOT_TOKEN", raising=False)

    assert "SLACK_BOT_TOKEN is not set" in run("serve", "--config", str(config), code=2)


def test_a_database_in_use_is_told(config, database, monkeypatch):
    monkeypatch.setenv("SLACK_BOT_TOKEN", "xoxb-none")
    monkeypatch.setenv("SLACK_APP_TOKEN", "xapp-none")
    service = open_stores(database, acting=True)
    try:
        said = run("serve", "--config", str(config), code=1)
    finally:
        service.close()

    assert "is in use by process" in said
    assert "for more, name a postgresql+psycopg:// url in [storage]" in said
    assert len(said.splitlines()) == 1


@pytest.mark.parametrize("words", [["serve"], ["serve", "--no-worker"], ["worker"]])
def test_a_service_whose_database_is_not_up_yet_is_to_be_started_again(config, monkeypatch, words):
    """Exit code 2 is for mistakes, after which deploy/hotfix-bot.service is not started again."""
    monkeypatch.setenv("SLACK_BOT_TOKEN", "xoxb-none")
    monkeypatch.setenv("SLACK_APP_TOKEN", "xapp-none")
    away = "postgresql+psycopg://me@127.0.0.1:1/hotfix"
    config.write_text(f'{SMALL}\n[storage]\nurl = "{away}"\n')

    said = run(*words, "--config", str(config), code=1)

    assert "the database cannot be opened" in said
    assert run("runs", "--config", str(config), code=2) == said


@pytest.mark.parametrize("words", [["serve", "--no-worker"], ["worker"]])
def test_an_embedded_database_is_not_shared_between_those_who_hear_and_those_who_act(
    config, monkeypatch, words
):
    monkeypatch.setenv("SLACK_BOT_TOKEN", "xoxb-none")
    monkeypatch.setenv("SLACK_APP_TOKEN", "xapp-none")

    said = run(*words, "--config", str(config), code=2)

    assert said.startswith(f"hotfix-bot {' '.join(words)} cannot be used here: an SQLite database")
    assert "name a postgresql+psycopg:// url in [storage]" in said
    assert len(said.splitlines()) == 1


def test_a_worker_needs_no_app_token_but_the_bots(config, monkeypatch):
    monkeypatch.delenv("SLACK_APP_TOKEN", raising=False)
    monkeypatch.delenv("SLACK_BOT_TOKEN", raising=False)
    assert "SLACK_BOT_TOKEN is not set" in run("worker", "--config", str(config), code=2)

    monkeypatch.setenv("SLACK_BOT_TOKEN", "xoxb-none")
    assert "an SQLite database" in run("worker", "--config", str(config), code=2)


def test_a_worker_for_a_zone_that_no_group_has_is_refused(config, monkeypatch):
    monkeypatch.setenv("SLACK_BOT_TOKEN", "xoxb-none")
    words = ["worker", "--zone", "emae", "--config", str(config)]

    said = run(*words, code=2)
    assert said == "no group is in the zone 'emae'; a group gets one with `zone` in [groups.NAME]\n"

    config.write_text(
        config.read_text().replace("[groups.site-1]", '[groups.site-1]\nzone = "emea"')
    )
    assert run(*words, code=2) == "no group is in the zone 'emae'; did you mean emea?\n"


def test_check_names_an_open_run_whose_group_is_not_in_the_settings(told, config):
    sentence = f"wrong: {RUN} is open on site-1, which is not in the settings"
    assert sentence not in told("check", code=1)

    config.write_text(config.read_text().replace("[groups.site-1]", "[groups.site-7]"))

    assert sentence in told("check", code=1)


@pytest.mark.parametrize(
    ("url", "sentence"),
    [
        ("mysql://u@db/x", "mysql is not supported; sqlite and postgresql+psycopg are"),
        ("foo", "the address of the database cannot be read"),
    ],
)
def test_check_says_that_a_database_is_none(config, url, sentence):
    config.write_text(f'{config.read_text()}\n[storage]\nurl = "{url}"\n')

    said = run("check", "--offline", "--config", str(config), code=1)

    assert f"wrong: storage.url: {sentence}\n" in said


@pytest.mark.parametrize(
    ("option", "value", "sentence"),
    [
        ("--speed", "nan", "argument --speed: it is a number above 0"),
        ("--speed", "inf", "argument --speed: it is a number above 0"),
        ("--speed", "-5", "argument --speed: it is a number above 0"),
        ("--speed", "0", "argument --speed: it is a number above 0"),
        ("--keep", "/dev/null/x", "argument --keep: /dev/null/x cannot be made: Not a directory"),
    ],
)
def test_a_demo_that_cannot_be_played_so_says_why(option, value, sentence, capsys):
    with pytest.raises(SystemExit) as ended:
        stage.main(["--auto", option, value])

    assert ended.value.code == 2
    assert sentence in capsys.readouterr().err


def test_check_says_what_is_missing(config, monkeypatch):
    monkeypatch.delenv("SLACK_BOT_TOKEN", raising=False)

    said = run("check", "--config", str(config), code=1)

    assert "can be used" not in said
    assert re.search(r"is well formed, but \d+ things are wrong; groups: site-1\n", said)
    assert said.count("wrong: ") == int(re.findall(r"but (\d+) things", said)[0])
    assert "known_hosts is not there; ssh.known_hosts names it" in said
    assert "wrong: SLACK_BOT_TOKEN is not set" in said


def test_check_says_what_http_mode_needs_and_that_it_needs_no_app_token(config, monkeypatch):
    text = config.read_text().replace("[slack]\n", '[slack]\ntransport = "http"\n', 1)
    config.write_text(text if "[slack]" in text else '[slack]\ntransport = "http"\n' + text)
    monkeypatch.setenv("SLACK_BOT_TOKEN", "xoxb-secret")
    monkeypatch.setenv("SLACK_APP_TOKEN", "xapp-secret")
    for name in ("SLACK_SIGNING_SECRET", "SLACK_SIGNING_SECRET_FILE"):
        monkeypatch.delenv(name, raising=False)

    said = run("check", "--config", str(config), code=1)
    assert "wrong: SLACK_SIGNING_SECRET is not set (nor SLACK_SIGNING_SECRET_FILE)" in said
    assert "note: SLACK_APP_TOKEN is not used" in said
    assert "note: Slack must reach http://127.0.0.1:3000/slack/events at a public" in said

    monkeypatch.setenv("SLACK_SIGNING_SECRET", "signs")
    monkeypatch.delenv("SLACK_APP_TOKEN")
    told = json.loads(run("check", "--json", "--config", str(config), code=1))
    assert not [one for one in told["wrong"] if "SLACK" in one]
    assert len([one for one in told["notes"] if "SLACK" in one]) == 0


def test_check_says_which_groups_keep_no_fence_where_the_database_is_shared(config):
    assert "fence" not in run("check", "--config", str(config), code=1)
    own = config.read_text().replace("[groups.site-1]", "[groups.site-1]\nfence = false")
    config.write_text(f'storage.url = "postgresql+psycopg://db/x"\n{own}')

    said = run("check", "--config", str(config), code=1)
    assert "note: The members of site-1 keep no fence" in said
    told = json.loads(run("check", "--json", "--config", str(config), code=1))
    assert len(told["notes"]) == 1


def test_the_version_and_an_unknown_command():
    assert run("--version").strip()
    assert "No such command 'srve'" in run("srve", code=2)


def test_serving_loads_no_heavy_library():
    look = (
        "import sys, bot.__main__, bot.logs\n"
        "print([name for name in ('alembic', 'matplotlib') if name in sys.modules])"
    )
    done = subprocess.run(
        [sys.executable, "-c", look], cwd=ROOT, capture_output=True, text=True, timeout=60
    )

    assert done.stdout.strip() == "[]", done.stderr


def test_every_kind_of_record_has_words():
    from bot import chronicle

    assert {kind.value for kind in Kind} <= set(chronicle._TELLERS)


def test_a_record_of_a_later_version_is_shown_as_it_stands():
    from bot.chronicle import lines

    record = Record(RUN, 1, 0, "NEWS", StillClock().now(), "engine", {}, prev="", hash="")

    assert lines([record])[0].what == "NEWS"


@pytest.mark.parametrize(
    ("words", "sentence"),
    [
        (("install", "site-2", PACKAGE.name), "there is no group site-2. Did you mean"),
        (("install", "site-1"), "but not which package"),
        (("install", "site-1", PACKAGE.name), f"there is no package {PACKAGE.name}"),
        (("install", "site-1", PACKAGE.name, "split", "1-4"), "1-4 is no split"),
        (("install", "site-1", PACKAGE.name, "groups", "none"), "none is no number of groups"),
        (("install", "site-1", PACKAGE.name, "without", "x"), "x are no members"),
        (("status",), "status is nothing that can be planned; I plan install, uninstall"),
        (("uninstal", "site-1"), "Did you mean hotfix-bot plan uninstall site-1?"),
    ],
)
def test_a_plan_of_what_is_not_there_is_one_sentence_and_code_2(config, words, sentence):
    said = run("plan", *words, "--config", str(config), code=2)

    assert sentence in said
    assert len(said.splitlines()) == 1
    assert "`" not in said
    assert "&" not in said


def test_packages_are_listed_with_the_groups_that_they_fit(told, config):
    folder = config.parent / "packages"
    folder.mkdir()
    content = package()
    (folder / PACKAGE.name).write_bytes(content)
    (folder / f"{PACKAGE.name}.sha256").write_text(hashlib.sha256(content).hexdigest())

    (one,) = json.loads(told("packages", "--json"))
    assert (one["name"], one["kind"], one["version"], one["take"]) == (
        PACKAGE.name, "jumbo", "R81.20", 120
    )  # fmt: skip
    assert (one["fits"], one["problem"]) == (["site-1"], "")
    assert "R81.20, take 120" in told("packages")
    assert told("packages").startswith(f"{PACKAGE.name}  ")


def test_the_repository_is_listed_also_where_nothing_was_ever_run(config):
    assert run("packages", "--config", str(config)) == "The repository is empty.\n"


def test_check_says_when_a_group_may_fail_over_and_when_it_may_next(config):
    text = config.read_text().replace(
        "[groups.site-1]", '[groups.site-1]\nwindow = ["sat 02:00-05:00"]'
    )
    config.write_text(text)

    said = run("check", "--offline", "--config", str(config), code=1)

    windows = "its windows (sat 02:00-05:00, UTC)"
    assert re.search(rf"note: site-1 fails over only in {re.escape(windows)}; \w+ is Sat ", said)


def test_check_says_that_a_login_in_gclish_lacks_its_password(config, monkeypatch):
    text = config.read_text()
    config.write_text(text.replace("[groups.site-1]", '[groups.site-1]\nshell = "gclish"'))
    said = run("check", "--offline", "--config", str(config), code=1)
    assert "wrong: logins to site-1 end in gClish, and there is no expert password" in said
    assert "without Expert mode there is no fence" in said

    monkeypatch.setenv("GAIA_EXPERT_PASSWORD", "Only-4-Tests")
    said = run("check", "--offline", "--config", str(config), code=1)
    assert "no expert password" not in said
    assert "note: logins to site-1 end in gClish" in said
    assert "Only-4-Tests" not in said

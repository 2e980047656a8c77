"""What deploy/INSTALL.md tells an operator to do, done: its settings, its unit, its table."""

import asyncio
import json
import re
import sys
import tomllib
from pathlib import Path

import pytest

from bot.config.file import load
from bot.config.secrets import Secrets
from bot.http import PATH
from bot.localslack import ControlClient, LocalSlack
from bot.wiring import service, stores_to_act
from tests.slack.manifest import HOUSE, read_for_http
from tests.slack.watch import Watch

DEPLOY = HOUSE / "deploy"
GUIDE = (DEPLOY / "INSTALL.md").read_text(encoding="utf-8")
UNIT = (DEPLOY / "hotfix-bot.service").read_text(encoding="utf-8")

CHANNEL = "C0000FWOPS0"
PEOPLE = ("U000000ANA0", "U00000NOOR0", "U000000BEN0", "U00000RITA0")
TOKENS = {"bot_token": "xoxb-localslack", "app_token": "xapp-localslack"}


def block(language: str, part: str) -> str:
    """The first block of the guide in a language that contains something."""
    found = re.findall(rf"```{language}\n(.*?)```", GUIDE, re.DOTALL)
    (first, *_) = (text for text in found if part in text)
    return str(first)


def settings_file(folder: Path, text: str) -> Path:
    """Write settings of the guide, with its folders in ours and its people those of the demo."""
    for number, person in enumerate(PEOPLE, start=1):
        text = text.replace(f"U{number:010}", person)
    text = text.replace("C0000000001", CHANNEL).replace("127.0.0.1:8080", "127.0.0.1:0")
    for place in ("/var/lib/hotfix-bot", "/etc/hotfix-bot"):
        text = text.replace(place, str(folder))
    path = folder / "hotfix.toml"
    path.write_text(text)
    return path


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    """What stands on the machine after steps 4, 5, 7 and 8."""
    (tmp_path / "packages").mkdir()
    for name in ("known_hosts", "id_ed25519"):
        (tmp_path / name).write_text("")
    for name, token in TOKENS.items():
        (tmp_path / name).write_text(f"{token}\n")
    return tmp_path


async def check(path: Path, *secrets: str) -> tuple[int, dict[str, list[str]]]:
    """Run `hotfix-bot check` with secrets in files, as the guide does."""
    files = {f"SLACK_{name.upper()}_FILE": str(path.parent / name) for name in secrets}
    process = await asyncio.create_subprocess_exec(
        *(sys.executable, "-m", "bot", "check", "--config", str(path), "--json"),
        env={"PYTHONPATH": str(HOUSE), "PATH": "/usr/bin:/bin", **files},
        stdout=asyncio.subprocess.PIPE,
    )
    async with asyncio.timeout(60):
        said, _ = await process.communicate()
    return process.returncode or 0, json.loads(said)


def lacks_only_its_device(wrong: list[str]) -> bool:
    """Say whether nothing is wrong but the login: the key of this stage is an empty file."""
    return len(wrong) == 1 and wrong[0].startswith("groups.site-1: ") and "private key" in wrong[0]


def here(slack: LocalSlack, text: str) -> str:
    """Settings of the guide, with a Slack on loopback in the place of Slack."""
    table = "" if "[slack]\n" in text else "[slack]\n"
    address = f'[slack]\napi_url = "{slack.base_url}"\n'
    return f"{text}{table}".replace("[slack]\n", address)


async def test_the_settings_of_the_guide_pass_the_check(folder: Path, slack: LocalSlack):
    path = settings_file(folder, here(slack, block("toml", "[groups.site-1]")))

    _, said = await check(path, *TOKENS)

    assert lacks_only_its_device(said["wrong"])
    assert said["groups"] == ["site-1"]


async def test_the_check_names_each_thing_that_is_not_there_yet(folder: Path, slack: LocalSlack):
    path = settings_file(folder, here(slack, block("toml", "[groups.site-1]")))
    (folder / "packages").rmdir()
    (folder / "known_hosts").unlink()
    (folder / "id_ed25519").unlink()

    code, said = await check(path, "app_token")

    assert code == 1
    assert len(said["wrong"]) == 4, said["wrong"]


async def test_the_settings_for_http_pass_it_with_the_signing_secret(
    folder: Path, slack: LocalSlack
):
    (folder / "signing_secret").write_text("0123456789abcdef0123456789abcdef")
    text = block("toml", "[groups.site-1]") + block("toml", 'transport = "http"')

    _, said = await check(settings_file(folder, here(slack, text)), "bot_token", "signing_secret")

    assert lacks_only_its_device(said["wrong"])


def test_the_manifest_and_the_guide_name_the_path_that_is_served():
    settings = read_for_http()["settings"]

    assert settings["event_subscriptions"]["request_url"].endswith(PATH)
    assert f"`{PATH}`" in GUIDE


async def test_help_answers_after_step_6(
    folder: Path, slack: LocalSlack, people: ControlClient, watch: Watch
):
    text = here(slack, block("toml", "[groups.site-1]"))
    settings = load(settings_file(folder, text)).settings
    with stores_to_act(settings) as stores:
        built = service(
            settings, Secrets(bot_token=TOKENS["bot_token"], app_token=TOKENS["app_token"]), stores
        )
        try:
            await built.start()
            await watch.until("connection_opened", open=1)
            seen = await people.act("rita", "command", channel=CHANNEL, text="/hotfix help")
            ((said, *_),) = [seen["saw"]]
            wrong = await people.act("rita", "command", channel=CHANNEL, text="/hotfx help")
        finally:
            await built.close()

    assert "plans an installation" in said["text"]
    assert "Groups: `site-1`" in said["text"]
    assert wrong["saw"][0]["text"].split(" ", 1)[1].rstrip(".") in GUIDE


def test_the_unit_starts_what_the_guide_installs_where_it_puts_it():
    (command,) = re.findall(r"^ExecStart=(.*)$", UNIT, re.MULTILINE)
    files = re.findall(r"^LoadCredential=(\w+):(\S+)$", UNIT, re.MULTILINE)

    program, *arguments = command.split()
    assert f"python3 -m venv {Path(program).parents[1]}" in GUIDE
    assert arguments == ["serve", "--config", "/etc/hotfix-bot/hotfix.toml"]
    assert dict(files) == {name: f"/etc/hotfix-bot/{name}" for name in TOKENS}
    for name, file in files:
        assert f"Environment=SLACK_{name.upper()}_FILE=%d/{name}" in UNIT
        assert file in GUIDE
    assert "User=hotfix-bot" in UNIT
    assert "useradd --system --home-dir /var/lib/hotfix-bot" in GUIDE


def test_the_container_takes_what_the_package_is_made_of():
    recipe = (DEPLOY / "Containerfile").read_text()
    pyproject = tomllib.loads((HOUSE / "pyproject.toml").read_text())
    copied = {
        word for line in re.findall(r"^COPY (.*)$", recipe, re.MULTILINE) for word in line.split()
    }

    packages = pyproject["tool"]["hatch"]["build"]["targets"]["wheel"]["packages"]
    files = {pyproject["project"]["readme"], *pyproject["project"]["license-files"]}
    assert {*packages, *files, "pyproject.toml", "deploy/requirements.lock"} <= copied
    assert f"user {re.findall('--uid ([0-9]+)', recipe)[0]}" in GUIDE

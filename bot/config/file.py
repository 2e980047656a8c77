"""Reads `hotfix.toml`: which file, what stands in it, and where its relative paths lead."""

from __future__ import annotations

import os
import re
import tomllib
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from pydantic import ValidationError

from bot.config.contradictions import contradictions
from bot.config.mistakes import SettingsWrong, misspelt, sentences
from bot.config.settings import Settings, known_keys

DEFAULT_FILE = "hotfix.toml"
FILE_VARIABLE = "HOTFIX_BOT_CONFIG"


@dataclass(frozen=True)
class Loaded:
    """Settings, and the file that they came from."""

    settings: Settings
    file: Path


def load(path: Path | None = None) -> Loaded:
    """Read the settings.

    Args:
        path: the file; without it the one that the environment names, else `hotfix.toml` here.

    Raises:
        SettingsWrong: the file is not there, cannot be read, or says something wrong.
    """
    file = path or Path(os.environ.get(FILE_VARIABLE) or DEFAULT_FILE)
    try:
        text = file.read_text(encoding="utf-8")
    except OSError as error:
        raise SettingsWrong(
            f"{file}: cannot be read ({error.strerror}); name one with --config or {FILE_VARIABLE}"
        ) from error
    except UnicodeDecodeError as error:
        raise SettingsWrong(f"{file}: is not UTF-8 text") from error
    try:
        given = tomllib.loads(text)
    except tomllib.TOMLDecodeError as error:
        raise SettingsWrong(f"{file}: {misspelt(str(error), text)}") from error
    return Loaded(_checked(given, file), file)


def _checked(given: dict[str, Any], file: Path) -> Settings:
    try:
        settings = Settings(**given)
    except ValidationError as error:
        raise SettingsWrong(sentences(error, file, known_keys)) from error
    for name in settings.groups:
        try:
            settings.policy_of(name)
        except ValidationError as error:
            raise SettingsWrong(sentences(error, file, known_keys, ("groups", name))) from error
    if wrong := contradictions(settings):
        raise SettingsWrong("\n".join(f"{file}: {sentence}" for sentence in wrong))
    return _from_here(settings, file.parent)


def _from_here(settings: Settings, folder: Path) -> Settings:
    """Take relative paths from the settings file's folder, wherever the process was started."""

    def at(path: Path) -> Path:
        return folder / path.expanduser()

    packages = settings.packages.model_copy(update={"directory": at(settings.packages.directory)})
    ssh = settings.ssh.model_copy(
        update={
            "known_hosts": at(settings.ssh.known_hosts),
            "client_keys": tuple(at(key) for key in settings.ssh.client_keys),
        }
    )
    url = settings.storage.url
    relative = re.fullmatch(r"(sqlite(?:\+pysqlite)?:///)([^/].*)", url)
    if relative:
        url = f"{relative[1]}{(folder / relative[2]).resolve()}"
    storage = settings.storage.model_copy(update={"url": url})
    return settings.model_copy(update={"packages": packages, "ssh": ssh, "storage": storage})

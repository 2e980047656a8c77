"""What all commands of the shell share: their options, and how a mistake is said.

What a command tells is in its own module. A mistake is one sentence on standard error and exit
code 2.
"""

from __future__ import annotations

import json
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Annotated, Any

import typer

from bot.config.mistakes import NotToBeHad, SettingsWrong
from bot.wiring import our_version
from engine.errors import NotUnderstood, RecordSpoilt
from storage.records import DatabaseAway, StorageDown, StorageRefusal

USAGE = 2
TRY_AGAIN = 1
"""How a service ends that may begin as it is, but not now: its manager starts it again."""

Config = Annotated[
    Path | None,
    typer.Option("--config", help="Settings; else HOTFIX_BOT_CONFIG, else hotfix.toml here."),
]
AsJson = Annotated[bool, typer.Option("--json", help="Print JSON.")]


@contextmanager
def mistakes_told() -> Iterator[None]:
    """Turn what a person can put right into sentences and exit code 2."""
    try:
        yield
    except (SettingsWrong, StorageDown, StorageRefusal) as error:
        raise refusal(str(error)) from error
    except RecordSpoilt as error:
        raise refusal(f"{error}.") from error
    except NotUnderstood as error:
        raise refusal(f"{error}; this is {our_version()}") from error


@contextmanager
def told_at_start() -> Iterator[None]:
    """As `mistakes_told`, for a service: exit code 1 where nobody need put anything right.

    After a power cut the database may come up later than we do; a service that took that for a
    mistake in its settings would stay away, whoever is out of service.
    """
    with mistakes_told():
        try:
            yield
        except (DatabaseAway, StorageDown, NotToBeHad) as passing:
            raise refusal(str(passing), TRY_AGAIN) from passing


def refusal(sentence: str, code: int = USAGE) -> typer.Exit:
    """Say what is wrong, and return what ends the command."""
    typer.echo(sentence, err=True)
    return typer.Exit(code)


def print_json(value: Any) -> None:  # noqa: ANN401 -- any JSON value
    """Print a value for programs, as people can read it too."""
    typer.echo(json.dumps(value, indent=2, ensure_ascii=False))

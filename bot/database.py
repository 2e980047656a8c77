"""The commands on the database as a whole: `hotfix-bot db upgrade | check | backup | move | prune`.

What each does to tables is in storage; what is right is in `bot.verification`. Here is what people
ask for and what they are told.
"""

from __future__ import annotations

import json
import re
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta
from pathlib import Path
from typing import Annotated

import typer

from bot import wiring
from bot.config.file import load
from bot.speaking.comparison import told_key
from bot.terminal import AsJson, Config, mistakes_told, print_json, refusal
from bot.verification import (
    Known,
    folded,
    folded_or_none,
    house_faults,
    in_words,
    inbox_faults,
    index_faults,
    known_of,
    stream_fault,
)
from engine.answering import TOLD
from engine.clock import SystemClock
from engine.drift import looks_of
from storage.records import LOOKS, RunRow, Snapshot, StorageRefusal, Upkeep, is_run

_TABLES = {
    "journal": "record",
    "runs": "run",
    "inbox": "inbox row",
    "deliveries": "delivery",
    "leases": "lease",
    "evidence": "piece of evidence",
}
_PLURALS = {"delivery": "deliveries", "piece of evidence": "pieces of evidence"}

app = typer.Typer(
    name="db",
    help="Looks after the database: upgrade, check, backup, move, prune.",
    no_args_is_help=True,
    rich_markup_mode=None,
)


@app.command()
def upgrade(*, config: Config = None, as_json: AsJson = False) -> None:
    """Bring the tables to what this version needs."""
    with mistakes_told():
        before, now = wiring.upgrade(load(config).settings)
    if as_json:
        print_json({"from": before, "to": now})
    elif before == now:
        typer.echo(f"The database is at revision {now} already; nothing was changed.")
    elif before is None:
        typer.echo(f"The database was empty; its tables were made, at revision {now}.")
    else:
        typer.echo(f"The database was brought from revision {before} to {now}.")


# ---------------------------------------------------------------------------------- check


@dataclass(frozen=True)
class Checked:
    """What a database holds, and what in it does not fit together."""

    streams: int
    records: int
    chains: Sequence[str]
    unread: Sequence[str]
    index: Sequence[str]
    inbox: Sequence[str]
    evidence: Sequence[str]

    @property
    def wrong(self) -> list[str]:
        """Everything that is wrong, the truth first."""
        return [*self.chains, *self.unread, *self.index, *self.inbox, *self.evidence]


def checked(snapshot: Snapshot) -> Checked:
    """Compare everything that is derived with the journal, and the journal with itself."""
    known = known_of(snapshot)
    ends: dict[str, int] = {}
    broken: dict[str, str] = {}
    unread: dict[str, str] = {}
    index: dict[str, RunRow] = {}
    for stream in sorted({*snapshot.streams(), *known}):
        records = snapshot.records(stream)
        ends[stream] = len(records)
        fault = stream_fault(stream, records, known.get(stream, Known()))
        if fault is not None and not records and not known[stream].end:
            broken[stream] = f"{stream}: its records are missing, and other tables name it"
        elif fault is not None:
            broken[stream] = f"{stream}: chain {in_words(fault)}"
        elif is_run(stream):
            try:
                index[stream] = folded(records)
            except StorageRefusal as error:
                unread[stream] = str(error)
    sound = [row for row in snapshot.runs() if row.id not in {*broken, *unread}]
    return Checked(
        streams=len(ends),
        records=sum(ends.values()),
        chains=[*broken.values(), *house_faults(snapshot)],
        unread=list(unread.values()),
        index=list(index_faults(sound, index)),
        inbox=list(inbox_faults(snapshot.inbox(), ends)),
        evidence=[f"evidence {one[:12]}… was changed" for one in snapshot.spoilt_evidence()],
    )


@app.command()
def check(
    *,
    rebuild: Annotated[
        bool,
        typer.Option("--rebuild", help="Make the index of runs anew; nobody may act meanwhile."),
    ] = False,
    config: Config = None,
    as_json: AsJson = False,
) -> None:
    """Check the journal, and that all tables fit it."""
    with mistakes_told(), wiring.upkeep(load(config).settings, acting=rebuild) as upkeep:
        found, made = _checked(upkeep), None
        if rebuild and not found.chains:
            made = upkeep.reindex(folded_or_none)
            found = _checked(upkeep)
    if as_json:
        print_json({**vars(found), "rebuilt": made})
    else:
        _print_checked(found, made)
        if rebuild and made is None:
            typer.echo("The index was not rebuilt: the journal it is made from is not whole.")
    if found.wrong or not found.records:
        raise typer.Exit(1)


def _checked(upkeep: Upkeep) -> Checked:
    with upkeep.snapshot() as now:
        return checked(now)


def _print_checked(found: Checked, made: int | None) -> None:
    if made is not None:
        typer.echo(f"The index was made anew from the journal: {_count(made, 'run')}.")
    for one in found.wrong:
        typer.echo(f"wrong: {one}")
    if not found.records and not found.wrong:
        typer.echo("no records: nothing was ever written here, or all of it is gone.")
        return
    held = f"{_count(found.records, 'record')} in {_count(found.streams, 'stream')}"
    typer.echo(f"{held}: {'not everything fits' if found.wrong else 'everything fits'}.")
    if found.chains:
        typer.echo(
            "The journal is not what was written: it lost records, or holds strange ones, and"
        )
        typer.echo(
            "no index is made from it. Stop the service, keep this database as it is, and go"
        )
        typer.echo("on with a backup.")
    elif found.index:
        typer.echo("hotfix-bot db check --rebuild makes the index anew; stop the service first,")
        typer.echo("and compare with a head from the thread: hotfix-bot verify RUN --head HEAD.")


# ---------------------------------------------------------------------- backup and move


@app.command()
def backup(
    file: Annotated[Path, typer.Argument(help="A new file; it is never written over.")],
    *,
    config: Config = None,
    as_json: AsJson = False,
) -> None:
    """Copy everything into a new file, beside the service."""
    with mistakes_told():
        with wiring.upkeep(load(config).settings, acting=False) as upkeep:
            rows = upkeep.backup(file)
        with wiring.upkeep_of(file) as copy:
            found = _checked(copy)
    if as_json:
        print_json({"file": str(file), "rows": dict(rows), "wrong": found.wrong})
    else:
        typer.echo(f"{file} holds {_listed(rows)}.")
        for one in found.wrong:
            typer.echo(f"wrong, here as there: {one}")
        if not found.wrong:
            typer.echo("It was checked after it was written: every chain is whole.")
    if found.wrong:
        raise typer.Exit(1)


@app.command()
def move(
    url: Annotated[
        str,
        typer.Argument(
            help="An empty database: sqlite:///… or postgresql+…; a relative file counts from here."
        ),
    ],
    *,
    config: Config = None,
    as_json: AsJson = False,
) -> None:
    """Copy everything into another, empty database."""
    with mistakes_told(), wiring.upkeep(load(config).settings, acting=True) as upkeep:
        file = wiring.file_address(url)
        rows = upkeep.move(url)
    if as_json:
        print_json({"rows": dict(rows), "url": file})
        return
    typer.echo(f"Moved {_listed(rows)}.")
    typer.echo("Every row was compared, and every hash is what it was.")
    typer.echo("Nobody can act on this one any more.")
    if file is None:
        typer.echo("Now name the new database as url in [storage], and start the service.")
    else:
        typer.echo("Now write this into [storage], and start the service:")
        typer.echo(f"url = {json.dumps(file, ensure_ascii=False)}")


# -------------------------------------------------------------------------------- prune


@app.command()
def prune(
    *,
    older_than: Annotated[
        str, typer.Option("--older-than", help="How long ago a run must have ended: 400d.")
    ],
    config: Config = None,
    as_json: AsJson = False,
) -> None:
    """Remove what runs that ended long ago, and old daily looks and answers, do not need."""
    days = re.fullmatch(r"([1-9][0-9]{0,4})d", older_than)
    if days is None:
        raise refusal(f"--older-than is {older_than!r}; it is a number of days, like 400d")
    before = SystemClock().now() - timedelta(days=int(days[1]))
    with mistakes_told(), wiring.upkeep(load(config).settings, acting=True) as upkeep:
        with upkeep.snapshot() as now:
            old, odd, untold = _ended_before(now, before)
            looks = dict(_looks_from(now, before.date().isoformat()))
        removed = upkeep.prune(
            old,
            keep=[told_key(run) for run in old],
            looks=looks,
            answers=TOLD,
            decided_before=before,
        )
    if as_json:
        print_json({"runs": old, "left_alone": [*odd, *untold], "removed": dict(removed)})
        return
    for run in odd:
        typer.echo(f"{run} was left alone: its journal is not whole; see hotfix-bot verify {run}.")
    for run in untold:
        typer.echo(f"{run} was left alone: Slack does not show it to its end yet.")
    typer.echo(f"{_count(len(old), 'run')} ended before {before:%Y-%m-%d}.")
    typer.echo(f"Removed: {_listed(removed)}. Every journal stays whole.")


def _ended_before(now: Snapshot, before: datetime) -> tuple[list[str], list[str], list[str]]:
    """Return the runs that ended before a moment, those not whole, and those not told to the end.

    Of the latter two everything stays: the words that a run took say where the end of its journal
    was, and what was delivered of it says what is still to be told. Without that, all of it is.
    """
    known = known_of(now)
    said = frozenset(now.said())
    old: list[str] = []
    odd: list[str] = []
    untold: list[str] = []
    for row in now.runs():
        if row.open:
            continue
        records = now.records(row.id)
        if stream_fault(row.id, records, known[row.id]) is not None:
            odd.append(row.id)
        elif records[-1].at < before:
            (old if told_key(row.id) in said else untold).append(row.id)
    return old, odd, untold


def _looks_from(now: Snapshot, day: str) -> Iterator[tuple[str, str]]:
    """Yield each stream of looks with the first day that stays: a day, or the last look's."""
    for stream in now.streams():
        if stream.startswith(LOOKS) and (looks := looks_of(now.records(stream))):
            yield stream, min(day, looks[-1].day)


def _listed(rows: Mapping[str, int]) -> str:
    counts = [_count(rows[name], word) for name, word in _TABLES.items() if rows.get(name)]
    return ", ".join(counts) or "nothing"


def _count(number: int, word: str) -> str:
    many = _PLURALS.get(word, f"{word}s")
    return f"{number:,} {word if number == 1 else many}"

"""Whether journals are what was written: chains, ends, heads noted elsewhere, derived tables.

Pure; for `verify`, `db check` and whoever copied a database. What the chain proves is in
`storage.records.chain_fault`; here is what else can be known about a stream: the index of runs, the
inbox, and the heads that the bot wrote into the thread.
"""

from __future__ import annotations

import json
import re
from collections import Counter
from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import asdict, dataclass, field
from datetime import UTC, datetime
from typing import Any

from bot.views.format import SHORT_HEAD
from engine.errors import NotUnderstood
from engine.fold import RunState
from engine.journal import Kind
from engine.promises import explained
from storage.records import (
    HOUSE,
    UNREADABLE,
    ChainFault,
    InboxRow,
    Record,
    RunRow,
    Snapshot,
    StorageRefusal,
    canonical,
    chain_fault,
    is_run,
)

_HEAD = re.compile(r"(?:journal\s+)?(?:(\d+)\s*[:·]\s*)?([0-9a-f]{8,64})…?")

_TOLD = re.compile(r"(?P<run>[^/]+)/(?:m/(?P<seq>[0-9]{1,9})(?:/.*)?|(?P<over>end|told))")
"""The keys of messages that say how far a run had come when they were told: `hf-1/m/42`."""

_DEBTS = (Kind.OWED, Kind.SETTLED)
"""What runs write into their own journal and into the house's."""

_ODD = (AttributeError, LookupError, TypeError, ValueError)
"""What a record raises whose chain is whole, but whose body nobody of ours wrote."""


NOT_ENDED = "has not ended here: only a head from the thread (--head) shows whether its end is cut"


class NotReadable(Exception):
    """What a person gave is no head of a journal, or no journal; the message says why."""


@dataclass(frozen=True)
class Known:
    """What a database knows of one stream beside its journal.

    Attributes:
        row: its row in the index; None where it has none.
        least: a record of this number was there: a word was taken by it, or a message told it.
        over: the key of a message that is told of an ended run alone; "" where there is none.
    """

    row: RunRow | None = None
    least: int = 0
    over: str = ""

    @property
    def end(self) -> int:
        """The last `seq` that was surely there, 0 where nobody knows."""
        return max(self.least, self.row.last_seq if self.row else 0)


@dataclass(frozen=True)
class Verdict:
    """What was found out about one stream."""

    stream: str
    records: int
    head: str
    fault: ChainFault | None
    promises: Mapping[str, str] = field(default_factory=dict)
    broken: Sequence[str] = ()
    note: str = ""

    @property
    def good(self) -> bool:
        """Whether nothing is wrong."""
        return self.fault is None and not self.broken

    @property
    def chain(self) -> str:
        """The state of the chain, in words."""
        return in_words(self.fault) if self.fault else "unbroken"

    def as_json(self) -> dict[str, Any]:
        """Return all of it for programs."""
        return {
            "records": self.records,
            "chain": self.chain,
            "fault": asdict(self.fault) if self.fault else None,
            "head": self.head,
            "promises": dict(self.promises),
            "broken": list(self.broken),
            "note": self.note,
        }


def in_words(fault: ChainFault) -> str:
    """Return the first thing that is wrong with a chain."""
    return f"broken at record {fault.seq}: {fault.what}"


def judged(
    stream: str,
    records: Sequence[Record],
    *,
    ends: str | None = None,
    known: Known | None = None,
    beside: Sequence[str] = (),
) -> Verdict:
    """Judge one stream; a run whose chain is whole also by its promises.

    Args:
        stream: its name.
        records: as they are kept.
        ends: a head noted elsewhere: `42:3f9a1c0d2b7e`, or as the thread shows it. None: nobody
            gave one; "" is a mistake, and must not pass for a head that fits.
        known: what the database knows of it beside; None where there is no database.
        beside: what other streams say is wrong with this one.

    Raises:
        NotReadable: that is no head.
    """
    head = records[-1].hash if records else ""
    fault = (
        stream_fault(stream, records, known or Known())
        or (_beyond(records, known) if known else None)
        or _other_head(records, ends)
    )
    if fault is not None or not is_run(stream):
        return Verdict(stream, len(records), head, fault, broken=beside)
    try:
        folded(records)
        verdicts = explained(records)
    except StorageRefusal as error:
        return Verdict(stream, len(records), head, None, broken=[str(error)])
    except _ODD as error:
        why = f"its records cannot be judged: {error!r}"
        return Verdict(stream, len(records), head, None, broken=[why])
    return Verdict(
        stream,
        len(records),
        head,
        None,
        {name: verdict for name, (verdict, _) in verdicts.items()},
        [why for _, reasons in verdicts.values() for why in reasons],
        NOT_ENDED if known is None and ends is None and not _ends_in(records) else "",
    )


def stream_fault(stream: str, records: Sequence[Record], known: Known) -> ChainFault | None:
    """Return the first record that is not what was written, or is missing at the end, or None.

    Only what shows that the journal is not whole: where the index says less, that may be the
    index alone.
    """
    fault = chain_fault(records, end=known.end)
    if fault is not None or not records:
        return fault or (None if stream == HOUSE else ChainFault(1, "this record is missing"))
    return _not_ended(records, known) if is_run(stream) else None


def _not_ended(records: Sequence[Record], known: Known) -> ChainFault | None:
    """Return what is wrong where a run's end is not its last record, or is missing."""
    if ended := _ends_in(records):
        behind = ended < len(records)
        return ChainFault(ended + 1, "it stands behind the end of the run") if behind else None
    says = f"the message {known.over}" if known.over else ""
    # A row that knows fewer records is older than they are, whatever it says of the end.
    if known.row and not known.row.open and known.row.last_seq >= len(records):
        says = says or "the index"
    missing = f"the end is missing: {says} says that the run has ended"
    return ChainFault(len(records) + 1, missing) if says else None


def _ends_in(records: Sequence[Record]) -> int:
    """Return the number of the record that ended a run, 0 where none is there."""
    return next((record.seq for record in records if record.kind == Kind.ENDED), 0)


def _beyond(records: Sequence[Record], known: Known) -> ChainFault | None:
    """Return the first record that was put behind the end that the index knows."""
    if known.row is None or not 0 < known.end < len(records):
        return None
    return ChainFault(known.end + 1, f"inserted at the end: the index knows {known.end} records")


def _other_head(records: Sequence[Record], ends: str | None) -> ChainFault | None:
    """Return what is wrong where a head that was noted elsewhere is not at its place."""
    if ends is None:
        return None
    read = _HEAD.fullmatch(ends.strip())
    if read is None:
        raise NotReadable(f"{ends!r} is no head of a journal; one is like 42:3f9a1c0d2b7e")
    seq, wanted = int(read[1] or 0), read[2]
    if seq > len(records):
        return ChainFault(len(records) + 1, f"the end is missing: there were {seq} records")
    there = [record.seq for record in records if record.hash.startswith(wanted)]
    if seq and seq not in there:
        return ChainFault(seq, f"it is not the record whose hash begins with {wanted}")
    if not there:
        return ChainFault(len(records), f"no record has a hash that begins with {wanted}")
    return None


def known_of(snapshot: Snapshot) -> dict[str, Known]:
    """Return what the index, the inbox and the messages know of each stream.

    A run that only its messages and words name is among them: it was there once.
    """
    rows = {row.id: row for row in snapshot.runs()}
    least = Counter[str](dict.fromkeys((*snapshot.told(), *rows), 0))
    over: dict[str, str] = {}
    for word in snapshot.inbox():
        if word.run is not None:
            least[word.run] = max(least[word.run], word.taken_seq or 0)
    for key in snapshot.said():
        told = _TOLD.fullmatch(key)
        if told and told["seq"]:
            least[told["run"]] = max(least[told["run"]], int(told["seq"]))
        elif told:
            over[told["run"]] = key
    return {one: Known(rows.get(one), seq, over.get(one, "")) for one, seq in least.items()}


# --------------------------------------------------------------------- beside the chain


def house_faults(snapshot: Snapshot) -> Iterator[str]:
    """Name what runs told the house in their own records and one of the two has not (P5).

    The two are written in one transaction. Who cuts the house off takes away what a group owes; who
    cuts a run off, or takes it away whole, leaves what it told the house.
    """
    house = Counter(
        (record.kind, str(record.body["run"]))
        for record in snapshot.records(HOUSE)
        if record.kind in _DEBTS and record.body.get("run")
    )
    streams = {*snapshot.streams(), *(run for _, run in house)}
    for run in sorted(one for one in streams if is_run(one)):
        records = snapshot.records(run)
        if not records:
            yield f"{HOUSE}: it names {run}, whose journal is gone"
            continue
        for kind in _DEBTS:
            said = [record for record in records if record.kind == kind]
            told = sum(not record.body.get("inherited") for record in said)
            there = house[kind, run]
            if there < told:
                yield (
                    f"{HOUSE}: {run} told {kind} {told} times, and it stands here "
                    f"{there} times: records were taken away"
                )
            elif there > len(said):
                yield (
                    f"{HOUSE}: {kind} of {run} stands here {there} times, and in its own journal "
                    f"{len(said)} times: records were taken away there"
                )


def index_faults(rows: Iterable[RunRow], folded: Mapping[str, RunRow]) -> Iterator[str]:
    """Name where the index of runs is not what follows from the journal."""
    kept = {row.id: row for row in rows}
    for run in sorted(kept.keys() | folded.keys()):
        if run not in kept:
            yield f"{run}: the index does not have it"
        elif run not in folded:
            yield f"{run}: the index has it, and the journal has not"
        else:
            yield from _differences(kept[run], folded[run])


def _differences(kept: RunRow, folded: RunRow) -> Iterator[str]:
    said = asdict(kept)
    for name, value in asdict(folded).items():
        if said[name] != value:
            yield f"{kept.id}: the index says {name} {_told(said[name])}, not {_told(value)}"


def _told(value: object) -> str:
    return value.isoformat() if isinstance(value, datetime) else str(value)


def inbox_faults(rows: Iterable[InboxRow], ends: Mapping[str, int]) -> Iterator[str]:
    """Name the words that were taken by a record that is not there."""
    for row in rows:
        if row.kind == UNREADABLE:
            yield f"{row.run or 'inbox'}: the word {row.key} was changed, and cannot be read"
        if row.run is not None and row.taken_seq and row.taken_seq > ends.get(row.run, 0):
            yield f"{row.run}: {row.key} was taken by record {row.taken_seq}, which is not there"


def folded(records: Sequence[Record]) -> RunRow:
    """Return the index row that follows from a run's records.

    Raises:
        StorageRefusal: a newer version wrote them, or somebody who is no version of ours.
    """
    if records and records[0].kind != Kind.ORDERED:
        raise StorageRefusal(f"{records[0].stream}: it does not begin with an order")
    try:
        return RunState.replay(records).index()
    except NotUnderstood as error:
        raise StorageRefusal(str(error)) from error
    except _ODD as error:
        run = records[0].stream if records else ""
        raise StorageRefusal(f"{run}: its records cannot be read as a run: {error!r}") from error


def folded_or_none(records: Sequence[Record]) -> RunRow | None:
    """Return the same, or None where these records cannot be read as a run."""
    try:
        return folded(records)
    except StorageRefusal:
        return None


# --------------------------------------------------------------------------- as a file


def exported(records: Iterable[Record]) -> Iterator[str]:
    """Return a stream as lines of JSON, from which alone its chain can be checked."""
    for record in records:
        yield canonical({**asdict(record), "at": record.at.isoformat()})


def imported(lines: Iterable[str]) -> dict[str, list[Record]]:
    """Return the streams of such lines, in the order of the lines.

    Raises:
        NotReadable: a line is no record.
    """
    streams: dict[str, list[Record]] = {}
    for number, line in enumerate(lines, start=1):
        try:
            fields = json.loads(line, object_pairs_hook=_unique)
            record = Record(**{**fields, "at": datetime.fromisoformat(fields["at"])})
            _refuse_odd(record)
        except (KeyError, TypeError, ValueError, OverflowError, RecursionError) as error:
            raise NotReadable(f"line {number} is no record of a journal") from error
        streams.setdefault(record.stream, []).append(record)
    return streams


def _refuse_odd(record: Record) -> None:
    texts = (record.stream, record.kind, record.by, record.prev, record.hash)
    numbers = (record.seq, record.epoch)
    if not (
        all(isinstance(text, str) for text in texts)
        and all(isinstance(number, int) for number in numbers)
        and isinstance(record.body, dict)
        and record.at.tzinfo is not None
    ):
        raise ValueError("a field of another type")
    record.at.astimezone(UTC)
    canonical(record.body)


def _unique(pairs: Sequence[tuple[str, Any]]) -> dict[str, Any]:
    """Return a JSON object that says each thing once: of two, readers would choose differently."""
    fields = dict(pairs)
    if len(fields) != len(pairs):
        raise ValueError("a key stands there twice")
    return fields


def short(hash_: str) -> str:
    """Return as much of a hash as people compare."""
    return hash_[:SHORT_HEAD]

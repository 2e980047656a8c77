"""Reading `asg stat -v`: what a Security Group says of its Sites, members and synchronisation.

Sources: PROM (rows that a working parser relies on), SP76STAT (chassis and VSX form); the whole
picture of Maestro, two Sites side by side, ElasticXL and VSNext are [B]. Layouts that are read:

- members in one row each, a column of states per Site (`| SGM ID   Chassis 1   Chassis 2 |`);
  other columns that the heading names are borne beside them, and read of no member;
- Sites one below the other (`| Chassis 1   STANDBY |`), with the columns State, Process and date;
- either of them once per Virtual System (`| VS ID: 0   VS Name: … |`).

Whatever stands where a member's state must stand, and is none, is `UnexpectedOutput`.
"""

from __future__ import annotations

import re
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field

from engine.errors import UnexpectedOutput
from engine.facts import MemberId, SiteFacts, by_number, member_id
from engine.gaia.dialect import CHASSIS, ELASTICXL, MAESTRO, VSNEXT, VSX
from engine.gaia.readings import note

Shown = tuple[str, tuple[str, ...]]
"""A state word and what is noted beside it: `DOWN (admin)` is DOWN with ADMIN."""


@dataclass
class Stat:
    """What `asg stat -v` shows. "" and None: not shown.

    `states` are those of the members, `virtual` those of each Virtual System but 0 on them; `names`
    are of all that have a block of their own, 0 as well. `sync` and `sync_all` are true only where
    every line of theirs says so.
    """

    version: str = ""
    platform: str = ""
    mode: str = ""
    sync_active: bool | None = None
    sync_all: bool | None = None
    sites: dict[int, str] = field(default_factory=dict)
    states: dict[MemberId, Shown] = field(default_factory=dict)
    virtual: dict[int, dict[MemberId, Shown]] = field(default_factory=dict)
    names: dict[int, str] = field(default_factory=dict)

    @property
    def sync(self) -> bool:
        """Whether connections are synchronised to the active members; not shown is no."""
        return bool(self.sync_active)

    def add(self, other: Stat) -> None:
        """Take in what `asg stat vs all` of the same look shows.

        Where one shows a member or a Virtual System in service and the other does not, that is a
        note: what either of them finds is not lost.
        """
        self.names |= other.names
        self.sync_active = _all_say(self.sync_active, other.sync_active)
        self.sync_all = _all_say(self.sync_all, other.sync_all)
        _put_together(self.states, other.states)
        for number, states in other.virtual.items():
            _put_together(self.virtual.setdefault(number, {}), states)

    @property
    def site_facts(self) -> tuple[SiteFacts, ...]:
        """The Sites by number."""
        return tuple(SiteFacts(one, self.sites[one]) for one in sorted(self.sites))


@dataclass(frozen=True)
class _Cell:
    text: str
    start: int
    end: int

    @property
    def middle(self) -> float:
        return (self.start + self.end) / 2


def _all_say(*shown: bool | None) -> bool | None:
    """Return whether all that was shown says yes; None where nothing was."""
    said = [one for one in shown if one is not None]
    return all(said) if said else None


def _put_together(into: dict[MemberId, Shown], other: Mapping[MemberId, Shown]) -> None:
    for member, (word, notes) in other.items():
        known, noted = into.get(member, (word, notes))
        odd = (known in _HEALTHY) != (word in _HEALTHY)
        into[member] = (
            known,
            tuple(
                dict.fromkeys([*noted, *notes, *([f"{word} in asg stat vs all"] if odd else [])])
            ),
        )


_TITLE = re.compile(
    r"\|\s*(?:(VSX|VSNext) )?System Status(?: *- *(\w[^|]*?))?\s*\|$", re.IGNORECASE
)
_VERSION = re.compile(r"\|\s*Version\s*\|\s*(R[\d.]+(?:SP)?)(?![\w.])")
_VIRTUAL = re.compile(r"VS ID:\s*(\d+)\s+VS Name:\s*(.*?)\s*\|$")
_SITE = re.compile(r"(?:Chassis|Site)\s+(\d+)", re.IGNORECASE)
_HEADER = re.compile(r"(?:SGM|Member)(?:s| IDs?)?|ID", re.IGNORECASE)
_MEMBER = re.compile(r"\s*(\d{1,2}_\d{1,2}|\d+)\s*(?:\(local\))?(?=\s|$)")
_WORD = re.compile(r"([A-Za-z]+)(!?)(?:\s*\(([^()]*)\))?")
_NOT_SEEN = re.compile(r"no (?:SGM|member) detected(?: in (?:a |the )?slot)?", re.IGNORECASE)
"""What may stand instead of DETACHED. Source: SP76STAT."""
_CELL = re.compile(r"\S+(?: \S+)*(?: +\([^()]*\))*")
"""What two blanks part; but not from what stands in brackets behind it."""
_SYNC = re.compile(r"Sync to (Active|all) (?:chassis|sites?)\s*[:|]\s*(.*?)\s*\|?$", re.IGNORECASE)
_OTHER = 0
"""Stands for a column that is of no Site."""

_NOBODY = ("-", "--", "NA", "N/A")
_HEALTHY = ("ACTIVE", "UP", "STANDBY")


def read_stat(text: str) -> Stat:
    """Read `asg stat -v`.

    Source: see above.

    Raises:
        UnexpectedOutput: no title or no member, or a row that cannot be told apart.
    """
    reading = _read(text)
    stat = reading.stat
    if not reading.titled or not stat.states:
        raise UnexpectedOutput("asg stat -v cannot be read", text)
    if reading.one_site:
        stat.sites = dict.fromkeys((by_number(one)[0] for one in stat.states), "")
    return stat


def read_blocks(text: str) -> Stat:
    """Read `asg stat vs all`: what is virtual, and its states; 0 is always shown.

    Source: the blocks of SP76STAT; that this command prints the same ones is [I].

    Raises:
        UnexpectedOutput: 0 is not shown, or a row cannot be told apart.
    """
    reading = _read(text)
    if 0 not in reading.stat.names:
        raise UnexpectedOutput("asg stat does not say which Virtual Systems there are", text)
    return reading.stat


def _read(text: str) -> _Reading:
    reading = _Reading(text)
    for line in text.splitlines(keepends=True):
        reading.hear(line.strip(), whole=line.endswith("\n"))
    return reading


class _Reading:
    """Reads line by line, and keeps where in the picture it is."""

    def __init__(self, text: str) -> None:
        self.stat = Stat()
        self.titled = False
        self.one_site = False
        self._text = text
        self._columns: list[tuple[int, _Cell]] = []
        self._width = 0
        self._site = 0
        self._virtual = 0
        self._states_due = False
        self._in_table = False

    def hear(self, line: str, *, whole: bool) -> None:
        """Take in one line; `whole`: its end was seen."""
        if title := _TITLE.search(line):
            self._title(title)
        elif found := _VERSION.match(line):
            self.stat.version = found[1]
        elif found := _SYNC.search(line):
            boxed = line.startswith("|")
            if line.endswith("|") if boxed else whole:
                self._sync(found[1].lower(), found[2].lower())
            # Else it is cut off: it may have said more.
        elif found := _VIRTUAL.search(line):
            self._virtual = int(found[1])
            self.stat.names[self._virtual] = found[2]
            self._leave_table()
        elif line.startswith("|") and line.endswith("|") and len(line) > 1:
            self._row(line[1:-1])

    def _title(self, title: re.Match[str]) -> None:
        self.titled = True
        if title[1]:
            self.stat.mode = VSX if title[1].upper() == "VSX" else VSNEXT
        if title[2]:
            self.stat.platform = _platform(title[2])
            self.stat.mode = self.stat.mode or _mode(title[2])

    def _sync(self, which: str, shown: str) -> None:
        if which == "active":
            self.stat.sync_active = _all_say(self.stat.sync_active, shown == "enabled")
        else:
            self.stat.sync_all = _all_say(self.stat.sync_all, shown == "enabled")

    def _leave_table(self) -> None:
        self._columns, self._site, self._in_table, self._states_due = [], 0, False, False

    def _row(self, row: str) -> None:
        cells = [_Cell(m[0], m.start(), m.end()) for m in _CELL.finditer(row)]
        if not cells:
            return
        first = cells[0].text
        if _HEADER.fullmatch(first):
            self._header(cells[1:], has_ids=first.upper().endswith("ID"))
        elif site := _SITE.fullmatch(first):
            self._site_line(int(site[1]), cells[1:])
        elif self._states_due and not _MEMBER.match(row):
            self._site_states(cells)
        elif self._in_table and (member := _MEMBER.match(row)):
            self._member(member, row)
        else:
            self._in_table = False

    def _header(self, cells: Sequence[_Cell], *, has_ids: bool) -> None:
        """`SGM ID  Chassis 1  Chassis 2`, or `SGM ID  State  Process  Policy Date`.

        Beside Sites another column may stand where this is surely the table of members, which has
        their ids: what counts something by Site may have a column of sums.
        """
        columns = [(int(m[1]) if (m := _SITE.fullmatch(c.text)) else _OTHER, c) for c in cells]
        sites = [site for site, _ in columns if site != _OTHER]
        if sites and (len(sites) == len(cells) or has_ids):
            self._columns, self._states_due = columns, True
            for number in sites:
                self._know(number, "")
        elif cells and cells[0].text.capitalize() == "State":
            self._columns, self._width = [], len(cells)
            if not self._site and len(self.stat.sites) > 1:
                raise self._odd("members without a Site")
            if not self._site:
                # A picture without any line of a Site is of one Site, unless ids say more.
                self._site, self.one_site = 1, True
                self._know(1, "")
        else:
            # Another table: what counts members or ports by Site begins alike.
            self._in_table = False
            return
        self._in_table = True

    def _site_line(self, number: int, cells: Sequence[_Cell]) -> None:
        """`Chassis 1   STANDBY`, above its members."""
        if not cells or len(cells) > 1:
            self._leave_table()
            return
        self._leave_table()
        self._site, self._in_table = number, True
        self._know(number, self._word(cells[0].text)[0])

    def _site_states(self, cells: Sequence[_Cell]) -> None:
        """The line under a header with Sites: a state for each of them."""
        self._states_due = False
        for number, cell in self._by_column(cells):
            if number != _OTHER:
                self._know(number, self._word(cell.text)[0])

    def _know(self, site: int, state: str) -> None:
        if self._virtual == 0:
            self.stat.sites[site] = state or self.stat.sites.get(site, "")

    def _member(self, found: re.Match[str], row: str) -> None:
        self._states_due = False
        rest = row[found.end() :]
        cells = [
            _Cell(m[0], m.start() + found.end(), m.end() + found.end())
            for m in _CELL.finditer(rest)
        ]
        if "_" in found[1]:
            if not cells:
                raise self._odd(row)
            self._put(member_id(found[1]), self._shown(cells, row), row)
        elif self._columns:
            for site, cell in self._by_column(cells):
                if site != _OTHER and cell.text not in _NOBODY:
                    self._put(f"{site}_{int(found[1])}", self._word(cell.text), row)
        elif self._site and cells:
            self._put(f"{self._site}_{int(found[1])}", self._shown(cells, row), row)
        else:
            raise self._odd(row)

    def _shown(self, cells: Sequence[_Cell], row: str) -> Shown:
        """A state, and where there is such a column, what the process does."""
        state, notes = self._word(cells[0].text)
        if len(cells) > max(3, self._width):
            raise self._odd(row)
        return state, (*notes, *(_process(state, cells[1].text) if len(cells) > 1 else ()))

    def _put(self, member: MemberId, shown: Shown, row: str) -> None:
        into = self.stat.states
        if self._virtual:
            into = self.stat.virtual.setdefault(self._virtual, {})
        if member in into:
            raise UnexpectedOutput(f"asg stat -v shows {member} twice: {row.strip()!r}", self._text)
        into[member] = shown

    def _by_column(self, cells: Sequence[_Cell]) -> list[tuple[int, _Cell]]:
        """Give each cell its Site: by their order where none is missing, else by their place."""
        if len(cells) > len(self._columns):
            raise self._odd(" ".join(cell.text for cell in cells))
        if len(cells) == len(self._columns):
            return [(site, cell) for (site, _), cell in zip(self._columns, cells, strict=True)]
        heads = [self._nearest(cell) for cell in cells]
        if len(set(heads)) < len(heads):
            raise self._odd(" ".join(cell.text for cell in cells))
        return [(self._columns[head][0], cell) for head, cell in zip(heads, cells, strict=True)]

    def _nearest(self, cell: _Cell) -> int:
        """Return which heading a word stands under; halfway between two is nobody's.

        Where there are columns of other things it must stand right under it: a word of theirs that
        is a little off must not be a state.
        """
        away = sorted((abs(c.middle - cell.middle), n) for n, (_, c) in enumerate(self._columns))
        if len(away) > 1 and away[0][0] * 2 > away[1][0]:
            raise self._odd(cell.text)
        head = self._columns[away[0][1]][1]
        mixed = any(site == _OTHER for site, _ in self._columns)
        if mixed and not (cell.start < head.end and head.start < cell.end):
            raise self._odd(cell.text)
        return away[0][1]

    def _word(self, text: str) -> Shown:
        """`DOWN (admin)` is a DOWN with the note ADMIN; `ACTIVE(!)` stays what it is.

        A blank before the bracket or none, or two, makes no other word.
        """
        if _NOT_SEEN.fullmatch(text):
            return "DETACHED", ()
        found = _WORD.fullmatch(text)
        if found is None:
            raise self._odd(text)
        said = note((found[3] or "").strip().upper())
        if found[2] or said == "!":
            return f"{found[1].upper()}(!)", (said,) if said not in ("", "!") else ()
        return found[1].upper(), (said,) if said else ()

    def _odd(self, row: str) -> UnexpectedOutput:
        return UnexpectedOutput(f"asg stat -v has a row that we cannot read: {row!r}", self._text)


def _process(state: str, text: str) -> tuple[str, ...]:
    """Return what the column Process notes of a member.

    Enforcing Security is as it should be, and so are the stages of a policy that is being
    installed; of a member that is out of service Inactive says no more than its state does.
    Whatever else stands there is a note.

    Source: SP76STAT (the stages: 105117).
    """
    if text == "Enforcing Security" or (state not in _HEALTHY and text in ("Inactive", *_NOBODY)):
        return ()
    if re.fullmatch(r"Policy (Started|Ready2Finish|Completed)", text):
        return ()
    return (text.upper(),)


def _platform(words: str) -> str:
    """Return the platform that a title names; where it names none that we know, its words.

    Source: `System Status - Maestro` PROM; ElasticXL and the chassis models are [B].
    """
    name = words.strip()
    if re.fullmatch(r"(?:4[14]000|6[14]000)(?: .*)?|.*chassis.*", name, re.IGNORECASE):
        return CHASSIS
    return _named(name, (MAESTRO, ELASTICXL)) or name


def _mode(words: str) -> str:
    """Return the mode that the words after a platform name: `ElasticXL (VSNext)` [B]."""
    return _named(words, (VSX, VSNEXT))


def _named(words: str, known: Sequence[str]) -> str:
    """Return the one of these that is named as a whole word; "" where none or several are."""
    found = [one for one in known if re.search(rf"\b{one}\b", words, re.IGNORECASE)]
    return found[0] if len(found) == 1 else ""

"""Times in a command: `at 02:00`, `in 3h for 2h`, `window sat 02:00-05:00`, `rollback after 72h`.

They may stand anywhere among the other options. How they are written is in `bot.times`; here they
are found between the other words, and a mistake in them is a mistake of the command.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from datetime import datetime, timedelta

from bot import times
from bot.commands.kinds import Mistake
from bot.time_words import TimeUnclear, duration_meant, keyword_left_out
from bot.views.format import code, span
from engine.model import Appointment
from engine.policy import Windows
from engine.windows import fitted, offered, rule, suggested

NOW = "now"
"""Said where something that is appointed is to begin at once."""

TONIGHT = "tonight"
"""Said for a day by some; after midnight nobody knows which one that is."""

TIME_WORDS = (*times.APPOINTING, "rollback", "after")
"""Words that begin a time, and so name no package."""


@dataclass(frozen=True)
class Clocks:
    """What times are read by.

    Attributes:
        now: the time, aware.
        zones: the time zone of each group, and of what else can be frozen.
        shortest: the shortest window of each group, where it is another than the usual one.
        windows: those in which each group may fail over, where not at any time.
    """

    now: datetime
    zones: Mapping[str, str]
    shortest: Mapping[str, timedelta] = field(default_factory=dict)
    windows: Mapping[str, Windows] = field(default_factory=dict)

    def read(
        self, words: Sequence[str], place: int, group: str, understood: str
    ) -> tuple[Appointment, int]:
        """Read an appointment at a place in the words; also how many of them it is.

        Raises:
            Mistake: it is none, or none that the group's windows allow.
        """
        try:
            found, count = times.appointment(
                words,
                place,
                now=self.now,
                zone=self.zones.get(group, "UTC"),
                understood=understood,
                shortest=self.shortest.get(group, times.SHORTEST_WINDOW),
            )
        except TimeUnclear as unclear:
            raise Mistake(str(unclear)) from unclear
        return self.inside(found, group, understood), count

    def inside(self, found: Appointment, group: str, understood: str) -> Appointment:
        """Return an appointment with the end of the group's window that it is in.

        Raises:
            Mistake: it is not wholly inside of one, or too little of that is left.
        """
        windows = self.windows.get(group, Windows())
        kept = fitted(windows, found)
        if kept == found:
            return found
        why = "that is not inside"
        if kept is not None and kept.until is not None:
            left = kept.until - max(kept.start, self.now)
            if left >= windows.shortest:
                return kept
            why = (
                f"{span(left)} of that one are left then, where {span(windows.shortest)} are needed"
            )
        raise Mistake(
            f"I understood {code(f'{understood} {found.said}')}, but {group} {rule(windows)}, and "
            f"{why}; {suggested(windows, found.start, self.now)}."
        )

    def offered(self, group: str) -> Appointment | None:
        """Return when something begins of which nobody says when; None for at once."""
        return offered(self.windows.get(group, Windows()), self.now)

    def moment(
        self, words: Sequence[str], scope: str, understood: str, begun: datetime | None
    ) -> tuple[datetime, int]:
        """Read when a freeze begins or ends; also how many words that is.

        Args:
            words: what begins with it.
            scope: a group, a tag or `all`, in whose zone it is read.
            understood: what was read before, for a mistake.
            begun: when it begins, where its end is read.

        Raises:
            Mistake: it is none.
        """
        zone = self.zones.get(scope, "UTC")
        try:
            return times.moment(
                words, 0, now=self.now, zone=zone, understood=understood, begun=begun
            )
        except TimeUnclear as unclear:
            raise Mistake(str(unclear)) from unclear


@dataclass(frozen=True)
class Times:
    """What an order says of time: when it is carried out, and when it is taken back."""

    appointment: Appointment | None = None
    rollback_after: timedelta | None = None
    rollback_said: str = ""


def take_times(
    words: Sequence[str],
    group: str,
    understood: str,
    clocks: Clocks | None,
    *,
    options: Sequence[str],
    takes_back: bool = False,
) -> tuple[Times, list[str]]:
    """Return what an order says of time, and the words that are left.

    Args:
        words: what follows the names in an order.
        group: whose time zone counts.
        understood: what was read before, for a mistake.
        clocks: what times are read by; None where no time can be said.
        options: names of options with one value, which is never a time.
        takes_back: whether `rollback after 72h` may be said.

    Raises:
        Mistake: a time is none, is there twice, or cannot be said here.
    """
    found, left, place = Times(), list[str](), 0
    while place < len(words):
        word = words[place].lower()
        if word in options:
            left += words[place : place + 2]
            place += 2
        elif word in times.APPOINTING:
            if clocks is None:
                raise Mistake(
                    f"I understood {code(understood)}, but no time can be said here; leave "
                    f"{code(' '.join(words[place : place + 2]))} out."
                )
            if found.appointment is not None:
                raise Mistake(
                    f"I understood {code(f'{understood} {found.appointment.said}')}, but "
                    f"{code(word)} says a second time when; say it once."
                )
            appointment, count = clocks.read(words, place, group, understood)
            found = Times(appointment, found.rollback_after, found.rollback_said)
            place += count
        elif word in ("rollback", "after"):
            length, count = _taken_back(words, place, understood, takes_back=takes_back)
            if found.rollback_after is not None:
                raise Mistake(
                    f"I understood {code(f'{understood} {found.rollback_said}')}, but "
                    f"{code(word)} says it a second time; say it once."
                )
            said = " ".join(words[place : place + count])
            found = Times(found.appointment, length, said)
            place += count
        else:
            _refuse_bare_time(words[place:], group, understood, clocks)
            left.append(words[place])
            place += 1
    return found, left


def _refuse_bare_time(
    words: Sequence[str], group: str, understood: str, clocks: Clocks | None
) -> None:
    """Tell what is missing before `sat 02:00`: it is no option, and not taken for a time either.

    Where that would be no time with the word before it either, what is wrong with it is told.
    """
    meant = list(words[1:] if words[0].lower() == TONIGHT else words)
    keyword = keyword_left_out(meant)
    if not keyword and words[0].lower() != TONIGHT:
        return
    how = "say at what time, like `at 22:00`"
    if keyword:
        how = f"{code(keyword)} stands before a time"
        if clocks is not None:
            found, _ = clocks.read([keyword, *meant], 0, group, understood)
            how = f"write {code(found.said)}"
    raise Mistake(f"I understood {code(understood)}, but not {code(words[0])}; {how}.")


def _taken_back(
    words: Sequence[str], place: int, understood: str, *, takes_back: bool
) -> tuple[timedelta, int]:
    """Read `rollback after 72h`, where it may be said."""
    word = words[place].lower()
    if word == "after":
        length = duration_meant(" ".join(words[place + 1 : place + 3])) or "72h"
        back = f", or {code(f'rollback after {length}')} to have it taken back" * takes_back
        raise Mistake(
            f"I understood {code(understood)}, but not after what; write {code(f'in {length}')} "
            f"for when it begins{back}."
        )
    if not takes_back:
        raise Mistake(
            f"I understood {code(understood)}, but not {code(word)}: only an installation is "
            "ordered with its rollback."
        )
    try:
        return times.after(words, place, understood=understood)
    except TimeUnclear as unclear:
        raise Mistake(str(unclear)) from unclear

"""`schedule`, `schedule cancel`, `schedule move`, `cancel` and `move`: what is planned for later.

When something is moved to is read once its run is known: its group's time zone counts.
"""

from __future__ import annotations

import difflib
from collections.abc import Sequence

from bot.commands.appointing import NOW, Clocks
from bot.commands.grammar import TARGET, listed
from bot.commands.kinds import Cancel, Mistake, Move, Question
from bot.time_words import keyword_left_out
from bot.times import APPOINTING
from bot.views.format import code
from engine.model import Appointment

MOVE, CANCEL = "move", "cancel"

_WHEN = (*APPOINTING, NOW)


def schedule_usage(command: str) -> str:
    """Return how it is written, as finished mrkdwn."""
    return (
        f"`{command} schedule [group]`, `{command} schedule cancel &lt;run&gt;`, "
        f"{move_usage(f'{command} schedule')}"
    )


def move_usage(command: str) -> str:
    """Return how something is moved, as finished mrkdwn."""
    return f"`{command} move &lt;run&gt; at 02:00 | in 3h | window 02:00-05:00 | now`"


def read_schedule(
    words: Sequence[str], groups: Sequence[str], command: str
) -> Question | Cancel | Move:
    """Read what follows `schedule`."""
    verb, rest = words[0].lower() if words else "", list(words[1:])
    if verb == MOVE:
        return read_move(rest, command)
    if verb == CANCEL:
        if len(rest) > 1:
            raise Mistake(
                f"I understood {code(f'schedule cancel {rest[0]}')}, but not "
                f"{code(' '.join(rest[1:]))}; cancel one run at a time."
            )
        if rest and not TARGET.fullmatch(rest[0]):
            raise Mistake(
                f"I understood `schedule cancel`, but {code(rest[0])} can be neither a run nor a "
                f"group: {schedule_usage(command)}"
            )
        return Cancel(rest[0] if rest else "")
    if not words:
        return Question("schedule")
    if rest or words[0] not in groups:
        close = difflib.get_close_matches(verb, [*groups, CANCEL, MOVE], n=1)
        right = f"{command} schedule {' '.join([*close, *rest])}"
        how = f"did you mean {code(right)}?" if close else f"write {schedule_usage(command)}"
        where = "" if close else f"; groups: {listed(groups)}"
        raise Mistake(f"I understood `schedule`, but not {code(' '.join(words))}; {how}{where}")
    return Question("schedule", words[0])


def read_move(words: Sequence[str], command: str) -> Move:
    """Read what follows `move`: first the target, unless that is said by the thread."""
    rest = list(words)
    target = "" if _is_when(rest) else rest.pop(0)
    understood = f"{MOVE} {target}".strip()
    if target and not TARGET.fullmatch(target):
        raise Mistake(
            f"I understood `{MOVE}`, but {code(target)} can be neither a run nor a group: "
            f"{move_usage(command)}"
        )
    if not rest:
        right = f"{command} {understood} at 02:00"
        raise Mistake(f"I understood {code(understood)}, but not to when; write {code(right)}.")
    if rest[0].lower() not in _WHEN:
        close = difflib.get_close_matches(rest[0].lower(), _WHEN, n=1)
        meant = [*close, *rest[1:]]
        if keyword := keyword_left_out(rest):
            # The word is not replaced: `sat 02:00` is another night than `at 02:00`.
            close, meant = [keyword], [keyword, *rest]
        right = f"{command} {understood} {' '.join(meant)}"
        how = f"did you mean {code(right)}?" if close else f"write {move_usage(command)}"
        raise Mistake(f"I understood {code(understood)}, but not {code(rest[0])}; {how}")
    if rest[0].lower() == NOW and rest[1:]:
        raise Mistake(
            f"I understood {code(f'{understood} now')}, but not {code(' '.join(rest[1:]))}."
        )
    return Move(tuple(rest), target)


def _is_when(words: Sequence[str]) -> bool:
    """Say whether these words name no run: they say when, or nothing, or when without its `at`."""
    if not words or words[0].lower() in _WHEN:
        return True
    named = len(words) > 1 and words[1].lower() in _WHEN
    return not named and keyword_left_out(words) != ""


def moved_to(move: Move, group: str, clocks: Clocks) -> Appointment:
    """Return to when something on a group is moved.

    Raises:
        Mistake: it is no time, or none that the group's windows allow.
    """
    understood = f"{MOVE} {move.target}".strip()
    if move.words[0].lower() == NOW:
        now = Appointment(clocks.now, None, said=NOW, zone=clocks.zones.get(group, "UTC"))
        return clocks.inside(now, group, understood)
    appointment, count = clocks.read(move.words, 0, group, understood)
    if left := move.words[count:]:
        said = f"{understood} {appointment.said}"
        raise Mistake(f"I understood {code(said)}, but not {code(' '.join(left))}.")
    return appointment

"""The one tree of errors that the engine raises.

    MaintenanceError             the world said no, or we cannot know: becomes a hold
      ConditionFailed            an invariant does not hold, so nothing was sent
      StepFailed                 the device said that it did not work
        NotNow                   CPUSE is busy, and so refuses; it may pass
      TooLate                    a limit ran out; a time-out stops, it never proceeds
      UnexpectedOutput           the device said something we cannot read
        UnknownPrompt            a dialogue asked something we do not know; nothing was answered
      MemberUnreachable          we cannot reach a member or the group; never retried blindly
        EpochGone                a member does not keep our epoch (any more); nothing was sent
      SessionOpen                a session of ours still lives on a member; it may yet act
      InDoubt                    we cannot tell whether an act happened
      EffectGone                 a step recorded as done is no longer true (UNDONE)
      Missed                     the time that was agreed on came, and passed, without it
        ClocksDiffer             by the members' clocks it is another time than by ours
        WindowEnded              no failover begins any more before people agree on another time
      PeopleUnreadable           Slack cannot be asked who approves now
      NotReading                 a line that may act came where only reading is allowed
    PlanRefused                  no plan is made of this request; the sentence is for the person
    Fenced                       another executor has taken over: stop, write nothing
    NotUnderstood                a newer version wrote this run: nothing is written or sent
      RecordSpoilt               nobody can read a record of it: somebody changed it
    Stopped                      a person's stop came before the act; not an error of anyone

Any other exception is a mistake of ours: the run stops loudly, the journal is intact.
"""

from __future__ import annotations

from collections.abc import Collection


class MaintenanceError(Exception):
    """The world said no, or we cannot know. The runner turns it into a hold."""


class ConditionFailed(MaintenanceError):
    """An invariant does not hold, so nothing was sent to a device."""


class NotReading(MaintenanceError):
    """A line that acts, or may, came to a Shell that can only read; it was not sent."""


class StepFailed(MaintenanceError):
    """A device said that the act did not work."""


class NotNow(StepFailed):
    """CPUSE refused because it is at work on something else, maybe on what a lost session began."""


class TooLate(MaintenanceError):
    """A limit ran out before the effect was seen."""


class UnexpectedOutput(MaintenanceError):
    """A device printed something that no parser knows; `text` is what it printed."""

    def __init__(self, what: str, text: str = "") -> None:
        super().__init__(what)
        self.text = text


class UnknownPrompt(UnexpectedOutput):
    """A dialogue asked something that is not in its script; nothing was answered."""


class MemberUnreachable(MaintenanceError):
    """A member, or the whole group, could not be reached, or a session to it was lost."""


class EpochGone(MemberUnreachable):
    """A member does not keep our epoch: it restarted, or another executor has been there.

    `member` is None where it was whichever member had the group address.
    """

    def __init__(self, what: str, member: str | None) -> None:
        super().__init__(what)
        self.member = member


class SessionOpen(MaintenanceError):
    """A session of ours, or of a former executor, still lives on a member, and may yet act.

    Whoever meets it looks again for the quiet time, then holds. `lock` is the file it holds.
    """

    def __init__(self, what: str, lock: str) -> None:
        super().__init__(f"{what}. If it stays: on that member, `fuser -v {lock}` shows it")


class InDoubt(MaintenanceError):
    """Nobody can tell whether the act happened; a person must look."""


class EffectGone(MaintenanceError):
    """A step recorded as done is no longer true on the device."""


class Missed(MaintenanceError):
    """The moment of an appointment came and nothing could begin; people say whether it may now."""


class ClocksDiffer(Missed):
    """Ours says that the moment of an appointment has come, and most members' say otherwise."""


class WindowEnded(Missed):
    """The window of an appointment is over: nothing more fails over inside it."""


class PeopleUnreadable(MaintenanceError):
    """Slack could not be asked who approves now."""


class Unnamed(PeopleUnreadable):
    """Slack shows what somebody said, and does not say who that is; `users` are their ids."""

    def __init__(self, users: Collection[str]) -> None:
        verb = "is" if len(users) == 1 else "are"
        super().__init__(f"Slack does not say who {' and '.join(sorted(users))} {verb}")
        self.users = frozenset(users)


class StopUnheard(PeopleUnreadable):
    """Somebody said stop, and nobody had heard it: it is in the inbox only now, and goes first."""


class PlanRefused(Exception):
    """No plan is made of this request. The message says what was understood and what is wrong."""


class Fenced(Exception):
    """Another executor holds the group now. Stop, and write nothing."""


class NotUnderstood(LookupError):
    """A run's journal holds what this version does not know, so a newer one has to go on with it.

    A LookupError, so that whoever reads journals for their own sake meets it as any odd record.
    `seq` is the number of that record: what comes before it can be read (`engine.last_read`).
    """

    def __init__(self, run: str, seq: int, what: str, written_by: str) -> None:
        self.seq = seq
        super().__init__(
            f"{run} was written by version {written_by or 'unknown'}, and record {seq} has {what}, "
            "which this version does not know: go on with that version, or a later one"
        )


class RecordSpoilt(NotUnderstood):
    """Nobody can read a record, most likely since somebody changed it; nothing is decided then."""

    def __init__(self, run: str, seq: int) -> None:
        self.seq = seq
        LookupError.__init__(
            self,
            f"record {seq} of {run} cannot be read, and nothing is decided from it: see hotfix-bot "
            f"verify {run}; where that says that it was changed, go on with a backup",
        )


class Stopped(Exception):
    """A person's word is waiting: it is taken before anything is sent."""

"""What governs a run: who approves, who may do what, limits, windows, how a group is divided.

Copied into the run's plan, so that settings changed later do not reach it.
"""

from __future__ import annotations

from dataclasses import dataclass
from datetime import datetime, timedelta


@dataclass(frozen=True)
class GatePolicy:
    """Who must say yes at one sort of gate, and for how long a yes is good.

    `votes` distinct persons in all, each in one of `voters`; and of each role in `needs` as
    many as it says, matched so that nobody is counted for two needs. After a while without enough
    of them, members of `fallback` ("" for none) may approve as well: after `fallback_delay`, or
    where that is None after a share of the time to vote. They sit in for a need only where the
    policy says so. When that is, and what it changes, is decided in `engine.gates`.
    """

    votes: int = 2
    voters: tuple[str, ...] = ()
    needs: tuple[tuple[str, int], ...] = ()
    requester_may_vote: bool = False
    approval_expiry: timedelta = timedelta(minutes=30)
    execution_expiry: timedelta = timedelta(minutes=10)
    grace: timedelta = timedelta(seconds=10)
    fallback: str = ""
    fallback_share: float = 0.5
    fallback_delay: timedelta | None = None
    fallback_fills_needs: bool = False

    @property
    def roles(self) -> frozenset[str]:
        """Every role whose members may vote here from the beginning."""
        return frozenset(self.voters) | {role for role, _ in self.needs}

    def fallback_from(self, opened_at: datetime, expires_at: datetime) -> datetime | None:
        """Return from when members of the fallback may approve; None where there is none."""
        if not self.fallback:
            return None
        life = expires_at - opened_at
        delay = self.fallback_share * life if self.fallback_delay is None else self.fallback_delay
        return opened_at + delay


@dataclass(frozen=True)
class Rights:
    """The roles that may order a run, operate it, halt it, freeze its group, and lift that.

    Without any that may lift, those may that freeze.
    """

    order: tuple[str, ...] = ()
    operate: tuple[str, ...] = ()
    halt: tuple[str, ...] = ()
    freeze: tuple[str, ...] = ()
    lift: tuple[str, ...] = ()


@dataclass(frozen=True)
class Limits:
    """How long each kind of step may take before it holds. A time-out stops, never proceeds.

    Measured on two-member groups (vendor engineer's logs, 2022): import 47 to 56 s, verify 7 s,
    install until back in service 17 to 21 min with a plateau of 8 min. The limits are three
    times that; admin-down was never measured, so its limit is a guess.
    """

    look: timedelta = timedelta(seconds=90)
    upload: timedelta = timedelta(hours=1)
    importing: timedelta = timedelta(minutes=20)
    verify: timedelta = timedelta(minutes=5)
    cloning: timedelta = timedelta(minutes=3)
    admin_down: timedelta = timedelta(minutes=5)
    prompt: timedelta = timedelta(minutes=3)
    install: timedelta = timedelta(minutes=60)
    comeback: timedelta = timedelta(minutes=30)
    blind: timedelta = timedelta(minutes=10)


Span = tuple[int, int]
"""A part of every week, in minutes from Monday 00:00 as the clocks on the wall show them."""


@dataclass(frozen=True)
class Windows:
    """When failovers may begin, week for week: see `engine.windows`. Without spans at any time.

    Attributes:
        spans: from when until when; the end may lie in the week after.
        said: the same as the settings say it, for people.
        zone: the time zone whose clocks count.
        shortest: of a window of which less is left nothing is offered.
    """

    spans: tuple[Span, ...] = ()
    said: tuple[str, ...] = ()
    zone: str = "UTC"
    shortest: timedelta = timedelta(minutes=30)


@dataclass(frozen=True)
class Policy:
    """What governs a run; copied into its plan, so that settings changed later do not reach it.

    `split` is "auto", "by_site" or "across_sites"; `order` is "vendor" or "smo_last".
    `state_words` are what its version prints for members in service: see `engine.gaia.dialect`.
    `rights` is None in plans of before there were any: `operators` has them, beside the approvers.
    `gate_lead`, `late` and `prepare` ("now" or "in_window") are about runs with an appointment: see
    `engine.appointments`. `windows` are those outside of which nothing may be appointed.
    """

    proposal: GatePolicy = GatePolicy(votes=1)
    failover: GatePolicy = GatePolicy()
    operators: tuple[str, ...] = ()
    limits: Limits = Limits()
    split: str = "auto"
    order: str = "vendor"
    groups: int = 2
    min_in_service: int = 1
    watch: timedelta = timedelta(seconds=15)
    quiet: timedelta = timedelta(seconds=120)
    settle: timedelta = timedelta(seconds=10)
    soak: timedelta = timedelta(minutes=5)
    remind: timedelta = timedelta(minutes=5)
    core_dumps_allowed: int = 1
    log_free_factor: float = 3.0
    connections_limit: int = 0
    upload_directory: str = "/var/log/upload"
    own_directory: str = "/var/log/hotfix-bot"
    members_limit: int = 31
    state_words: tuple[str, ...] = ("ACTIVE",)
    fence: bool = False
    rights: Rights | None = None
    gate_lead: timedelta = timedelta(minutes=30)
    late: timedelta = timedelta(minutes=15)
    prepare: str = "now"
    windows: Windows = Windows()

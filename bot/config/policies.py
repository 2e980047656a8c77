"""[policy]: who must say yes, how long a step may take, and what else governs a run.

Whether anybody could ever say yes, with the people there are, is judged in `contradictions`.
"""

from __future__ import annotations

import re
from datetime import timedelta
from typing import Annotated, Literal, Self

from pydantic import AfterValidator, BeforeValidator, Field, model_validator

from bot.config.values import Duration, Positive, Section, parse_duration
from bot.config.windows import read_windows, refuse_too_short
from bot.times import LONGEST_WINDOW, SHORTEST_WINDOW
from engine.policy import GatePolicy, Limits, Policy, Rights, Windows

LEAST_EXPIRY = timedelta(seconds=1)
"""A gate that lives shorter nobody can pass; nights that are played fast come close to it."""

LONGEST_GRACE = timedelta(minutes=10)
"""As long as an approval is good by default: who waits longer has begun nothing and holds all."""

LONGEST_AHEAD = timedelta(hours=24)
"""Longer before its appointment, or after it, nothing is done for one: that is another day."""


def _time_to_vote(expiry: timedelta) -> timedelta:
    if expiry < LEAST_EXPIRY:
        least = f"{LEAST_EXPIRY.total_seconds():g}s"
        raise ValueError(f"in less than {least} nobody reads what is asked")
    return expiry


def _second_thoughts(grace: timedelta) -> timedelta:
    if grace > LONGEST_GRACE:
        raise ValueError("more than 10m is no time for second thoughts, but a wait")
    return grace


def _of_that_day(length: timedelta) -> timedelta:
    if length > LONGEST_AHEAD:
        raise ValueError("more than 24h is not about that appointment any more; write at most 24h")
    return length


def _some_window(length: timedelta) -> timedelta:
    if length <= timedelta(0):
        raise ValueError("in a window of no time nothing could begin; write it like 30m")
    if length > LONGEST_WINDOW:
        longest = f"{LONGEST_WINDOW // timedelta(hours=1)}h"
        raise ValueError(f"no window lasts longer than {longest}, so none could be ordered")
    return length


def _readable(texts: tuple[str, ...]) -> tuple[str, ...]:
    read_windows(texts)
    return tuple(" ".join(text.lower().split()) for text in texts)


def _time_of_day(text: str) -> str:
    if text and not re.fullmatch(r"([01]\d|2[0-3]):[0-5]\d", text):
        raise ValueError(f'{text!r} is no time of day; write it like 08:00, or "" for never')
    return text


def _share_or_duration(value: object) -> object:
    if isinstance(value, bool):
        raise ValueError(f"{value!r} is neither a share nor a duration")  # noqa: TRY004 -- pydantic
    if isinstance(value, (int, float)):
        if not 0 < value < 1:
            raise ValueError(f"{value!r} is no share of the time to vote; write 0.5, or 15m")
        return float(value)
    return parse_duration(value)


def _true_false_or_auto(value: object) -> object:
    if not isinstance(value, bool) and value != "auto":
        raise ValueError(f"{value!r} may be true, false or 'auto'")
    return value


class GateSettings(Section):
    """[policy.proposal], [policy.failover]: who must say yes, and for how long it is good."""

    votes: Positive = Field(2, description="Distinct persons who must say yes.")
    voters: tuple[str, ...] = Field((), description="Roles whose members may vote.")
    needs: dict[str, Positive] = Field(
        {},
        description="How many persons of each role must be among them; nobody counts twice.",
    )
    requester_may_vote: bool = Field(
        default=False,
        description="Whether who asked may also approve. No: four eyes see more.",
    )
    approval_expiry: Annotated[Duration, AfterValidator(_time_to_vote)] = Field(
        timedelta(minutes=30),
        description="How long a gate waits for votes: the facts shown in it grow old.",
    )
    execution_expiry: Duration = Field(
        timedelta(minutes=10),
        description="How long an approval is good before the act must have begun.",
    )
    grace: Annotated[Duration, AfterValidator(_second_thoughts)] = Field(
        timedelta(seconds=10),
        description="Time between approval and act, in which a vote can be taken back.",
    )

    fallback: str = Field(
        "",
        description="Role that is called when not enough of the others have said yes. From then on "
        "its members may approve as one of the voters may, and not before.",
    )
    fallback_after: Annotated[float | timedelta, BeforeValidator(_share_or_duration)] = Field(
        0.5,
        description="When it is called: a share of approval_expiry, or a duration. Half of it: the "
        "others were reminded once, and the fallback has as long as they had.",
    )
    fallback_fills_needs: bool = Field(
        default=False,
        description="Whether a yes of the fallback also stands for a role in needs. No: whoever "
        "must have seen it stays needed, and a fallback only makes up the number.",
    )

    @model_validator(mode="after")
    def _numbers_agree(self) -> Self:
        if sum(self.needs.values()) > self.votes:
            raise ValueError(f"needs ask for {sum(self.needs.values())} people, votes for fewer")
        return self

    @model_validator(mode="after")
    def _fallback_makes_sense(self) -> Self:
        if not self.fallback:
            return self
        after = self.fallback_after
        if isinstance(after, timedelta) and after >= self.approval_expiry:
            raise ValueError(
                "fallback_after is not before approval_expiry, so it would never be called"
            )
        if self.fallback in {*self.voters, *self.needs}:
            raise ValueError(f"{self.fallback} may approve from the beginning; it is no fallback")
        if sum(self.needs.values()) >= self.votes and not self.fallback_fills_needs:
            raise ValueError(
                "every vote is needed of a role, so a fallback could never help: ask for more "
                "votes than needs, or set fallback_fills_needs"
            )
        return self

    def policy(self) -> GatePolicy:
        """Return what the engine takes."""
        after = self.fallback_after
        return GatePolicy(
            votes=self.votes,
            voters=self.voters,
            needs=tuple(sorted(self.needs.items())),
            requester_may_vote=self.requester_may_vote,
            approval_expiry=self.approval_expiry,
            execution_expiry=self.execution_expiry,
            grace=self.grace,
            fallback=self.fallback,
            fallback_share=after if isinstance(after, float) else 0.5,
            fallback_delay=after if isinstance(after, timedelta) else None,
            fallback_fills_needs=self.fallback_fills_needs,
        )


class ProposalSettings(GateSettings):
    """[policy.proposal]."""

    votes: Positive = Field(1, description="One: nothing is taken down on a proposal alone.")


class LimitSettings(Section):
    """[policy.limits]: how long a step may take before the run holds; it never proceeds."""

    look: Duration = Field(timedelta(seconds=90), description="One look at the whole group.")
    upload: Duration = Field(timedelta(hours=1), description="Copying the package to the SMO.")
    importing: Duration = Field(timedelta(minutes=20), description="Import on all members.")
    verify: Duration = Field(timedelta(minutes=5), description="Asking CPUSE if it may install.")
    cloning: Duration = Field(timedelta(minutes=3), description="Switching auto-clone.")
    admin_down: Duration = Field(timedelta(minutes=5), description="A group going down: a guess.")
    prompt: Duration = Field(timedelta(minutes=3), description="Silence inside a dialogue.")
    install: Duration = Field(timedelta(minutes=60), description="Three times what was measured.")
    comeback: Duration = Field(timedelta(minutes=30), description="From reboot to in service.")
    blind: Duration = Field(timedelta(minutes=10), description="Reaching nobody in the group.")


class PolicySettings(Section):
    """[policy], and any of it again in a group."""

    proposal: ProposalSettings = ProposalSettings()
    failover: GateSettings = GateSettings()
    limits: LimitSettings = LimitSettings()
    requesters: tuple[str, ...] = Field(
        (),
        description="Roles that may order a run. Without any: every role that is named for the "
        "group, as approver or in a right. Who is in no role never may.",
    )
    operators: tuple[str, ...] = Field(
        (),
        description="Roles that may pause, resume, retry, abort and roll back. Without any: the "
        "approvers. Whoever ordered a run may always pause, halt and abort it.",
    )
    halters: tuple[str, ...] = Field(
        (),
        description="Roles that may halt, and stop a gate with a no. Without any: operators and "
        "approvers, since a stop needs less than a yes.",
    )
    freezers: tuple[str, ...] = Field(
        (),
        description="Roles that may freeze the group. Without any: the operators.",
    )
    lifters: tuple[str, ...] = Field(
        (),
        description="Roles that may lift a freeze, and replace one by one that ends earlier. "
        "Without any: the freezers. With some, whoever set a freeze cannot lift it for that.",
    )
    order: Literal["vendor", "smo_last"] = Field(
        "vendor",
        description="Which Logical Group goes first: A, as the vendor has it, or the one with the "
        "SMO last, so that it moves only when all others are done (not less often: it goes back "
        "when the lowest id returns), as field playbooks do it. In a split by Site the groups of "
        "the Standby Site go first either way.",
    )
    split: Literal["auto", "by_site", "across_sites"] = Field(
        "auto",
        description="How two Sites are divided: one group per Site (Standby first), the same share "
        "of each in every group, or auto: by Site where they differ by one member at most.",
    )
    groups: Annotated[int, Field(ge=2)] = Field(
        2, description="Logical Groups that a Security Group is divided into."
    )
    min_in_service: Positive = Field(1, description="Members that always stay in service.")
    watch: Duration = Field(
        timedelta(seconds=15), description="Time between looks while a group is out of service."
    )
    quiet: Duration = Field(
        timedelta(seconds=120),
        description="Idle time after which a dialogue that was cut off started nothing: a guess.",
    )
    settle: Duration = Field(
        timedelta(seconds=10), description="Two looks this far apart must agree on a change."
    )
    soak: Duration = Field(
        timedelta(minutes=5), description="How long a new take must be stable before the next."
    )
    remind: Duration = Field(
        timedelta(minutes=5), description="Time between reminders of a hold with members down."
    )
    gate_lead: Annotated[Duration, AfterValidator(_of_that_day)] = Field(
        timedelta(minutes=30),
        description="How long before its appointment a run goes on: a full look, cloning off, the "
        "first gate. As long as a gate waits by default, so that it can be passed in time; before "
        "that cloning would be off for nothing.",
    )
    late: Annotated[Duration, AfterValidator(_of_that_day)] = Field(
        timedelta(minutes=15),
        description="How late after its appointment a run still begins by itself; then it asks. A "
        "window says so itself. A guess: for a restart or a short freeze, and no other night.",
    )
    prepare: Literal["now", "in_window"] = Field(
        "now",
        description="When a run with an appointment uploads, imports and verifies: now, once it is "
        "approved, since no traffic is touched and what is wrong is found by day; or in_window, "
        "where nothing may be done to a group outside of it. Then `gate_lead` does nothing.",
    )
    shortest_window: Annotated[Duration, AfterValidator(_some_window)] = Field(
        SHORTEST_WINDOW,
        description="A shorter window is refused when it is ordered: about what one failover "
        "takes, with the looks before and after it. A guess.",
    )
    window: Annotated[tuple[str, ...], AfterValidator(_readable)] = Field(
        (),
        description="When a group may fail over, every week, in its time zone: 'sat 02:00-05:00', "
        "'mon-thu 22:00-02:00', 'daily 01:00-04:00'. Without any: at any time. What is ordered "
        "outside is refused with the nearest window. Where the clocks change, the shorter reading "
        "counts. Rollbacks wait for none: people order them when something is wrong, and each of "
        "their failovers has a gate.",
    )
    daily_look: Annotated[str, AfterValidator(_time_of_day)] = Field(
        "08:00",
        description="Time of day, in the group's zone, at which it is looked at where no run is on "
        "it, only reading; what is wrong is said in its channel. By day, so that somebody reads "
        'it; "" for never.',
    )
    core_dumps_allowed: Annotated[int, Field(ge=0)] = Field(
        1, description="New core dumps per member that do not hold a run."
    )
    members_limit: Annotated[int, Field(ge=2)] = Field(
        31,
        description="Members that a Maestro Security Group may have; no source says how many. Of "
        "ElasticXL it is fixed: 3 per Site, 6 in all.",
    )
    log_free_factor: float = Field(
        3.0, description="Free space in /var/log that is needed, in sizes of the package."
    )
    connections_limit: Annotated[int, Field(ge=0)] = Field(
        0, description="Connections that one member can carry; 0 is not to check it."
    )
    upload_directory: str = Field(
        "/var/log/upload", description="Folder on the SMO for the package: it has the space."
    )
    own_directory: Annotated[str, Field(pattern=r"^/[A-Za-z0-9._/-]+$")] = Field(
        "/var/log/hotfix-bot", description="Folder on members for what we keep there."
    )
    fence: Annotated[bool | Literal["auto"], BeforeValidator(_true_false_or_auto)] = Field(
        default="auto",
        description="Keep an epoch on every member, against a paused process that acts late. "
        "auto: where the database is shared, since a file has one process that acts.",
    )

    @model_validator(mode="after")
    def _windows_are_long_enough(self) -> Self:
        refuse_too_short(self.window, self.shortest_window)
        return self

    def policy(self, zone: str = "UTC") -> Policy:
        """Return what the engine takes; `zone` is where the group stands."""
        simple = {name: getattr(self, name) for name in _SIMPLE}
        return Policy(
            proposal=self.proposal.policy(),
            failover=self.failover.policy(),
            limits=Limits(**self.limits.model_dump()),
            fence=self.fence is True,
            rights=self.rights,
            windows=self.windows(zone),
            **simple,
        )

    def windows(self, zone: str) -> Windows:
        """Return when a group that stands there may fail over."""
        if not self.window:
            return Windows()
        return Windows(read_windows(self.window), self.window, zone, self.shortest_window)

    @property
    def approvers(self) -> frozenset[str]:
        """Every role whose members may vote at a gate."""
        return self.proposal.policy().roles | self.failover.policy().roles

    @property
    def rights(self) -> Rights:
        """Which roles may do what, with what the settings leave out filled in."""
        operate = frozenset(self.operators) or self.approvers
        return Rights(
            order=tuple(sorted(self.requesters or self.roles)),
            operate=tuple(sorted(operate)),
            halt=tuple(sorted(self.halters or operate | self.approvers)),
            freeze=tuple(sorted(self.freezers or operate)),
            lift=tuple(sorted(self.lifters)),
        )

    @property
    def roles(self) -> frozenset[str]:
        """Every role that is named."""
        return frozenset(role for _, role in self.named)

    @property
    def named(self) -> tuple[tuple[str, str], ...]:
        """Every role that is named, each with the key that names it."""
        found: list[tuple[str, str]] = []
        for gate, asked in (("proposal", self.proposal), ("failover", self.failover)):
            found += [(f"{gate}.voters", role) for role in asked.voters]
            found += [(f"{gate}.needs", role) for role in asked.needs]
            found += [(f"{gate}.fallback", asked.fallback)] if asked.fallback else []
        for right in ("requesters", "operators", "halters", "freezers", "lifters"):
            found += [(right, role) for role in getattr(self, right)]
        return tuple(dict.fromkeys(found))

    @property
    def fallbacks(self) -> tuple[str, ...]:
        """Every role that is called when the approvers do not answer."""
        named = {g.fallback for g in (self.proposal, self.failover) if g.fallback}
        return tuple(sorted(named))


_NOT_SIMPLE = (
    *("proposal", "failover", "limits", "fence", "shortest_window", "window", "daily_look"),
    *("requesters", "operators", "halters", "freezers", "lifters"),
)
_SIMPLE = [n for n in PolicySettings.model_fields if n not in _NOT_SIMPLE]

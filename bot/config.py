"""Settings: what each means, its unit, its default and the reason for it.

They come from `hotfix.toml` alone, so that what governs a run can be read in one place; secrets
come only from the environment or from files named there. A mistake is told in one sentence, with
file, key and the nearest key that exists.
"""

from __future__ import annotations

import difflib
import os
import re
import tomllib
from collections.abc import Iterable, Iterator, Mapping
from dataclasses import dataclass
from datetime import timedelta
from functools import partial
from pathlib import Path
from typing import Annotated, Any, Literal, Self
from urllib.parse import urlsplit
from zoneinfo import ZoneInfo

from pydantic import (
    AfterValidator,
    BaseModel,
    BeforeValidator,
    ConfigDict,
    Field,
    ValidationError,
    model_validator,
)
from pydantic_settings import BaseSettings, PydanticBaseSettingsSource, SettingsConfigDict

from bot.reach import QuietHours
from engine.freezes import ALL
from engine.gates import can_ever_pass
from engine.model import GatePolicy, Limits, Policy, Rights

LEAST_LEASE = timedelta(seconds=6)
"""A lease is renewed at a third of its life, by a worker that looks once a second; and a machine
that is busy for two thirds of it must not stop sending."""

LEAST_EXPIRY = timedelta(seconds=1)
"""A gate that lives shorter nobody can pass; nights that are played fast come close to it."""

LONGEST_GRACE = timedelta(minutes=10)
"""As long as an approval is good by default: who waits longer has begun nothing and holds all."""

DEFAULT_FILE = "hotfix.toml"
FILE_VARIABLE = "HOTFIX_BOT_CONFIG"

_HIGHEST_PORT = 65_535

_DURATION = re.compile(r"(\d+(?:\.\d+)?)\s*(ms|s|m|h|d)")
_UNITS = {"ms": 0.001, "s": 1.0, "m": 60.0, "h": 3600.0, "d": 86400.0}


class SettingsWrong(Exception):
    """The settings cannot be used; the message says where and why, one sentence per line."""


def parse_duration(value: object) -> timedelta:
    """Return a duration from `90s`, `5m`, `1h 30m`; a bare number has no unit and is refused.

    Raises:
        ValueError: not a duration.
    """
    if isinstance(value, timedelta):
        return value
    text = str(value).strip() if isinstance(value, str) else ""
    parts = _DURATION.findall(text)
    if not parts or _DURATION.sub("", text).strip():
        raise ValueError(f"{value!r} is no duration; write it like 10s, 5m or 1h 30m")
    return timedelta(seconds=sum(float(number) * _UNITS[unit] for number, unit in parts))


def _known_zone(value: object) -> object:
    try:
        ZoneInfo(str(value))
    except (KeyError, ValueError, OSError) as error:
        raise ValueError(f"{value!r} is no time zone; write it like Europe/Berlin") from error
    return value


def host_and_port(text: str) -> tuple[str, int]:
    """Return host and port of `127.0.0.1:3000` or `[::1]:3000`; port 0 is any free one.

    Raises:
        ValueError: not an address of this kind.
    """
    host, _, port = text.rpartition(":")
    if not host or not (port.isascii() and port.isdigit()) or int(port) > _HIGHEST_PORT:
        raise ValueError(f"{text!r} is no address to listen on; write it like 127.0.0.1:3000")
    return host.removeprefix("[").removesuffix("]"), int(port)


def _slack_id(kinds: str, what: str) -> BeforeValidator:
    """Return a check that something is the id of a thing in Slack: names can be taken by others."""

    def known(value: object) -> object:
        if isinstance(value, str) and value and not re.fullmatch(f"[{kinds}][A-Z0-9]+", value):
            begins = " or ".join(kinds)
            raise ValueError(f"{value!r} is no id of {what}; it begins with {begins}")
        return value

    return BeforeValidator(known)


def _web_api(url: str) -> str:
    address = urlsplit(url)
    if address.scheme not in ("http", "https") or not address.hostname:
        raise ValueError(f"{url!r} is no address; write it like https://slack.com/api/")
    if address.scheme == "http" and address.hostname not in ("127.0.0.1", "::1", "localhost"):
        raise ValueError(f"{url} would send the token unencrypted; write https://")
    return url


def _true_false_or_auto(value: object) -> object:
    if not isinstance(value, bool) and value != "auto":
        raise ValueError(f"{value!r} may be true, false or 'auto'")
    return value


def _no_truth(value: object) -> object:
    if isinstance(value, bool):
        raise ValueError(f"{value!r} is no number")  # noqa: TRY004 -- pydantic
    return value


def _time_to_vote(expiry: timedelta) -> timedelta:
    if expiry < LEAST_EXPIRY:
        least = f"{LEAST_EXPIRY.total_seconds():g}s"
        raise ValueError(f"in less than {least} nobody reads what is asked")
    return expiry


def _second_thoughts(grace: timedelta) -> timedelta:
    if grace > LONGEST_GRACE:
        raise ValueError("more than 10m is no time for second thoughts, but a wait")
    return grace


def _an_address(text: str) -> str:
    host_and_port(text)
    return text


def _an_address_or_none(text: str) -> str:
    return _an_address(text) if text else text


def _long_enough(lease: timedelta) -> timedelta:
    if lease < LEAST_LEASE:
        least = f"{LEAST_LEASE.total_seconds():g}s"
        raise ValueError(f"a lease of less than {least} runs out while its holder is only busy")
    return lease


def _quiet_hours(text: str) -> str:
    QuietHours.read(text)
    return text


def _share_or_duration(value: object) -> object:
    if isinstance(value, bool):
        raise ValueError(f"{value!r} is neither a share nor a duration")  # noqa: TRY004 -- pydantic
    if isinstance(value, (int, float)):
        if not 0 < value < 1:
            raise ValueError(f"{value!r} is no share of the time to vote; write 0.5, or 15m")
        return float(value)
    return parse_duration(value)


Duration = Annotated[timedelta, BeforeValidator(parse_duration)]
Positive = Annotated[int, BeforeValidator(_no_truth), Field(ge=1)]
PersonId = Annotated[str, _slack_id("UW", "a person")]
ChannelId = Annotated[str, _slack_id("CG", "a channel")]
UsergroupId = Annotated[str, _slack_id("S", "a user group")]


class _Section(BaseModel):
    model_config = ConfigDict(extra="forbid", frozen=True)


class SlackSettings(_Section):
    """[slack]."""

    api_url: Annotated[str, AfterValidator(_web_api)] = Field(
        "https://slack.com/api/",
        description="Address of the Web API. GovSlack and stand-ins for tests have others.",
    )
    transport: Literal["socket", "http"] = Field(
        "socket",
        description="How Slack reaches us. socket: we call Slack, with the app token. http: Slack "
        "calls us at a public https address, and signs with the signing secret.",
    )
    listen: Annotated[str, AfterValidator(_an_address)] = Field(
        "127.0.0.1:3000",
        description="Where HTTP mode listens, host:port; what has the certificate and the public "
        "address stands before it. Port 0 is any free one.",
    )
    connections: Annotated[int, Field(ge=1, le=10)] = Field(
        2,
        description="Socket Mode connections. Two, so that one stays while Slack renews the other.",
    )
    command: Annotated[str, Field(pattern=r"^/[a-z0-9_-]{1,31}$")] = Field(
        "/hotfix",
        description="The slash command, as the app declares it; another may have the name.",
    )
    channels: tuple[ChannelId, ...] = Field(
        (),
        description="Ids of channels (C…) where commands are heard, beside those of the groups.",
    )
    quiet_hours: Annotated[str, AfterValidator(_quiet_hours)] = Field(
        "22:00-07:00",
        description="When who has no do-not-disturb hours in Slack is told to be asleep, in their "
        'own time zone; "" for never. For people to read: it forbids nobody to vote.',
    )
    edit_every: Duration = Field(
        timedelta(seconds=3),
        description="Least time between two edits of a live message; people read no faster.",
    )
    edit_per_run: Duration = Field(
        timedelta(seconds=1.3),
        description="Least time between any two edits, whichever runs they belong to: Slack allows "
        "about 50 a minute per workspace.",
    )
    task_cards: Literal["auto", "on", "off"] = Field(
        "auto",
        description="Steps as Slack's task cards. auto: until Slack refuses them, then as text for "
        "as long as the process lives; on: each message tries them; off: always as text. Older "
        "workspaces and clients may not have them.",
    )
    post_every: Duration = Field(
        timedelta(seconds=1),
        description="Least time between two posts in one channel: Slack's limit.",
    )
    calls_a_minute: Annotated[float, Field(ge=1)] = Field(
        50,
        description="How often a minute Slack lets a method of its third tier be called; the other "
        "tiers are taken in proportion. All runs of a process share it; less where several "
        "processes serve one app.",
    )


class StorageSettings(_Section):
    """[storage]."""

    url: str = Field(
        "sqlite:///hotfix.db",
        description="sqlite:///file for one machine, postgresql+psycopg://… for more than one.",
    )
    lease_ttl: Annotated[Duration, AfterValidator(_long_enough)] = Field(
        timedelta(seconds=60),
        description="How long a worker may be silent before another resumes its runs. A longer one "
        "bears a longer outage of the database, with a shorter one less time is lost.",
    )

    @property
    def embedded(self) -> bool:
        """Whether the database is a file, in which one process alone hears, acts and speaks."""
        return self.url.startswith("sqlite")


class HealthSettings(_Section):
    """[health]."""

    listen: Annotated[str, AfterValidator(_an_address_or_none)] = Field(
        "",
        description="Where /livez and /readyz are answered, host:port, e.g. 127.0.0.1:8080. Off "
        "where it is empty: who needs no orchestrator needs no open port.",
    )


class PackagesSettings(_Section):
    """[packages]."""

    directory: Path = Field(
        Path("packages"),
        description="Folder with the CPUSE packages, each with its .sha256 file beside it.",
    )


class SshSettings(_Section):
    """[ssh]."""

    known_hosts: Path = Field(
        Path("known_hosts"),
        description="Host keys of the Security Groups. An unknown or changed key is refused.",
    )
    client_keys: tuple[Path, ...] = Field(
        (),
        description="Private keys to log in with, by path; never their content.",
    )
    keepalive: Duration = Field(
        timedelta(seconds=5),
        description="Time between two signs of life; three missed ones end a session.",
    )
    connect_within: Duration = Field(
        timedelta(seconds=15),
        description="How long a login may take; a lost member must not cost a minute.",
    )


class GateSettings(_Section):
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


class LimitSettings(_Section):
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


class PolicySettings(_Section):
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
        description="Roles that may freeze the group and lift that. Without any: the operators.",
    )
    order: Literal["vendor", "smo_last"] = Field(
        "vendor",
        description="Which Logical Group goes first: A, as the vendor has it, or the one with the "
        "SMO last, so that the SMO moves once less.",
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

    def policy(self) -> Policy:
        """Return what the engine takes."""
        simple = {name: getattr(self, name) for name in _SIMPLE}
        return Policy(
            proposal=self.proposal.policy(),
            failover=self.failover.policy(),
            limits=Limits(**self.limits.model_dump()),
            fence=self.fence is True,
            rights=self.rights,
            **simple,
        )

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
        )

    @property
    def roles(self) -> frozenset[str]:
        """Every role that is named."""
        named = (self.requesters, self.operators, self.halters, self.freezers)
        return self.approvers.union(self.fallbacks, *named)

    @property
    def fallbacks(self) -> tuple[str, ...]:
        """Every role that is called when the approvers do not answer."""
        named = {g.fallback for g in (self.proposal, self.failover) if g.fallback}
        return tuple(sorted(named))


_NOT_SIMPLE = (
    *("proposal", "failover", "limits", "fence"),
    *("requesters", "operators", "halters", "freezers"),
)
_SIMPLE = [n for n in PolicySettings.model_fields if n not in _NOT_SIMPLE]


class RoleSettings(_Section):
    """[roles.NAME]: who is in a role, by Slack id, never by name or address."""

    members: tuple[PersonId, ...] = Field((), description="Slack ids of persons (U… or W…).")
    usergroup: UsergroupId = Field(
        "", description="Id of a user group (S…) whose members are in it too."
    )


class GroupSettings(BaseModel):
    """[groups.NAME]: one Security Group; any key of [policy] may stand here too, and wins."""

    model_config = ConfigDict(extra="allow", frozen=True)

    address: str = Field(description="Address of the group, answered by its SMO.")
    port: Annotated[int, Field(ge=1, le=65535)] = Field(22, description="SSH port.")
    username: str = Field("admin", description="Account whose login shell is Expert.")
    platform: Literal["Maestro"] = Field("Maestro", description="Only Maestro is supported yet.")
    mode: Literal["Gateway"] = Field("Gateway", description="Only Gateway mode is supported yet.")
    channel: ChannelId = Field(description="Id of the channel (C…) where runs on it are told.")
    timezone: Annotated[str, BeforeValidator(_known_zone)] = Field(
        "UTC", description="Where it stands: its times are told in it."
    )
    zone: str = Field(
        "", description="Network zone: `hotfix-bot worker --zone` acts on the groups of one zone."
    )


class Settings(BaseSettings):
    """All of `hotfix.toml`."""

    model_config = SettingsConfigDict(extra="forbid", frozen=True)

    slack: SlackSettings = SlackSettings()
    health: HealthSettings = HealthSettings()
    storage: StorageSettings = StorageSettings()
    packages: PackagesSettings = PackagesSettings()
    ssh: SshSettings = SshSettings()
    policy: PolicySettings = PolicySettings()
    roles: dict[str, RoleSettings] = {}
    groups: dict[str, GroupSettings] = {}

    @classmethod
    def settings_customise_sources(
        cls,
        settings_cls: type[BaseSettings],
        init_settings: PydanticBaseSettingsSource,
        env_settings: PydanticBaseSettingsSource,
        dotenv_settings: PydanticBaseSettingsSource,
        file_secret_settings: PydanticBaseSettingsSource,
    ) -> tuple[PydanticBaseSettingsSource, ...]:
        """Take the file alone: an environment must not change who may approve."""
        return (init_settings,)

    def policy_of(self, group: str) -> PolicySettings:
        """Return the policy of a group: [policy] with the group's own keys over it.

        Whether its members are fenced is decided here, since it depends on the database.
        """
        own = self.groups[group].model_extra or {}
        given = _over(self.policy.model_dump(exclude_unset=True), own)
        policy = PolicySettings.model_validate(given)
        if policy.fence == "auto":
            return policy.model_copy(update={"fence": not self.storage.embedded})
        return policy

    def unfenced(self, group: str) -> str:
        """Say what people must know of a group that several processes may act on; else ""."""
        if self.storage.embedded or self.policy_of(group).fence:
            return ""
        return (
            f"The members of {group} keep no fence (`fence = false`): a process that was paused "
            "may act late. Only one worker may execute there."
        )

    def groups_of(self, zone: str) -> frozenset[str]:
        """Return the groups of a network zone; of all zones where it is "".

        Raises:
            SettingsWrong: no group is in this zone.
        """
        found = frozenset(n for n, group in self.groups.items() if zone in ("", group.zone))
        if zone and not found:
            known = sorted({group.zone for group in self.groups.values() if group.zone})
            hint = _nearest(zone, known) or "; a group gets one with `zone` in [groups.NAME]"
            raise SettingsWrong(f"no group is in the zone {zone!r}{hint}")
        return found

    @property
    def channels(self) -> frozenset[str]:
        """Every channel where commands are heard."""
        return frozenset(self.slack.channels) | {g.channel for g in self.groups.values()}


class Secrets(BaseSettings):
    """Secrets, from the environment or from files named there (`…_FILE`)."""

    model_config = SettingsConfigDict(env_prefix="SLACK_", frozen=True, extra="ignore")

    bot_token: str = ""
    bot_token_file: Path | None = None
    app_token: str = ""
    app_token_file: Path | None = None
    signing_secret: str = ""
    signing_secret_file: Path | None = None

    @classmethod
    def read(cls) -> Secrets:
        """Read them.

        Raises:
            SettingsWrong: a file that is named cannot be read.
        """
        given = cls()
        names = ("bot_token", "app_token", "signing_secret")
        found = {n: _secret(getattr(given, n), getattr(given, f"{n}_file"), n) for n in names}
        return given.model_copy(update=found)

    @property
    def values(self) -> tuple[str, ...]:
        """The secrets themselves, for whoever must keep them out of sight."""
        return tuple(v for v in (self.bot_token, self.app_token, self.signing_secret) if v)

    def __repr__(self) -> str:
        return "Secrets(…)"

    __str__ = __repr__

    def need_web_api(self) -> None:
        """Refuse to act without what Slack's Web API needs: who may approve is asked there.

        Raises:
            SettingsWrong: the bot's token is not there.
        """
        self._need(("bot_token", ""))

    def need_slack(self, transport: str = "socket") -> None:
        """Refuse to serve without what the Web API and the way that Slack reaches us need.

        Raises:
            SettingsWrong: a secret is not there.
        """
        if transport == "http":
            way = ("signing_secret", '; slack.transport = "http" checks each request with it')
        else:
            way = ("app_token", '; slack.transport = "socket" connects with it')
        self._need(("bot_token", ""), way)

    def _need(self, *needed: tuple[str, str]) -> None:
        """Refuse to go on without these; each with what it is for."""
        lacking = [
            f"SLACK_{name.upper()} is not set (nor SLACK_{name.upper()}_FILE){what_for}"
            for name, what_for in needed
            if not getattr(self, name)
        ]
        if lacking:
            raise SettingsWrong("\n".join(lacking))

    def unused(self, transport: str) -> str:
        """Say which secret is there for nothing, or ""."""
        name = "app_token" if transport == "http" else "signing_secret"
        if not getattr(self, name):
            return ""
        return f'SLACK_{name.upper()} is not used: slack.transport = "{transport}"'


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
        raise SettingsWrong(f"{file}: {error}") from error
    return Loaded(_checked(given, file), file)


def _checked(given: dict[str, Any], file: Path) -> Settings:
    try:
        settings = Settings(**given)
    except ValidationError as error:
        raise SettingsWrong(_sentences(error, file)) from error
    for name in settings.groups:
        try:
            settings.policy_of(name)
        except ValidationError as error:
            raise SettingsWrong(_sentences(error, file, ("groups", name))) from error
    wrong = [*_unknown_roles(settings), *_unspeakable(settings), *_one_for_two(settings)]
    if not wrong:
        # What a role that nobody knows leads to would hide the cause.
        wrong = [*unsatisfiable(settings, None)]
    if wrong:
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
    relative = re.fullmatch(r"sqlite:///([^/].*)", url)
    if relative:
        url = f"sqlite:///{(folder / relative[1]).resolve()}"
    storage = settings.storage.model_copy(update={"url": url})
    return settings.model_copy(update={"packages": packages, "ssh": ssh, "storage": storage})


def unsatisfiable(
    settings: Settings, usergroups: Mapping[str, frozenset[str]] | None
) -> Iterator[str]:
    """Say which gates nobody could ever pass, per group and possible requester, and unused rights.

    Args:
        settings: the settings.
        usergroups: the members of each user group by its id; None where Slack was not asked,
            then what depends on one is not judged.
    """
    for group in sorted(settings.groups):
        policy = settings.policy_of(group)
        yield from _unused(settings, group, policy.rights, usergroups)
        for gate in ("proposal", "failover"):
            yield from _never(settings, group, gate, getattr(policy, gate).policy(), usergroups)


_RIGHTS = {"order": "order a run", "operate": "operate", "halt": "halt", "freeze": "freeze"}


def _unused(
    settings: Settings,
    group: str,
    rights: Rights,
    usergroups: Mapping[str, frozenset[str]] | None,
) -> Iterator[str]:
    """Say which rights have no person: a night would find out that nobody may stop it."""
    for right, words in _RIGHTS.items():
        roles = getattr(rights, right)
        if usergroups is None and any(r.usergroup for r in _known(settings, roles).values()):
            continue
        if not frozenset().union(*_persons(settings, roles, usergroups).values()):
            named = ", ".join(roles) or "none is named"
            yield f"groups.{group}: nobody may {words}; nobody is in its roles ({named})"
    for fallback in settings.policy_of(group).fallbacks:
        called = _known(settings, [fallback]).values()
        judged = usergroups is not None or not any(role.usergroup for role in called)
        if judged and not any(_persons(settings, [fallback], usergroups).values()):
            yield f"groups.{group}: nobody is in the fallback {fallback}, so nobody would be called"


def _known(settings: Settings, roles: Iterable[str]) -> dict[str, RoleSettings]:
    return {role: settings.roles[role] for role in roles if role in settings.roles}


def _persons(
    settings: Settings, roles: Iterable[str], usergroups: Mapping[str, frozenset[str]] | None
) -> dict[str, frozenset[str]]:
    """Return who is in each of these roles, as far as it is known."""
    known = usergroups or {}
    return {
        name: frozenset(role.members) | known.get(role.usergroup, frozenset())
        for name, role in _known(settings, roles).items()
    }


def _never(
    settings: Settings,
    group: str,
    gate: str,
    policy: GatePolicy,
    usergroups: Mapping[str, frozenset[str]] | None,
) -> Iterator[str]:
    if usergroups is None and any(r.usergroup for r in _known(settings, policy.roles).values()):
        return
    members = _persons(settings, policy.roles, usergroups)
    lacking = can_ever_pass(policy, members, None)
    if lacking:
        yield f"groups.{group}: nobody can pass the {gate} gate; it lacks {lacking}"
        return
    orders = settings.policy_of(group).rights.order
    may_order = frozenset().union(*_persons(settings, orders, usergroups).values())
    for person in sorted(may_order & frozenset().union(*members.values())):
        lacking = can_ever_pass(policy, members, person)
        if lacking:
            yield f"groups.{group}: if {person} asks, the {gate} gate cannot pass; lacks {lacking}"


def _unspeakable(settings: Settings) -> Iterator[str]:
    for name in settings.groups:
        if name == ALL:
            yield f"groups.{ALL}: a group cannot be called so: it means every group"
        elif not re.fullmatch(r"[A-Za-z0-9][A-Za-z0-9._-]*", name):
            yield f"groups.{name}: a command names a group in one word: letters, digits, . _ -"


def _one_for_two(settings: Settings) -> Iterator[str]:
    """Say what two things cannot share: a device would get two runs at once, under two leases."""
    groups: dict[tuple[str, int], str] = {}
    for name, group in settings.groups.items():
        place = (group.address.lower(), group.port)
        if (other := groups.setdefault(place, name)) != name:
            yield f"groups.{other} and groups.{name} are both {group.address}:{group.port}"
    slack, health = settings.slack, settings.health
    if (
        slack.transport == "http"
        and health.listen == slack.listen
        and host_and_port(slack.listen)[1]
    ):
        yield f"health.listen and slack.listen are both {slack.listen}; give each a port of its own"


def _unknown_roles(settings: Settings) -> Iterator[str]:
    """Say which role is named and not there: once, where it is named for all groups."""
    hint = partial(_nearest, known=list(settings.roles))
    everywhere = settings.policy.roles - settings.roles.keys()
    for role in sorted(everywhere):
        yield f"policy: there is no role {role}{hint(role)}"
    for group in settings.groups:
        for role in sorted(settings.policy_of(group).roles - settings.roles.keys() - everywhere):
            yield f"groups.{group}: there is no role {role}{hint(role)}"


# ------------------------------------------------------------------------- telling mistakes


def _sentences(error: ValidationError, file: Path, inside: tuple[str, ...] = ()) -> str:
    return "\n".join(_sentence(one, file, inside) for one in error.errors())


def _sentence(error: Any, file: Path, inside: tuple[str, ...]) -> str:  # noqa: ANN401 -- pydantic's dict
    place = (*inside, *(str(part) for part in error["loc"]))
    key = ".".join(place)
    match error["type"]:
        case "extra_forbidden":
            return f"{file}: {key} is not a setting{_nearest(place[-1], _known_keys(place[:-1]))}"
        case "missing":
            written = difflib.get_close_matches(place[-1], [str(k) for k in error["input"]], n=1)
            return f"{file}: {key} is missing{f'; you wrote {written[0]}' if written else ''}"
        case "value_error":
            return f"{file}: {key}: {error['ctx']['error']}"
        case "literal_error":
            return f"{file}: {key} is {error['input']!r}, but may be {error['ctx']['expected']}"
        case "tuple_type":
            return f'{file}: {key} is {error["input"]!r}, but must be a list like ["…"]'
        case _:
            message = error["msg"][0].lower() + error["msg"][1:]
            return f"{file}: {key} is {error['input']!r}, but {message}"


def _nearest(word: str, known: list[str]) -> str:
    close = difflib.get_close_matches(word, known, n=1, cutoff=0.5)
    if close:
        return f"; did you mean {close[0]}?"
    return f"; known: {', '.join(sorted(known))}" if known else ""


def _known_keys(place: tuple[str, ...]) -> list[str]:
    """Return the keys of the section at this place."""
    model: type[BaseModel] = Settings
    rest = list(place)
    while rest:
        name = rest.pop(0)
        if model is Settings and name in ("roles", "groups") and rest:
            rest.pop(0)
            model = RoleSettings if name == "roles" else GroupSettings
            continue
        if model is GroupSettings:
            model = PolicySettings
        field = model.model_fields.get(name)
        if field is None or not isinstance(field.annotation, type):
            return []
        model = field.annotation
    keys = list(model.model_fields)
    return keys + list(PolicySettings.model_fields) if model is GroupSettings else keys


def _over(below: Mapping[str, Any], above: Mapping[str, Any]) -> dict[str, Any]:
    """Lay one table over another, key by key."""
    laid = dict(below)
    for key, value in above.items():
        under = laid.get(key)
        laid[key] = (
            _over(under, value)
            if isinstance(under, Mapping) and isinstance(value, Mapping) and key != "needs"
            else value
        )
    return laid


def _secret(value: str, file: Path | None, name: str) -> str:
    if value or file is None:
        return value
    try:
        return file.read_text(encoding="utf-8").strip()
    except (OSError, UnicodeDecodeError) as error:
        variable = f"SLACK_{name.upper()}_FILE"
        raise SettingsWrong(f"{variable} names {file}, which cannot be read") from error

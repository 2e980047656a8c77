"""The sections of `hotfix.toml`: what each setting means, its unit, its default and the reason.

They come from that file alone, so that what governs a run can be read in one place; the secrets
are elsewhere. How they are read, and whether they agree with each other, does not belong here.
"""

from __future__ import annotations

import re
from collections.abc import Mapping
from datetime import timedelta
from ipaddress import ip_address
from pathlib import Path
from typing import Annotated, Any, Literal
from urllib.parse import urlsplit
from zoneinfo import ZoneInfo

from pydantic import AfterValidator, BaseModel, BeforeValidator, ConfigDict, Field
from pydantic_settings import BaseSettings, PydanticBaseSettingsSource, SettingsConfigDict

from bot.config.mistakes import SettingsWrong, nearest
from bot.config.policies import PolicySettings
from bot.config.values import ChannelId, Duration, PersonId, Section, UsergroupId, host_and_port
from bot.reach import QuietHours
from engine.facts import Identity
from engine.freezes import ALL, meant
from engine.gaia.dialect import VERSIONS
from engine.policy import Windows

LEAST_LEASE = timedelta(seconds=6)
"""A lease is renewed at a third of its life, by a worker that looks once a second; and a machine
that is busy for two thirds of it must not stop sending."""


def _known_zone(value: object) -> object:
    try:
        ZoneInfo(str(value))
    except (KeyError, ValueError, OSError) as error:
        raise ValueError(f"{value!r} is no time zone; write it like Europe/Berlin") from error
    return value


def _web_api(url: str) -> str:
    address = urlsplit(url)
    if address.scheme not in ("http", "https") or not address.hostname:
        raise ValueError(f"{url!r} is no address; write it like https://slack.com/api/")
    if address.scheme == "http" and address.hostname not in ("127.0.0.1", "::1", "localhost"):
        raise ValueError(f"{url} would send the token unencrypted; write https://")
    return url


def _a_host(text: str) -> str:
    """Refuse what looks like an address and is none; whether a name exists, the network tells."""
    if re.fullmatch(r"[\d.]+", text):
        try:
            ip_address(text)
        except ValueError as error:
            raise ValueError(f"{text!r} is no address; write it like 192.0.2.10") from error
    if not text or re.search(r"[\s/@]", text):
        raise ValueError(f"{text!r} is no address; write it like 192.0.2.10, or a name")
    return text


def _a_version(text: str) -> str:
    if text and text not in VERSIONS:
        raise ValueError(f"{text!r} is not supported; supported: {', '.join(VERSIONS)}")
    return text


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


class SlackSettings(Section):
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


class StorageSettings(Section):
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


class HealthSettings(Section):
    """[health]."""

    listen: Annotated[str, AfterValidator(_an_address_or_none)] = Field(
        "",
        description="Where /livez and /readyz are answered, host:port, e.g. 127.0.0.1:8080. Off "
        "where it is empty: who needs no orchestrator needs no open port.",
    )


class PackagesSettings(Section):
    """[packages]."""

    directory: Path = Field(
        Path("packages"),
        description="Folder with the CPUSE packages, each with its .sha256 file beside it.",
    )


class SshSettings(Section):
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


class RoleSettings(Section):
    """[roles.NAME]: who is in a role, by Slack id, never by name or address."""

    members: tuple[PersonId, ...] = Field((), description="Slack ids of persons (U… or W…).")
    usergroup: UsergroupId = Field(
        "", description="Id of a user group (S…) whose members are in it too."
    )


class GroupSettings(BaseModel):
    """[groups.NAME]: one Security Group; any key of [policy] may stand here too, and wins."""

    model_config = ConfigDict(extra="allow", frozen=True)

    address: Annotated[str, AfterValidator(_a_host)] = Field(
        description="Address of the group, answered by its SMO."
    )
    port: Annotated[int, Field(ge=1, le=65535)] = Field(22, description="SSH port.")
    username: str = Field("admin", description="Account to log in with.")
    shell: Literal["expert", "gclish"] = Field(
        "expert",
        description="The shell in which its logins end. gclish: Expert mode is reached with the "
        "expert password, from the environment; without it nothing can be done there. A login "
        "that ends elsewhere is refused.",
    )
    platform: Literal["", "Maestro", "ElasticXL"] = Field(
        "",
        description="What it is; found by looking where this is empty. Needed in VSX mode, whose "
        "picture does not say it; a device that says otherwise is refused.",
    )
    mode: Literal["", "Gateway", "VSX", "VSNext"] = Field(
        "", description="Its mode (VSX is Traditional VSX); found by looking where this is empty."
    )
    version: Annotated[str, AfterValidator(_a_version)] = Field(
        "", description="Its version, e.g. R81.20; found by looking where this is empty."
    )
    channel: ChannelId = Field(description="Id of the channel (C…) where runs on it are told.")
    timezone: Annotated[str, BeforeValidator(_known_zone)] = Field(
        "UTC", description="Where it stands: its times are told in it."
    )
    zone: str = Field(
        "", description="Network zone: `hotfix-bot worker --zone` acts on the groups of one zone."
    )

    tags: tuple[str, ...] = Field(
        (),
        description="Words that name it together with others, for `freeze`: one word each, no "
        "group's name, and not `all`.",
    )

    @property
    def pins(self) -> Identity:
        """What the settings say that it is."""
        return Identity(self.version, self.platform, self.mode)


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

    def windows_of(self, group: str) -> Windows:
        """Return when a group may fail over."""
        return self.policy_of(group).windows(self.groups[group].timezone)

    def unfenced(self, group: str) -> str:
        """Say what people must know of a group that several processes may act on; else ""."""
        if self.storage.embedded or self.policy_of(group).fence:
            return ""
        return (
            f"The members of {group} keep no fence (`fence = false`): a process that was paused "
            "may act late. Only one worker may execute there."
        )

    @property
    def tags(self) -> dict[str, tuple[str, ...]]:
        """The tags of each group."""
        return {name: group.tags for name, group in sorted(self.groups.items())}

    @property
    def scopes(self) -> dict[str, str]:
        """What can be frozen, each with the time zone in which its times are read.

        That of its groups, where they share one; else UTC, and so for `all`.
        """
        tagged = sorted({tag for tags in self.tags.values() for tag in tags})
        zones = {name: group.timezone for name, group in sorted(self.groups.items())}
        for tag in tagged:
            shared = {zones[name] for name in meant(tag, self.tags)}
            zones[tag] = shared.pop() if len(shared) == 1 else "UTC"
        return {**zones, ALL: "UTC"}

    @property
    def in_gclish(self) -> tuple[str, ...]:
        """The groups whose logins end in gClish, sorted."""
        return tuple(sorted(n for n, group in self.groups.items() if group.shell == "gclish"))

    def groups_of(self, zone: str) -> frozenset[str]:
        """Return the groups of a network zone; of all zones where it is "".

        Raises:
            SettingsWrong: no group is in this zone.
        """
        found = frozenset(n for n, group in self.groups.items() if zone in ("", group.zone))
        if zone and not found:
            known = sorted({group.zone for group in self.groups.values() if group.zone})
            hint = nearest(zone, known) or "; a group gets one with `zone` in [groups.NAME]"
            raise SettingsWrong(f"no group is in the zone {zone!r}{hint}")
        return found

    @property
    def channels(self) -> frozenset[str]:
        """Every channel where commands are heard."""
        return frozenset(self.slack.channels) | {g.channel for g in self.groups.values()}


def known_keys(place: tuple[str, ...]) -> list[str]:
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

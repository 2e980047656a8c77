"""What a rehearsal starts with: version, platform, Sites, login shell, and what goes wrong."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from datetime import datetime
from typing import Any

from engine.rehearsal import repository
from engine.rehearsal.dialects import DIALECTS, MOST_SITES, PLATFORMS, VSNEXT_SINCE
from engine.rehearsal.virtual import check

STANDBY_WORDS = ("STANDBY", "UP", "ACTIVE")
LOGIN_SHELLS = ("expert", "gclish")
BROADCASTS = ("plain", "blocks", "lines")
LONG_NAMES = ("whole", "cut", "dots", "wrapped")


@dataclass(frozen=True)
class Setup:
    """What a rehearsal starts with.

    Attributes:
        members: how many there are; with `sites` it is their sum.
        platform, mode: "Maestro" or "ElasticXL"; "Gateway", "VSX" or "VSNext".
        sites: members per Site, e.g. [5, 3]; empty is one Site.
        active_site: the Site that carries the connections at the beginning.
        standby_word: what `asg stat` prints for a healthy member of the Standby Site.
        lists_standby: whether `asg stat -i active_ids` lists the Standby Site's healthy members
            too; no source says it.
        site_returns: whether the Site of the beginning takes over again as soon as it is whole
            [B]: by default the other one keeps the connections.
        sync_all_sites: whether connections are copied to the other Site too.
        login_shell: where an SSH login ends: "expert" or "gclish".
        expert_password: what `expert` asks for where the login shell is gClish.
        virtual: Virtual Systems (or Gateways) beside number 0, as tables.
        packages: what is known of packages, by `name`: `kind` (jumbo, hotfix, major), `requires`
            (names), `display` (the name in lists), `version`, `take`, `size`, `reboots`.
        imported: packages that lie in the CPUSE repository already, as names or as such tables,
            with `members` and `installed`.
        restart_after_s: how long after CPUSE lists a package as changed the restart comes that its
            dialogue announced; `inf` is never.
        uninstall_gives_back: what the uninstall of a Jumbo leaves: "previous", "nothing", a take.
        disk_free_mb, disks: free megabytes of /var/log, and of members that differ, by id.
        list_lags_s: for how long after a restart the list of packages does not show what was
            installed before it.
        failed_state: what the list of packages says of one whose last installation failed; empty:
            what it said before [B].
        uninstalled_state: what the list of packages says of one that was uninstalled, as
            "Not Installed"; empty: that it can be installed [B].
        audits_admin_state: whether the dialogue of admin-down goes on to a name and a reason after
            its confirmation; R82's was not recorded.
        tells_busy: whether `da_status` says of an installation that it is in progress; where it
            does not, the action alone says so [I].
        cloning_blocks: whether `show … image auto-clone state` has a block for each member, or one
            sentence for all [I].
        long_names: what `asg policy verify` does with a policy's name that is longer than its
            column: prints it "whole", or "cut", with "dots" at the end, or "wrapped" [I].
        broadcast: how `gexec -g0` tells the answers of members apart: "plain" (it does not), in
            "blocks" under `1_01:`, or by `[1_01]` before each of their "lines" [I].
        keeps_actions: whether a change that ended with a restart is told as in progress for good.
        sftp: whether a login over real SSH takes sftp; scp it takes in any case.
        speed: simulated seconds per real second.
        frame_s: how often the installer repaints, in simulated seconds.
    """

    name: str = "site-1"
    members: int = 8
    version: str = "R81.20"
    platform: str = "Maestro"
    mode: str = "Gateway"
    sites: Sequence[int] = ()
    active_site: int = 1
    standby_word: str = "STANDBY"
    lists_standby: bool = True
    site_returns: bool = False
    login_shell: str = "expert"
    expert_password: str = "Expert-4711"  # noqa: S105 -- of a machine that does not exist
    virtual: Sequence[Mapping[str, Any]] = ()
    take_before: int = 99
    packages: Sequence[Mapping[str, Any]] = ()
    imported: Sequence[str | Mapping[str, Any]] = ()
    speed: float = 1.0
    seed: int = 0
    auto_clone: bool = True
    connections: int = 120_000
    reboots: bool = True
    restart_after_s: float = 0.0
    uninstall_gives_back: str | int = "previous"
    frame_s: float = 1.0
    upload_mb_per_s: float = 80.0
    disk_free_mb: int = 60_000
    disks: Mapping[str, int] = field(default_factory=dict)
    da_build: int = 2672
    policy: str = "Standard"
    long_names: str = "whole"
    sync_all_sites: bool = True
    list_lags_s: float = 0.0
    failed_state: str = ""
    uninstalled_state: str = ""
    audits_admin_state: bool = True
    tells_busy: bool = True
    cloning_blocks: bool = True
    broadcast: str = "plain"
    keeps_actions: bool = False
    sftp: bool = True
    start: datetime | None = None
    faults: Sequence[Mapping[str, Any]] = ()

    def __post_init__(self) -> None:
        """Refuse what cannot be played.

        Raises:
            ValueError: too many members or Sites, or a word that nobody knows.
        """
        if self.sites:
            object.__setattr__(self, "members", sum(self.sites))
        _known("version", self.version, DIALECTS)
        _known("platform", self.platform, PLATFORMS)
        _known("standby_word", self.standby_word, STANDBY_WORDS)
        _known("broadcast", self.broadcast, BROADCASTS)
        _known("long_names", self.long_names, LONG_NAMES)
        _known("login_shell", self.login_shell, LOGIN_SHELLS)
        check(self.mode, self.virtual)
        repository.check(self.packages, self.imported, self.uninstall_gives_back)
        platform = PLATFORMS[self.platform]
        _known(f"mode of {self.platform}", self.mode, platform.modes)
        _known(f"version of {self.platform}", self.version, platform.versions)
        if self.mode == "VSNext":
            _known("version of VSNext", self.version, VSNEXT_SINCE)
        if not 1 <= self.members <= platform.in_all:
            raise ValueError(f"1 to {platform.in_all} members, not {self.members}")
        if not all(1 <= count <= platform.per_site for count in self.per_site):
            raise ValueError(
                f"1 to {platform.per_site} members per Site, not "
                f"{', '.join(str(count) for count in self.per_site)}"
            )
        if len(self.per_site) > MOST_SITES or not 1 <= self.active_site <= len(self.per_site):
            raise ValueError(f"1 to {MOST_SITES} Sites, and one of them active")

    @property
    def per_site(self) -> tuple[int, ...]:
        """How many members each Site has."""
        return tuple(self.sites) or (self.members,)


def _known(what: str, value: str, known: Sequence[str] | Mapping[str, Any]) -> None:
    if value not in known:
        raise ValueError(f"{what} {value!r} is not one of {', '.join(known)}")

"""One simulated member: state words, software, CPUSE agent, policy, files.

What members do to each other is in `engine.rehearsal.group`.
"""

from __future__ import annotations

import hashlib
from dataclasses import dataclass, field

from engine.rehearsal.files import File, Files

AVAILABLE = "Available for Install"
INSTALLED = "Installed"
PART = "Installed as part of"
INITIAL_POLICY = "InitialPolicy"
JUMBO = "jumbo"
ACTIVE = "ACTIVE"
CARRYING = ("ACTIVE", "ACTIVE(!)")

INSTALL_CURVE: tuple[tuple[float, int, str], ...] = (
    (0, 0, "Installing package..."),
    (6, 0, "Preparing Installation:"),
    (9, 1, "Extracting Bundle:"),
    (20, 5, "Reading Configuration:"),
    (30, 7, "Validating Install:"),
    (45, 10, "Installing:"),
    (60, 14, "Installing:"),
    (80, 15, "Installing:"),
    (130, 24, "Installing:"),
    (170, 32, "Installing:"),
    (650, 40, "Installing:"),
    (710, 77, "Installing:"),
    (760, 83, "Installing:"),
    (830, 88, "Installing:"),
    (880, 96, "Installing:"),
    (900, 100, "Going to reboot:"),
)
"""Seconds since the confirmation, percent, message. Source: dossier section 5, the curve of
R80.30SP T101 on the SMO, with its plateau of eight minutes at 32 %."""

GOING_TO_REBOOT_S = 45.0
"""How long "Going to reboot:" stands at 100; source: 30 to 90 s, dossier section 3.4."""


@dataclass
class Package:
    """A CPUSE package as one member knows it."""

    name: str
    take: int
    state: str
    size: int
    sha256: str
    reboots: bool = True
    installed_at: float | None = None
    previous_take: int | None = None
    kind: str = JUMBO
    requires: tuple[str, ...] = ()
    display: str = ""
    version: str = ""

    @property
    def shown_name(self) -> str:
        """The name in lists for people: the file name, or a sentence about its take."""
        return self.display or self.name

    @property
    def md5(self) -> str:
        """A checksum as the agent prints it; made from the SHA-256, as no content is kept."""
        return hashlib.sha256(self.sha256.encode()).hexdigest()[:32]


@dataclass
class Action:
    """One action of the CPUSE agent; progress and message are what a query shows."""

    id: int
    kind: str
    package: str
    progress: str = "0"
    message: str = ""
    status: str = "in progress"
    method: str = ""

    @property
    def running(self) -> bool:
        """Tell whether it still goes on."""
        return self.status == "in progress"


@dataclass(frozen=True)
class Policy:
    """An access policy; `serial` counts its installations."""

    name: str
    date: str
    serial: int


NO_POLICY_KINDS = ("W", "R")
"""Virtual Switches and Virtual Routers, as `vsx stat -v` of a VSX gateway names them."""


@dataclass
class VirtualSystem:
    """A Virtual System or Gateway as one member has it; number 0 is the member itself.

    `kind` is the letter of `vsx stat -v`: S, or W for a Virtual Switch and R for a Virtual Router,
    which have no policy.
    """

    id: int
    name: str
    policy: Policy
    notes: list[str] = field(default_factory=list)
    kind: str = "S"

    @property
    def enforces(self) -> bool:
        """Tell whether it is of a sort that has a policy."""
        return self.kind not in NO_POLICY_KINDS

    @property
    def well(self) -> bool:
        """Tell whether it has no problem, and its own policy where it has one at all."""
        return not self.notes and self.policy.name != INITIAL_POLICY


@dataclass(frozen=True)
class Change:
    """The last change of a member's state, as `cphaprob state` shows it."""

    code: str
    change: str
    reason: str
    at: float


@dataclass
class Member:
    """One member; `stack` is "up", "init" or "none" (not seen by its peers)."""

    id: str
    site: int
    number: int
    node: int
    host_name: str
    files: Files
    boot_id: str
    policy: Policy
    auto_clone: bool
    clock_offset_s: float
    pace: float
    stack: str = "up"
    notes: list[str] = field(default_factory=list)
    state: str = "ACTIVE"
    forced_state: str | None = None
    packages: list[Package] = field(default_factory=list)
    base_take: int = 0
    imported_bytes: int = 0
    actions: list[Action] = field(default_factory=list)
    first_action: int = 1
    boots: int = 0
    booted_at: float = 0.0
    core_dumps: list[str] = field(default_factory=list)
    last_change: Change = Change(
        "CLUS-114904", "DOWN -> ACTIVE", "Reason for ACTIVE! alert has been resolved", 0.0
    )
    reboot_after: str = ""
    foreign_take: int | None = None
    snapshot: dict[str, File] = field(default_factory=dict)
    virtual: dict[int, VirtualSystem] = field(default_factory=dict)

    @property
    def padded(self) -> str:
        """The id as most outputs spell it, `1_05`."""
        return f"{self.site}_{self.number:02}"

    @property
    def address(self) -> str:
        """The address on the synchronisation network; `node` is one number over all Sites."""
        return f"192.0.2.{self.node}"

    @property
    def reachable(self) -> bool:
        """Tell whether one can log in."""
        return self.stack != "none"

    @property
    def take(self) -> int:
        """The take in force; 0 is none."""
        if self.foreign_take is not None:
            return self.foreign_take
        in_force = (p.take for p in self.packages if p.state == INSTALLED and p.kind == JUMBO)
        return next(in_force, self.base_take)

    @property
    def signature(self) -> str:
        """The signature of the policy in force; it depends on the software that compiled it."""
        return self.signature_of(self.policy)

    def signature_of(self, policy: Policy) -> str:
        """The signature of a policy of a Virtual System, or of the member's own."""
        facts = f"{policy.name}|{policy.serial}|{self.take}"
        return hashlib.sha256(facts.encode()).hexdigest()[:9]

    @property
    def ill_systems(self) -> list[str]:
        """What is wrong with its Virtual Systems, for the witness: `VS 2 DOWN (FSYNC)`."""
        return [
            f"VS {one.id} DOWN ({', '.join(one.notes)})"
            if one.notes
            else f"VS {one.id} without policy"
            for one in self.virtual.values()
            if not one.well
        ]

    def state_of(self, number: int) -> str:
        """The state word of a Virtual System; a member out of service takes all with it."""
        ill = number != 0 and not self.notes and bool(self.virtual[number].notes)
        return "DOWN" if ill and self.stack == "up" else self.state

    def notes_of(self, number: int) -> list[str]:
        """The problem notes of a Virtual System: those of the member are everybody's."""
        return self.notes + (self.virtual[number].notes if number else [])

    def policy_of(self, number: int) -> Policy:
        """The policy of a Virtual System; 0 is the member's own."""
        return self.virtual[number].policy if number else self.policy

    @property
    def action(self) -> Action | None:
        """What the agent does now."""
        return next((a for a in self.actions if a.running), None)

    def start_action(self, kind: str, package: str) -> Action:
        """Begin an action of the agent, with the next id."""
        last = self.actions[-1].id if self.actions else self.first_action - 1
        action = Action(last + 1, kind, package)
        self.actions.append(action)
        return action

    def available(self) -> list[Package]:
        """Return what can be installed; a package's index is its position here, from 1."""
        return [p for p in self.packages if p.state == AVAILABLE]

    def installed(self) -> list[Package]:
        """Return what is installed; the index for an uninstall is the position here, from 1."""
        return [p for p in self.packages if p.state == INSTALLED]

    def package(self, name: str) -> Package | None:
        """Return the package of this name."""
        return next((p for p in self.packages if p.name == name), None)

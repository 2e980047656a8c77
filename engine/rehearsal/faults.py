"""Faults by name: what goes wrong, where, and at which moment.

A fault that needs an occasion (`install_fails`, `stuck_down`, …) is armed by its trigger and fires
when the occasion comes; the others act at once. Each fires at most once. What a fault does to the
group is in `engine.rehearsal.group`.
"""

from __future__ import annotations

import re
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any

AT_ONCE = frozenset(
    [
        "member_fails",
        "member_recovers",
        "drop_sessions",
        "blind",
        "auto_clone_on",
        "policy_installed",
        "core_dump",
        "smo_moves",
        "site_failover",
        "site_stays",
        "snapshot_taken",
        "snapshot_revert",
    ]
)
ON_OCCASION = frozenset(
    [
        "policy_missing",
        "stuck_down",
        "install_fails",
        "wrong_take",
        "unknown_prompt",
        "down_refused",
        "import_cut",
        "import_missing",
        "config_locked",
        "installer_refused",
        "other_build",
        "verify_denied",
        "disk_full",
        "upload_truncated",
        "slow_return",
    ]
)
_SETTINGS = {"name", "after_s", "when", "delay_s"}
PER_SYSTEM = frozenset(
    ["policy_missing", "stuck_down", "policy_installed", "member_fails", "member_recovers"]
)
"""Faults that can hit one Virtual System alone: `vs` says which."""
_DETAILS = {"vs", "member", "notes", "percent", "message", "take", "in", "text", "seconds", "build"}


@dataclass
class Fault:
    """One fault; times are simulated seconds since the start."""

    name: str
    after_s: float | None = None
    when: str | None = None
    delay_s: float = 0.0
    details: dict[str, Any] = field(default_factory=dict)
    triggered: bool = False
    armed: bool = False
    fired_at: float | None = None

    @property
    def member(self) -> str | None:
        """The member that it concerns, if one is named."""
        value = self.details.get("member")
        return None if value is None else canonical(str(value))

    @property
    def vs(self) -> int:
        """The Virtual System that it hits; 0 is the member itself."""
        return int(self.details.get("vs", 0))

    def notes(self, default: Sequence[str] = ("FSYNC",)) -> list[str]:
        """The problem notes that it leaves."""
        notes = self.details.get("notes", default)
        return [n.strip() for n in notes.split(",")] if isinstance(notes, str) else list(notes)

    def concerns(self, member: str) -> bool:
        """Tell whether it concerns this member."""
        return self.member in (None, member)

    def matches(self, moment: str) -> bool:
        """Tell whether this named moment is its trigger."""
        if self.when is None or self.triggered:
            return False
        if self.when.startswith("command:"):
            return moment.startswith("command:") and bool(
                re.search(self.when.removeprefix("command:"), moment.removeprefix("command:"))
            )
        kind, *rest = self.when.split(":")
        happened, *facts = moment.split(":")
        if kind != happened or len(rest) > len(facts):
            return False
        if kind == "install_progress" and len(rest) == 2:
            return canonical(rest[0]) == facts[0] and int(facts[1]) >= int(rest[1])
        return all(canonical(r) == f for r, f in zip(rest, facts, strict=False))


def canonical(member: str) -> str:
    """Return `1_5` for `1_05`; other words are left alone."""
    match = re.fullmatch(r"(\d+)_(\d+)", member)
    return f"{int(match.group(1))}_{int(match.group(2))}" if match else member


def parse(raw: Mapping[str, Any]) -> Fault:
    """Read one fault from a table of a scenario.

    Raises:
        ValueError: an unknown name or key.
    """
    name = str(raw.get("name", ""))
    if name not in AT_ONCE | ON_OCCASION:
        raise ValueError(
            f"no fault is called {name!r}; known: {', '.join(sorted(AT_ONCE | ON_OCCASION))}"
        )
    unknown = raw.keys() - _SETTINGS - _DETAILS
    if unknown:
        raise ValueError(f"the fault {name} has no setting {', '.join(sorted(unknown))}")
    if "vs" in raw and name not in PER_SYSTEM:
        raise ValueError(f"the fault {name} does not hit one virtual system alone")
    after = raw.get("after_s")
    when = raw.get("when")
    return Fault(
        name,
        None if after is None else float(after),
        None if when is None else str(when),
        float(raw.get("delay_s", 0.0)),
        {key: value for key, value in raw.items() if key in _DETAILS},
    )


def parse_all(raw: Sequence[Mapping[str, Any]]) -> list[Fault]:
    """Read all faults of a scenario; raises as `parse`."""
    return [parse(item) for item in raw]

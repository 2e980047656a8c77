"""What the journals of a group's runs tell a later one: what was planned, seen, and how it ended.

Pure, but for reading them. Only runs that have ended count, and only what their records say; what
is true of the devices now is seen by a look.
"""

from __future__ import annotations

import contextlib
from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from itertools import islice

from engine.errors import NotUnderstood
from engine.facts import MemberFacts, MemberId, PackageState, package_stem
from engine.fold import RunState
from engine.model import Plan, StepKind
from storage.records import JournalStore

FORMERS_LIMIT = 30
"""So many ended runs of a group are read for what they saw; one that is older tells little."""


@dataclass(frozen=True)
class Former:
    """One run that has ended.

    Attributes:
        run: its id.
        plan: its plan in force at the end.
        state: how it ended: "done", "rolled back", "aborted" or "degraded".
        takes: what its first full look saw, or what it was planned from.
        began: whether anything was installed or uninstalled by it, also by an attempt that was
            given up.
        turned: whether people said `rollback` while it went on, so that it led back.
        cloning_owed: whether it left the group owing its image auto-clone.
        kept_actions: of each member the action that CPUSE kept as in progress when it was over.
    """

    run: str
    plan: Plan
    state: str
    takes: Mapping[MemberId, int | None]
    began: bool
    turned: bool = False
    cloning_owed: bool = False
    kept_actions: Mapping[MemberId, int] = field(default_factory=dict)

    @property
    def package(self) -> str:
        """The name of the package that it was about."""
        return self.plan.package.name


def formers(journal: JournalStore, group: str) -> Iterator[Former]:
    """Yield the runs of a group that have ended, the last one first; none that cannot be read."""
    for row in journal.ended(group):
        with contextlib.suppress(NotUnderstood):
            one = former(RunState.replay(journal.read(row.id)))
            if one is not None:
                yield one


def last_formers(journal: JournalStore, group: str) -> Sequence[Former]:
    """Return the runs of a group that ended last, as many as tell something, newest first."""
    return list(islice(formers(journal, group), FORMERS_LIMIT))


def former(state: RunState) -> Former | None:
    """Return what a run leaves to later ones; None where it goes on."""
    if state.ended is None or state.plan is None:
        return None
    seen = state.baseline
    kinds = (StepKind.INSTALL, StepKind.UNINSTALL)
    began = any(s.kind in kinds and state.of(s).committed_at is not None for s in state.plan.steps)
    began = began or _left_otherwise(state)
    takes = {m.id: m.take for m in seen.members} if seen is not None else {}
    return Former(
        state.run,
        state.plan,
        str(state.ended["state"]),
        takes,
        began,
        turned=bool(state.rolled_back),
        cloning_owed=state.cloning_owed,
        kept_actions=state.kept_actions,
    )


def _left_otherwise(state: RunState) -> bool:
    """Tell whether a member that was worked on is not surely as it was before.

    The plan in force at the end no longer has the work that was begun and given up.
    """
    before, after = state.baseline, state.facts
    if before is None or after is None:
        return False
    package = state.the_plan.package.name
    return any(
        not _surely_alike(before.member(member), after.member(member), package)
        for member in state.committed_to & set(before.ids) & set(after.ids)
    )


def _surely_alike(was: MemberFacts, now: MemberFacts, package: str) -> bool:
    had, has = was.package(package), now.package(package)
    return (
        now.answered
        and now.take == was.take
        and has is not PackageState.UNKNOWN
        and (has is PackageState.INSTALLED) is (had is PackageState.INSTALLED)
    )


def take_under(formers: Iterable[Former], package: str) -> tuple[int, str] | None:
    """Return the take that was there before a package was installed, and the run that saw it.

    Args:
        formers: the runs of this group, newest first.
        package: the package that would be uninstalled.
    """
    wanted = package_stem(package)
    for one in formers:
        take = one.plan.take_before
        installed = one.plan.kind == "install" and one.began and take is not None
        if installed and take is not None and package_stem(one.package) == wanted:
            return take, one.run
    return None


def kept_before(formers: Iterable[Former], members: Sequence[MemberFacts]) -> dict[MemberId, int]:
    """Return the newest actions of these members that a former run saw over.

    CPUSE may keep one as in progress for good, and no later run has seen how it ended.
    """
    newest = {m.id: m.action.id for m in members if m.action is not None}
    return {
        member: action
        for one in formers
        for member, action in one.kept_actions.items()
        if newest.get(member) == action
    }

"""What follows a run that has ended with members at different takes: finish, or rollback. Pure.

`finish` goes on with it on another night: the groups that are not yet where it led to. `rollback`
takes back those that are. Who is to be changed is decided by a look; from the former run come the
package, both takes and the Logical Groups. The other members are as they should be: they get no
steps, and carry the traffic.

Members that are to be taken back may be out of service: what was done to them may be why. On them
nothing fails over and nothing is taken down. Whether the work on them may start is asked (START),
and they go first, so that all others are in service while it lasts.
"""

from __future__ import annotations

from collections.abc import Collection, Iterator, Sequence
from string import ascii_uppercase

from engine.errors import PlanRefused
from engine.facts import (
    GroupFacts,
    MemberFacts,
    MemberId,
    PackageState,
    package_stem,
    spelled,
    surely_out,
)
from engine.former import Former
from engine.model import LAST_TAKE, LogicalGroup, PackageRef, Plan, Removal, Request, Step, StepKind
from engine.planner import about_split, concerned, group_steps, refuse_too_few_left
from engine.policy import Policy

FINISH, ROLLBACK = "finish", "rollback"

_OTHER_WAY = {"install": "uninstall", "uninstall": "install"}


def last_change(formers: Sequence[Former], request: Request) -> Former:
    """Return the run that is meant: the last one of the group by which anything was changed.

    Raises:
        PlanRefused: there is none, or it was about another package than was named.
    """
    found = next((one for one in formers if one.began), None)
    if found is None:
        raise PlanRefused(
            f"no run has changed anything on {request.security_group}, so there is nothing to "
            f"{'finish' if request.kind == FINISH else 'roll back'}"
        )
    named = request.package
    if named and package_stem(named) != package_stem(found.package):
        raise PlanRefused(
            f"the last run on {request.security_group} was {found.run}, about {found.package}, not "
            f"about {named}"
        )
    return found


def goes_on_with(request: Request, last: Former) -> str:
    """Return what is done to those that are left: "install" or "uninstall"."""
    kind = _OTHER_WAY[last.plan.kind] if last.turned else last.plan.kind
    return kind if request.kind == FINISH else _OTHER_WAY[kind]


def _takes(request: Request, last: Former) -> tuple[int, int]:
    """Return the take of those that are left, and the one that they are to have."""
    before, after = last.plan.take_before, last.plan.take_after
    if before is None:
        raise PlanRefused(f"{last.run} never saw the take of before, so nobody can tell it")
    back = last.turned is (request.kind == FINISH)
    return (after, before) if back else (before, after)


def plan_after(
    run: str,
    request: Request,
    last: Former,
    package: PackageRef,
    facts: GroupFacts,
    policy: Policy,
    *,
    remarks: Sequence[str] = (),
) -> Plan:
    """Plan what is left of a run, or the way back from it.

    Args:
        run: the id of the new run.
        request: "finish" or "rollback".
        last: the run that is meant.
        package: what it was about; to install it again it must be in the repository.
        facts: a quick look.
        policy: what governs the group.
        remarks: sentences that every proposal for the group says first.

    Raises:
        PlanRefused: nothing is left to do, or a member is neither here nor there.
    """
    left_out, seen, policy = concerned(request, package, facts, policy)
    kind, (start, target) = goes_on_with(request, last), _takes(request, last)
    to_do = [m for m in seen.members if not _is_at(m, package, target, has=kind == "install")]
    _refuse_neither(to_do, package, start, target, has=kind != "install")
    out = [m.id for m in seen.members if surely_out(m, policy.state_words)]
    down = _down_first(request, out, [m.id for m in to_do])
    _refuse_nothing_left(request, last, seen, [m.id for m in to_do], target)
    changing, standing = _divided(last, seen, [m.id for m in to_do], down, request.kind)
    groups = (*changing, *standing)
    if changing:
        refuse_too_few_left(groups, changing, policy)
    removal = None
    if kind == "uninstall":
        source = f"{last.run} saw take {target} before it installed take {start}"
        kept = last.plan.removal if request.kind == FINISH else None
        removal = kept or Removal(LAST_TAKE, source)
    quiet = {f"while {group.name} is down" for group in standing}
    notes = about_split(groups, seen)
    return Plan(
        run=run,
        revision=1,
        kind=kind,
        phase=request.kind,
        security_group=request.security_group,
        package=package,
        groups=groups,
        steps=_steps(changing, kind, target, down),
        policy=policy,
        version=seen.version,
        platform=seen.platform,
        mode=seen.mode,
        take_before=start,
        take_after=target,
        notes=(*remarks, *(n for n in notes if not n.startswith(tuple(quiet) or ("\0",)))),
        cause=f"{request.kind} of {last.run}, which ended {last.state}",
        left_out=left_out,
        removal=removal,
        takes=tuple((member.id, member.take) for member in seen.members),
        gives_back=_gives_back(request, last),
    )


def _gives_back(request: Request, last: Former) -> bool:
    """Whether it leads to what was there before: a way back, or the rest of one."""
    undone = last.turned is not last.plan.gives_back
    return undone is (request.kind == FINISH)


def _is_at(member: MemberFacts, package: PackageRef, take: int, *, has: bool) -> bool:
    there = member.package(package.name) is PackageState.INSTALLED
    return member.answered and member.take == take and there is has


def _refuse_neither(
    to_do: Sequence[MemberFacts], package: PackageRef, start: int, target: int, *, has: bool
) -> None:
    """Whoever is not where the run leads to must be where it began; nothing else is understood."""
    for member in to_do:
        if not member.answered:
            raise PlanRefused(
                f"{member.id} is {member.state} and does not answer; repair it first, or leave it "
                f"out with `without {member.id}`"
            )
        if not _is_at(member, package, start, has=has):
            state = member.package(package.name)
            raise PlanRefused(
                f"{member.id} is at take {'?' if member.take is None else member.take} and shows "
                f"{package.name} as {state}: neither as before (take {start}) nor as after (take "
                f"{target}); look at it by hand"
            )


def _down_first(
    request: Request, out: Sequence[MemberId], to_do: Collection[MemberId]
) -> tuple[MemberId, ...]:
    """Return the members out of service on which the work starts without a failover."""
    wrong = [one for one in out if one not in to_do or request.kind == FINISH]
    if wrong:
        hint = f"repair {'it' if len(wrong) == 1 else 'them'} first"
        back = ", or say `rollback`, which takes back also who is out of service"
        raise PlanRefused(
            f"{spelled(wrong)} {'is' if len(wrong) == 1 else 'are'} out of service; {hint}, or "
            f"leave out with `without {','.join(wrong)}`"
            f"{back if set(wrong) & set(to_do) else ''}"
        )
    return tuple(out)


def _refuse_nothing_left(
    request: Request, last: Former, seen: GroupFacts, to_do: Sequence[MemberId], target: int
) -> None:
    if not to_do and not (last.cloning_owed and request.kind == FINISH):
        raise PlanRefused(f"every member is at take {target} already, so nothing is left to do")
    if request.kind == FINISH and len(to_do) == len(seen.members):
        raise PlanRefused(
            f"{last.run} left no member changed, so there is nothing to finish; order it anew"
        )


# ------------------------------------------------------------------------------- the groups


def _divided(
    last: Former,
    seen: GroupFacts,
    to_do: Sequence[MemberId],
    down: Sequence[MemberId],
    kind: str,
) -> tuple[tuple[LogicalGroup, ...], tuple[LogicalGroup, ...]]:
    """Return the groups to be changed, in order, and those that are as they should be.

    The Logical Groups keep their letters. What was changed last goes back first.
    """
    former = last.plan.groups[::-1] if kind == ROLLBACK else last.plan.groups
    letters = _unused(group.name for group in last.plan.groups)
    changing, standing, rest = [], [], list[MemberId]()
    if down:
        whole = (g.name for g in former if set(g.members) == set(down))
        changing.append(LogicalGroup(next(whole, "") or next(letters), tuple(down)))
    for group in former:
        mine = [one for one in group.members if one in seen.ids and one not in down]
        left = tuple(one for one in mine if one in to_do)
        done = tuple(one for one in mine if one not in to_do)
        if left:
            changing.append(LogicalGroup(group.name, left))
            rest += done
        elif done:
            standing.append(LogicalGroup(group.name, done))
    known = {one for group in last.plan.groups for one in group.members}
    others = [one for one in seen.ids if one not in known and one not in down]
    if new := tuple(one for one in others if one in to_do):
        changing.append(LogicalGroup(next(letters), new))
    rest += [one for one in others if one not in to_do]
    if rest:
        standing.append(LogicalGroup(next(letters), tuple(rest)))
    return tuple(changing), tuple(standing)


def _unused(names: Iterator[str]) -> Iterator[str]:
    taken = set(names)
    return iter([letter for letter in ascii_uppercase if letter not in taken])


def _steps(
    groups: Sequence[LogicalGroup], kind: str, take: int, down: Sequence[MemberId]
) -> tuple[Step, ...]:
    install = kind == "install"
    prepare = [StepKind.PROPOSAL, StepKind.PREFLIGHT]
    if groups:
        prepare += [StepKind.UPLOAD, StepKind.IMPORT] if install else []
        prepare += [StepKind.VERIFY]
    steps = [Step(str(one), one) for one in (*prepare, StepKind.CLONING_OFF)]
    change = StepKind.INSTALL if install else StepKind.UNINSTALL
    for group in groups:
        is_down = bool(down) and set(group.members) <= set(down)
        steps += group_steps(group, change, take, is_down=is_down)
    last = [StepKind.CLONING_RESTORE, *([StepKind.CLEANUP] if install else []), StepKind.POSTFLIGHT]
    return (*steps, *(Step(str(one), one, take=take) for one in last))

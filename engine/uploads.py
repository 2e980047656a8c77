"""The package's file on the device: brought there whole, told how far, and removed at the end.

What CPUSE makes of it is in `engine.steps`. The file stays until every member lists the package:
an import that was told to be done may still read it [ORCH].
"""

from __future__ import annotations

import asyncio
from dataclasses import dataclass

from engine.duty import Duty
from engine.errors import ConditionFailed, StepFailed, TooLate
from engine.facts import GroupFacts, MemberFacts, PackageState, package_stem
from engine.journal import Kind
from engine.model import Step

TRIES = 2
"""A file that arrived damaged is removed and sent once more; then a person must look."""

MB = 1_000_000


def everywhere(duty: Duty, facts: GroupFacts) -> bool:
    """Tell whether every member that the plan is about lists the package."""
    listed, package = (PackageState.AVAILABLE, PackageState.INSTALLED), duty.plan.package.name
    return all(m.package(package) in listed for m in duty.plan.concerning(facts).members)


async def upload(duty: Duty, step: Step, facts: GroupFacts) -> None:
    """Copy the package to the group, unless it is there or already imported everywhere.

    Raises:
        ConditionFailed: there is not room enough for it.
        StepFailed: it arrived damaged each time, and was removed.
    """
    package = duty.plan.package
    if everywhere(duty, facts):
        await duty.done(step, how="already imported on every member")
        return
    if await duty.group.uploaded_sha256(package) == package.sha256:
        await duty.done(step, how="seen", sha256=package.sha256, on=facts.seen_from)
        return
    await _refuse_without_room(duty)
    await duty.intend(step, facts)
    found: str | None = None
    for tried in range(1, TRIES + 1):
        await _send(duty, step)
        found = await duty.group.uploaded_sha256(package)
        if found == package.sha256:
            await duty.done(step, how="acted", sha256=found, on=facts.seen_from)
            return
        # Resuming would go on behind what is damaged, so it begins anew.
        await duty.group.remove_upload_here(package)
        if tried < TRIES:
            wrong = f"arrived with SHA-256 {found or 'that cannot be read'}: removed, sent again"
            await duty.journal.write(Kind.PROGRESS, step=step.id, members={}, note=wrong)
    raise StepFailed(
        f"the uploaded file's SHA-256 was {found or 'not readable'} {TRIES} times, the repository "
        f"says {package.sha256}; it was removed. See whether the way there or the disk is at "
        "fault, then retry"
    )


async def _refuse_without_room(duty: Duty) -> None:
    """What is missing of the file must fit; the room for its import was seen at PREFLIGHT."""
    package = duty.plan.package
    free, there = await duty.group.room_for_upload(package)
    needed = max(0, package.size - there)
    if free is not None and free * MB <= needed:
        raise ConditionFailed(
            f"{duty.plan.policy.upload_directory} has {free} MB free, and {needed // MB + 1} MB "
            "of the package are still to come; make room there, then retry"
        )


@dataclass
class _Share:
    """How much of the file is there."""

    done: int = 0
    size: int = 0

    def heard(self, done: int, size: int) -> None:
        self.done, self.size = done, size


async def _send(duty: Duty, step: Step) -> None:
    """Send the file, and record how far it is as often as the group is looked at."""
    share = _Share()
    telling = asyncio.ensure_future(_tell(duty, step, share))
    try:
        sending = duty.group.upload(duty.plan.package, share.heard)
        await duty.watching(sending, lambda _: None)
    finally:
        telling.cancel()
        await asyncio.wait([telling])
    if not telling.cancelled() and (wrong := telling.exception()) is not None:
        raise wrong


async def _tell(duty: Duty, step: Step, share: _Share) -> None:
    told = -1
    while True:
        await duty.clock.sleep(duty.plan.policy.watch)
        if share.size and share.done != told:
            told = share.done
            await duty.journal.write(
                Kind.PROGRESS, step=step.id, members={}, sent=share.done, size=share.size
            )


def stored_otherwise(facts: GroupFacts, package: str, refusal: str) -> str:
    """Say which other build a member stores, and how to delete it; "" where that is not it.

    Source: SGMUP ("Another build of this package is already stored"); `installer delete` is [B].
    """
    if "already stored" not in refusal:
        return ""
    told = []
    for member in facts.members:
        others = [
            name
            for name, state in member.packages or ()
            if state is PackageState.AVAILABLE and package_stem(name) != package_stem(package)
        ]
        if f"import on {member.id}:" in refusal or others:
            told.append(f"{member.id} has {', '.join(others) or 'one that it does not list'}")
    return (
        f". Stored beside it: {'; '.join(told)}. To delete a build, on its member in gClish: `show "
        "installer packages imported`, then `installer delete <its number> member_ids <member>`; "
        "then retry"
    )


def importing(members: tuple[MemberFacts, ...]) -> list[str]:
    """Return the members on which CPUSE imports something just now."""
    return [
        m.id
        for m in members
        if m.action is not None
        and m.action.type.lower() == "import"
        and m.action.status == "in progress"
    ]


async def cleanup(duty: Duty, step: Step, facts: GroupFacts) -> None:
    """Remove the file that we uploaded, on whichever member it is, once nobody imports from it."""
    sent = duty.state.of("UPLOAD")
    if sent.status == "waiting":
        await duty.done(step, how="nothing was uploaded")
        return
    concerned = duty.plan.concerning(facts).members
    if busy := importing(concerned):
        duty.tried_since.setdefault(step.id, duty.clock.monotonic())
        if duty.tried_for(step) > duty.plan.policy.limits.importing:
            raise TooLate(f"{step.id}: CPUSE still imports on {', '.join(busy)}")
        await duty.pause(duty.plan.policy.watch)
        return
    await duty.intend(step, facts)
    answering = [member.id for member in concerned if member.answered]
    await duty.group.remove_upload(duty.plan.package, answering)
    silent = [member.id for member in concerned if not member.answered]
    left = f"; not looked for on {', '.join(silent)}, which did not answer" if silent else ""
    await duty.done(step, how=f"acted{left}")

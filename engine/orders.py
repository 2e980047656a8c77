"""From an order to a run: look, plan, and one transaction that makes the run.

An order that is refused leaves a record in the house's stream and a sentence for the person;
nothing was sent to a device but a look.
"""

from __future__ import annotations

import asyncio
from collections.abc import Callable

from engine import freezes, house, windows
from engine.answering import Answer, AnswerQueue
from engine.canon import digest_in_letters
from engine.errors import MaintenanceError, PlanRefused
from engine.facts import GroupFacts
from engine.group import LiveGroup
from engine.journal import Kind, first_records
from engine.model import Request
from engine.planning import beside, occupant, planned, refuse_unless_allowed, understood
from engine.ports import Clock, GroupSetup, Inventory, Packages, People, Shell
from storage.records import (
    HOUSE,
    Draft,
    GroupBusy,
    InboxRow,
    Lease,
    LeaseLost,
    StorageDown,
    Stores,
    StreamMoved,
)


def run_id(key: str, other: int = 0) -> str:
    """Return the id of the run that an order makes, short enough to be read out: `hf-7k3fq2ma`.

    Forty bits: among a million runs, the next one meets an id that is taken once in a million
    times. Then it gets its next `other` one.
    """
    return f"hf-{digest_in_letters(f'{key} {other}' if other else key, 8).lower()}"


class Orders:
    """Turns waiting orders into runs."""

    def __init__(
        self,
        stores: Stores,
        clock: Clock,
        inventory: Inventory,
        packages: Packages,
        answers: AnswerQueue,
        people: People,
        shell_of: Callable[[GroupSetup], Shell],
        *,
        version: str = "",
        redact: Callable[[str], str] = lambda text: text,
    ) -> None:
        self._stores = stores
        self._clock = clock
        self._inventory = inventory
        self._packages = packages
        self._answers = answers
        self._people = people
        self._shell_of = shell_of
        self._version = version
        self._redact = redact

    async def take(self, row: InboxRow, lease: Lease | None) -> str | None:
        """Take one order; return the new run's id, or None where it was refused.

        Args:
            row: the order.
            lease: on its group; None where there is no such group.

        Raises:
            LeaseLost, StreamMoved: another worker was faster.
            StorageDown: nothing can be recorded now; the order waits.
        """
        group = row.body["request"]["security_group"]
        try:
            return await self._make(row, understood(row.body["request"]), lease)
        except GroupBusy:
            busy = await self._occupant(group)
            await self._refuse(row, f"{group} is busy with {busy}")
        except (PlanRefused, MaintenanceError) as error:
            await self._refuse(row, str(error))
        except (LeaseLost, StreamMoved, StorageDown):
            raise
        except Exception as error:
            # Refused, or it would be tried again every second, with a look each time.
            mistake = f"a mistake of ours ({type(error).__name__}); the log says more"
            await self._refuse(row, mistake)
            raise
        return None

    async def _make(self, row: InboxRow, request: Request, lease: Lease | None) -> str:
        setup = self._inventory.group(request.security_group)
        if setup is None or lease is None:
            known = ", ".join(self._inventory.names()) or "none"
            raise PlanRefused(f"there is no group {request.security_group}; known: {known}")
        said_in = row.body.get("answer", {}).get("channel", "")
        await refuse_unless_allowed(self._people, request.requester, setup.policy, said_in)
        house_records = await asyncio.to_thread(self._stores.journal.read, HOUSE)
        if frozen := freezes.against(
            house_records,
            request.security_group,
            self._clock.now(),
            request.appointment,
            tags=setup.tags,
        ):
            raise PlanRefused(frozen)
        busy, refused = await asyncio.to_thread(beside, self._stores.journal, request)
        if refused:
            raise PlanRefused(refused)
        request = windows.ordered(request, setup.policy.windows, self._clock.now())
        run = await self._unused_id(row.key)
        plan, facts = await planned(
            run,
            request,
            setup,
            self._packages,
            self._stores.journal,
            lambda: self._look(setup),
            self._clock,
            beside=busy,
        )
        drafts, index = first_records(
            run,
            request,
            plan,
            facts,
            self._clock,
            by=request.requester,
            version=self._version,
        )
        await asyncio.to_thread(
            self._stores.journal.append,
            run,
            drafts,
            lease=lease,
            last_seq=0,
            index=index,
            take=[row.key],
        )
        return run

    async def _look(self, setup: GroupSetup) -> GroupFacts:
        setup.asked_again()
        shell = self._shell_of(setup)
        return await LiveGroup(shell, self._clock, setup.policy, pins=setup.pins).observe()

    async def _unused_id(self, key: str) -> str:
        """Return the first id of an order that no other one has: two never share a journal.

        The run of this same order is never met here: it was made as the order was taken, so a
        second append would be refused.
        """
        other = 0
        while await asyncio.to_thread(self._stores.journal.read, run_id(key, other)):
            other += 1
        return run_id(key, other)

    async def _occupant(self, group: str) -> str:
        return await asyncio.to_thread(occupant, self._stores.journal, group)

    async def _refuse(self, row: InboxRow, reason: str) -> None:
        """Record the refusal where no run exists to hold it, then tell the person."""
        request = row.body["request"]
        draft = Draft(
            Kind.REFUSED,
            self._clock.now(),
            request["requester"],
            {"request": request, "reason": reason},
        )
        asked = f"{request['kind']} {request['security_group']} {request['package']}".strip()
        if request.get("left_out"):
            asked = f"{asked} without {','.join(request['left_out'])}"
        answer = Answer(
            {**row.body.get("answer", {}), "user": request["requester"]},
            f"I understood `{asked}`, and did not begin: {reason}"
            f"{'' if reason.endswith(('.', '?')) else '.'}",
        )
        told = await house.write(self._stores, draft, row, answer, redact=self._redact)
        self._answers.give([told])

"""What every group of the settings is, asked of the devices before anybody orders anything.

`hotfix-bot check` prints what is said here. Nothing but one reading line is sent to each.
"""

from __future__ import annotations

import asyncio
from collections.abc import Sequence
from datetime import timedelta

from engine.errors import MaintenanceError, PlanRefused
from engine.facts import Identity
from engine.gaia.dialect import unsupported
from engine.group import LiveGroup
from engine.ports import Clock, GroupSetup
from engine.reading import ReadingShell

WITHIN = timedelta(seconds=30)
"""For the answer of one group; somebody waits at a shell."""


async def identified(setups: Sequence[GroupSetup], clock: Clock) -> tuple[list[str], list[str]]:
    """Return a sentence for each group that says what it is, and one for each that is wrong."""
    found = await asyncio.gather(*(_asked(setup, clock) for setup in setups))
    return [text for text, good in found if good], [text for text, good in found if not good]


async def _asked(setup: GroupSetup, clock: Clock) -> tuple[str, bool]:
    shell = setup.open_shell()
    live = LiveGroup(ReadingShell(shell), clock, setup.policy, pins=setup.pins)
    try:
        async with asyncio.timeout(WITHIN.total_seconds()):
            known = await live.identify()
    except (PlanRefused, MaintenanceError) as error:
        return f"groups.{setup.name}: {error}", False
    except TimeoutError:
        seconds = int(WITHIN.total_seconds())
        return f"groups.{setup.name}: it did not answer within {seconds} s", False
    finally:
        await shell.close()
    why = unsupported(known.version, known.platform, known.mode)
    return (f"groups.{setup.name}: {why}", False) if why else (_said(setup.name, known), True)


def _said(name: str, known: Identity) -> str:
    mode = "Traditional VSX" if known.mode == "VSX" else known.mode
    return f"{name} is {known.platform} in {mode} mode, {known.version}"

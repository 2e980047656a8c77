"""What differs between versions, in one table. Nothing else in the house may ask for a version."""

from __future__ import annotations

from dataclasses import dataclass

from engine.errors import PlanRefused


@dataclass(frozen=True)
class Dialect:
    """How one family of versions is spoken to."""

    show_cloning: str
    set_cloning: str
    admin_state: str
    admin_state_shell: str  # "expert" or "gclish"


# Source: SGMUP (R80.20SP to R81.10 `smo image`), GCXL (`g_clusterXL_admin -b`). R81.20 uses the
# same forms: the R81.20 page names the steps, its command cells were not readable [I].
UP_TO_R81_20 = Dialect(
    show_cloning="show smo image auto-clone state",
    set_cloning="set smo image auto-clone state {state}",
    admin_state="g_clusterXL_admin -b {members} {state}",
    admin_state_shell="expert",
)

_TABLE = {"R81.20": UP_TO_R81_20}


def dialect(version: str) -> Dialect:
    """Return how a version is spoken to.

    Source: the table above, one row per version that was tried.

    Raises:
        PlanRefused: nobody has tried this version.
    """
    known = _TABLE.get(version)
    if known is None:
        raise PlanRefused(f"{version} is not supported yet; supported: {', '.join(_TABLE)}")
    return known

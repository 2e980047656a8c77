"""What differs between versions and platforms, in one table. Nothing else may ask for a version.

Tags as in the facts that this follows: a source's key where it is confirmed; [I] inferred from
sources, no source says it word for word; [B] believed, to be checked on a real device.
"""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass

from engine.errors import PlanRefused
from engine.facts import Identity, MemberId, spelled

MAESTRO, ELASTICXL, CHASSIS = "Maestro", "ElasticXL", "Chassis"
GATEWAY, VSX, VSNEXT = "Gateway", "VSX", "VSNext"

PLATFORMS = (MAESTRO, ELASTICXL)
MODES = (GATEWAY, VSX, VSNEXT)


@dataclass(frozen=True)
class Dialect:
    """How one version is spoken to.

    Attributes:
        show_cloning: gClish: the state of SMO Image Cloning on every member.
        cloning_of_all: whether one sentence that this prints for no member in particular is of
            every member that gClish reaches.
        set_cloning: gClish: switch it; `{state}` is on or off.
        admin_state: set members administratively `{state}` (down or up); `{members}` their ids.
        admin_state_shell: the shell that knows it, "expert" or "gclish".
        confirming_acts: whether the yes to its first question may be all that it asks for.
        accelerated: the option of it that synchronises accelerated connections first, or "".
        padded: whether ids are written as it prints them, `1_01`; both are taken.
        member_word: what it calls a member, in the plural, where it counts them.
        modes: platform and mode that the vendor's procedure supports in this version.
        serving: the words for a healthy member, with one Site.
        standing_by: further words for a healthy member, where there is a Standby Site.
    """

    show_cloning: str
    set_cloning: str
    admin_state: str
    admin_state_shell: str
    confirming_acts: bool
    accelerated: str
    padded: bool
    member_word: str
    modes: tuple[tuple[str, str], ...]
    # What `show` prints was recorded nowhere: SGMUP has blocks per member, printed by `set`, and
    # that `show` has the same sentence is [I]. gClish is global, and this is a setting of the group
    # ("cluster configuration" in R82), switched in one command: so a sentence alone is the group's
    # [I]. Where a device shows it to be the SMO's alone, this is False, and such an answer holds.
    cloning_of_all: bool = True
    serving: tuple[str, ...] = ("ACTIVE", "UP")
    standing_by: tuple[str, ...] = ("STANDBY",)

    def ids(self, members: Iterable[MemberId]) -> str:
        """Spell members as this version's own texts do."""
        return spelled(members, padded=self.padded)

    def state_words(self, sites: int = 1) -> tuple[str, ...]:
        """Return the words for a member in service, with so many Sites.

        Source: ACTIVE SGMUP, PROM; UP SP76STAT, R8120; of a Standby Site's healthy members older
        samples say UP, and newer ones may say STANDBY [B]: both count.
        """
        return self.serving if sites < 2 else (*self.serving, *self.standing_by)

    def set_admin_state(
        self, state: str, members: Iterable[MemberId], *, accelerated: bool = False
    ) -> str:
        """Return the command for the Expert shell that sets members down or up; a dialogue.

        `accelerated` adds the option where there is one; it exists for down only.

        Source: GCXL (`g_clusterXL_admin -b … {up | down [-a]}`), EXLLAB (gClish of R82); that
        gClish is entered with `-c` for a command that asks is SGMUP's, for `installer` [I].
        """
        text = self.admin_state.format(members=self.ids(members), state=state)
        if accelerated and self.accelerated and state == "down":
            text = f"{text} {self.accelerated}"
        return f"gclish -c '{text}'" if self.admin_state_shell == "gclish" else text


# Source: SGMUP (R80.20SP to R81.10 `smo image`), GCXL (`g_clusterXL_admin -b`). R81.20 uses the
# same forms: the R81.20 page names the steps, its command cells were not readable [I].
UP_TO_R81_20 = Dialect(
    show_cloning="show smo image auto-clone state",
    set_cloning="set smo image auto-clone state {state}",
    admin_state="g_clusterXL_admin -b {members} {state}",
    admin_state_shell="expert",
    confirming_acts=False,
    accelerated="-a",
    padded=False,
    member_word="SGMs",
    modes=((MAESTRO, GATEWAY), (MAESTRO, VSX)),
)

# Source: EXLLAB (an ElasticXL of R82: `set cluster members-admin-state`, `show cluster
# configuration image auto-clone state`, ids as 1_01); for Maestro [I], one page of the guide is
# for both. Of the dialogue of admin-down it says "and confirm"; its prompts were not recorded. No
# option that synchronises accelerated connections was seen. R82.10 is taken to speak as R82 does
# [I]. Modes: SEED and the R82 guide.
FROM_R82 = Dialect(
    show_cloning="show cluster configuration image auto-clone state",
    set_cloning="set cluster configuration image auto-clone state {state}",
    admin_state="set cluster members-admin-state ids {members} {state}",
    admin_state_shell="gclish",
    confirming_acts=True,
    accelerated="",
    padded=True,
    member_word="Members",
    modes=(
        (MAESTRO, GATEWAY),
        (MAESTRO, VSNEXT),
        (MAESTRO, VSX),
        (ELASTICXL, GATEWAY),
        (ELASTICXL, VSNEXT),
    ),
)

_TABLE = {
    "R80.30SP": UP_TO_R81_20,
    "R81": UP_TO_R81_20,
    "R81.10": UP_TO_R81_20,
    "R81.20": UP_TO_R81_20,
    "R82": FROM_R82,
    "R82.10": FROM_R82,
}

VERSIONS = tuple(_TABLE)


def dialect(version: str) -> Dialect:
    """Return how a version is spoken to.

    Source: the table above.

    Raises:
        PlanRefused: the version is not in it.
    """
    known = _TABLE.get(version)
    if known is None:
        raise PlanRefused(
            f"{version or 'a version that is not shown'} is not supported; supported: "
            f"{', '.join(VERSIONS)}"
        )
    return known


def unsupported(version: str, platform: str, mode: str) -> str:
    """Return why the procedure is not supported there, or "".

    Source: SEED, R82 (platforms and modes), 1.3 of the facts (chassis has a procedure of its own).
    """
    try:
        words = dialect(version)
    except PlanRefused as error:
        return str(error)
    if platform == CHASSIS:
        return "a chassis is not supported: its procedure is another one, chassis by chassis"
    if platform not in PLATFORMS:
        seen = f"says {platform}" if platform else "does not say the platform"
        return (
            f"asg stat {seen}, so nobody can tell whether it is supported; where it is one of "
            f"{' or '.join(PLATFORMS)}, pin `platform` in the group's settings"
        )
    if (platform, mode) in words.modes:
        return ""
    if platform == ELASTICXL and mode == VSX:
        return "ElasticXL in Traditional VSX mode is not supported by the vendor's procedure"
    modes = [known for where, known in words.modes if where == platform]
    if not modes:
        return f"there is no {platform} of {version}; the first version with it is R82"
    return f"{platform} in {mode or 'an unknown'} mode is not supported with {version}"


def never_found(pins: Identity) -> str:
    """Return why no group that the procedure is for can be what the settings pin, or "".

    Source: the table above.
    """
    for version, words in _TABLE.items():
        for platform, mode in words.modes:
            if all(
                wanted in ("", here)
                for wanted, here in (
                    (pins.version, version),
                    (pins.platform, platform),
                    (pins.mode, mode),
                )
            ):
                return ""
    pinned = " ".join(one for one in (pins.platform, pins.version, pins.mode) if one)
    return f"no group that is supported is {pinned}: put right `platform`, `version` or `mode`"


def context(virtual: int) -> str:
    """Return the Expert command that goes to a Virtual System or Virtual Gateway; it says where to.

    Source: `vsenv` [B], for VSX and VSNext alike; acts belong in 0 (SEED, R82). It is a function
    of the login shell, so a shell that was not logged in to must read its file first [B].
    """
    file = "/etc/profile.d/vsenv.sh"
    return f"[ -e {file} ] && . {file}; vsenv {virtual}"

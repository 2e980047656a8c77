"""The words that differ between versions, in one table; those of platforms and modes beside it.

Sources: dossier of device facts, sections 1.6, 3 and 8; [I] is inferred there, [B] is background
that nobody has confirmed. A row without a tag stands in a recorded log or a public name.

    R80.30SP  SGM_upgrade logs: package name, narrow lists, permanent note, RSA host keys
    R81       as R81.10 [I]; RSA host keys [I]
    R81.10    SGM_upgrade logs: wide lists, permanent note
    R81.20    names of packages; everything else as R81.10 [I]
    R82       ElasticXL lab (auto-clone, admin state, host names), exporter (Members, Site)
    R82.10    names of packages; everything else as R82 [I]

Builds that stand in no package name are [B]: only the picture of `asg stat -v` shows them.
"""

from __future__ import annotations

from dataclasses import dataclass, replace


@dataclass(frozen=True)
class Dialect:
    """How one version speaks."""

    version: str
    build: int
    members: str
    member_column: str
    site: str
    host: str
    bundle: str
    file_name: str
    auto_clone: str
    down_in_gclish: bool
    permanent_note: str
    wide_lists: bool
    syncs_accelerated: bool = True  # GCXL (R80.20SP); that later ones still offer -a is [I]
    host_key: str = "ssh-ed25519"

    def host_name(self, group: str, site: int, number: int) -> str:
        """Return the host name of a member."""
        return self.host.format(group=group, site=site, number=number)

    def package_name(self, take: int) -> str:
        """Return the file name of the Jumbo Hotfix Accumulator of this take."""
        return self.file_name.format(take=take)

    @property
    def several_sites(self) -> str:
        """The word for more than one Site; `chassis` has no other plural."""
        return "chassis" if self.site == "Chassis" else "sites"


_NOTE_R80_30SP = (
    "This command does not survive reboot. To make the change permanent, please run "
    "'set cluster member admin down/up permanent' in clish or add '-p' at the end of the command "
    "in expert mode"
)
_NOTE = (
    "This command does not survive reboot. To make the change permanent, run either the "
    "'set cluster member admin {down|up} permanent' command in Gaia Clish, or the "
    "'clusterXL_admin {down|up} -p' command in Expert mode"
)

_R81_20 = Dialect(
    version="R81.20",
    build=631,
    members="SGMs",
    member_column="SGM ID",
    site="Chassis",
    host="{group}-ch{site:02}-{number:02}",
    bundle="BUNDLE_R81_20_JUMBO_HF_MAIN",
    file_name="Check_Point_R81_20_JUMBO_HF_MAIN_Bundle_T{take}_FULL.tgz",
    auto_clone="smo image auto-clone state",
    down_in_gclish=False,
    permanent_note=_NOTE,
    wide_lists=True,
)
_R81_10 = replace(
    _R81_20,
    version="R81.10",
    build=338,
    bundle="BUNDLE_R81_10_JUMBO_HF_MAIN",
    file_name="Check_Point_R81_10_JUMBO_HF_MAIN_Bundle_T{take}_FULL.tgz",
)
_R81 = replace(
    _R81_10,
    version="R81",
    build=392,
    bundle="BUNDLE_R81_JUMBO_HF_MAIN",
    file_name="Check_Point_R81_JUMBO_HF_MAIN_Bundle_T{take}_FULL.tgz",
    host_key="ssh-rsa",
)
_R80_30SP = replace(
    _R81,
    version="R80.30SP",
    build=48,
    bundle="BUNDLE_R80_30SP_JHF_MAIN",
    file_name="Check_Point_R80_30SP_JHF_MAIN_Bundle_T{take}_FULL.tgz",
    permanent_note=_NOTE_R80_30SP,
    wide_lists=False,
)
# The layout of asg stat is [I]; `g_clusterXL_admin` is still there in the Expert shell [I].
_R82 = replace(
    _R81_20,
    version="R82",
    build=777,
    members="Members",
    member_column="Member ID",
    site="Site",
    host="{group}-s{site:02}-{number:02}",
    bundle="BUNDLE_R82_JUMBO_HF_MAIN",
    file_name="Check_Point_R82_jumbo_hf_main_Bundle_T{take}_FULL.tgz",
    auto_clone="cluster configuration image auto-clone state",
    down_in_gclish=True,
)
_R82_10 = replace(
    _R82,
    version="R82.10",
    build=462,
    bundle="BUNDLE_R82_10_JUMBO_HF_MAIN",
    file_name="Check_Point_R82_10_jumbo_hf_main_Bundle_T{take}_FULL.tgz",
)

DIALECTS = {d.version: d for d in (_R80_30SP, _R81, _R81_10, _R81_20, _R82, _R82_10)}


@dataclass(frozen=True)
class Platform:
    """What a platform allows: members per Site and in all, Sites, modes, and the first version.

    ElasticXL: 3 per Site, 6 in all, two Sites, no Traditional VSX. The 31 of Maestro are [B].
    """

    per_site: int
    in_all: int
    modes: tuple[str, ...]
    versions: tuple[str, ...]


PLATFORMS = {
    "Maestro": Platform(31, 31, ("Gateway", "VSX", "VSNext"), tuple(DIALECTS)),
    "ElasticXL": Platform(3, 6, ("Gateway", "VSNext"), ("R82", "R82.10")),
}
MOST_SITES = 2

VSNEXT_SINCE = ("R82", "R82.10")

"""The words that differ between versions and platforms, in one table.

Sources: dossier of device facts, sections 1.6 and 3; [I] marks what is inferred there.
"""

from __future__ import annotations

from dataclasses import dataclass


@dataclass(frozen=True)
class Dialect:
    """How one version on one platform speaks."""

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

    def host_name(self, group: str, site: int, number: int) -> str:
        """Return the host name of a member."""
        return self.host.format(group=group, site=site, number=number)

    def package_name(self, take: int) -> str:
        """Return the file name of the Jumbo Hotfix Accumulator of this take."""
        return self.file_name.format(take=take)


_PERMANENT = (
    "This command does not survive reboot. To make the change permanent, run either the "
    "'set cluster member admin {down|up} permanent' command in Gaia Clish, or the "
    "'clusterXL_admin {down|up} -p' command in Expert mode"
)

DIALECTS = {
    "R81.20": Dialect(
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
        permanent_note=_PERMANENT,
        wide_lists=True,
    ),
    # R82: words from the exporter and the ElasticXL lab; layout of asg stat is [I].
    "R82": Dialect(
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
        permanent_note=_PERMANENT,
        wide_lists=True,
    ),
}

"""The texts of the commands, by what they are for."""

from __future__ import annotations

import posixpath
import shlex
from collections.abc import Mapping, Sequence

from engine.facts import MemberId, spelled
from engine.gaia.dialect import Dialect
from engine.model import COMPLETELY, LAST_TAKE


def on_member(member: MemberId, command: str) -> str:
    """Run a command that asks nothing on one member, from the group address.

    Source: SGMUP (`gexec -a -g0 -b 1_1 -c "…"`).
    """
    return f"gexec -a -g0 -b {member} -c {shlex.quote(command)}"


def member_session(member: MemberId) -> str:
    """Go to a member for a dialogue; needs a terminal.

    Source: SGMUP (`ssh -t user@group member 1_2`).
    """
    return f"member {member}"


def set_cloning(dialect: Dialect, *, on: bool) -> str:
    """Switch image auto-clone and save the configuration.

    Source: SGMUP 56-R8020-add_JHF.yml (`gclish -s -c`).
    """
    text = dialect.set_cloning.format(state="on" if on else "off")
    return f'gclish -s -c "{text}"'


def import_package(path: str, only: Sequence[MemberId] = ()) -> str:
    """Import an uploaded package on every member, or only on these.

    Source: EXLLAB, SGMUP (`installer import local <path> [member_ids <ids>]`).
    """
    named = f" member_ids {spelled(only)}" if only else ""
    return f'gclish -c "installer import local {path}{named}"'


def available_packages() -> str:
    """List what can be installed on the member that runs it.

    Source: SGMUP include/get_pkg_index.yml.
    """
    return "da_cli packages_info status=available_for_install"


def verify(number: int | str, members: Sequence[MemberId]) -> str:
    """Ask whether a package can be installed on these members.

    Source: EXLLAB, SGMUP.
    """
    return f'gclish -c "installer verify {number} member_ids {spelled(members)}"'


def install(number: int | str, members: Sequence[MemberId]) -> str:
    """Install a package on these members; a dialogue, on one of them.

    Source: SGMUP, EXLLAB (`installer install <N> member_ids <ids>`).
    """
    return f"gclish -c 'installer install {number} member_ids {spelled(members)}'"


def installed_packages() -> str:
    """List what is installed on the member that runs it.

    Source: DACLI (`status=installed`); that `installer uninstall` counts in this list is [I].
    """
    return "da_cli packages_info status=installed"


HOW_MUCH: Mapping[str, str] = {LAST_TAKE: "", COMPLETELY: ""}
"""What is added to `installer uninstall`, to say whether the last take alone or all of it goes.

Nothing, for both: no source shows how a group's dialogue is told, or whether it asks [I]. A
question that is not in the dialogue is not answered: the run holds with its text. What came back
is looked at on the first group, before the second one is asked for. `da_cli uninstall` has
`method=<completely|last_take>` [C: DACLI], but acts on one member without the group's confirmation
and audit, so it is not used.
"""


def uninstall(number: int | str, members: Sequence[MemberId], method: str = LAST_TAKE) -> str:
    """Uninstall a package from these members; a dialogue, on one of them.

    Source: CH-U1 (`installer uninstall <Number of CPUSE Package> member_ids <ids>`); `HOW_MUCH`.
    """
    words = f"installer uninstall {number} member_ids {spelled(members)} {HOW_MUCH[method]}"
    return f"gclish -c '{words.strip()}'"


def verify_uninstall(name: str) -> str:
    """Ask whether a package can be uninstalled from the member that runs it; answers with a number.

    Source: DACLI (`da_cli verify_uninstall package=<n>`).
    """
    return f"da_cli verify_uninstall package={shlex.quote(name)}"


def action_status(number: int) -> str:
    """Ask what became of an action of the CPUSE agent on the member that runs it.

    Source: SGMUP, DACLI.
    """
    return f"da_cli get_status_of_action actionID={number}"


def delete_package(number: int | str, members: Sequence[MemberId]) -> str:
    """Take a package out of the CPUSE repository of these members.

    Source: DACLI, ORCH (`installer delete <N>`, ordinary Gaia); with `member_ids` [I].
    """
    return f'gclish -c "installer delete {number} member_ids {spelled(members)}"'


def admin_state(
    dialect: Dialect, state: str, members: Sequence[MemberId], *, accelerated: bool
) -> str:
    """Set members administratively up or down; a dialogue.

    Source: GCXL. `-a` synchronises accelerated connections first; it exists for down only.
    """
    return dialect.set_admin_state(state, members, accelerated=accelerated)


def file_sha256(path: str) -> str:
    """Compute a file's checksum on the device.

    Source: GNU coreutils; SGMUP compares sums because scp lost files.
    """
    return f"sha256sum {shlex.quote(path)}"


def room_for_file(directory: str, path: str) -> str:
    """Show the free room in a directory, and how large a file is that may be there in part.

    Source: POSIX (`df -P`, `wc -c`).
    """
    file, folder, above = (shlex.quote(p) for p in (path, directory, posixpath.dirname(directory)))
    disk = f"df -P {folder} 2>/dev/null || df -P {above}"
    return f"{disk}; echo @there; [ -f {file} ] && wc -c {file}; true"


def remove_file(path: str) -> str:
    """Remove a file that we uploaded; the status is 0 when it is gone, also where it never was.

    Source: POSIX.
    """
    return f"rm -f {shlex.quote(path)}"


def make_directory(path: str) -> str:
    """Make the directory that we upload into.

    Source: POSIX.
    """
    return f"mkdir -p {shlex.quote(path)}"

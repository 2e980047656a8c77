"""Reading what single commands of a look print. Each says where its layout is from."""

from __future__ import annotations

import json
import re
from collections.abc import Collection, Iterator
from dataclasses import replace

from engine.errors import UnexpectedOutput
from engine.facts import CpuseAction, InstalledPolicy, MemberId, PackageState, member_id


def in_json(text: str, what: str) -> dict[str, object]:
    """Return the object that a command answered with; what stands before it (notices) is skipped.

    Source: DACLI.

    Raises:
        UnexpectedOutput: it is none.
    """
    start = text.find("{")
    try:
        value = json.loads(text[start:]) if start >= 0 else None
    except ValueError as error:
        raise UnexpectedOutput(f"{what} did not answer in JSON", text) from error
    if not isinstance(value, dict):
        raise UnexpectedOutput(f"{what} did not answer in JSON", text)
    return value


def read_cphaprob(text: str) -> tuple[str, tuple[str, ...]]:
    """Read a member's own state and problem notes from `cphaprob state`.

    Source: SGMUP R81.10. "HA module not started." stands for a stack that is restarting.

    Raises:
        UnexpectedOutput: neither that sentence, nor a local row and a line of problem notes.
    """
    if "HA module not started" in text or "Failed to retrieve cluster state" in text:
        return "NOT STARTED", ()
    local = re.search(r"^\s*[\d_]+ *\(local\)\s+\S+\s+\S+\s+(\S+)( \(!\))?", text, re.MULTILINE)
    if local is None:
        raise UnexpectedOutput("cphaprob state shows no local member", text)
    notes = re.search(r"Active PNOTEs:[ \t]*(\S.*)", text)
    if notes is None:
        raise UnexpectedOutput("cphaprob state shows no problem notes, not even None", text)
    shown = notes[1].strip()
    named = () if shown.upper() == "NONE" else tuple(note(one) for one in shown.split(","))
    return local[1].upper() + (local[2] or "").strip(), named


def note(word: str) -> str:
    """Return the one spelling of a problem note that we use: `admin_down` is ADMIN.

    Source: CLXL (the Critical Device `admin_down`), SGMUP (`Active PNOTEs: ADMIN`); GCXL.
    """
    return "ADMIN" if word.strip().upper() in ("ADMIN", "ADMIN_DOWN") else word.strip()


def read_fw_stat(text: str) -> str:
    """Read the policy's name from `fw stat`; "" where the last line has none.

    Source: SGMUP (`fw stat | tail -1 | awk '{ print $2 }'`).
    """
    policy = read_enforced(text)
    return policy.name if policy is not None else ""


def read_enforced(text: str) -> InstalledPolicy | None:
    """Read the policy from `fw stat`, with its date and without a signature; None: there is none.

    Source: as `read_fw_stat`; that the date follows the name, up to a colon, is [B].
    """
    lines = [line.split() for line in text.splitlines() if line.strip()]
    if not lines or len(lines[-1]) < 2 or lines[-1][0] == "HOST" or lines[-1][1] == "-":
        return None
    _, *shown = lines[-1]
    until = shown.index(":") if ":" in shown else len(shown)
    dated = [at for at, word in enumerate(shown[:until]) if at and _DATE.fullmatch(word)]
    date = dated[-1] if dated else 1
    return InstalledPolicy(
        " ".join(shown[:date]), " ".join(shown[date:until] if ":" in shown else [])
    )


_DATE = re.compile(r"\d{1,2}[A-Za-z]{3}\d{2,4}")
"""Up to which a policy's name goes, blanks in it and all. Source: SGMUP, SP76STAT (`22Aug22`)."""


_HOTFIX = re.compile(r"\b(?:BUNDLE|HOTFIX)_(\w+)(.*)", re.IGNORECASE)
_JUMBO = re.compile(r"(?:JUMBO_HF|JHF)(?:_T(\d+))?", re.IGNORECASE)
"""In a hotfix's name. A take there that is not its own is that of the Jumbo that it is made for: it
is none itself [B]."""
_TAKE = re.compile(r"(?:\s+Take:?\s*|#)(\d+)(?!\w)", re.IGNORECASE)
_SMO = re.compile(r"^\s*\[SMO\]\s*$(.*?)(?=^\s*\[[^\]]*\]\s*$|\Z)", re.MULTILINE | re.DOTALL)


def read_take(text: str) -> int:
    """Read the installed Jumbo take from `cpinfo -y all`; 0 where none is installed.

    Of several products the one counts that the field reads, SMO, where it says anything. Of
    several Jumbos by different names the highest counts [I].

    Source: SGMUP (`cpinfo -y all | grep -A 2 SMO | grep Take`); DACLI, SNOW
    (`BUNDLE_R82_JUMBO_HF_MAIN Take: 60`, `BUNDLE_R81_20_JUMBO_HF_MAIN#76`); that packages are in
    lower case since 2025 is of their names, and [I] here. "No hotfixes" is [B].

    Raises:
        UnexpectedOutput: a Jumbo without a take, or with two; or neither a hotfix nor that there
            is none: what cannot be read is not a take of 0.
    """
    smo = _SMO.search(text)
    said = smo[1] if smo else text
    # A heading alone says nothing, not even that there is none.
    lines = (said if said.strip() else text).splitlines()
    hotfixes = [found for line in lines if (found := _HOTFIX.search(line))]
    takes: dict[str, int] = {}
    for name, rest in (found.groups() for found in hotfixes):
        jumbo, take = _JUMBO.search(name), _TAKE.match(rest)
        if jumbo is None or (jumbo[1] and (take is None or take[1] != jumbo[1])):
            continue
        if take is None or takes.setdefault(name.lower(), int(take[1])) != int(take[1]):
            raise UnexpectedOutput("cpinfo -y all does not show one take of a Jumbo", text)
    if not takes and (not said.strip() or not (hotfixes or "no hotfixes" in said.lower())):
        raise UnexpectedOutput("cpinfo -y all shows neither hotfixes nor that there are none", text)
    return max(takes.values(), default=0)


def read_packages(text: str) -> tuple[tuple[str, PackageState], ...]:
    """Read `da_cli packages_info`, in the order in which CPUSE numbers them.

    Source: DACLI (states), SGMUP (`.packages[] | .filename, .state`).
    """
    listed = in_json(text, "packages_info").get("packages")
    if not isinstance(listed, list):
        raise UnexpectedOutput("packages_info has no list of packages", text)
    return tuple((str(one["filename"]), _package_state(str(one["state"]))) for one in listed)


def _package_state(words: str) -> PackageState:
    lower = words.lower()
    if lower.startswith("installed"):
        return PackageState.INSTALLED
    if lower in ("available for install", "imported", "downloaded"):
        return PackageState.AVAILABLE
    # Said of one that was uninstalled [I]; nobody counts on its file being there.
    if lower in ("available for download", "not installed"):
        return PackageState.ABSENT
    return PackageState.UNKNOWN


def read_action(text: str) -> CpuseAction | None:
    """Read `da_cli get_status_of_action`; None where there is no such action.

    Source: DACLI, SGMUP. Progress may be "" or "N/A"; the id "-1" means no action.
    """
    if not text.strip():
        return None
    value = in_json(text, "get_status_of_action")
    number = str(value.get("Action ID", "-1"))
    if "Action Type" not in value or not number.isdigit():
        return None
    progress = str(value.get("Progress", ""))
    return CpuseAction(
        id=int(number),
        type=str(value.get("Action Type", "")),
        status=str(value.get("Status", "")),
        progress=int(progress) if progress.isdigit() else None,
        message=str(value.get("Message", ""))[:120].strip(),
    )


def read_policies(text: str) -> dict[MemberId, InstalledPolicy]:
    """Read the table of `asg policy verify -a`: the policy of each member itself.

    Source: SGMUP (13-sp_upgrade_B.yml), columns SGM, name, date, signature, status. How it names
    a Virtual System in VSX is [I]: `1_02:3`, as its summary does, or in a column of its own.

    Raises:
        UnexpectedOutput: no row.
    """
    found = {one: policy for one, virtual, policy in _judged_rows(text) if not virtual}
    if not found:
        raise UnexpectedOutput("asg policy verify shows no member", text)
    return found


def read_virtual_policies(text: str) -> dict[MemberId, dict[int, InstalledPolicy]]:
    """Read of the same table the policies of Virtual Systems; empty where it shows none.

    Source: [B], as there.
    """
    found: dict[MemberId, dict[int, InstalledPolicy]] = {}
    for one, virtual, policy in _judged_rows(text):
        if virtual:
            found.setdefault(one, {})[virtual] = policy
    return found


_Row = tuple[MemberId, int, InstalledPolicy]


def _judged_rows(text: str) -> Iterator[_Row]:
    """Yield each row, a policy as failed only where nothing else in the table explains it.

    Failed is also how rows are shown whose signatures differ, as they do across takes while
    nothing is wrong, and each of them is: then it says no more than the signatures. So it counts
    where the very same policy is Success on another member, and where all members have one and the
    same. One row alone compares with nobody.

    Source: SGMUP, both samples (InitialPolicy; the same name and date with other signatures).
    """
    rows = list(_policy_rows(text))
    well = {(number, policy) for _, number, policy in rows if not policy.failed}
    shown: dict[int, list[InstalledPolicy]] = {}
    for _, number, policy in rows:
        shown.setdefault(number, []).append(replace(policy, failed=False))
    for member, number, policy in rows:
        own = replace(policy, failed=False)
        one_for_all = len(shown[number]) > 1 and set(shown[number]) == {own}
        failed = policy.failed and ((number, own) in well or one_for_all)
        yield member, number, replace(policy, failed=failed)


def _policy_rows(text: str) -> Iterator[_Row]:
    """Yield member, number of the Virtual System (0: the member itself) and policy of each row."""
    for member, number, row in _whole_rows(text):
        signature = row.get("policy signature", "")
        failed = row.get("status", "").lower().startswith(("fail", "error"))
        date = row.get("policy date", "")
        yield member, number, InstalledPolicy(row["policy name"], date, signature, failed)


def _whole_rows(text: str) -> list[tuple[MemberId, int, dict[str, str]]]:
    """Return each row with what wraps below it: rows that name neither a member nor a system.

    A row that cannot be read is nobody's, and neither is what stands below it without an id.

    Source: [I]; SGMUP wraps so in the tables of `installer`.
    """
    found: list[tuple[MemberId, int, dict[str, str]]] = []
    columns: list[str] = []
    member, above = "", dict[str, str]()
    for line in map(str.strip, text.splitlines()):
        if not line.startswith("|") or not line.endswith("|") or len(line) < 2:
            continue
        cells = [" ".join(cell.split()) for cell in line[1:-1].split("|")]
        if "policy name" in map(str.lower, cells):
            columns, member, above = [cell.lower() for cell in cells], "", {}
        elif columns and len(cells) == len(columns):
            row = dict(zip(columns, cells, strict=True))
            named = re.fullmatch(r"(\d{1,2}_\d{1,2})(?::(\d+))?(?: ?\(local\))?", cells[0])
            number = (named and named[2]) or row.get("vs", row.get("vs id", "0" if named else ""))
            if not cells[0] and not number:
                above.update({column: f"{above[column]} {row[column]}".strip() for column in above})
                continue
            member = member_id(named[1]) if named else "" if cells[0] else member
            above = row if member and number.isdigit() else {}
            if above:
                found.append((member, int(number), above))
    return found


_NAME_WIDTH = 19
"""Of the column with the policy's name; source: SGMUP. A name as wide as that may be cut."""


def verified(name: str, shown: InstalledPolicy | None) -> InstalledPolicy | None:
    """Return the policy that `fw stat` names, with what the verification shows of it.

    Where that names another one, or none, no more than the name is known: it was not verified.

    Source: [I]: whether `asg policy verify` wraps or cuts a long name, with or without `..` as
    SGMUP's import does, is not known.
    """
    if not name:
        return None
    if shown is None or not _is_shown_as(name, shown.name):
        return InstalledPolicy(name, "")
    return replace(shown, name=name)


def _is_shown_as(name: str, shown: str) -> bool:
    """Blanks do not count: where a name wraps, nobody can tell whether one stood there."""
    whole, part = "".join(name.split()), "".join(shown.split())
    cut = len(shown) >= _NAME_WIDTH and whole.startswith(part.removesuffix(".."))
    return whole == part or cut


_OF_ONE = re.compile(
    r"\s*(?:\[(\d{1,2}_\d{1,2})\]|(\d{1,2}_\d{1,2})\s*(?:\(local\))?\s*:)\s*(.*)", re.IGNORECASE
)
_OF_SOME = re.compile(
    r"\s*-\*-\s*(\d+)\s+(?:blade|member|SGM)s?:\s*([\d_,\s]+?)\s*-\*-\s*", re.IGNORECASE
)
_OF_SOMEBODY = re.compile(r"\s*(?:-\*-|\[?\d{1,2}_\d)")
"""However it goes on, what follows is not of the members named before."""


def _block(line: str) -> tuple[list[MemberId], str] | None:
    """Return whose block a line begins, and what stands behind that; None where it begins none.

    A heading that cannot be read is nobody's: what follows must not count for the one before.

    Source: SGMUP (`1_01:`, `-*- 2 blades: 1_01 1_02 -*-`, `[1_01]` before each line); `(local)` is
    SGMUP's in other tables, and that members may be told apart by commas is [I].
    """
    if one := _OF_ONE.fullmatch(line):
        return [member_id(one[1] or one[2])], one[3]
    if some := _OF_SOME.fullmatch(line):
        named = [one for one in re.split(r"[,\s]+", some[2]) if re.fullmatch(r"\d+_\d{1,2}", one)]
        return ([member_id(one) for one in named] if len(named) == int(some[1]) else []), ""
    return ([], "") if _OF_SOMEBODY.match(line) else None


def read_cloning(text: str, of_all: Collection[MemberId] = ()) -> dict[MemberId, bool]:
    """Read the state of image auto-clone per member, from blocks with members above.

    See `_block` for how these begin; the state may stand in the same line.

    Source: SGMUP log-8020.log for the sentence (printed by `set`; for `show` it is [I]), and for
    the kinds of blocks.

    Args:
        text: what was printed.
        of_all: whose state one sentence is that stands there alone, without any block; see
            `Dialect.cloning_of_all`.

    Raises:
        UnexpectedOutput: no member's state, or two for one.
    """
    found: dict[MemberId, bool] = {}
    lines = text.splitlines()
    said = [state for line in lines if (state := _CLONING.search(line))]
    alone = len(said) == 1 and not any(_block(line) for line in lines)
    members = list(of_all) if alone else []
    for line in lines:
        members, rest = _block(line) or (members, line)
        state = _CLONING.search(rest)
        if not state:
            continue
        for one in members:
            if found.setdefault(one, state[1].lower() == "on") != (state[1].lower() == "on"):
                raise UnexpectedOutput(f"image auto-clone of {one} is both on and off", text)
    if not found:
        shown = " ".join(text.split())[:_SHOWN]
        raise UnexpectedOutput(f"the state of image auto-clone cannot be read in {shown!r}", text)
    return found


_CLONING = re.compile(r"auto-clone state is:?\s+(on|off)(?![\w/-])", re.IGNORECASE)
_SHOWN = 120
"""Of what cannot be read, in characters: a reason is one sentence."""


def read_core_dumps(text: str) -> dict[MemberId, tuple[str, ...]]:
    """Read `core_dump_verifier -v`: files per member.

    Source: SGMUP (01-pre_checks; exit status 1 when dumps exist).
    """
    found: dict[MemberId, list[str]] = {}
    members: list[MemberId] = []
    for line in text.splitlines():
        members, rest = _block(line) or (members, line)
        file = re.search(r"(/\S*dump\S*|/\S+\.core\S*)", rest)
        if file:
            for one in members:
                found.setdefault(one, []).append(file[1])
    return {one: tuple(files) for one, files in found.items()}


def read_connections(text: str) -> dict[MemberId, int]:
    """Read `asg_conns`: the first of three integers under each member's header.

    Source: PROM (VALS PEAK SLINKS).
    """
    found: dict[MemberId, int] = {}
    members: list[MemberId] = []
    for line in text.splitlines():
        members, rest = _block(line) or (members, line)
        numbers = re.search(r"(?:^|\s)(\d+)\s+(\d+)\s+(\d+)\s*$", rest)
        if numbers and len(members) == 1 and members[0] not in found:
            found[members[0]] = int(numbers[1])
    return found


def offers_accelerated(text: str) -> bool:
    """Tell whether `g_clusterXL_admin -h` offers `-a`, which synchronises accelerated connections.

    Source: GCXL.
    """
    return re.search(r"(?:^|[\s\[])-a\b", text, re.MULTILINE) is not None


def read_disk(text: str) -> dict[str, int]:
    """Read `df -P`: free megabytes by mount point.

    Source: POSIX format of df (1024-byte blocks).
    """
    free: dict[str, int] = {}
    for line in text.splitlines():
        columns = line.split()
        if len(columns) >= 6 and columns[3].isdigit():
            free[columns[5]] = int(columns[3]) * 1024 // 1_000_000
    return free


def licences(text: str) -> int:
    """Count licence lines. Source: SGMUP (`cplic print -x | grep 192 | wc -l`)."""
    return sum(1 for line in text.splitlines() if re.match(r"\s*\d+\.\d+\.\d+\.\d+\s", line))

"""CPUSE: the `installer` dialogues of gClish and the `da_cli` of the Expert shell.

Source: dossier 3.3 and 3.4. The uninstall dialogue is [I]: the same frame as install with the word
Uninstallation. Texts for disk full, a damaged archive and a busy agent are [I].
"""

from __future__ import annotations

import json
import posixpath
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from math import inf
from typing import Any

from engine.rehearsal.devices.contexts import acts
from engine.rehearsal.devices.host import Host
from engine.rehearsal.devices.screens import Screen
from engine.rehearsal.interpreter import Process
from engine.rehearsal.member import AVAILABLE, INSTALLED, JUMBO, Action, Member, Package
from engine.rehearsal.repository import (
    MAY_INSTALL,
    MAY_UNINSTALL,
    METHODS,
    WHY_NOT,
    against_install,
    against_uninstall,
)
from engine.rehearsal.syntax import UnsupportedSyntax

QUICKEST_FRAME_S = 0.2
"""In real seconds: at high speed fewer frames are painted."""


@dataclass
class Track:
    """What one member's row shows: texts with the seconds they stand, then the end."""

    member: Member
    steps: list[tuple[float, str]]
    end: str
    finish: Callable[[], None]
    begun: float

    def text(self, now: float) -> str:
        """Return the row's text now."""
        left = now - self.begun
        for seconds, text in self.steps:
            if left < seconds:
                return text
            left -= seconds
        return self.end

    @property
    def seconds(self) -> float:
        """How long all steps take."""
        return sum(s for s, _ in self.steps)


def _names(host: Host, members: list[Member], *, local: bool = True) -> list[str]:
    return [host.name_of(m) if local else m.padded for m in members]


def _stamp(host: Host) -> str:
    return host.group.wall(host.member).strftime("[%b %d %H:%M:%S]")


def _short(name: str) -> str:
    return f"'{name[:20]}..'"


async def _show(host: Host, screen: Screen, tracks: list[Track], *, for_s: float = inf) -> None:
    """Start the tracks, each in its own time, and paint until the last has ended, or `for_s`."""
    until = host.group.now + for_s
    for track in tracks:
        host.group.after(track.seconds, track.finish)
    interval = max(host.group.setup.frame_s, QUICKEST_FRAME_S * host.group.setup.speed)
    while True:
        now = host.group.advance()
        screen.frame([(host.name_of(t.member), t.text(now)) for t in tracks])
        if all(t.text(now) == t.end for t in tracks) or now >= until:
            break
        await host.sleep(interval)


def _begin(host: Host, screen: Screen) -> None:
    screen.say("\nQuerying cluster members...\n")
    screen.clear(first=True)


# import


async def import_local(host: Host, process: Process, path: str, members: list[Member]) -> int:
    """`installer import local PATH [member_ids …]`."""
    screen, group = Screen(host, process), host.group
    screen.say("Preparing package for import. This operation might take a few moments\n")
    screen.say("Note: The selected package will be copied into CPUSE repository\n")
    file = host.files.files.get(path)
    if file is None:
        folder = posixpath.dirname(path)
        screen.say(f"\n{_stamp(host)} The package file is missing from {folder}/\n")
        return 0
    group.moment("import")
    for member in members:
        group.order("import", member.id, [m.id for m in members], package=posixpath.basename(path))
    _begin(host, screen)
    tracks = [_import_track(host, member, path) for member in members]
    cut = group.occasion("import_cut", host.member.id)
    await _show(host, screen, tracks, for_s=float(cut.details.get("seconds", 20)) if cut else inf)
    return 0


def _import_track(host: Host, member: Member, path: str) -> Track:
    group, file = host.group, host.files.files[path]
    name = posixpath.basename(path).removesuffix(".tar")
    name = name if name.endswith(".tgz") else f"{name}.tgz"
    lead = [
        (1.0, ""),
        (1.0, "Initiating package import..."),
        (1.0, "Verifying disk space..."),
        (1.0, ""),
    ]
    refusal = _import_refusal(host, member, name, path)
    action = member.start_action("Import", name)
    if refusal:

        def refuse() -> None:
            action.status, action.message, action.progress = "failure", refusal, "100"

        return Track(member, lead, refusal, refuse, group.now)
    steps = [
        *lead,
        (1.0, "Disk space is available"),
        (12.0 * member.pace, "Transferring package..."),
        (2.0, "Package was transferred successfully"),
        (30.0 * member.pace, "Importing package..."),
    ]
    boots = member.boots
    end = f"The package {_short(name)} was successfully imported."
    if file.damaged:
        end = f"Failed to import the package {_short(name)}: the archive is not valid."

    def finish() -> None:
        if member.boots != boots:
            return
        action.progress, action.message = "100", end
        action.status = "failure" if file.damaged else "success"
        if file.damaged or group.occasion("import_missing", member.id):
            return
        group.import_package(member, file, name)
        group.moment("imported", member.id)

    return Track(member, steps, end, finish, group.now)


def _import_refusal(host: Host, member: Member, name: str, path: str) -> str:
    group = host.group
    other = group.occasion("other_build", member.id)
    if other is not None:
        build = int(other.details.get("build", 101))
        return (
            f"Build number {build} of this package is already stored on this machine. "
            "Another build of this package is already stored on the machine. "
            "Please remove all stored builds of this package."
        )
    if member.package(name) is not None:
        return "The package you are trying to import already exists."
    needed_mb = host.files.files[path].size // 1_048_576
    if group.free_mb(member) <= needed_mb or group.occasion("disk_full", member.id):
        return WHY_NOT["space"]
    if member.action is not None:
        return "Another CPUSE action is in progress."
    return ""


# verify


async def verify(host: Host, process: Process, index: str, members: list[Member]) -> int:
    """`installer verify N [member_ids …]`: aborts for all when one member is not ready."""
    screen, group = Screen(host, process), host.group
    package = _indexed(host.member.available(), index)
    if package is None:
        screen.say(
            f"\n{_stamp(host)} Package index doesn't exist on the local member ('{index}')\n"
        )
        return 0
    group.moment("verify")
    _begin(host, screen)
    unready = [m for m in members if not _ready(m, package.name, AVAILABLE)]
    if unready:
        await _not_ready(host, screen, members, unready, package.name, "verify", "verification")
        return 0
    tracks = []
    for member in members:
        denied = group.occasion("verify_denied", member.id)
        refusal = against_install(member, package, group.setup.version)
        if denied is not None:
            refusal = str(denied.details.get("text", "Installation is not allowed."))
        allowed = "Upgrade is allowed." if package.kind == "major" else MAY_INSTALL
        end = refusal or allowed
        action = member.start_action("Verify", package.name)
        steps = [
            (1.0, ""),
            (1.0, "Initiating package verification..."),
            (1.0, "Package is ready for verification"),
            (1.0, "Verifying package..."),
            (1.0, _percent("Validating Install:", 1)),
            (1.0, _percent("Validating Install:", 50)),
        ]
        tracks.append(
            Track(member, steps, end, _ending(action, end, success=not refusal), group.now)
        )
    await _show(host, screen, tracks)
    return 0


def _ending(action: Action, text: str, *, success: bool) -> Callable[[], None]:
    def finish() -> None:
        action.progress, action.status = "100", "success" if success else "failure"
        code = "OK" if success else "DEPENDENCY"
        action.message = json.dumps({"message-code": code, "text": text})

    return finish


async def _not_ready(
    host: Host,
    screen: Screen,
    members: list[Member],
    unready: list[Member],
    name: str,
    word: str,
    noun: str,
) -> None:
    screen.frame([(host.name_of(m), f"Initiating package {noun}...") for m in members])
    await host.sleep(2)
    rows = [
        (
            host.name_of(m),
            f"Package is not ready for {word}" if m in unready else f"Package is ready for {noun}",
        )
        for m in members
    ]
    screen.frame(rows)
    missing = ",".join(m.padded for m in unready)
    screen.say(
        f"\n{_stamp(host)} {word} {name} cannot be performed on members :{missing}, please use "
        f"member_ids option with the correct members list \n"
    )
    screen.say(f"\n{_stamp(host)} Action was aborted ({word}, '{name}'). \n")


def _percent(label: str, percent: int) -> str:
    return f"{label:<29} {percent}%"


def _indexed(packages: list[Package], index: str) -> Package | None:
    number = int(index) if index.isdigit() else 0
    return packages[number - 1] if 0 < number <= len(packages) else None


def _ready(member: Member, name: str, state: str) -> bool:
    package = member.package(name)
    return (
        member.reachable
        and package is not None
        and package.state == state
        and member.action is None
    )


# install and uninstall


async def change(host: Host, process: Process, kind: str, index: str, members: list[Member]) -> int:
    """`installer install|uninstall N member_ids …`: the dialogue, then the progress.

    What it starts belongs to the agent on each member and goes on without this command.
    """
    screen, group = Screen(host, process), host.group
    install = kind == "install"
    listed = host.member.available() if install else host.member.installed()
    package = _indexed(listed, index)
    if package is None:
        screen.say(
            f"\n{_stamp(host)} Package index doesn't exist on the local member ('{index}')\n"
        )
        return 0
    noun = "installation" if install else "uninstallation"
    screen.say("\nQuerying cluster members...\n")
    screen.clear(first=True)
    unready = [
        m for m in members if not _ready(m, package.name, AVAILABLE if install else INSTALLED)
    ]
    if unready:
        await _not_ready(host, screen, members, unready, package.name, kind, noun)
        return 0
    refusals = {m.id: _against(host, kind, m, package) for m in members}
    if any(refusals.values()):
        await _refused(host, screen, members, refusals, package.name, kind, noun)
        return 0
    for text in ("", f"Initiating package {noun}...", f"Package is ready for {noun}"):
        screen.frame([(host.name_of(m), text) for m in members])
        await host.sleep(1)
    answers = await _audited(host, process, screen, kind, package, members)
    if answers is None:
        return 0
    name, reason = answers
    ids = [m.id for m in members]
    tracked = []
    for member in members:
        own = member.package(package.name)
        if own is None or not member.reachable:
            continue
        group.order(kind, member.id, ids, by=name, reason=reason, package=package.name)
        tracked.append((member, group.start_change(member, own, kind.capitalize())))
    await _follow(host, screen, tracked)
    return 0


def _against(host: Host, kind: str, member: Member, package: Package) -> str:
    if kind == "install":
        return against_install(member, package, host.group.setup.version)
    return against_uninstall(member, package)


async def _refused(
    host: Host,
    screen: Screen,
    members: list[Member],
    refusals: Mapping[str, str],
    name: str,
    kind: str,
    noun: str,
) -> None:
    """Say why in the table, and below it in one line, and abort for all.

    The sentences are from ordinary Gaia; their place on a group is [I].
    """
    screen.frame([(host.name_of(m), f"Initiating package {noun}...") for m in members])
    await host.sleep(2)
    ready = f"Package is ready for {noun}"
    screen.frame([(host.name_of(m), refusals[m.id] or ready) for m in members])
    for refusal in dict.fromkeys(r for r in refusals.values() if r):
        screen.say(f"\n{_stamp(host)} {refusal}\n")
    screen.say(f"\n{_stamp(host)} Action was aborted ({kind}, '{name}'). \n")


async def _audited(
    host: Host, process: Process, screen: Screen, kind: str, package: Package, members: list[Member]
) -> tuple[str, str] | None:
    """Ask the five questions; None is an abort, after which nothing was started."""
    group = host.group
    names = ",".join(m.padded for m in members)
    what = f"Package {'Installation' if kind == 'install' else 'Uninstallation'} ({package.name})"
    if group.occasion("unknown_prompt", **{"in": kind}):
        screen.say("Another administrator has a pending change. Discard it? ([y]es / [n]o)\n")
        await process.stdin.readline()
        screen.say(f"\n{_stamp(host)} Action was aborted ({kind}, '{package.name}'). \n")
        return None
    if package.reboots:
        screen.say(f"The machines({names}) will automatically reboot after {kind}.\n")
        screen.say("Do you want to continue? ([y]es / [n]o)\n")
        if not await _yes(process):
            return None
    screen.say(
        "Attention! In case image auto-clone is enabled, this operation may be overridden by "
        "auto-cloning from SMO during next boot.\n"
        f"To disable image auto-clone run: set {group.dialect.auto_clone} off\n"
        "Are you sure? (Y - yes, any other key - no) "
    )
    if not await _yes(process):
        return None
    screen.say(f"You are about to perform \n{what} on blades: {names}\n\n\n")
    screen.say("Are you sure? (Y - yes, any other key - no) ")
    group.moment("dialogue", kind, "confirm")
    if not await _yes(process):
        return None
    screen.say(f"\n\n{what} requires auditing\nEnter your full name: ")
    group.moment("dialogue", kind, "name")
    name = await process.stdin.readline()
    screen.say(f"Enter reason for \n{what} [Maintenance]: ")
    group.moment("dialogue", kind, "reason")
    reason = await process.stdin.readline()
    if not name or not reason:
        return None
    given = reason.strip() or "Maintenance"
    screen.say(f"WARNING: \n{what} on blades: {names}, User: {name.strip()}, Reason: {given}\n")
    screen.clear(first=False)
    return name.strip(), given


async def _yes(process: Process) -> bool:
    return (await process.stdin.readline()).strip().lower() in ("y", "yes")


async def _follow(host: Host, screen: Screen, tracked: list[tuple[Member, Action]]) -> None:
    interval = max(host.group.setup.frame_s, QUICKEST_FRAME_S * host.group.setup.speed)
    while True:
        host.group.advance()
        screen.frame([(host.name_of(m), _shown(a)) for m, a in tracked])
        if not any(a.running for _, a in tracked):
            return
        await host.sleep(interval)


def _shown(action: Action) -> str:
    if action.running and action.message.endswith(":"):
        return _percent(action.message, int(action.progress))
    return action.message


# delete


def delete(host: Host, process: Process, index: str, members: list[Member]) -> int:
    """`installer delete N [member_ids …]`; its text is [I]."""
    screen = Screen(host, process)
    package = _indexed(host.member.available(), index)
    if package is None:
        screen.say(
            f"\n{_stamp(host)} Package index doesn't exist on the local member ('{index}')\n"
        )
        return 0
    _begin(host, screen)
    rows = []
    for member in members:
        own = member.package(package.name)
        host.group.order("delete", member.id, [m.id for m in members], package=package.name)
        if own is not None and own.state == AVAILABLE:
            member.packages.remove(own)
            member.imported_bytes -= min(own.size, member.imported_bytes)
            rows.append((host.name_of(member), f"The package {_short(package.name)} was deleted."))
        else:
            rows.append((host.name_of(member), "Package is not ready for delete"))
    screen.frame(rows)
    return 0


# da_cli


async def da_cli(host: Host, process: Process) -> int:
    """`da_cli …`: JSON about, and acts on, the local member only."""
    command, *rest = process.args or ["help"]
    values = dict(a.split("=", 1) for a in rest if "=" in a)
    member = host.member
    match command:
        case "da_status":
            answer: Any = _da_status(host)
        case "packages_info":
            answer = _packages_info(host, values.get("status", "all"))
        case "package_info":
            package = member.package(values.get("package", ""))
            answer = _package(host, package) if package else {"Message": "Package was not found."}
        case "get_status_of_action":
            answer = _action(member, values.get("actionID", ""))
            changed = answer.get("Status") == "success" and "nstall" in answer["Action Type"]
            if changed and host.group.setup.keeps_actions:
                answer |= {"Status": "in progress", "Message": "Going to reboot:"}
        case "is_pending_reboot":
            action = member.action
            pending = action is not None and action.message == "Going to reboot:"
            answer = {"is pending reboot": pending}
        case "get_version":
            answer = {"DABuildNumber": str(host.group.setup.da_build)}
        case "import" | "verify" | "verify_uninstall" | "install" | "uninstall" | "delete":
            acts(host, process, f"da_cli {command}")
            answer = _direct(host, command, values)
        case _:
            raise UnsupportedSyntax(f"da_cli {' '.join(process.args)}")
    process.out(json.dumps(answer, indent=3, separators=(",", " : ")) + "\n")
    return 0


def _da_status(host: Host) -> dict[str, Any]:
    action = host.member.action
    down = (
        action is not None and action.kind == "Uninstall" and action.message == "Going to reboot:"
    )
    busy = action is not None and action.kind in ("Install", "Uninstall")
    return {
        "Action ID": str(action.id) if action else "0",
        "DABuildNumber": str(host.group.setup.da_build),
        "DAService State": "down" if down else "ready",
        "Installation in Progress": busy and host.group.setup.tells_busy,
        "Last Update Time": host.group.wall(host.member).strftime("%a %b %d %H:%M:%S %Y"),
        "New DA Availability": "up to date",
        "Update Status": "done",
    }


_SCOPES: dict[str, Callable[[Package], bool]] = {
    "available_for_install": lambda p: p.state == AVAILABLE,
    "installed": lambda p: p.state == INSTALLED,
    "available_for_download": lambda _p: False,
    "recommended": lambda _p: False,
}


def _any_package(_package: Package) -> bool:
    return True


def _packages_info(host: Host, scope: str) -> dict[str, Any]:
    chosen = _SCOPES.get(scope, _any_package)
    packages = [_package(host, p) for p in host.member.packages if chosen(p)]
    return {"numberOfPackages": len(packages), "packages": packages}


def _package(host: Host, package: Package) -> dict[str, Any]:
    when = package.installed_at
    bundle = host.group.dialect.bundle
    moment = host.group.wall(host.member).strftime("%a %b %d %H:%M:%S %Y")
    state = "Installed Successfully" if package.state == INSTALLED else package.state
    if when is not None and when <= host.member.booted_at and _lags(host):
        state = AVAILABLE
    tried = [a for a in host.member.actions if (a.kind, a.package) == ("Install", package.name)]
    if tried and tried[-1].status == "failure" and package.state == AVAILABLE:
        state = host.group.setup.failed_state or state
    changes = [
        a.kind
        for a in host.member.actions
        if a.kind in ("Install", "Uninstall") and a.package == package.name
    ]
    if changes[-1:] == ["Uninstall"] and package.state == AVAILABLE:
        state = host.group.setup.uninstalled_state or state
    return {
        "filename": package.name,
        "displayName": package.shown_name,
        "state": state,
        "build": package.take,
        "category": _CATEGORIES[package.kind],
        "fileSize": str(package.size),
        "md5": package.md5,
        "packageKey": f"CheckPoint#CPUpdates#All#6.0#5#4#{bundle}#{package.take}",
        "requiresReboot": package.reboots,
        "isInRepository": True,
        "blocksUninstall": any(package.name in p.requires for p in host.member.installed()),
        "installedOn": "N/A" if when is None else moment,
    }


def _lags(host: Host) -> bool:
    booted = host.member.booted_at
    return bool(booted) and host.group.now - booted < host.group.setup.list_lags_s


_CATEGORIES = {JUMBO: "jumbo", "hotfix": "misc", "major": "major"}


def _action(member: Member, number: str) -> dict[str, str]:
    action = next((a for a in member.actions if str(a.id) == number), None)
    if action is None:
        if number.isdigit() and 0 < int(number) < member.first_action:
            action = Action(
                int(number), "Verify", "N/A", "100", "Installation is allowed.", "success"
            )
        else:
            return {"Action ID": "-1", "Message": "Action was not found."}
    return {
        "Action ID": str(action.id),
        "Action Type": action.kind,
        "DAService State": "ready",
        "ExtendedMessage": "N/A",
        "Message": action.message,
        "Package": action.package,
        "Progress": action.progress,
        "Status": action.status,
    }


def _direct(host: Host, command: str, values: dict[str, str]) -> dict[str, str]:
    """An act of `da_cli` itself: without the group's dialogue and audit."""
    member, group = host.member, host.group
    name = values.get("package", "")
    if member.action is not None:
        return {"Action ID": "-1", "Message": "Another action is in progress.", "Package": name}
    if command == "import":
        path = posixpath.join(values.get("location", "/var/log/upload"), name)
        if path not in host.files.files:
            return {"Action ID": "-1", "Message": "The package file is missing.", "Package": name}
        group.order("import", member.id, [member.id], package=name)
        track = _import_track(host, member, path)
        group.after(track.seconds, track.finish)
        return _delivered(member.actions[-1], command)
    package = member.package(name)
    if package is None:
        return {"Action ID": "-1", "Message": "Package was not found.", "Package": name}
    if command in ("verify", "verify_uninstall"):
        return _checked(host, package, command)
    if command == "delete":
        group.order(command, member.id, [member.id], package=name)
        member.packages.remove(package)
        return {
            "Action ID": "0",
            "Message": "delete command delivered to service.",
            "Package": name,
        }
    method = values.get("method", "")
    if method and (command != "uninstall" or method not in METHODS):
        return {"Action ID": "-1", "Message": f"Unknown method {method}.", "Package": name}
    if refusal := _against(host, command, member, package):
        return {"Action ID": "-1", "Message": refusal, "Package": name}
    group.order(command, member.id, [member.id], package=name)
    action = group.start_change(member, package, command.capitalize(), method=method)
    return _delivered(action, command)


def _checked(host: Host, package: Package, command: str) -> dict[str, str]:
    """`da_cli verify|verify_uninstall`: an action whose message says whether it may be."""
    kind = "install" if command == "verify" else "uninstall"
    refusal = _against(host, kind, host.member, package)
    action = host.member.start_action("Verify", package.name)
    text = refusal or (MAY_INSTALL if kind == "install" else MAY_UNINSTALL)
    host.group.after(6.0, _ending(action, text, success=not refusal))
    return _delivered(action, command)


def _delivered(action: Action, command: str) -> dict[str, str]:
    return {
        "Action ID": str(action.id),
        "Message": f"{command} command delivered to service.",
        "Package": action.package,
    }

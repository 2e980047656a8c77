"""gClish: the global shell, at its prompt and with `-c`.

Source: dossier 1.2, 3.3, 3.6 and 3.9. Its general commands do not run on members that are DOWN; the
installer has a table of its own and reaches them.
"""

from __future__ import annotations

import re

from engine.rehearsal.devices import asg, cluster, cpuse, lists
from engine.rehearsal.devices.contexts import context_of, exists
from engine.rehearsal.devices.host import Host
from engine.rehearsal.devices.screens import Screen
from engine.rehearsal.interpreter import Process, State, process_of
from engine.rehearsal.member import Member

INVALID = "CLINFR0329  Invalid command:'{line}'.\n"
"""What Gaia Clish says to a command that it does not know [B]."""

LOCKED = "CLINFR0519  Configuration lock present. Can not execute.\n"
"""What it says to a change while another session holds the configuration."""

INVALID_IDS = "Invalid member ids: {ids}\n"
"""What it says to members that are not there [B]."""


async def gclish(host: Host, process: Process) -> int:
    """`gclish [-a] [-s] [-b ids] [-c command]`; without -c its prompt."""
    args, command, save, ids, down_too = list(process.args), None, False, None, False
    while args:
        match args.pop(0):
            case "-c" if args:
                command = args.pop(0)
            case "-s":
                save = True
            case "-a":
                down_too = True
            case "-b" if args:
                ids = args.pop(0)
            case other:
                process.err(f"gclish: invalid option {other}\n")
                return 1
    session = Session(host, process, ids, down_too=down_too)
    if command is not None:
        status = await session.line(command)
        if save:
            Screen(host, process).say("\n" + session.everywhere("success"))
        return status
    return await _prompt(process, session)


async def one_line(host: Host, state: State, line: str) -> int:
    """Run one command where gClish is the login shell."""
    return await Session(host, process_of([], state)).line(line)


async def _prompt(process: Process, session: Session) -> int:
    while True:
        session.screen.say(session.prompt)
        line = await process.stdin.readline()
        if not line or line.strip() in ("exit", "quit"):
            return 0
        if line.strip() == "expert":
            return 0
        if line.strip():
            await session.line(line.strip())


class Session:
    """One gClish; `ids` restricts the members."""

    def __init__(
        self, host: Host, process: Process, ids: str | None = None, *, down_too: bool = False
    ) -> None:
        self.host = host
        self.process = process
        self.ids = ids
        self.down_too = down_too
        self.screen = Screen(host, process)
        self.context = context_of(process.shell)

    @property
    def prompt(self) -> str:
        """The prompt; outside of mode Gateway with the Virtual System behind a colon [B]."""
        shown = "" if self.host.group.setup.mode == "Gateway" else f":{self.context}"
        return f"[Global] {self.host.member.host_name}{shown}> "

    async def line(self, line: str) -> int:
        """Run one command."""
        self.host.group.advance()
        words = line.split()
        match words:
            case ["set", "virtual-system", number]:
                return self._enter(number)
            case _ if self.context:
                # All that this session knows is of VS 0; what another says to it is [B].
                self.screen.say(INVALID.format(line=line))
                return 1
            case ["installer", *rest]:
                return await self._installer(rest)
            case ["show", "installer", "packages", *scope] if len(scope) <= 1:
                which = scope[0] if scope else "all"
                self.screen.say(lists.packages(self.host, self._reachable(), which))
                return 0
            case ["show", "installer", "package", wanted]:
                self.screen.say(lists.detail(self.host, self._reachable(), wanted))
                return 0
            case ["show", "installer", "status", "build"]:
                self.screen.say(lists.build(self.host, self._reachable()))
                return 0
            case ["save", "config"]:
                return 0
            case ["set", "config-lock", "on", "override"] | ["lock", "database", "override"]:
                return 0
            case ["set", "cluster", "members-admin-state", "ids", ids, ("up" | "down") as way] if (
                self.host.group.dialect.down_in_gclish
            ):
                return await self._admin_state(ids, way)
            case ["show", "cluster", "info", "overview", *live] if (
                self.host.group.dialect.down_in_gclish and live in ([], ["live"])
            ):
                return await self._overview(live=bool(live))
            case ["reboot", "-b", ids]:
                for member_id in self.host.group.ids(ids):
                    self.host.group.order("reboot", member_id, [member_id])
                    self.host.group.reboot(self.host.group.members[member_id])
                return 0
            case ["show", "version", "all"]:
                version = self.host.group.setup.version
                self.screen.say(self.everywhere(f"Product version Check Point Gaia {version}"))
                return 0
            case _:
                return self._auto_clone(line)

    async def _admin_state(self, ids: str, way: str) -> int:
        try:
            chosen = self.host.group.ids(ids)
        except KeyError:
            self.screen.say(INVALID_IDS.format(ids=ids))
            return 1
        return await cluster.change_state(self.host, self.process, chosen, way)

    async def _overview(self, *, live: bool) -> int:
        """Show the picture of `asg stat` [I]; `live` again and again, until Ctrl-C."""
        self.screen.say(asg.picture(self.host))
        while live:
            await self.host.sleep(asg.REFRESH_S)
            self.screen.say(f"{asg.CLEAR}{asg.picture(self.host)}")
        return 0

    def _enter(self, number: str) -> int:
        if not exists(self.host.member, number):
            self.screen.say(INVALID.format(line=f"set virtual-system {number}"))
            return 1
        self.context = int(number)
        return 0

    def _auto_clone(self, line: str) -> int:
        words = re.escape(self.host.group.dialect.auto_clone)
        match = re.fullmatch(rf"(show|set)\s+{words}(?:\s+(on|off))?".replace(r"\ ", r"\s+"), line)
        if not match or (match.group(1) == "set") != bool(match.group(2)):
            self.screen.say(INVALID.format(line=line))
            return 1
        members = self._running()
        group = self.host.group
        if match.group(1) == "set":
            if group.occasion("config_locked", self.host.member.id):
                self.screen.say(LOCKED)
                return 1
            for member in members:
                member.auto_clone = match.group(2) == "on"
            group.order(
                f"auto_clone_{match.group(2)}", self.host.member.id, [m.id for m in members]
            )
            group.moment(f"auto_clone_{match.group(2)}")
        blocks = [
            f"{m.padded}:\nImage auto-clone state is {'on' if m.auto_clone else 'off'}\n"
            for m in members
        ]
        if match.group(1) == "show" and not group.setup.cloning_blocks:
            blocks = [
                f"Image auto-clone state is {'on' if self.host.member.auto_clone else 'off'}\n"
            ]
        self.screen.say("\n".join(blocks))
        return 0

    async def _installer(self, words: list[str]) -> int:
        try:
            members = self._named(words)
        except KeyError as unknown:
            self.screen.say(f"Invalid member_ids: {unknown}\n")
            return 1
        words = words[: words.index("member_ids")] if "member_ids" in words else words
        refused = self.host.group.occasion(
            "installer_refused", self.host.member.id, **{"in": words[0] if words else ""}
        )
        if refused:
            self.screen.say(str(refused.details.get("text", LOCKED)).rstrip("\n") + "\n")
            return 1
        match words:
            case ["import", "local", path]:
                return await cpuse.import_local(self.host, self.process, path, members)
            case ["verify", index]:
                return await cpuse.verify(self.host, self.process, index, members)
            case ["install" | "uninstall" as kind, index]:
                return await cpuse.change(self.host, self.process, kind, index, members)
            case ["delete", index]:
                return cpuse.delete(self.host, self.process, index, members)
            case _:
                self.screen.say(INVALID.format(line=" ".join(["installer", *words])))
                return 1

    def _named(self, words: list[str]) -> list[Member]:
        group = self.host.group
        if "member_ids" not in words:
            return self._reachable()
        ids = group.ids(" ".join(words[words.index("member_ids") + 1 :]))
        return [group.members[i] for i in ids]

    def _reachable(self) -> list[Member]:
        group = self.host.group
        chosen = group.ids(self.ids) if self.ids else list(group.members)
        return [group.members[i] for i in chosen if group.members[i].reachable]

    def _running(self) -> list[Member]:
        """Members on which general commands run: not those that are DOWN."""
        return [m for m in self._reachable() if self.down_too or m.state not in ("DOWN", "INIT")]

    def everywhere(self, text: str) -> str:
        """Return the same answer of every member, grouped per member."""
        return "\n".join(f"{m.padded}:\n{text}\n" for m in self._running())

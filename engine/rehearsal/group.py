"""The simulated Security Group: what happens to whom, and when.

Nothing runs by itself: events lie in a queue, and whoever looks first lets those happen that are
due (`advance`). So two hours pass in milliseconds under a virtual clock, and as fast as `speed`
says behind real SSH. How commands look is in `engine.rehearsal.devices`.

Timings come from the dossier of device facts, section 5; what is a guess says so.
"""

from __future__ import annotations

import asyncio
import heapq
import math
import random
import re
import uuid
from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import dataclass, field, replace
from datetime import UTC, datetime, timedelta
from functools import partial
from typing import Any, Protocol

from engine.ports import Clock
from engine.rehearsal import repository
from engine.rehearsal.dialects import DIALECTS, Dialect
from engine.rehearsal.faults import AT_ONCE, Fault, canonical, parse_all
from engine.rehearsal.files import File, Files
from engine.rehearsal.member import (
    ACTIVE,
    CARRYING,
    GOING_TO_REBOOT_S,
    INITIAL_POLICY,
    INSTALL_CURVE,
    INSTALLED,
    Action,
    Change,
    Member,
    Package,
    Policy,
)
from engine.rehearsal.setup import Setup as Setup
from engine.rehearsal.traffic import Traffic
from engine.rehearsal.virtual import Virtuals, systems_of
from engine.rehearsal.witness import Act, Witness

SMO_GAP_S = 35.0
"""How long nobody answers at the group address after the SMO moved; measured 35 and 36 s when it
moves back. That it is the same when it leaves is [I]."""

BOOT_S = 170.0
"""From the reboot to a login prompt; [I], so that install and reboot take 17 to 21 minutes."""

CLONE_S = 240.0
"""How long a member needs to clone the SMO's software at boot; a guess."""

RETURN_STAGES: tuple[tuple[float, str, tuple[str, ...]], ...] = (
    (0.0, "init", ()),
    (15.0, "up", ("FSYNC", "AMW", "ROUTED")),
    (40.0, "up", ("FSYNC", "AMW")),
    (60.0, "up", ("LACP_SYNC",)),
    (70.0, "up", ()),
)
"""Seconds after the login prompt, stack, problem notes. Order: dossier section 4; seconds [I]."""

POLICY_STAGE = 3
"""The stage of `RETURN_STAGES` at which the policy has been fetched from the SMO."""

TICK_S = 0.001
"""The least real time between two looks at the queue; a timedelta counts microseconds only."""

SECOND_SITE = 14
"""After so many numbers those of the second Site begin: what a chassis holds [B]."""

DOWN_S = 3.0
"""How long a member needs to go administratively down; "a few seconds" [I]."""


class Session(Protocol):
    """Somebody logged in; the group closes it when a member on its way goes away."""

    by_address: bool
    path: list[str]

    def drop(self, why: str) -> None:
        """Close it from the far side."""
        ...


@dataclass(order=True)
class _Event:
    when: float
    order: int
    happen: Callable[[], None] = field(compare=False)


class Group:
    """A Security Group that does not exist."""

    def __init__(self, setup: Setup, clock: Clock) -> None:
        self.setup = setup
        self.clock = clock
        self.dialect: Dialect = DIALECTS[setup.version]
        self.now = 0.0
        self.random = random.Random(setup.seed)
        self.faults: list[Fault] = parse_all(setup.faults)
        self.policy = Policy(setup.policy, "12Mar24 10:51", 1)
        systems = systems_of(setup.virtual, self.policy)
        self.virtuals = Virtuals(self, {number: one.policy for number, one in systems.items()})
        self.sessions: list[Session] = []
        self.members: dict[str, Member] = {}
        for site, count in enumerate(setup.per_site, 1):
            for number in range(1, count + 1):
                member = self._new_member(site, number)
                self.members[member.id] = member
        for entry in setup.imported:
            self._preload({"name": entry} if isinstance(entry, str) else entry)
        self.witness = Witness(
            list(self.members),
            {m.id: m.take for m in self.members.values()},
            in_service=(ACTIVE, setup.standby_word) if len(setup.per_site) > 1 else (ACTIVE,),
        )
        self.auto_clone_before = self.auto_clones()
        self.active_site = setup.active_site
        for member in self.members.values():
            member.state = self._word(member)
        self.smo: str | None = self.carrying()[0]
        self.traffic = Traffic(
            setup.connections,
            self.carrying(),
            self._copies_elsewhere(),
            between_sites=setup.sync_all_sites,
        )
        self.silent_until = 0.0
        self.forced_smo: str | None = None
        self.forced_site: int | None = None
        self.takes_over = True
        self.smo_listeners: list[Callable[[], None]] = []
        self.unsupported: list[str] = []
        self.moments: list[tuple[float, str]] = []
        self._events: list[_Event] = []
        self._order = 0
        self._began: float | None = None
        self._wall: datetime | None = setup.start
        self._advancing = False
        self._pump: asyncio.Task[None] | None = None
        self._news: asyncio.Event | None = None
        self._waiters: list[tuple[str, asyncio.Event]] = []
        self._orderly: set[str] = set()
        self._last_healthy: str | None = self.smo
        for fault in self.faults:
            self._set_trigger(fault)

    # time

    def advance(self) -> float:
        """Let everything happen that is due, and return the simulated seconds since the start."""
        if self._began is None:
            self._began = self.clock.monotonic()
        if self._advancing:
            return self.now
        target = (self.clock.monotonic() - self._began) * self.setup.speed
        self._advancing = True
        try:
            while self._events and self._events[0].when <= target + 1e-9:
                event = heapq.heappop(self._events)
                self.now = max(self.now, event.when)
                event.happen()
            self.now = max(self.now, target)
        finally:
            self._advancing = False
        return self.now

    def wall(self, member: Member | None = None) -> datetime:
        """Return the simulated date, as this member's clock shows it."""
        if self._wall is None:
            self._wall = self.clock.now().astimezone(UTC)
        offset = member.clock_offset_s if member else 0.0
        return self._wall + timedelta(seconds=self.now + offset)

    def date(self, member: Member) -> datetime:
        """Return the date that a time server told a member: `speed` does not hurry that one."""
        hurried = self.now - self.now / self.setup.speed
        return self.wall(member) - timedelta(seconds=hurried)

    async def sleep(self, seconds: float) -> None:
        """Let simulated seconds pass."""
        await self.clock.sleep(timedelta(seconds=seconds / self.setup.speed))
        self.advance()

    def after(self, seconds: float, happen: Callable[[], None]) -> None:
        """Put an event into the queue."""
        self._order += 1
        heapq.heappush(self._events, _Event(round(self.now + seconds, 3), self._order, happen))
        if self._news is not None:
            self._news.set()

    def start(self) -> None:
        """Make events happen at their time although nobody looks; needs a running event loop."""
        self.advance()
        if self._pump is None or self._pump.done():
            self._news = asyncio.Event()
            self._pump = asyncio.get_running_loop().create_task(self._drive())

    async def stop(self) -> None:
        """Stop what `start` began."""
        if self._pump is not None:
            self._pump.cancel()
            await asyncio.gather(self._pump, return_exceptions=True)
            self._pump = None

    async def _drive(self) -> None:
        news = self._news
        while news is not None:
            self.advance()
            news.clear()
            waiting = asyncio.ensure_future(news.wait())
            tasks: set[asyncio.Future[Any]] = {waiting}
            if self._events:
                seconds = max(TICK_S * self.setup.speed, self._events[0].when - self.now)
                tasks.add(asyncio.ensure_future(self.sleep(seconds)))
            try:
                await asyncio.wait(tasks, return_when=asyncio.FIRST_COMPLETED)
            finally:
                for task in tasks:
                    task.cancel()

    # moments and faults

    def moment(self, *parts: object) -> None:
        """Say that something happened by which a fault may be triggered."""
        name = ":".join(str(p) for p in parts)
        if not name.startswith("command:"):
            self.moments.append((round(self.now, 1), name))
        for seen, event in self._waiters:
            if _is_moment(seen, name):
                event.set()
        for fault in self.faults:
            if fault.matches(name):
                fault.triggered = True
                if fault.delay_s:
                    self.after(fault.delay_s, partial(self._trigger, fault))
                else:
                    self._trigger(fault)

    async def wait_for(self, moment: str, *, within: timedelta) -> bool:
        """Wait for a named moment; one that has passed counts. False means too late."""
        self.start()
        if any(_is_moment(moment, name) for _, name in self.moments):
            return True
        event = asyncio.Event()
        self._waiters.append((moment, event))
        waiting = asyncio.ensure_future(event.wait())
        limit = asyncio.ensure_future(self.clock.sleep(within))
        try:
            await asyncio.wait({waiting, limit}, return_when=asyncio.FIRST_COMPLETED)
        finally:
            waiting.cancel()
            limit.cancel()
            self._waiters.remove((moment, event))
        return event.is_set()

    def add_fault(self, raw: Mapping[str, Any]) -> None:
        """Add a fault while the rehearsal runs; `after_s` counts from now.

        Raises:
            ValueError: an unknown name or key.
        """
        fault = parse_all([raw])[0]
        self.faults.append(fault)
        self._set_trigger(fault)
        self.advance()

    def occasion(self, name: str, member: str | None = None, **details: object) -> Fault | None:
        """Return the armed fault that fits this occasion, and let it fire."""
        number = details.pop("vs", 0)
        for fault in self.faults:
            if fault.name != name or not fault.armed or fault.fired_at is not None:
                continue
            if fault.vs != number or (member is not None and not fault.concerns(member)):
                continue
            if any(fault.details.get(k, v) != v for k, v in details.items()):
                continue
            self._fire(fault)
            return fault
        return None

    def _set_trigger(self, fault: Fault) -> None:
        if fault.when is not None:
            return
        fault.triggered = True
        delay = (fault.after_s or 0.0) + fault.delay_s
        if delay or fault.name in AT_ONCE:
            self.after(delay, lambda: self._trigger(fault))
        else:
            fault.armed = True

    def _trigger(self, fault: Fault) -> None:
        fault.armed = True
        if fault.name in AT_ONCE:
            self._fire(fault)
            _Harm(self).do(fault)

    def _fire(self, fault: Fault) -> None:
        fault.fired_at = round(self.now, 1)
        self.witness.event(self.now, "fault", fault.member or "", name=fault.name)

    # looking

    def member(self, member_id: str) -> Member:
        """Return a member by either spelling of its id.

        Raises:
            KeyError: no such member.
        """
        return self.members[canonical(member_id)]

    def ids(self, words: str) -> list[str]:
        """Read `1_1-1_4,2_1`, `all`, `chassis1`, `site2`, `chassis_active`.

        A range stays within its Site [I].

        Raises:
            KeyError: a member or Site that does not exist, or no such syntax.
        """
        if words in ("", "all"):
            return list(self.members)
        chosen: list[str] = []
        for part in words.replace(" ", "").split(","):
            chosen += self._site_named(part) or self._range(part)
        return list(dict.fromkeys(chosen))

    def _site_named(self, word: str) -> list[str]:
        match = re.fullmatch(r"(?:chassis|site)(\d|_active)", word)
        if not match:
            return []
        site = self.active_site if match.group(1) == "_active" else int(match.group(1))
        found = [m.id for m in self.members.values() if m.site == site]
        if not found:
            raise KeyError(word)
        return found

    def _range(self, words: str) -> list[str]:
        first, dash, last = words.partition("-")
        start, end = self.member(first), self.member(last if dash else first)
        if start.site != end.site:
            raise KeyError(words)
        return [
            m.id
            for m in self.members.values()
            if m.site == start.site and start.number <= m.number <= end.number
        ]

    def states(self) -> dict[str, str]:
        """Return every member's state word."""
        return {m.id: m.state for m in self.members.values()}

    def witnessed(self) -> dict[str, str]:
        """Return every member's state word, with what is wrong with its Virtual Systems."""
        return {
            m.id: f"{m.state} with {' and '.join(m.ill_systems)}"
            if m.state in (ACTIVE, self.setup.standby_word) and m.ill_systems
            else m.state
            for m in self.members.values()
        }

    def auto_clones(self) -> dict[str, bool]:
        """Return every member's image auto-clone."""
        return {m.id: m.auto_clone for m in self.members.values()}

    def in_service(self) -> list[str]:
        """Return the members that are healthy in every Virtual System.

        They are ACTIVE, or stand by in the Standby Site.
        """
        return [m.id for m in self.members.values() if self.is_healthy(m)]

    def is_healthy(self, member: Member) -> bool:
        """Tell whether a member carries connections, or would where its Site took over."""
        word = member.state in (ACTIVE, self.setup.standby_word)
        return word and not member.notes and not member.ill_systems

    def carrying(self) -> list[str]:
        """Return the members that carry connections; the Standby Site's carry none."""
        return [m.id for m in self.members.values() if self.carries(m)]

    def carries(self, member: Member) -> bool:
        """Tell whether a member carries connections."""
        return member.site == self.active_site and member.state in CARRYING

    @property
    def sites(self) -> list[int]:
        """The numbers of all Sites."""
        return list(range(1, len(self.setup.per_site) + 1))

    def site_state(self, site: int) -> str:
        """Return a Site's own word: ACTIVE or STANDBY; DOWN where nobody there is healthy [B]."""
        there = [m for m in self.members.values() if m.site == site]
        if not any(m.state != "DETACHED" for m in there):
            return "DOWN"
        if site == self.active_site:
            return "ACTIVE"
        return "STANDBY" if self._healthy_in(site) else "DOWN"

    @property
    def answering(self) -> bool:
        """Tell whether the group address answers now."""
        return self.smo is not None and self.now >= self.silent_until

    def report(self) -> dict[str, Any]:
        """Return what the witness says at the end, as plain data."""
        self.advance()
        starts = self.witness.starts
        return {
            "members": [
                {
                    "id": m.id,
                    "state": m.state,
                    "in_service": self.is_healthy(m),
                    "take_before": self.witness.takes_before[m.id],
                    "take_after": m.take,
                    "installs_started": starts[m.id].installs,
                    "uninstalls_started": starts[m.id].uninstalls,
                }
                for m in self.members.values()
            ],
            "active_site": self.active_site,
            "active_min": self.witness.active_min,
            "connections_lost": self.traffic.lost,
            "auto_clone": {
                "before": _word(self.auto_clone_before.values()),
                "after": _word(self.auto_clones().values()),
            },
            "acts": self.witness.acts_as_json(),
            "events": self.witness.events,
            "faults": [{"name": f.name, "fired_at": f.fired_at} for f in self.faults],
            "objections": self.witness.objections(),
            "absent": self.witness.absent(),
            "unsupported": list(self.unsupported),
            "seconds": round(self.now, 1),
        }

    def snapshot(self) -> dict[str, Any]:
        """Return the state of now, as plain data."""
        self.advance()
        return {
            "smo": self.smo,
            "answering": self.answering,
            "seconds": round(self.now, 1),
            "members": [
                {
                    "id": m.id,
                    "state": m.state,
                    "notes": list(m.notes),
                    "take": m.take,
                    "boot_id": m.boot_id,
                    "policy": m.policy.name,
                    "auto_clone": m.auto_clone,
                    "packages": {p.name: p.state for p in m.packages},
                    "action": m.action.message if m.action else "",
                    "connections": self.traffic.of(m.id),
                    "virtual": {
                        v.id: {"state": m.state_of(v.id), "policy": v.policy.name}
                        for v in m.virtual.values()
                    },
                }
                for m in self.members.values()
            ],
        }

    # acting

    def order(self, act: str, member: str, group: Sequence[str], **facts: str) -> None:
        """Tell the witness that somebody ordered something, at the time that it is now."""
        self.advance()
        known = {k: facts[k] for k in ("by", "reason", "package") if k in facts}
        self.witness.act(
            Act(
                self.now,
                act,
                member,
                tuple(group),
                self.witnessed(),
                self.auto_clones(),
                carrying=tuple(self.carrying()),
                **known,
            )
        )
        if act == "auto_clone_on":
            self.witness.cloning_on(self.now, {m.id: _software(m) for m in self.members.values()})

    def refused(self, member: Member, status: int) -> None:
        """Tell the witness that a line on this member refused to act."""
        self.advance()
        self.witness.event(self.now, "refused", member.id, status=status)
        self.moment("refused", member.id, status)

    def admin_down(self, member: Member) -> None:
        """Register the critical device `admin_down`; the last healthy member goes on."""
        if not member.reachable:
            return
        if self.occasion("down_refused", member.id):
            member.forced_state = "ACTIVE(!)"
        self._orderly.add(member.id)
        if "ADMIN" not in member.notes:
            member.notes.insert(0, "ADMIN")
        self.settle("USER DEFINED PNOTE")
        self.moment("admin_down", member.id)

    def admin_up(self, member: Member) -> None:
        """Unregister the critical device; a real problem keeps the member down all the same."""
        if not member.reachable:
            return
        member.forced_state = None
        if "ADMIN" in member.notes:
            member.notes.remove("ADMIN")
            if not member.notes:
                self._synchronise(member)
        self.settle("USER DEFINED PNOTE")
        self.moment("admin_up", member.id)

    def import_package(self, member: Member, file: File, name: str) -> None:
        """Put a package into a member's CPUSE repository."""
        package = self._described({"name": name})
        package.size, package.sha256 = file.size, file.sha256
        member.imported_bytes += file.size
        member.packages.append(package)

    def _described(self, entry: Mapping[str, Any]) -> Package:
        """Return a package as the scenario knows it; what an entry says wins over `packages`."""
        known = next((p for p in self.setup.packages if p["name"] == entry["name"]), {})
        said = {k: v for k, v in entry.items() if k not in ("members", "installed")}
        return repository.described({**known, **said}, reboots=self.setup.reboots)

    def free_mb(self, member: Member) -> int:
        """Return the free space in /var/log: uploads and packages imported since take some."""
        if member.files.full():
            return 0
        files = sum(f.size for p, f in member.files.files.items() if p.startswith("/var/log"))
        total = int(self.setup.disks.get(member.id, self.setup.disk_free_mb))
        return max(0, total - (files + member.imported_bytes) // 1_048_576)

    def start_change(
        self, member: Member, package: Package, kind: str, *, method: str = ""
    ) -> Action:
        """Start an installation ("Install") or uninstallation; it goes on whatever its CLI does."""
        action = member.start_action(kind, package.name)
        action.method = method
        boots = member.boots
        scale = member.pace * (1.0 if kind == "Install" else 0.6)  # uninstall: no figure, a guess
        self.moment(f"{kind.lower()}_started", member.id)
        for seconds, percent, message in INSTALL_CURVE:
            shown = message if kind == "Install" else message.replace("Installing", "Uninstalling")

            def progress(percent: int = percent, message: str = shown) -> None:
                self._progress(member, package, action, boots, percent, message)

            self.after(seconds * scale, progress)
        return action

    def _progress(
        self,
        member: Member,
        package: Package,
        action: Action,
        boots: int,
        percent: int,
        message: str,
    ) -> None:
        if not action.running or member.boots != boots:
            return
        kind = action.kind.lower()
        failing = next(
            (
                f
                for f in self.faults
                if f.name == "install_fails" and f.armed and f.fired_at is None
                if f.concerns(member.id) and percent >= int(f.details.get("percent", 32))
            ),
            None,
        )
        if failing is not None:
            self._fire(failing)
            action.status = "failure"
            action.message = str(failing.details.get("message", "Failed to install the package."))
            self.witness.ended(member.id, kind, package.name, success=False)
            self.witness.event(self.now, f"{kind}_failed", member.id)
            self.moment(f"{kind}_failed", member.id)
            return
        if percent == 100 and not package.reboots:
            message = f"The package '{package.name[:20]}..' was successfully {kind}ed."
        action.progress, action.message = str(percent), message
        self.moment(f"{kind}_progress", member.id, percent)
        if percent == 100:
            if package.reboots:
                self.after(
                    GOING_TO_REBOOT_S * member.pace,
                    lambda: self._finish_and_reboot(member, package, action, boots),
                )
            else:
                self._change_software(member, package, action)

    def _finish_and_reboot(
        self, member: Member, package: Package, action: Action, boots: int
    ) -> None:
        if member.boots == boots and action.running:
            self._change_software(member, package, action)
            restart = self._for_boot(member, partial(self.reboot, after=action.kind.lower()))
            late = self.setup.restart_after_s
            if not late:
                restart()
            elif math.isfinite(late):
                self.after(late, restart)

    def _change_software(self, member: Member, package: Package, action: Action) -> None:
        kind = action.kind.lower()
        action.status, action.progress = "success", "100"
        if action.kind == "Install":
            before = member.take
            repository.put_in_force(member, package, self.now)
            wrong = self.occasion("wrong_take", member.id)
            member.foreign_take = int(wrong.details.get("take", before)) if wrong else None
        else:
            back = repository.METHODS.get(action.method, str(self.setup.uninstall_gives_back))
            repository.take_out(member, package, back)
            member.foreign_take = None
        self.witness.ended(member.id, kind, package.name, success=True, restarts=package.reboots)
        self.witness.event(self.now, f"{kind}_done", member.id, take=member.take)
        self.moment(f"{kind}_done", member.id)

    def reboot(self, member: Member, *, after: str = "reboot") -> None:
        """Let a member reboot; an action that is under way stays interrupted."""
        if after in ("install", "uninstall"):
            self.witness.rebooted(self.now, member.id, member.auto_clone, after=after)
        self._vanish(member, "rebooting")
        self.after(BOOT_S * member.pace, self._for_boot(member, self._boot))

    def _vanish(self, member: Member, what: str) -> None:
        member.boots += 1
        self.witness.gone(member.id)
        member.stack, member.notes, member.forced_state = "none", [], None
        member.files.locks.clear()
        if member.action is not None:
            if member.action.kind in ("Install", "Uninstall"):
                self.witness.ended(
                    member.id, member.action.kind.lower(), member.action.package, success=False
                )
            member.action.status = "interrupted"
        self.witness.event(self.now, what, member.id)
        self.moment(what, member.id)
        self.settle("All other machines are dead (timeout)")
        for session in [s for s in self.sessions if member.id in s.path]:
            session.drop(f"{member.id} went away")

    def _for_boot(self, member: Member, happen: Callable[[Member], None]) -> Callable[[], None]:
        boots = member.boots

        def only_in_this_boot() -> None:
            if member.boots == boots:
                happen(member)

        return only_in_this_boot

    def _boot(self, member: Member) -> None:
        source = self._software_source(member)
        if member.auto_clone and source is not None and _software(source) != _software(member):
            self._clone(member, source)
            self.after(CLONE_S * member.pace, self._for_boot(member, self._boot))
            return
        member.boot_id = self._uuid()
        member.booted_at = self.now
        member.policy = Policy(INITIAL_POLICY, member.policy.date, 0)
        slow = self.occasion("slow_return", member.id)
        delay = float(slow.details.get("seconds", 600)) if slow else 0.0
        self.virtuals.booting(member, delay)
        for index, (seconds, stack, notes) in enumerate(RETURN_STAGES):

            def stage(
                member: Member,
                index: int = index,
                stack: str = stack,
                notes: tuple[str, ...] = notes,
            ) -> None:
                self._return_stage(member, index, stack, list(notes))

            wait = seconds * member.pace + (delay if index >= POLICY_STAGE - 1 else 0.0)
            if index == 0:
                stage(member)
            else:
                self.after(wait, self._for_boot(member, stage))
        self.witness.event(self.now, "rebooted", member.id, take=member.take)
        self.moment("rebooted", member.id)

    def _return_stage(self, member: Member, index: int, stack: str, notes: list[str]) -> None:
        kept = [n for n in member.notes if n == "ADMIN"]
        member.stack = stack
        if index == POLICY_STAGE and not self.occasion("policy_missing", member.id):
            self._synchronise(member)
        if index == len(RETURN_STAGES) - 1 and (stuck := self.occasion("stuck_down", member.id)):
            notes = stuck.notes()
        member.notes = kept + notes
        self.settle(
            "FULLSYNC PNOTE"
            if notes
            else "Member is now fully operational as part of Load Sharing ClusterXL"
        )
        if self.is_healthy(member):
            self.moment("returned", member.id)

    def _synchronise(self, member: Member) -> None:
        """Fetch policy and configuration from a member in service, as when going UP."""
        sources = [self.members[m] for m in self.in_service() if m != member.id]
        if sources:
            member.policy = sources[0].policy
            member.auto_clone = sources[0].auto_clone
        else:
            member.policy = self.policy

    def _software_source(self, member: Member) -> Member | None:
        if self.smo is None or self.smo == member.id:
            return None
        return self.members[self.smo]

    def _clone(self, member: Member, source: Member) -> None:
        member.packages = [replace(p) for p in source.packages]
        member.base_take, member.foreign_take = source.base_take, source.foreign_take
        self.witness.cloned(member.id)
        self.witness.event(self.now, "cloned", member.id, source=source.id, take=member.take)
        self.moment("cloned", member.id)

    # who is in service, who is the SMO

    def settle(self, reason: str) -> None:
        """Work out the Active Site, every member's word, the traffic and the SMO."""
        before = self.states()
        self._choose_site()
        words = {m.id: self._word(m) for m in self.members.values()}
        if not any(_own_state(m) == ACTIVE for m in self.members.values()):
            chosen = self._last_resort()
            if chosen is not None:
                self.active_site = self.members[chosen].site
                words[chosen] = "ACTIVE(!)"
        for member in self.members.values():
            word = words[member.id]
            if word == "DOWN" and member.forced_state:
                word = member.forced_state
            if word != before[member.id]:
                member.state = word
                member.last_change = Change(
                    _code(word), f"{before[member.id]} -> {word}", reason, self.now
                )
                self.witness.event(
                    self.now, "state", member.id, state=word, notes=list(member.notes)
                )
                self.moment("state", member.id, word)
        healthy = self.in_service()
        if healthy:
            self._last_healthy = healthy[0]
        self.traffic.change(
            self.carrying(), sorted(self._orderly), self.now, self._copies_elsewhere()
        )
        self._orderly.clear()
        self.witness.in_service(len(healthy))
        self._choose_smo()

    def _word(self, member: Member) -> str:
        own = _own_state(member)
        if own == ACTIVE and member.site != self.active_site:
            return self.setup.standby_word
        return own

    def _choose_site(self) -> None:
        """Let the other Site take over where nobody of the Active Site is healthy any more."""
        chosen = self.active_site
        if self.takes_over and not self._healthy_in(chosen):
            chosen = next((s for s in self.sites if self._healthy_in(s)), chosen)
        home = self.setup.active_site
        if self.forced_site is not None and self._healthy_in(self.forced_site):
            chosen = self.forced_site
        elif self.setup.site_returns and self._is_whole(home):
            chosen = home
        if chosen != self.forced_site:
            self.forced_site = None
        if chosen == self.active_site:
            return
        # Who could go on carrying hands over in order.
        self._orderly |= {m.id for m in self._healthy_in(self.active_site)}
        self.active_site = chosen
        self.witness.event(self.now, "site", str(chosen))
        self.moment("site", chosen)

    def _healthy_in(self, site: int) -> list[Member]:
        """Return the members of a Site that carry connections, or could."""
        there = [m for m in self.members.values() if m.site == site]
        return [m for m in there if _own_state(m) == ACTIVE]

    def _is_whole(self, site: int) -> bool:
        return len(self._healthy_in(site)) == self.setup.per_site[site - 1]

    def _copies_elsewhere(self) -> list[str]:
        """Return the members of the Standby Site to which connections are copied."""
        if not self.setup.sync_all_sites:
            return []
        others = [m for m in self.members.values() if m.site != self.active_site]
        return [m.id for m in others if _own_state(m) == ACTIVE]

    def _last_resort(self) -> str | None:
        up = [m for m in self.members.values() if m.stack == "up" and "FSYNC" not in m.notes]
        for member in up:
            if self.carries(member):
                return member.id
        return up[0].id if up else None

    def _choose_smo(self) -> None:
        """The lowest ACTIVE member is the SMO; with two Sites, of those in the Active Site."""
        carrying = [self.members[m] for m in self.carrying()]
        candidates = [m.id for m in carrying if m.state == ACTIVE] or [m.id for m in carrying]
        if not candidates and not self.takes_over:
            # Somebody answers at the group address, though nobody carries anything [B].
            candidates = self.in_service()
        chosen = candidates[0] if candidates else None
        if self.forced_smo in candidates:
            chosen = self.forced_smo
        if chosen == self.smo:
            return
        self.smo = chosen
        self.silence(SMO_GAP_S, "the SMO moved")
        self.witness.event(self.now, "smo", chosen or "")
        self.moment("smo", chosen or "")

    def silence(self, seconds: float, why: str) -> None:
        """Let the group address answer nobody for a while; its sessions drop."""
        self.silent_until = max(self.silent_until, self.now + seconds)
        self.after(seconds, lambda: None)
        for session in [s for s in self.sessions if s.by_address]:
            session.drop(why)
        for listener in self.smo_listeners:
            listener()

    # setting up

    def _new_member(self, site: int, number: int) -> Member:
        setup = self.setup
        files = Files()
        for folder in ("/var/log/upload", "/tmp", "/home/admin", "/var/log/dump/usermode", "/etc"):  # noqa: S108 -- a simulated tree
            files.make_folder(folder)
        member = Member(
            id=f"{site}_{number}",
            site=site,
            number=number,
            node=number if site == 1 else max(SECOND_SITE, setup.per_site[0]) + number,
            host_name=self.dialect.host_name(setup.name, site, number),
            files=files,
            boot_id=self._uuid(),
            policy=self.policy,
            auto_clone=setup.auto_clone,
            clock_offset_s=round(self.random.uniform(-20.0, 20.0), 1),
            pace=self.random.uniform(0.94, 1.04),
            first_action=self.random.randint(1, 40),
        )
        member.virtual = systems_of(setup.virtual, self.policy)
        files.generated = lambda path: self._generated(member, path)
        if setup.take_before:
            package = self._described({"name": self.dialect.package_name(setup.take_before)})
            package.state, package.size = INSTALLED, 2_900_000_000
            member.packages.append(package)
        return member

    def _preload(self, entry: Mapping[str, Any]) -> None:
        for member_id in entry.get("members") or list(self.members):
            member = self.member(str(member_id))
            package = self._described(entry)
            if entry.get("installed"):
                repository.put_in_force(member, package, 0.0)
            member.packages.append(package)

    def _generated(self, member: Member, path: str) -> str | None:
        match path:
            case "/proc/sys/kernel/random/boot_id":
                return f"{member.boot_id}\n"
            case "/etc/cp-release":
                return f"Check Point Gaia {self.setup.version}\n"
            case "/proc/uptime":
                uptime = self.now - member.booted_at + (0 if member.boots else 900_000)
                return f"{uptime:.2f} {uptime * 3:.2f}\n"
            case "/proc/loadavg":
                return "0.52 0.48 0.41 2/812 4242\n"
            case _:
                return None

    def _uuid(self) -> str:
        return str(uuid.UUID(int=self.random.getrandbits(128), version=4))


class _Harm:
    """What the faults that act at once do."""

    def __init__(self, group: Group) -> None:
        self.group = group

    def do(self, fault: Fault) -> None:
        """Do it."""
        if fault.vs:
            self.group.virtuals.harm(fault)
        else:
            getattr(self, f"_{fault.name}")(fault)

    def _victims(self, fault: Fault) -> list[Member]:
        if fault.member is None:
            return list(self.group.members.values())
        return [self.group.member(fault.member)]

    def _member_fails(self, fault: Fault) -> None:
        for member in self._victims(fault):
            if notes := fault.notes(default=()):
                member.notes = [n for n in member.notes if n == "ADMIN"] + notes
                self.group.settle(f"{notes[0]} PNOTE")
            else:
                self.group._vanish(member, "failed")  # noqa: SLF001 -- the group's own other half

    def _member_recovers(self, fault: Fault) -> None:
        for member in self._victims(fault):
            if member.stack == "none":
                self.group._boot(member)  # noqa: SLF001 -- the group's own other half
            else:
                member.notes = [n for n in member.notes if n == "ADMIN"]
                self.group._synchronise(member)  # noqa: SLF001 -- the group's own other half
                self.group.virtuals.repaired(member)
                self.group.settle(
                    "Member is now fully operational as part of Load Sharing ClusterXL"
                )

    def _drop_sessions(self, _fault: Fault) -> None:
        for session in list(self.group.sessions):
            session.drop("the connection was lost")

    def _blind(self, fault: Fault) -> None:
        self.group.silence(float(fault.details.get("seconds", 120)), "the connection was lost")

    def _auto_clone_on(self, fault: Fault) -> None:
        for member in self._victims(fault):
            member.auto_clone = True

    def _policy_installed(self, fault: Fault) -> None:
        group = self.group
        name = str(fault.details.get("text", group.policy.name))
        date = group.wall().strftime("%d%b%y %H:%M")
        group.policy = Policy(name, date, group.policy.serial + 1)
        for member in group.members.values():
            if member.stack == "up":
                member.policy = group.policy
        group.witness.event(group.now, "policy_installed", name=name)

    def _snapshot_taken(self, fault: Fault) -> None:
        for member in self._victims(fault):
            member.snapshot = dict(member.files.files)

    def _snapshot_revert(self, fault: Fault) -> None:
        """Bring a member's files back to its last snapshot, or to the beginning, by a reboot.

        Its software stays as it is: what a revert does to that is another night.
        """
        for member in self._victims(fault):
            member.files.files = dict(member.snapshot)
            self.group.reboot(member)

    def _core_dump(self, fault: Fault) -> None:
        for member in self._victims(fault):
            name = f"cpviewd.{52321 + len(member.core_dumps)}.core.gz"
            stamp = self.group.wall(member).strftime("%Y-%m-%d %H:%M:%S")
            member.core_dumps.append(f"{stamp}.57854085 /var/log/dump/usermode/{name}")

    def _smo_moves(self, fault: Fault) -> None:
        """Another member answers at the group address for a while, e.g. after a lost heartbeat."""
        group = self.group
        others = [m for m in group.carrying() if m != group.smo]
        if others:
            group.forced_smo = fault.member or others[0]
            group._choose_smo()  # noqa: SLF001 -- the group's own other half
            group.after(float(fault.details.get("seconds", 120)), self._smo_returns)

    def _smo_returns(self) -> None:
        self.group.forced_smo = None
        self.group._choose_smo()  # noqa: SLF001 -- the group's own other half

    def _site_failover(self, fault: Fault) -> None:
        """The other Site takes over, and keeps the connections or gives them back after a while."""
        group = self.group
        group.forced_site = next((s for s in group.sites if s != group.active_site), None)
        group.settle("Site failover")
        if seconds := fault.details.get("seconds"):
            group.after(float(seconds), self._site_failback)

    def _site_stays(self, _fault: Fault) -> None:
        """The Standby Site does not take over: it stands by, healthy, and nobody carries."""
        self.group.takes_over = False

    def _site_failback(self) -> None:
        self.group.forced_site = next(s for s in self.group.sites if s != self.group.active_site)
        self.group.settle("Site failover")


def _own_state(member: Member) -> str:
    if member.stack == "none":
        return "DETACHED"
    if member.stack == "init":
        return "INIT"
    return "DOWN" if member.notes else ACTIVE


def _code(word: str) -> str:
    return {"ACTIVE": "CLUS-114604", "ACTIVE(!)": "CLUS-116505", "DOWN": "CLUS-112100"}.get(
        word, "CLUS-110300"
    )


def _software(member: Member) -> tuple[int, frozenset[str]]:
    return member.take, frozenset(p.name for p in member.installed())


def _is_moment(wanted: str, name: str) -> bool:
    return name == wanted or name.startswith(f"{wanted}:")


def _word(values: Iterable[bool]) -> str:
    states = {("on" if v else "off") for v in values}
    return states.pop() if len(states) == 1 else "mixed"

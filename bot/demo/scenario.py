"""What is played: the group, who does what at which moment, what fails, and what must come of it.

A scenario is a TOML file in `bot/demo/scenarios`. Everything in it is checked when it is read, so
that a misspelt moment is an error at once and not a night that waits for ever:

    about = "one sentence for --list"
    until = "ended"            when the night is over: ended, held or halted; ended:2 where a
                               second run is ordered
    limit_s = 90               real seconds after which it is given up
    speed = 150                simulated seconds per real second
    database = "sqlite"        or "postgres": a server of the stage's own
    workers = 0                so many `worker` processes beside a `serve` that does not act
    serves = 1                 so many `serve` processes, each of which hears, acts and tells
    transport = "socket"       or "http": Slack calls the bot
    [group]                    what the rehearsal starts with (engine.rehearsal.group.Setup)
    [settings]                 what the bot's settings say beside the stage's own
    [order]                    user and text of the slash command that begins it; {overlap} in
                               a command is the next local time that is shown twice
    [[people]]                 on, user, do, emoji | text | fields, at, after_s; and event: what
                               becomes of the event that Slack sends of it (lost, late, twice,
                               renamed: twice under two ids); fails: what Slack says to them
                               instead of doing it
    [[faults]]                 as engine.rehearsal.faults reads them
    [[kill]]                   when, after_s, who, restart_after_s: SIGKILL, and the next start
    [[trouble]]                when, after_s, what, who, for_s: what fails around the bot, how long
    [[slack]]                  when, kind, n: what goes wrong next between Slack and the bot, so
                               many times, as bot.localslack.faults calls it
    [expect]                   dotted keys of the verdict and what they must be

`who` is a process: bot (`serve`), bot-2, worker-1, worker-2, or acting: whoever holds the group's
lease.

Moments are written alike everywhere (`on`, `when`):

    proposal, gate:2           the message that asks stands in Slack: the first, the second failover
    proposal:2                 the proposal stands there again, changed or asked anew
    held, ended, restarted     the thread has told so
    told                       something was told to one person alone
    ended:2                    it has told so of the second run
    step:A.INSTALL             the step was begun
    done:A.RETURN              the step is done
    record:COMMITTING:A.INSTALL  a record of this kind is in the journal
    device:admin_down:1_4      a moment of the rehearsal, as `engine.rehearsal` names them
    killed:2, started:2        a process was killed the second time, and was started again
    trouble:1, mended:1        the first trouble began, and is over
"""

from __future__ import annotations

import re
import tomllib
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field, fields
from pathlib import Path
from typing import Any

from pydantic import ValidationError

from bot.config.settings import Settings
from bot.demo.expectation import Expectation, read_expectations
from engine.journal import Kind
from engine.model import StepKind
from engine.rehearsal.faults import parse_all
from engine.rehearsal.group import Setup

FOLDER = Path(__file__).parent / "scenarios"
PACKAGE = "Check_Point_R81_20_JUMBO_HF_MAIN_Bundle_T120_FULL.tgz"

PEOPLE = ("rita", "ana", "ben", "noor", "gus")
"""Who is in the demo's workspace; see bot.localslack.seed."""

PLAIN_RULES = frozenset({"order", "split", "groups"})
"""Keys of [settings.policy] that a simulated night can take as they are."""

TIMES = frozenset({"at", "in", "window", "after"})
"""Words of an order that say when."""

ENDS = ("ended", "held", "halted")
DATABASES = ("sqlite", "postgres")
TRANSPORTS = ("socket", "http")
MOST_WORKERS = 4
MOST_SERVES = 3
TROUBLES = (
    "slack_gone",
    "channel_archived",
    "token_revoked",
    "rate_limited",
    "database_gone",
    "frozen",
    "cut",
)
"""`rate_limited` lets every method that matters be refused once, with `for_s` to wait.
The database is stopped as by a power cut; `frozen` is SIGSTOP of a process and SIGCONT; `cut` is
the link between a worker and the database."""

ASTRAY = ("duplicate_envelope", "lose_ack", "silent", "disconnect")
"""What can go wrong between Slack and the bot at a moment; see bot.localslack.faults."""

DOINGS: Mapping[str, frozenset[str]] = {
    "react": frozenset({"emoji"}),
    "unreact": frozenset({"emoji"}),
    "click": frozenset({"text"}),
    "say": frozenset({"text"}),
    "write": frozenset({"text"}),
    "command": frozenset({"text"}),
    "break": frozenset({"member"}),
    "recover": frozenset({"member"}),
    "shell": frozenset({"text"}),
    "submit": frozenset({"fields"}),
}
"""What people can do, and the keys that each needs. `say` is a mention of the bot in the thread;
`write` is one too, about the message that asks: {gate} and {code} are read in its first line;
`click` presses the button with that text on the message that asks, and confirms;
`break` is somebody who pulls the plug of a member, `recover` who repairs it at the device;
`shell` is `hotfix-bot TEXT`, typed at the bot's machine; `submit` fills in the form that a click
has opened, `fields` by their labels, and sends it."""

EVENTS: Mapping[str, Mapping[str, Any]] = {
    "lost": {"kind": "drop_event"},
    "late": {"kind": "late_event", "seconds": 3},
    "twice": {"kind": "double_event", "seconds": 0.5},
    "renamed": {"kind": "double_event", "seconds": 0.5, "new_event_id": True},
}
"""What can become of the event of an act, as bot.localslack.faults names it."""

DEVICE_MOMENTS = frozenset(
    [
        *("admin_down", "admin_up", "auto_clone_on", "auto_clone_off", "smo", "site", "state"),
        *("upload", "import", "imported", "verify", "dialogue"),
        *("install_started", "install_progress", "install_done", "install_failed"),
        *("rebooting", "rebooted", "returned", "cloned", "failed", "virtual"),
    ]
)

_TOLD_BY_EVENTS = ("react", "unreact", "say", "write")

_MOMENTS = (
    "proposal[:N]", "gate:N", "held", "ended[:N]", "restarted", "told", "step:STEP", "done:STEP",
    "record:KIND[:STEP]", "device:MOMENT", "killed:N", "started:N", "trouble:N", "mended:N",
)  # fmt: skip
_TOLD = ("held", "ended", "restarted", "told")
_AGAIN = re.compile(r"ended:[1-9]")
_STEP = re.compile(r"(?:([A-Z]|ABORT)\.)?([A-Z_]+?)(?:\.r\d+)?")


class ScenarioWrong(Exception):
    """The scenario cannot be played; the message says where and why."""


@dataclass(frozen=True)
class Deed:
    """What one person does, once, when a moment has come."""

    on: str
    user: str
    do: str
    emoji: str = ""
    text: str = ""
    member: str = ""
    at: str = ""
    after_s: float = 0.0
    event: str = ""
    fails: str = ""
    fields: Mapping[str, str] = field(default_factory=dict)


@dataclass(frozen=True)
class Kill:
    """SIGKILL of a process at a moment, and its next start."""

    when: str
    after_s: float = 0.0
    who: str = "bot"
    restart_after_s: float = 0.5


@dataclass(frozen=True)
class Trouble:
    """Something around the bot that fails at a moment, for so many real seconds."""

    when: str
    what: str
    for_s: float
    after_s: float = 0.0
    who: str = "acting"


@dataclass(frozen=True)
class Astray:
    """What goes wrong between Slack and the bot from a moment on, so many times."""

    when: str
    kind: str
    n: int = 1


@dataclass(frozen=True)
class Order:
    """The slash command with which it begins."""

    user: str = "rita"
    text: str = f"/hotfix install site-1 {PACKAGE}"


@dataclass(frozen=True)
class Scenario:
    """One night, as it is to be played."""

    name: str
    about: str
    until: str = "ended"
    limit_s: float = 90.0
    speed: float | None = None
    database: str = "sqlite"
    workers: int = 0
    serves: int = 1
    transport: str = "socket"
    settings: Mapping[str, Any] = field(default_factory=dict)
    group: Mapping[str, Any] = field(default_factory=dict)
    order: Order = field(default_factory=Order)
    people: tuple[Deed, ...] = ()
    faults: tuple[Mapping[str, Any], ...] = ()
    kills: tuple[Kill, ...] = ()
    troubles: tuple[Trouble, ...] = ()
    astray: tuple[Astray, ...] = ()
    expect: tuple[Expectation, ...] = ()

    @property
    def package(self) -> str:
        """The package that the order names, or the stage's own."""
        words = self.order.text.split()
        return next((word for word in words if word.endswith((".tgz", ".tar"))), PACKAGE)

    @property
    def moments(self) -> frozenset[str]:
        """Every moment that somebody or something waits for."""
        going_wrong = [one.when for one in (*self.mishaps, *self.astray)]
        return frozenset([deed.on for deed in self.people] + going_wrong)

    @property
    def mishaps(self) -> Sequence[Kill | Trouble]:
        """Everything that goes wrong around the group."""
        return [*self.kills, *self.troubles]

    @property
    def needs_processes(self) -> str:
        """Why it cannot be played inside one process, in virtual time; "" where it can."""
        if self.database != "sqlite":
            return "its database is a server of its own"
        if self.troubles or self.astray or self.transport != "socket":
            return "what fails here lies between processes"
        if any(deed.event for deed in self.people):
            return "what goes astray here are Slack's events"
        if any(deed.do == "shell" for deed in self.people):
            return "somebody types at the bot's machine"
        if any(deed.do == "command" and not orders(deed) for deed in self.people):
            return "somebody types a command, which Slack has to carry"
        if TIMES & set(self.order.text.split()):
            return "its times are real ones, and a simulated night is not as quick"
        rules = self.settings.get("policy", {}).keys() - PLAIN_RULES
        if rules or "roles" in self.settings:
            return "its rules stand in settings, and a simulated night has rules of its own"
        return ""

    @property
    def processes(self) -> tuple[str, ...]:
        """The processes of the product, by name."""
        return (*self.facing, *(f"worker-{number}" for number in range(1, self.workers + 1)))

    @property
    def facing(self) -> tuple[str, ...]:
        """Those that Slack reaches."""
        return ("bot", *(f"bot-{number}" for number in range(2, self.serves + 1)))


def orders(deed: Deed) -> bool:
    """Tell whether somebody orders a run, and is heard: that needs no Slack to be simulated."""
    words = deed.text.split()
    what = words[1] if len(words) > 1 else ""
    return deed.do == "command" and not deed.fails and what in ORDERING


ORDERING = ("install", "uninstall", "finish", "rollback")


def names(folder: Path = FOLDER) -> list[str]:
    """Return the scenarios that there are."""
    return sorted(path.stem for path in folder.glob("*.toml"))


def load(name: str, folder: Path = FOLDER) -> Scenario:
    """Read a scenario by its name.

    Raises:
        ScenarioWrong: there is none, or something in it is wrong.
    """
    if name not in names(folder):
        raise ScenarioWrong(
            f"no scenario is called {name!r}; there are: {', '.join(names(folder))}"
        )
    try:
        return read(name, tomllib.loads((folder / f"{name}.toml").read_text(encoding="utf-8")))
    except tomllib.TOMLDecodeError as error:
        raise ScenarioWrong(f"{name}: {error}") from error


def read(name: str, raw: Mapping[str, Any]) -> Scenario:
    """Check a scenario's tables.

    Raises:
        ScenarioWrong: an unknown key, moment, person, fault or step.
    """
    known = {"about", "until", "limit_s", "speed", "database", "workers", "serves", "transport",
             "settings", "group", "order", "people", "faults", "kill", "trouble", "slack",
             "expect"}  # fmt: skip
    _only(name, raw, known)
    if not raw.get("about"):
        raise ScenarioWrong(f"{name}: `about` is missing: one sentence for --list")
    until = str(raw.get("until", "ended"))
    if until not in ENDS and not _AGAIN.fullmatch(until):
        raise ScenarioWrong(f"{name}: until = {until!r}, but it may be {', '.join(ENDS)}")
    try:
        Setup(**raw.get("group", {}))
        parse_all(raw.get("faults", ()))
        Settings(**_with_addresses(raw.get("settings", {})))
        expect = read_expectations(raw.get("expect", {}))
    except ValidationError as error:
        first = error.errors()[0]
        place = ".".join(str(part) for part in first["loc"])
        raise ScenarioWrong(f"{name}: settings: {place}: {first['msg']}") from error
    except (TypeError, ValueError) as error:
        raise ScenarioWrong(f"{name}: {error}") from error
    played = Scenario(
        name=name,
        about=str(raw["about"]),
        until=until,
        limit_s=float(raw.get("limit_s", 90.0)),
        speed=raw.get("speed"),
        database=str(raw.get("database", "sqlite")),
        workers=int(raw.get("workers", 0)),
        serves=int(raw.get("serves", 1)),
        transport=str(raw.get("transport", "socket")),
        settings=raw.get("settings", {}),
        group=raw.get("group", {}),
        order=_order(name, raw.get("order", {})),
        people=tuple(_deed(f"{name}: people", one) for one in raw.get("people", ())),
        faults=tuple(raw.get("faults", ())),
        kills=tuple(_kill(f"{name}: kill", one) for one in raw.get("kill", ())),
        troubles=tuple(_trouble(f"{name}: trouble", one) for one in raw.get("trouble", ())),
        astray=tuple(_astray(f"{name}: slack", one) for one in raw.get("slack", ())),
        expect=expect,
    )
    _check_whole(played)
    return played


def _with_addresses(settings: Mapping[str, Any]) -> dict[str, Any]:
    """Return settings that can be checked: where a group is reached, only the stage knows."""
    stage = {"address": "192.0.2.1", "channel": "C0000000000"}
    groups = {name: {**stage, **own} for name, own in settings.get("groups", {}).items()}
    return {**settings, "groups": groups} if groups else dict(settings)


def _check_whole(played: Scenario) -> None:
    """Refuse what does not go together."""
    name = played.name
    if played.database not in DATABASES:
        raise ScenarioWrong(
            f"{name}: database = {played.database!r}, but it may be sqlite, postgres"
        )
    if not 0 <= played.workers <= MOST_WORKERS:
        raise ScenarioWrong(
            f"{name}: workers = {played.workers}, but it may be 0 to {MOST_WORKERS}"
        )
    if not 1 <= played.serves <= MOST_SERVES:
        raise ScenarioWrong(f"{name}: serves = {played.serves}, but it may be 1 to {MOST_SERVES}")
    if (played.workers or played.serves > 1) and played.database != "postgres":
        raise ScenarioWrong(f'{name}: more processes than one need database = "postgres"')
    if played.workers and played.serves > 1:
        raise ScenarioWrong(f"{name}: beside workers one `serve` alone is played")
    if played.transport not in TRANSPORTS:
        raise ScenarioWrong(
            f"{name}: transport = {played.transport!r}, but it may be {', '.join(TRANSPORTS)}"
        )
    if played.transport == "http" and played.serves > 1:
        raise ScenarioWrong(f"{name}: more than one behind HTTP needs a balancer; there is none")
    for one in played.mishaps:
        if one.who not in ("acting", *played.processes):
            raise ScenarioWrong(
                f"{name}: no process is called {one.who!r}; there are acting, "
                f"{', '.join(played.processes)}"
            )
    if not played.workers and any(t.what == "cut" for t in played.troubles):
        raise ScenarioWrong(f"{name}: only a worker's link is cut; set workers")
    if played.database == "sqlite" and any(t.what == "database_gone" for t in played.troubles):
        raise ScenarioWrong(f'{name}: database_gone needs database = "postgres"')
    kills, troubles = len(played.kills), len(played.troubles)
    counts = {"killed": kills, "started": kills, "trouble": troubles, "mended": troubles}
    for moment in sorted(played.moments):
        head, _, number = moment.partition(":")
        if head in counts and int(number) > counts[head]:
            raise ScenarioWrong(f"{name}: {moment} never comes: there are {counts[head]}")


def _only(where: str, raw: Mapping[str, Any], known: set[str]) -> None:
    unknown = raw.keys() - known
    if unknown:
        raise ScenarioWrong(
            f"{where}: unknown: {', '.join(sorted(unknown))}; known: {', '.join(sorted(known))}"
        )


def _keys(kind: type) -> set[str]:
    return {one.name for one in fields(kind)}


def _order(name: str, raw: Mapping[str, Any]) -> Order:
    _only(f"{name}: order", raw, _keys(Order))
    order = Order(**raw)
    _person(f"{name}: order", order.user)
    return order


def _deed(where: str, raw: Mapping[str, Any]) -> Deed:
    _only(where, raw, _keys(Deed))
    missing = {"on", "user", "do"} - raw.keys()
    if missing:
        raise ScenarioWrong(f"{where}: {', '.join(sorted(missing))} is missing in {dict(raw)}")
    deed = Deed(**raw)
    _person(where, deed.user)
    if deed.do not in DOINGS:
        raise ScenarioWrong(f"{where}: do = {deed.do!r}, but it may be {', '.join(DOINGS)}")
    lacking = [key for key in DOINGS[deed.do] if not getattr(deed, key)]
    if lacking:
        raise ScenarioWrong(f"{where}: {deed.do} needs {', '.join(lacking)}")
    check_moment(where, deed.on)
    if deed.do in ("react", "unreact", "click") and not _is_asking(deed.at or deed.on):
        what = "a click" if deed.do == "click" else "a reaction"
        raise ScenarioWrong(f"{where}: {what} needs `at`: proposal or gate:N")
    if deed.event and (deed.event not in EVENTS or deed.do not in _TOLD_BY_EVENTS):
        raise ScenarioWrong(
            f"{where}: event = {deed.event!r}, but it may be {', '.join(EVENTS)}, of "
            f"{', '.join(_TOLD_BY_EVENTS)}"
        )
    if deed.fails and deed.do not in ("click", "command"):
        raise ScenarioWrong(f"{where}: only a click and a command fail visibly")
    if deed.do == "write":
        _template(where, deed)
    return deed


def _template(where: str, deed: Deed) -> None:
    if not _is_asking(deed.at or deed.on):
        raise ScenarioWrong(f"{where}: to write a vote needs `at`: proposal or gate:N")
    try:
        deed.text.format(gate="G1", code="7K3F")
    except (LookupError, ValueError) as error:
        raise ScenarioWrong(f"{where}: {deed.text!r} may have {{gate}} and {{code}}") from error


def _kill(where: str, raw: Mapping[str, Any]) -> Kill:
    _only(where, raw, _keys(Kill))
    if "when" not in raw:
        raise ScenarioWrong(f"{where}: when is missing")
    check_moment(where, str(raw["when"]))
    return Kill(**raw)


def _trouble(where: str, raw: Mapping[str, Any]) -> Trouble:
    _only(where, raw, _keys(Trouble))
    missing = {"when", "what", "for_s"} - raw.keys()
    if missing:
        raise ScenarioWrong(f"{where}: {', '.join(sorted(missing))} is missing in {dict(raw)}")
    trouble = Trouble(**raw)
    if trouble.what not in TROUBLES:
        raise ScenarioWrong(
            f"{where}: what = {trouble.what!r}, but it may be {', '.join(TROUBLES)}"
        )
    check_moment(where, trouble.when)
    return trouble


def _astray(where: str, raw: Mapping[str, Any]) -> Astray:
    _only(where, raw, _keys(Astray))
    missing = {"when", "kind"} - raw.keys()
    if missing:
        raise ScenarioWrong(f"{where}: {', '.join(sorted(missing))} is missing in {dict(raw)}")
    astray = Astray(**raw)
    if astray.kind not in ASTRAY:
        raise ScenarioWrong(f"{where}: kind = {astray.kind!r}, but it may be {', '.join(ASTRAY)}")
    check_moment(where, astray.when)
    return astray


def _person(where: str, name: str) -> None:
    if name not in PEOPLE:
        raise ScenarioWrong(f"{where}: nobody is called {name!r}; there are {', '.join(PEOPLE)}")


def _is_asking(moment: str) -> bool:
    return moment == "proposal" or re.fullmatch(r"(gate|proposal):[1-9]", moment) is not None


def check_moment(where: str, moment: str) -> None:
    """Refuse what no part of the stage will ever say.

    Raises:
        ScenarioWrong: not a moment.
    """
    if not _is_moment(moment):
        raise ScenarioWrong(f"{where}: {moment!r} is no moment; write {', '.join(_MOMENTS)}")


def _is_moment(moment: str) -> bool:
    if _is_asking(moment) or _AGAIN.fullmatch(moment) or moment in _TOLD:
        return True
    head, *rest = moment.split(":")
    match head:
        case "step" | "done":
            return len(rest) == 1 and _is_step(rest[0])
        case "record":
            return rest[:1] != [] and rest[0] in set(Kind) and _steps_are_known(rest[1:])
        case "device":
            return rest[:1] != [] and rest[0] in DEVICE_MOMENTS
        case "killed" | "started" | "trouble" | "mended":
            return len(rest) == 1 and re.fullmatch(r"[1-9]\d?", rest[0]) is not None
        case _:
            return False


def _steps_are_known(rest: Sequence[str]) -> bool:
    return not rest or (len(rest) == 1 and _is_step(rest[0]))


def _is_step(step: str) -> bool:
    found = _STEP.fullmatch(step)
    return found is not None and found[2] in {*StepKind, "RESCUE_UP"}

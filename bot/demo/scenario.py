"""What is played: the group, who does what at which moment, what fails, and what must come of it.

A scenario is a TOML file in `bot/demo/scenarios`. Everything in it is checked when it is read, so
that a misspelt moment is an error at once and not a night that waits for ever:

    about = "one sentence for --list"
    until = "ended"            when the night is over: ended, held or halted
    limit_s = 90               real seconds after which it is given up
    [group]                    what the rehearsal starts with (engine.rehearsal.group.Setup)
    [order]                    user and text of the slash command that begins it
    [[people]]                 on, user, do, emoji | text, at, after_s
    [[faults]]                 as engine.rehearsal.faults reads them
    [[kill]]                   when, restart_after_s: SIGKILL of the bot, and its next start
    [expect]                   dotted keys of the verdict and what they must be

Moments are written alike everywhere (`on`, `when`):

    proposal, gate:2           the message that asks stands in Slack: the first, the second failover
    held, ended, restarted     the thread has told so
    step:A.INSTALL             the step was begun
    done:A.RETURN              the step is done
    record:COMMITTING:A.INSTALL  a record of this kind is in the journal
    device:admin_down:1_4      a moment of the rehearsal, as `engine.rehearsal` names them
"""

from __future__ import annotations

import re
import tomllib
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field, fields
from pathlib import Path
from typing import Any

from bot.demo.expectation import Expectation, read_expectations
from engine.journal import Kind
from engine.model import StepKind
from engine.rehearsal.faults import parse_all
from engine.rehearsal.group import Setup

FOLDER = Path(__file__).parent / "scenarios"
PACKAGE = "Check_Point_R81_20_JUMBO_HF_MAIN_Bundle_T120_FULL.tgz"

PEOPLE = ("rita", "ana", "ben", "noor", "gus")
"""Who is in the demo's workspace; see bot.localslack.seed."""

ENDS = ("ended", "held", "halted")
DOINGS: Mapping[str, frozenset[str]] = {
    "react": frozenset({"emoji"}),
    "unreact": frozenset({"emoji"}),
    "say": frozenset({"text"}),
    "command": frozenset({"text"}),
    "recover": frozenset({"member"}),
}
"""What people can do, and the keys that each needs. `say` is a mention of the bot in the thread;
`recover` is somebody who repairs a member at the device."""

DEVICE_MOMENTS = frozenset(
    [
        *("admin_down", "admin_up", "auto_clone_on", "auto_clone_off", "smo", "state"),
        *("upload", "import", "imported", "verify", "dialogue"),
        *("install_started", "install_progress", "install_done", "install_failed"),
        *("rebooting", "rebooted", "returned", "cloned", "failed"),
    ]
)

_MOMENTS = (
    "proposal", "gate:N", "held", "ended", "restarted", "step:STEP", "done:STEP",
    "record:KIND[:STEP]", "device:MOMENT",
)  # fmt: skip
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


@dataclass(frozen=True)
class Kill:
    """SIGKILL of the bot at a moment, and its next start."""

    when: str
    restart_after_s: float = 0.5


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
    group: Mapping[str, Any] = field(default_factory=dict)
    order: Order = field(default_factory=Order)
    people: tuple[Deed, ...] = ()
    faults: tuple[Mapping[str, Any], ...] = ()
    kills: tuple[Kill, ...] = ()
    expect: tuple[Expectation, ...] = ()


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
    known = {"about", "until", "limit_s", "group", "order", "people", "faults", "kill", "expect"}
    _only(name, raw, known)
    if not raw.get("about"):
        raise ScenarioWrong(f"{name}: `about` is missing: one sentence for --list")
    until = str(raw.get("until", "ended"))
    if until not in ENDS:
        raise ScenarioWrong(f"{name}: until = {until!r}, but it may be {', '.join(ENDS)}")
    try:
        Setup(**raw.get("group", {}))
        parse_all(raw.get("faults", ()))
        expect = read_expectations(raw.get("expect", {}))
    except (TypeError, ValueError) as error:
        raise ScenarioWrong(f"{name}: {error}") from error
    return Scenario(
        name=name,
        about=str(raw["about"]),
        until=until,
        limit_s=float(raw.get("limit_s", 90.0)),
        group=raw.get("group", {}),
        order=_order(name, raw.get("order", {})),
        people=tuple(_deed(f"{name}: people", one) for one in raw.get("people", ())),
        faults=tuple(raw.get("faults", ())),
        kills=tuple(_kill(f"{name}: kill", one) for one in raw.get("kill", ())),
        expect=expect,
    )


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
    if deed.do in ("react", "unreact") and not _is_asking(deed.at or deed.on):
        raise ScenarioWrong(f"{where}: a reaction needs `at`: proposal or gate:N")
    return deed


def _kill(where: str, raw: Mapping[str, Any]) -> Kill:
    _only(where, raw, _keys(Kill))
    if "when" not in raw:
        raise ScenarioWrong(f"{where}: when is missing")
    check_moment(where, str(raw["when"]))
    return Kill(**raw)


def _person(where: str, name: str) -> None:
    if name not in PEOPLE:
        raise ScenarioWrong(f"{where}: nobody is called {name!r}; there are {', '.join(PEOPLE)}")


def _is_asking(moment: str) -> bool:
    return moment == "proposal" or re.fullmatch(r"gate:[1-9]", moment) is not None


def check_moment(where: str, moment: str) -> None:
    """Refuse what no part of the stage will ever say.

    Raises:
        ScenarioWrong: not a moment.
    """
    if not _is_moment(moment):
        raise ScenarioWrong(f"{where}: {moment!r} is no moment; write {', '.join(_MOMENTS)}")


def _is_moment(moment: str) -> bool:
    if _is_asking(moment) or moment in ("held", "ended", "restarted"):
        return True
    head, *rest = moment.split(":")
    match head:
        case "step" | "done":
            return len(rest) == 1 and _is_step(rest[0])
        case "record":
            return rest[:1] != [] and rest[0] in set(Kind) and _steps_are_known(rest[1:])
        case "device":
            return rest[:1] != [] and rest[0] in DEVICE_MOMENTS
        case _:
            return False


def _steps_are_known(rest: Sequence[str]) -> bool:
    return not rest or (len(rest) == 1 and _is_step(rest[0]))


def _is_step(step: str) -> bool:
    found = _STEP.fullmatch(step)
    return found is not None and found[2] in {*StepKind, "RESCUE_UP"}

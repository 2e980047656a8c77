"""Plays operators on a rehearsal: what a person would type, and when.

Shared by the suites that need a group in some state; it judges nothing.
"""

from datetime import timedelta
from pathlib import Path

from engine.errors import MemberUnreachable
from engine.ports import Clock, Shell, Terminal
from engine.rehearsal.group import Group

PACKAGE = "Check_Point_R81_20_JUMBO_HF_MAIN_Bundle_T120_FULL.tgz"
SOON = timedelta(seconds=600)


async def command(shell: Shell, line: str) -> str:
    """Run one line and return its text."""
    return (await shell.run(line, within=SOON)).text


async def until(terminal: Terminal, *ends: str) -> str:
    """Read until one of these texts has come."""
    text = ""
    while not any(end in text for end in ends):
        piece = await terminal.read(within=SOON)
        if not piece:
            break
        text += piece
    return text


async def talk(terminal: Terminal, *pairs: tuple[str, str]) -> str:
    """Answer prompts in this order and return all that was shown."""
    shown = ""
    for prompt, answer in pairs:
        shown += await until(terminal, prompt)
        await terminal.write(answer + "\n")
    return shown


async def prepare(shell: Shell, package: Path) -> None:
    """Upload and import a package."""
    await shell.upload(package, f"/var/log/upload/{PACKAGE}", within=SOON)
    await command(shell, f"gclish -c 'installer import local /var/log/upload/{PACKAGE}'")


async def cloning(shell: Shell, state: str) -> None:
    """Switch image auto-clone."""
    await command(shell, f"gclish -s -c 'set smo image auto-clone state {state}'")


async def admin(shell: Shell, seen_from: str, ids: str, way: str = "down") -> str:
    """Set members down or up from a member; the session may break on the way."""
    terminal = await shell.terminal(f"member {seen_from}", within=SOON)
    shown = await talk(
        terminal,
        (":0]# ", f"g_clusterXL_admin -b {ids} {way}; echo @done"),
        ("any other key - no) ", "y"),
        ("full name: ", "Ann"),
        ("[Maintenance]: ", "CHG0042"),
    )
    try:
        shown += await until(terminal, "@done\r\n")
    except MemberUnreachable:
        shown += "<the session broke>"
    await terminal.close()
    return shown


async def install(shell: Shell, on: str, ids: str, kind: str = "install") -> str:
    """Start an installation in its dialogue, and leave."""
    terminal = await shell.terminal(f"member {on}", within=SOON)
    shown = await talk(
        terminal,
        (":0]# ", f"gclish -c 'installer {kind} 1 member_ids {ids}'"),
        ("([y]es / [n]o)\r\r\n", "y"),
        ("any other key - no) ", "y"),
        ("any other key - no) ", "y"),
        ("full name: ", "Ann"),
        ("[Maintenance]: ", "CHG0042"),
    )
    shown += await until(terminal, "ing package...", "Preparing")
    await terminal.close()
    return shown


async def all_in_service(group: Group, clock: Clock, limit_s: int = 3600) -> float:
    """Wait until everybody is in service and the address answers; return the seconds waited."""
    begun = clock.monotonic()
    while len(group.in_service()) < len(group.members) or not group.answering:
        if clock.monotonic() - begun > limit_s:
            raise TimeoutError(f"not back: {group.states()}")
        await clock.sleep(timedelta(seconds=5))
        group.advance()
    return clock.monotonic() - begun


async def answering(group: Group, clock: Clock) -> None:
    """Wait until the group address answers."""
    while not group.answering:
        await clock.sleep(timedelta(seconds=5))
        group.advance()

"""The context of a shell: which Virtual System its commands speak of.

Source: dossier 1.2 (`vsenv 0`, `set virtual-system 0` [B]; the number behind the colon of the
Expert prompt: the form is from a log, its meaning is [B]). That `vsenv` keeps the number in the
variable INSTANCE_VSID of the shell is [B]; subshells inherit it, a new session begins in 0.
"""

from __future__ import annotations

from engine.rehearsal.devices.host import CONTEXT, Host
from engine.rehearsal.interpreter import Process, State
from engine.rehearsal.member import Member


def context_of(state: State) -> int:
    """Return the number of the Virtual System that a shell is in."""
    return int(state.variables.get(CONTEXT, "0"))


def exists(member: Member, number: str) -> bool:
    """Tell whether a member has a Virtual System of this number; 0 is always there."""
    return number == "0" or (number.isdigit() and int(number) in member.virtual)


def acts(host: Host, process: Process, command: str) -> None:
    """Tell the witness in which context a command of the Expert shell acts."""
    host.group.witness.in_context(
        host.group.now, host.member.id, command, context_of(process.shell)
    )


async def vsenv(host: Host, process: Process) -> int:
    """`vsenv [N]`; a gateway that is not VSX has no other context than 0."""
    number = process.args[0] if process.args else "0"
    if len(process.args) > 1 or not exists(host.member, number):
        process.err(f"Invalid Virtual System ID: {' '.join(process.args)}\n")
        return 1
    process.shell.variables[CONTEXT] = number
    name = host.member.virtual[int(number)].name if number != "0" else host.member.host_name
    process.out(f"Context is set to Virtual Device {name} (ID {number}).\n")
    return 0

"""`help`: what can be typed."""

from __future__ import annotations

from collections.abc import Collection, Sequence

from bot.commands.freezing import freeze_usage
from bot.commands.grammar import example, listed
from bot.commands.kinds import ORDERS
from bot.commands.orders import order_usage
from bot.commands.scheduling import move_usage

_HELP = {
    "Order": (*ORDERS, "plan", "change", "move"),
    "Stop": ("halt", "pause", "abort", "cancel", "freeze"),
    "Go on": ("resume", "retry", "rollback", "without", "unfreeze"),
}
"""Under which heading help tells each word that takes a right."""


def _needed(word: str) -> str:
    """Return the right that a word takes: to order anything, or plan it, is one."""
    others = {"without": "change", "move": "change", "cancel": "abort"}
    return "install" if word in (*ORDERS, "plan") else others.get(word, word)


def help_text(command: str, groups: Sequence[str], *, may: Collection[str] | None = None) -> str:
    """Return what can be typed, as finished mrkdwn.

    Args:
        command: the slash command.
        groups: the names of the groups that there are.
        may: what its reader may do; None is everything.
    """
    name = example(groups)
    words = {
        "install": f"{order_usage('install', command)} plans an installation and asks for approval",
        "uninstall": f"{order_usage('uninstall', command)} plans an uninstallation",
        "finish": f"`{command} finish {name}` goes on, on another night, with what an ended run "
        "left to do",
        "plan": f"`{command} plan install {name} …`, and what else can be ordered: tells you alone "
        "what it would do, and begins nothing",
        "pause": f"`{command} pause {name}` waits after the group in hand",
        "resume": f"`{command} resume {name}` goes on after `pause` or `halt`",
        "halt": f"`{command} halt {name}` sends nothing more, not even to bring a group up",
        "retry": f"`{command} retry {name}` looks again and goes on after a hold",
        "abort": f"`{command} abort {name}` goes to the nearest safe end",
        "rollback": f"`{command} rollback {name}` plans the way back for the groups already done, "
        "also after the run has ended",
        "without": f"`{command} without {name} 1_7` has a run that holds go on without a member "
        "that is out of service, once others agree",
        "move": f"{move_usage(f'{command} schedule')} begins it at another time, and asks anew",
        "cancel": f"`{command} schedule cancel &lt;run&gt;` ends what waits for its time",
        "freeze": f"{freeze_usage(command)}: meanwhile nobody orders and no failover begins; in "
        "place of a moment also `in 3h`, `for 2h`",
        "unfreeze": f"`{command} unfreeze &lt;group, tag or all&gt;` lifts what is frozen there, "
        "and what will be",
        "change": f"`{command} change {name} swap | groups 3 | order smo_last | "
        "split 1_1-1_3/1_4-1_6 | without 1_7` makes another proposal, while one is asked",
    }
    yours = []
    for title, group in _HELP.items():
        lines = [words[word] for word in group if may is None or _needed(word) in may]
        yours += [f"*{title}*", *lines] if lines else []
    if not yours:
        yours = ["You are in no role that may order, operate or stop a run."]
    return "\n".join(
        [
            *yours,
            "*Ask*",
            f"`{command} status [group or run]` tells how things stand",
            f"`{command} why [group or run]` tells who is needed, and why a vote did not count",
            f"`{command} gates` tells which gates wait for you, with the way to each",
            f"`{command} schedule [group]` tells what waits for its time",
            f"`{command} packages` lists the package repository, and which groups each fits",
            f"`{command} approvers {name}` tells who may approve, and who of them is awake",
            "In a run's thread the same words work without a name, e.g. `@hotfix status`.",
            "*Time*",
            "Behind an order: `at 02:00`, `at sat 02:00`, `at 2026-12-24 02:00`, `in 3h`, "
            "`in 3h for 2h`, `window sat 22:00-02:00`; behind an installation also "
            "`rollback after 72h`. Times are those of the group's zone.",
            "*Vote*",
            "Votes are reactions on the message that asks, :white_check_mark: yes, :x: no, or "
            "words in its thread: `@hotfix approve G2 CODE` with the code of its first line, "
            "`@hotfix reject G2 because …`, `@hotfix withdraw G2`.",
            "Before the time of a run `@hotfix there` or `@hotfix away`, in its thread, says "
            "whether you will be there to vote; it approves nothing.",
            f"Groups: {listed(groups)}",
        ]
    )

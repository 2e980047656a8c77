"""The message that asks whether a hotfix is kept: what happens when nobody says so, and how."""

from __future__ import annotations

from bot.views import schedule, words
from bot.views.format import capitalised, code, escape, section
from bot.views.gates import gate_message, plan_lines, title, votes
from bot.views.message import Message
from bot.views.story import Opening, Story
from engine.model import Plan


def keeping(story: Story, opening: Opening) -> Message:
    """Return the message of one opening of the gate KEEP."""
    gate, plan, run = opening.gate, opening.plan, story.state.run
    first = (
        f"{gate.name} · {gate.code} · {plan.security_group}: is {words.brought(plan)} kept? "
        f"{_due(plan)}"
    )
    blocks = [
        *title(opening, first),
        section(*_what(plan)),
        section("*What happens*", *_what_happens(plan)),
        section(*_other_ways()),
        section(*plan_lines(opening)),
        *votes(story, opening, first),
    ]
    return gate_message(f"{run}/gate/{gate.name}", first, blocks, story, opening)


def _due(plan: Plan) -> str:
    if plan.appointment is None:
        return "Its rollback is due"
    return f"Its rollback is due {schedule.shortly(plan.appointment)}"


def _what(plan: Plan) -> list[str]:
    installed = ", ".join(words.group_named(group) for group in plan.changing)
    said = plan.appointment.said if plan.appointment is not None else ""
    due = schedule.when(plan.appointment) if plan.appointment is not None else "now"
    return [
        f"*Installed:* {words.brought(plan)}, on {installed}, by {escape(plan.follows, 40)}",
        f"*Due:* {due}{f' ({code(said, 120)})' if said else ''}",
    ]


def _what_happens(plan: Plan) -> list[str]:
    brought = words.brought(plan)
    back = words.take_words(plan.take_after)
    source = f"; {escape(plan.removal.source, 200)}" if plan.removal is not None else ""
    return [
        f"• *Kept:* {brought} stays, and this run ends.",
        f"• *Not kept in time:* the rollback to {back} is asked for{source}. "
        f"{capitalised(brought)} stays until people approve that; unanswered, it is "
        "asked again each day.",
        "• *A no* keeps nothing and takes nothing back: the votes fall, and it is asked anew.",
    ]


def _other_ways() -> list[str]:
    return [
        "*Otherwise*",
        f"• Bring it forward: `{schedule.MOVE} now` in this thread. Put it off: "
        f"`{schedule.MOVE} in 7d`.",
        "• Cancel it, so that it is neither kept nor taken back and nobody is asked again: "
        "`@hotfix abort` in this thread, or the button of the run's first message.",
    ]

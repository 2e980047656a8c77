"""Steps as Slack's task cards: the same that `bot.views.root` and `milestones` say in sections.

Not every workspace takes these blocks, so each message that has them has its sections as well;
which of them stand is the speaker's to find out. Titles are plain text and can mention nobody.

Source: docs.slack.dev/reference/block-kit/blocks, plan and task card; slack_sdk 3.47 models them.
A card is pending, in progress, complete or in error and nothing else: what waits for people says
so in its title.
"""

from __future__ import annotations

from collections.abc import Iterable, Sequence

from bot.views import words
from bot.views.format import Block, capitalised, lowered, phrase
from bot.views.story import Installation, Story
from engine.model import Step

PENDING, IN_PROGRESS, COMPLETE, ERROR = "pending", "in_progress", "complete", "error"

LONGEST_TITLE = 255
"""Slack documents none for these; that of an id is a guess."""


def plan(title: str, tasks: Iterable[Block]) -> Block:
    """Return a plan with its cards."""
    return {"type": "plan", "title": phrase(title, LONGEST_TITLE), "tasks": list(tasks)}


def task(key: str, title: str, status: str, details: Sequence[str] = ()) -> Block:
    """Return one card; `details` are lines of plain text."""
    card: Block = {
        "type": "task_card",
        "task_id": phrase(key, LONGEST_TITLE),
        "title": phrase(title, LONGEST_TITLE),
        "status": status,
    }
    if details:
        text = "\n".join(phrase(line) for line in details)
        elements = [{"type": "rich_text_section", "elements": [{"type": "text", "text": text}]}]
        card["details"] = {"type": "rich_text", "elements": elements}
    return card


def whole_plan(story: Story) -> Block:
    """Return a run's plan: what is done in a card, what is in hand step by step."""
    tasks: list[Block] = []
    for number, part in enumerate(words.parts(story.plan)):
        tasks += _part(story, part, number)
    return plan(f"Plan: {words.steps_done(story)}", tasks)


def _part(story: Story, part: Sequence[Step], number: int) -> list[Block]:
    name = words.part_named(story.plan, part)
    now = story.state.next_step()
    if all(story.state.of(step).status == "done" for step in part):
        return [task(f"part {number}", f"{name}: done", COMPLETE)]
    if now not in part:
        return [task(f"part {number}", f"{name}: to come, {len(part)} steps", PENDING)]
    return [_step(story, step, name, now) for step in part]


def _step(story: Story, step: Step, part: str, now: Step | None) -> Block:
    title = f"{part}: {words.titled(step)}" if step.group else capitalised(words.titled(step))
    if story.state.of(step).status == "done":
        return task(step.id, title, COMPLETE)
    if step != now:
        return task(step.id, title, PENDING)
    if words.alarming(story):
        return task(step.id, f"{title}: stopped here", ERROR)
    doing = _doing(story, step)
    title = f"{part}: {lowered(doing)}" if step.group else doing
    return task(step.id, title, IN_PROGRESS, _details(story, step))


def _doing(story: Story, step: Step) -> str:
    opening = story.opening
    if opening is not None and opening.step == step:
        return f"{words.doing(step)}: {opening.gate.name} ({opening.gate.code})"
    return words.doing(step)


def _details(story: Story, step: Step) -> list[str]:
    """Return how far each member is, where something is installed now."""
    running = [i for i in story.installations.values() if i.step == step and not i.undone]
    return [f"{words.ids(who)}: {says}" for says, who in alike(running[-1])] if running else []


def alike(running: Installation) -> list[tuple[str, list[str]]]:
    """Return the members of an installation that show the same, together."""
    found: dict[str, list[str]] = {}
    for one, progress in running.members.items():
        found.setdefault(str(progress), []).append(one)
    return list(found.items())


def prepared(story: Story, steps: Sequence[Step], now: Step | None) -> Block:
    """Return the steps before traffic is touched."""
    tasks = []
    for step in steps:
        title = capitalised(words.titled(step))
        if story.state.of(step).status == "done":
            already = ": it was so already" if story.state.of(step).how == "seen" else ""
            tasks.append(task(step.id, f"{title}{already}", COMPLETE))
        elif step != now:
            tasks.append(task(step.id, title, PENDING))
        elif words.alarming(story):
            tasks.append(task(step.id, f"{title}: stopped here", ERROR))
        else:
            tasks.append(
                task(step.id, f"{title}: {words.how_far(story, step) or 'under way'}", IN_PROGRESS)
            )
    done = sum(1 for card in tasks if card["status"] == COMPLETE)
    return plan(f"Preparation: {done} of {len(tasks)}", tasks)


def members(running: Installation, title: str) -> Block:
    """Return the progress of an installation, a card for members that show the same."""
    tasks = [
        task(f"{running.step.id} {words.ids(who)}", f"{words.ids(who)}: {says}", _status(says))
        for says, who in alike(running)
    ]
    return plan(title, tasks)


def _status(says: str) -> str:
    if says in ("installed", "uninstalled"):
        return COMPLETE
    return PENDING if says == "waiting" else IN_PROGRESS

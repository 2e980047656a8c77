"""From a run's records to every message that should stand in Slack about it, in order. Pure."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Sequence
from functools import partial

from bot.views.attendance import who_comes
from bot.views.gates import degraded_end, failover, other_take, start, without
from bot.views.keeping import keeping
from bot.views.message import Message
from bot.views.milestones import installing, milestone, preparing
from bot.views.proposal import proposal
from bot.views.reach import written_to
from bot.views.report import report
from bot.views.root import root
from bot.views.story import Opening, Story
from engine.journal import Kind
from engine.model import StepKind
from storage.records import Record


def render(records: Sequence[Record]) -> tuple[Message, ...]:
    """Return what should stand in Slack now: the root first, then in the journal's order.

    A live message has its place where it first had something to say, and shows how it is now.
    """
    story = Story()
    places: list[Callable[[], Message]] = []
    links: list[tuple[str, str]] = []
    written: list[Callable[[], Iterable[Message]]] = []
    prepares = False
    for record in records:
        begun = set(story.installations)
        story.take(record)
        if record.kind == Kind.PLANNED and not places:
            places.append(partial(root, story))
        if record.kind == Kind.GATE_OPENED:
            asking = _gate(story, story.openings[story.state.gates_asked])
            places.append(asking)
            links.append((f"G{story.state.gates_asked}", asking().key))
        if message := milestone(story, record):
            places.append(partial(_same, message))
            if record.kind in (Kind.HELD, Kind.BROKEN):
                links.append((f"hold at {record.body['step']}", message.key))
        if _prepares(story, record) and not prepares:
            prepares = True
            places.append(partial(preparing, story, f"{record.stream}/m/{record.seq}/live"))
        for key in story.installations.keys() - begun:
            running = story.installations[key]
            places.append(partial(installing, story, running, f"{record.stream}/m/{record.seq}"))
        if record.kind == Kind.ENDED:
            places.append(partial(_same, report(story, links)))
        if record.kind == Kind.CALLED and story.state.called_at == record.at:
            places.append(partial(who_comes, story, record, f"{record.stream}/m/{record.seq}"))
        step = record.body.get("step", "")
        if record.body.get("call") and (gate := story.state.gates.get(step)):
            opening = story.openings[gate.number]
            written.append(partial(written_to, story, opening, record))
    # Last, so that nothing in the thread waits for them; they have no place in it.
    directly = (message for people in written for message in people())
    return (*(place() for place in places), *directly)


def _gate(story: Story, opening: Opening) -> Callable[[], Message]:
    return partial(_GATES[opening.step.kind], story, opening)


_GATES = {
    StepKind.PROPOSAL: proposal,
    StepKind.FAILOVER: failover,
    StepKind.DEGRADED: degraded_end,
    StepKind.START: start,
    StepKind.ACCEPT: other_take,
    StepKind.KEEP: keeping,
    StepKind.WITHOUT: without,
}


def _same(message: Message) -> Message:
    return message


def _prepares(story: Story, record: Record) -> bool:
    """The preparation begins with the approval of the proposal."""
    return record.kind == Kind.DONE and record.body.get("kind") == StepKind.PROPOSAL

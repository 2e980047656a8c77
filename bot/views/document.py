"""The end report as a file: what is true now, in Markdown, for whoever keeps such things.

The same facts as the report in the thread; what it links to is added where it is said.
"""

from __future__ import annotations

from bot.views import words
from bot.views.format import phrase, printed, span
from bot.views.story import Opening, Story
from engine.model import StepKind


def document(story: Story, first: str, sentence: str) -> str:
    """Return the report of a run that has ended, as Markdown.

    Args:
        story: the run.
        first: the first line of the report in the thread.
        sentence: what that says of the takes.
    """
    state, plan = story.state, story.plan
    request = state.the_request
    parts = [
        f"# {phrase(first)}",
        printed(sentence),
        "\n".join(
            [
                f"- Run: {state.run}, plan revision {plan.revision}",
                f"- Package: {_cell(plan.package.name)}",
                f"- SHA-256: {_cell(plan.package.sha256)}",
                f"- Asked for by: {_cell(request.requester_name or request.requester)}",
                *([f"- Ticket: {_cell(request.ticket)}"] if request.ticket else []),
                *_times(story),
                *_rollback(story),
                f"- Auto-clone: {_cell(words.cloning_words(story).replace('*', ''))}",
                f"- Journal: record {state.last_seq}, {state.last_hash}",
            ]
        ),
        "## Members",
        _members(story),
        "## Approvals",
        "\n".join(_approvals(story)) or "Nothing was approved and begun.",
        "## Promises, judged from the journal",
        "\n".join(
            f"- {name}: {verdict}"
            for name, verdict in ((state.ended or {}).get("promises") or {}).items()
        )
        or "Not judged.",
    ]
    return "\n\n".join(parts) + "\n"


def _rollback(story: Story) -> list[str]:
    state, after = story.state, story.state.the_request.rollback_after
    if after is None or state.last_at is None:
        return []
    ended = state.ended or {}
    if run := ended.get("rollback"):
        due = (state.last_at + after).strftime("%Y-%m-%d %H:%M UTC")
        return [f"- Rollback: {_cell(str(run))}, due {due} unless the hotfix is kept"]
    return [f"- Rollback: none was scheduled; {_cell(str(ended.get('no_rollback') or 'not done'))}"]


def _times(story: Story) -> list[str]:
    state = story.state
    if state.first_at is None or state.last_at is None:
        return []
    begun, ended = (at.strftime("%Y-%m-%d %H:%M:%S UTC") for at in (state.first_at, state.last_at))
    return [f"- From {begun} to {ended}: {span(state.last_at - state.first_at)}"]


def _members(story: Story) -> str:
    now = dict((story.state.ended or {}).get("members") or {})
    facts = story.state.facts
    rows = ["| member | group | take before | take now | state |", "|---|---|---|---|---|"]
    groups = [(group.name, group.members) for group in story.plan.groups]
    for name, members in [*groups, ("left out", story.plan.left_out)]:
        for one in members:
            says = words.member_words(facts.member(one), story) if facts else "not seen"
            before, after = story.takes_before.get(one), now.get(one)
            rows.append(f"| {one} | {name} | {before} | {after} | {_cell(says)} |")
    return "\n".join(rows)


def _approvals(story: Story) -> list[str]:
    return [_approval(opening) for opening in story.openings.values() if opening.was_agreed]


def _approval(opening: Opening) -> str:
    what = f"failover of {opening.step.group}" if opening.step.group else "proposal"
    what = "the hotfix is kept" if opening.step.kind is StepKind.KEEP else what
    who = ", ".join(f"{_cell(v.name)} ({', '.join(sorted(v.roles))})" for v in opening.yes)
    at = opening.begun_at.strftime("%Y-%m-%d %H:%M:%S UTC") if opening.begun_at else ""
    return f"- {opening.gate.name}, {what}: {who}, begun {at}"


def _cell(text: str) -> str:
    """Return text from elsewhere as one line that makes no table, link or heading."""
    line = phrase(text)
    return "".join(f"\\{c}" if c in "\\|[]<>`*#" else c for c in line)

"""The root message: one, live, in the channel; how the run stands at a glance.

It answers, in this order: how does it stand, who is out of service, how far is it, what comes
next and when. Everything that happened is in the thread below it.
"""

from __future__ import annotations

from bot.views import attendance, cards, schedule, words
from bot.views.format import (
    LONGEST_TEXT,
    Block,
    button,
    capitalised,
    clip,
    code,
    context,
    escape,
    fit,
    header,
    lowered,
    moment,
    preformatted,
    section,
    span,
    times,
    visible,
)
from bot.views.message import Message
from bot.views.story import Opening, Story
from engine.facts import MemberFacts, MemberId, spelled
from engine.fold import RunState
from engine.model import Step, StepKind

MOVED = "move"
"""The way out of a hold by another appointment; it is no word of the thread."""


def root(story: Story) -> Message:
    """Return the root message as it should stand now."""
    first = words.headline(story)
    sign = _sign(story)
    first_lines = header(f"{sign} {first}")
    over = story.state.ended is not None
    blocks = _final(story) if over else _running(story, section(*_plan(story)))
    with_cards = [] if over else _running(story, cards.whole_plan(story))
    text = f"{sign} {escape(first, 400)} · {words.steps_done(story)}"
    return Message(
        f"{story.state.run}/root",
        clip(text, LONGEST_TEXT),
        fit([first_lines, *blocks]),
        in_thread=False,
        live=True,
        cards=fit([first_lines, *with_cards]) if with_cards else (),
    )


def _sign(story: Story) -> str:
    state = story.state
    if state.ended is not None:
        if state.ended.get("state") not in ("done", "kept"):
            return "⏹️"
        return "⚠️" if story.plan.left_out else "✅"
    if words.alarming(story):
        return "🛑"
    if state.at_appointment or state.waits_to_prepare:
        return "🕑"
    return "✋" if story.opening is not None else "▶️"


def _running(story: Story, plan: Block) -> list[Block]:
    return [
        section(_asked(story), *_when(story)),
        section(
            f"*{words.steps_done(story)}*{_bar(story)}",
            _next(story),
            f"Auto-clone: {words.cloning_words(story)}.",
            *_left_out(story),
        ),
        *_stopped(story),
        # Who is called because it stopped finds the ways out without scrolling.
        *(_controls(story) if words.alarming(story) else []),
        _members(story),
        plan,
        *([] if words.alarming(story) else _controls(story)),
        context(_small_print(story)),
    ]


def _when(story: Story) -> list[str]:
    """Say when it may fail over, as long as a person can still be asked about that."""
    appointment = story.plan.appointment
    if appointment is None:
        return []
    name = "Due" if story.plan.is_scheduled_rollback else "When"
    move = f" {schedule.move_words(story.plan)}." if schedule.is_ahead(story.state) else ""
    there = attendance.lines(story) if schedule.is_ahead(story.state) else []
    return [f"*{name}:* {schedule.when(appointment)}.{move}", *there]


def _left_out(story: Story) -> list[str]:
    left_out = words.left_out_words(story.plan)
    return [f"⚠️ {escape(left_out)}."] if left_out else []


_WAYS: dict[str, tuple[str, str, str]] = {
    "retry": ("Retry", "The bot looks at the devices again and goes on from here.", "primary"),
    "abort": (
        "Abort",
        "The run goes to its nearest safe end. A group that is down and not started is brought "
        "up; one that is being installed is waited for.",
        "danger",
    ),
    "rollback": (
        "Roll back",
        "The groups already done go back to the take of before, each with a gate of its own.",
        "danger",
    ),
    "resume": ("Resume", "The run goes on from where it stopped, after a fresh look.", "primary"),
    "pause": ("Pause", "The group in hand is finished up to its return; then the run waits.", ""),
    "halt": (
        "Halt",
        "Nothing more is sent to a device, not even to bring a group up.",
        "danger",
    ),
}
"""Label, what it does (asked once more before it is done), style."""


def halting(run: str) -> Block:
    """Return the button that halts a run, whatever it is doing when it is pressed."""
    label, question, style = _WAYS["halt"]
    return button(label, "word:halt", run, question, style=style)


def _controls(story: Story) -> list[Block]:
    """The words that help now, as buttons; the same words work in the thread."""
    state = story.state
    if state.hold is not None:
        verbs = [verb for verb in state.hold.ways if verb in _WAYS]
    elif state.halted:
        verbs = ["resume", "abort"]
    elif schedule.can_be_cancelled(state):
        return [{"type": "actions", "elements": [schedule.stop(state)]}]
    else:
        verbs = ["resume" if state.paused else "pause", "halt"]
    made = [
        button(label, f"word:{verb}", f"{state.run} {state.stopped_by}", question, style=style)
        for verb, (label, question, style) in ((verb, _WAYS[verb]) for verb in verbs)
    ]
    if out := _leaving(story):
        made.append(
            button(
                f"Without {spelled(out)}"[:75],
                "word:without",
                f"{state.run} {state.stopped_by} {','.join(out)}",
                "The run goes on and leaves alone who is out of service. Others have to agree "
                "first, with the votes of a failover.",
            )
        )
    return [{"type": "actions", "elements": made}] if made else []


def _leaving(story: Story) -> tuple[MemberId, ...]:
    """Return who could be left out now, as the hold says."""
    ways = story.state.hold.ways if story.state.hold is not None else ()
    said = next((way for way in ways if way.startswith("without ")), "")
    return tuple(said.removeprefix("without ").split(",")) if said else ()


def _final(story: Story) -> list[Block]:
    """A calm last form: what is true now, and where to read on."""
    state = story.state
    took = span(state.last_at - state.first_at) if state.last_at and state.first_at else "?"
    return [
        section(_asked(story)),
        section(
            f"{words.steps_done(story)}, {took} from order to end. "
            f"{capitalised(words.out_words(state.out_of_service(), story.plan))}.",
            f"Auto-clone: {words.cloning_words(story)}.",
        ),
        _members(story),
        context("The end report is in the thread. " + _small_print(story)),
    ]


def _asked(story: Story) -> str:
    request = story.state.the_request
    ticket = f" · {escape(request.ticket, 60)}" if request.ticket else ""
    who = escape(request.requester_name or request.requester, 80)
    return f"{code(story.plan.package.name, 200)} asked for by {who}{ticket}"


def _bar(story: Story) -> str:
    """A bar for those who like one; the words beside it say the same."""
    steps = story.plan.steps
    done = sum(1 for step in steps if story.state.of(step).status == "done")
    full = round(10 * done / len(steps)) if steps else 0
    return f"  {'▓' * full}{'░' * (10 - full)}"


def _next(story: Story) -> str:
    state, opening = story.state, story.opening
    if words.alarming(story):
        return "*Next:* nothing happens until a person says so, in the thread."
    if opening is not None and opening.gate.outcome == "approved" and opening.gate.starts_at:
        starts = schedule.begins(opening) or opening.gate.starts_at
        return f"*Next:* it starts {moment(starts)}; a ❌ at the gate stops it."
    if opening is not None and story.plan.is_scheduled_rollback and not state.occupies:
        return _kept_or_not(story, opening)
    if opening is not None:
        return (
            f"*Next:* {opening.gate.name} ({opening.gate.code}) needs your votes until "
            f"{moment(opening.gate.expires_at)}. {capitalised(words.work_left(story))}."
        )
    if state.resting:
        return "*Next:* paused; say `@hotfix resume` to go on."
    if waits := schedule.next_words(story):
        return f"*Next:* {waits}. {capitalised(words.work_left(story))}."
    return f"*Next:* {_coming(story)}. {capitalised(words.work_left(story))}."


def _kept_or_not(story: Story, opening: Opening) -> str:
    """Say what a scheduled rollback asks now, and that nothing happens without an answer."""
    gate, until = opening.gate, moment(opening.gate.expires_at)
    if opening.step.kind is StepKind.KEEP:
        return (
            f"*Next:* {gate.name} ({gate.code}) asks until {until} whether the hotfix is kept. "
            "Where nobody keeps it, the rollback is asked for then; the hotfix stays meanwhile."
        )
    return (
        f"*Next:* {gate.name} ({gate.code}) asks for the rollback until {until}, and again after "
        "that. The hotfix stays until it is approved."
    )


def _coming(story: Story) -> str:
    """Name the next thing that people will notice."""
    left = [s for s in story.plan.steps if story.state.of(s).status != "done"]
    for step in left[1:]:
        if step.kind is StepKind.FAILOVER:
            return f"the approval for the failover of {escape(step.group, 10)}"
        if step.kind is StepKind.START:
            return f"the approval to start on {escape(step.group, 10)}"
        if step.kind in (StepKind.RETURN, StepKind.COMEBACK):
            return f"{escape(step.group, 10)} comes back into service"
        if step.kind is StepKind.POSTFLIGHT:
            return "the last checks and the end report"
    return "the end report"


def _stopped(story: Story) -> list[Block]:
    """Why it stopped, and the words that help."""
    state = story.state
    if state.hold is not None:
        return [
            section(
                f"🛑 *{words.state_word(story)}* since {moment(state.hold.at)}: "
                f"{escape(state.hold.reason)}",
                ways(
                    state.hold.ways or ("retry", "abort"),
                    story.state,
                    schedule.other_time(story.plan, state.hold.at),
                ),
            )
        ]
    if state.halted:
        who = escape(story.name(state.halted), 80)
        return [
            section(
                f"🛑 *HALTED* by {who}: nothing is sent.",
                ways(("resume", "abort"), story.state),
            )
        ]
    return []


def ways(offered: tuple[str, ...], state: RunState, when: str = schedule.SOME_TIME) -> str:
    """Say which words help, and how to bring members up without us.

    Something is moved to a time, so that one is shown: `when`.
    """
    words = [f"{MOVED} {when}" if way == MOVED else way for way in offered]
    said = " or ".join(code(f"@hotfix {way}", 80) for way in words)
    return f"Say {said} in the thread.{_by_hand(state)}"


def _by_hand(state: RunState) -> str:
    """Say what brings members up without us, as things stand now, or ""."""
    command, waits = state.by_hand(), state.by_hand_waits()
    if not command:
        return ""
    warning = f"\n⚠️ {capitalised(waits)}." if waits else ""
    return f"\nBy hand, on a member in Expert mode: {code(command, 200)}{warning}"


def _members(story: Story) -> Block:
    """A table narrow enough for a phone: the long column comes last."""
    facts = story.state.facts
    rows = ["member  group  take  state"]
    for group in story.plan.groups:
        for one in group.members:
            member = facts.member(one) if facts else MemberFacts(one, "not seen", answered=False)
            rows.append(_row(member, group.name, story))
    for one in story.plan.left_out:
        member = facts.member(one) if facts else MemberFacts(one, "not seen", answered=False)
        rows.append(_row(member, "out", story))
    return preformatted("\n".join(rows), longest=2_400)


def _row(member: MemberFacts, group: str, story: Story) -> str:
    take = "?" if member.take is None else str(member.take)
    smo = " (SMO)" if story.state.facts and story.state.facts.smo == member.id else ""
    says = visible(words.member_words(member, story))[:48]
    return f"{member.id:<6}  {group[:5]:<5}  {take[:4]:>4}  {says}{smo}"


def _plan(story: Story) -> list[str]:
    """The plan by Logical Group: what is done in a line, what is in hand step by step."""
    lines = ["*Plan*"]
    for part in words.parts(story.plan):
        lines += _part(story, part)
    return lines


def _part(story: Story, steps: list[Step]) -> list[str]:
    state = story.state
    title = f"*{words.part_named(story.plan, steps)}*"
    done = [s for s in steps if state.of(s).status == "done"]
    if len(done) == len(steps):
        return [f"✅ {title}: done"]
    now = state.next_step()
    if now not in steps:
        return [f"○ {title}: to come, {len(steps)} steps"]
    return [f"▶️ {title}", *(_line(story, step, now) for step in steps)]


def _line(story: Story, step: Step, now: Step | None) -> str:
    title = words.titled(step)
    if story.state.of(step).status == "done":
        return f"      ✅ {title}"
    if step != now:
        return f"      ○ {title}: to come"
    if words.alarming(story):
        return f"      🛑 {title}: stopped here"
    return f"      ▶️ {title}: {escape(lowered(words.doing(step)), 120)}"


def _small_print(story: Story) -> str:
    state = story.state
    seen = f"last change seen {moment(state.facts.at)}" if state.facts else ""
    restarts = f" · the bot was restarted {times(state.restarts)}" if state.restarts else ""
    return f"{escape(state.run, 40)}, plan revision {story.plan.revision} · {seen}{restarts}"

"""The end report: what is true now, what it was before, and who said yes."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import replace

from bot.views import schedule, words
from bot.views.document import document
from bot.views.format import (
    LONGEST_TEXT,
    Block,
    clip,
    code,
    context,
    escape,
    fit,
    head_line,
    header,
    listed,
    mention,
    moment,
    preformatted,
    section,
    span,
    times,
)
from bot.views.gates import bullets
from bot.views.message import Message
from bot.views.story import Opening, Story
from engine.appointments import zone_of
from engine.facts import MemberFacts, PackageState
from engine.following import FINISH, ROLLBACK, goes_on_with
from engine.former import former
from engine.model import Plan


def report(story: Story, links: Sequence[tuple[str, str]] = ()) -> Message:
    """Return the report of a run that has ended.

    Args:
        story: the run.
        links: label and key of the messages that it leads to: what was asked, and each hold.
    """
    first = _first(story)
    request = story.state.the_request
    blocks: list[Block] = [
        header(first),
        section(f"{mention(request.requester, request.requester_name)} {_sentence(story)}"),
        _table(story),
        section(f"*Auto-clone:* {words.cloning_words(story)}."),
        *_ways_on(story),
        *_rollback(story),
        *_to_catch_up(story),
        *_crashes(story),
        *_not_by_us(story),
        section("*Approvals*", *_approvals(story)),
        section(_duration(story)),
        context(_promises(story)),
        head_line(story.state.last_seq, story.state.last_hash),
    ]
    return Message(
        f"{story.state.run}/end",
        clip(f"{escape(first, 500)}. {_sentence(story)}", LONGEST_TEXT),
        fit(blocks),
        broadcast=True,
        file=(f"{story.state.run}-report.md", document(story, first, _sentence(story))),
        links=tuple(links),
    )


def _first(story: Story) -> str:
    state = story.state
    out = state.out_of_service()
    sign = "✅" if words.ended_word(story) in ("Done", "Kept") and not out else "⚠️"
    if story.plan.left_out:
        sign = "⚠️"
    owed = " · auto-clone is owed" if state.cloning_owed else ""
    return (
        f"{sign} {words.ended_word(story)}: {words.out_words(out, story.plan)}{owed} · "
        f"{state.run} · {story.plan.security_group}"
    )


def rollback_words(story: Story) -> str:
    """Say which rollback began with the end of an installation, or why none did; "" of others."""
    ended, request, at = story.state.ended or {}, story.state.the_request, story.state.last_at
    if request.rollback_after is None or at is None:
        return ""
    if run := ended.get("rollback"):
        due = schedule.both(at + request.rollback_after, zone_of(request))
        return (
            f"{code(str(run), 60)} has begun and is due {due}. It asks until then whether the "
            "hotfix is kept; where nobody keeps it, it asks for the rollback, and the hotfix stays "
            "meanwhile"
        )
    why = ended.get("no_rollback") or "the installation did not end as it was ordered"
    return f"⚠️ none was scheduled, although it was ordered: {escape(str(why))}"


def _rollback(story: Story) -> list[Block]:
    said = rollback_words(story)
    return [section(f"*Rollback:* {said}.")] if said else []


_TO = {
    "install": "brings it to the members without it",
    "uninstall": "takes it from the members that have it",
}
"""What becomes of a package; who is changed is seen when it is planned."""


def _ways_on(story: Story) -> list[Block]:
    """Say what brings up who was left down, and which commands make the members alike again."""
    state, plan, lines = story.state, story.plan, list[str]()
    if hand := state.by_hand():
        lines.append(
            "*Left admin-down*, with the command that brings up, on a member in Expert mode: "
            f"{code(hand, 200)}"
        )
    if _differ(story):
        lines += [
            f"*To go on, or back*, with {code(plan.package.name, 200)}; both ask before anything "
            "is changed:",
            f"{_ordered(story, FINISH)}.",
            f"{_ordered(story, ROLLBACK)}.",
        ]
    return [section(*lines)] if lines else []


def _differ(story: Story) -> bool:
    """Tell whether members that were not left out have other takes, or only some the package."""
    if story.state.facts is None:
        return False
    package, seen = story.plan.package.name, story.plan.concerning(story.state.facts)
    return len({(m.take, m.package(package)) for m in seen.members if _told(m)}) > 1


def _told(member: MemberFacts) -> bool:
    return member.answered and not member.cpuse_silent


def _ordered(story: Story, kind: str) -> str:
    """Return the command that goes on or back, what it does, and for whom it is refused now."""
    state, plan = story.state, story.plan
    last, request = former(state), replace(state.the_request, kind=kind)
    command = code(f"/hotfix {kind} {plan.security_group}", 120)
    if last is None or not last.began or state.facts is None:
        return f"{command} is about the last run by which a member was changed"
    does = goes_on_with(request, last)
    # Only who is to be taken back may be out of service: see engine.following.
    stays = [
        one
        for one in state.out_of_service()
        if kind == FINISH or _has(state.facts.member(one), plan) is (does == "install")
    ]
    refused = f"; it is refused while {words.ids(stays)} is out of service" if stays else ""
    return f"{command} {_TO[does]}{refused}"


def _has(member: MemberFacts, plan: Plan) -> bool:
    return member.package(plan.package.name) is PackageState.INSTALLED


def _to_catch_up(story: Story) -> list[Block]:
    """Say how a member that was left out gets the take too, and what becomes of auto-clone."""
    plan = story.plan
    left_out = plan.left_out
    now = _takes_now(story)
    behind = [one for one in left_out if now.get(one) != plan.take_after]
    if not behind or words.ended_word(story) != "Done":
        return []
    who, package = words.ids(behind), plan.package.name
    folder = plan.policy.upload_directory
    imported = f'gclish -c "installer import local {folder}/{package} member_ids {who}"'
    installed = f"gclish -c 'installer install NUMBER member_ids {who}'"
    lines = [
        f"*To bring {who} to take {plan.take_after} by hand*, once repaired, with auto-clone off "
        "and the others in service, in Expert mode there:",
        f"1. Copy the package to {code(folder, 100)} there, then {code(imported, 300)}",
        "2. Its NUMBER there: `da_cli packages_info status=available_for_install`",
        f"3. {code(installed, 200)}; it restarts. Then see that it carries traffic.",
    ]
    if story.state.cloning_owed:
        lines.append(
            "Auto-clone stays owed meanwhile. The next run on this group puts it back when every "
            "member shows the same take; whoever switches it on by hand does so only then, and the "
            "bot goes on saying that it is owed until that run."
        )
    return [section(*lines)]


def _takes_now(story: Story) -> dict[str, int | None]:
    ended = story.state.ended or {}
    return dict(ended.get("members") or {})


def _sentence(story: Story) -> str:
    left_out, now = story.plan.left_out, _takes_now(story)
    numbers = {take for one, take in now.items() if take is not None and one not in left_out}
    takes = [str(take) for take in sorted(numbers)]
    group = escape(story.plan.security_group, 80)
    rest = f" Left out, and not looked after: {words.ids(left_out)}." if left_out else ""
    seen = story.state.facts
    if words.ended_word(story) == "Kept" and seen is not None:
        rest = f" Seen last {moment(seen.at)}; nothing was begun since.{rest}"
    if len(takes) == 1:
        who = "Every other member" if left_out else "Every member"
        return f"{who} of {group} is at take {escape(takes[0], 20)}.{rest}"
    return f"The members of {group} are at different takes: {escape(', '.join(takes), 100)}.{rest}"


def _table(story: Story) -> Block:
    now = _takes_now(story)
    facts = story.state.facts
    rows = ["member  before  now  state"]
    for one in story.plan.everyone:
        state = words.member_words(facts.member(one), story) if facts else "not seen"
        before, after = _take(story.takes_before.get(one)), _take(now.get(one))
        rows.append(f"{one:<6}  {before:>6}  {after:>3}  {state[:48]}")
    return preformatted("\n".join(rows), longest=2_400)


def _take(take: int | None) -> str:
    return "?" if take is None else str(take)[:6]


def _crashes(story: Story) -> list[Block]:
    if not story.crashes:
        return []
    title = "*New core dumps on members that this run changed*, perhaps by it:"
    return [section(title, *bullets(story.crashes, 30))]


def _not_by_us(story: Story) -> list[Block]:
    kept = words.ended_word(story) == "Kept"
    if (story.state.aborted or kept) and not story.not_by_us:
        return []
    if not story.not_by_us:
        return [section("*Other differences to before:* none.")]
    return [section("*Other differences to before, not by us:*", *bullets(story.not_by_us, 30))]


def _approvals(story: Story) -> list[str]:
    lines = [_approval(opening) for opening in story.openings.values() if opening.was_agreed]
    return lines or ["None was needed: nothing was approved and begun."]


def _approval(opening: Opening) -> str:
    what = words.asked_about(opening.step)
    short = ("the proposal", "the failover ", "the start ", "whether ")
    what = what.removeprefix("the ") if what.startswith(short) else what
    who = listed(words.voter(v.name, v.roles, opening) for v in opening.yes)
    at = f" · {moment(opening.begun_at)}" if opening.begun_at else ""
    return f"{opening.gate.name}, {what}: {who}{at}"


def _duration(story: Story) -> str:
    state = story.state
    if state.first_at is None or state.last_at is None:
        return ""
    restarts = f" The bot was restarted {times(state.restarts)}." if state.restarts else ""
    return (
        f"*Duration:* {span(state.last_at - state.first_at)}, from {moment(state.first_at)} to "
        f"{moment(state.last_at)}.{restarts}"
    )


def _promises(story: Story) -> str:
    """Say how the promises fared, the broken ones first and by name."""
    verdicts = (story.state.ended or {}).get("promises") or {}
    by_verdict: dict[str, list[str]] = {}
    for name, verdict in verdicts.items():
        by_verdict.setdefault(str(verdict), []).append(str(name))
    for names in by_verdict.values():
        names.sort(key=lambda name: (len(name), name))
    parts = [
        f"{'❗ *' if verdict == 'broken' else ''}{escape(verdict, 30)}"
        f"{'*' if verdict == 'broken' else ''}: {escape(', '.join(names), 200)}"
        for verdict, names in sorted(by_verdict.items())
    ]
    return f"Promises, judged from the journal: {' · '.join(parts) or 'not judged'}"

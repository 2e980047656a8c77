"""Judges a scene: after every move whether anything unsafe was done, in the end whether it ends.

What the engine's own judge says of the journal is one part. The other is what the devices saw,
held against the journal: who acted without writing it first, what was started twice, whom nobody
names although we took it down.
"""

import re
from collections import Counter
from collections.abc import Iterator
from datetime import timedelta

from engine import promises
from engine.fold import RunState
from engine.journal import Kind
from storage.records import Record
from tests.simulation.scene import Scene

REACTION_S = 20.0
"""How long before an act somebody else's deed may be too new for us to have seen it: the answers
of a dialogue are typed within seconds of the look, and of the guard that the device checks."""

NAMED_WITHIN_S = 240.0
"""How long an executor that can look may need to name who is out of service: it looks again at
least every minute while a group of ours is down, and a blind spell of a minute may come first."""

ACTS = {
    "admin_down": ("ADMIN_DOWN",),
    "install": ("INSTALL",),
    "uninstall": ("UNINSTALL",),
}
"""The acts that the witness judges, and the kinds of steps that may do them."""


class Judge:
    """Looks at one scene, again and again; what it said once it does not look up again."""

    def __init__(self, scene: Scene) -> None:
        self.scene = scene
        self.state = RunState()
        self._allowed: Counter[tuple[str, str]] = Counter()
        self._attempts: dict[tuple[str, str], set[tuple[str, int]]] = {}
        self._intended: dict[str, tuple[str, list[str]]] = {}
        self._acting: list[int] = []
        self._calm_since: float | None = None
        self._ended_with: int | None = None

    def unsafe(self) -> list[str]:
        """Say what was done that must not be."""
        records = self.scene.records()
        fresh = records[self.state.last_seq :]
        for record in fresh:
            self.state.apply(record)
            self._note(record)
        if not records:
            return []
        found = [*self._against_the_devices(), *self._against_the_index(), *self._out_of_service()]
        if fresh:
            found += [*self._against_the_promises(records), *self._words(), *self._broken(fresh)]
        return found

    def _note(self, record: Record) -> None:
        body = record.body
        if record.kind == Kind.INTENDED:
            self._acting.append(record.seq)
            self._intended[body["step"]] = (body["kind"], body["members"])
        if record.kind == Kind.COMMITTING:
            self._acting.append(record.seq)
            kind, members = self._intended[body["step"]]
            for member in members:
                self._allowed[kind, member] += 1
                attempts = self._attempts.setdefault((kind, member), set())
                attempts.add((body["step"], body["attempt"]))

    # ------------------------------------------------------------------------ the parts

    def _against_the_promises(self, records: list[Record]) -> Iterator[str]:
        for promise, (verdict, why) in promises.explained(records).items():
            if verdict == promises.BROKEN:
                yield f"{promise}: {'; '.join(why)}"

    def _broken(self, fresh: list[Record]) -> Iterator[str]:
        """A mistake of ours holds the run, and so is safe; but nobody should ever see one."""
        for record in fresh:
            if record.kind == Kind.BROKEN:
                yield f"record {record.seq} is BROKEN: {record.body['reason']}"

    def _against_the_devices(self) -> Iterator[str]:
        group = self.scene.group
        group.advance()
        for objection in group.witness.objections():
            if not self._is_no_offence(objection):
                yield f"the witness objects: {objection}"
        done = Counter((act.act, act.member) for act in group.witness.acts if act.act in ACTS)
        for (act, member), times in done.items():
            allowed = sum(self._allowed[kind, member] for kind in ACTS[act])
            if times > allowed:
                yield f"{act} on {member} {times} times, but written before only {allowed} times"
        for member, starts in group.witness.starts.items():
            for kind, times in (("INSTALL", starts.installs), ("UNINSTALL", starts.uninstalls)):
                attempts = len(self._attempts.get((kind, member), ()))
                if times > attempts:
                    yield f"{times} starts of {kind} on {member} in {attempts} attempts"
        if self.state.ended is not None:
            acts = len(group.witness.acts)
            self._ended_with = acts if self._ended_with is None else self._ended_with
            if acts > self._ended_with:
                yield f"{group.witness.acts[-1].act} after the end"

    def _is_no_offence(self, objection: str) -> bool:
        """Whether P1 allows what the witness, who knows no plan, objects to.

        *Logical Groups*: half a group that was lost on the way down is followed by its other half;
        P1 speaks of the members outside the group.
        *Because of us*: cloning switched on by another after our last look cannot be switched off
        while a member installs; a member that others take away seconds before an act was there at
        our last look.
        """
        meddled = self.scene.meddled
        if "image auto-clone on" in objection:
            return any(what == "auto_clone_on" for _, what in meddled)
        acting, found, absent = objection.partition(" while ")
        if not found:
            return False
        groups = [g for g in self.state.the_plan.groups if set(_ids(acting)) & set(g.members)]
        if all(set(_ids(absent)) <= set(group.members) for group in groups):
            return True
        (seconds,) = re.findall(r"\(at (\d+) s\)$", objection)
        return any(float(seconds) - REACTION_S <= at <= float(seconds) + 1 for at, _ in meddled)

    def _against_the_index(self) -> Iterator[str]:
        row = self.scene.stores.journal.run(self.scene.run)
        if row != self.state.index():
            yield f"the index says {row}, the journal {self.state.index()}"

    def _words(self) -> Iterator[str]:
        """No act is written between a person's word and its taking."""
        inbox = self.scene.stores._door.shelf.inbox
        for key, before in self.scene.said_at.items():
            taken = inbox[key].taken_seq or self.state.last_seq + 1
            if late := [seq for seq in self._acting if before < seq < taken]:
                word = inbox[key].body["verb"]
                yield f"`{word}` was said after record {before}, and records {late} came first"

    def _out_of_service(self) -> Iterator[str]:
        """Whom we took down the state names, as soon as an executor could look."""
        group, scene = self.scene.group, self.scene
        down = {m.id for m in group.members.values() if "ADMIN" in m.notes}
        able = scene.awake and not scene.database.away and group.answering
        if not (down - set(self.state.out_of_service())) or not able:
            self._calm_since = None
            return
        self._calm_since = group.now if self._calm_since is None else self._calm_since
        if group.now - self._calm_since > NAMED_WITHIN_S:
            named = self.state.out_of_service()
            yield f"{', '.join(sorted(down))} are down by us, the run names {named or 'nobody'}"


def _ids(text: str) -> list[str]:
    return re.findall(r"\b\d+_\d+\b", text)


# ---------------------------------------------------------------------------- the end


PATIENCE_H = 3.0
"""Simulated hours in which a run on a healthy group must end, ask, or hold: three groups take
about one and a half."""

WORDS_AT_MOST = 12
"""So many words of people must bring any run to its end."""


async def brought_to_an_end(scene: Scene) -> str:
    """Heal everything, say what the run asks for; return where it is stuck for good, or ""."""
    await scene.heal()
    said: Counter[tuple[str, str]] = Counter()
    for _ in range(WORDS_AT_MOST):
        state = await scene.until(_waits, hours=PATIENCE_H)
        if state.ended is not None:
            return await _left_well(scene)
        word = _word(state, said)
        if not word:
            return f"no way is left at: {_where(state)}; said were {dict(said)}"
        scene.say(word)
        await scene.clock.sleep(timedelta(minutes=3))
    return f"{WORDS_AT_MOST} words were not enough: {_where(scene.state())}; said {dict(said)}"


def _waits(state: RunState) -> bool:
    resting = state.hold is not None or bool(state.halted) or bool(state.paused)
    return state.ended is not None or resting


def _word(state: RunState, said: Counter[tuple[str, str]]) -> str:
    """Return what a person says next: first go on, then each way that the hold names, twice."""
    if state.halted or state.paused:
        return "resume"
    if state.hold is None:
        return ""
    for way in state.hold.ways:
        if said[state.hold.step, way] < 2:
            said[state.hold.step, way] += 1
            return way
    return ""


def _where(state: RunState) -> str:
    step = state.next_step()
    if state.hold is None:
        return f"{step.id if step else 'the end'}, not held"
    return f"{state.hold.step}: {state.hold.error}: {state.hold.reason} (ways {state.hold.ways})"


async def _left_well(scene: Scene) -> str:
    """Say what is not as it should be after the end: P5 and P10, by the devices themselves."""
    await scene.clock.sleep(timedelta(minutes=5))
    state, group = scene.state(), scene.group
    group.advance()
    left = set(group.members) - set(group.in_service()) - set((state.ended or {})["out_of_service"])
    if left:
        return f"the run ended, and {', '.join(sorted(left))} are not in service"
    if not state.cloning_owed and state.cloning_was and not all(group.auto_clones().values()):
        return "the run ended without owing cloning, and it is off"
    return ""

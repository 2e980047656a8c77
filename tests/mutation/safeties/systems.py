"""Virtual Systems: the rehearsal's judge sees them, and acts happen in the context of 0."""

from tests.mutation.trials import safety

WITNESS = "engine/rehearsal/witness.py"
GROUP = "engine/rehearsal/group.py"
REHEARSED = "unit/test_rehearsal_virtual.py"

SAFETIES = (
    safety(
        "the witness sees an act in another context than 0",
        promise="P1",
        why="The vendor demands VS 0 for every command of the procedure.",
        file=WITNESS,
        old='        if number:\n            self._object(at, f"{command} was run',
        new='        if False:\n            self._object(at, f"{command} was run',
        by=(f"{REHEARSED}::test_acting_in_another_context_is_refused_or_objected_to",),
    ),
    safety(
        "the witness counts a member with an ill Virtual System as away",
        promise="P1",
        why="What the Virtual System carried would be carried by nobody.",
        file=GROUP,
        old="            if m.state == IN_SERVICE and m.ill_systems\n",
        new="            if False\n",
        by=(f"{REHEARSED}::test_the_witness_objects_when_others_go_down_while_a_system_is_ill",),
    ),
)

"""The same thing spelled otherwise: blanks, colours, case, padding. Read the same, or refused."""

import pytest
from hypothesis import given
from hypothesis import strategies as st

from engine.errors import UnexpectedOutput
from engine.facts import InstalledPolicy
from engine.gaia.readings import read_cloning, read_connections, read_core_dumps, read_policies

# ------------------------------------------------------------------------- image auto-clone

OFF = "Image auto-clone state is off"


@pytest.mark.parametrize(
    "text",
    [
        f"1_01: {OFF}\n1_02: {OFF}\n",
        f"[1_01]{OFF}\n[1_02] {OFF}\n",
        f"  1_01:  \n{OFF}\n\n1_02 (local):\n{OFF}\n",
        f"-*- 2 members: 1_01 1_02 -*-\n{OFF.upper()}\n",
        f"-*- 2 blades: 1_01,1_02 -*-\nCLINFR0771  Config lock is owned by admin.\n{OFF}\n",
        "1_01:\nImage auto-clone state is: off\n1_02:\nImage auto-clone state is:  Off\n",
    ],
)
def test_cloning_is_read_of_each_member_however_its_block_begins(text):
    assert read_cloning(text) == {"1_1": False, "1_2": False}


@pytest.mark.parametrize(
    "head",
    ["1_02 (standby):", "1_02 - local", "1_02", "-*- 2 blades: 1_02 -*-", "-*- all blades -*-"],
)
def test_what_stands_under_a_heading_that_cannot_be_read_is_not_the_member_before(head):
    found = read_cloning(f"1_01:\n{OFF}\n{head}\n{OFF.replace('off', 'on')}\n1_03:\n{OFF}\n")

    assert found == {"1_1": False, "1_3": False}
    assert read_connections(f"1_01:\n{head}\n1 2 3\n1_03:\n4 5 6\n") == {"1_3": 4}
    assert read_core_dumps(f"-*- 1 blade: 1_01 -*-\n{head}\n/var/log/dump/usermode/x\n") == {}


@pytest.mark.parametrize("word", ["off-line", "offline", "on/off", "", "of", "unknown"])
def test_another_word_is_no_state_of_cloning(word):
    with pytest.raises(UnexpectedOutput):
        read_cloning(f"1_01:\nImage auto-clone state is {word}\n")


def test_a_member_that_is_said_to_be_both_on_and_off_is_no_reading():
    with pytest.raises(UnexpectedOutput, match="both"):
        read_cloning(f"1_01:\n{OFF}\n1_02:\n{OFF}\n1_01:\n{OFF.replace('off', 'on')}\n")


heads = st.sampled_from(["{}:", " {}: ", "{} (local):", "[{}]", "-*- 1 blade: {} -*-", "{}: "])


@given(st.permutations(range(1, 6)), st.lists(st.booleans(), min_size=5, max_size=5), st.data())
def test_in_any_order_and_spelling_each_member_has_its_own_state(order, states, data):
    """One heading is lost: then that one has no state, and nobody has another's."""
    lost = data.draw(st.sampled_from([0, *order]))
    lines = []
    for number in order:
        head = data.draw(heads).format(data.draw(st.sampled_from([f"1_{number}", f"1_0{number}"])))
        word = "on" if states[number - 1] else "off"
        lines += ["garbage" if number == lost else head, f"Image auto-clone state is {word}", ""]
    try:
        found = read_cloning("\n".join(lines))
    except UnexpectedOutput:
        assert lost
        return
    wrong = {one for one, on in found.items() if on != states[int(one[2:]) - 1]}

    assert not wrong
    assert len(found) == (4 if lost else 5)


# ---------------------------------------------------------------------------- policies

POLICIES = """\
 +---+
 | Member ID | POLICY NAME | Policy  Date | Policy Signature | STATUS |
 | 1_01 (local) | Standard | 22Aug22 08:54 | aa | {} |
 | 1_02 | Standard | 22Aug22  08:54 | aa | Success |
"""


@pytest.mark.parametrize(
    ("word", "failed"),
    [("Success", False), ("SUCCESSFUL", False), ("Failed", True), ("Error", True), ("", True)],
)
def test_a_padded_table_of_policies_and_a_status_that_is_not_success_is_failed(word, failed):
    found = read_policies(POLICIES.format(word))

    assert found["1_1"] == InstalledPolicy("Standard", "22Aug22 08:54", "aa", failed)
    assert found["1_2"] == InstalledPolicy("Standard", "22Aug22 08:54", "aa")

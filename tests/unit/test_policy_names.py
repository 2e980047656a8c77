"""Two commands name a member's policy, one of them in a column: do they mean the same?"""

from dataclasses import replace
from datetime import UTC, datetime
from typing import Any

import pytest

from engine.enforced import same_policy
from engine.facts import GroupFacts, InstalledPolicy, VirtualFacts
from engine.gaia.dialect import dialect
from engine.gaia.probe import look_line, read_look
from engine.gaia.readings import read_enforced, read_policies, read_virtual_policies, verified
from engine.gaia.virtual import signed
from engine.rehearsal.group import Group, Setup
from engine.rehearsal.shell import RehearsalShell
from tests.rehearsing import command
from tests.simulation.loop import run_virtual, virtual_clock
from tests.unit.builders import facts, member

MUNICH = "Corporate_Policy_Munich"
ROW = InstalledPolicy("Corporate_Policy_Mu", "22Aug22 08:54", "276ab62df", failed=True)


def seen(*, other: str = "", **setup: Any) -> GroupFacts:
    """Look at two members; `other` enforces the same name with another signature."""

    async def whole() -> str:
        group = Group(Setup(members=2, **setup), virtual_clock())
        if other:
            own = group.members[other].policy
            group.members[other].policy = replace(own, serial=own.serial + 1)
        group.advance()
        shell = RehearsalShell(group)
        virtual = [one["id"] for one in setup["virtual"]] if "virtual" in setup else None
        line = look_line(dialect("R81.20"), directory="/var/log/x", full=False, virtual=virtual)
        text = await command(shell, line)
        await shell.close()
        return text

    return read_look(run_virtual(whole()), datetime(2026, 3, 1, tzinfo=UTC))


@pytest.mark.parametrize("long_names", ["whole", "cut", "dots", "wrapped"])
@pytest.mark.parametrize(
    "name", ["Standard", "My Policy", MUNICH, "The Policy of our Munich Office"]
)
def test_a_policy_keeps_its_signature_however_its_name_fits_into_the_column(name, long_names):
    alike = seen(policy=name, long_names=long_names).members
    unlike = seen(policy=name, long_names=long_names, other="1_2").members
    signatures = [one.policy.signature for one in unlike if one.policy]

    assert [one.policy.name for one in alike if one.policy] == [name, name]
    assert all(one.policy and one.policy.date and one.policy.signature for one in alike)
    assert same_policy(alike) == []
    assert same_policy(unlike) == [
        f"1_2 has policy {name} of 12Mar24 10:51 [{signatures[1]}], "
        f"1_1 has {name} of 12Mar24 10:51 [{signatures[0]}]"
    ]


@pytest.mark.parametrize("long_names", ["whole", "cut", "dots", "wrapped"])
def test_so_does_that_of_a_virtual_system(long_names):
    virtual = [{"id": 2, "name": "Bern", "policy": MUNICH}]
    looked = seen(mode="VSX", virtual=virtual, long_names=long_names)
    policies = [one.virtual[0].policy for one in looked.members]

    assert [one.name for one in policies if one] == [MUNICH, MUNICH]
    assert all(one and one.signature for one in policies)


@pytest.mark.parametrize("shown", ["Corporate_Policy_Mu", "Corporate_Policy_..", MUNICH])
def test_a_cut_name_keeps_what_the_verification_says(shown):
    assert verified(MUNICH, replace(ROW, name=shown)) == replace(ROW, name=MUNICH)


@pytest.mark.parametrize(
    "shown", ["Corporate", "Corporate..", "Corporate_Policy_Be", "InitialPolicy", "", f"{MUNICH}_2"]
)
def test_another_name_verifies_nothing(shown):
    assert verified(MUNICH, replace(ROW, name=shown)) == InstalledPolicy(MUNICH, "")
    assert verified(MUNICH, None) == InstalledPolicy(MUNICH, "")
    assert verified("", replace(ROW, name=shown)) is None


def test_one_that_is_not_verified_is_said_beside_others_that_are():
    one = verified("Standard", replace(ROW, name="InitialPolicy"))
    two = verified("Lax", replace(ROW, name="InitialPolicy"))
    not_verified = (
        "nothing shows whether 1_2 has the same policy: it was not verified; compare what "
        "`fw stat` and `asg policy verify -a` name there"
    )

    assert same_policy(facts(member(2, policy=one)).members) == [not_verified]
    assert same_policy(facts(member(2, policy=two)).members) == [
        "1_2 has policy Lax [not verified], 1_1 has Standard of 12Mar24 10:51 [9107a1ef3]",
        not_verified,
    ]


def test_a_virtual_system_that_is_not_verified_is_said():
    own = VirtualFacts(2, "Bern", "ACTIVE", (), InstalledPolicy("Bern", "22Aug22 08:54"))
    (other,) = signed((own,), {2: replace(ROW, name="InitialPolicy")})
    members = [member(1, virtual=(own,)), member(2, virtual=(other,))]

    assert signed((own,), {}) == (own,)
    assert same_policy(members) == [
        "nothing shows whether 1_2 has the same policy of VS 2: it was not verified; compare what "
        "`fw stat` and `asg policy verify -a` name there"
    ]


# ------------------------------------------------------------------------- the table, and fw stat

HEAD = "|SGM    |Policy Name        |Policy Date    |Policy Signature |Status  |\n"
FIRST = "|1_01   |Corporate_Policy_Mu|22Aug22 08:54  |276ab62df        |Success |\n"
BELOW = "|       |nich               |               |                 |        |\n"
NOBODY = "|all    |Standard           |22Aug22 08:54  |ba4ca088a        |Success |\n"


def test_a_name_that_wraps_is_one_row_and_what_is_below_nobodys_row_is_nobodys():
    wrapped = InstalledPolicy("Corporate_Policy_Mu nich", "22Aug22 08:54", "276ab62df")
    for text in (FIRST + BELOW, FIRST + BELOW + NOBODY + BELOW, FIRST + BELOW + HEAD + BELOW):
        assert read_policies(HEAD + text) == {"1_1": wrapped}

    column = (
        "|SGM |VS |Policy Name |Policy Date |Policy Signature |Status |\n"
        "|1_01 |0 |Standard |22Aug22 08:54 |aa |Success |\n"
        "|     |3 |Corporate_Policy_Mu |22Aug22 08:55 |bb |Success |\n"
        "|     |  |nich |              |   |        |\n"
    )
    assert read_policies(column)["1_1"].name == "Standard"
    assert read_virtual_policies(column)["1_1"][3].name == "Corporate_Policy_Mu nich"


@pytest.mark.parametrize(
    ("shown", "name", "date"),
    [
        ("My Policy 22Aug22 08:54 : [>eth1]", "My Policy", "22Aug22 08:54"),
        ("My Policy 22Aug2022  8:54:10 : [>eth1]", "My Policy", "22Aug2022 8:54:10"),
        ("Policy of 1Jan24 22Aug22 08:54 : [>eth1]", "Policy of 1Jan24", "22Aug22 08:54"),
        ("Standard 2022-08-22 08:54 : [>eth1]", "Standard", "2022-08-22 08:54"),
        ("Standard", "Standard", ""),
    ],
)
def test_a_name_in_fw_stat_goes_up_to_its_date(shown, name, date):
    read = read_enforced(f"HOST      POLICY     DATE\nlocalhost {shown}\n")

    assert read == InstalledPolicy(name, date)

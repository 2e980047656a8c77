"""The line that every member runs in a look, by real bash with stand-ins for its programs."""

import json
import subprocess
from pathlib import Path

import pytest

from engine.gaia import probe
from engine.gaia.broadcast import by_member
from engine.gaia.dialect import dialect
from engine.gaia.readings import in_json, read_action
from engine.gaia.text import marked

NEWEST = 37
GONE = {
    "without the other fields": {"Action ID": "-1", "Message": "Action was not found."},
    "with all fields": {"Action ID": "-1", "Action Type": "N/A", "Status": "N/A"},
    "as a number": {"Action ID": -1, "Action Type": "", "Progress": "70"},
    "not at all": None,
    "by the newest": {"Action ID": str(NEWEST), "Action Type": "Install", "Status": "success"},
    "as if it were there": {"Action ID": "NUMBER", "Action Type": "N/A", "Status": "N/A"},
}

DA_CLI = """#!/bin/bash
n=${2#actionID=}
echo "$n" >>"$HOME/asked"
if [ "$1" != get_status_of_action ]; then printf '%s' '{"packages": []}'; exit; fi
if [ "$n" -ge 1 ] && [ "$n" -le 37 ]; then printf '%s' "${THERE//NUMBER/$n}"; exit; fi
printf '%s' "${GONE//NUMBER/$n}"
"""


@pytest.fixture
def home(tmp_path: Path) -> Path:
    """A member: `asg` says who it is, `gexec` is here, `da_cli` answers without a line end."""
    programs = {
        "asg": '#!/bin/bash\n[ "$3" = local_id ] && echo "1_1              "\n',
        "gexec": '#!/bin/bash\nexec bash -c "${@: -1}"\n',
        "fw": "#!/bin/bash\nprintf 'HOST POLICY DATE\\nlocalhost Standard 1Jan26 : [>eth1]'\n",
        "cphaprob": "#!/bin/bash\nprintf 'Active PNOTEs: None'\n",
        "da_cli": DA_CLI,
    }
    (tmp_path / "bin").mkdir()
    for name, text in programs.items():
        (tmp_path / "bin" / name).write_text(text)
        (tmp_path / "bin" / name).chmod(0o755)
    return tmp_path


def looked(home: Path, gone: object, *, compact: bool = True, **known: int) -> str:
    """Run a whole look; return what it printed."""
    line = probe.look_line(
        dialect("R81.20"),
        directory=str(home / "own"),
        full=False,
        actions={f"1_{name[1:]}": number for name, number in known.items()},
    )
    there = {"Action ID": "NUMBER", "Action Type": "Install", "Status": "success"}
    indent, between = (None, (", ", ": ")) if compact else (3, (",", " : "))
    done = subprocess.run(
        ["bash", "-c", line],
        capture_output=True,
        text=True,
        timeout=30,
        check=False,
        env={
            "PATH": f"{home}/bin:/usr/bin:/bin",
            "HOME": str(home),
            "THERE": json.dumps(there, indent=indent, separators=between),
            "GONE": json.dumps(gone, indent=indent, separators=between) if gone else "",
        },
    )
    return done.stdout


@pytest.mark.parametrize("gone", list(GONE))
@pytest.mark.parametrize("known", [{}, {"m1": 5}, {"m1": NEWEST}, {"m1": 999}, {"m2": 5}])
def test_the_search_for_the_newest_action_ends_however_one_that_is_not_there_is_told(
    home, gone, known
):
    answer = by_member(marked(looked(home, GONE[gone], **known), "@@")["members"])["1_1"]
    action = read_action(answer["action"])

    assert action is not None
    assert (action.id == NEWEST) == (gone != "as if it were there")
    assert len((home / "asked").read_text().splitlines()) < 60


@pytest.mark.parametrize("compact", [True, False])
def test_a_marker_after_an_answer_without_a_line_end_is_still_one(home, compact):
    sections = marked(looked(home, GONE["with all fields"], compact=compact), "@@")
    own = by_member(sections["members"])["1_1"]

    assert in_json(own["agent"], "da_status") == {"packages": []}
    assert in_json(own["packages"], "packages_info") == {"packages": []}
    assert own["state"].strip() == "Active PNOTEs: None"
    assert own["fw"].splitlines()[1] == "localhost Standard 1Jan26 : [>eth1]"
    assert {"action", "take", "end"} <= own.keys()

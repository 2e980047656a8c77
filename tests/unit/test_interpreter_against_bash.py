"""Lines of the bot, run by our interpreter and by a real bash with stub programs: same result."""

import asyncio
import shutil
import subprocess
from pathlib import Path

import pytest

from engine.gaia.guards import BOOT_ID, Guard, Stamp, guarded, read_epochs, write_epoch
from engine.rehearsal import interpreter, programs
from engine.rehearsal.files import Files
from engine.rehearsal.interpreter import Process, Program
from engine.rehearsal.streams import Buffer, FromText
from engine.rehearsal.syntax import UnsupportedSyntax

STUBS = {
    "asg": (
        'case "$*" in\n'
        "'stat -i local_id') echo '1_5              ';;\n"
        "'stat -i active_ids') printf '%s\\n' '1_5              ' '1_6              ' '1_7    ';;\n"
        "*) exit 3;;\nesac"
    ),
    "da_cli": (
        'case "$2" in\n'
        'actionID=1|actionID=2|actionID=3) echo \'{ "Action ID" : "x", "Action Type" : "y" }\';;\n'
        '*) echo \'{ "Action ID" : "-1" }\';;\nesac'
    ),
    "act": 'echo "acting $*"; exit 7',
}

LINES = [
    """echo "@member $(asg stat -i local_id)"; echo @end""",
    """( flock -n 9 && echo free || echo held ) 9>DIR/lock""",
    """( flock -n 9 && ( flock -n 8 && echo free || echo held ) 8>DIR/lock ) 9>DIR/lock""",
    """( flock -n 9 && : ) 9>DIR/lock; ( flock -n 9 && echo free || echo held ) 9>DIR/lock""",
    """i=0; while da_cli get_status_of_action actionID=$((i+1)) | grep -q '"Action Type"'; """
    """do i=$((i+1)); done; echo $i""",
    """i=0; s=1; while da_cli x actionID=$((i+s)) | grep -q "Action Type"; do i=$((i+s)); """
    """s=$((s*2)); done; while [ $s -gt 1 ]; do s=$((s/2)); if da_cli x actionID=$((i+s)) | """
    """grep -q "Action Type"; then i=$((i+s)); fi; done; echo $i""",
    """( flock -n 9 || exit 98; [ "$(asg stat -i local_id | tr -d ' ')" = 1_5 ] || exit 95; """
    """exec act down -a ) 9>DIR/lock; echo "@done $?\"""",
    """( flock -n 9 || exit 98; [ "$(asg stat -i local_id | tr -d ' ')" = 1_4 ] || exit 95; """
    """exec act ) 9>DIR/lock; echo "@done $?\"""",
    """( [ "$(asg stat -i active_ids | grep -cxE '(1_5|1_6|1_7|1_8) *')" = 4 ] || exit 96; """
    """exec act ) 9>DIR/lock; echo "@done $?\"""",
    """( [ "$(asg stat -i active_ids | grep -cxE '(1_5|1_6|1_7) *')" = 3 ] || exit 96; """
    """exec act ) 9>DIR/lock; echo "@done $?\"""",
    """( e=$(cat DIR/epoch) || exit 97; [ 3 -ge "$e" ] || exit 97; exec act ) 9>DIR/lock; echo $?""",  # noqa: E501 -- one line as typed
    """echo 3 > DIR/epoch; ( e=$(cat DIR/epoch) || exit 97; [ 3 -ge "$e" ] || exit 97; exec act ) """  # noqa: E501 -- one line as typed
    """9>DIR/lock; echo "@done $?\"""",
    """echo 4 > DIR/epoch; ( e=$(cat DIR/epoch) && [ 3 -ge "$e" ] || exit 97; exec act ); echo $?""",  # noqa: E501 -- one line as typed
    """echo x > DIR/epoch; ( e=$(cat DIR/epoch) && [ 3 -ge "$e" ] || exit 97; exec act ); echo $?""",  # noqa: E501 -- one line as typed
    """( flock -n 9 ) 9>DIR/missing/lock; echo $?""",
    """mkdir -p DIR/a/b && [ -d DIR/a/b ] && echo yes; [ -f DIR/a ] || echo no; rm -f DIR/zz; echo $?""",  # noqa: E501 -- one line as typed
    """for x in a 'b c' "d"; do case $x in b*) echo B;; a|d) echo "[$x]";; *) echo other;; esac; done""",  # noqa: E501 -- one line as typed
    """x='a  b'; echo $x "$x" ${#x} ${y:-z} '$x' \\$x""",
    """printf '%s|%d\\n' a 1 b 2; echo -n x; echo; echo a\\ b""",
    """true && false || echo c; ! true; echo $?; false; echo $?; : && echo ok""",
    """echo $(( (2+3)*4 % 7 )) $((7/2)) $((1<2)) $((3==4)); i=5; echo $((i-1))""",
    """printf 'a:b:c\\nd:e:f\\n' | cut -d: -f2,3 | sed -n 2p""",
    """printf '1\\n2\\n3\\n' | tail -n 2 | head -n 1; printf 'x\\ny\\n' | wc -l; echo aabb | tr -s ab""",  # noqa: E501 -- one line as typed
    """printf 'One\\ntwo\\n' | grep -i one; printf 'a.b\\nacb\\n' | grep -F a.b; echo abc | grep -o b""",  # noqa: E501 -- one line as typed
    """printf 'x\\ny\\n' | grep -v x; printf 'x\\n' | grep -c z; echo $?""",
    """{ echo a; echo b 1>&2; } 2>/dev/null; echo c >DIR/f; echo d >>DIR/f; cat DIR/f; cat <DIR/f""",  # noqa: E501 -- one line as typed
    """if [ -e DIR/none ]; then echo 1; elif [ 2 -le 2 ]; then echo 2; else echo 3; fi""",
    """(exit 4); echo $?; echo "$(exit 5)"; x=$(exit 6); echo $?; x=1; echo $?""",
    """n=0; while true; do n=$((n+1)); [ $n -eq 3 ] && break; [ $n -lt 2 ] && continue; echo $n; done""",  # noqa: E501 -- one line as typed
    """nosuchprogram 2>/dev/null; echo $?; command -v nosuchprogram; echo $?""",
    """printf 'a b\\nc d\\n' | while read -r one two; do echo "$two-$one"; done""",
    """printf hello >DIR/h; sha256sum DIR/h; stat -c %s DIR/h; [ -s DIR/h ] && echo full""",
    """[ "" ]; echo $?; [ x ]; echo $?; [ -z "" ] && echo z; [ a != b ] && echo ne; test -n x; echo $?""",  # noqa: E501 -- one line as typed
    """exec 9>DIR/lock; flock -n 9; echo $?; ( flock -n 8 || echo held ) 8>DIR/lock""",
]


def _fence_lines() -> list[str]:
    """The lines of the fence as they are sent, but for their broadcast and the place of a file."""
    stamp = Stamp(3, "db", ("older", "oldest"))
    acting = guarded("act now", Guard("1_5", ("1_5", "1_6", "1_7"), "DIR/own", stamp))
    fenced = guarded("act now", Guard("1_5", (), "DIR/own", stamp))
    inner = [
        fenced,
        *(line.split("'")[1] for line in (read_epochs("DIR/own"), write_epoch("DIR/own", stamp))),
    ]
    kept = ["", "3 b7", "2 b7", "4 b7", "3 b6", "3", "junk", "1000000000000000 b7", "3 b7 x"]
    kept += ["3 b7 db", "2 b7 db", "4 b7 db", "2 b7 x", "2 b7 oldest", "3 b7 older", "x y db"]
    setups = ["", *(f"mkdir -p DIR/own; echo '{text}' >DIR/own/epoch; " for text in kept)]
    whole = [f"{setup}{line}" for setup in setups for line in [*inner, f"{inner[2]}; {fenced}"]]
    held = f"mkdir -p DIR/own; ( flock -n 7; {inner[2]}; {fenced} ) 7>DIR/own/lock"
    return [
        f"echo b7 >DIR/boot; {one}".replace(BOOT_ID, "DIR/boot") for one in [acting, *whole, held]
    ]


LINES += _fence_lines()


class StubMachine:
    """A machine whose device programs are the same stubs, run by our interpreter."""

    def __init__(self, folder: str) -> None:
        self.files = Files()
        self.files.make_folder(folder)
        self.files.make_folder("/home/admin")

    def program(self, name: str) -> Program | None:
        if name not in STUBS:
            return programs.program(name)

        async def stub(process: Process) -> int:
            text = STUBS[name].replace("$*", " ".join(process.args))
            for index, argument in enumerate(process.args, 1):
                text = text.replace(f"${index}", argument)
            state = interpreter.State(
                self, {0: process.stdin, 1: process.stdout, 2: process.stderr}
            )
            return await interpreter.run(text, state)

        return stub

    async def sleep(self, seconds: float) -> None:
        """No time passes."""

    def left(self, status: int) -> None:
        """Nobody takes note."""


def ours(line: str, folder: str) -> tuple[str, int]:
    output = Buffer()
    state = interpreter.State(StubMachine(folder), {0: FromText(), 1: output, 2: Buffer()})
    status = asyncio.run(interpreter.run(line, state))
    return output.text, status


def real(line: str, folder: Path) -> tuple[str, int]:
    bin_folder = folder / "bin"
    bin_folder.mkdir()
    for name, text in STUBS.items():
        (bin_folder / name).write_text(f"#!/bin/bash\n{text}\n")
        (bin_folder / name).chmod(0o755)
    done = subprocess.run(
        ["bash", "-c", line],
        capture_output=True,
        text=True,
        check=False,
        env={"PATH": f"{bin_folder}:/usr/bin:/bin"},
        stdin=subprocess.DEVNULL,
    )
    return done.stdout, done.returncode


@pytest.mark.skipif(not shutil.which("flock"), reason="needs util-linux")
@pytest.mark.parametrize("line", LINES)
def test_bash_and_the_interpreter_agree(line: str, tmp_path: Path):
    folder = tmp_path / "d"
    folder.mkdir()
    text = line.replace("DIR", str(folder))
    assert ours(text, str(folder)) == real(text, tmp_path)


@pytest.mark.parametrize(
    "line",
    [
        "sleep 1 &",
        "cat <<EOF",
        "echo `date`",
        "[[ a = b ]]",
        "f() { :; }",
        "echo {a,b}",
        "echo ${x##y}",
        "awk '{print $1}'",
        "echo a | xargs rm",
        "set -e",
        "x=(1 2)",
        "echo 'open",
        "if true; then echo a",
        "echo ~",
    ],
)
def test_what_lies_outside_of_the_subset_is_refused(line: str):
    with pytest.raises(UnsupportedSyntax):
        ours(line, "/d")

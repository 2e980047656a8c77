"""The Shell that can only read: every look comes through, and nothing that acts does."""

import inspect
from datetime import timedelta
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from engine.errors import NotReading
from engine.gaia import commands, guards
from engine.gaia.dialect import VERSIONS, dialect
from engine.gaia.identity import identify_line
from engine.gaia.probe import look_line
from engine.ports import Output, Terminal
from engine.reading import ReadingShell, refuse_acts

TWO = ("1_1", "1_2")
DIRECTORY = "/var/log/hotfix-bot"
R81_20, R82 = dialect("R81.20"), dialect("R82")

READS = {
    "available_packages": [commands.available_packages()],
    "installed_packages": [commands.installed_packages()],
    "room_for_file": [commands.room_for_file("/var/log/upload", "/var/log/upload/x.tgz")],
    "file_sha256": [commands.file_sha256("/var/log/upload/x.tgz")],
    "action_status": [commands.action_status(209)],
}
"""What engine.gaia.commands has for reading."""

ACTS = {
    "member_session": [commands.member_session("1_2")],
    "set_cloning": [commands.set_cloning(d, on=on) for d in (R81_20, R82) for on in (True, False)],
    "import_package": [commands.import_package("/a/x.tgz"), commands.import_package("/a/x", TWO)],
    "verify": [commands.verify(1, TWO)],
    "install": [commands.install(1, TWO)],
    "uninstall": [commands.uninstall(1, TWO)],
    "verify_uninstall": [commands.verify_uninstall("x.tgz")],
    "delete_package": [commands.delete_package(1, TWO)],
    "admin_state": [
        commands.admin_state(d, state, TWO, accelerated=accelerated)
        for d in (R81_20, R82)
        for state in ("down", "up")
        for accelerated in (True, False)
    ],
    "remove_file": [commands.remove_file("/var/log/upload/x.tgz")],
    "make_directory": [commands.make_directory("/var/log/upload")],
}
"""Every acting line of engine.gaia.commands."""

WRAPPERS = {"on_member"}
"""It hands a line on to a member: what it is handed decides."""


class Sent:
    """A Shell that only remembers what came through."""

    def __init__(self) -> None:
        self.lines: list[str] = []

    async def run(self, command: str, *, within: timedelta) -> Output:
        self.lines.append(command)
        return Output("", 0)

    async def terminal(self, command: str, *, within: timedelta) -> Terminal:
        self.lines.append(command)
        raise AssertionError("a terminal was opened")

    async def upload(self, source: Path, target: str, **_: object) -> None:
        self.lines.append(target)

    async def close(self) -> None:
        self.lines.append("closed")


def test_every_line_of_the_commands_is_judged_here():
    made = {
        name
        for name, one in inspect.getmembers(commands, inspect.isfunction)
        if one.__module__ == commands.__name__ and not name.startswith("_")
    }

    assert made == READS.keys() | ACTS.keys() | WRAPPERS


@pytest.mark.parametrize("line", [line for lines in ACTS.values() for line in lines])
async def test_no_acting_line_is_sent_bare_guarded_or_on_a_member(line):
    sent = Sent()
    shell = ReadingShell(sent)
    guard = guards.Guard("1_3", TWO, DIRECTORY, guards.Stamp(3, "5f"))
    helping = guards.Guard(None, (), DIRECTORY)
    for one in (
        line,
        commands.on_member("1_1", line),
        guards.guarded(line, guard),
        commands.on_member("1_1", guards.guarded(line, helping)),
        f"asg stat -v; {line}",
        f"echo $({line})",
        f'echo "$({line})"',
        f"true && {line}",
        f"if true; then {line}; fi",
        f"case a in a) {line};; esac",
        f"asg stat -v | {line}",
        f"i=$({line})",
    ):
        with pytest.raises(NotReading):
            await shell.run(one, within=timedelta(seconds=1))

    assert sent.lines == []


@pytest.mark.parametrize("line", [line for lines in READS.values() for line in lines])
async def test_what_reads_is_sent_as_it_is(line):
    sent = Sent()
    await ReadingShell(sent).run(line, within=timedelta(seconds=1))
    await ReadingShell(sent).run(commands.on_member("1_2", line), within=timedelta(seconds=1))

    assert sent.lines == [line, commands.on_member("1_2", line)]


@pytest.mark.parametrize("version", VERSIONS)
@pytest.mark.parametrize("full", [True, False])
@pytest.mark.parametrize("actions", [{}, {"1_1": 7, "1_2": 3}])
@pytest.mark.parametrize("virtual", [None, (), (1, 2)])
def test_every_look_comes_through(version, full, actions, virtual):
    words = dialect(version)
    refuse_acts(look_line(words, directory=DIRECTORY, full=full, actions=actions, virtual=virtual))


def test_what_a_group_is_can_be_found_out():
    refuse_acts(identify_line())


def test_what_members_keep_of_us_is_read_and_not_written():
    refuse_acts(guards.read_epochs(DIRECTORY))
    with pytest.raises(NotReading):
        refuse_acts(guards.write_epoch(DIRECTORY, guards.Stamp(3, "5f")))


async def test_no_terminal_and_no_upload_comes_through():
    sent = Sent()
    shell = ReadingShell(sent)
    second = timedelta(seconds=1)
    with pytest.raises(NotReading):
        await shell.terminal("asg stat -v", within=second)
    with pytest.raises(NotReading):
        await shell.upload(Path("x"), "/var/log/upload/x", within=second)
    await shell.close()

    assert sent.lines == ["closed"]


@pytest.mark.parametrize(
    "line",
    [
        "reboot",
        "cat /etc/passwd > /var/x",
        "cat x >> /var/log/hotfix-bot/epoch",
        "echo 1 9>>/var/log/hotfix-bot/lock",
        "cat <(reboot)",
        "echo `reboot`",
        'echo "`reboot`"',
        "sleep 1 & reboot",
        "asg stat -v\nreboot",
        "$x",
        "a$b",
        "'reboot'",
        '"$(reboot)"',
        "PATH=/tmp asg stat -v",
        "eval reboot",
        "exec reboot",
        "bash -c 'asg stat -v'",
        "cphaprob -d x -s problem -t 0 register",
        "clusterXL_admin down",
        "g_clusterXL_admin -b 1_1 down",
        "asg_blade_config pull_config",
        "date -s 12:00",
        "hostname other",
        "da_cli install package=x",
        "da_cli packages_info; da_cli delete package=x",
        "gclish -s -c 'show version'",
        "gclish -c 'show version; set hostname x'",
        "gclish -c 'set smo image auto-clone state on'",
        "gclish",
        "gexec -a -c",
        "gexec -a -c reboot",
        'gexec -a -c "$(cat /var/x)"',
        "gexec -a -c '$x'",
        "if true; then reboot; fi",
        "case a in a) reboot;; esac",
        "case a in a) true;; b) reboot;; esac",
        "case a in a) true",
        "( reboot )",
        "{ reboot; }",
        "! reboot",
        "while reboot; do true; done",
        "echo 'open",
        "echo $(asg stat",
        "echo ${x:=reboot}",
        "if [ -e /a/lock ]; then ( flock -n 9 && reboot ) 9>>/a/lock; else echo free; fi",
        "true # comment",
    ],
)
def test_what_may_act_or_cannot_be_judged_is_refused(line):
    with pytest.raises(NotReading, match="nothing was sent"):
        refuse_acts(line)


@given(st.text("abeior ;|&()'\"`$<>\\\n=-#{}", max_size=30), st.text("ab ;|&()'\"$\n", max_size=8))
def test_a_command_that_is_not_on_the_list_never_hides_behind_anything(before, after):
    try:
        refuse_acts(f"{before};reboot {after}")
    except NotReading:
        return

    # It came through, so the shell would not run it: it stands in quotes.
    assert "'" in before or '"' in before or "\\" in before

"""The Expert shell where logins end in gClish, in process and over SSH: what Shell promises."""

import asyncio
from collections.abc import AsyncIterator, Callable
from dataclasses import dataclass, replace
from datetime import timedelta
from pathlib import Path

import pytest

from engine.clock import SystemClock
from engine.errors import ConditionFailed, MemberUnreachable, StepFailed, TooLate, UnknownPrompt
from engine.facts import Identity
from engine.gaia import guards
from engine.group import LiveGroup
from engine.logins import Login, Refusals, logged_in
from engine.policy import Policy
from engine.ports import Shell, Terminal
from engine.rehearsal.group import Group, Setup
from engine.rehearsal.server import RehearsalServer
from engine.rehearsal.shell import RehearsalShell
from engine.ssh import SshShell
from tests.rehearsing import SOON, until
from tests.ssh.conftest import settings

PASSWORD = "Only-4-Tests"
ASKS = "Enter expert password:"
SETUP = Setup(members=4, speed=100.0, login_shell="gclish", expert_password=PASSWORD)
LOGIN = Login("site-1", "gclish", PASSWORD, "GAIA_EXPERT_PASSWORD")


class Heard:
    """A shell that keeps what its terminals were told and showed."""

    def __init__(self, inner: Shell) -> None:
        self.inner = inner
        self.typed: list[str] = []
        self.opened = 0
        self.on_typed: Callable[[str], None] = lambda _text: None

    def __getattr__(self, name: str) -> object:
        return getattr(self.inner, name)

    async def terminal(self, command: str, *, within: timedelta) -> Terminal:
        self.opened += 1
        terminal = await self.inner.terminal(command, within=within)
        write, typed = terminal.write, self.typed

        async def kept(text: str) -> None:
            typed.append(text)
            self.on_typed(text)
            await write(text)

        terminal.write = kept  # type: ignore[method-assign]  # overheard
        return terminal


@dataclass
class Stage:
    group: Group
    heard: Heard
    shell: Shell

    def other(self, login: Login) -> Shell:
        return logged_in(self.heard, login, SystemClock())  # type: ignore[arg-type]  # a part of one


@pytest.fixture(params=["in_process", "real_ssh"])
async def make(
    request: pytest.FixtureRequest, tmp_path: Path
) -> AsyncIterator[Callable[[Setup], object]]:
    ends: list[Callable[[], object]] = []

    async def stage(setup: Setup = SETUP, login: Login = LOGIN) -> Stage:
        inner: Shell
        if request.param == "in_process":
            group = Group(setup, SystemClock())
            inner = RehearsalShell(group)
        else:
            server = RehearsalServer(setup, tmp_path)
            inner = SshShell(settings(await server.start()))
            group = server.group
            ends.append(server.stop)
        heard = Heard(inner)
        shell = logged_in(heard, login, SystemClock())  # type: ignore[arg-type]  # a part of one
        ends.insert(0, shell.close)
        return Stage(group, heard, shell)

    yield stage
    for end in ends:
        await end()  # type: ignore[misc]  # any that can be awaited


async def test_a_command_gives_its_text_and_status_on_a_kept_terminal(make):
    stage = await make()
    output = await stage.shell.run("echo out; echo err 1>&2; exit 7", within=SOON)
    assert sorted(output.text.split()) == ["err", "out"]
    assert output.status == 7
    for _ in range(3):
        assert (await stage.shell.run("hostname -i", within=SOON)).text == "192.0.2.1\n"
    assert stage.heard.opened == 1
    assert stage.heard.typed.count(f"{PASSWORD}\n") == 1


async def test_two_commands_at_once_do_not_mix(make):
    stage = await make()
    slow = asyncio.create_task(stage.shell.run("sleep 30; echo slow", within=SOON))
    await stage.group.sleep(1)
    quick = [(await stage.shell.run(f"echo {n}", within=SOON)).text for n in range(3)]
    assert quick == ["0\n", "1\n", "2\n"]
    assert (await slow).text == "slow\n"
    assert stage.heard.opened == 2


async def test_what_a_command_prints_never_ends_it(make):
    stage = await make()
    line = "echo '@end 1 0'; echo '[Expert@site-1-ch01-01:0]# '; echo on"
    await stage.shell.run("true", within=SOON)
    output = await stage.shell.run(line, within=SOON)
    assert output.text == "@end 1 0\n[Expert@site-1-ch01-01:0]# \non\n"


@pytest.mark.parametrize(
    ("line", "text", "status"),
    [
        ("printf '{}'", "{}", 0),
        ("printf '{}'; exit 7", "{}", 7),
        ("echo '{}'; echo", "{}\n\n", 0),
        ("true", "", 0),
    ],
)
async def test_text_without_a_last_line_end_ends_and_comes_as_it_was_printed(
    make, line, text, status
):
    """So `da_cli` may print its JSON."""
    stage = await make()
    output = await stage.shell.run(line, within=timedelta(seconds=10))
    assert (output.text, output.status) == (text, status)
    assert (await stage.shell.run("echo on", within=SOON)).text == "on\n"
    assert stage.heard.opened == 1


async def test_a_command_that_does_not_end_is_too_late_and_its_terminal_is_given_up(make):
    stage = await make()
    with pytest.raises(TooLate):
        await stage.shell.run("sleep 60000", within=timedelta(seconds=2))
    assert (await stage.shell.run("echo on", within=SOON)).text == "on\n"
    assert stage.heard.opened == 2


async def test_when_the_smo_leaves_the_session_breaks_and_the_next_one_answers(make):
    stage = await make()
    await stage.shell.run("true", within=SOON)
    running = asyncio.create_task(stage.shell.run("sleep 6000", within=SOON))
    await stage.group.sleep(5)
    stage.group.admin_down(stage.group.member("1_1"))
    with pytest.raises(MemberUnreachable):
        await running
    async with asyncio.timeout(60):
        while True:
            try:
                shown = (await stage.shell.run("asg stat -i local_id", within=SOON)).text
                break
            except MemberUnreachable:
                await stage.group.sleep(5)
    assert shown.strip() == "1_2"


async def test_a_dialogue_on_a_member_begins_in_expert_and_holds_its_lock(make):
    stage = await make()
    await stage.shell.run("mkdir -p /var/log/hotfix-bot", within=SOON)
    terminal = await stage.shell.terminal("member 1_3", within=SOON)
    first = await terminal.read(within=SOON)
    assert first == "[Expert@site-1-ch01-03:0]# "
    line = guards.guarded("sleep 60000", guards.Guard("1_3", (), "/var/log/hotfix-bot"))
    await terminal.write(f"{line}\n")
    await stage.group.sleep(5)
    held = guards.read_epochs("/var/log/hotfix-bot")
    text = (await stage.shell.run(held, within=SOON)).text
    assert text.count("\nheld") == 1
    await terminal.close()
    await stage.group.sleep(20)
    assert "\nheld" not in (await stage.shell.run(held, within=SOON)).text


async def test_a_wrong_password_is_tried_once_and_shown_nowhere(make):
    stage = await make(login=replace(LOGIN, password="not-the-one"))
    told = []
    for _ in range(3):
        with pytest.raises(ConditionFailed) as refused:
            await stage.shell.run("true", within=SOON)
        told.append(str(refused.value))
    assert stage.heard.typed == ["expert\n", "not-the-one\n"]
    assert stage.heard.opened == 1
    assert "refused the expert password, and it is not tried again" in told[0]
    assert "not-the-one" not in "".join(told)
    assert "not-the-one" not in repr(LOGIN) + repr(replace(LOGIN, password="not-the-one"))


async def test_without_a_password_nothing_is_sent_and_the_reason_names_the_fence(make):
    stage = await make(login=replace(LOGIN, password=""))
    for attempt in (
        stage.shell.run("true", within=SOON),
        stage.shell.terminal("member 1_2", within=SOON),
    ):
        with pytest.raises(ConditionFailed, match="without Expert mode there is no fence"):
            await attempt
    assert stage.heard.opened == 0


async def test_a_login_that_ends_elsewhere_than_the_settings_say_is_refused(make):
    stage = await make()
    says_expert = stage.other(Login("site-1", "expert"))
    with pytest.raises(ConditionFailed, match=r'ends in gClish, .* set shell = "gclish"'):
        await says_expert.run("echo @@local; asg stat -i local_id", within=SOON)

    stage = await make(replace(SETUP, login_shell="expert"))
    with pytest.raises(ConditionFailed, match=r'ends in the Expert shell, .* shell = "expert"'):
        await stage.shell.run("true", within=SOON)
    assert stage.heard.typed == []


async def test_a_login_in_expert_is_used_as_it_is(make):
    stage = await make(replace(SETUP, login_shell="expert"), Login("site-1"))
    assert (await stage.shell.run("echo on", within=SOON)).text == "on\n"
    assert stage.heard.opened == 0
    terminal = await stage.shell.terminal("member 1_2", within=SOON)
    assert "Moving to member 1_2" in await until(terminal, ":0]# ")
    await terminal.close()


async def test_a_file_comes_by_the_login_beneath(make, tmp_path):
    stage = await make()
    file = tmp_path / "hotfix.tgz"
    file.write_bytes(b"x" * 1000)
    await stage.shell.upload(file, "/var/log/upload/hotfix.tgz", within=SOON)
    assert (await stage.shell.run("ls /var/log/upload", within=SOON)).text == "hotfix.tgz\n"
    stage.group.add_fault({"name": "disk_full"})
    with pytest.raises(StepFailed, match="which may take no files: copy the package to /var/log"):
        await stage.shell.upload(file, "/var/log/upload/other.tgz", within=SOON)


async def test_a_refused_password_is_tried_once_more_where_a_person_asks_for_it(make):
    stage = await make()
    refusals = Refusals()
    wrong = replace(LOGIN, password="not-the-one")
    shell = logged_in(stage.heard, wrong, SystemClock(), refusals)
    for asked in range(1, 3):
        for _ in range(2):
            with pytest.raises(ConditionFailed, match="not tried again by itself"):
                await shell.run("true", within=SOON)
        assert stage.heard.typed.count("not-the-one\n") == asked
        refusals.forget()
    assert stage.heard.typed.count("expert\n") == 2


async def test_a_member_that_refuses_the_password_blinds_nobody_for_the_group(make):
    stage = await make()
    await stage.shell.run("true", within=SOON)
    right = stage.group.setup

    def changed(text: str) -> None:
        if text == "member 1_3\n":
            stage.group.setup = replace(right, expert_password="another-one")

    stage.heard.on_typed = changed
    for _ in range(2):
        with pytest.raises(ConditionFailed, match="`member 1_3` on site-1 refused the expert"):
            await stage.shell.terminal("member 1_3", within=SOON)
    assert stage.heard.typed.count(f"{PASSWORD}\n") == 3
    stage.group.setup = right
    assert (await stage.shell.run("echo on", within=SOON)).text == "on\n"
    await (await stage.shell.terminal("member 1_2", within=SOON)).close()


async def test_of_two_sessions_that_begin_at_once_only_one_tries_a_wrong_password(make):
    stage = await make(login=replace(LOGIN, password="not-the-one"))
    both = [stage.shell.run("true", within=SOON) for _ in range(2)]
    told = await asyncio.gather(*both, return_exceptions=True)
    assert [type(one) for one in told] == [ConditionFailed, ConditionFailed]
    assert stage.heard.typed.count("not-the-one\n") == 1


class Scripted:
    """A terminal that shows one text after each line that is typed, and first of all one."""

    def __init__(self, *shown: str) -> None:
        self.shown = list(shown)
        self.typed: list[str] = []
        self._due = 1

    async def read(self, *, within: timedelta) -> str:
        if not self._due or not self.shown:
            raise TimeoutError
        self._due -= 1
        return self.shown.pop(0)

    async def write(self, text: str) -> None:
        self.typed.append(text)
        self._due += 1

    async def close(self) -> None:
        self.shown.clear()


class Scripts:
    def __init__(self, *terminals: Scripted) -> None:
        self._terminals = list(terminals)

    async def terminal(self, _command: str, *, within: timedelta) -> Scripted:
        return self._terminals.pop(0)


@pytest.mark.parametrize(
    ("answer", "said"),
    [
        ("\nOne-time code: ", "answered the expert password with 'One-time code:'"),
        ("\nSorry, not today.\n", "answered the expert password with 'Sorry, not today.'"),
        ("\nLogin incorrect\n[Global] a-s01-01> ", "refused the expert password"),
        (f"{PASSWORD}\nAccount is locked\n", "answered the expert password with 'Account is l"),
    ],
)
async def test_whatever_answers_the_password_but_expert_it_is_typed_once(answer, said):
    terminals = [Scripted("[Global] a-s01-01> ", ASKS, answer) for _ in range(3)]
    shell = logged_in(Scripts(*terminals), LOGIN, SystemClock())  # type: ignore[arg-type]  # a part of one
    with pytest.raises((UnknownPrompt, ConditionFailed)):
        await shell.run("true", within=SOON)
    for _ in range(2):
        with pytest.raises(ConditionFailed, match=said):
            await shell.run("true", within=SOON)
    assert [one.typed for one in terminals] == [["expert\n", f"{PASSWORD}\n"], [], []]


async def test_a_session_that_breaks_behind_the_password_is_followed_by_one_more_and_no_third():
    broken = [Scripted("[Global] a-s01-01> ", ASKS, "") for _ in range(3)]
    shell = logged_in(Scripts(*broken), LOGIN, SystemClock())  # type: ignore[arg-type]  # a part of one
    for _ in range(2):
        with pytest.raises(MemberUnreachable):
            await shell.run("true", within=SOON)
    with pytest.raises(ConditionFailed, match="did not answer the expert password, 2 times"):
        await shell.run("true", within=SOON)
    assert [len(one.typed) for one in broken] == [2, 2, 0]


async def test_who_was_let_in_before_the_session_broke_was_not_refused():
    let_in = "\nYou are in expert mode now.\n\n"
    broken = [Scripted("[Global] a-s01-01> ", ASKS, let_in, "") for _ in range(3)]
    shell = logged_in(Scripts(*broken), LOGIN, SystemClock())  # type: ignore[arg-type]  # a part of one
    for _ in range(3):
        with pytest.raises(UnknownPrompt):
            await shell.run("true", within=SOON)
    assert [len(one.typed) for one in broken] == [2, 2, 2]


@pytest.mark.parametrize(
    ("shown", "typed"),
    [
        (["Your password has expired, new one: "], []),
        (["[Global] a-s01-01> ", "Expert password is not set, set one now? (y/n) "], ["expert\n"]),
        (
            ["[Global] a-s01-01> ", f"\nEnter expert password:{PASSWORD}\nPIN: "],
            ["expert\n"],
        ),
        (
            ["[Global] a-s01-01> ", "Enter expert password:", f"{PASSWORD}\nOne-time code: "],
            ["expert\n", f"{PASSWORD}\n"],
        ),
    ],
)
async def test_an_unknown_prompt_is_never_answered(shown, typed):
    terminal = Scripted(*shown)
    shell = logged_in(Scripts(terminal), LOGIN, SystemClock())  # type: ignore[arg-type]  # a part of one
    with pytest.raises(UnknownPrompt) as unknown:
        await shell.run("true", within=SOON)
    assert terminal.typed == typed
    assert PASSWORD not in str(unknown.value) + unknown.value.text


async def test_a_member_that_ends_in_gclish_unexpectedly_is_sent_nothing():
    terminal = Scripted("Moving to member 1_2\n[Global] a-s01-02> ")
    known = Identity("R81.20", "Maestro", "Gateway")
    shell = Scripts(terminal)
    group = LiveGroup(shell, SystemClock(), Policy(), known=known)  # type: ignore[arg-type]  # a part of one

    async def commit(_member: str) -> None:
        raise AssertionError("nothing may be committed")

    with pytest.raises(StepFailed, match="1_2 ends in gClish, so nothing was sent there"):
        await group.admin_state(
            "down",
            ["1_1"],
            at="1_2",
            outside=["1_2"],
            name="ana",
            reason="r",
            accelerated=False,
            commit=commit,
        )
    assert terminal.typed == []

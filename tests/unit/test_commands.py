"""What people type: read exactly, or refused with what would be right."""

import string

import pytest
from hypothesis import given
from hypothesis import strategies as st

from bot.commands.grammar import LONGEST_REASON
from bot.commands.help import help_text
from bot.commands.kinds import Cancel, Mistake, Order, Planning, Question, Revision, Vote, Word
from bot.commands.reading import is_bare_stop, read_command
from bot.commands.votes import addressed, after_name
from bot.reactions import choice_of, is_gate, plain_name, run_of
from engine.proposals import Change

GROUPS = ["site-1", "site-2"]
PACKAGE = "Check_Point_R81_20_JUMBO_HF_MAIN_Bundle_T120_FULL.tgz"
SUM = "ab" * 32


def read(text: str):
    return read_command(text, groups=GROUPS)


def refusal(text: str) -> str:
    with pytest.raises(Mistake) as mistake:
        read(text)
    return str(mistake.value)


@pytest.mark.parametrize(
    ("text", "command"),
    [
        (f"install site-1 {PACKAGE}", Order("install", "site-1", PACKAGE)),
        (f"  INSTALL   site-1\t{PACKAGE} ", Order("install", "site-1", PACKAGE)),
        (
            f"install site-2 {PACKAGE} sha256 {SUM.upper()} ticket CHG0042",
            Order("install", "site-2", PACKAGE, sha256=SUM, ticket="CHG0042"),
        ),
        (
            f"install site-1 {PACKAGE} split 1_1-1_2,1_04/1_5,1_3",
            Order("install", "site-1", PACKAGE, split=(("1_1", "1_2", "1_4"), ("1_5", "1_3"))),
        ),
        (f"plan install site-1 {PACKAGE}", Planning(Order("install", "site-1", PACKAGE))),
        (
            "plan uninstall site-1 last take to take 99",
            Planning(Order("uninstall", "site-1", method="last_take", take=99)),
        ),
        ("Plan rollback site-1", Planning(Order("rollback", "site-1"))),
        ("plan finish site-1 without 1_7", Planning(Order("finish", "site-1", left_out=("1_7",)))),
        ("without 1_7", Revision(Change(left_out=("1_7",)))),
        ("without site-1 1_6-1_7", Revision(Change(left_out=("1_6", "1_7")), "site-1")),
        ("change swap", Revision(Change(order="swap"))),
        ("change site-1 swap", Revision(Change(order="swap"), "site-1")),
        ("<@U0000HOTFIX> change groups 3", Revision(Change(groups=3))),
        ("change order SMO_last", Revision(Change(order="smo_last"))),
        ("change order b,A", Revision(Change(order="listed", listed=("B", "A")))),
        (
            "change split 1_1-1_2/1_3 order B/A",
            Revision(Change((("1_1", "1_2"), ("1_3",)), order="listed", listed=("B", "A"))),
        ),
        ("abort", Word("abort")),
        ("halt site-1", Word("halt", "site-1")),
        ("Retry hf-1a2b3c", Word("retry", "hf-1a2b3c")),
        ("<@U0000HOTFIX> resume", Word("resume")),
        ("<@U0000HOTFIX|hotfix> pause site-2", Word("pause", "site-2")),
        ("status", Question("status")),
        ("status site-1", Question("status", "site-1")),
        ("why", Question("why")),
        ("why site-2", Question("why", "site-2")),
        ("approve G2 7K3F", Vote("yes", "G2", "7K3F")),
        ("<@U0000HOTFIX> Approve g2: `7k3f`", Vote("yes", "G2", "7K3F")),
        ("approve G12 0IL1", Vote("yes", "G12", "0111")),
        ("approve G2 OOOO", Vote("yes", "G2", "0000")),
        ("reject G2", Vote("no", "G2")),
        ("reject G2 7K3F", Vote("no", "G2", reason="7K3F")),
        (
            "reject G2: policy is &lt;being&gt; installed",
            Vote("no", "G2", reason="policy is <being> installed"),
        ),
        ("reject", Vote("no")),
        ("reject not tonight", Vote("no", reason="not tonight")),
        ("reject G2 " + "x" * 300, Vote("no", "G2", reason="x" * LONGEST_REASON)),
        ("withdraw G2", Vote("withdraw", "G2")),
        ("withdraw my vote", Vote("withdraw", reason="my vote")),
        ("help", Question("help")),
        ("", Question("help")),
        ("<@U0000HOTFIX>", Question("help")),
    ],
)
def test_a_command_is_understood(text, command):
    assert read(text) == command


BOT = "<@U0000HOTFIX>"


@pytest.mark.parametrize(
    "text",
    [
        f"{BOT}: halt",
        f"{BOT}, halt",
        f"{BOT} halt!",
        f"{BOT} *halt*",
        f"{BOT} _*HALT!!*_",
        f"{BOT} halt NOW",
        f"{BOT} halt: the neighbours have trouble, see &lt;there&gt;",
        f"hey {BOT} halt",
        f"halt {BOT}",
        f"Halt! {BOT} now",
        f"<@U0000ANA01> {BOT} - `halt`",
        f"{BOT} halt " + "because " * 300,
    ],
)
def test_in_a_thread_a_halt_is_read_however_hasty_it_is_written(text):
    assert read_command(text, groups=GROUPS, in_thread=True) == Word("halt")


@pytest.mark.parametrize(
    ("text", "command"),
    [
        (f"{BOT} pause, please", Word("pause")),
        (f"{BOT}: halt site-2!", Word("halt", "site-2")),
        (f"{BOT} halt the run hf-1a2b3c4d NOW", Word("halt", "hf-1a2b3c4d")),
        (f"{BOT} halt hf-1a2b3c4d-rollback NOW", Word("halt", "hf-1a2b3c4d-rollback")),
        (f"hey {BOT}, *reject*", Vote("no")),
        (f"{BOT} Reject! *G2* not tonight", Vote("no", "G2", reason="not tonight")),
        (f"{BOT} withdraw!", Vote("withdraw")),
        (f"{BOT} *withdraw G2*", Vote("withdraw", "G2")),
        (f"{BOT}, withdraw G2", Vote("withdraw", "G2")),
        (f"hey {BOT}, Withdraw: G2!", Vote("withdraw", "G2")),
        (f"{BOT} status", Question("status")),
        (f"{BOT} approve G2 7K3F", Vote("yes", "G2", "7K3F")),
    ],
)
def test_in_a_thread_other_words_are_read_as_ever(text, command):
    assert read_command(text, groups=GROUPS, in_thread=True) == command


HOST = "fw1.example.com"


@pytest.mark.parametrize(
    "link",
    [
        f"<http://{HOST}|{HOST}>",
        f"<https://{HOST}>",
        f"<http://{HOST}/>",
        f"*<http://{HOST}|{HOST}>*!",
    ],
)
def test_a_group_that_slack_takes_for_an_address_is_the_one_that_was_typed(link):
    groups = (*GROUPS, HOST)
    for in_thread in (True, False):
        halt = read_command(f"{BOT} halt {link}", groups=groups, in_thread=in_thread)
        assert halt == Word("halt", HOST)


def test_other_links_are_read_as_they_are_shown():
    link = "<https://tickets.example.com/HF-1|HF-1>"
    assert read(f"reject G2 see {link}") == Vote("no", "G2", reason="see HF-1")
    link = "<https://tickets.example.com/HF-1>"
    assert read(f"reject G2 see {link}") == Vote("no", "G2", reason=f"see {link}")
    assert read("reject G2 ask <mailto:ana@example.com|ana@example.com>").reason.endswith(".com")


@pytest.mark.parametrize(
    ("text", "is_stop"),
    [
        (" halt", True),
        (", halt!", True),
        (" *pause* NOW please", True),
        (" halt site-1", True),
        (" reject G2", True),
        (" withdraw", True),
        (" halt would have helped", False),
        (" pause is what I would say next time", False),
        (" reject it is too early", False),
        (" please halt", False),
        (" resume", False),
        ("", False),
    ],
)
def test_a_text_is_a_stop_and_nothing_else_where_it_says_no_more(text, is_stop):
    assert is_bare_stop(text) is is_stop


@pytest.mark.parametrize(
    "text",
    [
        f"hey {BOT} approve G2 7K3F",
        f"{BOT}, approve G2 7K3F",
        f"{BOT} approve! G2 7K3F",
        f"{BOT} *approve* G2 7K3F",
        f"{BOT} approve G2 7K3F now",
        f"{BOT} do not halt",
        f"{BOT} do not withdraw",
        f"{BOT} did <@U0000000BEN> withdraw his vote?",
        f"{BOT} resume!",
        f"&gt; {BOT} halt\nwhat was that?",
    ],
)
def test_what_lets_something_begin_is_read_no_less_strictly_and_a_quote_is_no_stop(text):
    with pytest.raises(Mistake):
        read_command(text, groups=GROUPS, in_thread=True)


def test_outside_of_a_thread_a_stop_needs_a_name_that_is_one():
    assert read("halt!") == Word("halt")
    assert read("*halt* site-1 NOW") == Word("halt", "site-1")
    assert read("halt hf-1a2b3c-rollback now") == Word("halt", "hf-1a2b3c-rollback")
    assert "not `now`" in refusal("halt right now")


def test_outside_of_a_thread_words_of_haste_behind_a_stop_name_nothing():
    assert read("halt now") == Word("halt")
    assert read("HALT EVERYTHING, please!") == Word("halt")
    assert read("pause it") == Word("pause")
    assert read_command("halt all", groups=["all", "site-1"]) == Word("halt", "all")


@pytest.mark.parametrize(
    ("text", "right"),
    [
        ("stop", "/hotfix halt"),
        ("STOP!", "/hotfix halt"),
        ("stop everything", "/hotfix halt"),
        ("stop site-1", "/hotfix halt site-1"),
        ("please stop hf-1a2b3c NOW", "/hotfix halt hf-1a2b3c"),
        ("please halt site-2", "/hotfix halt site-2"),
    ],
)
def test_who_speaks_of_stopping_is_told_first_what_stops_and_that_nothing_was_stopped(text, right):
    told = refusal(text)

    assert told.startswith(f"*Nothing was stopped. To stop, say `{right}`*: then nothing more is")
    assert "I know" not in told


def test_in_a_thread_who_speaks_of_stopping_is_told_the_word_that_is_said_there():
    with pytest.raises(Mistake, match=r"To stop, say `@hotfix halt`\*"):
        read_command(f"hey {BOT}, STOP!", groups=GROUPS, command="@hotfix", in_thread=True)


def test_who_wants_to_keep_a_hotfix_is_told_how():
    assert "a yes keeps it. Put :white_check_mark:" in refusal("keep site-1")


@pytest.mark.parametrize(
    ("text", "sentences"),
    [
        (
            f"instal site-1 {PACKAGE}",
            ["I do not know `instal`", f"`/hotfix install site-1 {PACKAGE}`"],
        ),
        ("frobnicate", ["I do not know `frobnicate`", "`status`", "/hotfix help"]),
        ("install", ["not which group and which package", "/hotfix install &lt;group&gt;"]),
        ("install site-1", ["`install site-1`, but not which package"]),
        ("plan", ["I understood `plan`, but not what: `/hotfix plan install &lt;group&gt;"]),
        ("plan halt site-1", ["`halt` is nothing that can be planned; I plan `install`"]),
        ("plan instal site-1 x", ["Did you mean `/hotfix plan install site-1 x`?"]),
        ("plan install site-1", ["but not which package: `/hotfix plan install &lt;group&gt;"]),
        ("plan uninstall sit-1", ["Did you mean `/hotfix plan uninstall site-1`?"]),
        (f"install site1 {PACKAGE}", ["there is no group `site1`", f"install site-1 {PACKAGE}"]),
        (f"install berlin {PACKAGE}", ["there is no group `berlin`", "`site-1`, `site-2`"]),
        ("install site-1 ../etc/passwd", ["`../etc/passwd` cannot be a package", "without a path"]),
        ("install site-1 /var/log/a.tgz", ["cannot be a package"]),
        ("install site-1 a.tgz;reboot", ["cannot be a package"]),
        ("install site-1 $(reboot).tgz", ["cannot be a package"]),
        ("install site-1 -rf", ["cannot be a package"]),
        ("install site-1 a&amp;b.tgz", ["`a&amp;b.tgz` cannot be a package"]),
        (f"install site-1 {PACKAGE} now", ["not `now`", "[ticket &lt;id&gt;]"]),
        (f"install site-1 {PACKAGE} tickt CHG1", ["not `tickt`; did you mean `ticket`?"]),
        (f"install site-1 {PACKAGE} ticket", ["nothing follows `ticket`"]),
        (f"install site-1 {PACKAGE} ticket a ticket b", ["`ticket` is there twice"]),
        (f"install site-1 {PACKAGE} ticket `reboot`", ["no ticket's id"]),
        (f"install site-1 {PACKAGE} sha256 abc", ["`abc` is no SHA-256"]),
        (f"install site-1 {PACKAGE} split 1_1-2_3/1_4", ["is no split", "split 1_1-1_4/1_5-1_8"]),
        (f"install site-1 {PACKAGE} split a/b", ["is no split"]),
        ("change", ["`change`, but not what", "`split 1_1-1_3/1_4-1_6`", "`/hotfix change swap`"]),
        ("change site-1", ["`change site-1`, but not what", "`/hotfix change site-1 swap`"]),
        ("change hf-000001", ["`/hotfix change hf-000001 swap`"]),
        ("change ordr B,A", ["not `ordr`; did you mean `order`?"]),
        ("change site-1 swp", ["not `swp`; did you mean `swap`?"]),
        ("without", ["I understood `change without`, but nothing follows"]),
        ("change everything", ["not `everything`", "`groups 3`"]),
        ("change site-1 everything", ["not `everything`"]),
        ("change groups", ["`change groups`, but nothing follows"]),
        ("change groups three", ["`three` is no number of groups"]),
        ("change order smo", ["`change order`, but not `smo`"]),
        ("change order B A", ["not `a`", "`order B,A`"]),
        ("change swap order A,B", ["both say an order"]),
        ("change order A,B swap", ["says it twice"]),
        ("change swap swap", ["says it twice"]),
        ("change split 1_1/1_2 groups 2", ["leave one out"]),
        ("change split 1_1/b", ["is no split"]),
        ("abort site-1 now", ["`abort site-1`, but not `now`"]),
        ("halt ../x", ["`../x` can be neither a group nor a run"]),
        ("approve", ["`approve`, but not which gate", "@hotfix approve G2 CODE"]),
        ("approve it", ["`approve`, but not that `it` is a gate", "@hotfix approve G2 CODE"]),
        ("approve 7K3F G2", ["not that `7K3F` is a gate"]),
        (
            "approve G2",
            ["`approve G2`, but a yes needs the code of G2", "`@hotfix approve G2 CODE`"],
        ),
        ("approve G2 7K3", ["`7K3` is no code", "four letters and digits"]),
        ("approve G2 please", ["`please` is no code"]),
        (
            "approve G2 7k3f if policy is done",
            ["not `if policy is done`; nothing was counted", "`@hotfix approve G2 7K3F`"],
        ),
        ("aprove G2 7K3F", ["If you mean to vote: Put :white_check_mark:", "@hotfix approve G2"]),
        ("yes", ["I do not take `yes` for a vote", "@hotfix approve G2 CODE"]),
        ("x" * 1001, ["too long"]),
    ],
)
def test_a_mistake_says_what_was_not_understood_and_what_is_right(text, sentences):
    told = refusal(text)

    for sentence in sentences:
        assert sentence in told


@given(st.text(alphabet=string.printable + "<>@!&;`ü😀", max_size=80))
def test_any_text_is_a_command_or_a_mistake_that_mentions_nobody(text):
    try:
        command = read(text)
    except Mistake as mistake:
        told = str(mistake)
        assert "<" not in told, "nothing of Slack's markup comes through"
        assert told.count("`") % 2 == 0
    else:
        assert isinstance(command, Cancel | Order | Word | Vote | Question)


@given(
    st.text(alphabet=string.printable, min_size=1, max_size=60).filter(
        lambda t: len(t.split()) == 1
    )
)
def test_no_package_name_reaches_a_path_or_a_shell(name):
    try:
        command = read(f"install site-1 {name.strip()}")
    except Mistake:
        return
    assert isinstance(command, Order)
    assert not set(command.package) & set("/\\;|&$`'\"*?<>(){}[]!~ \n\t")
    assert not command.package.startswith((".", "-"))


def test_help_names_every_word_and_the_groups():
    told = help_text("/hotfix", GROUPS)

    for word in ("install", "status", "pause", "resume", "halt", "retry", "abort", "site-2"):
        assert word in told
    for word in ("why", "approve G2 CODE", "reject G2", "withdraw G2", ":x:"):
        assert word in told


def test_help_has_a_heading_for_each_purpose_and_none_for_what_its_reader_may_not():
    told = help_text("/hotfix", GROUPS).splitlines()
    little = help_text("/hotfix", GROUPS, may={"halt"}).splitlines()

    headings = ["*Order*", "*Stop*", "*Go on*", "*Ask*", "*Vote*"]
    assert [line for line in told if line in headings] == headings
    assert [line for line in little if line in headings] == ["*Stop*", "*Ask*", "*Vote*"]


def test_a_misspelt_vote_as_a_command_is_told_how_to_vote_and_no_command_that_is_refused():
    with pytest.raises(Mistake) as told:
        read_command("aprove G2", groups=GROUPS)
    assert "If you mean to vote: Put :white_check_mark:" in str(told.value)
    assert "/hotfix approve" not in str(told.value)
    with pytest.raises(Mistake, match="Did you mean `@hotfix approve G2 7K3F`"):
        read_command("aprove G2 7K3F", groups=GROUPS, command="@hotfix", in_thread=True)


@pytest.mark.parametrize(
    ("text", "spoken_to"),
    [
        ("<@U0000HOTFIX> abort", True),
        ("please <@U0000HOTFIX|hotfix>", True),
        ("<@U0000HOTFIX2> abort", False),
        ("@hotfix abort", False),
        ("", False),
    ],
)
def test_a_message_is_for_the_bot_where_slack_says_so(text, spoken_to):
    assert addressed(text, "U0000HOTFIX") is spoken_to


@pytest.mark.parametrize(
    ("text", "rest"),
    [
        ("@hotfix halt", " halt"),
        ("@Hotfix: halt!", ": halt!"),
        ("@hotfix", ""),
        ("@hotfix2 halt", None),
        ("@hotfix.bot halt", None),
        ("`@hotfix halt`", None),
        ("write @hotfix halt", None),
        ("hotfix halt", None),
    ],
)
def test_a_name_that_is_no_mention_stands_at_the_beginning(text, rest):
    assert after_name(text, "hotfix") == rest
    assert after_name(text, "") is None


@pytest.mark.parametrize(
    ("emoji", "choice"),
    [
        ("white_check_mark", "yes"),
        (":white_check_mark:", "yes"),
        ("heavy_check_mark", "yes"),
        ("x", "no"),
        ("no_entry", "no"),
        ("stop_sign", "no"),
        ("octagonal_sign", "no"),
        ("raised_hand::skin-tone-3", ""),
        ("+1", ""),
        ("thumbsup::skin-tone-6", ""),
        ("eyes", ""),
    ],
)
def test_only_check_marks_and_crosses_are_votes(emoji, choice):
    assert choice_of(emoji) == choice


def test_an_emoji_has_one_name():
    assert plain_name("thumbsup::skin-tone-4") == plain_name("+1") == "+1"


@pytest.mark.parametrize(
    ("key", "gate"),
    [
        ("hf-1a2b3c/gate/G2", True),
        ("hf-1a2b3c/proposal", True),
        ("hf-1a2b3c/proposal/G2", True),
        ("hf-1a2b3c/root", False),
        ("hf-1a2b3c/milestone/7", False),
        ("hf-1a2b3c/gate/G2/closed", False),
    ],
)
def test_only_messages_that_ask_are_voted_on(key, gate):
    assert is_gate(key) is gate
    assert run_of(key) == "hf-1a2b3c"

"""Settings: read whole, refused with a sentence, and never more permissive than they say."""

import tomllib
from datetime import time, timedelta
from pathlib import Path

import pytest
from pydantic import BaseModel

from bot import wiring
from bot.config import policies, settings
from bot.config.contradictions import unsatisfiable
from bot.config.file import Loaded, load
from bot.config.mistakes import SettingsWrong
from bot.config.secrets import Secrets
from bot.config.settings import Settings
from bot.redaction import Redactor
from bot.wiring import SettingsInventory
from engine.policy import Rights

EXAMPLE = Path(__file__).parents[2] / "deploy" / "hotfix.example.toml"

SMALL = """
[policy.proposal]
voters = ["network"]
[policy.failover]
voters = ["network"]
[roles.network]
members = ["U1", "U2", "U3"]
[groups.site-1]
address = "192.0.2.1"
channel = "C1"
"""


@pytest.fixture
def read(tmp_path: Path):
    def read_text(text: str) -> Loaded:
        file = tmp_path / "hotfix.toml"
        file.write_text(text)
        return load(file)

    return read_text


def refusal(read, text: str) -> str:
    with pytest.raises(SettingsWrong) as wrong:
        read(text)
    return str(wrong.value)


def test_what_is_said_of_appointments_reaches_the_engine(read):
    text = 'gate_lead = "10s"\nlate = "3s"\nprepare = "in_window"\nshortest_window = "20s"\n'
    policy = read(SMALL + text).settings.policy_of("site-1")
    assert policy.shortest_window == timedelta(seconds=20)
    assert policy.policy().gate_lead == timedelta(seconds=10)
    assert policy.policy().late == timedelta(seconds=3)
    assert policy.policy().prepare == "in_window"


def test_the_example_is_read_and_says_every_default():
    settings = load(EXAMPLE).settings

    assert settings.policy_of("site-1").soak == timedelta(minutes=10)
    given = tomllib.loads(EXAMPLE.read_text())
    for section in ("slack", "health", "storage", "packages", "ssh", "policy"):
        assert set(given[section]) == set(type(getattr(settings, section)).model_fields)
        for name, value in type(getattr(settings, section))():
            if name in ("directory", "known_hosts", "client_keys", "url", "operators"):
                continue
            if not isinstance(value, BaseModel):
                assert getattr(getattr(settings, section), name) == value, f"{section}.{name}"


@pytest.mark.parametrize(
    ("text", "told"),
    [
        ("[ssh]\na = 1\na = 2\n", "line 3, a: this is set above already; keep one of the two"),
        ("[ssh]\n[slack]\n[ssh]\n", "line 3, [ssh]: this section stands above already"),
        ("[slack]\na = xoxb-secret\n", "line 2, a: invalid value; text stands in quotation marks"),
        ("[slack]\na xoxb-secret", "line 2, a: expected '=' after a key"),
        ("[ssh]\na = [1\n", "line 2, a: unclosed array"),
    ],
)
def test_what_is_no_toml_is_told_with_its_line_and_without_its_value(read, text, told):
    said = refusal(read, text)

    assert told in said
    assert "secret" not in said


def test_the_example_says_every_key_of_gates_limits_roles_and_groups():
    given = tomllib.loads(EXAMPLE.read_text())

    assert set(given["policy"]["proposal"]) == set(policies.GateSettings.model_fields)
    assert set(given["policy"]["failover"]) == set(policies.GateSettings.model_fields)
    assert set(given["policy"]["limits"]) == set(policies.LimitSettings.model_fields)
    assert set(given["roles"]["network"]) == set(settings.RoleSettings.model_fields)
    assert set(given["groups"]["site-1"]) >= set(settings.GroupSettings.model_fields)


def test_every_setting_says_what_it_is():
    for section in [*vars(settings).values(), *vars(policies).values()]:
        if isinstance(section, type) and issubclass(section, BaseModel):
            for name, field in section.model_fields.items():
                leaf = section is not Settings and not (
                    isinstance(field.annotation, type) and issubclass(field.annotation, BaseModel)
                )
                assert field.description or not leaf, f"{section.__name__}.{name}"


@pytest.mark.parametrize(
    ("text", "sentence"),
    [
        (
            '[storage]\nlease_ttl = "5s"',
            "storage.lease_ttl: a lease of less than 6s runs out while its holder is only busy",
        ),
        (
            '[slack]\napi_url = "slack"',
            "'slack' is no address; write it like https://slack.com/api/",
        ),
        (
            '[slack]\napi_url = "http://slack.com/api/"',
            "http://slack.com/api/ would send the token unencrypted; write https://",
        ),
        ('[slack]\nchannels = "C1"', "slack.channels is 'C1', but must be a list like"),
        ('[slack]\nchannels = ["#fw"]', "'#fw' is no id of a channel; it begins with C or G"),
        ('[roles.a]\nmembers = ["@ana"]', "'@ana' is no id of a person; it begins with U or W"),
        ('[roles.a]\nusergroup = "team"', "'team' is no id of a user group; it begins with S"),
        ('[policy]\nfence = "maybe"', "policy.fence: 'maybe' may be true, false or 'auto'"),
        ('[policy]\ngate_lead = "2d"', "policy.gate_lead: more than 24h is not about that"),
        ('[policy]\ndaily_look = "8:00"', "policy.daily_look: '8:00' is no time of day"),
        ('[policy]\ndaily_look = "24:00"', "policy.daily_look: '24:00' is no time of day"),
        ('[policy]\nlate = "25h"', "policy.late: more than 24h is not about that appointment"),
        ('[policy]\nprepare = "later"', "policy.prepare"),
        ('[policy]\nshortest_window = "0s"', "policy.shortest_window: in a window of no time"),
        ('[policy]\nshortest_window = "25h"', "no window lasts longer than 24h, so none could"),
        ('[policy]\nwindow = "sat 02:00-05:00"', "must be a list like"),
        (
            '[policy]\nwindow = ["xat 02:00-05:00"]',
            "policy.window: 'xat 02:00-05:00' names no day that is known: 'xat'; did you mean sat?",
        ),
        (
            '[policy]\nwindow = ["02:00-05:00"]',
            "policy.window: '02:00-05:00' does not say on which days; write it like 'sat 02:00-",
        ),
        (
            '[policy]\nwindow = ["sat 2am"]',
            "policy.window: 'sat 2am' is no window; write it like 'sat 02:00-05:00'",
        ),
        ('[policy]\nwindow = ["sat 20:00-24:00"]', "; the end of a day is 00:00"),
        (
            '[policy]\nwindow = ["sat 02:00-02:00"]',
            "policy.window: 'sat 02:00-02:00' is empty, or longer than a window may be; a whole",
        ),
        (
            '[policy]\nwindow = ["sat 02:00-02:10"]',
            "policy: the window of sat 02:00 lasts 10 min, and shortest_window is 30 min",
        ),
        (
            '[policy]\nwindow = ["daily 00:00-12:00", "daily 12:00-00:00"]',
            "policy.window: these leave no time out; write [] where it may be any time",
        ),
        ("[policy.failover]\nvotes = true", "policy.failover.votes: True is no number"),
        (
            '[policy.failover]\napproval_expiry = "0m"',
            "policy.failover.approval_expiry: in less than 1s nobody reads what is asked",
        ),
        (
            '[policy.failover]\ngrace = "2h"',
            "policy.failover.grace: more than 10m is no time for second thoughts, but a wait",
        ),
        (
            "[policy.failover]\nvotes = 1\nneeds = { network = 1, firewall = 1 }",
            "policy.failover: needs ask for 2 people, votes for fewer",
        ),
        ('[slack]\nchanels = ["C1"]', "slack.chanels is not a setting; did you mean channels?"),
        ("[polcy]\n", "polcy is not a setting; did you mean policy?"),
        (
            "[policy.failover]\nvote = 3",
            "policy.failover.vote is not a setting; did you mean votes?",
        ),
        (
            "[policy.limits]\ninstal = '1h'",
            "policy.limits.instal is not a setting; did you mean install?",
        ),
        (
            SMALL + "soack = '5m'",
            "groups.site-1.soack is not a setting; did you mean soak?",
        ),
        (
            '[groups.a]\naddress = "x"\nchanel = "C1"',
            "groups.a.channel is missing; you wrote chanel",
        ),
        (
            "[policy]\nsoak = 300",
            "policy.soak: 300 is no duration; write it like 10s, 5m or 1h 30m",
        ),
        (
            '[policy.failover]\nvoters = ["network"]\nfallback = "managers"\nfallback_after = "1h"',
            "policy.failover: fallback_after is not before approval_expiry, so it would never be "
            "called",
        ),
        (
            '[policy.failover]\nvoters = ["network"]\nfallback = "network"',
            "policy.failover: network may approve from the beginning; it is no fallback",
        ),
        (
            '[policy.failover]\nneeds = { network = 2 }\nfallback = "managers"',
            "policy.failover: every vote is needed of a role, so a fallback could never help: ask "
            "for more votes than needs, or set fallback_fills_needs",
        ),
        (
            "[policy.failover]\nfallback_after = 2",
            "policy.failover.fallback_after: 2 is no share of the time to vote; write 0.5, or 15m",
        ),
        (
            '[slack]\nquiet_hours = "night"',
            "slack.quiet_hours: 'night' are no quiet hours; write 22:00-07:00",
        ),
        (
            '[groups.site-1]\naddress = "192.0.2.300"\nchannel = "C1"',
            "groups.site-1.address: '192.0.2.300' is no address; write it like 192.0.2.10",
        ),
        (
            '[groups.site-1]\naddress = "admin@fw"\nchannel = "C1"',
            "groups.site-1.address: 'admin@fw' is no address; write it like 192.0.2.10, or a name",
        ),
        ('[slack]\ntransport = "rtm"', "slack.transport is 'rtm', but may be 'socket' or 'http'"),
        (
            '[slack]\nlisten = "3000"',
            "slack.listen: '3000' is no address to listen on; write it like 127.0.0.1:3000",
        ),
        (
            '[health]\nlisten = "localhost:70000"',
            "health.listen: 'localhost:70000' is no address to listen on",
        ),
        (
            '[slack]\ntransport = "http"\n[health]\nlisten = "127.0.0.1:3000"',
            "health.listen and slack.listen are both 127.0.0.1:3000; give each a port of its own",
        ),
        (
            SMALL + 'timezone = "Mars/Olympus"',
            "'Mars/Olympus' is no time zone; write it like Europe/Berlin",
        ),
        (
            SMALL + 'platform = "Chassis"',
            "groups.site-1.platform is 'Chassis', but may be '', 'Maestro' or 'ElasticXL'",
        ),
        (
            SMALL + 'version = "R79"',
            "'R79' is not supported; supported: R80.30SP, R81, R81.10, R81.20, R82, R82.10",
        ),
        (
            SMALL + 'platform = "ElasticXL"\nmode = "VSX"',
            "groups.site-1: no group that is supported is ElasticXL VSX: put right `platform`",
        ),
        (
            SMALL + 'platform = "ElasticXL"\nversion = "R81.20"',
            "groups.site-1: no group that is supported is ElasticXL R81.20",
        ),
        (
            SMALL.replace('voters = ["network"]', 'voters = ["netwrok"]', 1),
            ".voters: there is no role netwrok; did you mean network?",
        ),
        ("[slack", "line 1: expected ']'"),
    ],
)
def test_a_mistake_is_told_with_file_key_and_what_would_be_right(read, tmp_path, text, sentence):
    told = refusal(read, text)

    assert sentence in told
    assert all(line.startswith(f"{tmp_path / 'hotfix.toml'}: ") for line in told.splitlines())


def test_a_file_that_is_not_there_is_told_with_how_to_name_one(tmp_path):
    with pytest.raises(SettingsWrong, match=r"cannot be read .*--config or HOTFIX_BOT_CONFIG"):
        load(tmp_path / "nowhere.toml")


def test_the_environment_names_the_file_but_no_setting(tmp_path, monkeypatch, read):
    read(SMALL)
    monkeypatch.setenv("HOTFIX_BOT_CONFIG", str(tmp_path / "hotfix.toml"))
    monkeypatch.setenv("POLICY", '{"failover": {"votes": 1}}')
    monkeypatch.setenv("SLACK", '{"command": "/other"}')

    loaded = load()

    assert loaded.file == tmp_path / "hotfix.toml"
    assert loaded.settings.policy.failover.votes == 2
    assert loaded.settings.slack.command == "/hotfix"


def test_the_windows_of_a_group_reach_the_engine_in_its_time_zone(read):
    top = 'policy.window = ["daily 01:00-04:00"]\n'
    own = 'timezone = "Europe/Berlin"\nwindow = ["Sat  22:00-00:00", "sun 00:00-03:00"]\n'
    loaded = read(top + SMALL + own + '[groups.site-2]\naddress = "192.0.2.2"\nchannel = "C1"\n')

    inventory = SettingsInventory(loaded.settings, Secrets())
    first, second = inventory.group("site-1"), inventory.group("site-2")
    assert first is not None
    assert second is not None
    mine, other = first.policy, second.policy
    assert mine.windows.zone == "Europe/Berlin"
    assert mine.windows.said == ("sat 22:00-00:00", "sun 00:00-03:00")
    assert mine.windows.spans == ((5 * 1440 + 22 * 60, 6 * 1440 + 3 * 60),)
    assert len(other.windows.spans) == 7
    assert other.windows.zone == "UTC"


def test_a_group_may_have_no_windows_where_the_others_have(read):
    top = 'policy.window = ["daily 01:00-04:00"]\n'
    settings = read(top + SMALL + "window = []\n").settings

    assert (
        settings.policy_of("site-1").policy() == read(SMALL).settings.policy_of("site-1").policy()
    )


@pytest.mark.parametrize(
    ("own", "at"),
    [("", time(8, 0)), ('daily_look = "09:30"\n', time(9, 30)), ('daily_look = ""\n', None)],
)
def test_a_group_is_looked_at_each_day_at_its_time_where_it_stands(read, own, at):
    loaded = read(f'{SMALL}timezone = "Europe/Berlin"\n{own}')
    setup = SettingsInventory(loaded.settings, Secrets()).group("site-1")

    assert setup is not None
    assert (setup.daily_look, setup.timezone) == (at, "Europe/Berlin")


def test_a_window_of_all_groups_that_is_too_short_for_one_is_told_there(read):
    top = 'policy.window = ["daily 01:00-02:00"]\n'

    said = refusal(read, top + SMALL + 'shortest_window = "2h"\n')

    assert "groups.site-1: the window of mon 01:00 lasts 60 min, and shortest_window is 120" in said


def test_paths_start_at_the_files_folder(read, tmp_path):
    settings = read(SMALL).settings

    assert settings.packages.directory == tmp_path / "packages"
    assert settings.ssh.known_hosts == tmp_path / "known_hosts"
    assert settings.storage.url == f"sqlite:///{tmp_path / 'hotfix.db'}"


def test_an_address_with_its_driver_starts_at_the_files_folder_too(read, tmp_path):
    settings = read(SMALL + '[storage]\nurl = "sqlite+pysqlite:///of/mine.db"\n').settings

    assert settings.storage.url == f"sqlite+pysqlite:///{tmp_path / 'of' / 'mine.db'}"


def test_a_group_changes_what_it_names_and_nothing_else(read):
    settings = read(SMALL + 'soak = "7m"\nfailover.votes = 1\nlimits.install = "2h"\n').settings
    policy = settings.policy_of("site-1").policy()

    assert policy.soak == timedelta(minutes=7)
    assert policy.failover.votes == 1
    assert policy.failover.voters == ("network",)
    assert policy.limits.install == timedelta(hours=2)
    assert policy.limits.verify == timedelta(minutes=5)
    assert policy.proposal.votes == 1
    assert settings.policy.policy().soak == timedelta(minutes=5)


SHARED = 'storage.url = "postgresql+psycopg://db/hotfix"\n'


@pytest.mark.parametrize(
    ("before", "own", "fenced"),
    [
        ("", "", False),
        (SHARED, "", True),
        (SHARED, "fence = false", False),
        (SHARED, 'fence = "auto"', True),
        ("", "fence = true", True),
        (SHARED + "policy.fence = false\n", "", False),
        (SHARED + "policy.fence = false\n", "fence = true", True),
    ],
)
def test_members_are_fenced_where_the_database_is_shared_unless_somebody_says(
    read, before, own, fenced
):
    text = before + SMALL + own + "\n"
    settings = read(text).settings

    assert settings.policy_of("site-1").policy().fence is fenced
    told = settings.unfenced("site-1")
    assert bool(told) is (SHARED in before and not fenced)
    assert not told or "Only one worker may execute there" in told
    setup = SettingsInventory(settings, Secrets()).group("site-1")
    assert setup is not None
    assert setup.remarks == ((told,) if told else ())


@pytest.mark.parametrize("path", ["/var/log/a b", "/var/$(reboot)", "/x'y", "relative"])
def test_our_folder_on_members_needs_no_quotes(read, path):
    assert "own_directory" in refusal(read, SMALL + f"own_directory = {path!r}\n")


def test_the_defaults_are_those_of_the_engine():
    policy = policies.PolicySettings().policy()

    assert policy == type(policy)(rights=Rights())


def test_a_gate_that_a_possible_requester_could_never_pass_is_refused(read):
    told = refusal(read, SMALL.replace(', "U3"]', "]"))

    assert "groups.site-1: if U1 asks, the failover gate cannot pass; lacks 1 more person" in told
    assert "if U2 asks" in told


def test_a_gate_that_nobody_can_pass_is_refused(read):
    told = refusal(read, SMALL.replace('["U1", "U2", "U3"]', "[]"))

    assert "nobody can pass the proposal gate" in told
    assert "nobody can pass the failover gate" in told


def test_roles_of_a_user_group_are_judged_once_slack_was_asked(read):
    text = SMALL.replace('["U1", "U2", "U3"]', '[]\nusergroup = "S1"')
    settings = read(text).settings

    assert list(unsatisfiable(settings, None)) == []
    assert list(unsatisfiable(settings, {"S1": frozenset({"U1", "U2", "U3"})})) == []
    assert len(list(unsatisfiable(settings, {"S1": frozenset({"U1", "U2"})}))) == 2
    assert len(list(unsatisfiable(settings, {"S1": frozenset()}))) == 2 + 4


def test_a_person_in_two_roles_does_not_make_an_impossible_policy_look_possible(read):
    text = SMALL + "failover.voters = []\nfailover.needs = {network = 1, firewall = 1}\n"
    text += '[roles.firewall]\nmembers = ["U1"]\n'

    told = refusal(read, text)

    assert "if U1 asks, the failover gate cannot pass" in told


def rights(read, keys: str) -> Rights:
    """Return the rights on a group where a few more roles have one member each."""
    text = SMALL.replace("[groups", '[roles.noc]\nmembers = ["U4"]\n[groups') + keys
    settings: Settings = read(text).settings
    return settings.policy_of("site-1").rights


@pytest.mark.parametrize(
    ("keys", "expected"),
    [
        ("", Rights(("network",), ("network",), ("network",), ("network",))),
        (
            'operators = ["noc"]',
            Rights(("network", "noc"), ("noc",), ("network", "noc"), ("noc",)),
        ),
        ('halters = ["noc"]', Rights(("network", "noc"), ("network",), ("noc",), ("network",))),
        ('freezers = ["noc"]', Rights(("network", "noc"), ("network",), ("network",), ("noc",))),
        (
            'lifters = ["noc"]',
            Rights(("network", "noc"), ("network",), ("network",), ("network",), ("noc",)),
        ),
        ('requesters = ["noc"]', Rights(("noc",), ("network",), ("network",), ("network",))),
    ],
)
def test_rights_that_are_not_set_follow_from_those_that_are_and_from_the_approvers(
    read, keys, expected
):
    assert rights(read, keys) == expected


@pytest.mark.parametrize("right", ["requesters", "operators", "halters", "freezers", "lifters"])
def test_a_right_of_a_role_that_is_not_there_is_refused(read, right):
    told = refusal(read, SMALL + f'{right} = ["netwrok"]')

    assert f"groups.site-1.{right}: there is no role netwrok; did you mean network?" in told


TWO = (
    SMALL
    + """tags = [TAGS]
[groups.site-2]
address = "192.0.2.2"
channel = "C2"
"""
)


@pytest.mark.parametrize(
    ("tags", "words"),
    [
        ('"all"', "groups.site-1.tags: a tag cannot be all: it means every group"),
        ('"emea", "site-2"', "groups.site-1.tags: site-2 is a group, so nobody could tell"),
        ('"site-1"', "groups.site-1.tags: site-1 is a group, so nobody could tell"),
        ('"two words"', "groups.site-1.tags: 'two words' is not one word of letters"),
        ('""', "groups.site-1.tags: '' is not one word of letters"),
    ],
)
def test_groups_tags_and_all_share_one_namespace(read, tags, words):
    told = refusal(read, TWO.replace("TAGS", tags))

    assert told.count("\n") == 0
    assert words in told


def test_times_of_a_freeze_are_read_in_the_zone_that_its_groups_share(read):
    text = TWO.replace("TAGS", '"emea", "pci"') + 'tags = ["emea"]\ntimezone = "Europe/Berlin"\n'

    settings = read(text).settings
    assert settings.tags == {"site-1": ("emea", "pci"), "site-2": ("emea",)}
    assert settings.scopes == {
        "site-1": "UTC",
        "site-2": "Europe/Berlin",
        "emea": "UTC",
        "pci": "UTC",
        "all": "UTC",
    }
    berlin = read(text.replace("tags = ", 'timezone = "Europe/Berlin"\ntags = ', 1)).settings
    assert berlin.scopes["emea"] == berlin.scopes["pci"] == "Europe/Berlin"
    setup = SettingsInventory(berlin, Secrets()).group("site-1")
    assert setup is not None
    assert setup.tags == ("emea", "pci")


@pytest.mark.parametrize(
    ("right", "words"),
    [
        ("requesters", "nobody may order a run"),
        ("operators", "nobody may operate"),
        ("halters", "nobody may halt"),
        ("freezers", "nobody may freeze"),
        ("lifters", "nobody may lift a freeze"),
    ],
)
def test_a_right_that_nobody_has_is_refused_also_where_its_user_group_turns_out_empty(
    read, right, words
):
    empty = SMALL.replace("[groups", "[roles.noc]\nMEMBERS\n[groups") + f'{right} = ["noc"]'

    told = refusal(read, empty.replace("MEMBERS", "members = []"))
    assert f"groups.site-1: {words}; nobody is in its roles (noc)" in told

    settings = read(empty.replace("MEMBERS", 'usergroup = "S1"')).settings
    assert any(words in one for one in unsatisfiable(settings, {"S1": frozenset()}))
    assert list(unsatisfiable(settings, {"S1": frozenset({"U4"})})) == []


def test_only_who_may_order_can_lock_a_gate_by_asking(read):
    """Two of network approve; were one of them to ask, one would be left. But none of them may."""
    two = SMALL.replace(', "U3"]', "]").replace("[groups", '[roles.noc]\nmembers = ["U4"]\n[groups')

    assert "if U1 asks" in refusal(read, two)
    assert read(two + 'requesters = ["noc"]').settings.groups
    assert "if U1 asks" in refusal(
        read, two.replace('["U4"]', '["U1", "U4"]') + 'requesters = ["noc"]'
    )


def test_a_user_groups_members_are_judged_as_possible_requesters(read):
    text = SMALL.replace(', "U3"]', "]").replace(
        "[groups", '[roles.noc]\nusergroup = "S1"\n[groups'
    )
    settings = read(text + 'requesters = ["noc"]').settings

    assert list(unsatisfiable(settings, {"S1": frozenset({"U9"})})) == []
    (told,) = unsatisfiable(settings, {"S1": frozenset({"U2"})})
    assert "if U2 asks, the failover gate cannot pass" in told


def test_secrets_come_from_files_named_in_the_environment(tmp_path, monkeypatch):
    file = tmp_path / "token"
    file.write_text("xoxb-secret-in-a-file\n")
    monkeypatch.delenv("SLACK_BOT_TOKEN", raising=False)
    monkeypatch.setenv("SLACK_BOT_TOKEN_FILE", str(file))
    monkeypatch.setenv("SLACK_APP_TOKEN", "xapp-secret")

    secrets = Secrets.read()

    assert secrets.bot_token == "xoxb-secret-in-a-file"
    assert set(secrets.values) == {"xoxb-secret-in-a-file", "xapp-secret"}
    assert "secret" not in f"{secrets} {secrets!r}"
    secrets.need_slack()


def test_each_transport_needs_its_own_secret_and_says_which(monkeypatch):
    for name in ("APP_TOKEN", "SIGNING_SECRET"):
        monkeypatch.delenv(f"SLACK_{name}", raising=False)
        monkeypatch.delenv(f"SLACK_{name}_FILE", raising=False)
    monkeypatch.setenv("SLACK_BOT_TOKEN", "xoxb-secret")

    with pytest.raises(SettingsWrong, match=r'SLACK_SIGNING_SECRET is not set .* = "http" checks'):
        Secrets.read().need_slack("http")
    with pytest.raises(SettingsWrong, match=r'SLACK_APP_TOKEN is not set .* = "socket" connects'):
        Secrets.read().need_slack("socket")

    monkeypatch.setenv("SLACK_SIGNING_SECRET", "signs")
    Secrets.read().need_slack("http")
    assert "signs" in Secrets.read().values
    assert Secrets.read().unused("http") == ""
    assert Secrets.read().unused("socket").startswith("SLACK_SIGNING_SECRET is not used")


def test_a_secret_that_is_missing_is_told_by_its_name(tmp_path, monkeypatch):
    for name in ("SLACK_BOT_TOKEN", "SLACK_BOT_TOKEN_FILE", "SLACK_APP_TOKEN"):
        monkeypatch.delenv(name, raising=False)
    with pytest.raises(SettingsWrong, match="SLACK_BOT_TOKEN is not set"):
        Secrets.read().need_slack()

    monkeypatch.setenv("SLACK_BOT_TOKEN_FILE", str(tmp_path / "nowhere"))
    with pytest.raises(SettingsWrong, match=r"SLACK_BOT_TOKEN_FILE names .* cannot be read"):
        Secrets.read()


BOTH = """
[policy.proposal]
voters = ["network"]
[policy.failover]
voters = ["network"]
[roles.network]
members = ["U1", "U2", "U3"]
"""


def group(name: str, address: str = "192.0.2.1") -> str:
    return f'[groups."{name}"]\naddress = "{address}"\nchannel = "C1"\n'


def test_two_groups_at_one_address_are_refused_since_one_device_would_get_two_runs(read):
    told = refusal(read, BOTH + group("site-1") + group("site-2"))

    assert "groups.site-1 and groups.site-2 are both 192.0.2.1:22" in told
    assert read(BOTH + group("site-1") + group("site-2", "192.0.2.2")).settings.groups


def test_a_group_is_called_in_one_word(read):
    told = refusal(read, BOTH + group("Site 1"))

    assert "groups.Site 1: a command names a group in one word" in told


def test_a_fallback_that_nobody_is_in_is_refused(read):
    text = (
        BOTH.replace("[policy.failover]\n", '[policy.failover]\nfallback = "bosses"\n')
        + "[roles.bosses]\nmembers = []\n"
    )

    told = refusal(read, text + group("site-1"))

    assert "nobody is in the fallback bosses, so nobody would be called" in told


# ------------------------------------------------------------------- logins that end in gClish

PASSWORD = "Only-4-Tests"


def test_the_expert_password_comes_from_the_environment_and_is_one_to_redact(read, monkeypatch):
    settings = read(SMALL + 'shell = "gclish"\n').settings
    monkeypatch.setenv("GAIA_EXPERT_PASSWORD", "for-all-groups")
    secrets = Secrets.read(settings.in_gclish)
    assert secrets.expert_password("site-1") == "for-all-groups"

    monkeypatch.setenv("GAIA_EXPERT_PASSWORD_SITE_1", PASSWORD)
    secrets = Secrets.read(settings.in_gclish)
    assert secrets.expert_password("site-1") == PASSWORD
    assert PASSWORD in secrets.values
    assert PASSWORD not in repr(secrets) + str(secrets)
    assert Redactor(secrets.values).text(f"said {PASSWORD}") == "said [redacted]"
    assert wiring.login_of(settings, secrets, "site-1").lacking == ""


def test_the_expert_password_may_stand_in_a_file(tmp_path, monkeypatch):
    file = tmp_path / "expert"
    file.write_text(f"{PASSWORD}\n")
    monkeypatch.setenv("GAIA_EXPERT_PASSWORD_FILE", str(file))
    assert Secrets.read(["site-1"]).expert_password("site-1") == PASSWORD
    assert Secrets.read().values == ()

    file.unlink()
    with pytest.raises(SettingsWrong, match="GAIA_EXPERT_PASSWORD_FILE names"):
        Secrets.read(["site-1"])


@pytest.mark.parametrize("word", ["short", "two\nlines", "tab\tstop"])
def test_what_cannot_be_typed_or_redacted_is_no_expert_password(monkeypatch, word):
    monkeypatch.setenv("GAIA_EXPERT_PASSWORD", word)
    with pytest.raises(SettingsWrong, match="GAIA_EXPERT_PASSWORD is no expert password") as wrong:
        Secrets.read(["site-1"])
    assert word not in str(wrong.value)


def test_the_environment_cannot_give_a_password_in_another_way(monkeypatch):
    monkeypatch.setenv("SLACK_EXPERT", '{"site-1": "from-elsewhere"}')
    monkeypatch.setenv("SLACK__EXPERT", '{"site-1": "from-elsewhere"}')
    assert Secrets.read(["site-1"]).expert_password("site-1") == ""


def test_a_login_in_gclish_without_a_password_is_told_and_leads_to_nothing(read):
    settings = read(SMALL + 'shell = "gclish"\n').settings
    login = wiring.login_of(settings, Secrets(), "site-1")
    assert "GAIA_EXPERT_PASSWORD_SITE_1" in login.lacking
    assert "there is no fence" in login.lacking
    setup = SettingsInventory(settings, Secrets()).group("site-1")
    assert setup is not None
    assert setup.shell == "gclish"
    assert "shell" in refusal(read, SMALL + 'shell = "bash"\n')

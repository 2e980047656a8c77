"""`hotfix-bot check` says what would not work in Slack, before anybody waits for it."""

from collections.abc import AsyncIterator

import pytest

from bot.config.policies import GateSettings, PolicySettings, ProposalSettings
from bot.config.settings import GroupSettings, RoleSettings, Settings, SlackSettings
from bot.localslack import ControlClient, LocalSlack
from bot.localslack.methods import METHODS
from bot.localslack.seed import demo_workspace
from bot.slack_check import slack_wrongs, wanted_scopes
from tests.slack.house import CHANNEL

TOKEN = "xoxb-localslack"


def settings(slack: LocalSlack, **changes: str) -> Settings:
    channel = changes.get("channel", CHANNEL)
    usergroup = changes.get("usergroup", "S0FWAPPROV0")
    voters = {"voters": ("network",)}
    return Settings(
        slack=SlackSettings(api_url=slack.base_url),
        policy=PolicySettings(proposal=ProposalSettings(**voters), failover=GateSettings(**voters)),
        roles={"network": RoleSettings(usergroup=usergroup)},
        groups={"site-1": GroupSettings(address="192.0.2.1", channel=channel)},
    )


async def test_nothing_is_wrong_where_everything_is_there(slack):
    assert await slack_wrongs(settings(slack), TOKEN) == []


async def test_a_channel_of_which_slack_does_not_say_that_we_are_in_it_is_not_wrong(
    slack, monkeypatch
):
    real = METHODS["conversations.info"]

    def info(call):
        answer = real(call)
        shown = {k: v for k, v in answer["channel"].items() if k != "is_member"}
        return {**answer, "channel": shown}

    monkeypatch.setitem(METHODS, "conversations.info", info)
    assert await slack_wrongs(settings(slack), TOKEN) == []


@pytest.mark.parametrize(
    ("change", "said"),
    [
        ({"is_archived": True}, "groups.site-1: channel (is_archived): this channel is archived"),
        ({"members": ["rita"]}, "groups.site-1: channel (not_in_channel): the bot is not in"),
        ({"members": ["rita"], "is_private": True}, "groups.site-1: channel (channel_not_found)"),
        ({"is_ext_shared": True}, "groups.site-1: channel is shared with another organisation"),
        ({"is_pending_ext_shared": True}, "groups.site-1: channel is shared with another"),
        ({"is_org_shared": True}, "groups.site-1: channel is shared with other workspaces of your"),
    ],
    ids=["archived", "not a member", "private", "shared", "soon shared", "shared within"],
)
async def test_a_channel_in_which_nobody_could_be_asked(slack, people, change, said):
    await people.change("channel", CHANNEL, **change)

    (wrong,) = await slack_wrongs(settings(slack), TOKEN)

    assert wrong.startswith(said)


async def test_a_channel_that_there_is_not(slack):
    (wrong,) = await slack_wrongs(settings(slack, channel="C0NOWHERE00"), TOKEN)

    assert "channel_not_found" in wrong


async def test_a_user_group_that_there_is_not_or_that_is_empty(slack, people):
    (wrong,) = await slack_wrongs(settings(slack, usergroup="S0NOBODY000"), TOKEN)
    assert wrong == "roles.network: its user group cannot be read (no_such_subteam)"

    await people.change("usergroup", "S0FWAPPROV0", users=[])
    wrong, *impossible = await slack_wrongs(settings(slack), TOKEN)
    assert wrong == "roles.network: nobody is in its user group"
    assert any("nobody can pass the failover gate" in one for one in impossible)
    assert any("nobody may halt" in one for one in impossible)

    await people.change("usergroup", "S0FWAPPROV0", users=["ana", "ben"])
    (ana, ben) = await slack_wrongs(settings(slack), TOKEN)
    assert "if U000000ANA0 asks, the failover gate cannot pass" in ana
    assert "if U000000BEN0 asks" in ben


async def test_a_token_that_is_refused_is_all_that_is_said(slack, people):
    await people.fault("revoke_token")
    (revoked,) = await slack_wrongs(settings(slack), TOKEN)
    (other,) = await slack_wrongs(settings(slack), "xoxb-of-another-app")

    assert "token_revoked" in revoked
    assert "invalid_auth" in other
    assert "xoxb-of-another-app" not in other


async def test_slack_that_does_not_answer(slack, people):
    await people.fault("outage", seconds=60)

    (wrong,) = await slack_wrongs(settings(slack), TOKEN)

    assert "could not be asked" in wrong


@pytest.fixture
async def poor() -> AsyncIterator[LocalSlack]:
    """Run a Slack whose app was installed before it needed two of its scopes."""
    seed = demo_workspace()
    seed["manifest"]["oauth_config"]["scopes"]["bot"].remove("files:write")
    seed["manifest"]["oauth_config"]["scopes"]["bot"].remove("usergroups:read")
    server = LocalSlack(seed)
    await server.start()
    yield server
    await server.stop()


async def test_a_scope_that_was_not_granted_is_named(poor: LocalSlack):
    wrongs = await slack_wrongs(settings(poor), TOKEN)

    assert "the app lacks the scope files:write; add it to the app and install it again" in wrongs
    assert any("usergroups:read" in wrong for wrong in wrongs)
    assert any(wrong.startswith("roles.network:") for wrong in wrongs)
    async with ControlClient(poor.url) as people:
        granted = (await people.state())["app"]["scopes"]
    assert wanted_scopes() - set(granted) == {"files:write", "usergroups:read"}


async def test_who_is_named_in_a_role_and_could_not_vote(slack, people):
    await people.change("user", "U000000BEN0", deleted=True)
    members = ("U000000ANA0", "U000000BEN0", "U000000GUS0", "U0000HOTFIX", "U00000GONE0")
    asked = settings(slack).model_copy(
        update={"roles": {"network": RoleSettings(members=members, usergroup="S0FWAPPROV0")}}
    )

    wrongs = await slack_wrongs(asked, TOKEN)

    assert [one.removeprefix("roles.network: ") for one in wrongs] == [
        "U000000BEN0 may not vote: it was deactivated",
        "U000000GUS0 may not vote: it is a guest",
        "U00000GONE0 is nobody that this workspace knows; look the member ID up again",
        "U0000HOTFIX may not vote: it is a bot",
    ]


async def test_the_app_level_token_is_tried_where_it_is_needed(slack):
    assert await slack_wrongs(settings(slack), TOKEN, "xapp-localslack") == []

    (wrong,) = await slack_wrongs(settings(slack), TOKEN, "xapp-of-another-app")

    assert wrong.startswith("Slack refuses the app-level token (invalid_auth): Socket Mode needs")
    assert "xapp-of-another-app" not in wrong

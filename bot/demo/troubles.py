"""What goes wrong around the bot at the moments that a scenario names: kills, outages, stops.

What goes wrong in the Security Group is the rehearsal's to do.
"""

from __future__ import annotations

import asyncio
from collections.abc import Awaitable, Callable, Sequence
from datetime import timedelta

from bot.demo.children import ChildFailed
from bot.demo.moments import Moments
from bot.demo.narration import Narrator
from bot.demo.processes import Stage, in_thread
from bot.demo.scenario import Astray, Kill, Trouble
from bot.demo.verdict import Spell

CHANNEL = "firewall-ops"

LIMITED = (
    "chat.postMessage",
    "chat.update",
    "conversations.info",
    "conversations.replies",
    "reactions.add",
    "reactions.get",
    "users.info",
)
"""What is called again and again while a run is open."""

Acting = Callable[[], Awaitable[str]]
"""Returns the holder of the group's lease: `host:pid:word`, or "" for nobody."""


class Troubles:
    """Lets happen what a scenario asks for, and remembers when it did."""

    def __init__(self, stage: Stage, moments: Moments, told: Narrator, acting: Acting) -> None:
        """Take where it happens, and who wants to know."""
        self._stage = stage
        self._moments = moments
        self._told = told
        self._acting = acting
        self.waiting_for: list[Kill | Trouble | Astray] = []
        self.kills = 0
        self.spells: list[Spell] = []

    @property
    def waits_for_a_record(self) -> bool:
        """Whether something depends on how soon a record is seen."""
        return any(one.when.startswith(("record:", "step:", "done:")) for one in self.waiting_for)

    async def play(
        self, kills: Sequence[Kill], troubles: Sequence[Trouble], astray: Sequence[Astray] = ()
    ) -> None:
        """Let everything happen: each kill after the one before it, troubles likewise."""
        self.waiting_for = [*kills, *troubles, *astray]
        each = [self._go_astray(one) for one in astray]
        await asyncio.gather(self._all_kills(kills), self._all_troubles(troubles), *each)

    async def _go_astray(self, one: Astray) -> None:
        await self._moments.wait(one.when)
        await self._stage.slack.fault(one.kind, n=one.n)
        self._told.say(f"✂ between Slack and the bot: {one.kind}, {one.n} times")
        self.waiting_for.remove(one)

    async def _all_kills(self, kills: Sequence[Kill]) -> None:
        for number, kill in enumerate(kills, start=1):
            await self._come(kill)
            name = await self._process(kill.who)
            await self._stage.kill(name)
            self.kills += 1
            self.waiting_for.remove(kill)
            self._told.say(f"✂ {name} is killed (SIGKILL, {number} of {len(kills)}) at {kill.when}")
            self._moments.say(f"killed:{number}")
            await self._sleep(kill.restart_after_s)
            await self._stage.start(name)
            self._told.say(f"  {name} is started again")
            self._moments.say(f"started:{number}")

    async def _all_troubles(self, troubles: Sequence[Trouble]) -> None:
        for number, trouble in enumerate(troubles, start=1):
            await self._come(trouble)
            began = self._stage.clock.now()
            self.waiting_for.remove(trouble)
            await self._let_happen(trouble, f"trouble:{number}")
            self.spells.append(Spell(trouble.what, began, self._stage.clock.now()))
            if trouble.what == "slack_gone":
                await self._stage.connected()
                self._told.say("  the bot is connected to Slack again")
            self._moments.say(f"mended:{number}")

    async def _come(self, one: Kill | Trouble) -> None:
        await self._moments.wait(one.when)
        await self._sleep(one.after_s)

    async def _sleep(self, seconds: float) -> None:
        await self._stage.clock.sleep(timedelta(seconds=seconds))

    async def _let_happen(self, trouble: Trouble, moment: str) -> None:
        """Let one trouble begin and pass."""
        for_s = trouble.for_s
        while_ = f"for {for_s:g} s ({for_s * self._stage.props.speed / 60:.0f} min of the group's)"
        match trouble.what:
            case "slack_gone":
                await self._stage.slack.fault("outage", seconds=for_s)
                self._told.say(f"✂ Slack is gone {while_}")
                self._moments.say(moment)
                await self._sleep(for_s)
                self._told.say("  Slack is back")
            case "channel_archived":
                await self._stage.slack.change("channel", CHANNEL, is_archived=True)
                self._told.say(f"✂ the channel is archived {while_}")
                self._moments.say(moment)
                await self._sleep(for_s)
                await self._stage.slack.change("channel", CHANNEL, is_archived=False)
                self._told.say("  the channel is there again")
            case "token_revoked":
                await self._stage.slack.fault("revoke_token")
                self._told.say(f"✂ the bot's token is revoked {while_}")
                self._moments.say(moment)
                await self._sleep(for_s)
                await self._stage.slack.fault("clear")
                self._told.say("  the bot's token is taken again")
            case "rate_limited":
                for method in LIMITED:
                    await self._stage.slack.fault("rate_limit", method=method, seconds=for_s)
                self._told.say(f"✂ each method is refused once, and to wait {for_s:g} s")
                self._moments.say(moment)
                await self._sleep(for_s)
            case "database_gone":
                await self._database_is_gone(for_s, while_, moment)
            case "cut":
                name = await self._process(trouble.who)
                self._stage.links[name].cut()
                self._told.say(f"✂ {name} is cut off from the database {while_}")
                self._moments.say(moment)
                await self._sleep(for_s)
                self._stage.links[name].mend()
                self._told.say(f"  {name} reaches the database again")
            case _:
                name = await self._process(trouble.who)
                self._stage.product[name].freeze()
                self._told.say(f"✂ {name} is frozen (SIGSTOP) {while_}")
                self._moments.say(moment)
                await self._sleep(for_s)
                self._stage.product[name].thaw()
                self._told.say(f"  {name} goes on (SIGCONT)")

    async def _database_is_gone(self, for_s: float, while_: str, moment: str) -> None:
        database = self._stage.database
        if database is None:
            raise ChildFailed("there is no database of ours to stop")
        self._told.say(f"✂ PostgreSQL is stopped in the middle of its work, {while_}")
        await in_thread(database.stop)
        self._moments.say(moment)
        await self._sleep(for_s)
        await in_thread(database.start)
        self._told.say("  PostgreSQL runs again")

    async def _process(self, who: str) -> str:
        """Return the name of a process; `acting` is whoever holds the lease.

        Raises:
            ChildFailed: nobody of ours holds it.
        """
        if who != "acting":
            return who
        holder = await self._acting()
        name = self._stage.name_of(holder)
        if name is None:
            raise ChildFailed(f"nobody of ours holds the group's lease, but {holder or 'nobody'}")
        return name

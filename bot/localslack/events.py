"""Which events the app is told of, and how often Slack tries.

Source: docs.slack.dev/apis/events-api. An event goes out only if the manifest subscribes to it
and holds its scope, and if the app is in the conversation.
"""

from __future__ import annotations

import asyncio
from typing import TYPE_CHECKING

from bot.localslack import payloads
from bot.localslack.clock import Clock, pause
from bot.localslack.delivery import Delivery, NotDelivered

if TYPE_CHECKING:
    from bot.localslack.courier import Courier
    from bot.localslack.faults import Faults
    from bot.localslack.model import Channel, Json, Message, UserGroup
    from bot.localslack.traffic import Traffic
    from bot.localslack.workspace import Workspace

# At once, after one minute, after five.
RETRY_AFTER_S = (0.0, 60.0, 300.0)

SCOPE_OF = {
    "app_home_opened": "",
    "app_mention": "app_mentions:read",
    "reaction_added": "reactions:read",
    "reaction_removed": "reactions:read",
    "message.channels": "channels:history",
    "message.groups": "groups:history",
    "message.im": "im:history",
    "subteam_members_changed": "usergroups:read",
    "channel_shared": "channels:read",
}
"""The events that are told here, each with the scope that Slack wants for it; "" is none."""


class Events:
    """Tells the app what happened, if it wants to know."""

    def __init__(
        self,
        clock: Clock,
        workspace: Workspace,
        courier: Courier,
        faults: Faults,
        traffic: Traffic,
    ) -> None:
        self._clock = clock
        self._workspace = workspace
        self._courier = courier
        self._faults = faults
        self._traffic = traffic
        self._under_way: set[asyncio.Task[None]] = set()

    def reaction(self, kind: str, user: str, message: Message, name: str) -> None:
        """Tell of a reaction that came or went, the app's own as well."""
        if self._is_member(message.channel):
            event_ts = self._workspace.new_ts()
            event = payloads.reaction_event(kind, user, message, name, event_ts)
            self._tell(kind, event, self._workspace.channels[message.channel])

    def message(self, message: Message) -> None:
        """Tell of a new message, and apart from that of a mention in it."""
        if not self._is_member(message.channel):
            return
        channel = self._workspace.channels[message.channel]
        mention = f"<@{self._workspace.app.bot_user}"
        if mention in message.text and not channel.is_im and not message.by_app:
            event = payloads.message_event(self._workspace, message, channel, "app_mention")
            self._tell("app_mention", event, channel)
        event = payloads.message_event(self._workspace, message, channel, "message")
        self._tell(f"message.{channel.kind}", event, channel)

    def edited(self, message: Message) -> None:
        """Tell of a mention anew where its author edited the message: same place, another event.

        Undocumented, but seen by many (slackapi/bolt-js#960, slack-go/slack#1256): the event is
        told by its `edited` alone.
        """
        channel = self._workspace.channels[message.channel]
        mention = f"<@{self._workspace.app.bot_user}"
        if self._is_member(message.channel) and mention in message.text and not channel.is_im:
            event = payloads.message_event(self._workspace, message, channel, "app_mention")
            self._tell("app_mention", {**event, "event_ts": self._workspace.new_ts()}, channel)

    def home_opened(self, user: str, tab: str) -> None:
        """Tell that somebody looks at the app's home."""
        workspace = self._workspace
        event: Json = {
            "type": "app_home_opened",
            "user": user,
            "channel": workspace.direct(user).id,
            "tab": tab,
            "event_ts": workspace.new_ts(),
        }
        if view := workspace.homes.get(user):
            event["view"] = workspace.shown_view(view)
        self._tell("app_home_opened", event)

    def members_changed(self, group: UserGroup, before: list[str]) -> None:
        """Tell who came to a user group and who left."""
        added = [u for u in group.users if u not in before]
        removed = [u for u in before if u not in group.users]
        event = {
            "type": "subteam_members_changed",
            "subteam_id": group.id,
            "team_id": self._workspace.team.id,
            "date_previous_update": group.updated_at,
            "date_update": int(self._workspace.now()),
            "added_users": added,
            "added_users_count": len(added),
            "removed_users": removed,
            "removed_users_count": len(removed),
            "event_ts": self._workspace.new_ts(),
        }
        self._tell("subteam_members_changed", event)

    def channel_shared(self, channel: Channel) -> None:
        """Tell that a channel is now shared with another organisation."""
        event = {
            "type": "channel_shared",
            "connected_team_id": "T0ELSEWHERE",
            "channel": channel.id,
            "event_ts": self._workspace.new_ts(),
        }
        self._tell("channel_shared", event, channel)

    def close(self) -> None:
        """Try no more."""
        for task in list(self._under_way):
            task.cancel()

    def _is_member(self, channel: str) -> bool:
        return self._workspace.app.bot_user in self._workspace.channels[channel].members

    def _tell(self, subscription: str, event: Json, channel: Channel | None = None) -> None:
        app = self._workspace.app
        scope = SCOPE_OF[subscription]
        if subscription not in app.bot_events or (scope and scope not in app.scopes):
            return
        shared = bool(channel and channel.is_ext_shared)
        payload = payloads.event_callback(self._workspace, event, is_ext_shared=shared)
        if self._faults.take("drop_event"):
            self._traffic.record(
                "delivery", type="events_api", ok=False, error="dropped", payload=payload
            )
            return
        late = self._faults.take("late_event")
        self._start(payload, after_s=late.seconds if late else 0.0)
        if twice := self._faults.take("double_event"):
            # Seen with Slack: one reaction sent again as if it were another event.
            renamed = {"event_id": self._workspace.ids.new("Ev")}
            again = payload | (renamed if twice.details.get("new_event_id") else {})
            self._start(again, after_s=twice.seconds)

    def _start(self, payload: Json, *, after_s: float) -> None:
        task = asyncio.get_running_loop().create_task(self._deliver(payload, after_s))
        self._under_way.add(task)
        task.add_done_callback(self._under_way.discard)

    async def _deliver(self, payload: Json, after_s: float) -> None:
        """Try four times in all; after that the event is lost, as it is with Slack."""
        if after_s:
            await pause(self._clock, after_s)
        reason = ""
        for attempt, wait in enumerate((0.0, *RETRY_AFTER_S)):
            if wait:
                await pause(self._clock, wait)
            try:
                await self._courier.deliver(
                    Delivery(
                        "events_api",
                        payload,
                        accepts_response=False,
                        attempt=attempt,
                        reason=reason,
                    )
                )
            except NotDelivered as failure:
                if failure.is_final:
                    return
                reason = failure.reason
                continue
            return

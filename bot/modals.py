"""Forms in Slack: opened for whoever pressed a button, and drawn anew while they fill them in.

A form changes nothing: what counts is its submission, which is a row of the inbox. So it is let
go where Slack refuses, and the person is told to press again.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

import structlog
from slack_sdk.web.async_client import AsyncWebClient

from bot.calls import Trouble, called, without_retries

log = structlog.get_logger(__name__)

TOO_LATE = frozenset({"expired_trigger_id", "exchanged_trigger_id", "trigger_expired"})


@dataclass(frozen=True)
class Form:
    """A form as it should stand.

    Attributes:
        view: what it shows, for `views.open` and `views.update`.
        trigger: the right to open it, good for three seconds and once; "" for one that is open.
        view_id: which open one.
        hash: how that one stood when the person used it.
    """

    view: dict[str, Any]
    trigger: str = ""
    view_id: str = ""
    hash: str = ""


async def show(client: AsyncWebClient, form: Form) -> str:
    """Open a form, or draw it anew; return what to tell the person where that failed, or ""."""
    # Without retries: a trigger lives three seconds, and a second call would come too late.
    once = without_retries(client)
    try:
        if form.trigger:
            await called(once.views_open(trigger_id=form.trigger, view=form.view))
        else:
            await called(once.views_update(view_id=form.view_id, hash=form.hash, view=form.view))
    except Trouble as trouble:
        log.warning("a form was not shown", error=trouble.error)
        if not form.trigger:
            return ""  # a later choice has drawn it anew already, or the person has closed it
        why = "it took too long" if trouble.error in TOO_LATE else f"Slack said {trouble.error}"
        return f"The form could not be opened: {why}. Press the button again; nothing was changed."
    return ""

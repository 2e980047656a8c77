"""views.*: modals and the home tab.

Source: docs.slack.dev/reference/methods, pages of the methods; docs.slack.dev/surfaces/modals.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

from bot.localslack.blocks import LONGEST_ID, MOST_BLOCKS_IN_VIEW, Faults, check_blocks, refusal
from bot.localslack.forms import keep
from bot.localslack.model import Json, View
from bot.localslack.refusal import Refused

if TYPE_CHECKING:
    from bot.localslack.parts import Call
    from bot.localslack.workspace import Workspace

LONGEST_TITLE = 24
LONGEST_PRIVATE_METADATA = 3_000
# The first modal and two more on it.
DEEPEST_STACK = 3


def open_modal(call: Call) -> Json:
    """views.open."""
    body = check_view(call.arguments.nested("view"), "modal")
    user = call.parts.answers.use_trigger(_trigger(call))
    return _answer(call.workspace, add_modal(call.workspace, user, body, previous=None))


def push_modal(call: Call) -> Json:
    """views.push: on top of the one that the person has open."""
    body = check_view(call.arguments.nested("view"), "modal")
    user = call.parts.answers.use_trigger(_trigger(call))
    stack = open_views(call.workspace, user)
    if not stack:
        raise Refused("not_found")
    if len(stack) >= DEEPEST_STACK:
        raise Refused("push_limit_reached")
    return _answer(call.workspace, add_modal(call.workspace, user, body, previous=stack[-1]))


def update(call: Call) -> Json:
    """views.update, by `view_id` or `external_id`."""
    view = _existing(call)
    body = check_view(call.arguments.nested("view"), view.body["type"])
    if (known := call.arguments.text("hash")) and known != view.hash:
        raise Refused("hash_conflict")
    replace_body(call.workspace, view, body)
    return _answer(call.workspace, view)


def publish_home(call: Call) -> Json:
    """views.publish: one home per person."""
    workspace = call.workspace
    if not workspace.app.has_home:
        raise Refused("not_enabled")
    if (user := call.arguments.required("user_id")) not in workspace.users:
        raise Refused("user_not_found")
    body = check_view(call.arguments.nested("view"), "home")
    view = workspace.homes.get(user)
    if view and (known := call.arguments.text("hash")) and known != view.hash:
        raise Refused("hash_conflict")
    if view is None:
        view_id = workspace.ids.new("V")
        view = View(view_id, user, body, hash="", root=view_id)
        workspace.homes[user] = view
    view.body, view.hash = body, _hash(workspace)
    workspace.publish("home_published", user=user, view=workspace.shown_view(view))
    return _answer(workspace, view)


def check_view(view: object, kind: str) -> Json:
    """Return a view of that kind, completed.

    Raises:
        Refused: `invalid_arguments` with the path of what is wrong.
    """
    faults = Faults()
    if not isinstance(view, dict):
        faults.add("must provide an object", "/view")
        raise refusal("invalid_arguments", faults)
    if view.get("type") != kind:
        faults.add(f"unsupported type: {view.get('type')}", "/view/type")
    if kind == "modal":
        faults.check_text(view, "title", "/view", LONGEST_TITLE, plain=True)
        faults.check_text(view, "submit", "/view", LONGEST_TITLE, plain=True, required=False)
        faults.check_text(view, "close", "/view", LONGEST_TITLE, plain=True, required=False)
    faults.check_optional(view, "callback_id", "/view", LONGEST_ID)
    faults.check_optional(view, "external_id", "/view", LONGEST_ID)
    faults.check_optional(view, "private_metadata", "/view", LONGEST_PRIVATE_METADATA)
    blocks = faults.check_list(view, "blocks", "/view", MOST_BLOCKS_IN_VIEW, least=0)
    has_input = any(isinstance(b, dict) and b.get("type") == "input" for b in blocks)
    if kind == "modal" and has_input and not view.get("submit"):
        faults.add("missing required field: submit", "/view")
    if faults.found:
        raise refusal("invalid_arguments", faults)
    try:
        check_blocks(blocks, most=MOST_BLOCKS_IN_VIEW)
    except Refused as refused:
        raise Refused("invalid_arguments", **refused.fields) from refused
    return view


def add_modal(workspace: Workspace, user: str, body: Json, previous: View | None) -> View:
    """Show a modal to a person."""
    external_id = body.get("external_id")
    if external_id and any(
        v.body.get("external_id") == external_id and v.is_open for v in workspace.views.values()
    ):
        raise Refused("duplicate_external_id")
    view_id = workspace.ids.new("V")
    view = View(
        view_id,
        user,
        body,
        hash=_hash(workspace),
        root=previous.root if previous else view_id,
        previous=previous.id if previous else None,
    )
    workspace.views[view_id] = view
    workspace.publish("view_opened", user=user, view=workspace.shown_view(view))
    return view


def replace_body(workspace: Workspace, view: View, body: Json) -> None:
    """Change what a view shows."""
    view.body, view.hash, view.errors = body, _hash(workspace), {}
    keep(view)
    workspace.publish("view_updated", user=view.user, view=workspace.shown_view(view))


def open_views(workspace: Workspace, user: str) -> list[View]:
    """Return the modals that a person has open, the lowest first."""
    return [v for v in workspace.views.values() if v.user == user and v.is_open]


def _existing(call: Call) -> View:
    wanted, external = call.arguments.text("view_id"), call.arguments.text("external_id")
    for view in (*call.workspace.views.values(), *call.workspace.homes.values()):
        if view.is_open and (
            view.id == wanted or (external and view.body.get("external_id") == external)
        ):
            return view
    raise Refused("not_found")


def _trigger(call: Call) -> str:
    return call.arguments.text("trigger_id") or call.arguments.text("interactivity_pointer")


def _answer(workspace: Workspace, view: View) -> Json:
    return {"view": workspace.shown_view(view)}


def _hash(workspace: Workspace) -> str:
    return f"{workspace.new_ts()}.{workspace.ids.new('h')}"

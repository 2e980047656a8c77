"""What a person has chosen and typed in a view, and how Slack tells an app of it.

A field keeps what was filled in as long as the view has one under the same `block_id` and
`action_id`, also when the app has drawn the view anew.

Source: docs.slack.dev/surfaces/modals and docs.slack.dev/reference/block-kit/block-elements.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from collections.abc import Iterator

    from bot.localslack.model import Json, View

# What has no state of its own.
_STATELESS = frozenset({"button", "workflow_button", "overflow", "image"})

_INITIALLY = (
    "initial_value",
    "initial_date",
    "initial_time",
    "initial_date_time",
    "initial_user",
    "initial_users",
    "initial_channel",
    "initial_channels",
    "initial_conversation",
    "initial_conversations",
)


def fill(view: View, given: Json) -> None:
    """Take what somebody has filled in, by `block_id` or, where that is clear, by `action_id`."""
    for block, element in _fields(view):
        for name in (block["block_id"], element["action_id"]):
            if name in given:
                view.filled[_place(block, element)] = given[name]
                break


def keep(view: View) -> None:
    """Forget what was filled in in fields that the view does not have any more."""
    places = {_place(block, element) for block, element in _fields(view)}
    view.filled = {place: value for place, value in view.filled.items() if place in places}


def state_of(view: View) -> Json:
    """Return `state.values`: what each field holds now."""
    values: Json = {}
    for block, element in _fields(view):
        entry = {"type": element["type"], **chosen(element, _held(view, block, element))}
        values.setdefault(block["block_id"], {})[element["action_id"]] = entry
    return values


def wrong_in(view: View) -> list[str]:
    """Return the blocks for which a client would not even send the form."""
    wrong = []
    for block, element in _fields(view):
        value = _held(view, block, element)
        if block["type"] != "input":
            continue
        empty = value in (None, "", [])
        lacks = empty and not block.get("optional")
        if lacks or (not empty and not (_fits(element, value) and may_be(element, value))):
            wrong.append(block["block_id"])
    return wrong


def _fits(element: Json, value: object) -> bool:
    if element["type"] != "plain_text_input" or not isinstance(value, str):
        return True
    return int(element.get("min_length", 0)) <= len(value) <= int(element.get("max_length", 3_000))


def _held(view: View, block: Json, element: Json) -> Any:  # noqa: ANN401 -- JSON values
    """Return what was filled in, or what the app has filled in before."""
    place = _place(block, element)
    if place in view.filled:
        return view.filled[place]
    if (option := element.get("initial_option")) is not None:
        return option["value"]
    if (options := element.get("initial_options")) is not None:
        return [one["value"] for one in options]
    return next((element[key] for key in _INITIALLY if element.get(key) is not None), None)


def _place(block: Json, element: Json) -> str:
    return f"{block['block_id']}/{element['action_id']}"


def _fields(view: View) -> Iterator[tuple[Json, Json]]:
    for block in view.body.get("blocks", []):
        for element in (block.get("element"), block.get("accessory"), *block.get("elements", [])):
            known = isinstance(element, dict) and "action_id" in element
            if known and element["type"] not in _STATELESS:
                yield block, element


def options_of(element: Json) -> list[Json]:
    """Return the options of an element, also those in groups."""
    grouped = [o for g in element.get("option_groups", []) for o in g.get("options", [])]
    return [*element.get("options", []), *grouped]


def _option_values(element: Json) -> list[str]:
    return [option["value"] for option in options_of(element)]


def _option(element: Json, value: object) -> Json | None:
    return next((o for o in options_of(element) if o["value"] == value), None)


def may_be(element: Json, value: Any) -> bool:  # noqa: ANN401 -- JSON values
    """Say whether an element can have that value; None leaves it open."""
    offered = [element.get("value"), *_option_values(element)]
    if value is None or (element["type"] not in _OFFERING and not options_of(element)):
        return True
    if isinstance(value, list):
        return all(one in offered for one in value)
    return value in offered


_OFFERING = frozenset({"button", "workflow_button", "overflow"})

# Under which name Slack reports what was chosen in an element.
_CHOSEN_AS = {
    "users_select": "selected_user",
    "channels_select": "selected_channel",
    "conversations_select": "selected_conversation",
    "datepicker": "selected_date",
    "timepicker": "selected_time",
    "datetimepicker": "selected_date_time",
    "multi_users_select": "selected_users",
    "multi_channels_select": "selected_channels",
    "multi_conversations_select": "selected_conversations",
}


def chosen(element: Json, value: Any) -> Json:  # noqa: ANN401 -- JSON values
    """Return the part of an action or form value that says what was chosen."""
    kind = element["type"]
    if kind == "button":
        shown = {"text": element["text"]}
        return shown | {k: element[k] for k in ("value", "style", "url", "confirm") if k in element}
    if kind in _CHOSEN_AS:
        return {_CHOSEN_AS[kind]: value}
    if kind in ("static_select", "radio_buttons", "overflow", "external_select"):
        return {"selected_option": _option(element, value)}
    if kind in ("checkboxes", "multi_static_select"):
        return {"selected_options": [o for o in options_of(element) if o["value"] in (value or [])]}
    return {"value": value}

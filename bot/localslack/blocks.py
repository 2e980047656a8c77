"""What Block Kit allows: types, required fields and sizes.

It finds faults and completes what Slack completes (`block_id`, `emoji`, `verbatim`); it does not
render. Newer blocks are known by name and by the limits that Slack documents, no deeper.

Source: docs.slack.dev/reference/block-kit, pages of the blocks, elements and objects; the wording
of the messages is what Slack was seen to answer.
"""

from __future__ import annotations

import secrets
from typing import TYPE_CHECKING, Any

from bot.localslack.refusal import Refused

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator

Json = dict[str, Any]

MOST_BLOCKS_IN_MESSAGE = 50
MOST_BLOCKS_IN_VIEW = 100
LONGEST_ID = 255
# Undocumented; measured by others (slackapi/bolt-js#2509).
MOST_CHARACTERS = 13_200
LONGEST_INPUT = 3_000
# "Cumulative", over all markdown blocks of a message.
MOST_MARKDOWN = 12_000


class Faults:
    """Collects what is wrong, each with its path.

    Args:
        without: blocks that this workspace does not know (yet).
    """

    def __init__(self, without: frozenset[str] = frozenset()) -> None:
        self.found: list[str] = []
        self.without = without

    def add(self, message: str, path: str) -> None:
        """Note one fault."""
        self.found.append(f"{message} [json-pointer:{path}]")

    def check_string(self, value: object, path: str, longest: int, least: int = 1) -> None:
        """Note when this is not a string of an allowed length."""
        if not isinstance(value, str):
            self.add("must be a string", path)
        elif len(value) > longest:
            self.add(f"must be less than {longest + 1} characters", path)
        elif len(value) < least:
            self.add(f"must be more than {least - 1} characters", path)

    def check_optional(self, owner: Json, key: str, path: str, longest: int) -> None:
        """Check a string that may be left out."""
        if owner.get(key) is not None:
            self.check_string(owner[key], f"{path}/{key}", longest, least=0)

    def check_list(self, owner: Json, key: str, path: str, most: int, least: int = 1) -> list[Any]:
        """Return the list found under the key, and note when it is none, too long or short."""
        value = owner.get(key)
        if value is None:
            if least:
                self.add(f"missing required field: {key}", path)
            return []
        if not isinstance(value, list):
            self.add("must be an array", f"{path}/{key}")
            return []
        if len(value) > most:
            self.add(f"no more than {most} items allowed", f"{path}/{key}")
        if len(value) < least:
            self.add(f"no fewer than {least} items allowed", f"{path}/{key}")
        return value

    def check_text(
        self, owner: Json, key: str, path: str, longest: int, *, plain: bool, required: bool = True
    ) -> None:
        """Check a text object, and complete it as Slack does."""
        value = owner.get(key)
        if value is None:
            if required:
                self.add(f"missing required field: {key}", path)
            return
        self.check_text_object(value, f"{path}/{key}", longest, plain=plain)

    def check_text_object(self, value: object, path: str, longest: int, *, plain: bool) -> None:
        """Check one text object that is there."""
        if not isinstance(value, dict):
            self.add("must provide an object", path)
            return
        kind = value.get("type")
        if kind not in ("plain_text", "mrkdwn") or (plain and kind != "plain_text"):
            self.add(f"unsupported type: {kind}", f"{path}/type")
            return
        self.check_string(value.get("text"), f"{path}/text", longest)
        if kind == "plain_text":
            value.setdefault("emoji", True)
        else:
            value.setdefault("verbatim", False)


def check_blocks(
    blocks: object,
    *,
    most: int = MOST_BLOCKS_IN_MESSAGE,
    without: frozenset[str] = frozenset(),
) -> list[Json]:
    """Return the blocks of a message or view, completed.

    Args:
        blocks: as an app gave them.
        most: how many there may be.
        without: types that this workspace does not know.

    Raises:
        Refused: `invalid_blocks` with the path of what is wrong, `invalid_blocks_format`, or
            `msg_blocks_too_long`.
    """
    if not isinstance(blocks, list) or not all(isinstance(b, dict) for b in blocks):
        raise Refused("invalid_blocks_format")
    faults = Faults(without)
    if len(blocks) > most:
        faults.add(f"no more than {most} items allowed", "/blocks")
    for index, block in enumerate(blocks):
        _check_block(faults, block, f"/blocks/{index}")
    _check_whole(faults, blocks)
    if faults.found:
        raise refusal("invalid_blocks", faults)
    if sum(len(text) for text in _texts(blocks)) > MOST_CHARACTERS:
        raise Refused("msg_blocks_too_long")
    return blocks


def refusal(error: str, faults: Faults) -> Refused:
    """Return the error as Slack words it."""
    messages = [f"[ERROR] {fault}" for fault in faults.found]
    return Refused(error, errors=faults.found, response_metadata={"messages": messages})


def elements_of(blocks: list[Json]) -> Iterator[tuple[Json, Json]]:
    """Yield every interactive element with its block."""
    for block in blocks:
        own = [block.get("accessory"), block.get("element"), *block.get("elements", [])]
        for element in own:
            if isinstance(element, dict) and "action_id" in element:
                yield block, element


def _check_whole(faults: Faults, blocks: list[Json]) -> None:
    """Check what concerns all blocks together."""
    seen: set[str] = set()
    for index, block in enumerate(blocks):
        block_id = block["block_id"]
        if block_id in seen:
            faults.add(
                f'`block_id` "{block_id}" already exists for another block',
                f"/blocks/{index}/block_id",
            )
        seen.add(block_id)
    if sum(1 for b in blocks if b.get("type") == "table") > 1:
        faults.add("only one table allowed", "/blocks")
    markdown = sum(len(str(b.get("text", ""))) for b in blocks if b.get("type") == "markdown")
    if markdown > MOST_MARKDOWN:
        faults.add(f"must be less than {MOST_MARKDOWN + 1} characters", "/blocks")


def _check_block(faults: Faults, block: Json, path: str) -> None:
    kind = block.get("type")
    faults.check_optional(block, "block_id", path, LONGEST_ID)
    if not block.get("block_id"):
        block["block_id"] = secrets.token_urlsafe(4)[:5]
    if kind is None:
        faults.add("missing required field: type", path)
    elif kind in faults.without:
        faults.add(f"unsupported type: {kind}", path)
    elif check := _BLOCKS.get(str(kind)):
        check(faults, block, path)
    elif kind not in _KNOWN_BY_NAME:
        faults.add(f"unsupported type: {kind}", path)


def _section(faults: Faults, block: Json, path: str) -> None:
    if "text" not in block and "fields" not in block:
        faults.add("missing required field: text", path)
    faults.check_text(block, "text", path, 3_000, plain=False, required=False)
    for index, field in enumerate(faults.check_list(block, "fields", path, 10, least=0)):
        faults.check_text_object(field, f"{path}/fields/{index}", 2_000, plain=False)
    if "accessory" in block:
        _check_element(faults, block["accessory"], f"{path}/accessory", _IN_SECTION)


def _header(faults: Faults, block: Json, path: str) -> None:
    faults.check_text(block, "text", path, 150, plain=True)


def _actions(faults: Faults, block: Json, path: str) -> None:
    elements = faults.check_list(block, "elements", path, 25)
    for index, element in enumerate(elements):
        _check_element(faults, element, f"{path}/elements/{index}", _IN_ACTIONS)
    ids = [str(e["action_id"]) for e in elements if isinstance(e, dict) and e.get("action_id")]
    for repeated in sorted({i for i in ids if ids.count(i) > 1}):
        faults.add(f'`action_id` "{repeated}" already exists', f"{path}/elements")


def _context(faults: Faults, block: Json, path: str) -> None:
    for index, element in enumerate(faults.check_list(block, "elements", path, 10)):
        here = f"{path}/elements/{index}"
        if isinstance(element, dict) and element.get("type") == "image":
            _image(faults, element, here)
        else:
            # Slack documents no length of its own here; a section's is a guess.
            faults.check_text_object(element, here, 3_000, plain=False)


def _image(faults: Faults, block: Json, path: str) -> None:
    faults.check_string(block.get("alt_text"), f"{path}/alt_text", 2_000)
    if "slack_file" not in block:
        faults.check_string(block.get("image_url"), f"{path}/image_url", 3_000)
    faults.check_text(block, "title", path, 2_000, plain=True, required=False)


def _input(faults: Faults, block: Json, path: str) -> None:
    faults.check_text(block, "label", path, 2_000, plain=True)
    faults.check_text(block, "hint", path, 2_000, plain=True, required=False)
    _check_element(faults, block.get("element"), f"{path}/element", _IN_INPUT)
    if not isinstance(block.get("dispatch_action", False), bool):
        faults.add("must be a boolean", f"{path}/dispatch_action")


def _markdown(faults: Faults, block: Json, path: str) -> None:
    faults.check_string(block.get("text"), f"{path}/text", MOST_MARKDOWN)


def _table(faults: Faults, block: Json, path: str) -> None:
    for index, row in enumerate(faults.check_list(block, "rows", path, 100)):
        if not isinstance(row, list):
            faults.add("must be an array", f"{path}/rows/{index}")
        elif len(row) > 20:
            faults.add("no more than 20 items allowed", f"{path}/rows/{index}")


def _rich_text(faults: Faults, block: Json, path: str) -> None:
    known = {
        "rich_text_section",
        "rich_text_list",
        "rich_text_quote",
        "rich_text_preformatted",
    }
    for index, element in enumerate(faults.check_list(block, "elements", path, 1_000, least=0)):
        if not isinstance(element, dict) or element.get("type") not in known:
            faults.add("unsupported type", f"{path}/elements/{index}")
        elif not isinstance(element.get("elements"), list):
            faults.add("missing required field: elements", f"{path}/elements/{index}")


def _plan(faults: Faults, block: Json, path: str) -> None:
    faults.check_string(block.get("title"), f"{path}/title", 255)
    tasks = faults.check_list(block, "tasks", path, 50, least=0)
    for index, task in enumerate(tasks):
        here = f"{path}/tasks/{index}"
        if not isinstance(task, dict):
            faults.add("must provide an object", here)
        elif task.get("type") != "task_card":
            faults.add(f"unsupported type: {task.get('type')}", here)
        else:
            _task_card(faults, task, here)


def _task_card(faults: Faults, block: Json, path: str) -> None:
    """Slack documents types and statuses; the lengths are guesses, as for other ids and titles."""
    faults.check_string(block.get("task_id"), f"{path}/task_id", LONGEST_ID)
    faults.check_string(block.get("title"), f"{path}/title", 255)
    status = block.get("status")
    if status not in (None, "pending", "in_progress", "complete", "error"):
        faults.add(f"unsupported status: {status}", f"{path}/status")
    for key in ("details", "output"):
        text = block.get(key)
        if text is None:
            continue
        if not isinstance(text, dict) or text.get("type") != "rich_text":
            faults.add("must provide a rich_text block", f"{path}/{key}")
        else:
            _rich_text(faults, text, f"{path}/{key}")
    for index, source in enumerate(faults.check_list(block, "sources", path, 10, least=0)):
        here = f"{path}/sources/{index}"
        if not isinstance(source, dict) or source.get("type") != "url":
            faults.add("unsupported type", here)
            continue
        faults.check_string(source.get("url"), f"{here}/url", 3_000)
        faults.check_string(source.get("text"), f"{here}/text", 255)


def _divider(_faults: Faults, _block: Json, _path: str) -> None:
    """Nothing can be wrong with a line."""


_BLOCKS: dict[str, Callable[[Faults, Json, str], None]] = {
    "section": _section,
    "header": _header,
    "actions": _actions,
    "context": _context,
    "image": _image,
    "input": _input,
    "markdown": _markdown,
    "table": _table,
    "rich_text": _rich_text,
    "plan": _plan,
    "task_card": _task_card,
    "divider": _divider,
}
_KNOWN_BY_NAME = frozenset(
    {"video", "file", "call", "alert", "card", "carousel", "container", "context_actions"}
)

_SELECTS = frozenset(
    f"{many}{what}_select"
    for many in ("", "multi_")
    for what in ("static", "external", "users", "conversations", "channels")
)
_PICKERS = frozenset({"datepicker", "timepicker", "datetimepicker"})
_CHOICES = frozenset({"checkboxes", "radio_buttons"})
_INPUTS = frozenset(
    {
        "plain_text_input",
        "email_text_input",
        "number_input",
        "url_text_input",
        "rich_text_input",
        "file_input",
    }
)
_IN_ACTIONS = frozenset({"button", "overflow", "workflow_button"}) | _SELECTS | _PICKERS | _CHOICES
_IN_SECTION = _IN_ACTIONS | {"image"}
_IN_INPUT = _INPUTS | _SELECTS | _PICKERS | _CHOICES


def _check_element(faults: Faults, element: object, path: str, allowed: frozenset[str]) -> None:
    if not isinstance(element, dict):
        faults.add("must provide an object", path)
        return
    kind = element.get("type")
    if kind not in allowed:
        faults.add(f"unsupported type: {kind}", path)
        return
    faults.check_optional(element, "action_id", path, LONGEST_ID)
    if kind == "image":
        _image(faults, element, path)
        return
    if not element.get("action_id"):
        element["action_id"] = secrets.token_urlsafe(4)[:5]
    if kind == "button":
        _button(faults, element, path)
    elif kind in ("static_select", "multi_static_select"):
        _options(faults, element, path, most=100)
    elif kind in _CHOICES:
        _options(faults, element, path, most=10)
    elif kind == "overflow":
        _options(faults, element, path, most=5)
    elif kind == "plain_text_input":
        _text_input(faults, element, path)
    if "confirm" in element:
        _confirm(faults, element["confirm"], f"{path}/confirm")


def _button(faults: Faults, button: Json, path: str) -> None:
    faults.check_text(button, "text", path, 75, plain=True)
    faults.check_optional(button, "value", path, 2_000)
    faults.check_optional(button, "url", path, 3_000)
    faults.check_optional(button, "accessibility_label", path, 75)
    if button.get("style") not in (None, "primary", "danger"):
        faults.add(f"unsupported style: {button['style']}", f"{path}/style")


def _text_input(faults: Faults, element: Json, path: str) -> None:
    faults.check_text(element, "placeholder", path, 150, plain=True, required=False)
    for key, least in (("min_length", 0), ("max_length", 1)):
        value = element.get(key)
        if value is not None and not (isinstance(value, int) and least <= value <= LONGEST_INPUT):
            faults.add(f"must be between {least} and {LONGEST_INPUT}", f"{path}/{key}")
    faults.check_optional(element, "initial_value", path, LONGEST_INPUT)


def _initial(faults: Faults, element: Json, path: str) -> None:
    """What is chosen from the first must be one of the options, to the letter."""
    groups = element.get("option_groups") or [element]
    offered = [o for g in groups if isinstance(g, dict) for o in g.get("options") or []]
    one = element.get("initial_option")
    if one is not None and one not in offered:
        faults.add("must be one of the options", f"{path}/initial_option")
    for index, each in enumerate(element.get("initial_options") or []):
        if each not in offered:
            faults.add("must be one of the options", f"{path}/initial_options/{index}")


def _options(faults: Faults, element: Json, path: str, *, most: int) -> None:
    _initial(faults, element, path)
    if "option_groups" in element:
        for index, group in enumerate(faults.check_list(element, "option_groups", path, 100)):
            _options(faults, group, f"{path}/option_groups/{index}", most=most)
        return
    for index, option in enumerate(faults.check_list(element, "options", path, most)):
        here = f"{path}/options/{index}"
        if not isinstance(option, dict):
            faults.add("must provide an object", here)
            continue
        faults.check_text(option, "text", here, 75, plain=False)
        faults.check_string(option.get("value"), f"{here}/value", 150)
        faults.check_text(option, "description", here, 75, plain=False, required=False)


def _confirm(faults: Faults, dialogue: object, path: str) -> None:
    if not isinstance(dialogue, dict):
        faults.add("must provide an object", path)
        return
    faults.check_text(dialogue, "title", path, 100, plain=True)
    faults.check_text(dialogue, "text", path, 300, plain=False)
    faults.check_text(dialogue, "confirm", path, 30, plain=True, required=False)
    faults.check_text(dialogue, "deny", path, 30, plain=True, required=False)
    if dialogue.get("style") not in (None, "primary", "danger"):
        faults.add(f"unsupported style: {dialogue['style']}", f"{path}/style")


def _texts(value: object) -> Iterator[str]:
    """Yield every text that a reader would see."""
    if isinstance(value, dict):
        for key, inner in value.items():
            if key == "text" and isinstance(inner, str):
                yield inner
            else:
                yield from _texts(inner)
    elif isinstance(value, list):
        for inner in value:
            yield from _texts(inner)

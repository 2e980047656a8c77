"""Which methods of Slack's Web API the bot calls, read from its sources, and what they need.

The client's own source tells which method a function calls, also through others: one call of
`files_upload_v2` is three methods.
"""

import ast
import inspect
from collections.abc import Iterator
from functools import cache
from pathlib import Path

from slack_sdk.web.async_client import AsyncWebClient

from bot.localslack.limits import RULES
from tests.architecture.house import ROOT, name_of, own_modules

STAND_INS = {"localslack", "demo"}
TABLES = {"bot/pacing.py", "bot/standing.py"}
"""They name methods to say how often each may be called, and what it shows; they call none."""

# Of a method's scopes any one is enough, by the kind of conversation. The bot reads channels,
# public and private ones; direct conversations it only writes to.
NEVER_READ = {"im:read", "im:history"}
NEVER_MET = {"mpim:read", "mpim:history", "mpim:write"}
# Posts may be addressed to a person (`SlackAnswers`), who is then written to directly.
BESIDES = {"chat.postMessage": {"im:write"}}


def needed(method: str) -> set[str]:
    """Return the scopes that the app needs for a method; an app-level token asks for none."""
    rules = RULES[method]
    if rules.app_token:
        return set()
    return set(rules.scopes) - NEVER_READ - NEVER_MET | BESIDES.get(method, set())


def bot_modules() -> list[Path]:
    """Return the modules that talk with Slack: all of the bot but those who play a part."""
    return [p for p in own_modules("bot") if p.relative_to(ROOT).parts[1] not in STAND_INS]


def methods_called() -> dict[str, set[str]]:
    """Return the Web API methods that the bot calls, each with the modules that do."""
    found: dict[str, set[str]] = {}
    for path in bot_modules():
        if name_of(path) in TABLES:
            continue
        for name in _names(ast.parse(path.read_text(encoding="utf-8"))):
            for method in _methods_of(name):
                found.setdefault(method, set()).add(name_of(path))
    return found


def words_of(path: Path) -> set[str]:
    """Return every string in a module but its docstrings."""
    tree = ast.parse(path.read_text(encoding="utf-8"))
    bare = {id(node.value) for node in ast.walk(tree) if isinstance(node, ast.Expr)}
    return {
        node.value
        for node in ast.walk(tree)
        if isinstance(node, ast.Constant) and isinstance(node.value, str) and id(node) not in bare
    }


def _names(tree: ast.AST) -> Iterator[str]:
    """Every attribute, called or handed on, and every method called by its own name."""
    for node in ast.walk(tree):
        if isinstance(node, ast.Attribute):
            yield node.attr
        elif isinstance(node, ast.Constant) and isinstance(node.value, str):
            yield node.value


@cache
def _methods_of(name: str) -> frozenset[str]:
    """Return what a function of the client calls; a method's own name is itself."""
    direct, through = _client().get(name, (frozenset(), frozenset()))
    methods = set(direct)
    for other in through - {name}:
        methods |= _methods_of(other)
    return frozenset(methods | ({name} & _all_methods()))


@cache
def _client() -> dict[str, tuple[frozenset[str], frozenset[str]]]:
    """Return, for each function of the client, the methods and the other functions it calls."""
    functions: dict[str, tuple[frozenset[str], frozenset[str]]] = {}
    for name, function in inspect.getmembers(AsyncWebClient, inspect.isfunction):
        if name.startswith("_") or name == "api_call":
            continue
        tree = ast.parse(inspect.cleandoc(inspect.getsource(function)))
        calls = [node for node in ast.walk(tree) if isinstance(node, ast.Call)]
        direct = {
            call.args[0].value
            for call in calls
            if _on_self(call) == "api_call" and isinstance(call.args[0], ast.Constant)
        }
        through = {_on_self(call) for call in calls} - {"", "api_call"}
        functions[name] = frozenset(map(str, direct)), frozenset(through)
    return functions


@cache
def _all_methods() -> frozenset[str]:
    return frozenset(method for direct, _ in _client().values() for method in direct)


def _on_self(call: ast.Call) -> str:
    """Return `name` of a call `self.name(…)`, else ""."""
    function = call.func
    if isinstance(function, ast.Attribute) and isinstance(function.value, ast.Name):
        return function.attr if function.value.id == "self" else ""
    return ""

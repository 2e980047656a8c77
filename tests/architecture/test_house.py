"""What lies where, what it is called, and what every module owes its reader."""

import ast
import os
import re
from pathlib import Path

import pytest

from tests.architecture.house import PACKAGES, ROOT, name_of, own_files, own_modules

TOP_LEVEL = {
    "pyproject.toml", "README.md", "LICENSE", "bot", "engine", "storage", "tests", "deploy",
}  # fmt: skip
WORDS_FOR_NOTHING = {"utils", "util", "helpers", "helper", "common", "manager", "base", "misc"}
COMMANDS = ["deploy/demo", "tests/run", ".ci/run"]

# Written in pieces, so that this file does not contain what it looks for.
FOREIGN = re.compile("|".join(["/" + "work/(main|shared)", "/" + "tmp/venv", "/" + "root/"]))
REGISTRIES = re.compile(
    "|".join(["py" + r"pi\.org", "python" + r"hosted\.org", r"(?<!no-emit-)index-" + "url[ =]"])
)

SUPPRESSION = re.compile(r"#\s*(noqa|type:\s*ignore|ruff:)(?P<rest>.*)")
REASON = re.compile(r"--\s*\S|#\s*\S")


def test_the_top_level_holds_what_the_owner_asked_for():
    names = {path.relative_to(ROOT).parts[0] for path in own_files()}

    assert {name for name in names if not name.startswith(".")} <= TOP_LEVEL


@pytest.mark.parametrize("path", own_modules(*PACKAGES, "tests"), ids=name_of)
def test_a_module_says_what_it_is_for(path: Path):
    assert ast.get_docstring(ast.parse(path.read_text())), f"{name_of(path)} has no docstring"


@pytest.mark.parametrize("path", own_modules(*PACKAGES, "tests"), ids=name_of)
def test_a_module_has_a_name_that_means_something(path: Path):
    assert not WORDS_FOR_NOTHING & {*path.relative_to(ROOT).parts[:-1], path.stem}


def test_device_commands_and_parsers_name_their_source():
    for path in own_modules("engine"):
        if path.relative_to(ROOT).parts[1] == "gaia":
            for function in public_functions(ast.parse(path.read_text())):
                docstring = ast.get_docstring(function) or ""
                assert "Source:" in docstring, f"{name_of(path)}: {function.name} has no Source"


def public_functions(module: ast.Module) -> list[ast.FunctionDef | ast.AsyncFunctionDef]:
    return [
        statement
        for statement in module.body
        if isinstance(statement, ast.FunctionDef | ast.AsyncFunctionDef)
        and not statement.name.startswith("_")
    ]


def test_no_file_knows_a_machine_or_a_registry():
    for path in own_files():
        text = path.read_text(errors="replace")
        found = FOREIGN.search(text) or REGISTRIES.search(text)
        assert not found, f"{name_of(path)} mentions {found.group()}"


@pytest.mark.parametrize("path", own_modules(*PACKAGES, "tests"), ids=name_of)
def test_a_suppression_gives_its_reason(path: Path):
    for number, line in enumerate(path.read_text().splitlines(), start=1):
        if suppression := SUPPRESSION.search(line):
            assert REASON.search(suppression["rest"]), f"{name_of(path)}:{number}: no reason"


@pytest.mark.parametrize("command", COMMANDS)
def test_a_command_can_be_started(command: str):
    assert os.access(ROOT / command, os.X_OK)

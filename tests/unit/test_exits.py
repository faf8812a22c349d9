"""Every failure that has a sentence has an exit code of the table; code 1 is left to bugs."""

from __future__ import annotations

import ast
from collections.abc import Iterator
from pathlib import Path

import pytest

from diana_agent import exits
from diana_agent.exits import exit_code
from diana_tools.errors import DianaError

ROOT = Path(__file__).parents[2]
BUGS = {"bug", "bug_unwritten"}


def plain_codes() -> Iterator[str]:
    """Codes that are raised as a `DianaError` itself, which no class gives an exit code."""
    for folder in ("agent", "tools"):
        for path in (ROOT / folder).rglob("*.py"):
            for node in ast.walk(ast.parse(path.read_text())):
                if not isinstance(node, ast.Call) or getattr(node.func, "id", "") != "DianaError" or not node.args:
                    continue
                first = node.args[0]
                if isinstance(first, ast.Constant) and isinstance(first.value, str):
                    yield first.value


COMPUTED = (
    "approval_unreadable", "request_unreadable", "approvals_unreadable", "approvals_unwritable", "journal_unreadable",
    "journal_broken", "journal_torn", "journal_cut",
)  # fmt: skip
"""Codes that reach a `DianaError` through a variable."""


@pytest.mark.parametrize("code", sorted({*plain_codes(), *COMPUTED} - BUGS))
def test_only_a_bug_is_exit_1(code: str) -> None:
    assert exit_code(DianaError(code)) != exits.BUG


def test_the_table_for_what_people_name_on_the_command_line() -> None:
    wanted = {"approval_unreadable": 4, "request_unreadable": 2, "approval_unwritable": 2, "journal_missing": 2}
    assert {code: exit_code(DianaError(code)) for code in wanted} == wanted
    assert exit_code(DianaError("bug")) == 1

"""The table of the list: every line has tests, every test is there, runs every time, and can be counted."""

from __future__ import annotations

import ast
from functools import cache
from pathlib import Path

import pytest

from diana_tools import registry
from guard.the_list import ADAPTERS, LINES, TESTS, listed
from listed import summary
from sampling import due

ROOT = Path(__file__).parents[2]
EXCUSES = {"skip", "skipif", "xfail", "importorskip"}


@cache
def functions(path: str) -> dict[str, ast.FunctionDef | ast.AsyncFunctionDef]:
    """The tests that pytest collects from a file."""
    tree = ast.parse((ROOT / path).read_text("utf-8"))
    assert not excuses(ast.Module([node for node in tree.body if isinstance(node, ast.Assign | ast.Expr)], []))
    return {
        node.name: node
        for node in tree.body
        if isinstance(node, ast.FunctionDef | ast.AsyncFunctionDef) and node.name.startswith("test_")
    }


def excuses(node: ast.AST) -> set[str]:
    """The ways not to run that a piece of code uses."""
    return {one.attr for one in ast.walk(node) if isinstance(one, ast.Attribute)} & EXCUSES


def test_the_list_is_whole() -> None:
    assert len(LINES) == 25
    assert all(LINES.values())


@pytest.mark.parametrize("test", sorted(TESTS))
def test_every_test_of_the_list_is_there_and_is_never_left_out(test: str) -> None:
    path, _, name = test.partition("::")
    assert Path(path).name.startswith("test_")
    found = functions(path).get(name)
    assert found is not None, f"{test} has vanished"
    assert not excuses(found), f"{test} may be left out"
    assert all(due(node, day) for node in (test, f"{test}[x]") for day in range(700_000, 700_007))


def test_a_line_that_every_adapter_must_hold_names_each_of_them() -> None:
    assert set(ADAPTERS) == set(registry.adapters())


def test_an_excuse_would_be_seen() -> None:
    code = "@pytest.mark.skipif(True, reason='x')\ndef test_x():\n    pytest.importorskip('y')"
    assert excuses(ast.parse(code)) == {"skipif", "importorskip"}


def test_the_summary_counts_lines_that_were_tested_whole() -> None:
    first, second = LINES["two Dianas at once"]
    assert summary(["tests/unit/test_x.py::test_y"], []) == []
    assert summary([f"{first}[a]", f"{first}[b]", second], [])[0] == (
        "list: 25 lines, 1 of them tested whole, 3 tests passed"
    )
    assert summary([first], []) == ["list: 25 lines, 0 of them tested whole, 1 tests passed"]
    words = "list: NOT TESTED: two Dianas at once"
    assert summary(TESTS - {second}, [])[1:] == [words]
    assert summary([*TESTS, f"{second}[a]"], [f"{second}[b]"])[1:] == [words]
    assert summary(TESTS, []) == [f"list: 25 lines, 25 of them tested whole, {len(TESTS)} tests passed"]
    assert listed(f"{first}[a]")
    assert not listed(f"{first}_too")

"""Every Python file stays small, finished and typed: under 400 lines, nothing left to do, no `Any`, no bare ignore."""

from __future__ import annotations

import ast
import io
import re
import tokenize
from functools import cache
from pathlib import Path

import pytest

ROOT = Path(__file__).parents[2]
LIMIT = 400
FOLDERS = ("agent", "tools", "prompts", "config", "tests")
FILES = tuple(sorted(path.relative_to(ROOT) for folder in FOLDERS for path in (ROOT / folder).rglob("*.py")))

UNFINISHED = re.compile(r"\b(TODO|FIXME|XXX|HACK)\b")
IGNORE = re.compile(r"#\s*(?:type|pyright|mypy):\s*ignore(?P<rules>\[[\w, -]+\])?(?P<rest>.*)")


@cache
def _text(path: Path) -> str:
    return (ROOT / path).read_text("utf-8")


def _comments(path: Path) -> list[tuple[int, str]]:
    tokens = tokenize.generate_tokens(io.StringIO(_text(path)).readline)
    return [(token.start[0], token.string) for token in tokens if token.type == tokenize.COMMENT]


def wrong_comments(comments: list[tuple[int, str]]) -> list[str]:
    """Comments that leave something to do, and ignores without a rule or without a reason after it."""
    found: list[str] = []
    for line, comment in comments:
        ignore = IGNORE.search(comment)
        if UNFINISHED.search(comment):
            found.append(f"{line}: {comment}")
        elif ignore and not (ignore["rules"] and ignore["rest"].strip(" #")):
            found.append(f"{line}: {comment} (an ignore names its rule and says why: `# pyright: ignore[rule]  # why`)")
    return found


def untyped_names(tree: ast.AST) -> list[int]:
    """Lines that use `Any` from typing, by whatever way it is reached."""
    lines: list[int] = []
    for node in ast.walk(tree):
        if isinstance(node, ast.ImportFrom) and node.module in ("typing", "typing_extensions"):
            lines += [node.lineno for name in node.names if name.name == "Any"]
        elif isinstance(node, ast.Attribute) and node.attr == "Any" and isinstance(node.value, ast.Name):
            lines.append(node.lineno)
    return lines


def test_something_is_looked_at() -> None:
    assert len(FILES) > 100


@pytest.mark.parametrize("path", FILES, ids=str)
def test_file_is_small_finished_and_typed(path: Path) -> None:
    lines = len(_text(path).splitlines())
    assert lines < LIMIT, "too long: split it by subject"
    assert wrong_comments(_comments(path)) == []
    assert untyped_names(ast.parse(_text(path))) == []


@pytest.mark.parametrize(
    "comment",
    ["# TO" + "DO: later", "# FIX" + "ME", "# type: ignore", "# pyright: ignore", "# pyright: ignore[reportX]"],
)
def test_a_comment_that_must_not_stand_is_found(comment: str) -> None:
    assert wrong_comments([(1, comment)])


def test_an_ignore_with_its_rule_and_reason_may_stand() -> None:
    assert wrong_comments([(1, "# pyright: ignore[reportX]  # the library has no types")]) == []


@pytest.mark.parametrize("text", ["from typing import Any", "import typing as t\nx: t.Any = 1"])
def test_any_is_found(text: str) -> None:
    assert untyped_names(ast.parse(text))

"""What a face loads before it is needed: nothing heavy for the first frame, and never the screen without a screen."""

from __future__ import annotations

import ast
import json
import os
import shutil
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path

import pytest

ROOT = Path(__file__).parents[2]
HEAVY = ("anthropic", "boto3", "botocore", "sqlalchemy", "alembic", "pydantic", "pglast", "sqlglot", "psycopg")
SCREEN = ("textual", "rich")
LAZY = ("anthropic", "boto3", "botocore", "sqlalchemy", "alembic", "pglast", "sqlglot", "psycopg")
# Modules that are themselves imported only where they are used.
LAST = {
    "tools/diana_tools/analysis/sql/general_rows.py",
    "tools/diana_tools/analysis/sql/general_where.py",
}

LOADS = "import json, sys; {code}; print(json.dumps(sorted(sys.modules)), file=sys.stderr)"


def _loaded(code: str, folder: Path) -> set[str]:
    """The names of the modules that a program of its own has loaded when `code` is done."""
    environ = {name: value for name, value in os.environ.items() if not name.startswith("COVERAGE")}
    ran = subprocess.run(
        [sys.executable, "-c", LOADS.format(code=code)], capture_output=True, text=True, env=environ, cwd=folder,
        stdin=subprocess.DEVNULL,
    )  # fmt: skip
    assert ran.returncode == 0, ran.stdout + ran.stderr
    return set(json.loads(ran.stderr.splitlines()[-1]))


def _called(*argv: str) -> str:
    return f"from diana_agent.cli import main; main({list(argv)!r})"


@pytest.mark.parametrize("module", ["diana_agent.cli", "diana_agent.tui.app"])
def test_what_stands_before_the_first_frame_loads_nothing_heavy(module: str, tmp_path: Path) -> None:
    loaded = _loaded(f"import {module}", tmp_path)
    assert loaded & set(HEAVY) == set()
    assert module in loaded


@pytest.mark.parametrize("module", ["cli", "headless", "chat", "plain_chat", "records", "runtime", "demo"])
def test_without_a_screen_the_screen_is_never_imported(module: str, tmp_path: Path) -> None:
    assert _loaded(f"import diana_agent.{module}", tmp_path) & set(SCREEN) == set()


@pytest.mark.parametrize(
    "argv",
    [("--version",), ("config", "show"), ("detect",), ("detect", "--json"), ("chat", "--plain"), ("journal", "show")],
    ids=" ".join,
)
def test_a_call_without_a_screen_or_a_model_loads_neither(argv: tuple[str, ...], tmp_path: Path) -> None:
    project = tmp_path / "project"
    shutil.copytree(ROOT / "tests/projects/alembic", project)
    loaded = _loaded(_called(*argv), project)
    assert loaded & {*SCREEN, "anthropic", "boto3", "botocore", "psycopg", "sqlalchemy"} == set()


def test_the_version_costs_next_to_nothing(tmp_path: Path) -> None:
    assert _loaded(_called("--version"), tmp_path) & {*HEAVY, *SCREEN, "asyncio"} == set()


def _at_import(tree: ast.Module) -> Iterator[str]:
    """Packages imported by statements that run when the module is loaded."""
    todo: list[ast.stmt] = list(tree.body)
    while todo:
        node = todo.pop()
        match node:
            case ast.Import():
                yield from (name.name.partition(".")[0] for name in node.names)
            case ast.ImportFrom() if node.module and not node.level:
                yield node.module.partition(".")[0]
            case ast.If(test=ast.Name(id="TYPE_CHECKING")):
                todo += node.orelse
            case ast.FunctionDef() | ast.AsyncFunctionDef():
                pass
            case _:
                todo += [one for one in ast.iter_child_nodes(node) if isinstance(one, ast.stmt)]


SOURCES = tuple(
    path.relative_to(ROOT)
    for folder in ("agent/diana_agent", "tools/diana_tools", "prompts/diana_prompts", "config/diana_config")
    for path in sorted((ROOT / folder).rglob("*.py"))
    # These run inside the project's own interpreter, or belong to the throw-away shop.
    if not {"probes", "shop"} & set(path.parts)
)


def test_heavy_packages_are_imported_where_they_are_used() -> None:
    early = {str(path) for path in SOURCES if set(_at_import(ast.parse((ROOT / path).read_text()))) & set(LAZY)}
    assert early == LAST


def test_what_is_imported_last_is_not_imported_with_a_face(tmp_path: Path) -> None:
    names = {name.split("/", 1)[1].removesuffix(".py").replace("/", ".") for name in LAST}
    code = "import diana_agent.tui.app, diana_agent.headless, diana_agent.chat, diana_agent.plain_chat"
    assert _loaded(code, tmp_path) & names == set()

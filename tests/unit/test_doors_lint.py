"""Two doors of a change, shut by the tools that check the code: ruff refuses the ways around, pyright a lost permit."""

from __future__ import annotations

import ast
import json
import shutil
import subprocess
import sys
import tomllib
from pathlib import Path

import pytest

from diana_tools.source_names import METHODS, names_used

ROOT = Path(__file__).parents[2]
BIN = Path(sys.executable).parent
CONFIG = tomllib.loads((ROOT / "pyproject.toml").read_text())
BANNED: tuple[str, ...] = tuple(CONFIG["tool"]["ruff"]["lint"]["flake8-tidy-imports"]["banned-api"])
FOLDERS = ("agent/diana_agent", "tools/diana_tools", "prompts/diana_prompts", "config/diana_config")
SOURCES = tuple(str(path.relative_to(ROOT)) for folder in FOLDERS for path in sorted((ROOT / folder).rglob("*.py")))

# These start processes and open connections: the executor and its supervisor, and the sessions.
DOORS = {"tools/diana_tools/executor.py", "tools/diana_tools/supervisor.py", "tools/diana_tools/sessions.py"}
PROCESSES = {"subprocess", "asyncio", "os", "pty", "multiprocessing"}
STARTING, CONNECTING = DOORS - {"tools/diana_tools/sessions.py"}, {"tools/diana_tools/sessions.py"}


def _foreign(path: str) -> bool:
    """Code that runs inside the project's own interpreter, or is the throw-away shop's own project."""
    return "/probes/" in path or "/demo/shop/" in path


def _spellings(api: str) -> list[str]:
    """The ways to write a banned name, a line each."""
    module, _, name = api.rpartition(".")
    if not module:
        return [f"import {api}", f"import {api} as quiet", f"from {api} import run"]
    return [
        f"from {module} import {name}",
        f"from {module} import {name} as quiet",
        f"import {module} as m; m.{name}()",
    ]


# A ban that somebody takes out of the settings is missed here.
LEAST = {
    "subprocess", "asyncio.create_subprocess_exec", "asyncio.create_subprocess_shell", "os.system", "os.popen",
    *(f"os.exec{end}" for end in ("l", "le", "lp", "lpe", "v", "ve", "vp", "vpe")),
    *(f"os.spawn{end}" for end in ("l", "le", "lp", "lpe", "v", "ve", "vp", "vpe")),
    "os.posix_spawn", "os.posix_spawnp", "os.fork", "os.forkpty", "pty", "multiprocessing",
    "sqlalchemy.create_engine", "sqlalchemy.create_async_engine", "sqlalchemy.ext.asyncio.create_async_engine",
    "sqlite3.connect", "psycopg.connect", "psycopg.Connection.connect", "psycopg.AsyncConnection",
}  # fmt: skip

LINES = tuple(line for api in BANNED for line in _spellings(api))


@pytest.fixture(scope="module")
def refused(tmp_path_factory: pytest.TempPathFactory) -> dict[str, set[int]]:
    """Every file of the project filled with every banned way instead: the lines that ruff refused in each."""
    folder = tmp_path_factory.mktemp("doors")
    shutil.copy(ROOT / "pyproject.toml", folder)
    for path in SOURCES:
        (folder / path).parent.mkdir(parents=True, exist_ok=True)
        (folder / path).write_text("\n".join(LINES) + "\n")
    ran = subprocess.run(
        [BIN / "ruff", "check", "--no-cache", "--select", "TID251", "--output-format", "json", "."],
        cwd=folder, capture_output=True, text=True,
    )  # fmt: skip
    assert ran.returncode == 1, ran.stderr
    found: dict[str, set[int]] = {path: set() for path in SOURCES}
    for one in json.loads(ran.stdout):
        assert one["code"] == "TID251"
        found[str(Path(one["filename"]).relative_to(folder.resolve()))].add(one["location"]["row"])
    return found


def test_every_ban_fires_in_every_file_but_the_doors(refused: dict[str, set[int]]) -> None:
    every = set(range(1, len(LINES) + 1))
    for path, rows in refused.items():
        if path in DOORS or _foreign(path):
            assert rows == set(), path
        else:
            assert rows == every, (path, [LINES[row - 1] for row in every - rows])


def test_the_project_runs_these_rules_and_nobody_silences_them() -> None:
    assert set(BANNED) >= LEAST
    assert "TID251" in CONFIG["tool"]["ruff"]["lint"]["select"]
    assert not [path for path in SOURCES if "noqa: TID251" in (ROOT / path).read_text()]
    assert not [path for path in SOURCES if "ruff: noqa" in (ROOT / path).read_text()]


# Ways to start a process or to open a connection, those without a line of their own among the bans above all.
MORE_STARTING = {
    "pty", "multiprocessing", "concurrent.futures.ProcessPoolExecutor", "ctypes", "runpy", "code", "popen2", "cffi",
    "_posixsubprocess", "posix", "asyncio.subprocess", "asyncio.get_child_watcher", "pdb", "webbrowser",
    *(f"os.{name}" for name in dir(__import__("os")) if name.startswith(("exec", "spawn", "posix_spawn", "fork"))),
    "asyncio.subprocess.create_subprocess_exec", "asyncio.subprocess.create_subprocess_shell",
}  # fmt: skip
MORE_CONNECTING = {
    "sqlalchemy.engine.create_engine", "sqlalchemy.engine_from_config", "sqlalchemy.create_mock_engine",
    "sqlalchemy.create_pool_from_url", "sqlalchemy.ext.asyncio", "sqlite3.dbapi2", "psycopg2", "psycopg_pool",
    "asyncpg", "aiosqlite", "psycopg.Connection.connect", "psycopg.AsyncConnection.connect", "psycopg.AsyncConnection",
    "socket.create_connection", "socket.socket", "socket.create_server", "socketserver", "asyncio.open_connection",
    "asyncio.open_unix_connection", "asyncio.start_server", "http.client", "http.server", "urllib.request", "ftplib",
    "smtplib", "xmlrpc", "_sqlite3", "psycopg_c", "psycopg_binary", "create_connection", "create_server",
}  # fmt: skip
LOOPBACK = {"tools/diana_tools/executor.py"}
"""Asks the system for a free port on loopback; nothing is said to anybody through it."""
# Ways to reach a module, or to run a text, without its name at an import: what the bans above cannot see.
REFLECTION = {
    "__import__", "exec", "eval", "compile", "importlib.import_module", "importlib.util", "importlib.machinery",
    "importlib.reload", "pkgutil", "imp", "sys.modules",
    *(f"builtins.{name}" for name in ("__import__", "exec", "eval", "compile")),
}  # fmt: skip
BY_NAME = {
    "tools/diana_tools/registry.py": {"importlib.import_module", "pkgutil"},
    "tools/diana_tools/analysis/rule.py": {"importlib.import_module", "pkgutil"},
    "tools/diana_tools/third_party.py": {"importlib.util"},
    "tools/diana_tools/adapters/python_projects.py": {"importlib.util"},
    "tools/diana_tools/databases/postgresql/programs.py": {"importlib.util"},
}
"""Diana's own folders are gone through by name, and a module is asked where it lies; nothing that a project says."""


def _reaching(path: str, ways: set[str]) -> set[str]:
    found = set(names_used(ast.parse((ROOT / path).read_text())))
    return {way for way in ways for name in found if name == way or name.startswith(f"{way}.")}


@pytest.mark.parametrize(
    ("ways", "doors"),
    [({*MORE_STARTING, *METHODS}, STARTING), (MORE_CONNECTING, CONNECTING | LOOPBACK)],
    ids=["processes", "connections"],
)
def test_no_other_way_is_taken(ways: set[str], doors: set[str]) -> None:
    taken = {path: _reaching(path, ways) for path in SOURCES if path not in doors and not _foreign(path)}
    assert {path: names for path, names in taken.items() if names} == {}


def test_no_module_is_reached_by_a_name_that_no_lint_can_see() -> None:
    found = {path: _reaching(path, REFLECTION) for path in SOURCES if not _foreign(path)}
    assert {path: ways for path, ways in found.items() if ways - BY_NAME.get(path, set[str]())} == {}


def _modules_asked_for_attributes(path: str) -> list[str]:
    """Where a module's attribute is taken by a name that is computed: `getattr(os, word)`."""
    tree = ast.parse((ROOT / path).read_text())
    modules = {
        name.asname or name.name for node in ast.walk(tree) if isinstance(node, ast.Import) for name in node.names
    }
    return [
        ast.unparse(node)
        for node in ast.walk(tree)
        if isinstance(node, ast.Call)
        and isinstance(node.func, ast.Name)
        and node.func.id in ("getattr", "vars")
        and node.args
        and isinstance(node.args[0], ast.Name)
        and node.args[0].id in modules
    ]


def test_no_attribute_of_a_module_is_taken_by_a_computed_name() -> None:
    found = {path: _modules_asked_for_attributes(path) for path in SOURCES if not _foreign(path)}
    assert {path: calls for path, calls in found.items() if calls} == {}


def test_a_door_opens_only_its_own_side() -> None:
    starting = {api for api in BANNED if api.partition(".")[0] in PROCESSES}
    connecting = set(BANNED) - starting
    assert {path for path in DOORS if _reaching(path, starting)} == STARTING
    assert {path for path in DOORS if _reaching(path, connecting)} == CONNECTING


@pytest.mark.parametrize(
    ("code", "way"),
    [
        ("import pty", "pty"),
        ("import os as o\no.execve('/bin/sh', [], {})", "os.execve"),
        ("from sqlalchemy.ext.asyncio import create_async_engine", "sqlalchemy.ext.asyncio.create_async_engine"),
        ("import psycopg\npsycopg.AsyncConnection.connect('')", "psycopg.AsyncConnection.connect"),
        ("async def f(loop):\n    await loop.subprocess_exec(None)", "subprocess_exec"),
        ("import asyncio.subprocess as s\ns.create_subprocess_exec", "asyncio.subprocess.create_subprocess_exec"),
        ("__import__('os').system('x')", "__import__"),
        ("import importlib as i\ni.import_module('subprocess')", "importlib.import_module"),
        ("import sys\nsys.modules['os'].system('x')", "sys.modules"),
        ("exec('import os')", "exec"),
        ("from socket import create_connection as c\nc(('h', 1))", "socket.create_connection"),
    ],
)
def test_another_way_would_be_seen(code: str, way: str) -> None:
    assert way in set(names_used(ast.parse(code)))


GOOD = """
from diana_tools.command import WriteCommand
from diana_tools.databases.base import Database, Doors, Grant
from diana_tools.domain import DatabaseUrl
from diana_tools.executor import Executor
from diana_tools.permit import Operation, Permit, Use
from diana_tools.sessions import Sessions


async def change(door: Executor, command: WriteCommand, permit: Permit, operation: Operation, use: Use) -> None:
    await door.change(command, permit, operation, use, print)


def session(door: Sessions, url: DatabaseUrl, permit: Permit, operation: Operation, use: Use) -> None:
    with door.change(url, permit, operation, use) as session:
        session.run("SELECT 1")


async def destroy(engine: Database, doors: Doors, grant: Grant) -> None:
    print(engine, doors, grant)
"""
GUARD = """
from diana_agent.guard.mint import Mint
from diana_tools.domain import Level
from diana_tools.permit import Operation, Permit, Use


def around(mint: Mint, operation: Operation, use: Use, permit: Permit) -> None:
    mint.redeem(permit, operation, use)
    mint.mint(operation, level=Level.DEV, destructive=False, grade="read")
"""
SNIPPETS = {
    "guard": (GUARD, ""),
    "good": (GOOD, ""),
    "no_permit": (GOOD.replace("(command, permit, operation, use, print)", "(command, print)"), "reportCallIssue"),
    "none_as_permit": (GOOD.replace("(command, permit,", "(command, None,"), "reportArgumentType"),
    "text_as_permit": (GOOD.replace("(command, permit,", "(command, 'yes',"), "reportArgumentType"),
    "operation_as_permit": (GOOD.replace("(command, permit,", "(command, operation,"), "reportArgumentType"),
    "write_as_query": (GOOD + "\n\nasync def look(door: Executor, command: WriteCommand) -> None:\n"
                       "    await door.query(command)\n", "reportArgumentType"),
    "write_as_capture": (GOOD + "\n\nasync def look(door: Executor, command: WriteCommand) -> None:\n"
                         "    await door.capture(command, lambda _: None)\n", "reportArgumentType"),
    "session_without_permit": (GOOD.replace("(url, permit, operation, use)", "(url)"), "reportCallIssue"),
    "read_session_that_runs": (GOOD + "\n\ndef look(door: Sessions, url: DatabaseUrl) -> None:\n"
                               "    with door.read(url) as session:\n        session.run('DROP TABLE t')\n",
                               "reportAttributeAccessIssue"),
    "door_without_redeemer": (GOOD + "\n\nDOOR = Sessions()\n", "reportCallIssue"),
    "door_with_anything": (GOOD + "\n\nDOOR = Sessions(object())\n", "reportArgumentType"),
    "permit_without_its_rows": (GOOD + "\n\nPERMIT = Permit(id='x')\n", "reportCallIssue"),
    "permit_changed": (GOOD + "\n\ndef extend(permit: Permit) -> None:\n    permit.operation = 'other'\n",
                       "reportAttributeAccessIssue"),
    "restore_without_grant": (GOOD + "\n\nasync def back(engine: Database, doors: Doors, url: DatabaseUrl) -> None:\n"
                              "    await engine.restore(doors, url)\n", "reportCallIssue"),
    "redeemed_without_permit": (GUARD + "    mint.redeem(operation, use)\n", "reportCallIssue"),
    "minted_for_nothing": (GUARD + "    mint.mint(level=Level.DEV, destructive=False, grade='read')\n",
                           "reportCallIssue"),
    "minted_for_text": (GUARD + "    mint.mint('anything', level=Level.DEV, destructive=False, grade='read')\n",
                        "reportArgumentType"),
    "written_into_the_mint": (GUARD + "    mint._used = {}\n", "reportPrivateUsage"),
    "redeemer_of_ones_own": (GOOD + "\n\nclass Mine:\n    def redeem(self, permit: Permit) -> None: ...\n\n\n"
                             "DOOR = Sessions(Mine())\n", "reportArgumentType"),
    "session_of_ones_own": (GOOD + "\n\ndef make(door: Sessions, url: DatabaseUrl) -> None:\n"
                            "    door._engine(url)\n", "reportAttributeAccessIssue"),
    "sqlite_made_without_permit": (GOOD + "\n\ndef make(door: Sessions, url: DatabaseUrl) -> None:\n"
                                   "    door.create_sqlite(url)\n", "reportCallIssue"),
    "grant_without_permit": (GOOD + "\n\ndef grant(operation: Operation) -> Grant:\n    return Grant(operation)\n",
                             "reportCallIssue"),
}  # fmt: skip


@pytest.fixture(scope="module")
def typed(tmp_path_factory: pytest.TempPathFactory) -> dict[str, list[str]]:
    """The rules that pyright, set up as in this project, finds broken in each snippet."""
    folder = tmp_path_factory.mktemp("typed")
    for name, (code, _) in SNIPPETS.items():
        (folder / f"{name}.py").write_text(code)
    settings = CONFIG["tool"]["pyright"] | {
        "include": ["."], "exclude": [], "venvPath": str(ROOT),
        "extraPaths": [str(ROOT / path) for path in CONFIG["tool"]["pyright"]["extraPaths"]],
    }  # fmt: skip
    (folder / "pyrightconfig.json").write_text(json.dumps(settings))
    command = [BIN / "pyright", "--outputjson", "--pythonpath", sys.executable, "-p", "pyrightconfig.json"]
    ran = subprocess.run(command, cwd=folder, capture_output=True, text=True)
    assert ran.returncode == 1, ran.stdout + ran.stderr
    found: dict[str, list[str]] = {name: [] for name in SNIPPETS}
    for one in json.loads(ran.stdout)["generalDiagnostics"]:
        found[Path(one["file"]).stem].append(one["rule"])
    return found


@pytest.mark.parametrize("name", SNIPPETS)
def test_pyright_refuses_a_change_without_its_permit(typed: dict[str, list[str]], name: str) -> None:
    rule = SNIPPETS[name][1]
    assert (rule in typed[name]) if rule else typed[name] == []

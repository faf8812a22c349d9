"""Alembic projects of every kind, written into a folder, and the adapter's commands really run on them."""

from __future__ import annotations

import os
import sqlite3
import subprocess
import sys
import time
from collections.abc import Mapping
from dataclasses import dataclass, field, replace
from pathlib import Path

from diana_tools.adapters.alembic.adapter import Alembic
from diana_tools.adapters.base import Override, Probe, Project, RehearsalOutput
from diana_tools.command import Command, Output
from diana_tools.detect import detect, listing
from diana_tools.domain import DatabaseUrl
from diana_tools.executor import Executor, child_environment
from diana_tools.permit import Operation, Permit, Use

INTERPRETERS = (sys.executable, *filter(None, os.environ.get("TESTS_INTERPRETERS", "").split(":")))
"""Pythons that have Alembic; `TESTS_INTERPRETERS` names more of them, for other versions of it."""

_LOOK = """
import importlib.util, sqlalchemy
names = ("psycopg", "psycopg2", "pg8000", "asyncpg", "aiosqlite", "greenlet")
print(sqlalchemy.__version__, *(name for name in names if importlib.util.find_spec(name)))
"""


def _drivers() -> tuple[tuple[str, str], ...]:
    """(interpreter, dialect and driver) for everything that the interpreters can connect with."""
    found: list[tuple[str, str]] = []
    for interpreter in INTERPRETERS:
        said = subprocess.run([interpreter, "-c", _LOOK], capture_output=True, text=True, check=True)
        version, *names = said.stdout.split()
        known = [f"postgresql+{name}" for name in names if name in ("psycopg2", "pg8000")]
        if version >= "2" and "psycopg" in names:
            known += ["postgresql+psycopg", *(["postgresql+psycopg_async"] if "greenlet" in names else [])]
        if "greenlet" in names:
            known += [f"postgresql+{name}" for name in names if name == "asyncpg"]
            known += [f"sqlite+{name}" for name in names if name == "aiosqlite"]
        found += [(interpreter, driver) for driver in known]
    return tuple(found)


DRIVERS = _drivers()
MARKER = "0123456789abcdef"
INI = """\
[alembic]
script_location = %(here)s/migrations
path_separator = os
sqlalchemy.url = {url}

[loggers]
keys = root,alembic
[handlers]
keys = console
[formatters]
keys =
[logger_root]
level = WARNING
handlers = console
[logger_alembic]
level = INFO
handlers =
qualname = alembic
[handler_console]
class = StreamHandler
args = (sys.stderr,)
"""
STOCK = """\
from logging.config import fileConfig
from alembic import context
from sqlalchemy import engine_from_config, pool

config = context.config
if config.config_file_name is not None:
    fileConfig(config.config_file_name)


def run_offline():
    context.configure(url=config.get_main_option("sqlalchemy.url"), literal_binds=True)
    with context.begin_transaction():
        context.run_migrations()


def run_online():
    section = config.get_section(config.config_ini_section)
    connectable = engine_from_config(section, prefix="sqlalchemy.", poolclass=pool.NullPool)
    with connectable.connect() as connection:
        context.configure(connection=connection)
        with context.begin_transaction():
            context.run_migrations()


if context.is_offline_mode():
    run_offline()
else:
    run_online()
"""
ASYNC = """\
import asyncio
from alembic import context
from sqlalchemy import pool
from sqlalchemy.ext.asyncio import create_async_engine

url = context.config.get_main_option("sqlalchemy.url")


def work(connection):
    context.configure(connection=connection)
    with context.begin_transaction():
        context.run_migrations()


async def main():
    engine = create_async_engine(url, poolclass=pool.NullPool)
    async with engine.connect() as connection:
        await connection.run_sync(work)
    await engine.dispose()


asyncio.run(main())
"""
ONLINE = """\
{head}
from alembic import context
from sqlalchemy import create_engine, pool

with {engine}.connect() as connection:
    context.configure(connection=connection{options})
    with context.begin_transaction():
        context.run_migrations()
"""


class Nobody:
    """A redeemer that lets nothing change: looking needs no permit."""

    def redeem(self, permit: Permit, operation: Operation, use: Use) -> None:
        """Never."""
        raise AssertionError("looking must not need a permit")


@dataclass
class Bench:
    """One project in `root`, with the environment of the person who runs Diana there."""

    root: Path
    environ: dict[str, str] = field(default_factory=dict[str, str])
    interpreter: str = sys.executable

    def write(self, files: Mapping[str, str]) -> Bench:
        """Write files, by path below the root."""
        for name, text in files.items():
            path = self.root / name
            path.parent.mkdir(parents=True, exist_ok=True)
            path.write_text(text)
        return self

    @property
    def adapter(self) -> Alembic:
        """The adapter as it would be in the person's environment."""
        return Alembic({**os.environ, **self.environ})

    @property
    def project(self) -> Project:
        """The project, found by detection."""
        found = detect(listing(self.root))[0]
        return Project(
            self.root, self.root / found.root, self.root / found.config, found.section, Path(self.interpreter)
        )

    async def query(self, command: Command) -> Output:
        """Run a command that looks, by the real executor."""
        executor = Executor(Nobody(), lambda: True, {**os.environ, **self.environ}, self.root.parent / "runs")
        return await executor.query(command)  # pyright: ignore[reportArgumentType]  # read commands only

    async def probe(self, override: Override | None = None) -> Probe:
        """The probe's answer."""
        return self.adapter.parse_probe(self.project, await self.query(self.adapter.probe(self.project, override)))

    def run(self, command: Command) -> Output:
        """Run a changing command as the supervisor does: both streams into one."""
        env = child_environment({**os.environ, **self.environ}, command.env)
        started = time.monotonic()
        done = subprocess.run(
            command.argv, cwd=command.cwd, env=env, stdin=subprocess.DEVNULL, stdout=subprocess.PIPE,
            stderr=subprocess.STDOUT, check=False, timeout=120,
        )  # fmt: skip
        return Output(done.returncode, done.stdout.decode("utf-8", "replace"), "", time.monotonic() - started)

    def upgrade(self, *targets: str) -> Output:
        """The real apply."""
        return self.run(self.adapter.apply(self.project, targets, 60))

    async def downgrade(self, *targets: str) -> Output:
        """The real way down."""
        return self.run(self.adapter.rollback(self.project, await self.probe(), targets, 60))

    def rehearse(self, scratch: DatabaseUrl, *targets: str, direction: str = "up") -> tuple[RehearsalOutput, Output]:
        """Redirect and rehearse, whatever a look would have shown."""
        override = self.redirected(scratch)
        output = self.run(self.adapter.rehearse(self.project, override, MARKER, direction, targets, 60))
        return self.adapter.parse_rehearsal(output), output

    def redirected(self, scratch: DatabaseUrl) -> Override:
        """The override, its files written."""
        folder = self.root.parent / "private"
        folder.mkdir(mode=0o700, exist_ok=True)
        override = self.adapter.override(self.project, scratch, folder)
        for path, text in override.files.items():
            path.write_text(text)
        return override


def revision(name: str, parent: str | None, up: str = "pass", down: str = "pass", **more: str) -> str:
    """The text of a migration file."""
    lines = [f'"""{name} does its part"""', "import sqlalchemy as sa", "from alembic import op", f'revision = "{name}"']
    lines += [f"down_revision = {parent!r}", *(f"{key} = {value}" for key, value in more.items())]
    lines += ["def upgrade():", *_body(up), "def downgrade():", *_body(down)]
    return "\n".join(lines) + "\n"


def _body(text: str) -> list[str]:
    return [f"    {line}" for line in text.splitlines()]


def table(name: str) -> tuple[str, str]:
    """The ways up and down of a migration that makes a table."""
    return f'op.create_table("{name}", sa.Column("id", sa.Integer, primary_key=True))', f'op.drop_table("{name}")'


CHAIN = {
    "migrations/versions/a1_one.py": revision("a1", None, *table("one")),
    "migrations/versions/b2_two.py": revision("b2", "a1", *table("two")),
    "migrations/versions/c3_three.py": revision("c3", "b2", *table("three")),
}


def stock(root: Path, url: str, interpreter: str = sys.executable, **environ: str) -> Bench:
    """What `alembic init` makes, with three migrations."""
    bench = Bench(root, dict(environ), interpreter)
    return bench.write({"alembic.ini": INI.format(url=url.replace("%", "%%")), "migrations/env.py": STOCK, **CHAIN})


def own_env(root: Path, engine: str, head: str = "", options: str = "", interpreter: str = sys.executable) -> Bench:
    """A project whose env.py makes its engine by an expression of its own."""
    env = ONLINE.format(head=head, engine=engine, options=options)
    bench = Bench(root, {}, interpreter)
    return bench.write({"alembic.ini": INI.format(url="driver://user:pass@host/x"), "migrations/env.py": env, **CHAIN})


def sqlite_file(path: Path, *statements: str, marker: str = "") -> Path:
    """A SQLite file with something in it."""
    path.parent.mkdir(parents=True, exist_ok=True)
    with sqlite3.connect(path) as connection:
        for statement in statements or ("CREATE TABLE kept (a)",):
            connection.execute(statement)
        if marker:
            connection.execute("CREATE TABLE diana_scratch_marker (token TEXT)")
            connection.execute("INSERT INTO diana_scratch_marker VALUES (?)", (marker,))
    connection.close()
    return path


def tables(path: Path) -> set[str]:
    """The names of a SQLite file's tables."""
    connection = sqlite3.connect(path)
    try:
        return {str(row[0]) for row in connection.execute("SELECT name FROM sqlite_master WHERE type = 'table'")}
    finally:
        connection.close()


def at(path: Path) -> DatabaseUrl:
    """A SQLite file as Diana's own type."""
    return DatabaseUrl("sqlite", "pysqlite", "", None, str(path))


def mark(url: DatabaseUrl, name: str) -> DatabaseUrl:
    """The same server, another database."""
    return replace(url, database=name)

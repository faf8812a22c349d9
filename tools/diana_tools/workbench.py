"""Everything that the tools of one target work with, in one hand."""

from __future__ import annotations

import math
from dataclasses import dataclass, replace
from pathlib import Path

from diana_tools.adapters.base import Adapter, Override, Probe, Project
from diana_tools.databases.base import Database, Doors
from diana_tools.domain import DatabaseUrl, Identity
from diana_tools.errors import ConnectionFailed, ToolError
from diana_tools.redaction import Redactor

_CONNECTION_CODES = frozenset(
    {
        "connection_refused", "wrong_password", "no_such_database", "database_missing", "not_a_database",
        "host_unknown", "database_locked", "database_unreadable", "pooler",
    }
)  # fmt: skip


@dataclass(frozen=True, slots=True)
class Workbench:
    """One target: its tool, its engine, the doors, and the folders Diana may write in for this run."""

    adapter: Adapter
    database: Database
    project: Project
    doors: Doors
    url: DatabaseUrl
    identity: Identity
    scratch_folder: Path
    backup_folder: Path
    run: str
    timeout: float
    server_version: str

    @property
    def redactor(self) -> Redactor:
        """What this run knows to be secret."""
        return self.doors.executor.redactor


_LEAST_PATIENCE_S = 5.0


async def look(
    adapter: Adapter, project: Project, doors: Doors, override: Override | None = None, patience: float = math.inf
) -> Probe:
    """Ask the tool what it sees, through the project's own code, reading only; `patience` in seconds, never below 5.

    Raises:
        ConnectionFailed: the tool could not reach its database; the code tells why.
        ToolError: the project's code or configuration failed; `probe_timeout` when it hung.
    """
    command = adapter.probe(project, override)
    limit = min(command.timeout, max(patience, _LEAST_PATIENCE_S))
    output = await doors.executor.query(replace(command, timeout=limit))
    if output.timed_out:
        raise ToolError("probe_timeout", {"tool": adapter.title})
    probe = adapter.parse_probe(project, output)
    if probe.error and probe.url is not None and probe.url.engine == "sqlite" and Path(probe.url.database).is_dir():
        raise ConnectionFailed("database_is_folder", {"place": probe.url.address.place, "error": ""})
    if probe.error in _CONNECTION_CODES:
        place = probe.url.address.place if probe.url else ""
        raise ConnectionFailed(probe.error, {"place": place, "error": probe.error_text})
    if probe.error:
        raise ToolError(probe.error, {"tool": adapter.title, "error": probe.error_text})
    return probe


def same_database(probe: Probe, identity: Identity) -> bool:
    """Whether the tool's own connection reached the pinned identity (S3.7): the engine's words, not host text."""
    return probe.database == identity.database and (not probe.server or probe.server == identity.server)

"""What drivers say when a connection fails, as the codes that people are told."""

from __future__ import annotations

import re

from diana_tools.domain import DatabaseUrl
from diana_tools.errors import ConnectionFailed
from diana_tools.redaction import redact

_CODES = (
    (r"refused|could not connect|Network is unreachable|No route to host|timeout expired", "connection_refused"),
    (r"password authentication failed|no password supplied|authentication failed", "wrong_password"),
    (r"database \"?.*\"? does not exist", "no_such_database"),
    (r"unsupported startup parameter", "pooler_in_between"),
    (r"too many clients|too many connections|remaining connection slots", "connections_exhausted"),
    (r"the database system is (?:starting up|shutting down|in recovery|not yet accepting)", "server_not_ready"),
    (r"no pg_hba.conf entry|is not permitted to log in|does not support SSL|SSL is required", "server_refuses"),
    (r"due to (?:statement|lock) timeout", "statement_timed_out"),
    (r"permission denied (?:for|to)|must be (?:owner|superuser|able to)|only superusers?", "rights_missing"),
    (r"file is not a database|file is encrypted", "not_a_database"),
    (r"could not translate host name|Name or service not known|resolve host", "host_unknown"),
    (r"unable to open database file|permission denied", "database_unreadable"),
    (r"database (table )?is locked", "database_locked"),
    (r"attempt to write a readonly database", "database_unsettled"),
    (r"database or disk is full", "no_room_left"),
)  # fmt: skip


def failure(error: Exception, url: DatabaseUrl) -> ConnectionFailed:
    """Turn a driver's error into a code and its first line, without any secret."""
    words = redact(str(getattr(error, "orig", None) or error), (url.password,)).strip()
    first = words.splitlines()[0] if words else type(error).__name__
    for pattern, code in _CODES:
        if re.search(pattern, words, re.IGNORECASE):
            return ConnectionFailed(code, {"place": url.address.place, "error": first[:300]})
    return ConnectionFailed("connection_failed", {"place": url.address.place, "error": first[:300]})

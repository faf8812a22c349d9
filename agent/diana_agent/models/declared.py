"""What every field of every result holds, and so what a remote model may be sent; what is not in here is not sent."""

from __future__ import annotations

from collections.abc import Mapping
from enum import Enum, auto
from typing import TypeAlias


class Kind(Enum):
    """What a field holds. The person's word opens NAME, then COUNT, then STATEMENT; VALUE is never opened."""

    PUBLIC = auto()
    """Diana's own: codes, verbs, yes and no."""
    NAME = auto()
    """What something is called and where it is: tables, columns, files, lines, revisions, databases, folders."""
    COUNT = auto()
    """How many, how large, how long."""
    STATEMENT = auto()
    """The project's own text: SQL, migrations, descriptions."""
    ERROR = auto()
    """A tool's words, which may quote a row: a code, an object and a line; the words only as far as none can be one."""
    OUTPUT = auto()
    """A line that a tool printed, as far as its words cannot be a row's."""
    PROBLEM = auto()
    """A code with the object that it is about, and perhaps how many: `rows:orders:5:4`."""
    VALUE = auto()
    """Values of rows, who logs in, digests and fingerprints: never sent."""


Shape: TypeAlias = "Mapping[str, Kind | Shape]"

_P, _N, _C = Kind.PUBLIC, Kind.NAME, Kind.COUNT

WHERE: Shape = {"name": _N, "level": _P, "because": _N}
ADAPTER: Shape = {"adapter": {"distribution": _N, "version": _N}}
DETECTION: Shape = {
    **ADAPTER,
    "tool": _P, "root": _N, "config": _N, "migrations": _N, "count": _C, "section": _N, "confidence": _P,
    "evidence": {"path": _N, "why": _P},
}  # fmt: skip
CONNECTION: Shape = {
    **ADAPTER,
    "engine": _P, "place": _N, "database": _N, "username": Kind.VALUE, "identity": Kind.VALUE, "server_version": _N,
    "size": _C, "sessions": _C, "round_trip": _C, "version": _N, "fingerprint": Kind.VALUE, "environment": WHERE,
}  # fmt: skip
MIGRATION: Shape = {
    "id": _N, "name": _N, "description": Kind.STATEMENT, "path": _N, "checksum": Kind.VALUE, "reversible": _P,
    "transactional": _P,
}  # fmt: skip
FINDING: Shape = {
    "rule": _P, "kind": _P, "level": _P, "data_loss": _P, "object": _N, "file": _N, "line": _N,
    "statement": Kind.STATEMENT, "recovery": _P, "confidence": _P, "migration": _N,
    "loss": {"rows": _C, "total": _C, "why": _P},
}  # fmt: skip
UNREAD: Shape = {"file": _N, "line": _N, "why": _P, "migration": _N}
_RECOVERY: Shape = {"rung": _P, "why": _P, "recovered": _P, "problems": Kind.PROBLEM}
_HASH: Shape = {"plan_hash": Kind.VALUE, "plan_code": _P}
PLAN: Shape = {
    **ADAPTER,
    "tool": _P, "tool_version": _N, "target": {"engine": _P, "place": _N, "database": _N}, "environment": WHERE,
    "direction": _P, "current": _N, "target_version": _N, "pending": MIGRATION, "findings": FINDING, "unread": UNREAD,
    "destructive": _P, "estimate": {"seconds": _C, "confidence": _P, "basis": _P}, "recovery": _RECOVERY,
    "history": {"state": _P, "problems": Kind.PROBLEM}, **_HASH,
}  # fmt: skip
BACKUP: Shape = {
    "id": _N, "path": _N, "size": _C, "sha256": Kind.VALUE, "grade": _P, "made_at": _P, "version": _N,
    "missing": Kind.PROBLEM, "program": _N,
    "copies": {"store": _N, "location": _N, "remote": _P, "verified": _P},
}  # fmt: skip
REHEARSAL: Shape = {
    "kind": _P, "scratch": _N, "passed": _P, "seconds": _C, "statements": _C, "error": Kind.ERROR, "failed": _N,
    "backup": _N, "rows_before": _C, "rows_after": _C,
}  # fmt: skip
PREVIEW: Shape = {"kind": _P, "sql": Kind.STATEMENT, "why": _P}
CHECK: Shape = {
    "name": _P, "passed": _P, "critical": _P, "expected": _C, "found": _C, "query": Kind.STATEMENT,
    "problems": Kind.PROBLEM,
}  # fmt: skip
VERIFICATION: Shape = {
    "passed": _C, "total": _C, "critical": _P, "not_checked": Kind.PROBLEM, "checks": CHECK,
}  # fmt: skip
CHANGE: Shape = {
    "act": _P, "state": _P, "seconds": _C, "tool_exit": _P, "applied": _N, "not_applied": _N, "error": Kind.ERROR,
    "failed": _N, "warnings": Kind.OUTPUT, "log": _N, "recovery": _RECOVERY, "version": _N,
    "verification": VERIFICATION, "left": Kind.PROBLEM,
}  # fmt: skip
_REQUEST: Shape = {"request": _N, **_HASH}

RESULTS: Mapping[str, Shape] = {
    "detect": {**DETECTION, "detections": DETECTION},
    "connect": {**CONNECTION, "unfinished_run": _N, "tool": _P, "tool_version": _N},
    "plan": PLAN,
    "analyze": {"findings": FINDING, "unread": UNREAD},
    "read_migration": {"id": _N, "path": _N, "text": Kind.STATEMENT},
    # `facts` lists again what stands in the rest of the result, under names that say nothing of what they hold.
    "facts": {
        "topic": _P, "connection": CONNECTION, "plan": PLAN, "backup": BACKUP, "rehearsal": REHEARSAL,
        "unrehearsed": _P, "change": CHANGE, "verification": VERIFICATION, "facts": Kind.VALUE,
    },
    "preview": PREVIEW,
    "backup": BACKUP,
    "rehearse": {**REHEARSAL, **_HASH},
    "migrate": {**CHANGE, **_REQUEST},
    "rollback": {**PLAN, **CHANGE, **_REQUEST},
    "restore": {"restored": _P, "kept": _N, "backup": _N, "version": _N, "problems": Kind.PROBLEM},
    "verify": {**VERIFICATION, **CHANGE},
    "report": {"path": _N},
}  # fmt: skip
"""By verb: what its result holds beside status, reason, sentence and next."""

FIELDS: Mapping[str, Kind] = {
    "error": Kind.ERROR, "what": Kind.PROBLEM, "problem": Kind.PROBLEM, "problems": Kind.PROBLEM,
    **dict.fromkeys(("verb", "next", "reason", "agent", "code", "was", "now", "act", "level", "made_at"), _P),
    **dict.fromkeys(
        ("path", "place", "folder", "file", "line", "config", "database", "tool", "tools", "tool_place", "version",
         "object", "migration", "environment", "backup", "id", "run", "store", "location", "scratch", "program",
         "heads", "known", "expected", "actual", "found", "log", "kept", "table", "tables", "constraint", "fault"), _N),
    **dict.fromkeys(("count", "seconds", "timeout", "size", "free", "needed", "rows", "tries", "total"), _C),
}  # fmt: skip
"""The fields of refusals and errors, which are filled into their sentences; a sentence has a gap for any other."""

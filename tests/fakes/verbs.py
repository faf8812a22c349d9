"""The other side of the embedded Diana: verbs with canned results in the shapes of the real ones, and a turn's loop."""

from __future__ import annotations

import json
from dataclasses import dataclass, field

from diana_agent.models.base import (
    START,
    Conversation,
    Delta,
    JsonObject,
    JsonValue,
    Message,
    Model,
    ModelTurn,
    Part,
    Stop,
    Text,
    ToolResult,
    Verb,
)

NAMES = (
    "detect", "connect", "plan", "analyze", "read_migration", "facts", "preview", "backup", "rehearse", "migrate",
    "rollback", "restore", "verify", "report",
)  # fmt: skip
VERBS = tuple(Verb(name, name, {"type": "object"}) for name in NAMES)
LOOKING: list[JsonValue] = ["facts", "analyze", "read_migration"]


def answer(
    next: str = "", body: JsonObject | None = None, *, status: str = "done", reason: str = "", sentence: str = ""
) -> JsonObject:
    """One result, with the looking verbs behind what `next` names."""
    made: JsonObject = {"status": status, "reason": reason, "sentence": sentence, "next": [*next.split(), *LOOKING]}
    return but(made, **(body or {}))


def but(base: JsonObject, **changes: JsonValue) -> JsonObject:
    """A result or a part of one, with some of its keys changed."""
    return {**base, **changes}


ENVIRONMENT: JsonObject = {"name": "local", "level": "dev", "because": ["file"]}
CONNECTION: JsonObject = {
    "engine": "sqlite", "place": "/srv/shop/shop.db", "database": "shop.db", "server_version": "3.45.1",
    "size": 1_400_000, "sessions": 0, "version": ["1a0000000001"], "environment": ENVIRONMENT,
}  # fmt: skip
PENDING: list[JsonValue] = [
    {"id": "1a0000000002", "name": "full_name", "description": "join the names", "path": "versions/2_full_name.py",
     "reversible": True},
    {"id": "1a0000000003", "name": "drop_legacy", "description": "drop the legacy note",
     "path": "versions/3_drop_legacy.py", "reversible": False},
]  # fmt: skip
FINDINGS: list[JsonValue] = [
    {"rule": "DL005", "kind": "drop_column", "level": "T", "data_loss": True, "object": "orders.legacy_note",
     "file": "versions/3_drop_legacy.py", "line": 14, "statement": "drop", "migration": "1a0000000003",
     "loss": {"rows": 412, "total": 3000, "why": ""}},
    {"rule": "LK043", "kind": "other", "level": "W", "data_loss": False, "object": "orders",
     "file": "versions/2_full_name.py", "line": 9, "statement": "alter", "migration": "1a0000000002", "loss": None},
]  # fmt: skip
PLAN: JsonObject = {
    "direction": "up", "current": ["1a0000000001"], "target_version": ["1a0000000003"], "pending": PENDING,
    "findings": FINDINGS, "unread": [], "destructive": True, "environment": ENVIRONMENT, "plan_code": "Q7XA",
    "estimate": {"seconds": 0.7, "confidence": "low", "basis": "estimate"},
    "recovery": {"rung": "b", "why": "tool_takes_back_what_was_applied"},
}  # fmt: skip
BACKUP: JsonObject = {
    "id": "b-1", "path": "/home/me/backups/backup-shop.sqlite.zst", "size": 250_000, "sha256": "ab" * 32,
    "grade": "restored", "made_at": "2026-11-24T10:00:00+00:00", "copies": [],
}  # fmt: skip
REHEARSAL: JsonObject = {
    "kind": "full", "scratch": "x", "passed": True, "seconds": 0.31, "statements": 7, "error": "", "failed": "",
}  # fmt: skip
CHANGE: JsonObject = {
    "state": "applied", "seconds": 0.42, "applied": ["1a0000000002", "1a0000000003"], "not_applied": [], "error": "",
    "failed": "", "recovery": None,
}  # fmt: skip
CHECKED: JsonObject = {
    "passed": 4, "total": 4, "critical": False, "not_checked": [],
    "checks": [
        {"name": name, "passed": True, "critical": False, "expected": "1", "found": "1"}
        for name in ("history", "schema", "data", "connectivity")
    ],
}  # fmt: skip
FAILED: JsonObject = {
    "state": "unchanged", "seconds": 0.2, "applied": [], "not_applied": ["1a0000000002", "1a0000000003"],
    "error": "no such column: x", "failed": "1a0000000003", "recovery": {"rung": "a", "recovered": True},
}  # fmt: skip
FACTS: JsonObject = {
    "topic": "overview", "connection": CONNECTION, "plan": PLAN, "backup": None, "rehearsal": None,
    "unrehearsed": "", "change": None, "verification": None, "facts": [],
}  # fmt: skip


DETECTION: JsonObject = {"tool": "alembic", "root": ".", "config": "alembic.ini", "count": 3, "evidence": []}
DOWN: JsonObject = but(PLAN, direction="down", pending=PENDING[:1], findings=[], destructive=False)
PREVIEW: JsonObject = {"kind": "offline_sql", "sql": "ALTER TABLE orders DROP COLUMN legacy_note;", "why": ""}
SOURCE: JsonObject = {
    "id": "1a0000000003", "path": "versions/3_drop_legacy.py",
    "text": "def upgrade():\n    op.drop_column('orders', 'legacy_note')\n",
}  # fmt: skip


def happy() -> dict[str, JsonObject]:
    """Every verb of a run in which all goes well."""
    return {
        "detect": answer("connect", DETECTION),
        "connect": answer("plan detect", CONNECTION),
        "plan": answer("backup preview migrate rollback restore", PLAN),
        "preview": answer("backup", PREVIEW),
        "backup": answer("rehearse migrate", BACKUP),
        "rehearse": answer("migrate", REHEARSAL),
        "migrate": answer("report rollback restore", but(CHANGE, verification=CHECKED)),
        "verify": answer("report", CHECKED),
        "report": answer("report plan preview rollback restore", {"path": "/home/me/logs/log.md"}),
        "rollback": answer("backup rollback", DOWN),
        "restore": answer("report", {"restored": True, "kept": "/home/me/kept.db"}),
        "facts": answer("backup", FACTS),
        "read_migration": answer("backup", SOURCE),
    }


@dataclass
class Session:
    """A conversation of a model with canned verbs; `called` are (verb, arguments) of the last turn, `said` its text."""

    model: Model
    results: dict[str, JsonObject] = field(default_factory=happy)
    verbs: tuple[Verb, ...] = VERBS
    messages: list[Message] = field(default_factory=list[Message])
    called: list[tuple[str, str]] = field(default_factory=list[tuple[str, str]])
    said: str = ""

    @property
    def path(self) -> list[str]:
        """The verbs of the last turn."""
        return [verb for verb, _ in self.called]

    async def start(self) -> str:
        """The opening turn."""
        return await self.say(START)

    async def say(self, text: str, most: int = 30) -> str:
        """One turn of the person, through all its calls; returns what was said at its end."""
        self.messages.append(Message("user", (Text(text),)))
        self.called.clear()
        self.said = ""
        for _ in range(most):
            turn = await self._reply()
            if turn.message.parts:
                self.messages.append(turn.message)
            self.said += turn.text + "\n"
            if turn.stop is not Stop.TOOL_USE:
                return turn.text
            self.messages.append(Message("user", tuple(self._answered(turn))))
        raise AssertionError(f"the turn does not end: {self.path}")

    async def _reply(self) -> ModelTurn:
        streamed, turns = "", list[ModelTurn]()
        async for piece in self.model.reply(Conversation("", tuple(self.messages)), self.verbs):
            if isinstance(piece, Delta):
                streamed += piece.text
            else:
                turns.append(piece)
        assert len(turns) == 1
        assert streamed == turns[0].text
        return turns[0]

    def _answered(self, turn: ModelTurn) -> list[Part]:
        assert turn.calls
        parts: list[Part] = []
        for call in turn.calls:
            assert call.verb in {verb.name for verb in self.verbs}
            assert isinstance(json.loads(call.arguments), dict)
            self.called.append((call.verb, call.arguments))
            result = self.results[call.verb]
            well = result["status"] in ("done", "nothing")
            parts.append(ToolResult(call.id, call.verb, well, json.dumps(result)))
        return parts

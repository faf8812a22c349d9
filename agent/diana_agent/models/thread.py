"""A conversation as the embedded Diana reads it: what the person said last, and what every verb has answered."""

from __future__ import annotations

import json
from dataclasses import dataclass

from diana_agent.models.base import Conversation, JsonObject, Text, ToolCall, ToolResult
from diana_agent.models.results import (
    Backup,
    Change,
    Connection,
    Facts,
    Outcome,
    Plan,
    Rehearsal,
    Shape,
    Source,
    Verification,
    read,
)
from diana_agent.models.wire import object_of

_SHAPES: tuple[tuple[tuple[str, ...], str, str, type[Shape]], ...] = (
    (("connect",), "place", "connection", Connection),
    (("plan", "rollback"), "pending", "plan", Plan),
    (("backup",), "sha256", "backup", Backup),
    (("rehearse",), "passed", "rehearsal", Rehearsal),
    (("migrate", "rollback"), "state", "change", Change),
    (("verify",), "checks", "verification", Verification),
    (("read_migration",), "text", "migration", Source),
)
"""Which verbs bring which fact, the key that tells that they did, and its shape."""


@dataclass(frozen=True, slots=True)
class Seen:
    """One answered call."""

    verb: str
    ok: bool
    content: str
    outcome: Outcome
    body: JsonObject

    @property
    def well(self) -> bool:
        """Whether it ended well: done, or nothing to do."""
        return self.ok and self.outcome.status in ("done", "nothing")

    @property
    def plans(self) -> bool:
        """Whether it brought a plan: `plan` does, and the first `rollback`."""
        return self.verb in ("plan", "rollback") and self.well and "pending" in self.body


@dataclass(frozen=True, slots=True)
class View:
    """`said` is the person's last message; `here` was answered since then, `all` in the whole session."""

    said: str
    here: tuple[Seen, ...]
    all: tuple[Seen, ...]
    calls: int

    @property
    def last(self) -> Seen | None:
        """The answer that came in just now, if this turn had one."""
        return self.here[-1] if self.here else None

    @property
    def called(self) -> frozenset[str]:
        """The verbs that were called in this turn."""
        return frozenset(seen.verb for seen in self.here)

    @property
    def following(self) -> tuple[str, ...]:
        """What may come next by the latest answer that says so; a session begins with `detect`."""
        for seen in reversed(self.all):
            if seen.outcome.next:
                return seen.outcome.next
        return ("detect",)

    def latest(self, *verbs: str) -> int:
        """The place of the latest answer of one of the verbs, -1 for none."""
        return max((at for at, seen in enumerate(self.all) if seen.verb in verbs), default=-1)

    def facts(self) -> Facts:
        """Everything the answers so far told, the later over the earlier."""
        known = Facts()
        for seen in self.all:
            known = _told(known, seen)
        return known


def view_of(conversation: Conversation) -> View:
    """Read a conversation; a call that was never answered counts as not made."""
    said, here, everything, calls = "", list[Seen](), list[Seen](), 0
    for message in conversation.messages:
        calls += sum(isinstance(part, ToolCall) for part in message.parts)
        if message.role != "user":
            continue
        words = [part.text for part in message.parts if isinstance(part, Text)]
        found = [_seen(part) for part in message.parts if isinstance(part, ToolResult)]
        everything += found
        if words:
            said, here = "\n".join(words), []
        else:
            here += found
    return View(said, tuple(here), tuple(everything), calls)


def _seen(result: ToolResult) -> Seen:
    outcome = read(Outcome, result.content) or Outcome(status="unreadable")
    return Seen(result.verb, result.ok, result.content, outcome, object_of(result.content) or {})


def _told(known: Facts, seen: Seen) -> Facts:
    if seen.verb == "facts":
        told = read(Facts, seen.content) if seen.well else None
        return told.model_copy(update={"migration": known.migration}) if told is not None else known
    before = known.plan
    for verbs, key, fact, shape in _SHAPES:
        if seen.verb in verbs and key in seen.body:
            known = known.model_copy(update={fact: read(shape, seen.content)})
    if before is not None and known.plan is not None and not before.same_work(known.plan):
        known = known.model_copy(update={"rehearsal": None, "unrehearsed": ""})
    if isinstance(seen.body.get("verification"), dict):
        checked = read(Verification, json.dumps(seen.body["verification"]))
        known = known.model_copy(update={"verification": checked})
    return known

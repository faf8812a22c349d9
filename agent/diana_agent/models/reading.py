"""One reply of the Messages API as it comes in: what was said, what is asked for, and what was wrong with its end."""

from __future__ import annotations

import re
from dataclasses import dataclass, field

from diana_agent.models.base import Part, Stop, ToolCall
from diana_agent.models.wire import object_of
from diana_tools.redaction import plain

LONGEST_REPLY = 200_000
LONGEST_CALL = 20_000
_ID = re.compile(r"[A-Za-z0-9_.:\-]{1,200}")
_VERB = re.compile(r"[A-Za-z0-9_\-]{1,64}")
_SIGNS = {ord(sign): "•" for sign in "✓✔✅☑🗹✗✘✖❌❎▲⚠●🟢🔴🟠🛑🔒▸▶"}
_FRAMES = {code: "-" if code in (0x2500, 0x2501, 0x2550) else "|" for code in range(0x2500, 0x25A0)}
_ENDS = {
    "end_turn": (Stop.END, ""), "stop_sequence": (Stop.END, ""), "tool_use": (Stop.TOOL_USE, ""),
    "max_tokens": (Stop.CUT, "model.too_long"), "model_context_window_exceeded": (Stop.CUT, "model.too_much"),
    "refusal": (Stop.REFUSED, "model.refused"),
}  # fmt: skip


def unsigned(text: str, limit: int) -> str:
    """What a model wrote, cleaned, without the signs and frames by which people know what Diana has measured."""
    return plain(text, limit).translate(_SIGNS | _FRAMES)


@dataclass(frozen=True, slots=True)
class Fault:
    """Why an attempt failed: a message id, its fields, whether another try may help, and how long to wait (s)."""

    problem: str
    fields: tuple[tuple[str, str], ...] = ()
    again: bool = False
    wait: float | None = None
    rejected: bool = False


@dataclass(slots=True)
class Reading:
    """One reply as it comes in, block by block."""

    model: str
    shown: str = ""
    started: bool = False
    stopped: bool = False
    reason: str | None = None
    parts: list[Part] = field(default_factory=list[Part])
    arguments: str | None = None
    malformed: bool = False
    fault: Fault | None = None
    read: int = 0
    written: int = 0
    cache_read: int = 0
    cache_write: int = 0

    def count(self, read: int | None, cache_read: int | None, cache_write: int | None) -> None:
        """Counts are totals so far; one that is absent keeps what was known."""
        self.read = self.read if read is None else read
        self.cache_read = self.cache_read if cache_read is None else cache_read
        self.cache_write = self.cache_write if cache_write is None else cache_write

    def asks(self, call: str, verb: str, arguments: str) -> None:
        """Keep a finished call, if it is one: its id and verb have the form of such, its arguments are an object."""
        known = {part.id for part in self.parts if isinstance(part, ToolCall)}
        formed = _ID.fullmatch(call) and _VERB.fullmatch(verb) and len(arguments) <= LONGEST_CALL
        if not formed or call in known or object_of(arguments) is None:
            self.malformed = True
        else:
            self.parts.append(ToolCall(call, verb, arguments))


def ending(reading: Reading) -> Fault | None:
    """What is wrong with a stream that ended without an error."""
    if not reading.started:
        return Fault("model.unreadable")
    if len(reading.shown) > LONGEST_REPLY:
        return Fault("model.too_long")
    if not reading.stopped or reading.reason is None:
        return Fault("model.cut", again=True)
    _, problem = _ENDS.get(reading.reason, (Stop.END, ""))
    if problem:
        return Fault(problem)
    called = any(isinstance(part, ToolCall) for part in reading.parts)
    if reading.malformed or (reading.reason == "tool_use" and not called):
        return Fault("model.malformed")
    if reading.reason != "tool_use" and not reading.shown.strip():
        return Fault("model.empty")
    return None

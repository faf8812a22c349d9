"""One append-only JSON-lines file a run: hash-chained, locked, synced; the one record of what happened."""

from __future__ import annotations

import fcntl
import hashlib
import json
import os
import threading
from collections.abc import Callable, Iterator
from contextlib import suppress
from dataclasses import dataclass
from datetime import UTC, datetime
from pathlib import Path
from typing import IO, Literal

from pydantic import BaseModel, ConfigDict, ValidationError

from diana_agent.events import EVENTS, AnyEvent
from diana_tools.errors import DianaError

Actor = Literal["person", "model", "guard", "tool", "diana"]
GENESIS = "0" * 64


class Entry(BaseModel):
    """One line: its place in the chain, when, who, and what. `hash` covers everything before it."""

    model_config = ConfigDict(frozen=True, extra="forbid")

    seq: int
    at: datetime
    actor: Actor
    event: AnyEvent
    prev: str
    hash: str


@dataclass(frozen=True, slots=True)
class ChainReport:
    """What verifying found: `entries` good ones, the `head`, and the first problem (a message id) if any."""

    entries: int
    head: str
    problem: str = ""
    line: int = 0
    anchors: int = 0


def _hash(prev: str, seq: int, at: str, actor: str, event: str) -> str:
    return hashlib.sha256("\n".join((prev, str(seq), at, actor, event)).encode()).hexdigest()


def _event_text(event: AnyEvent) -> str:
    return json.dumps(EVENTS.dump_python(event, mode="json"), sort_keys=True, ensure_ascii=False)


class Journal:
    """The journal of one run; the process that opened it is its only writer.

    Raises:
        DianaError: `journal_locked` when another process writes it, `journal_unwritable` on a full or
            read-only disk. Whoever records a change must stop at that.
    """

    def __init__(self, path: Path, clock: Callable[[], datetime] = lambda: datetime.now(UTC)) -> None:
        self.path = path
        self._clock = clock
        self._lock = threading.RLock()
        self._sinks: list[Callable[[Entry], None]] = []
        self.entries: list[Entry] = list(read(path)) if path.exists() else []
        try:
            path.parent.mkdir(parents=True, mode=0o700, exist_ok=True)
            self._file: IO[bytes] = os.fdopen(os.open(path, os.O_WRONLY | os.O_APPEND | os.O_CREAT, 0o600), "ab")
            fcntl.flock(self._file, fcntl.LOCK_EX | fcntl.LOCK_NB)
        except BlockingIOError:
            raise DianaError("journal_locked", {"path": str(path)}) from None
        except OSError as error:
            raise DianaError("journal_unwritable", {"path": str(path), "error": error.strerror or ""}) from None

    @property
    def head(self) -> str:
        """The hash of the last entry: the anchor that logs and manifests carry."""
        return self.entries[-1].hash if self.entries else GENESIS

    def append(self, event: AnyEvent, actor: Actor) -> Entry:
        """Write, sync, then tell the subscribers; returns only when the line is on disk."""
        with self._lock:
            at = self._clock()
            text, stamp, seq = _event_text(event), at.isoformat(), len(self.entries) + 1
            entry = Entry(
                seq=seq, at=at, actor=actor, event=event, prev=self.head,
                hash=_hash(self.head, seq, stamp, actor, text),
            )  # fmt: skip
            line = json.dumps(
                {"seq": seq, "at": stamp, "actor": actor, "prev": self.head, "hash": entry.hash,
                 "event": json.loads(text)},
                ensure_ascii=False,
            )  # fmt: skip
            try:
                self._file.write(line.encode() + b"\n")
                self._file.flush()
                os.fsync(self._file.fileno())
            except OSError as error:
                raise DianaError(
                    "journal_unwritable", {"path": str(self.path), "error": error.strerror or ""}
                ) from None
            self.entries.append(entry)
        for sink in tuple(self._sinks):
            sink(entry)
        return entry

    def events(self) -> tuple[AnyEvent, ...]:
        """All events so far, in order."""
        with self._lock:
            return tuple(entry.event for entry in self.entries)

    def subscribe(self, sink: Callable[[Entry], None]) -> None:
        """Send the entries so far, then each new one, from the thread that appends it."""
        with self._lock:
            for entry in self.entries:
                sink(entry)
            self._sinks.append(sink)

    def close(self) -> None:
        """Give the file and its lock back."""
        with suppress(OSError):
            self._file.close()


def read(path: Path) -> Iterator[Entry]:
    """The entries of a journal, each checked against the chain.

    Raises:
        DianaError: `journal_broken` with the line where the chain ends.
    """
    report, entries = _walk(path)
    if report.problem:
        raise DianaError(report.problem, {"path": str(path), "line": str(report.line)})
    yield from entries


def verify(path: Path, anchors: tuple[str, ...] = ()) -> ChainReport:
    """Check the whole chain, and that every anchor (a head kept elsewhere) still stands in it."""
    report, entries = _walk(path)
    known = {entry.hash for entry in entries}
    missing = [anchor for anchor in anchors if anchor not in known]
    if not report.problem and missing:
        return ChainReport(report.entries, report.head, "journal_cut", report.entries, len(anchors))
    return ChainReport(report.entries, report.head, report.problem, report.line, len(anchors))


def _walk(path: Path) -> tuple[ChainReport, list[Entry]]:
    entries: list[Entry] = []
    prev = GENESIS
    for number, line in enumerate(path.read_bytes().splitlines(), 1):
        try:
            raw = json.loads(line)
            entry = Entry.model_validate(raw)
            text = json.dumps(raw["event"], sort_keys=True, ensure_ascii=False)
        except (ValueError, ValidationError, KeyError, TypeError):
            return ChainReport(len(entries), prev, "journal_unreadable", number), entries
        good = _hash(prev, number, str(raw["at"]), entry.actor, text)
        if entry.seq != number or entry.prev != prev or entry.hash != good:
            return ChainReport(len(entries), prev, "journal_broken", number), entries
        entries.append(entry)
        prev = entry.hash
    return ChainReport(len(entries), prev), entries

"""One append-only JSON-lines file a run: hash-chained, locked, synced; the one record of what happened."""

from __future__ import annotations

import errno
import fcntl
import hashlib
import json
import os
import threading
from collections.abc import Callable, Iterator
from contextlib import suppress
from dataclasses import dataclass, replace
from datetime import UTC, datetime
from pathlib import Path
from typing import Literal

from pydantic import BaseModel, ConfigDict

from diana_agent.events import EVENTS, AnyEvent, PermitMinted, PermitRedeemed, RunStarted
from diana_agent.masking import masked_event
from diana_config.reading import UNSAFE
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
    """The event as hashed and written: what is not text (a file name's stray bytes) becomes a question mark."""
    text = json.dumps(EVENTS.dump_python(event, mode="json"), sort_keys=True, ensure_ascii=False)
    return text.encode("utf-8", "replace").decode()


def _line(seq: int, at: str, actor: str, prev: str, head: str, event: str) -> bytes:
    """The one way to write an entry: whatever differs from it by a byte was not written by a journal.

    What cannot be seen is written as its escape, so that a journal may be shown in any terminal.
    """
    start = json.dumps({"seq": seq, "at": at, "actor": actor, "prev": prev, "hash": head}, ensure_ascii=False)
    seen = UNSAFE.sub(lambda found: json.dumps(found[0])[1:-1], event)
    return f'{start[:-1]}, "event": {seen}}}'.encode()


class Journal:
    """The journal of one run; the process that opened it is its only writer.

    Opening one that exists is how a run is resumed. A last line that a crash tore off was never acknowledged
    to anybody: it is put aside in `<name>.torn` and its length in bytes stands in `torn`, for the resume to say so.

    Raises:
        DianaError: `journal_locked` when another process writes it, `journal_unwritable` on a full or
            read-only disk, `journal_changed` when somebody else altered or removed the file meanwhile, and what
            `read` raises. Whoever records a change must stop at that.
    """

    def __init__(
        self,
        path: Path,
        clock: Callable[[], datetime] = lambda: datetime.now(UTC),
        hide: Callable[[str], str] | None = None,
    ) -> None:
        self.path = path
        self.torn = 0
        self._clock = clock
        self._hide = hide
        self._lock = threading.RLock()
        self._sinks: list[Callable[[Entry], None]] = []
        self.face_errors: list[Exception] = []
        self._file = self._open()
        try:
            self.entries: list[Entry] = self._recover()
            self._events = [entry.event for entry in self.entries]
            whole = self.path.read_bytes()
            self._size, self._bytes = len(whole), hashlib.sha256(whole)
        except BaseException:
            self.close()
            raise

    def _open(self) -> int:
        try:
            self.path.parent.mkdir(parents=True, mode=0o700, exist_ok=True)
            file = os.open(self.path, os.O_RDWR | os.O_APPEND | os.O_CREAT | os.O_NOFOLLOW | os.O_CLOEXEC, 0o600)
        except OSError as error:
            raise self._unwritable(error) from None
        try:
            fcntl.flock(file, fcntl.LOCK_EX | fcntl.LOCK_NB)
            os.fchmod(file, 0o600)
            _sync_folder(self.path.parent)
        except OSError as error:
            os.close(file)
            if isinstance(error, BlockingIOError):
                raise DianaError("journal_locked", {"path": str(self.path)}) from None
            raise self._unwritable(error) from None
        return file

    def _recover(self) -> list[Entry]:
        """The entries so far; what a crash left half-written goes aside, anything else that is wrong is an error."""
        walk = _walk(self.path)
        if walk.report.problem not in ("", "journal_torn"):
            raise DianaError(walk.report.problem, {"path": str(self.path), "line": str(walk.report.line)})
        try:
            if walk.tail:
                _put_aside(self.path.with_name(self.path.name + ".torn"), walk.tail)
                os.ftruncate(self._file, walk.good)
                os.fsync(self._file)
                self.torn = len(walk.tail)
            elif not walk.ended:
                os.write(self._file, b"\n")
        except OSError as error:
            raise self._unwritable(error) from None
        return walk.entries

    @property
    def head(self) -> str:
        """The hash of the last entry: the anchor that logs and manifests carry."""
        return self.entries[-1].hash if self.entries else GENESIS

    def append(self, event: AnyEvent, actor: Actor) -> Entry:
        """Write, sync, then tell the subscribers; returns only when the line is on disk.

        What is written and told has its secrets hidden; `events` gives this process what really was.
        """
        with self._lock:
            at = self._clock()
            shown = event if self._hide is None else masked_event(event, self._hide)
            if isinstance(event, (PermitMinted, PermitRedeemed)):
                self._as_written()
            text, stamp, seq = _event_text(shown), at.isoformat(), len(self.entries) + 1
            entry = Entry(
                seq=seq, at=at, actor=actor, event=shown, prev=self.head,
                hash=_hash(self.head, seq, stamp, actor, text),
            )  # fmt: skip
            self._write(_line(seq, stamp, actor, self.head, entry.hash, text) + b"\n")
            self.entries.append(entry)
            self._events.append(event)
            sinks = tuple(self._sinks)
        for sink in sinks:
            try:
                sink(entry)
            except Exception as error:  # noqa: BLE001  a face that cannot draw must never stop a run or its record
                self.face_errors.append(error)
        return entry

    def _as_written(self) -> None:
        """What a permit stands on is still what was written, byte for byte: an edit may keep the length."""
        try:
            now = self.path.read_bytes()
        except OSError:
            now = b""
        if hashlib.sha256(now).digest() != self._bytes.digest():
            raise DianaError("journal_changed", {"path": str(self.path)})

    def _write(self, line: bytes) -> None:
        """All of the line, on disk, or none of it: what a full disk cut short is taken off again."""
        try:
            now = os.fstat(self._file)
            if now.st_nlink == 0 or now.st_size != self._size:
                raise DianaError("journal_changed", {"path": str(self.path)})
            try:
                left = memoryview(line)
                while left:
                    left = left[os.write(self._file, left) :]
                os.fsync(self._file)
            except OSError:
                os.ftruncate(self._file, self._size)
                raise
        except OSError as error:
            raise self._unwritable(error) from None
        self._size += len(line)
        self._bytes.update(line)

    def _unwritable(self, error: OSError) -> DianaError:
        return DianaError("journal_unwritable", {"path": str(self.path), "error": error.strerror or ""})

    def events(self) -> tuple[AnyEvent, ...]:
        """All events so far, in order."""
        with self._lock:
            return tuple(self._events)

    def subscribe(self, sink: Callable[[Entry], None]) -> None:
        """Send the entries so far, then each new one, from the thread that appends it."""
        with self._lock:
            for entry in self.entries:
                sink(entry)
            self._sinks.append(sink)

    def close(self) -> None:
        """Give the file and its lock back; nothing can be appended afterwards."""
        with self._lock:
            with suppress(OSError):
                os.close(self._file)
            self._file = -1


def held(path: Path) -> bool:
    """Whether a process has this journal open for writing: its run is alive."""
    try:
        with path.open("rb") as file:
            fcntl.flock(file, fcntl.LOCK_SH | fcntl.LOCK_NB)
    except OSError as error:
        return isinstance(error, BlockingIOError)
    return False


def _sync_folder(folder: Path) -> None:
    """A new file is only there after a power cut if its folder was synced too."""
    handle = os.open(folder, os.O_RDONLY | os.O_DIRECTORY)
    try:
        os.fsync(handle)
    finally:
        os.close(handle)


def _put_aside(path: Path, tail: bytes) -> None:
    file = os.open(path, os.O_WRONLY | os.O_CREAT | os.O_APPEND | os.O_NOFOLLOW, 0o600)
    try:
        os.write(file, tail + b"\n")
        os.fsync(file)
    finally:
        os.close(file)


def read(path: Path) -> Iterator[Entry]:
    """The entries of a journal, each checked against the chain; a torn last line is an error here.

    Raises:
        DianaError: `journal_broken` (edited, removed or swapped), `journal_unreadable`, `journal_torn` or
            `journal_of_another_run` (it was begun under another name than its file's), with the line where the
            chain ends; `journal_missing`.
    """
    walk = _walk(path)
    if walk.report.problem:
        raise DianaError(walk.report.problem, {"path": str(path), "line": str(walk.report.line)})
    yield from walk.entries


def whole_part(path: Path) -> tuple[ChainReport, list[Entry]]:
    """The entries that are good from the start, and what is wrong after them; for looking, never for deciding.

    Raises:
        DianaError: `journal_missing`.
    """
    walk = _walk(path)
    return walk.report, walk.entries


def verify(path: Path, anchors: tuple[str, ...] = ()) -> ChainReport:
    """Check the whole chain, and that every anchor (a head kept elsewhere) still stands in it.

    `problem` is `journal_cut` when an anchor is missing from an otherwise whole chain; else as `read` raises.

    Raises:
        DianaError: `journal_missing`.
    """
    walk = _walk(path)
    known = {GENESIS} | {entry.hash for entry in walk.entries}
    if not walk.report.problem and not known.issuperset(anchors):
        return replace(walk.report, problem="journal_cut", line=walk.report.entries, anchors=len(anchors))
    return replace(walk.report, anchors=len(anchors))


@dataclass(frozen=True, slots=True)
class _Walk:
    """A journal read through: the good entries, their end in bytes, and what a crash left after them.

    `ended` False: the last good line misses its newline.
    """

    report: ChainReport
    entries: list[Entry]
    good: int
    tail: bytes = b""
    ended: bool = True


def _walk(path: Path) -> _Walk:
    try:
        if path.exists() and not path.is_file():
            raise IsADirectoryError(errno.EISDIR, "not a file")
        data = path.read_bytes()
    except OSError as error:
        raise DianaError("journal_missing", {"path": str(path), "error": error.strerror or ""}) from None
    entries: list[Entry] = []
    head, good = GENESIS, 0
    lines = data.split(b"\n")
    if not lines[-1]:
        lines.pop()
    for number, line in enumerate(lines, 1):
        entry, problem = _entry(line, number, head)
        if entry is None:
            last = number == len(lines)
            if last and (not data.endswith(b"\n") or b"\0" in line):
                return _Walk(ChainReport(len(entries), head, "journal_torn", number), entries, good, data[good:])
            return _Walk(ChainReport(len(entries), head, problem, number), entries, good)
        if isinstance(entry.event, RunStarted) and entry.event.run != path.stem:
            return _Walk(ChainReport(len(entries), head, "journal_of_another_run", number), entries, good)
        entries.append(entry)
        head, good = entry.hash, good + len(line) + 1
    return _Walk(ChainReport(len(entries), head), entries, good, ended=not data or data.endswith(b"\n"))


def _entry(line: bytes, number: int, prev: str) -> tuple[Entry | None, str]:
    """One line as an entry of the chain, or the message id of what is wrong with it."""
    try:
        raw = json.loads(line)
        entry = Entry.model_validate(raw)
        text = json.dumps(raw["event"], sort_keys=True, ensure_ascii=False)
        good = _hash(prev, number, str(raw["at"]), entry.actor, text)
        written = _line(number, str(raw["at"]), entry.actor, prev, good, text)
    except (ValueError, KeyError, TypeError, RecursionError):
        return None, "journal_unreadable"
    # Its place, its predecessor and its hash stand in what should have been written.
    if line != written:
        return None, "journal_broken"
    return entry, ""

"""A stream of bytes without secrets, while it is written: the supervisor's, so nothing heavy is imported."""

from __future__ import annotations

import os
import re
import select
import time
from collections.abc import Callable, Iterable
from typing import BinaryIO

from diana_tools.redaction import MASK, Redactor, redact, sure

_REPORT = b"@@"
"""Begins a line of a child's JSON for Diana alone, in which only that is masked which leaves it JSON."""

_LONGEST_LINE = 1 << 16
_PAUSE_S = 0.1
_DRAIN_S = 2.0


class Veil:
    """Masks a stream of bytes, however it is cut into chunks: what may be the beginning of a secret is held back."""

    def __init__(self, secrets: Iterable[bytes], shape: Callable[[bytes], bytes] | None = None) -> None:
        """`shape` masks by its looks what is not known, in each line; by default as in a tool's output."""
        self._shape = _line if shape is None else shape
        self._secrets = sorted({secret for secret in secrets if secret}, key=lambda one: (-len(one), one))
        self._pattern = re.compile(b"|".join(map(re.escape, self._secrets)) or b"(?!)")
        self._held = b""
        self._line = b""

    def feed(self, chunk: bytes) -> bytes:
        """Take a chunk; gives whole lines that are free of secrets."""
        *lines, self._line = (self._line + self._known(self._held + chunk)).split(b"\n")
        told = b"".join(self._shape(line) + b"\n" for line in lines)
        return told + self.pause() if len(self._line) > _LONGEST_LINE else told

    def pause(self) -> bytes:
        """What there is of an unfinished line, for nobody knows how long the rest will take (a question)."""
        told, self._line = self._shape(self._line), b""
        return told

    def rest(self) -> bytes:
        """The end of the stream."""
        self._line, self._held = self._line + self._pattern.sub(MASK.encode(), self._held), b""
        return self.pause()

    def _known(self, text: bytes) -> bytes:
        clean, at, held = list[bytes](), 0, self._possible(text, 0)
        for found in self._pattern.finditer(text):
            if found.start() >= held:
                break
            clean += (text[at : found.start()], MASK.encode())
            at = found.end()
            if at > held:
                held = self._possible(text, at)
        self._held = text[held:]
        clean.append(text[at:held])
        return b"".join(clean)

    def _possible(self, text: bytes, start: int) -> int:
        """Where the longest end of `text[start:]` begins that may become a secret."""
        first = len(text)
        for secret in self._secrets:
            place = text.find(secret[:1], max(start, len(text) - len(secret) + 1))
            while 0 <= place < first:
                if secret.startswith(text[place:]):
                    first = place
                place = text.find(secret[:1], place + 1)
        return first


def _line(line: bytes) -> bytes:
    text = line.decode("utf-8", "surrogateescape")
    return (sure(text) if line.startswith(_REPORT) else redact(text)).encode("utf-8", "surrogateescape")


class TextVeil:
    """The same for text that comes in pieces: what a model says, shown while it is said."""

    def __init__(self, redactor: Redactor) -> None:
        self._veil = Veil((form.encode("utf-8", "surrogatepass") for form in redactor.forms), lambda line: line)

    def feed(self, piece: str) -> str:
        """Take a piece; gives what is surely free of secrets."""
        raw = piece.encode("utf-8", "surrogatepass")
        return (self._veil.feed(raw) + self._veil.pause()).decode("utf-8", "surrogatepass")

    def rest(self) -> str:
        """The end."""
        return self._veil.rest().decode("utf-8", "surrogatepass")


def pump(
    out: int, log: BinaryIO, veil: Veil, end: float | None = None, exited: Callable[[], int | None] = lambda: None
) -> bool:
    """Copy a pipe into a log, masked; True at the end of the stream, False at `end` (monotonic) or after the exit.

    Without an `end` it goes on for as long as anybody holds the pipe.
    """
    while end is None or time.monotonic() < end:
        if not select.select([out], [], [], _PAUSE_S)[0]:
            log.write(veil.pause())
        elif chunk := os.read(out, 1 << 16):
            log.write(veil.feed(chunk))
        else:
            return True
        if exited() is not None:
            return False
    return False


def drain(out: int, log: BinaryIO, veil: Veil) -> bool:
    """Copy what is in the pipe of a command that has ended; True if nobody else holds it open."""
    end = time.monotonic() + _DRAIN_S
    while time.monotonic() < end and select.select([out], [], [], _PAUSE_S / 2)[0]:
        if not (chunk := os.read(out, 1 << 16)):
            return True
        log.write(veil.feed(chunk))
    return False

"""A program in a terminal of its own, by the standard library alone: type keys, read what was drawn."""

from __future__ import annotations

import fcntl
import os
import pty
import re
import select
import signal
import struct
import subprocess
import sys
import termios
import time
from collections.abc import Mapping, Sequence
from types import TracebackType

_ESCAPES = re.compile(r"\x1b\][^\x07\x1b]*(?:\x07|\x1b\\)|\x1b[\[(][0-9;?<>=$ ]*[A-Za-z]|\x1b[=>]")
PATIENCE = 30.0


class Terminal:
    """Runs a command in a pseudo-terminal; `drawn` is all text it wrote so far, without escape sequences."""

    def __init__(
        self, command: Sequence[str], env: Mapping[str, str] | None = None, size: tuple[int, int] = (80, 24)
    ) -> None:
        self._master, slave = pty.openpty()
        fcntl.ioctl(slave, termios.TIOCSWINSZ, struct.pack("HHHH", size[1], size[0], 0, 0))
        full = {**os.environ, "TERM": "xterm-256color", "COLORTERM": "truecolor", **(env or {})}
        self._process = subprocess.Popen(
            [sys.executable, *command], stdin=slave, stdout=slave, stderr=slave, env=full, start_new_session=True
        )
        os.close(slave)
        self.raw = b""

    def __enter__(self) -> Terminal:
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        if self._process.poll() is None:
            os.killpg(self._process.pid, signal.SIGKILL)
            self._process.wait()
        os.close(self._master)

    @property
    def drawn(self) -> str:
        return _ESCAPES.sub("", self.raw.decode("utf-8", "replace"))

    def read(self, seconds: float = 0.05) -> None:
        """Take what the program writes within `seconds`."""
        if select.select([self._master], [], [], seconds)[0]:
            try:
                self.raw += os.read(self._master, 65536)
            except OSError:
                time.sleep(seconds)

    def wait_for(self, text: str, since: int = 0) -> None:
        """Read until `text` was drawn after the first `since` characters."""
        end = time.monotonic() + PATIENCE
        while text not in self.drawn[since:]:
            if time.monotonic() > end:
                raise AssertionError(f"{text!r} was never drawn; the end of what was:\n{self.drawn[-3000:]}")
            self.read()

    def rest(self, seconds: float) -> None:
        """Go on reading for a while."""
        end = time.monotonic() + seconds
        while time.monotonic() < end:
            self.read()

    def press(self, keys: str) -> None:
        """Send keys as one block, as a paste without brackets or a key with an escape sequence does."""
        os.write(self._master, keys.encode())

    def type(self, text: str, gap: float = 0.02) -> None:
        """Send text letter by letter, as hands do."""
        for letter in text:
            self.press(letter)
            self.rest(gap)

    def exit_code(self) -> int:
        """Read to the end of the program."""
        end = time.monotonic() + PATIENCE
        while self._process.poll() is None:
            if time.monotonic() > end:
                raise AssertionError(f"it does not end; the end of what was drawn:\n{self.drawn[-2000:]}")
            self.read()
        self.rest(0.2)
        return self._process.returncode

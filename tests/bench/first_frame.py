"""How long until the first frame: Diana's chat beside a bare Textual chat, in turns, in one run; prints the ratio.

Run: python tests/bench/first_frame.py [ROUNDS]. Each round starts both in a pseudo-terminal of their own and
takes the time from the start of the process until the text of the empty prompt stands on the screen.
"""

from __future__ import annotations

import fcntl
import os
import pty
import select
import signal
import statistics
import struct
import subprocess
import sys
import termios
import time

MARK = b"or answer"
LIMIT = 30.0
BARE = """
from textual.app import App
from textual.containers import VerticalScroll
from textual.widgets import Footer, Header, Input, Markdown

class Bare(App):
    def compose(self):
        yield Header()
        with VerticalScroll():
            yield Markdown("")
        yield Input(placeholder="Ask or answer")
        yield Footer()

Bare().run()
"""
DIANA = """
import sys, time
from diana_prompts.catalogue import Catalogue
from diana_agent.tui.app import run_chat

HEAVY = ("pydantic", "sqlalchemy", "anthropic", "boto3", "pglast", "sqlglot", "diana_agent.events")

def open_talk(person):
    raise SystemExit("opened")

loaded = [name for name in HEAVY if name in sys.modules]
if loaded:
    raise SystemExit(f"loaded before the first frame: {loaded}")
run_chat(open_talk, Catalogue(), "shop")
"""


def first_frame(code: str, columns: int = 124, lines: int = 40) -> float:
    """Seconds until MARK was drawn by `code`, run by this interpreter in a terminal of its own."""
    master, slave = pty.openpty()
    fcntl.ioctl(slave, termios.TIOCSWINSZ, struct.pack("HHHH", lines, columns, 0, 0))
    env = {**os.environ, "TERM": "xterm-256color", "COLORTERM": "truecolor"}
    began = time.perf_counter()
    process = subprocess.Popen(
        [sys.executable, "-c", code], stdin=slave, stdout=slave, stderr=slave, env=env, start_new_session=True
    )
    os.close(slave)
    try:
        return _until_mark(master, began)
    finally:
        os.killpg(process.pid, signal.SIGKILL)
        process.wait()
        os.close(master)


def _until_mark(master: int, began: float) -> float:
    seen = b""
    while time.perf_counter() - began < LIMIT:
        if select.select([master], [], [], 0.5)[0]:
            seen += os.read(master, 65536)
            if MARK in seen:
                return time.perf_counter() - began
    raise RuntimeError(f"no first frame in {LIMIT:.0f} s: {seen[-400:]!r}")


def main(rounds: int) -> float:
    """Measure in turns; the first round warms the caches and does not count. Returns the ratio of the medians."""
    bare: list[float] = []
    diana: list[float] = []
    for number in range(rounds + 1):
        pair = first_frame(BARE), first_frame(DIANA)
        if number:
            bare.append(pair[0])
            diana.append(pair[1])
    ratio = statistics.median(diana) / statistics.median(bare)
    sys.stdout.write(
        f"bare {statistics.median(bare):.3f} s, diana {statistics.median(diana):.3f} s, "
        f"ratio {ratio:.2f} (median of {rounds} rounds)\n"
    )
    return ratio


if __name__ == "__main__":
    sys.exit(0 if main(int(sys.argv[1]) if len(sys.argv) > 1 else 7) <= 1.3 else 1)

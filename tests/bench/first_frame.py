"""How long until the first frame: Diana's chat and the command, beside a bare Textual chat, in turns, in one run.

Run: python tests/bench/first_frame.py [ROUNDS]. Each round starts all of them in pseudo-terminals of their own and
takes the time from the start of the process until the text of the empty prompt stands on the screen. It fails
when the command takes more than 1.3 times as long as the bare chat.
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
import tempfile
import termios
import time

MARK = b"or answer"
PATIENCE = 30.0
LIMIT = 1.3
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
CHAT = """
import sys
from diana_prompts.catalogue import Catalogue
from diana_agent.tui.app import run_chat

def open_talk(person):
    raise SystemExit("opened")

run_chat(open_talk, Catalogue(), "shop")
"""
COMMAND = """
import sys
from diana_agent.cli import main

sys.exit(main([]))
"""


def first_frame(code: str, home: str, columns: int = 124, lines: int = 40) -> float:
    """Seconds until MARK was drawn by `code`, run by this interpreter in an empty folder and a terminal of its own."""
    master, slave = pty.openpty()
    fcntl.ioctl(slave, termios.TIOCSWINSZ, struct.pack("HHHH", lines, columns, 0, 0))
    env = {**os.environ, "TERM": "xterm-256color", "COLORTERM": "truecolor", "HOME": home}
    began = time.perf_counter()
    process = subprocess.Popen(
        [sys.executable, "-c", code],
        stdin=slave,
        stdout=slave,
        stderr=slave,
        env=env,
        cwd=home,
        start_new_session=True,
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
    while time.perf_counter() - began < PATIENCE:
        if select.select([master], [], [], 0.5)[0]:
            seen += os.read(master, 65536)
            if MARK in seen:
                return time.perf_counter() - began
    raise RuntimeError(f"no first frame in {PATIENCE:.0f} s: {seen[-400:]!r}")


def main(rounds: int) -> float:
    """Measure in turns; the first round warms the caches and does not count. Returns the command's ratio."""
    programs = {"bare": BARE, "chat": CHAT, "command": COMMAND}
    times: dict[str, list[float]] = {name: [] for name in programs}
    with tempfile.TemporaryDirectory() as home:
        for number in range(rounds + 1):
            for name, code in programs.items():
                seconds = first_frame(code, home)
                if number:
                    times[name].append(seconds)
    medians = {name: statistics.median(measured) for name, measured in times.items()}
    for name, seconds in medians.items():
        ratio = seconds / medians["bare"]
        sys.stdout.write(f"{name:<8} {seconds:.3f} s  {ratio:.2f} times a bare chat (median of {rounds} rounds)\n")
    return medians["command"] / medians["bare"]


if __name__ == "__main__":
    sys.exit(0 if main(int(sys.argv[1]) if len(sys.argv) > 1 else 7) <= LIMIT else 1)

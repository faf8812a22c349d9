"""The demo in a real terminal (tmux), by keyboard alone, from hello to log, in production at 80 by 24."""

from __future__ import annotations

import secrets
import shutil
import sqlite3
import subprocess
import sys
import time
from collections.abc import Generator
from dataclasses import dataclass
from pathlib import Path

import pytest

from diana_agent.guard.phrases import EXECUTE

DIANA = Path(sys.executable).with_name("diana")
PATIENCE_S = 120.0


@dataclass(frozen=True, slots=True)
class Terminal:
    """One tmux server of its own, with one pane."""

    socket: str

    def tmux(self, *words: str) -> str:
        command = ("tmux", "-L", self.socket, *words)
        return subprocess.run(command, check=True, capture_output=True, text=True).stdout

    def screen(self) -> str:
        return self.tmux("capture-pane", "-p", "-t", "walk")

    def sees(self, *texts: str) -> str:
        """Wait until all of it stands on the screen."""
        until = time.monotonic() + PATIENCE_S
        while time.monotonic() < until:
            shown = self.screen()
            if all(text in shown for text in texts):
                return shown
            time.sleep(0.2)
        raise AssertionError(f"never saw {texts}:\n{self.screen()}")

    def press(self, *keys: str) -> None:
        self.tmux("send-keys", "-t", "walk", *keys)

    def write(self, text: str) -> None:
        """Letter by letter, as a person types; a burst would count as a paste."""
        for letter in text:
            self.press("Space" if letter == " " else letter)
            time.sleep(0.04)


@pytest.fixture
def terminal() -> Generator[Terminal]:
    if shutil.which("tmux") is None:
        pytest.skip("tmux is not installed")
    made = Terminal(f"diana-{secrets.token_hex(8)}")
    made.tmux("new-session", "-d", "-s", "walk", "-x", "80", "-y", "24")
    yield made
    subprocess.run(("tmux", "-L", made.socket, "kill-server"), capture_output=True, check=False)


def columns(shop: Path, table: str) -> list[str]:
    connection = sqlite3.connect(f"file:{shop}?mode=ro", uri=True)
    try:
        return [str(row[1]) for row in connection.execute(f"PRAGMA table_info({table})")]
    finally:
        connection.close()


def test_production_demo_by_keyboard_from_hello_to_log(terminal: Terminal, tmp_path: Path) -> None:
    place = tmp_path / "demo"
    shop = place / "shop" / "shop.db"
    terminal.press(f"{DIANA} demo --environment production --folder {place}", "Enter")
    terminal.sees("PRODUCTION (demo)", "Shall I go on?")

    terminal.press(EXECUTE, "Enter")
    terminal.sees("Typed in this chat, that phrase does nothing")
    assert "legacy_code" in columns(shop, "customers")

    terminal.press("go on", "Enter")
    terminal.sees("0/30")
    time.sleep(1)  # keys that were made before the question could be read do not count
    terminal.press("Enter")
    terminal.sees("Ask or answer Diana")
    assert "legacy_code" in columns(shop, "customers")

    terminal.press("/again migrate", "Enter")
    terminal.sees("You gave migrate back")
    terminal.press("migrate", "Enter")
    terminal.sees("0/30")
    time.sleep(1)
    terminal.write(EXECUTE)
    terminal.sees("30/30")
    terminal.press("Enter")
    terminal.sees("EXECUTE 3 PRODUCTION DATABASE MIGRATIONS")
    time.sleep(1)
    assert "legacy_code" in columns(shop, "customers")
    terminal.press("y")
    time.sleep(0.5)
    terminal.press("Enter")
    terminal.sees("Workflow complete", "The log is written")
    assert "legacy_code" not in columns(shop, "customers")
    assert "loyalty_points" in columns(shop, "customers")

    terminal.press("0", "Enter")
    terminal.sees("The demo shop, its backups and its log stay in")
    logs = list((place / "diana" / "state" / "diana" / "logs").glob("*.md"))
    assert any("DATABASE MIGRATION COMPLETE" in path.read_text() for path in logs)

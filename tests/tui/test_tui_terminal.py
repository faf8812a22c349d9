"""The chat in a real terminal, by keyboard alone: first frame before anything heavy, a whole confirmation, leaving."""

from __future__ import annotations

from pathlib import Path

import pytest

from tui.scenes import PHRASE
from tui.terminal import Terminal

PROGRAM = str(Path(__file__).with_name("chat_program.py"))
PASTE = f"\x1b[200~{PHRASE}\x1b[201~"
WAITS = """
import sys, time
from pathlib import Path
from diana_prompts.catalogue import Catalogue
from diana_agent.tui.app import run_chat
from diana_config.errors import SettingsError

def open_talk(person):
    seen = [name for name in ("pydantic", "sqlalchemy", "anthropic", "boto3") if name in sys.modules]
    while not Path(sys.argv[1]).exists():
        time.sleep(0.02)
    raise SettingsError("project_missing", {"folder": "/nowhere"})

sys.exit(run_chat(open_talk, Catalogue(), "shop"))
"""
BUG = """
from diana_prompts.catalogue import Catalogue
from diana_agent.tui.app import run_chat

def open_talk(person):
    password = "hunter2"
    raise ValueError("a bug")

run_chat(open_talk, Catalogue(), "shop")
"""


def test_a_destructive_run_is_confirmed_by_keyboard_alone() -> None:
    with Terminal([PROGRAM, "confirm"]) as terminal:
        terminal.wait_for("rehearsal (with rows)")
        terminal.rest(0.3)
        terminal.type("run it")
        terminal.press("\r")
        terminal.wait_for("letter by letter")
        terminal.press(f"{PHRASE}\r")
        terminal.rest(1.0)
        terminal.press(PASTE)
        terminal.wait_for("pasted text does not count")
        assert "exact; Enter confirms" not in terminal.drawn
        terminal.type(PHRASE)
        terminal.wait_for("exact; Enter confirms")
        mark = len(terminal.drawn)
        terminal.press("\r")
        terminal.wait_for("4/4 checks passed", mark)
        terminal.press("\x11")
        assert terminal.exit_code() == 0
        assert "Transcript: /state/runs/" in terminal.drawn
        assert "exit code 0" in terminal.drawn


def test_the_first_frame_comes_before_the_talk_is_opened(tmp_path: Path) -> None:
    go_on = tmp_path / "go on"
    with Terminal(["-c", WAITS, str(go_on)]) as terminal:
        terminal.wait_for("Ask or answer Diana")
        terminal.type("typed before she is awake")
        terminal.wait_for("awake")
        go_on.touch()
        terminal.wait_for("/nowhere")
        terminal.press("\x11")
        assert terminal.exit_code() == 2


@pytest.mark.parametrize("env", [{"TERM": "xterm", "COLORTERM": ""}, {"NO_COLOR": "1", "TEXTUAL_ANIMATIONS": "none"}])
def test_poor_terminals(env: dict[str, str]) -> None:
    with Terminal([PROGRAM, "fail"], env) as terminal:
        terminal.wait_for("migration_failed")
        terminal.wait_for("PRODUCTION eu-prod")
        if "NO_COLOR" in env:
            assert b"38;2;242;119;122" not in terminal.raw
        if env.get("TERM") == "xterm":
            assert b"38;2;" not in terminal.raw
            assert b"38;5;" not in terminal.raw
        terminal.press("\x11")
        assert terminal.exit_code() == 0


def test_a_bug_leaves_a_usable_terminal_and_no_local_values() -> None:
    with Terminal(["-c", BUG]) as terminal:
        assert terminal.exit_code() == 1
        assert "ValueError: a bug" in terminal.drawn
        assert "hunter2" not in terminal.drawn.replace('password = "hunter2"', "")
        assert terminal.raw.rindex(b"\x1b[?1049l") > terminal.raw.rindex(b"\x1b[?1049h")

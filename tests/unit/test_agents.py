"""Who typed it: a coding agent in the process tree is recognised, a person with an odd name is not."""

from __future__ import annotations

import os
import subprocess
import sys
from pathlib import Path

import pytest

from diana_agent.agents import Ancestor, ancestors, coding_agent

SHELL = Ancestor("bash", ("-bash",))


@pytest.mark.parametrize(
    ("name", "words", "agent"),
    [
        ("claude", ("claude",), "Claude Code"),
        ("node", ("claude", "--resume"), "Claude Code"),
        ("node-MainThread", ("claude --resume",), "Claude Code"),
        (
            "node",
            ("/usr/bin/node", "--no-warnings", "/usr/lib/node_modules/@anthropic-ai/claude-code/cli.js"),
            "Claude Code",
        ),
        ("node", ("node", "/home/a/.npm/node_modules/@google/gemini-cli/dist/index.js"), "Gemini CLI"),
        ("codex", ("/opt/codex/bin/codex",), "Codex"),
        ("python3.11", ("/usr/bin/python3.11", "/home/anna/.local/bin/aider"), "Aider"),
        ("python3", ("python3", "-m", "aider"), "Aider"),
        ("cursor-agent", ("cursor-agent",), "Cursor"),
        ("opencode.exe", ("opencode.exe",), "OpenCode"),
        ("zsh", ("-zsh",), ""),
        ("python3", ("python3", "/home/gemini/codex/claude/run.py"), ""),
        ("vim", ("vim", "claude"), ""),
        ("node", ("node", "server.js"), ""),
        ("", (), ""),
    ],
)
def test_processes(name: str, words: tuple[str, ...], agent: str) -> None:
    assert coding_agent((SHELL, Ancestor(name, words), SHELL), {}) == agent


@pytest.mark.parametrize(
    ("variable", "value", "agent"),
    [
        ("CLAUDECODE", "1", "Claude Code"),
        ("CLAUDE_CODE_ENTRYPOINT", "cli", "Claude Code"),
        ("CURSOR_TRACE_ID", "x", "Cursor"),
        ("AIDER_MODEL", "x", "Aider"),
        ("CODEX_SANDBOX", "seatbelt", "Codex"),
        ("GEMINI_CLI", "1", "Gemini CLI"),
        ("COPILOT_AGENT_ID", "1", "Copilot"),
        ("GOOSE_TERMINAL", "1", "Goose"),
        ("AI_AGENT", "something new", "something new"),
        ("CLAUDECODE", "", ""),
        ("GOOSE_DRIVER", "postgres", ""),
        ("GEMINI_CLI_HOME", "/x", ""),
        ("MY_CLAUDECODE", "1", ""),
        ("HOME", "/home/claude", ""),
    ],
)
def test_variables(variable: str, value: str, agent: str) -> None:
    assert coding_agent((SHELL,), {variable: value, "PATH": "/bin"}) == agent


def test_a_real_agent_above_a_real_process_is_seen(tmp_path: Path) -> None:
    (tmp_path / "claude").symlink_to(Path(sys.executable).resolve())
    look = "from diana_agent.agents import ancestors, coding_agent; print(coding_agent(ancestors(), {}))"
    above = f"import subprocess; subprocess.run([{sys.executable!r}, '-c', {look!r}], check=True)"
    here = subprocess.run(
        [str(tmp_path / "claude"), "-c", above], check=True, capture_output=True, text=True,
        env={"PATH": os.environ["PATH"], "HOME": str(tmp_path)},
    )  # fmt: skip
    assert here.stdout.strip() == "Claude Code"


def test_the_tests_own_parents_can_be_read() -> None:
    found = ancestors()
    assert found
    assert all(one.name for one in found)

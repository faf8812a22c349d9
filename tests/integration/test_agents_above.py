"""A coding agent above Diana, found by its process's name alone: nobody approves there, and no phrase is asked for."""

from __future__ import annotations

import shutil
import subprocess
import sys
from pathlib import Path

import pytest

import walking
from answers import Result
from diana_agent.agents import ancestors, coding_agent
from walking import Terminal, Walker

pytestmark = pytest.mark.integration

PRODUCTION = ("--trust", "--environment", "production", "--expected-db", "app.db", "--skip-rehearsal", "--json")
SHOW = "import os; from diana_agent.agents import *; print(coding_agent(ancestors(), {}))"


def named(folder: Path, name: str, *command: str) -> list[str]:
    """The command as the child of a program with that name, which waits for it: a copy of the shell."""
    shell = folder / name
    shutil.copy("/bin/sh", shell)
    words = " ".join(f"'{word}'" for word in command)
    return [str(shell), "-c", f"{words}; exit $?"]


@pytest.mark.parametrize(("name", "agent"), [("codex", "Codex"), ("claude", "Claude Code"), ("opencode", "OpenCode")])
def test_the_nearest_agent_is_found_by_the_name_of_its_process(tmp_path: Path, name: str, agent: str) -> None:
    command = named(tmp_path, name, sys.executable, "-c", SHOW)
    done = subprocess.run(command, capture_output=True, text=True, check=True, env={"PATH": walking.PATH})
    assert done.stdout.strip() == agent


def test_what_is_called_otherwise_is_none(tmp_path: Path) -> None:
    own = coding_agent(ancestors(), {})
    done = subprocess.run(
        named(tmp_path, "claudette", sys.executable, "-c", SHOW), capture_output=True, text=True, check=True
    )
    assert done.stdout.strip() == own


def test_nobody_approves_below_an_agent(tmp_path: Path, walker: Walker, monkeypatch: pytest.MonkeyPatch) -> None:
    project = walking.project(tmp_path / "shop", f"sqlite:///{walking.sqlite_shop(tmp_path / 'app.db')}")
    walker.say(walking.careful_person(tmp_path / "vault", hmac_in_production=True))
    request = tmp_path / "run.json"
    assert walker.diana(project, "migrate", "--request", str(request), *PRODUCTION).code == 0
    walker.say(walking.careful_person(tmp_path / "vault", hmac_in_production=True, coding_agents=False))
    script = tmp_path / "codex-wrapped"
    words = named(tmp_path, "codex", str(walking.COMMAND))
    script.write_text(f"#!/bin/sh\n'{words[0]}' -c '{walking.COMMAND} \"$@\"; exit $?' sh \"$@\"\n")
    script.chmod(0o755)
    monkeypatch.setattr(walking, "COMMAND", script)
    refused = approve(walker, project, request)
    assert (refused.code, "coding agent" in refused.out) == (4, True), refused
    assert not list(tmp_path.glob("*.approval.json"))
    with Terminal(walker, project, "migrate", *PRODUCTION) as terminal:
        result = terminal.result()
    assert (result.code, result.summary["reason"]) == (4, "coding_agent"), result
    assert "Codex" in result.err


def approve(walker: Walker, project: Path, request: Path) -> Result:
    with Terminal(walker, project, "approve", str(request)) as terminal:
        result = terminal.result()
        assert terminal.seen == "", "nothing was asked"
        return result

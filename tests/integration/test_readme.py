"""What the README says is run, or read back: its commands, its tables, its settings, and the names it drops."""

from __future__ import annotations

import json
import os
import re
import shlex
import shutil
import sqlite3
import subprocess
import sys
import time
import tomllib
from contextlib import closing
from functools import cache
from pathlib import Path

import pytest

from diana_agent import exits
from diana_agent.steps.detect import TOOLS
from diana_config.folders import Folders
from diana_config.settings import load
from diana_tools.adapters.alembic import ADAPTER
from tui import terminal
from tui.terminal import Terminal
from wheels import ROOT, build_wheel, uv

pytestmark = pytest.mark.integration

README = (ROOT / "README.md").read_text("utf-8")
BIN = Path(sys.executable).parent
PROJECT = ROOT / "tests/projects/alembic"
PROJECT_TABLE = tomllib.loads((ROOT / "pyproject.toml").read_text())["project"]
DOCUMENTS = ("README.md", "ARCHITECTURE.md", "CONTRIBUTING.md", "SECURITY.md", "CHANGELOG.md")
FIRST, LAST = "1a0000000001", "1a0000000003"


# A person's terminal controls what runs in it; the questions are asked there.
CONTROLLED = "import fcntl, os, sys, termios; fcntl.ioctl(0, termios.TIOCSCTTY, 0); os.execv(sys.argv[1], sys.argv[1:])"


def blocks(language: str) -> list[str]:
    """The README's fenced blocks of one language."""
    return re.findall(rf"^```{language}\n(.*?)^```$", README, re.MULTILINE | re.DOTALL)


def commands(block: str) -> list[list[str]]:
    """The words of every command in a block."""
    return [words for line in block.splitlines() if (words := shlex.split(line, comments=True))]


# What is drawn when somebody is asked, on lines and on the screen, or when the chat has nothing more to do.
ANSWERS = {"Enter means n": "y", "y or n moves": "y", "up-to-date": "0", "0 leave": "0"}


class Answering(Terminal):
    """A program in a terminal where somebody says yes to whatever is asked, and leaves the chat by its menu."""

    def __enter__(self) -> Answering:
        return self

    def answered(self) -> int:
        end, said = time.monotonic() + terminal.PATIENCE, 0
        while self._process.poll() is None:
            assert time.monotonic() < end, self.drawn[-3000:]
            self.read()
            answer = next((key for mark, key in ANSWERS.items() if mark in self.drawn[said:]), "")
            if answer:
                self.rest(1.5)
                said = len(self.drawn)
                self.type(f"{answer}\r")
        self.rest(0.2)
        return self._process.returncode


@pytest.fixture
def project(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """Somebody's Alembic project, two migrations behind, with rows that one of them drops; the folder we are in."""
    place = tmp_path / "project"
    shutil.copytree(PROJECT, place, ignore=shutil.ignore_patterns("__pycache__"))
    ran = subprocess.run([BIN / "alembic", "upgrade", FIRST], cwd=place, capture_output=True, text=True)
    assert ran.returncode == 0, ran.stderr
    with closing(sqlite3.connect(place / "app.db")) as database:
        database.execute("INSERT INTO audit_log (message) VALUES ('kept for years')")
        database.commit()
    monkeypatch.chdir(place)
    monkeypatch.setattr(terminal, "PATIENCE", 150.0)
    return place


def _in_terminal(program: Path | str, *words: str) -> tuple[int, str]:
    # What `make test` was called with is not meant for the make that it starts.
    own = {"MAKEFLAGS": "", "ARGS": "", "LANG": "C.UTF-8"}
    with Answering(["-c", CONTROLLED, str(program), *words], env=own) as screen:
        return screen.answered(), screen.drawn


def _make(words: list[str], folder: Path, monkeypatch: pytest.MonkeyPatch) -> tuple[int, str]:
    """`make demo` as it stands, in a terminal; `make test` is what runs this very test, so it is only looked at."""
    make = shutil.which("make") or "make"
    if words[1:] == ["demo"]:
        monkeypatch.chdir(ROOT)
        monkeypatch.setenv("TMPDIR", str(folder))
        return _in_terminal(make, "-o", "setup", *words[1:])
    ran = subprocess.run([make, "-n", "-o", "setup", *words[1:]], cwd=ROOT, capture_output=True, text=True)
    return ran.returncode, ran.stdout + ran.stderr


def _uvx(words: list[str], folder: Path, monkeypatch: pytest.MonkeyPatch) -> tuple[int, str]:
    """The command as it stands, with a wheel of this checkout as the package index, and without the dependencies."""
    build_wheel(folder / "index")
    wanted: list[str] = PROJECT_TABLE["dependencies"]
    none = folder / "none.txt"
    none.write_text("".join(f"{re.split(r'[^A-Za-z0-9_.-]', one)[0]} ; python_version < '3'\n" for one in wanted))
    environ = os.environ | {
        "UV_OFFLINE": "1", "UV_FIND_LINKS": str(folder / "index"), "UV_OVERRIDE": str(none),
        "UV_PYTHON": sys.executable, "UV_PYTHON_DOWNLOADS": "never", "UV_CACHE_DIR": str(folder / "cache"),
    }  # fmt: skip
    ran = subprocess.run([uv(), "tool", "run", *words[1:]], capture_output=True, text=True, env=environ)
    return ran.returncode, ran.stdout + ran.stderr


def _diana(words: list[str], folder: Path, monkeypatch: pytest.MonkeyPatch) -> tuple[int, str]:
    return _in_terminal(BIN / "diana", *words[1:])


RUNNERS = {"make": _make, "uvx": _uvx, "diana": _diana}
SHOWN = {
    "make demo": "0 leave", "make test": "-m pytest", "uvx --from": f"diana {PROJECT_TABLE['version']}",
    "diana": "up-to-date", "diana plan": "Plan code", "diana ask": "audit_log", "diana dry-run": "DRY-RUN COMPLETE",
    "diana migrate": "migrate: done", "diana approve": "run.approval.json",
}  # fmt: skip


@pytest.mark.parametrize("block", blocks("sh"), ids=lambda block: block.splitlines()[0].partition("#")[0].strip())
def test_every_command_of_the_readme_runs(
    block: str, project: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    for words in commands(block):
        assert words[0] in RUNNERS, f"nobody knows how to run {words}"
        code, text = RUNNERS[words[0]](words, tmp_path, monkeypatch)
        assert code == 0, f"{words}: {code}\n{text[-3000:]}"
        assert SHOWN[" ".join(words[:2])] in text, f"{words}\n{text[-3000:]}"
    if "diana migrate" in block:
        with closing(sqlite3.connect(project / "app.db")) as database:
            assert database.execute("SELECT version_num FROM alembic_version").fetchall() == [(LAST,)]


def test_ci_runs_the_test_command_of_the_readme() -> None:
    assert (ROOT / ".ci/run").read_text().rstrip().endswith("\nmake test")
    assert ["make", "test"] in commands(blocks("sh")[0])


def _helped(*argv: str) -> str:
    ran = subprocess.run([BIN / "diana", *argv, "--help"], capture_output=True, text=True)
    assert ran.returncode == 0, ran.stderr
    return ran.stdout


def _section(title: str) -> str:
    return README.partition(f"\n## {title}\n")[2].partition("\n## ")[0]


def test_the_readme_names_every_verb_and_every_flag_and_no_other() -> None:
    told = _section("Verbs and flags")
    verbs = set(re.findall(r"^    ([a-z-]+) ", _helped(), re.MULTILINE))
    flags = {flag for verb in verbs for flag in re.findall(r"--[a-z][a-z-]*", _helped(verb))} | {"--version"}
    assert set(re.findall(r"--[a-z][a-z-]*", told)) == flags
    rows = [re.split(r"(?<!\\)\|", line)[1] for line in told.splitlines() if line.startswith("| `")]
    named = {code.split()[0] for row in rows for code in re.findall(r"`([^`]+)`", row)}
    assert named | {"chat", "demo"} == verbs
    assert "`diana chat`" in told
    assert "`diana demo`" in told


def test_the_table_of_exit_codes_is_the_one_of_the_program() -> None:
    told = {int(code) for code in re.findall(r"^\| (\d+) \|", _section("Exit codes"), re.MULTILINE)}
    assert told == {value for name, value in vars(exits).items() if name.isupper() and isinstance(value, int)}


def test_the_settings_of_the_readme_are_settings(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    (block,) = blocks("toml")
    file = tmp_path / "diana.toml"
    file.write_text(block)
    file.chmod(0o600)
    (tmp_path / "project").mkdir()
    settings = load(tmp_path / "project", {}, {"DIANA_CONFIG": str(file), "HOME": str(tmp_path)}, _folders(tmp_path))
    assert settings.environments[0].level == "production"
    assert settings.stores[0].remote
    assert dict(settings.policy.rules) == {"DL005": "B"}
    assert {"dev", "staging", "production"} == {level for level, _ in settings.policy.least_proof}


def _folders(home: Path) -> Folders:
    return Folders.of({"HOME": str(home)})


def test_diana_keeps_her_files_where_the_readme_says(tmp_path: Path) -> None:
    folders = _folders(tmp_path)
    for place in (folders.config / "diana.toml", folders.state, folders.data / "backups"):
        assert f"`~/{place.relative_to(tmp_path)}`" in README


@cache
def _documented() -> dict[str, set[str]]:
    """The keys of each object in the table of the README."""
    rows = re.findall(r"^\| `diana\.([a-z-]+)/1` \| (.+) \|$", _section("JSON"), re.MULTILINE)
    return {verb: set(re.findall(r"`(\w+)`", told.partition(": `key`")[0])) for verb, told in rows}


ASKED = {"ask": ("ask", "what is lost?"), "config": ("config", "show")}


@pytest.mark.parametrize("verb", ["detect", "connect", "plan", "dry-run", "verify", "ask", "config"])
def test_the_objects_hold_what_the_readme_says(verb: str, project: Path) -> None:
    if verb == "verify":
        assert _called("migrate", "--trust", "--yes")[0] == 0
    code, lines = _called(*ASKED.get(verb, (verb,)), "--json", "--trust")
    assert (code, len(lines)) == (0, 1)
    told = json.loads(lines[0])
    assert told["schema"] == f"diana.{verb}/1"
    assert _documented()[verb] <= set(told)
    if verb not in ("ask", "config"):
        assert {"status", "reason", "sentence", "exit", "run"} <= set(told)


def test_every_object_of_the_readme_is_looked_at() -> None:
    assert set(_documented()) == {"detect", "connect", "plan", "dry-run", "verify", "ask", "config"}


def test_what_is_streamed_looks_as_in_the_readme(project: Path) -> None:
    code, lines = _called("migrate", "--json", "--trust")
    events = [json.loads(line) for line in lines]
    like, last = (json.loads(line) for line in blocks("json")[0].splitlines())
    assert any(set(like) == set(event) and event["event"] == like["event"] for event in events)
    assert (code, events[-1]["event"], events[-1]["reason"]) == (last["exit"], "summary", last["reason"])
    assert set(last) - {"status"} <= set(events[-1])
    assert events[-1]["plan_hash"]


def _called(*argv: str) -> tuple[int, list[str]]:
    ran = subprocess.run([BIN / "diana", *argv], capture_output=True, text=True, stdin=subprocess.DEVNULL)
    return ran.returncode, ran.stdout.splitlines()


def test_what_is_supported_is_what_the_adapter_was_tested_with() -> None:
    low, high = ADAPTER.tested
    assert f"**Alembic** ({low} to {high})" in README
    refused = re.findall(r"[A-Z]\w+", README.partition("recognised, named and refused: ")[2].partition("\n")[0])
    assert {name.lower() for name in refused} == set(TOOLS) - {"alembic"}


@pytest.mark.parametrize("document", DOCUMENTS)
def test_every_path_that_is_named_exists(document: str) -> None:
    text = (ROOT / document).read_text("utf-8")
    named = re.findall(r"`((?:tests|agent|tools|prompts|config)/[\w./*-]+)", text)
    linked = [name for name in re.findall(r"\]\(([^)#]+)\)", text) if "://" not in name]
    assert [name for name in (*named, *linked) if not list(ROOT.glob(name.rstrip("/")))] == []


def test_the_readme_stays_short() -> None:
    assert len(README.splitlines()) < 220

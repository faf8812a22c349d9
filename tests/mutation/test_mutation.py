"""No check of the guard goes unnoticed when it is taken away; and who looks for that notices, too."""

from __future__ import annotations

import json
import os
import subprocess
import sys
from collections.abc import Callable
from pathlib import Path

import pytest

from shown import shown

PROGRAM = Path(__file__).parent
DAYS = 4
"""Within so many days each mutant has its turn; `make test-all` and the continuous integration try all of them."""
ALL, TODAY = bool(os.environ.get("DIANA_TEST_ALL")), os.environ.get("DIANA_TEST_DAY", "0")
"""Read before the tests' own environment takes them away."""


def tried(folder: Path, *words: str, **more: str) -> subprocess.CompletedProcess[str]:
    """The command, started in a folder, without what a test run tells its workers."""
    env = {name: value for name, value in os.environ.items() if not name.startswith(("PYTEST_", "COV_"))}
    command = [sys.executable, str(PROGRAM), *words]
    return subprocess.run(command, cwd=folder, env=env | more, check=False, capture_output=True, text=True)


@pytest.mark.timeout(1800)
def test_every_check_that_is_taken_away_is_missed(
    tmp_path: Path, record_property: Callable[[str, object], None], pytestconfig: pytest.Config
) -> None:
    counts, part = tmp_path / "counts.json", "0/1" if ALL else f"{int(TODAY) % DAYS}/{DAYS}"
    done = tried(pytestconfig.rootpath, "--part", part, "--json", str(counts), "--jobs", "2")
    assert done.returncode == 0, done.stdout + done.stderr
    found: dict[str, int] = json.loads(counts.read_text())
    assert found["killed"] == found["tried"] > 100
    sample = "" if ALL else " (of {every} in all; today's sample)"
    line = f"mutants: {{killed}} killed of {{tried}}{sample}, {{equivalent}} more change nothing that matters"
    shown(record_property, line, **found)


TOY = """
LIMIT = 3

def may(level, asked):
    if level == "production" and not asked:
        return False
    return True

def tries(right):
    count = 0
    while count < LIMIT:
        count += 1
        if right(count):
            return count
    raise ValueError("too often")

def never():
    raise ValueError("nobody comes by")
"""
STRICT = """
import pytest
from toyland import toy

@pytest.mark.parametrize(("level", "asked", "so"), [("production", False, False), ("production", True, True),
                                                    ("dev", False, True)])
def test_may(level, asked, so):
    assert toy.may(level, asked) is so

def test_tries():
    assert toy.tries(lambda count: count == 3) == 3
    with pytest.raises(ValueError):
        toy.tries(lambda count: count == 4)

def test_never():
    with pytest.raises(ValueError):
        toy.never()
"""
BLIND = """
from toyland import toy

def test_may():
    toy.may("production", False)
"""
PLACES = """
from mutation.mutants import Source
SOURCES = (Source("land/toyland/toy.py", ("tests/test_toy.py",), limits=("LIMIT",)),)
SLOW = ()
EQUIVALENT = {%s}
"""


@pytest.fixture
def toy(tmp_path: Path) -> Callable[..., subprocess.CompletedProcess[str]]:
    """Tries the toy with some tests; `equivalent` are the names that may survive."""
    (tmp_path / "land" / "toyland").mkdir(parents=True)
    (tmp_path / "land" / "toyland" / "toy.py").write_text(TOY)
    (tmp_path / "tests").mkdir()
    (tmp_path / "pytest.ini").write_text("[pytest]\nasyncio_default_fixture_loop_scope = function\n")

    def run(tests: str, *words: str, equivalent: str = "") -> subprocess.CompletedProcess[str]:
        (tmp_path / "tests" / "test_toy.py").write_text(tests)
        (tmp_path / "places.py").write_text(PLACES % equivalent)
        return tried(tmp_path, "--places", "places.py", *words, PYTHONPATH=str(tmp_path / "land"))

    return run


Run = Callable[..., subprocess.CompletedProcess[str]]


def test_a_toy_whose_tests_are_strict_has_no_survivor(toy: Run) -> None:
    done = toy(STRICT)
    assert done.returncode == 0, done.stdout + done.stderr
    assert "mutants: 20 killed of 20, 1 of them by the time limit; 0 change nothing that matters" in done.stdout


def test_what_changes_and_nobody_misses_survives(toy: Run) -> None:
    done = toy(BLIND)
    assert done.returncode == 1
    lines = done.stdout.splitlines()
    for name in ("may:true:1", "may:not_drop:1", "tries:sum_drop:1", "never:raise_drop:1", "LIMIT:double:1"):
        assert any(line.startswith(f"survived: land/toyland/toy.py:{name}") for line in lines), done.stdout
    assert "mutants: 0 killed of 20, 0 of them by the time limit; 0 change nothing that matters" in done.stdout
    assert "    +    if True:" in lines


def test_one_that_may_survive_must_and_must_be_there(toy: Run) -> None:
    name = "land/toyland/toy.py:never:raise_drop:1"
    done = toy(BLIND, "--only", name, equivalent=f"'{name}': 'a toy'")
    assert (done.returncode, "1 change nothing that matters" in done.stdout) == (0, True), done.stdout
    done = toy(STRICT, "--only", name, equivalent=f"'{name}': 'a toy'")
    assert (done.returncode, f"stale: {name}" in done.stdout) == (1, True), done.stdout
    done = toy(STRICT, equivalent="'land/toyland/toy.py:gone:true:1': 'a toy'")
    assert (done.returncode, "there is no such mutant" in done.stderr) == (2, True)


def test_tests_that_fail_by_themselves_kill_nothing(toy: Run) -> None:
    done = toy(STRICT + "\ndef test_wrong():\n    assert False\n")
    assert (done.returncode, "fails without a mutant: tests/test_toy.py::test_wrong" in done.stderr) == (2, True)

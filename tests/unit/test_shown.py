"""Counts of several tests become one line of the summary, and arrive from workers too."""

from __future__ import annotations

import subprocess
import sys
from pathlib import Path

import pytest

HERE = Path(__file__).parents[1]
SUITE = """
import pytest
from shown import shown

@pytest.mark.parametrize("steps", [500, 700])
def test_some(record_property, steps):
    shown(record_property, "property: {steps} steps, {changes} changes", steps=steps, changes=1)

def test_other(record_property):
    shown(record_property, "list: {passed} passed", passed=3)
"""


@pytest.mark.parametrize("workers", ["0", "2"])
def test_counts_are_summed_over_tests_and_workers(tmp_path: Path, workers: str) -> None:
    (tmp_path / "test_it.py").write_text(SUITE)
    (tmp_path / "pytest.ini").write_text(f"[pytest]\npythonpath = {HERE}\naddopts = -p shown\n")
    done = subprocess.run(
        (sys.executable, "-m", "pytest", "-q", "-n", workers, "-p", "no:cacheprovider"),
        cwd=tmp_path, env={"PYTHONPATH": str(HERE), "PATH": "/usr/bin:/bin"}, capture_output=True, text=True,
        check=False,
    )  # fmt: skip
    assert done.returncode == 0, done.stdout
    lines = done.stdout.splitlines()
    assert lines.count("property: 1200 steps, 2 changes") == 1
    assert lines.count("list: 3 passed") == 1

"""The person of a cell, and the table at the end."""

from __future__ import annotations

import shutil
import tempfile
from collections.abc import Generator
from pathlib import Path

import pytest

from walking import Walker


@pytest.fixture
def walker(tmp_path: Path) -> Generator[Walker]:
    """A person nobody knows yet; see the fixture of the integration tests."""
    temporary = Path(tempfile.mkdtemp(prefix="diana-walk-", dir="/tmp"))
    temporary.chmod(0o1777)
    yield Walker(tmp_path / "who", temporary)
    shutil.rmtree(temporary)


def pytest_terminal_summary(terminalreporter: pytest.TerminalReporter) -> None:
    """Every cell that was played: tool, engine, shape, fault, traffic, what is true, exit code of the last call."""
    found: list[object] = terminalreporter.stats.get("passed", [])
    rows = [
        str(value)
        for report in found
        if isinstance(report, pytest.TestReport) and report.when == "call"
        for key, value in report.user_properties
        if key == "fault"
    ]
    for row in sorted(rows):
        terminalreporter.write_line(row)

"""Says in the last lines of a run how many lines of the guard's list were tested, and which were not."""

from __future__ import annotations

from collections.abc import Iterable

import pytest

from guard.the_list import LINES, listed

_NAMED = 8
"""As many missing lines are named; more are missing only where somebody asked for a part of the tests."""


def summary(passed: Iterable[str], failed: Iterable[str]) -> list[str]:
    """The line for the list, and one for each of a few lines that were not tested whole; nothing where none ran."""
    good, bad = [name for name in passed if listed(name)], {name.partition("[")[0] for name in failed}
    there = {name.partition("[")[0] for name in good} - bad
    if not there:
        return []
    missing = [line for line, tests in LINES.items() if not there.issuperset(tests)]
    words = f"list: {len(LINES)} lines, {len(LINES) - len(missing)} of them tested whole, {len(good)} tests passed"
    return [words, *(f"list: NOT TESTED: {line}" for line in missing if len(missing) <= _NAMED)]


def pytest_terminal_summary(terminalreporter: pytest.TerminalReporter) -> None:
    """Write it where any of these tests ran."""
    kinds: dict[str, list[str]] = {"passed": [], "failed": [], "error": [], "skipped": []}
    for kind, names in kinds.items():
        reports: list[object] = terminalreporter.stats.get(kind, [])
        names += [one.nodeid for one in reports if isinstance(one, pytest.TestReport)]
    for line in summary(kinds["passed"], kinds["failed"] + kinds["error"] + kinds["skipped"]):
        terminalreporter.write_line(line)

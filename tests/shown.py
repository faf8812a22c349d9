"""What a run of the tests must show in its last lines: counts that tests measured, summed over all of them.

`shown(record_property, "property: {steps} steps", steps=500)` in a test adds 500 to that line. The counts travel with
the test's report, so that they arrive from the workers of a parallel run too; a test that fails before shows nothing.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Callable

import pytest

_MARK = "shown:"


def shown(record: Callable[[str, object], None], line: str, **counts: int) -> None:
    """Add to the counts of one line of the summary; `record` is pytest's `record_property`."""
    for name, count in counts.items():
        record(f"{_MARK}{name}:{line}", count)


def summed(reports: list[pytest.TestReport]) -> list[str]:
    """The lines of all reports, each with the sums of its counts, in the order in which they first came."""
    lines: dict[str, Counter[str]] = {}
    for report in reports:
        for key, count in report.user_properties if report.when == "call" else ():
            if key.startswith(_MARK):
                name, _, line = key.removeprefix(_MARK).partition(":")
                lines.setdefault(line, Counter())[name] += int(str(count))
    return [line.format_map(counts) for line, counts in lines.items()]


def pytest_terminal_summary(terminalreporter: pytest.TerminalReporter) -> None:
    """Write every line once."""
    found: list[object] = [one for kind in terminalreporter.stats.values() for one in kind]
    for line in summed([one for one in found if isinstance(one, pytest.TestReport)]):
        terminalreporter.write_line(line)

"""Heavy matrices are sampled and rotate by the day, so that `make test` stays short; `make test-all` runs all of them.

A test that is left out today is not skipped but deselected, and the summary says how many and how to run them.
"""

from __future__ import annotations

import hashlib
import os
from datetime import UTC, datetime

import pytest

from guard.the_list import listed

MATRICES = {
    "tests/faults/test_matrix.py::test_cell": 12,
    "tests/conformance/": 4,
    "tests/integration/s3/": 3,
    "tests/integration/test_approvals_refused": 3,
    "tests/integration/test_approvals_two_machines": 3,
    "tests/integration/test_child_secrets": 2,
    "tests/integration/test_claude_": 2,
    "tests/integration/test_code_outside": 3,
    "tests/integration/test_hard_links": 2,
    "tests/integration/test_headless_bad_input": 3,
    "tests/integration/test_headless_breach": 2,
    "tests/integration/test_headless_hard_coded": 2,
    "tests/integration/test_headless_measured": 3,
    "tests/integration/test_headless_paths": 2,
    "tests/integration/test_headless_resume": 2,
    "tests/integration/test_headless_traffic": 2,
    "tests/integration/test_hostile_": 3,
    "tests/integration/test_interruptions": 2,
    "tests/integration/test_journal_missed": 2,
    "tests/integration/test_plain_person": 2,
    "tests/integration/test_planted": 2,
    "tests/integration/test_postgresql_": 4,
    "tests/integration/test_secret_sweep": 3,
    "tests/integration/test_seeing": 2,
    "tests/integration/test_sqlite_": 3,
    "tests/integration/test_store_": 3,
    "tests/integration/test_trust_covers_env": 2,
    "tests/tui/": 3,
    "tests/unit/analysis/": 2,
    "tests/guard/test_teeth": 8,
}
"""How many days a test of each matrix may have to wait for its turn.

What guards a change is held by the tests of the guard's list and by unit tests, which run every day.
"""

_DAY = "DIANA_TEST_DAY"
_ALL = "DIANA_TEST_ALL"


def due(node: str, day: int) -> bool:
    """Whether a test runs on a day; every test of a matrix has its turn within as many days as the matrix says.

    The tests of the guard's list run every day.
    """
    if listed(node):
        return True
    every = next((days for start, days in MATRICES.items() if node.startswith(start)), 1)
    return (int(hashlib.sha256(node.encode()).hexdigest()[:8], 16) + day) % every == 0


def pytest_configure() -> None:
    """Fix the day once, for all workers: midnight may pass while they collect."""
    os.environ.setdefault(_DAY, str(datetime.now(UTC).toordinal()))


def pytest_collection_modifyitems(config: pytest.Config, items: list[pytest.Item]) -> None:
    """Leave out what is not due, unless everything or one named test was asked for."""
    if os.environ.get(_ALL) or config.getoption("keyword") or any("::" in word for word in config.args):
        return
    day = int(os.environ[_DAY])
    kept = [item for item in items if due(item.nodeid, day)]
    left = [item for item in items if not due(item.nodeid, day)]
    items[:] = kept
    if left:
        config.hook.pytest_deselected(items=left)


def pytest_terminal_summary(terminalreporter: pytest.TerminalReporter) -> None:
    """Say that it was a sample."""
    if not os.environ.get(_ALL):
        terminalreporter.write_line("heavy matrices are sampled today; make test-all runs every test of them")

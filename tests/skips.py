"""Makes a skipped test fail the run where `CI` is set: there everything must be at hand but a live model."""

from __future__ import annotations

import os

import pytest

_LIVE = "live"


class Gate:
    """Collects every test and module that was left out or excused, in the process that sums up."""

    def __init__(self) -> None:
        self.left_out: dict[str, str] = {}

    def pytest_runtest_logreport(self, report: pytest.TestReport) -> None:
        """Note a skipped test, or one that was expected to fail, unless it is marked `live`."""
        if report.skipped and _LIVE not in report.keywords:
            self.left_out[report.nodeid] = _reason(report)

    def pytest_collectreport(self, report: pytest.CollectReport) -> None:
        """Note a module that skipped itself."""
        if report.skipped:
            self.left_out[report.nodeid] = _reason(report)

    @pytest.hookimpl(tryfirst=True)
    def pytest_sessionfinish(self, session: pytest.Session) -> None:
        """Let a run that looks green fail."""
        if self.left_out and session.exitstatus == pytest.ExitCode.OK:
            session.exitstatus = pytest.ExitCode.TESTS_FAILED

    def pytest_terminal_summary(self, terminalreporter: pytest.TerminalReporter) -> None:
        """Name each one with its reason."""
        if not self.left_out:
            return
        terminalreporter.section("left out, although CI is set", red=True)
        for name, reason in sorted(self.left_out.items()):
            terminalreporter.write_line(f"LEFT OUT {name}: {reason}", red=True)


def _reason(report: pytest.TestReport | pytest.CollectReport) -> str:
    expected = str(getattr(report, "wasxfail", ""))
    if expected:
        return f"expected to fail: {expected}"
    why = report.longrepr
    return str(why[2]) if isinstance(why, tuple) else str(why)


def pytest_configure(config: pytest.Config) -> None:
    """Stand at the gate in CI only; elsewhere `-ra` lists the skips with their reasons."""
    if os.environ.get("CI") and not hasattr(config, "workerinput"):
        config.pluginmanager.register(Gate(), "gate")

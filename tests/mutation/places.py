"""What is mutated, and the tests that must notice: quick ones, which call the code in question themselves."""

from __future__ import annotations

from mutation.mutants import Source

_GUARD = ("tests/guard/test_checks_guard.py", "tests/guard/test_checks_mint.py", "tests/guard/test_checks_policy.py")
_APPROVALS = (
    "tests/unit/test_approvals.py", "tests/guard/test_checks_approvals.py", "tests/guard/test_checks_seals.py",
)  # fmt: skip
_SESSIONS = ("tests/guard/test_checks_sessions.py", "tests/guard/test_checks_servers.py")

SOURCES = (
    Source("agent/diana_agent/guard/guard.py", _GUARD, limits=("MAX_TRIES", "MAX_REFUSALS")),
    Source("agent/diana_agent/guard/policy.py", _GUARD, limits=("_CLOCK_GRAIN",)),
    Source("agent/diana_agent/guard/mint.py", _GUARD, limits=("LIFETIME",)),
    Source("agent/diana_agent/guard/phrases.py", _GUARD, lists=("_SPOKEN",)),
    Source(
        "agent/diana_agent/guard/levels.py", ("tests/unit/config/test_levels.py", "tests/guard/test_checks_levels.py"),
        digests=("kinship",),
    ),
    Source("agent/diana_agent/guard/rules.py", _GUARD),
    Source("agent/diana_agent/journal.py", ("tests/unit/test_journal.py", "tests/guard/test_checks_journal.py")),
    Source("agent/diana_agent/workflow.py", ("tests/guard/test_checks_workflow.py",)),
    Source(
        "agent/diana_agent/dispatch.py", ("tests/guard/test_checks_dispatch.py",),
        only=("dispatch", "_validated", "_stepped", "_caught", "halted"),
    ),
    Source("agent/diana_agent/approvals.py", _APPROVALS, limits=("LATEST_START", "LONGEST", "SKEW")),
    Source("agent/diana_agent/approvals_seal.py", _APPROVALS),
    Source("agent/diana_agent/approvals_used.py", _APPROVALS),
    Source("tools/diana_tools/permit.py", _GUARD, digests=("Operation.digest",)),
    Source(
        "tools/diana_tools/executor.py",
        ("tests/guard/test_checks_executor.py", "tests/guard/test_checks_watching.py"), lists=("_WITHHELD",),
    ),
    Source(
        "tools/diana_tools/session_places.py", _SESSIONS,
        digests=("session_digest", "maintenance_digest", "own_server_digest"),
    ),
    Source(
        "tools/diana_tools/sessions.py", _SESSIONS,
        only=("Sessions", "_connected", "_hold_to_reading", "_engine", "_open_sqlite", "_sqlite_file", "_settle",
              "own_file"),
    ),
)  # fmt: skip
SLOW = ("tests/unit/test_journal.py::test_ten_thousand_entries",)
EQUIVALENT: dict[str, str] = {
    "agent/diana_agent/guard/mint.py:Mint.redeem:or_drop:5":
        "an operation of exactly this type that differs has another digest, which is compared too",
    "tools/diana_tools/executor.py:Executor._run:call_drop:2":
        "closing the pipe writes what is left of the input; to drain it first only waits sooner",
    "tools/diana_tools/session_places.py:own_server_digest:part_drop:1":
        "the hash of one word is never that of the five words of the other places",
    "tools/diana_tools/sessions.py:Sessions.create_sqlite:or_drop:1":
        "`require` has refused a scratch on a server that is not Diana's own before",
}  # fmt: skip

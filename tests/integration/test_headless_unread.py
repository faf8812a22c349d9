"""Statements that nobody could read: what clears them, and what else of the project then belongs to the plan."""

from __future__ import annotations

import json
from pathlib import Path

import pytest

import walking
from diana_agent.guard.phrases import EXECUTE
from walking import BASE, Walker

pytestmark = pytest.mark.integration

PRODUCTION = ("--trust", "--environment", "production", "--expected-db", "app.db", "--json")
A_ROW_AT_A_TIME = """\
def go(op):
    rows = op.get_bind().exec_driver_sql("SELECT id FROM audit_log").fetchall()
    for (one,) in rows:
        op.execute(f"DELETE FROM audit_log WHERE id = {one}")
"""
HELPED = walking.migration(
    "2b0000000002", BASE, "import sys\nfrom pathlib import Path\nsys.path.insert(0, str(Path(__file__).parents[2]))\n"
    "import chores\nchores.go(op)",
)  # fmt: skip
SPELLED_OUT = walking.migration(
    "2b0000000002", BASE, 'from pathlib import Path\nop.execute((Path(__file__).parents[2] / "up.sql").read_text())'
)


def shop(folder: Path, walker: Walker, text: str, **policy: bool) -> tuple[Path, Path]:
    database = walking.sqlite_shop(folder / "app.db")
    walker.say(walking.careful_person(folder / "vault", **policy))
    return walking.project(folder / "shop", f"sqlite:///{database}", text), database


@pytest.mark.parametrize("rows", [False, True])
def test_a_loop_over_rows_stays_destructive_after_a_rehearsal(tmp_path: Path, walker: Walker, rows: bool) -> None:
    """Without rows the loop ran nothing, and proves nothing; with rows its deletions were seen."""
    project, database = shop(tmp_path, walker, HELPED, scratch_rows_in_production=rows)
    (project / "chores.py").write_text(A_ROW_AT_A_TIME)
    before, request = database.read_bytes(), tmp_path / "run.json"
    asked = walker.diana(project, "migrate", "--request", str(request), *PRODUCTION)
    assert asked.code == 0, asked
    [rehearsed] = asked.events("rehearsed")
    assert rehearsed["rehearsal"]["kind"] == ("full" if rows else "schema")
    written = json.loads(request.read_text())
    assert written["destructive"] is True
    assert EXECUTE in [one["phrase"] for one in written["asks"]]
    assert not any("No data loss" in fact for fact in written["facts"])
    assert database.read_bytes() == before


def test_without_a_rehearsal_every_source_belongs_to_the_plan(tmp_path: Path, walker: Walker) -> None:
    project, _ = shop(tmp_path, walker, SPELLED_OUT)
    (project / "up.sql").write_text("CREATE TABLE harmless (id INTEGER)")
    words = (*PRODUCTION, "--skip-rehearsal")
    first, second = tmp_path / "one.json", tmp_path / "two.json"
    walker.diana(project, "migrate", "--request", str(first), *words)
    (project / "notes.log").write_text("what is no source may change")
    again = walker.diana(project, "plan", *PRODUCTION).summary["plan_hash"].text
    assert json.loads(first.read_text())["plan_hash"] == again
    (project / "up.sql").write_text("DELETE FROM orders")
    walker.diana(project, "migrate", "--request", str(second), *words)
    assert json.loads(second.read_text())["plan_hash"] != again

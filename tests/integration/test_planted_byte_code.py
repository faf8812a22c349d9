"""Byte code in a project's `__pycache__` is never run: it may say something else than the source that was hashed."""

from __future__ import annotations

import py_compile
from pathlib import Path

import pytest

import walking
from walking import Walker

pytestmark = pytest.mark.integration

DEV = ("--trust", "--yes", "--environment", "dev", "--skip-rehearsal", "--skip-backup", "--json")


def planted(source: Path, text: str) -> None:
    """Byte code of `text` beside a source, of the kind that Python takes without comparing anything."""
    kept = source.read_text()
    source.write_text(text)
    py_compile.compile(str(source), invalidation_mode=py_compile.PycInvalidationMode.UNCHECKED_HASH, doraise=True)
    source.write_text(kept)


def test_what_runs_is_the_source_that_was_read(tmp_path: Path, walker: Walker) -> None:
    database = walking.sqlite_shop(tmp_path / "app.db")
    project = walking.project(tmp_path / "shop", f"sqlite:///{database}")
    clean = walker.diana(project, "plan", *DEV).summary["plan_hash"]
    mark = tmp_path / "ran"
    evil = f"open({str(mark)!r}, 'a').write('ran')\n"
    for source in (project / "migrations/env.py", project / "migrations/versions/0002.py"):
        planted(source, evil + source.read_text())
    planted(
        project / "migrations/versions/0003.py",
        walking.migration("3c0000000003", "2b0000000002", f"{evil}op.drop_table('orders')"),
    )
    assert len(list(project.rglob("*.pyc"))) == 3
    assert walker.diana(project, "plan", *DEV).summary["plan_hash"] == clean, "env.py is in it with and without"
    done = walker.diana(project, "migrate", *DEV)
    assert (done.code, done.summary["version"]) == (0, [walking.HEAD]), done
    assert not mark.exists()
    assert walking.rows(database, "SELECT count(*) FROM orders") == [(40,)]

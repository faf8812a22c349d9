"""A project whose code holds the real address is never rehearsed, and its database is not touched by the attempt."""

from __future__ import annotations

import hashlib
from pathlib import Path

import pytest

import walking
from servers import PgDatabase
from walking import HEAD, Walker

pytestmark = pytest.mark.integration

SHAPES = {
    "literal": ("create_engine('sqlite:///{db}')", ""),
    "creator": ("create_engine('sqlite://', creator=lambda: sqlite3.connect('{db}'))", "import sqlite3"),
    "module": ("create_engine(url)", "from shop_settings import url"),
    "default": ("create_engine(os.environ.get('NOBODY_SETS_THIS') or 'sqlite:///{db}')", "import os"),
}
DEV = ("--trust", "--environment", "dev", "--json")


def _digest(path: Path) -> tuple[str, int]:
    return hashlib.sha256(path.read_bytes()).hexdigest(), path.stat().st_mtime_ns


@pytest.mark.parametrize("shape", SHAPES)
def test_on_sqlite_the_file_stays_byte_for_byte(tmp_path: Path, walker: Walker, shape: str) -> None:
    database = walking.sqlite_shop(tmp_path / "app.db")
    engine, head = SHAPES[shape]
    project = walking.project(
        tmp_path / "shop", "driver://user:pass@host/name", engine=engine.format(db=database), head=head
    )
    (project / "shop_settings.py").write_text(f"url = 'sqlite:///{database}'\n")
    with (project / "alembic.ini").open("a") as ini:
        ini.write("\n")
    text = (project / "alembic.ini").read_text()
    (project / "alembic.ini").write_text(text.replace("[alembic]\n", "[alembic]\nprepend_sys_path = .\n"))
    before = _digest(database)
    result = walker.diana(project, "rehearse", *DEV)
    assert (result.code, result.summary["reason"]) == (5, "marker_not_seen"), result
    assert f"went to {database} instead" in result.summary["sentence"].text
    assert _digest(database) == before
    assert {path.name for path in database.parent.glob("app.db*")} == {"app.db"}
    assert not list((walker.state / "scratch").rglob("*.sqlite*"))


def test_on_sqlite_the_run_may_go_on_named_as_not_rehearsed(tmp_path: Path, walker: Walker) -> None:
    database = walking.sqlite_shop(tmp_path / "app.db")
    engine = SHAPES["literal"][0].format(db=database)
    project = walking.project(tmp_path / "shop", "driver://user:pass@host/name", engine=engine)
    before = _digest(database)
    asked = walker.diana(project, "migrate", *DEV)
    assert (asked.code, asked.summary["reason"]) == (4, "approval_required")
    assert _digest(database) == before
    done = walker.diana(project, "migrate", "--yes", *DEV)
    assert (done.code, done.summary["state"], done.summary["version"]) == (0, "applied", [HEAD]), done
    verification = done.summary["verification"]
    assert {one.text for one in verification["not_checked"]} >= {"schema_without_rehearsal", "rows_of_touched_tables"}
    assert verification["passed"].number < verification["total"].number, "what was not rehearsed is not compared"
    log = next((walker.state / "logs").glob("*.md")).read_text()
    assert "not rehearsed" in log.lower()


def test_on_postgresql_the_database_stays_as_it_is(tmp_path: Path, walker: Walker, pg_database: PgDatabase) -> None:
    walking.pg_shop(pg_database)
    walker.secrets.append(pg_database.password)
    walker.say(walking.person_of(pg_database.server, **{pg_database.name: "dev"}))
    project = walking.project(
        tmp_path / "shop", "driver://user:pass@host/name", engine=f"create_engine({pg_database.url!r})"
    )
    before = walking.pg_dump(pg_database)
    databases = pg_database.server.databases()
    result = walker.diana(project, "rehearse", "--trust", "--json")
    assert (result.code, result.summary["reason"]) == (5, "marker_not_seen"), result
    assert f"127.0.0.1:{pg_database.port}/{pg_database.name}" in result.summary["sentence"].text
    assert walking.pg_dump(pg_database) == before
    assert pg_database.server.databases() == databases
    assert walker.leaks() == []

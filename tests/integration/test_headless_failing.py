"""A migration that fails half-way: measured to be undone, or exactly what is left is said; and the way back works."""

from __future__ import annotations

from pathlib import Path

import pytest

import walking
from servers import PgDatabase
from walking import ADD, BASE, FAILING, HEAD, Walker

pytestmark = pytest.mark.integration

DEV = ("--trust", "--environment", "dev", "--yes")


def test_a_rehearsal_catches_it_and_the_target_is_untouched(tmp_path: Path, walker: Walker) -> None:
    database = walking.sqlite_shop(tmp_path / "app.db")
    project = walking.project(tmp_path / "shop", f"sqlite:///{database}", ADD, FAILING)
    before = database.read_bytes()
    result = walker.diana(project, "migrate", "--json", *DEV)
    assert result.code == 5
    assert (result.summary["reason"], result.summary["failed"]) == ("rehearsal_failed", HEAD)
    assert "migrations/versions/0003.py" in result.summary["error"].text
    assert "no such table: nowhere" in result.err
    assert database.read_bytes() == before
    assert "change_started" not in walker.kinds(result.summary["run"])
    assert result.events("run_ended")[0]["outcome"] == "failed"


def test_on_sqlite_what_is_left_is_said_and_a_restore_gives_the_state_back(tmp_path: Path, walker: Walker) -> None:
    database = walking.sqlite_shop(tmp_path / "app.db")
    project = walking.project(tmp_path / "shop", f"sqlite:///{database}", ADD, FAILING)
    before = walking.dump(database)
    result = walker.diana(project, "migrate", "--skip-rehearsal", "--json", *DEV)
    assert result.code == 8
    done = result.summary
    assert (done["state"], done["reason"], done["failed"]) == ("partial", "person_needed", HEAD)
    assert (done["applied"], done["not_applied"]) == (["2b0000000002"], [HEAD])
    left = {word.text for word in done["left"]}
    assert left >= {"extra:column:customer.points", "extra:table:half", "version:2b0000000002"}
    assert not any("orders" in word or "audit_log" in word for word in left)
    assert walking.rows(database, "SELECT count(*) FROM half") == [(0,)], "an independent look agrees"
    assert "not expected: table half; schema version: 2b0000000002" in result.err
    assert 'File "' not in result.err
    assert "sqlite3.OperationalError: no such table: nowhere" in result.err
    log = Path(done["log"].text).read_text()
    assert "Traceback (most recent call last)" in log
    assert walker.diana(project, "verify", "--json", *DEV).code == 9
    command = next(line for line in result.err.splitlines() if "diana restore --backup" in line)
    backup = command.split("--backup ")[1].split()[0]
    restored = walker.diana(project, "restore", "--backup", backup, "--json", *DEV)
    assert (restored.code, restored.summary["version"]) == (0, [BASE])
    assert walking.dump(database) == before
    kept = Path(restored.summary["kept"].text)
    assert walking.rows(kept, "SELECT version_num FROM alembic_version") == [("2b0000000002",)]


def test_on_postgresql_the_engine_undoes_the_run(tmp_path: Path, walker: Walker, pg_database: PgDatabase) -> None:
    walking.pg_shop(pg_database)
    walker.secrets.append(pg_database.password)
    walker.say(walking.person_of(pg_database.server, **{pg_database.name: "dev"}))
    project = walking.project(tmp_path / "shop", pg_database.url, ADD, FAILING)
    before = walking.pg_dump(pg_database)
    result = walker.diana(project, "migrate", "--skip-rehearsal", "--json", "--trust", "--yes")
    assert result.code == 7, result
    done = result.summary
    assert (done["state"], done["reason"], done["applied"]) == ("unchanged", "migration_failed", [])
    assert (done["recovery"]["rung"], done["recovery"]["recovered"]) == ("a", True)
    assert walking.pg_dump(pg_database) == before
    assert result.events("planned")[0]["plan"]["recovery"]["rung"] == "a", "known and shown before the run"
    assert walker.leaks() == []


@pytest.mark.parametrize("wanted", [True, False])
def test_on_postgresql_with_a_transaction_a_migration_the_tool_takes_back(
    tmp_path: Path, walker: Walker, pg_database: PgDatabase, wanted: bool
) -> None:
    walking.pg_shop(pg_database)
    walker.say(walking.person_of(pg_database.server, **{pg_database.name: "dev"}))
    project = walking.project(
        tmp_path / "shop", pg_database.url, ADD, FAILING, options=", transaction_per_migration=True"
    )
    before = walking.pg_dump(pg_database)
    words = ("--skip-rehearsal", "--skip-backup", "--json", "--trust", "--yes", *(() if wanted else ("--no-rollback",)))
    result = walker.diana(project, "migrate", *words)
    done = result.summary
    assert result.events("planned")[0]["plan"]["recovery"]["rung"] == "b"
    assert done["applied"] == ["2b0000000002"]
    if wanted:
        assert (result.code, done["recovery"]["rung"], done["recovery"]["recovered"]) == (7, "b", True)
        assert walking.pg_dump(pg_database) == before
    else:
        assert (result.code, done["recovery"]) == (8, None)
        assert "extra:column:customer.points" in [word.text for word in done["left"]]
        assert pg_database.query("SELECT version_num FROM alembic_version") == [("2b0000000002",)]


def test_what_a_way_down_cannot_give_back_is_never_taken_down_by_itself(
    tmp_path: Path, walker: Walker, pg_database: PgDatabase
) -> None:
    """The first migration drops values, the second fails: a downgrade would bring the column back empty."""
    walking.pg_shop(pg_database)
    walker.say(walking.person_of(pg_database.server, **{pg_database.name: "dev"}))
    lossy = walking.migration(
        "2b0000000002", BASE, 'op.drop_column("customer", "legacy")',
        'op.add_column("customer", sa.Column("legacy", sa.String(20)))',
    )  # fmt: skip
    project = walking.project(
        tmp_path / "shop", pg_database.url, lossy, FAILING, options=", transaction_per_migration=True"
    )
    result = walker.diana(project, "migrate", "--skip-rehearsal", "--json", "--trust", "--yes")
    planned = result.events("planned")[0]["plan"]["recovery"]
    assert (planned["rung"], planned["why"]) == ("e", "values_would_not_come_back")
    done = result.summary
    assert (result.code, done["state"], done["recovery"]["rung"]) == (8, "partial", "none"), result
    assert pg_database.query("SELECT version_num FROM alembic_version") == [("2b0000000002",)]
    assert "diana restore --backup" in result.err
    log = Path(result.events("reported")[0]["path"].text).read_text()
    assert "Rollback Script: none; a rollback takes back whole migrations only" in log


@pytest.mark.parametrize(
    ("ends", "said"),
    [
        ("import os, signal\nos.kill(os.getpid(), signal.SIGKILL)", "The tool was killed before it ended."),
        ("import os\nos._exit(0)", "The tool ended as if all were well, but the history shows that it was not done."),
    ],
)
def test_an_end_without_words_is_told_in_words(tmp_path: Path, walker: Walker, ends: str, said: str) -> None:
    database = walking.sqlite_shop(tmp_path / "app.db")
    dying = walking.migration("2b0000000002", BASE, f'op.execute("CREATE TABLE half (id INTEGER)")\n{ends}')
    project = walking.project(tmp_path / "shop", f"sqlite:///{database}", dying)
    result = walker.diana(project, "migrate", "--skip-rehearsal", "--json", *DEV)
    assert result.code == 8, result
    assert said in result.err
    assert said in Path(result.events("reported")[0]["path"].text).read_text()

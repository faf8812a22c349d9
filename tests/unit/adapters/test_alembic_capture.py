"""What the recorder of the rehearsal keeps of a statement, and what it does not."""

from __future__ import annotations

import importlib.util
from pathlib import Path
from typing import Protocol, cast

import pytest

from diana_tools import probes
from diana_tools.adapters.base import REPORT
from diana_tools.analyze import MigrationText, analyze

PROGRAMS = Path(probes.__file__).parent


class _Recorder(Protocol):
    def start(self, path: Path) -> None: ...
    def add(self, sql: str, parameters: int = 0, times: int = 1, seconds: float = 0.0) -> None: ...
    def finish(self) -> list[dict[str, str | int | float]]: ...


@pytest.fixture
def recorder(tmp_path: Path) -> _Recorder:
    """A recorder that listens to a migration whose file holds two literals."""
    spec = importlib.util.spec_from_file_location("alembic_capture", PROGRAMS / "alembic_capture.py")
    assert spec is not None
    assert spec.loader is not None
    module = importlib.util.module_from_spec(spec)
    spec.loader.exec_module(module)
    (tmp_path / "a1.py").write_text("op.execute(\"INSERT INTO t VALUES ('known', 42)\")")
    made = cast("_Recorder", module.Recorder())
    made.start(tmp_path / "a1.py")
    return made


@pytest.mark.parametrize(
    ("sql", "kept"),
    [
        ("INSERT INTO t VALUES ('known', 42)", "INSERT INTO t VALUES ('known', 42)"),
        ("INSERT INTO t VALUES ('private', 4711)", "INSERT INTO t VALUES ('…', 0)"),
        ("INSERT INTO t VALUES ('O''Hara')", "INSERT INTO t VALUES ('…')"),
        ("WITH x AS (SELECT 1) UPDATE t SET a = 4711", "WITH x AS (SELECT 0) UPDATE t SET a = 0"),
        ("UPDATE t SET a = $1::VARCHAR(200) WHERE b9 = 77", "UPDATE t SET a = $1::VARCHAR(200) WHERE b9 = 0"),
        ("DO $x$ BEGIN private; END $x$", "DO '…'"),
        ("CREATE TABLE t (a VARCHAR(200) DEFAULT 'private', b NUMERIC(9, 2))",
         "CREATE TABLE t (a VARCHAR(200) DEFAULT '…', b NUMERIC(9, 2))"),
        ("DROP TABLE t -- bye", "DROP TABLE t -- bye\n"),
        ("SELECT 'it is\nprivate'", "SELECT '…'"),
    ],
)  # fmt: skip
def test_literals_stay_only_where_the_file_itself_has_them(recorder: _Recorder, sql: str, kept: str) -> None:
    recorder.add(sql)
    assert [one["sql"] for one in recorder.finish()] == [kept]


def test_equal_statements_are_counted_and_catalogs_are_left_out(recorder: _Recorder) -> None:
    for _ in range(3):
        recorder.add("UPDATE t SET a = ?", 1, 2, 0.5)
    recorder.add("SELECT relname FROM pg_catalog.pg_class")
    recorder.add("PRAGMA main.table_info(t)")
    recorder.add("PRAGMA foreign_keys = OFF")
    assert recorder.finish() == [
        {"sql": "UPDATE t SET a = ?", "parameters": 1, "times": 6, "seconds": 1.5},
        {"sql": "PRAGMA foreign_keys = OFF", "parameters": 0, "times": 1, "seconds": 0.0},
    ]


def test_what_is_too_much_stays_unread(recorder: _Recorder) -> None:
    for number in range(2_100):
        recorder.add(f"CREATE TABLE t{number} (a int)")
    recorder.add("SELECT " + "x" * 30_000)
    kept = recorder.finish()
    assert len(kept) == 2_001
    assert kept[-1]["times"] == 101
    text = MigrationText("a1", "a1.py", f"{kept[-1]['sql']};", "sql")
    assert len(analyze([text], "postgresql", [], None, "up").unread) == 1


def test_the_programs_and_diana_agree_on_the_mark() -> None:
    assert f'MARK = "{REPORT}"' in (PROGRAMS / "alembic_child.py").read_text()


@pytest.mark.parametrize(
    "sql",
    [
        "DELETE FROM t WHERE EXISTS (SELECT FROM sqlite_master)",
        "DROP TABLE t /* SELECT sqlite_master */",
        "-- SELECT\nDELETE FROM pg_catalog.pg_class",
        "SELECT purge() FROM pg_catalog.pg_class",
        'SELECT "purge"() FROM pg_catalog.pg_class',
        "WITH x AS (DELETE FROM t RETURNING 1) SELECT 1 FROM pg_catalog.pg_class",
        "EXPLAIN ANALYZE DELETE FROM pg_catalog.pg_class",
        "SELECT relname INTO t FROM pg_catalog.pg_class",
        "PRAGMA foreign_keys(0)",
        "SELECT a FROM t",
    ],
)
def test_what_speaks_of_the_catalogue_is_kept_unless_it_only_reads_there(recorder: _Recorder, sql: str) -> None:
    recorder.add(sql)
    assert len(recorder.finish()) == 1


def test_between_two_migrations_only_what_may_change_something_is_kept(recorder: _Recorder) -> None:
    recorder.finish()
    recorder.add("SELECT a FROM t")
    recorder.add("UPDATE alembic_version SET version_num='b' WHERE alembic_version.version_num = 'a'")
    recorder.add("DELETE FROM t WHERE t.version_num = 'a'")
    assert [one["sql"] for one in recorder.finish()] == ["DELETE FROM t WHERE t.version_num = '…'"]

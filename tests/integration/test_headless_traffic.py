"""Other sessions write all the while: no false alarm, no false claim, and one plan hash for every checkout."""

from __future__ import annotations

import sqlite3
import threading
from collections.abc import Callable, Generator
from contextlib import closing, contextmanager, suppress
from pathlib import Path

import psycopg
import pytest

import walking
from servers import PgDatabase
from walking import ADD, FAILING, HEAD, Walker

pytestmark = pytest.mark.integration

Write = Callable[[int], None]
FIRST = 1_000_000


@contextmanager
def traffic(write: Write) -> Generator[Callable[[], int]]:
    """A session of its own that orders something again and again, and now and then takes an order back."""
    stop, written = threading.Event(), list[int]()

    def work() -> None:
        number = FIRST
        while not stop.wait(0.01):
            with suppress(sqlite3.OperationalError):
                write(number)
                written.append(number)
                number += 1

    thread = threading.Thread(target=work)
    thread.start()
    try:
        yield lambda: len(written)
    finally:
        stop.set()
        thread.join()
    assert len(written) > 10, "there was traffic"


def _statements(number: int) -> tuple[str, str]:
    return f"INSERT INTO orders VALUES ({number}, 1, 5)", f"DELETE FROM orders WHERE id = {number - 3} AND id % 4 = 0"


def _sqlite(database: Path) -> Write:
    def write(number: int) -> None:
        with closing(sqlite3.connect(database, timeout=1)) as connection:
            for statement in _statements(number):
                connection.execute(statement)
            connection.commit()

    return write


def _postgresql(connection: psycopg.Connection[tuple[object, ...]]) -> Write:
    def write(number: int) -> None:
        for statement in _statements(number):
            connection.execute(statement.encode())

    return write


def same_hash_from_two_checkouts(walker: Walker, tmp_path: Path, url: str, words: tuple[str, ...]) -> Path:
    """Two checkouts of the same project, somewhere else and later: what would run is the same."""
    first = walking.project(tmp_path / "shop", url)
    second = walking.project(tmp_path / "elsewhere" / "a checkout", url)
    plans = [walker.diana(project, "plan", "--json", *words).summary for project in (first, second)]
    assert plans[0]["plan_hash"] == plans[1]["plan_hash"]
    return second


def test_on_sqlite_in_wal_mode(tmp_path: Path, walker: Walker) -> None:
    database = walking.sqlite_shop(tmp_path / "app.db", "COMMIT", "PRAGMA journal_mode = WAL")
    words = ("--trust", "--environment", "dev", "--yes")
    with traffic(_sqlite(database)) as written:
        project = same_hash_from_two_checkouts(walker, tmp_path, f"sqlite:///{database}", words)
        done = walker.diana(project, "migrate", "--json", *words)
        assert (done.code, done.summary["version"]) == (0, [HEAD]), done
        verification = done.summary["verification"]
        assert (verification["passed"], verification["total"]) == (4, 4), done
        assert done.events("proven")[0]["proof"]["grade"] == "restored"
        so_far = written()
        with closing(sqlite3.connect(database, timeout=5)) as connection:
            connection.execute("DELETE FROM orders WHERE id < 20")
            connection.commit()
        assert walker.diana(project, "verify", "--json", *words).code == 0, "what others delete is no loss of the run"
    kept = walking.rows(database, f"SELECT count(*) FROM orders WHERE id >= {FIRST} AND id % 4 <> 0")[0][0]
    assert isinstance(kept, int)
    assert kept >= so_far * 3 // 4 - 3


def test_on_postgresql(tmp_path: Path, walker: Walker, pg_database: PgDatabase) -> None:
    walking.pg_shop(pg_database)
    walker.say(walking.person_of(pg_database.server, **{pg_database.name: "dev"}))
    words = ("--trust", "--yes")
    failing = walking.project(tmp_path / "failing", pg_database.url, ADD, FAILING)
    with pg_database.server.connect(pg_database.name) as connection, traffic(_postgresql(connection)):
        undone = walker.diana(failing, "migrate", "--skip-rehearsal", "--skip-backup", "--json", *words)
        assert (undone.code, undone.summary["recovery"]["rung"]) == (7, "a"), undone
        assert undone.summary["state"] == "unchanged"
        assert "Rows in orders changed meanwhile" in undone.err
        assert "CRITICAL" not in undone.err
        project = walking.project(tmp_path / "shop", pg_database.url)
        done = walker.diana(project, "migrate", "--json", *words)
        assert (done.code, done.summary["version"]) == (0, [HEAD]), done
        assert done.summary["verification"]["passed"] == 4, done
        assert done.events("proven")[0]["proof"]["grade"] == "restored"
        pg_database.execute("DELETE FROM orders WHERE id < 20")
        assert walker.diana(project, "verify", "--json", *words).code == 0

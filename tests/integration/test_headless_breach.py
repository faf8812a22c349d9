"""A migration that finds a way past every door of the rehearsal: what it did to the target is seen and said."""

from __future__ import annotations

import sqlite3
import sys
from contextlib import closing
from pathlib import Path

import pytest

import walking
from servers import PgDatabase
from walking import ADD, HEAD, Walker

pytestmark = pytest.mark.integration

DEV = ("--trust", "--environment", "dev", "--yes", "--json")


def sly(database: Path, statement: str) -> str:
    """A migration that has libc start a program, which no audit event of Python tells of."""
    code = f"import sqlite3; c = sqlite3.connect({str(database)!r}); c.execute({statement!r}); c.commit()"
    words = [sys.executable, "-c", code]
    return walking.migration(
        HEAD, "2b0000000002", f"import ctypes, shlex\nctypes.CDLL(None).system(shlex.join({words!r}).encode())", "pass",
        "sly",
    )  # fmt: skip


@pytest.mark.parametrize("statement", ["DELETE FROM customer WHERE id = 1", "UPDATE customer SET legacy = 'gone'"])
def test_rows_of_a_file_that_nobody_else_holds(tmp_path: Path, walker: Walker, statement: str) -> None:
    database = walking.sqlite_shop(tmp_path / "app.db")
    project = walking.project(tmp_path / "shop", f"sqlite:///{database}", ADD, sly(database, statement))
    result = walker.diana(project, "rehearse", *DEV)
    assert (result.code, result.summary["reason"]) == (8, "target_changed"), result
    assert "not touched" not in result.err
    assert "customer" in result.err


def test_rows_that_others_may_have_written_are_no_breach_but_nothing_is_claimed(tmp_path: Path, walker: Walker) -> None:
    database = walking.sqlite_shop(tmp_path / "app.db")
    project = walking.project(
        tmp_path / "shop", f"sqlite:///{database}", ADD, sly(database, "UPDATE customer SET legacy = 'gone'")
    )
    with closing(sqlite3.connect(database)) as application:
        application.execute("SELECT count(*) FROM customer").fetchall()
        result = walker.diana(project, "rehearse", *DEV)
    assert result.code == 0, result
    assert result.events("rehearsed")[0]["rehearsal"]["target"] == "moved"
    assert "not touched" not in result.err
    assert "Rows changed meanwhile" in result.err


def test_of_a_file_that_is_as_before_it_is_said(tmp_path: Path, walker: Walker) -> None:
    database = walking.sqlite_shop(tmp_path / "app.db")
    project = walking.project(tmp_path / "shop", f"sqlite:///{database}")
    result = walker.diana(project, "rehearse", *DEV)
    assert result.code == 0, result
    assert "The target was not touched" in result.err


def test_of_a_server_only_what_was_compared_is_said(tmp_path: Path, walker: Walker, pg_database: PgDatabase) -> None:
    walking.pg_shop(pg_database)
    walker.say(walking.person_of(pg_database.server, **{pg_database.name: "dev"}))
    project = walking.project(tmp_path / "shop", pg_database.url)
    result = walker.diana(project, "rehearse", "--trust", "--yes", "--json")
    assert result.code == 0, result
    assert "not touched" not in result.err
    assert "row counts are as before" in result.err

"""A Diana that is killed in mid-change: the next one says so, lets nothing start, and tells what is true."""

from __future__ import annotations

import json
import os
import signal
import subprocess
import time
from collections.abc import Callable
from pathlib import Path

import pytest

import walking
from answers import Result
from servers import PgDatabase
from walking import BASE, Walker

pytestmark = pytest.mark.integration

NEW = "2b0000000002"
DEV = ("--trust", "--environment", "dev", "--yes", "--json")
SLOW = """\
op.add_column("customer", sa.Column("points", sa.Integer))
import pathlib, time
pathlib.Path({folder!r}, "started").touch()
while not pathlib.Path({folder!r}, "go").exists():
    time.sleep(0.02)
"""


def until(true: Callable[[], bool], process: subprocess.Popen[bytes] | None = None) -> None:
    end = time.monotonic() + walking.LIMIT_S
    while not true():
        assert time.monotonic() < end, "it never came to that"
        assert process is None or process.poll() is None, "it ended before that"
        time.sleep(0.02)


class Change:
    """A migrate that waits in the middle of its one migration, started and left running."""

    def __init__(self, walker: Walker, folder: Path, url: str, *words: str) -> None:
        self.walker, self._folder = walker, folder
        up = f"print({url!r}, flush=True)\n{SLOW.format(folder=str(folder))}"
        self.project = walking.project(folder / "shop", url, walking.migration(NEW, BASE, up))
        self.process = walker.start(self.project, "migrate", "--skip-rehearsal", *words)
        until((folder / "started").exists, self.process)
        [self.log] = walker.state.glob("runs/*-run")

    def go_on(self) -> None:
        (self._folder / "go").touch()
        until((self.log / "exit.json").exists)

    def kill_tool(self) -> None:
        os.killpg(json.loads((self.log / "pid.json").read_text())["pid"], signal.SIGKILL)
        until((self.log / "exit.json").exists)

    def ask(self, *words: str) -> Result:
        return self.walker.diana(self.project, *words)

    def end(self, with_signal: int) -> tuple[int, str]:
        """Send Diana alone a signal; her exit code and her last words."""
        self.process.send_signal(with_signal)
        _, words = self.process.communicate(timeout=walking.LIMIT_S)
        return self.process.returncode, words.decode()


def test_a_change_outlives_its_diana_and_the_next_one_tells(tmp_path: Path, walker: Walker) -> None:
    database = walking.sqlite_shop(tmp_path / "app.db")
    change = Change(walker, tmp_path, f"sqlite:///{database}", *DEV)
    second = change.ask("migrate", "--skip-rehearsal", "--skip-backup", *DEV)
    assert (second.code, second.summary["reason"]) == (11, "database_held"), second
    assert str(change.process.pid) in second.summary["sentence"].text
    change.end(signal.SIGKILL)
    planned = change.ask("plan", *DEV)
    assert planned.code == 0
    assert "its end is not recorded" in planned.err
    assert "diana verify" in planned.err
    still = change.ask("verify", *DEV)
    assert (still.code, still.summary["reason"]) == (11, "change_still_runs"), still
    change.go_on()
    told = change.ask("verify", *DEV)
    assert told.code == 0, told
    assert "Measured now: it is applied" in told.err
    assert walking.rows(database, "SELECT version_num FROM alembic_version") == [(NEW,)]
    quiet = change.ask("connect", *DEV)
    assert (quiet.summary["unfinished_run"].value, "not recorded" in quiet.err) == (None, False)


def test_what_a_killed_tool_left_is_told_and_given_back(tmp_path: Path, walker: Walker) -> None:
    database = walking.sqlite_shop(tmp_path / "app.db")
    before = walking.dump(database)
    change = Change(walker, tmp_path, f"sqlite:///{database}", *DEV)
    change.end(signal.SIGKILL)
    change.kill_tool()
    refused = change.ask("migrate", "--skip-rehearsal", "--skip-backup", *DEV)
    assert (refused.code, refused.summary["reason"]) == (11, "change_unfinished"), refused
    assert walking.dump(database) != before, "SQLite kept the column: the migration was not one transaction"
    told = change.ask("verify", *DEV)
    assert (told.code, told.summary["reason"]) == (8, "person_needed"), told
    assert "extra:column:customer.points" in [word.text for word in told.summary["left"]]
    assert "diana restore --backup" in told.err
    assert change.ask("restore", *DEV).code == 0
    assert walking.dump(database) == before


def test_ctrl_c_stops_diana_and_the_server_undoes_what_the_tool_left(
    tmp_path: Path, walker: Walker, pg_database: PgDatabase
) -> None:
    walking.pg_shop(pg_database)
    walker.secrets.append(pg_database.password)
    walker.say(walking.person_of(pg_database.server, **{pg_database.name: "dev"}))
    words = ("--trust", "--yes", "--json")
    before = walking.pg_dump(pg_database)
    change = Change(walker, tmp_path, pg_database.url, "--skip-backup", *words)
    code, said = change.end(signal.SIGINT)
    assert code == 130, said
    assert "goes on by itself to its end" in said
    assert "Traceback" not in said
    assert pg_database.password not in said
    change.kill_tool()
    until(lambda: not _others(pg_database))
    told = change.ask("verify", *words)
    assert (told.code, told.summary["reason"]) == (7, "migration_failed"), told
    assert "the database is as it was before that run" in told.err
    assert walking.pg_dump(pg_database) == before
    assert walker.leaks() == [], "not even in the log that nobody was there to clean"


def _others(database: PgDatabase) -> bool:
    sql = f"SELECT count(*) FROM pg_stat_activity WHERE datname = '{database.name}' AND pid <> pg_backend_pid()"
    return database.query(sql) != [(0,)]

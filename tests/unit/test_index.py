"""The index of runs: rebuilt from journals at any time, private, and never somebody's database."""

from __future__ import annotations

import sqlite3
import subprocess
import sys
import threading
from collections.abc import Sequence
from datetime import UTC, datetime, timedelta
from pathlib import Path

import pytest

import stories
from diana_agent import events as ev
from diana_agent.index import INDEX_FILE, RunRow, Wanted, rebuild, runs
from diana_agent.journal import Journal
from diana_tools.domain import Address, Environment, Level
from diana_tools.errors import ConnectionFailed, DianaError
from diana_tools.sessions import own_file

START = datetime(2026, 11, 24, 9, 0, tzinfo=UTC)


def write(folder: Path, run: str, events: Sequence[ev.AnyEvent], hour: int = 0) -> str:
    """A journal whose entries come a second apart; returns its head."""
    seconds = iter(range(1_000))
    journal = Journal(folder / f"{run}.jsonl", lambda: START + timedelta(hours=hour, seconds=next(seconds)))
    for event in events:
        own = event.model_copy(update={"run": run}) if isinstance(event, ev.RunStarted) else event
        journal.append(own, "diana")
    journal.close()
    return journal.head


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    made = tmp_path / "runs"
    write(made, "r1", [*stories.success(ticket="OPS-1"), ev.RunEnded(outcome="done", exit_code=0)], 1)
    write(made, "r2", stories.failure("partial", *stories.RECOVERED), 2)
    other = [
        stories.begin("/srv/other")[0],
        ev.EnvironmentSettled(environment=Environment("dev", Level.DEV)),
        ev.Planned(plan=stories.plan(address=Address("sqlite", "", None, "/data/100%_shop.db"), pending=())),
    ]
    write(made, "r3", other, 3)
    return made


def test_the_newest_run_comes_first_with_what_its_journal_says(folder: Path) -> None:
    found = runs(folder)
    assert [row.run for row in found] == ["r3", "r2", "r1"]
    head = write(folder.parent, "r1", [*stories.success(ticket="OPS-1"), ev.RunEnded(outcome="done", exit_code=0)], 1)
    assert found[2] == RunRow(
        run="r1", project="/srv/it's a shop/project", database="shop", place="db.example.org:5432/shop",
        environment="eu-prod", level="production", tool="alembic", user="Anna", ticket="OPS-1", status="success",
        outcome="done", exit=0, started=START + timedelta(hours=1), ended=START + timedelta(hours=1, seconds=28),
        entries=29, head=head, problem="",
    )  # fmt: skip
    assert (found[1].status, found[1].outcome, found[1].exit) == ("recovered", "failed", 7)
    assert (found[0].status, found[0].outcome, found[0].exit, found[0].ended) == ("up_to_date", "", None, None)


@pytest.mark.parametrize(
    ("wanted", "found"),
    [
        (Wanted(project="/srv/other"), ["r3"]),
        (Wanted(database="shop"), ["r2", "r1"]),
        (Wanted(database="sho"), []),
        (Wanted(environment="eu-prod", status="success"), ["r1"]),
        (Wanted(text="OPS-1"), ["r1"]),
        (Wanted(text="100%_"), ["r3"]),
        (Wanted(text="%"), ["r3"]),
        (Wanted(text="' OR 1=1 --"), []),
        (Wanted(text="db.example"), ["r2", "r1"]),
    ],
)
def test_runs_can_be_searched(folder: Path, wanted: Wanted, found: list[str]) -> None:
    assert [row.run for row in runs(folder, wanted)] == found


def test_the_number_of_runs_can_be_limited(folder: Path) -> None:
    assert [row.run for row in runs(folder, limit=1)] == ["r3"]


def test_a_journal_that_is_new_has_grown_or_is_gone_is_noticed(folder: Path) -> None:
    runs(folder)
    write(folder, "r4", stories.begin(), 4)
    (folder / "r1.jsonl").unlink()
    journal = Journal(folder / "r3.jsonl", lambda: START + timedelta(hours=5))
    journal.append(ev.RunEnded(outcome="up_to_date", exit_code=0), "diana")
    journal.close()
    found = runs(folder)
    assert [row.run for row in found] == ["r4", "r3", "r2"]
    assert (found[1].outcome, found[1].entries) == ("up_to_date", 4)


def test_it_can_be_thrown_away_and_rebuilt(folder: Path) -> None:
    before = runs(folder)
    (folder / INDEX_FILE).unlink()
    assert runs(folder) == before
    assert rebuild(folder) == 3
    assert runs(folder) == before


@pytest.mark.parametrize("content", [b"garbage that is no database at all" * 100, b""])
def test_a_damaged_index_is_made_again(folder: Path, content: bytes) -> None:
    before = runs(folder)
    (folder / INDEX_FILE).write_bytes(content)
    assert runs(folder) == before


def test_an_index_of_another_version_is_made_again(folder: Path) -> None:
    before = runs(folder)
    with sqlite3.connect(folder / INDEX_FILE) as connection:
        connection.executescript("DROP TABLE runs; CREATE TABLE runs (x); PRAGMA user_version = 99")
    connection.close()
    assert runs(folder) == before


def test_broken_and_torn_journals_are_listed_as_such(folder: Path) -> None:
    path = folder / "r1.jsonl"
    lines = path.read_bytes().splitlines(keepends=True)
    path.write_bytes(b"".join(lines[:12]) + lines[13])
    (folder / "r2.jsonl").write_bytes((folder / "r2.jsonl").read_bytes()[:-20])
    (folder / "r5.jsonl").write_bytes(b"\x00\xff\n")
    (folder / "r6.jsonl").mkdir()
    (folder / "r7.jsonl").write_bytes((folder / "r3.jsonl").read_bytes())
    found = {row.run: row for row in runs(folder)}
    assert (found["r1"].problem, found["r1"].entries, found["r1"].project) == (
        "journal_broken", 12, "/srv/it's a shop/project",
    )  # fmt: skip
    assert found["r2"].problem == "journal_torn"
    assert found["r5"].problem == "journal_torn"
    assert found["r6"].problem == "journal_missing"
    assert (found["r7"].problem, found["r7"].project) == ("journal_of_another_run", "")
    assert found["r3"].problem == ""


def test_a_run_under_way_is_listed_without_its_lock(folder: Path) -> None:
    journal = Journal(folder / "r9.jsonl", lambda: START + timedelta(hours=9))
    journal.append(stories.begin()[0].model_copy(update={"run": "r9"}), "diana")
    assert runs(folder)[0].run == "r9"
    assert runs(folder)[0].status == "unfinished"


def test_no_journals_no_runs(tmp_path: Path) -> None:
    assert runs(tmp_path / "nowhere" / "yet") == ()
    assert rebuild(tmp_path / "nowhere") == 0


def test_it_is_private(folder: Path) -> None:
    runs(folder)
    assert (folder / INDEX_FILE).stat().st_mode & 0o777 == 0o600


def test_places_that_cannot_be_used(folder: Path, tmp_path: Path) -> None:
    (tmp_path / "file").write_text("")
    with pytest.raises(DianaError, match="index_unwritable"):
        runs(tmp_path / "file")
    (tmp_path / "elsewhere").write_bytes(b"")
    (folder / INDEX_FILE).symlink_to(tmp_path / "elsewhere")
    with pytest.raises(DianaError, match="index_unwritable"):
        runs(folder)
    assert (tmp_path / "elsewhere").read_bytes() == b""
    (folder / INDEX_FILE).unlink()
    (folder / INDEX_FILE).mkdir()
    with pytest.raises(DianaError, match="index_unwritable"):
        runs(folder)


def test_somebody_s_database_is_never_taken_for_it(folder: Path) -> None:
    with sqlite3.connect(folder / INDEX_FILE) as connection:
        connection.execute("CREATE TABLE customers (name TEXT)")
        connection.execute("INSERT INTO customers VALUES ('Anna')")
    connection.close()
    before = (folder / INDEX_FILE).read_bytes()
    with pytest.raises(DianaError) as caught:
        runs(folder)
    assert caught.value.fields["error"] == "not_dianas_file"
    assert (folder / INDEX_FILE).read_bytes() == before
    with pytest.raises(ConnectionFailed, match="not_dianas_file"):
        own_file(folder / INDEX_FILE)


def test_several_dianas_at_once(folder: Path) -> None:
    came: list[int] = []
    threads = [threading.Thread(target=lambda: came.append(len(runs(folder)))) for _ in range(4)]
    threads += [threading.Thread(target=lambda: came.append(rebuild(folder))) for _ in range(4)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert came == [3] * 8


def test_nothing_heavy_is_imported_for_it_before_it_is_used() -> None:
    script = "import sys, diana_agent.index; sys.exit('sqlalchemy' in sys.modules)"
    assert subprocess.run([sys.executable, "-c", script], check=False).returncode == 0

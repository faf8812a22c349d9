"""Every headless verb once, on both databases: the JSON, the exit code, and what an independent look finds."""

from __future__ import annotations

import hashlib
import stat
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path

import pytest

import walking
from answers import Node
from servers import PgDatabase
from walking import BASE, HEAD, Walker

pytestmark = pytest.mark.integration

QUOTED = """O'Brien's "shop" & more"""


@dataclass(frozen=True)
class Walk:
    """One project and the person before it; `content` looks at the database without Diana."""

    walker: Walker
    project: Path
    words: tuple[str, ...]
    content: Callable[[], object]
    level: str

    def call(self, *verb: str, code: int = 0) -> Node:
        result = self.walker.diana(self.project, *verb, "--json", *self.words)
        assert result.code == code, result
        return result.summary


def look_around(walk: Walk, place: str) -> None:
    """detect, connect, plan, ask, dry-run: they tell the truth and leave everything as it is."""
    before, files = walk.content(), _files(walk.project)
    found = walk.call("detect")["detections"][0]
    assert (found["tool"], found["root"], found["config"], found["count"]) == ("alembic", "", "alembic.ini", 3)
    assert found["confidence"] == "certain"
    assert {one["path"].text for one in found["evidence"]} >= {"alembic.ini", "migrations/env.py"}
    connected = walk.call("connect")
    assert (connected["place"], connected["version"], connected["environment"]["level"]) == (place, [BASE], walk.level)
    assert connected["round_trip"].number < 1
    planned = walk.call("plan", "--exit-code", code=10)
    assert planned["current"] == [BASE]
    assert planned["target_version"] == [HEAD]
    assert [one["id"].text for one in planned["pending"]] == ["2b0000000002", HEAD]
    assert [one["path"].text for one in planned["pending"]] == [
        "migrations/versions/0002.py", "migrations/versions/0003.py"
    ]  # fmt: skip
    lost = {one["object"].text: one["loss"]["rows"].number for one in planned["findings"] if one["data_loss"].value}
    assert lost == {"customer.legacy": 20, "audit_log": 5}
    assert planned["destructive"] == True  # noqa: E712  a node, compared with what stands in the JSON
    assert len(planned["plan_hash"].text) == 64
    asked = walk.call("ask", "How many rows are lost?")
    assert asked["unknown"] == False  # noqa: E712
    assert "20" in asked["answer"].text
    assert {one["source"].text for one in asked["facts"]} >= {"migrations/versions/0003.py:10"}
    shown = walk.call("dry-run")
    assert shown["kind"] == "offline_sql"
    assert "DROP TABLE audit_log" in shown["sql"].text
    assert walk.content() == before
    assert _files(walk.project) == files


def _files(folder: Path) -> dict[str, str]:
    """The project's files; looking leaves nothing in it."""
    return {
        str(path.relative_to(folder)): hashlib.sha256(path.read_bytes()).hexdigest()
        for path in folder.rglob("*")
        if path.is_file()
    }


def back_up_and_rehearse(walk: Walk) -> None:
    """A backup that was restored for proof, in private files, and a rehearsal that measured what would be lost."""
    before = walk.content()
    made = walk.call("backup")
    path = Path(made["path"].text)
    assert made["grade"] == "restored"
    assert made["version"] == [BASE]
    assert hashlib.sha256(path.read_bytes()).hexdigest() == made["sha256"].text
    assert path.is_relative_to(walk.walker.backups)
    assert (stat.S_IMODE(path.stat().st_mode), stat.S_IMODE(path.parent.stat().st_mode)) == (0o600, 0o700)
    tried = walk.call("rehearse")
    assert (tried["kind"], tried["passed"], tried["error"]) == ("full", True, "")
    assert tried["rows_before"].number - tried["rows_after"].number == 5
    assert not list((walk.walker.state / "scratch").rglob("scratch.sqlite*")), "a scratch is destroyed"
    assert walk.content() == before


def run_and_verify(walk: Walk, yes: tuple[str, ...]) -> None:
    """migrate changes exactly what was planned, and verify says so again in a run of its own."""
    done = walk.call("migrate", *yes)
    assert (done["state"], done["applied"], done["version"]) == ("applied", ["2b0000000002", HEAD], [HEAD])
    assert (done["verification"]["passed"], done["verification"]["total"]) == (4, 4)
    order = ["planned", "backed_up", "proven", "rehearsed", "change_started", "change_finished", "verified", "reported"]
    assert [kind for kind in dict.fromkeys(walk.walker.kinds(done["run"])) if kind in order] == order
    checked = walk.call("verify")
    assert (checked["passed"], checked["total"], checked["critical"]) == (4, 4, False)


def go_back(walk: Walk, yes: tuple[str, ...], before: object) -> None:
    """rollback reverts one migration without its rows, restore gives back every row of the first backup."""
    first = min(walk.walker.backups.rglob("*.json"), key=lambda path: path.name).stem
    back = walk.call("rollback", "--skip-rehearsal", *yes)
    assert (back["state"], back["applied"], back["version"]) == ("applied", [HEAD], ["2b0000000002"])
    given = walk.call("restore", "--backup", first, *yes)
    assert (given["restored"], given["version"]) == (True, [BASE])
    assert Path(given["kept"].text).exists() or given["kept"].text
    assert walk.content() == before
    checked = walk.call("verify")
    assert (checked["passed"], checked["checks"][0]["found"]) == (3, BASE), "what was restored, not what ran before"
    told = walk.walker.diana(walk.project, "report", "--json").summary
    assert told["status"] != ""
    assert walk.walker.diana(walk.project, "report").out.startswith("# ")


def test_every_verb_on_sqlite_in_a_folder_with_quotes(tmp_path: Path, walker: Walker) -> None:
    root = tmp_path / QUOTED
    database = walking.sqlite_shop(root / "app's data.db")
    project = walking.project(root / "my shop", f"sqlite:///{database}")
    walk = Walk(walker, project, ("--trust", "--environment", "dev"),
                lambda: walking.dump(database), "dev")  # fmt: skip
    before, byte = walk.content(), database.read_bytes()
    look_around(walk, str(database))
    back_up_and_rehearse(walk)
    refused = walk.call("migrate", "--skip-rehearsal", code=4)
    assert (refused["status"], len(refused["plan_hash"])) == ("approval_required", 64)
    assert database.read_bytes() == byte
    run_and_verify(walk, ("--yes",))
    assert walk.call("migrate", "--yes")["status"] == "nothing"
    assert walk.call("restore", "--backup", "no-such-backup", "--yes", code=2)["reason"] == "no_backup"
    assert walking.rows(database, "SELECT name FROM pragma_table_info('customer')") == [
        ("id",),
        ("email",),
        ("points",),
    ]
    assert walking.rows(database, "SELECT count(*) FROM sqlite_master WHERE name = 'audit_log'") == [(0,)]
    go_back(walk, ("--yes",), before)


def test_every_verb_on_postgresql(tmp_path: Path, walker: Walker, pg_database: PgDatabase) -> None:
    walking.pg_shop(pg_database)
    walker.secrets.append(pg_database.password)
    walker.say(walking.person_of(pg_database.server, **{pg_database.name: "dev"}))
    project = walking.project(tmp_path / "shop", pg_database.url)
    walk = Walk(walker, project, ("--trust",), lambda: walking.pg_dump(pg_database), "dev")
    before = walk.content()
    look_around(walk, f"127.0.0.1:{pg_database.port}/{pg_database.name}")
    back_up_and_rehearse(walk)
    run_and_verify(walk, ("--yes",))
    columns = pg_database.query("SELECT column_name FROM information_schema.columns WHERE table_name = 'customer'")
    assert {column for (column,) in columns} == {"id", "email", "points"}
    go_back(walk, ("--yes",), before)
    assert walker.leaks() == []

"""A rehearsal reaches the scratch and nothing else, and tells what ran without anybody's data."""

from __future__ import annotations

import hashlib
import subprocess
import sys
from collections.abc import Callable
from pathlib import Path

import pytest

from conformance.alembic_bench import (
    INTERPRETERS,
    MARKER,
    at,
    own_env,
    revision,
    sqlite_file,
    stock,
    table,
    tables,
)
from diana_tools import probes
from diana_tools.adapters.base import RehearsalOutput
from servers import PgDatabase

pytestmark = pytest.mark.integration


def _digest(path: Path) -> str:
    return hashlib.sha256(path.read_bytes()).hexdigest()


def _scratch(folder: Path) -> Path:
    return sqlite_file(folder / "scratch.db", marker=MARKER)


def _sql(told: RehearsalOutput, migration: str) -> list[str]:
    return [one.sql for one in told.statements if one.migration == migration]


@pytest.mark.parametrize("interpreter", INTERPRETERS)
async def test_the_scratch_is_migrated_and_the_target_is_not(tmp_path: Path, interpreter: str) -> None:
    target, scratch = sqlite_file(tmp_path / "app.db"), _scratch(tmp_path)
    before = _digest(target)
    bench = stock(tmp_path / "shop", f"sqlite:///{target}", interpreter)
    seen = await bench.probe(bench.redirected(at(scratch)))
    told, output = bench.rehearse(at(scratch), "b2")
    assert (seen.error, seen.marker) == ("", MARKER)
    assert seen.url is not None
    assert seen.url.database == str(scratch)
    assert (told.error, told.failed, told.marker, output.exit_code) == ("", "", MARKER, 0)
    assert told.applied == ("a1", "b2")
    assert any("CREATE TABLE one" in sql for sql in _sql(told, "a1"))
    assert all("alembic_version" not in one.sql for one in told.statements)
    assert {"one", "two"} <= tables(scratch)
    assert "three" not in tables(scratch)
    told, _ = bench.rehearse(at(scratch), "a1", direction="down")
    assert (told.error, told.applied) == ("", ("b2",))
    assert "two" not in tables(scratch)
    assert _digest(target) == before


HARD: list[tuple[str, Callable[[Path], str], str]] = [
    ("literal", lambda db: f"create_engine('sqlite:///{db}')", ""),
    ("creator", lambda db: f"create_engine('sqlite://', creator=lambda: sqlite3.connect('{db}'))", "import sqlite3"),
    ("uri", lambda db: f"create_engine('sqlite://', creator=lambda: sqlite3.connect('file:{db}?mode=rw', uri=True))",
     "import sqlite3"),
    ("dbapi2", lambda db: f"create_engine('sqlite://', creator=lambda: connect('{db}'))",
     "from sqlite3.dbapi2 import connect"),
    ("class", lambda db: f"create_engine('sqlite://', creator=lambda: Connection('{db}', check_same_thread=False))",
     "from sqlite3 import Connection"),
    ("settings", lambda db: "create_engine(url)", "from app.settings import url"),
    ("default", lambda db: f"create_engine(os.environ.get('SHOP_STORE', 'x') and 'sqlite:///{db}')", "import os"),
    ("attach", lambda db: f"Attaching('{db}')", ""),
]  # fmt: skip

ATTACHING = """
def Attaching(path):
    import os
    from sqlalchemy import event
    engine = create_engine(context.config.get_main_option("sqlalchemy.url"))
    event.listen(engine, "connect", lambda c, _: c.execute("ATTACH ? AS real", (path,)))
    return engine
"""


@pytest.mark.parametrize(("shape", "engine", "head"), HARD, ids=[one[0] for one in HARD])
async def test_a_hard_coded_file_is_refused_and_stays_byte_for_byte(
    tmp_path: Path, shape: str, engine: Callable[[Path], str], head: str
) -> None:
    target, scratch = sqlite_file(tmp_path / "app.db"), _scratch(tmp_path)
    before = (_digest(target), target.stat().st_mtime_ns, _digest(scratch))
    bench = own_env(tmp_path / "shop", engine(target), head)
    bench.write({"app/settings.py": f"url = 'sqlite:///{target}'\n", "app/__init__.py": ""})
    if shape == "attach":
        text = (bench.root / "migrations/env.py").read_text()
        bench.write({"migrations/env.py": text.replace("\nwith ", ATTACHING + "\nwith ")})
        bench.write({"migrations/versions/b2_two.py": revision("b2", "a1", "op.execute('CREATE TABLE real.x (a)')")})
    seen = await bench.probe(bench.redirected(at(scratch)))
    told, output = bench.rehearse(at(scratch), "c3")
    if shape != "attach":
        assert seen.marker == ""
    assert told.error != ""
    assert output.exit_code == 1
    assert (_digest(target), target.stat().st_mtime_ns) == before[:2]
    assert {path.name for path in tmp_path.glob("app.db*")} == {"app.db"}
    assert "three" not in tables(scratch)


async def test_a_migration_that_opens_the_real_file_by_itself_is_refused(tmp_path: Path) -> None:
    target, scratch = sqlite_file(tmp_path / "app.db"), _scratch(tmp_path)
    before = _digest(target)
    bench = stock(tmp_path / "shop", f"sqlite:///{target}")
    aside = f"import sqlite3\nsqlite3.connect('{target}').execute('DROP TABLE kept')"
    bench.write({"migrations/versions/b2_two.py": revision("b2", "a1", aside)})
    seen = await bench.probe(bench.redirected(at(scratch)))
    told, _ = bench.rehearse(at(scratch), "c3")
    assert seen.marker == MARKER
    assert (told.failed, told.applied) == ("b2", ("a1",))
    assert told.error == f"marker_not_seen: {target}"
    assert _digest(target) == before


REACHING = [
    "import subprocess\nsubprocess.run(['sqlite3', {target!r}, 'DROP TABLE kept'])",
    "import os\nos.system('sqlite3 {target} \"DROP TABLE kept\"')",
    "import os\nif os.fork() == 0:\n    os._exit(0)",
    "import socket\nsocket.create_connection(('127.0.0.1', 9), timeout=1)",
    "import urllib.request\ntry:\n    urllib.request.urlopen('http://127.0.0.1:9/')\nexcept Exception:\n    pass",
    "import subprocess, threading\nwords = ['sqlite3', {target!r}, 'DROP TABLE kept']\n"
    "one = threading.Thread(target=subprocess.run, args=(words,))\none.start()\none.join()",
    "import multiprocessing, time\nmultiprocessing.get_context('spawn').Process(target=time.sleep, args=(0,)).start()",
]


@pytest.mark.parametrize("text", REACHING)
async def test_a_migration_that_reaches_out_is_held_back_even_if_it_swallows_that(tmp_path: Path, text: str) -> None:
    target, scratch = sqlite_file(tmp_path / "app.db"), _scratch(tmp_path)
    before = _digest(target)
    bench = stock(tmp_path / "shop", f"sqlite:///{target}")
    bench.write({"migrations/versions/b2_two.py": revision("b2", "a1", text.format(target=str(target)))})
    told, output = bench.rehearse(at(scratch), "c3")
    assert told.error.startswith("rehearsal_reached_out: ")
    assert output.exit_code == 1
    assert _digest(target) == before


LATE = """
import subprocess, sys, threading, time
import alembic_doors
alembic_doors.guard_steps()
with alembic_doors.stepping():
    pass
subprocess.run(["true"], check=True)
with alembic_doors.stepping():
    threading.Thread(target=time.sleep, args=(60,), daemon=True).start()
try:
    subprocess.run(["true"], check=True)
except alembic_doors.refuse("", "").__class__ as error:
    print(error.code)
"""


def test_a_thread_that_outlives_its_migration_is_held_back_too() -> None:
    where = Path(probes.__file__).parent
    said = subprocess.run([sys.executable, "-c", LATE], cwd=where, capture_output=True, text=True, check=True)
    assert said.stdout == "rehearsal_reached_out\n"


async def test_a_scratch_without_the_marker_is_no_scratch(tmp_path: Path) -> None:
    target, other = sqlite_file(tmp_path / "app.db"), sqlite_file(tmp_path / "other.db", marker="another one")
    bench = stock(tmp_path / "shop", f"sqlite:///{target}")
    before = _digest(other)
    seen = await bench.probe(bench.redirected(at(other)))
    told, _ = bench.rehearse(at(other), "c3")
    assert seen.marker == "another one"
    assert (told.marker, told.error) == ("", f"marker_not_seen: {other}")
    assert _digest(other) == before


async def test_a_failure_tells_where_and_the_first_line_of_why(tmp_path: Path) -> None:
    target, scratch = sqlite_file(tmp_path / "app.db"), _scratch(tmp_path)
    bench = stock(tmp_path / "shop", f"sqlite:///{target}")
    fails = "op.create_table('half', sa.Column('id', sa.Integer))\nop.execute('INSERT INTO nowhere VALUES (1)')"
    bench.write({"migrations/versions/b2_two.py": revision("b2", "a1", fails)})
    told, output = bench.rehearse(at(scratch), "c3")
    assert (told.failed, told.applied, output.exit_code) == ("b2", ("a1",), 1)
    assert told.error == "migration_failed: migrations/versions/b2_two.py:8: OperationalError: no such table: nowhere"
    assert any("CREATE TABLE half" in sql for sql in _sql(told, "b2"))
    assert _sql(told, "b2")[-1] == "INSERT INTO nowhere VALUES (1)"
    assert "half" in tables(scratch)


async def test_no_value_of_any_row_is_told(tmp_path: Path) -> None:
    rows = ("CREATE TABLE customer (id INTEGER, email TEXT, name TEXT)",
            "INSERT INTO customer VALUES (4711, 'private@example.org', '')",
            "INSERT INTO customer VALUES (4712, 'other@example.org', '')")  # fmt: skip
    scratch = sqlite_file(tmp_path / "scratch.db", *rows, marker=MARKER)
    up = (
        "bind = op.get_bind()\n"
        "for row in bind.execute(sa.text('SELECT id, email FROM customer')).fetchall():\n"
        "    bind.execute(sa.text('UPDATE customer SET name = :n WHERE id = :i'), {'n': row.email, 'i': row.id})\n"
        "    op.execute(f\"UPDATE customer SET name = '{row.email}' WHERE id = {row.id}\")\n"
        "    op.get_bind().connection.cursor().execute(f\"DELETE FROM customer WHERE email = '{row.email}'\")\n"
        "op.execute(\"INSERT INTO customer VALUES (1, 'in the file', 'O''Hara')\")\n"
        "op.execute(\"SELECT count(*) FROM customer WHERE name LIKE '%x%'\")\n"
    )
    bench = stock(tmp_path / "shop", f"sqlite:///{tmp_path}/none.db")
    bench.write({"migrations/versions/b2_two.py": revision("b2", "a1", up)})
    told, output = bench.rehearse(at(scratch), "b2")
    assert told.error == ""
    ran = [(one.sql, one.parameters, one.times) for one in told.statements if one.migration == "b2"]
    assert ran == [
        ("SELECT id, email FROM customer", 0, 1),
        ("UPDATE customer SET name = ? WHERE id = ?", 2, 2),
        ("UPDATE customer SET name = '…' WHERE id = 0", 0, 2),
        ("DELETE FROM customer WHERE email = '…'", 0, 2),
        ("INSERT INTO customer VALUES (1, 'in the file', 'O''Hara')", 0, 1),
        ("SELECT count(*) FROM customer WHERE name LIKE '%x%'", 0, 1),
    ]
    assert "example.org" not in output.stdout
    assert "4711" not in output.stdout


async def test_a_foreign_print_does_not_break_the_report(tmp_path: Path) -> None:
    scratch = _scratch(tmp_path)
    bench = stock(tmp_path / "shop", "sqlite:///none.db")
    noise = "import os\nos.write(1, b'no newline \\xff')\nos.write(2, bytes(range(256)))\nprint('and', end='')"
    bench.write({"migrations/versions/b2_two.py": revision("b2", "a1", noise)})
    told, _ = bench.rehearse(at(scratch), "c3")
    assert (told.error, told.applied) == ("", ("a1", "b2", "c3"))


async def test_a_run_that_is_cut_off_is_no_rehearsal(tmp_path: Path) -> None:
    scratch = _scratch(tmp_path)
    bench = stock(tmp_path / "shop", "sqlite:///none.db")
    bench.write({"migrations/versions/b2_two.py": revision("b2", "a1", "import os\nos._exit(0)")})
    told, output = bench.rehearse(at(scratch), "c3")
    assert output.exit_code == 0
    assert (told.error, told.marker, told.applied) == ("rehearsal_broken_off", "", ("a1",))


async def test_several_heads_are_rehearsed_as_they_will_run(tmp_path: Path) -> None:
    scratch = _scratch(tmp_path)
    bench = stock(tmp_path / "shop", "sqlite:///none.db")
    bench.write({"migrations/versions/x9.py": revision("x9", "a1", *table("side"))})
    told, _ = bench.rehearse(at(scratch), "c3", "x9")
    assert (told.error, set(told.applied)) == ("", {"a1", "b2", "c3", "x9"})


def _tables(database: PgDatabase) -> set[str]:
    return {str(row[0]) for row in database.query("SELECT tablename FROM pg_tables WHERE schemaname = 'public'")}


async def test_a_postgresql_scratch_is_migrated_and_the_target_is_not(
    tmp_path: Path, pg_database: PgDatabase, pg_scratch: PgDatabase
) -> None:
    insert_odd = "INSERT INTO one SELECT g FROM generate_series(1, 5) g WHERE g % 2 = 1 OR g > :n"
    up = f"op.execute(sa.text('{insert_odd}').bindparams(n=9))"
    bench = stock(tmp_path / "shop", pg_database.url)
    bench.write({"migrations/versions/b2_two.py": revision("b2", "a1", up)})
    seen = await bench.probe(bench.redirected(pg_scratch.target))
    told, _ = bench.rehearse(pg_scratch.target, "c3")
    assert (seen.error, seen.marker) == ("", MARKER)
    assert (told.error, told.applied) == ("", ("a1", "b2", "c3"))
    [insert] = [one for one in told.statements if one.migration == "b2"]
    assert insert.sql.startswith(insert_odd.replace(":n", "$1"))
    assert (insert.parameters, insert.times) == (1, 1)
    assert _tables(pg_database) == set()
    assert {"one", "three"} <= _tables(pg_scratch)


PG_HARD: list[tuple[str, Callable[[PgDatabase], str], str]] = [
    ("literal", lambda db: f"create_engine({db.url!r})", ""),
    ("creator", lambda db: f"create_engine('postgresql+psycopg://', creator=lambda: connect({_libpq(db)!r}))",
     "from psycopg import connect"),
    ("class", lambda db: f"create_engine('postgresql+psycopg://', creator=lambda: Connection.connect({_libpq(db)!r}))",
     "from psycopg import Connection"),
    ("own options", lambda db: f"create_engine('postgresql+psycopg://', creator=lambda: connect({_libpq(db)!r}, "
     "options='-c default_transaction_read_only=off'))", "from psycopg import connect"),
]  # fmt: skip


def _libpq(database: PgDatabase) -> str:
    return database.url.replace("+psycopg", "")


@pytest.mark.parametrize(("shape", "engine", "head"), PG_HARD, ids=[one[0] for one in PG_HARD])
async def test_a_hard_coded_server_is_refused_and_untouched(
    tmp_path: Path, pg_database: PgDatabase, pg_scratch: PgDatabase, shape: str, engine: Callable[[PgDatabase], str],
    head: str,
) -> None:  # fmt: skip
    bench = own_env(tmp_path / "shop", engine(pg_database), head)
    seen = await bench.probe(bench.redirected(pg_scratch.target))
    told, output = bench.rehearse(pg_scratch.target, "c3")
    assert seen.marker == ""
    assert told.error == "marker_not_seen: postgresql"
    assert pg_database.password not in output.stdout
    assert _tables(pg_database) == set()
    assert _tables(pg_scratch) == {"diana_scratch_marker"}


async def test_a_migration_that_connects_to_the_real_server_by_itself_is_refused(
    tmp_path: Path, pg_database: PgDatabase, pg_scratch: PgDatabase
) -> None:
    bench = stock(tmp_path / "shop", pg_database.url)
    aside = f"import psycopg\npsycopg.connect({_libpq(pg_database)!r}, autocommit=True).execute('CREATE TABLE mine ()')"
    bench.write({"migrations/versions/b2_two.py": revision("b2", "a1", aside)})
    seen = await bench.probe(bench.redirected(pg_scratch.target))
    told, _ = bench.rehearse(pg_scratch.target, "c3")
    assert seen.marker == MARKER
    assert (told.failed, told.error) == ("b2", "marker_not_seen: postgresql")
    assert _tables(pg_database) == set()


async def test_what_runs_on_a_bare_cursor_is_captured_too(
    tmp_path: Path, pg_database: PgDatabase, pg_scratch: PgDatabase
) -> None:
    raw = (
        "cursor = op.get_bind().connection.cursor()\ncursor.execute('CREATE TABLE bare (a integer)')\n"
        "cursor.executemany('INSERT INTO bare VALUES (%s)', [(1,), (2,)])\n"
        "with cursor.copy('COPY bare FROM STDIN') as copy:\n    copy.write_row((3,))"
    )
    bench = stock(tmp_path / "shop", pg_database.url)
    bench.write({"migrations/versions/b2_two.py": revision("b2", "a1", raw)})
    told, _ = bench.rehearse(pg_scratch.target, "b2")
    assert told.error == ""
    assert _sql(told, "b2") == [
        "CREATE TABLE bare (a integer)", "INSERT INTO bare VALUES ($1)", "COPY bare FROM STDIN",
    ]  # fmt: skip


async def test_leaving_the_transaction_works_in_a_rehearsal_too(
    tmp_path: Path, pg_database: PgDatabase, pg_scratch: PgDatabase
) -> None:
    up = "with op.get_context().autocommit_block():\n    op.execute('CREATE INDEX CONCURRENTLY ix ON one (id)')"
    bench = stock(tmp_path / "shop", pg_database.url)
    bench.write({"migrations/versions/b2_two.py": revision("b2", "a1", up)})
    told, _ = bench.rehearse(pg_scratch.target, "c3")
    assert (told.error, told.applied) == ("", ("a1", "b2", "c3"))

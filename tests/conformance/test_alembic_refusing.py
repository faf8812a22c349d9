"""What a look at a project with something wrong comes to: a code and one line, no secret, and nothing changed."""

from __future__ import annotations

import sqlite3
from dataclasses import replace
from pathlib import Path

import pytest

from conformance.alembic_bench import (
    CHAIN,
    INI,
    INTERPRETERS,
    STOCK,
    Bench,
    own_env,
    revision,
    sqlite_file,
    stock,
)
from servers import PgDatabase

pytestmark = pytest.mark.integration


async def test_a_mistyped_path_is_said_and_not_created(tmp_path: Path) -> None:
    bench = stock(tmp_path / "shop", f"sqlite:///{tmp_path}/ap.db")
    probe = await bench.probe()
    assert (probe.error, probe.error_text) == ("database_missing", f"{tmp_path}/ap.db")
    assert probe.url is not None
    assert probe.url.address.place == f"{tmp_path}/ap.db"
    assert not (tmp_path / "ap.db").exists()


@pytest.mark.parametrize(
    ("url", "code"),
    [
        ("postgres://u:hidden@127.0.0.1:1/x", "url_dialect_unknown"),
        ("driver://user:hidden@localhost/dbname", "url_placeholder"),
        ("sqlite://", "database_in_memory"),
        ("postgresql//u:hidden@host/x", "url_unreadable"),
        ("mysql+pymysql://u:hidden@127.0.0.1:1/x", "driver_missing"),
        ("postgresql+psycopg://u:hidden@127.0.0.1:1/x", "connection_refused"),
        ("postgresql+asyncpg_of_nowhere://u:hidden@127.0.0.1:1/x", "url_dialect_unknown"),
        ("postgresql+psycopg://u:hidden@no-such-host.invalid/x", "host_unknown"),
    ],
)
async def test_a_url_that_leads_nowhere_is_a_code_without_its_password(tmp_path: Path, url: str, code: str) -> None:
    probe = await stock(tmp_path / "shop", url).probe()
    assert probe.error == code
    assert "hidden" not in probe.error_text
    assert probe.pending == ()


async def test_a_url_that_is_not_said_is_missing(tmp_path: Path) -> None:
    bench = Bench(tmp_path / "shop").write({"migrations/env.py": STOCK, **CHAIN})
    bench.write({"alembic.ini": INI.replace("sqlalchemy.url = {url}", "")})
    assert (await bench.probe()).error == "url_missing"


async def test_a_percent_that_is_not_doubled_is_named_without_the_url(tmp_path: Path) -> None:
    bench = stock(tmp_path / "shop", "sqlite:///x")
    bench.write({"alembic.ini": INI.format(url="postgresql://u:hid%40den@host/x")})
    probe = await bench.probe()
    assert (probe.error, probe.error_text) == ("config_percent", "alembic sqlalchemy.url")


async def test_a_broken_ini_is_named_with_its_line(tmp_path: Path) -> None:
    bench = stock(tmp_path / "shop", "sqlite:///x").write({"alembic.ini": "[alembic]\nscript_location = m\nwhat\n"})
    probe = await bench.probe()
    assert probe.error == "config_broken"
    bench.write({"alembic.ini": "no section\n[alembic]\nscript_location = migrations\n"})
    assert (await bench.probe()).error == "config_broken"


async def test_a_file_that_is_no_database(tmp_path: Path) -> None:
    (tmp_path / "app.db").write_bytes(b"this is no database, it is a letter to a friend" * 50)
    probe = await stock(tmp_path / "shop", f"sqlite:///{tmp_path}/app.db").probe()
    assert probe.error == "not_a_database"


ENVIRONMENTS: list[tuple[str, str, str]] = [
    ("raise ValueError('no luck')", "env_failed", "migrations/env.py:1: ValueError: no luck"),
    ("import sys; sys.exit(3)", "env_failed", "migrations/env.py:1: SystemExit: 3"),
    ("import os; os._exit(3)", "probe_silent", "exit 3"),
    ("import os; os.environ['SHOP_DATABASE']", "variable_missing", "SHOP_DATABASE"),
    ("import shop_that_is_not_there", "dependency_missing", "No module named 'shop_that_is_not_there'"),
    ("import psycopg2_ as x", "dependency_missing", "psycopg2_"),
    ("def broken(:", "env_failed", "SyntaxError"),
    ("x = input('really? ')", "env_failed", "EOFError"),
    ("pass", "env_never_ran", ""),
    ("raise RuntimeError('postgresql://u:hidden@h/x')", "env_failed", "postgresql://u:***@h/x"),
]


@pytest.mark.parametrize(("text", "code", "words"), ENVIRONMENTS)
async def test_an_env_py_that_fails_is_one_line(tmp_path: Path, text: str, code: str, words: str) -> None:
    bench = stock(tmp_path / "shop", "sqlite:///app.db").write({"migrations/env.py": text})
    probe = await bench.probe()
    assert probe.error == code
    assert words in probe.error_text
    assert "hidden" not in probe.error_text
    assert "\n" not in probe.error_text


async def test_a_migration_file_that_does_not_load_is_named(tmp_path: Path) -> None:
    bench = stock(tmp_path / "shop", f"sqlite:///{sqlite_file(tmp_path / 'app.db')}")
    probe = await bench.write({"migrations/versions/d4_four.py": "revision = 'd4'\ndef upgrade(:\n"}).probe()
    assert probe.error == "migration_unreadable"
    assert "migrations/versions/d4_four.py:2: SyntaxError" in probe.error_text
    probe = await bench.write({"migrations/versions/d4_four.py": "def upgrade(): pass\n"}).probe()
    assert probe.error == "migration_unreadable"


@pytest.mark.parametrize("interpreter", INTERPRETERS)
@pytest.mark.parametrize(
    ("file", "text", "problem"),
    [
        ("d4.py", revision("d4", "zz"), "missing_parent:d4:zz"),
        ("d4.py", revision("b2", "a1"), "duplicate_id:b2"),
        ("d4.py", revision("d4", "c3", depends_on="'yy'"), "missing_parent:d4:yy"),
        ("a1_one.py", revision("a1", "c3"), "cycle:"),
    ],
)
async def test_an_inconsistent_history_is_a_problem_and_not_guessed_at(
    tmp_path: Path, file: str, text: str, problem: str, interpreter: str
) -> None:
    bench = stock(tmp_path / "shop", f"sqlite:///{sqlite_file(tmp_path / 'app.db')}", interpreter)
    probe = await bench.write({f"migrations/versions/{file}": text}).probe()
    assert probe.error == ""
    assert probe.history.state == "inconsistent"
    assert any(word.startswith(problem) for word in probe.history.problems)
    assert probe.pending == ()


async def test_a_revision_without_its_file_is_a_problem(tmp_path: Path) -> None:
    bench = stock(tmp_path / "shop", f"sqlite:///{sqlite_file(tmp_path / 'app.db')}")
    assert bench.upgrade("c3").exit_code == 0
    (bench.root / "migrations/versions/c3_three.py").unlink()
    probe = await bench.probe()
    assert (probe.current, probe.history.problems) == (("c3",), ("missing_revision:c3",))


async def test_a_locked_file_is_said_to_be_locked(tmp_path: Path) -> None:
    database = sqlite_file(tmp_path / "app.db")
    holder = sqlite3.connect(database, isolation_level=None)
    holder.execute("BEGIN EXCLUSIVE")
    engine = f"create_engine('sqlite:///{database}', connect_args={{'timeout': 0.1}})"
    try:
        probe = await own_env(tmp_path / "shop", engine).probe()
    finally:
        holder.close()
    assert probe.error == "database_locked"


async def test_two_databases_in_one_env_py_are_refused(tmp_path: Path) -> None:
    loop = (
        "from alembic import context\nfrom sqlalchemy import create_engine\n"
        f"for name in ('one', 'two'):\n    with create_engine(f'sqlite:///{tmp_path}/{{name}}.db').connect() as c:\n"
        "        context.configure(connection=c)\n        context.run_migrations()\n"
    )
    for name in ("one", "two"):
        sqlite_file(tmp_path / f"{name}.db")
    probe = await stock(tmp_path / "shop", "sqlite:///x").write({"migrations/env.py": loop}).probe()
    assert probe.error == "several_databases"


async def test_flask_migrate_is_named_for_what_it_is(tmp_path: Path) -> None:
    bench = Bench(tmp_path / "shop").write(
        {
            "migrations/alembic.ini": "[alembic]\n", "migrations/env.py": "from flask import current_app\n",
            "migrations/versions/a1.py": revision("a1", None),
        }
    )  # fmt: skip
    assert (await bench.probe()).error == "flask_migrate"


async def test_a_wrong_password_and_a_missing_database_are_told_apart(tmp_path: Path, pg_database: PgDatabase) -> None:
    wrong = pg_database.url.replace(pg_database.password, "not-the-password")
    probe = await stock(tmp_path / "one", wrong).probe()
    assert probe.error == "wrong_password"
    assert "not-the-password" not in probe.error_text
    assert probe.url is not None
    assert probe.url.address.place == f"{pg_database.host}:{pg_database.port}/{pg_database.name}"
    probe = await stock(tmp_path / "two", pg_database.url + "_missing").probe()
    assert probe.error == "no_such_database"


async def test_a_lock_on_the_version_table_ends_the_look_in_time(tmp_path: Path, pg_database: PgDatabase) -> None:
    bench = stock(tmp_path / "shop", pg_database.url)
    assert bench.upgrade("a1").exit_code == 0
    with pg_database.server.connect(pg_database.name) as holder, holder.transaction():
        holder.execute("LOCK TABLE alembic_version IN ACCESS EXCLUSIVE MODE")
        probe = await bench.probe()
    assert probe.error == "env_failed"
    assert "lock timeout" in probe.error_text


async def test_a_refusal_that_the_project_swallows_does_not_spoil_the_look(tmp_path: Path) -> None:
    database = sqlite_file(tmp_path / "app.db")
    cache = f"import sqlite3\ntry:\n    sqlite3.connect('{tmp_path}/cache.db')\nexcept Exception:\n    pass"
    probe = await own_env(tmp_path / "shop", f"create_engine('sqlite:///{database}')", cache).probe()
    assert (probe.error, len(probe.pending)) == ("", 3)
    assert not (tmp_path / "cache.db").exists()


async def test_an_env_py_that_hangs_is_ended_with_everything_it_started(tmp_path: Path) -> None:
    hangs = "import subprocess, time\nsubprocess.Popen(['sleep', '600'])\ntime.sleep(600)"
    bench = stock(tmp_path / "shop", "sqlite:///app.db").write({"migrations/env.py": hangs})
    output = await bench.query(replace(bench.adapter.probe(bench.project), timeout=4.0))
    assert output.timed_out
    assert "@@DIANA@@" not in output.stdout

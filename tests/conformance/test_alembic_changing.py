"""The real apply and the way down: what is run, what is said meanwhile, and how a failure reads."""

from __future__ import annotations

from pathlib import Path

import pytest

from conformance.alembic_bench import (
    CHAIN,
    INTERPRETERS,
    ONLINE,
    Bench,
    at,
    own_env,
    revision,
    sqlite_file,
    stock,
    table,
    tables,
)
from diana_tools.command import Output
from servers import PgDatabase

pytestmark = pytest.mark.integration


def _steps(bench: Bench, output: Output) -> list[str]:
    steps = [bench.adapter.progress(line) for line in output.stdout.splitlines()]
    return [step.migration for step in steps if step is not None]


@pytest.mark.parametrize("interpreter", INTERPRETERS)
@pytest.mark.parametrize("logging", [True, False], ids=["stock", "silent"])
async def test_up_and_down_name_every_migration_once_whatever_the_project_logs(
    tmp_path: Path, interpreter: str, logging: bool
) -> None:
    database = sqlite_file(tmp_path / "app.db")
    if logging:
        bench = stock(tmp_path / "shop", f"sqlite:///{database}", interpreter)
    else:
        bench = own_env(tmp_path / "shop", f"create_engine('sqlite:///{database}')", interpreter=interpreter)
    up = bench.upgrade("c3")
    assert (up.exit_code, _steps(bench, up)) == (0, ["a1", "b2", "c3"])
    assert up.stdout.count("Running upgrade a1 -> b2, b2 does its part") == 1
    down = await bench.downgrade("a1")
    assert (down.exit_code, _steps(bench, down)) == (0, ["c3", "b2"])
    assert tables(database) == {"kept", "alembic_version", "one"}
    assert (await bench.downgrade()).exit_code == 0
    assert tables(database) == {"kept", "alembic_version"}


async def test_a_file_that_appeared_later_does_not_join_in(tmp_path: Path) -> None:
    database = sqlite_file(tmp_path / "app.db")
    bench = stock(tmp_path / "shop", f"sqlite:///{database}")
    command = bench.adapter.apply(bench.project, ("c3",), 60)
    bench.write({"migrations/versions/d4.py": revision("d4", "c3", *table("four"))})
    assert bench.run(command).exit_code == 0
    assert "three" in tables(database)
    assert "four" not in tables(database)


def test_the_command_holds_no_url_and_names_the_config_and_the_section(tmp_path: Path) -> None:
    bench = stock(tmp_path / "shop", "postgresql://u:hidden@host/x", SHOP_DATABASE_URL="sqlite:///hidden")
    command = bench.adapter.apply(bench.project, ("c3",), 7)
    assert command.argv[2:] == ("-c", "alembic.ini", "-n", "alembic", "upgrade", "c3")
    assert command.argv[0] == bench.interpreter
    assert (command.cwd, command.timeout) == (bench.root, 7)
    assert "hidden" not in " ".join(command.argv)
    assert set(command.env) == {"PYTHONDONTWRITEBYTECODE", "PYTHONUNBUFFERED"}
    override = bench.adapter.override(bench.project, at(tmp_path / "scratch.db"), tmp_path)
    rehearsal = bench.adapter.rehearse(bench.project, override, "m", "up", ("c3",), 7)
    assert "sqlite:" not in " ".join(rehearsal.argv)


async def test_a_failure_names_its_migration_and_the_database_s_own_words(tmp_path: Path) -> None:
    database = sqlite_file(tmp_path / "app.db", "CREATE TABLE two (secret TEXT)")
    bench = stock(tmp_path / "shop", f"sqlite:///{database}")
    output = bench.upgrade("c3")
    assert output.exit_code == 1
    assert _steps(bench, output) == ["a1", "b2"]
    code, words = bench.adapter.explain(output)
    assert (code, words) == (
        "migration_failed", "sqlalchemy.exc.OperationalError: (sqlite3.OperationalError) table two already exists",
    )  # fmt: skip
    assert [m.id for m in (await bench.probe()).applied] == ["a1"]


async def test_the_way_down_that_is_closed_changes_nothing(tmp_path: Path) -> None:
    database = sqlite_file(tmp_path / "app.db")
    bench = stock(tmp_path / "shop", f"sqlite:///{database}")
    bench.write({"migrations/versions/d4.py": revision("d4", "c3", table("four")[0], "raise RuntimeError('no way')")})
    assert bench.upgrade("d4").exit_code == 0
    output = await bench.downgrade("c3")
    assert bench.adapter.explain(output) == ("migration_failed", "RuntimeError: no way")
    assert (await bench.probe()).current == ("d4",)


async def test_alembic_s_own_refusal_is_the_decisive_line(tmp_path: Path) -> None:
    bench = stock(tmp_path / "shop", f"sqlite:///{sqlite_file(tmp_path / 'app.db')}")
    output = bench.upgrade("zz")
    assert output.exit_code == 255
    code, words = bench.adapter.explain(output)
    assert code == "history_missing_revision"
    assert words == "FAILED: Can't locate revision identified by 'zz'"


@pytest.mark.parametrize("interpreter", INTERPRETERS)
async def test_version_is_asked_of_the_interpreter(tmp_path: Path, interpreter: str) -> None:
    bench = stock(tmp_path / "shop", "sqlite:///x", interpreter)
    version = bench.adapter.parse_version(await bench.query(bench.adapter.version(bench.project)))
    low, high = ([int(part) for part in bound.split(".")] for bound in bench.adapter.tested)
    assert low <= [int(part) for part in version.split(".")[:2]] <= high


@pytest.mark.parametrize(
    ("options", "left"), [("", set[str]()), (", transaction_per_migration=True", {"one", "alembic_version"})]
)
async def test_a_failure_on_postgresql_leaves_what_the_shape_says(
    tmp_path: Path, pg_database: PgDatabase, options: str, left: set[str]
) -> None:
    env = ONLINE.format(head="", engine=f"create_engine({pg_database.url!r})", options=options)
    bench = Bench(tmp_path / "shop").write({"alembic.ini": "[alembic]\nscript_location = migrations\n", **CHAIN})
    bench.write({"migrations/env.py": env})
    bench.write({"migrations/versions/b2_two.py": revision("b2", "a1", "op.execute('SELECT 1/0')")})
    output = bench.upgrade("c3")
    assert _steps(bench, output) == ["a1", "b2"]
    assert bench.adapter.explain(output)[1].endswith("(psycopg.errors.DivisionByZero) division by zero")
    found = pg_database.query("SELECT tablename FROM pg_tables WHERE schemaname = 'public'")
    assert {str(row[0]) for row in found} == left

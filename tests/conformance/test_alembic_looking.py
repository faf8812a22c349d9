"""The probe on real projects: what it sees, and that it leaves nothing behind."""

from __future__ import annotations

import hashlib
from collections.abc import Callable
from pathlib import Path

import pytest

from conformance.alembic_bench import (
    INI,
    INTERPRETERS,
    ONLINE,
    STOCK,
    Bench,
    own_env,
    revision,
    sqlite_file,
    stock,
    table,
    tables,
)
from diana_tools.adapters.base import Shape
from servers import PgDatabase

pytestmark = pytest.mark.integration


def _digest(path: Path) -> str:
    return hashlib.sha256(path.read_bytes()).hexdigest()


@pytest.mark.parametrize("interpreter", INTERPRETERS)
async def test_a_virgin_database_is_seen_whole_and_left_as_it_was(tmp_path: Path, interpreter: str) -> None:
    database = sqlite_file(tmp_path / "shop" / "app.db")
    before = (_digest(database), sorted(tmp_path.rglob("*")))
    bench = stock(tmp_path / "shop", f"sqlite:///{database}", interpreter)
    files = sorted(tmp_path.rglob("*"))
    probe = await bench.probe()
    assert (probe.error, probe.error_text) == ("", "")
    assert probe.current == ()
    assert [(m.id, m.path, m.reversible, m.transactional) for m in probe.pending] == [
        ("a1", "migrations/versions/a1_one.py", True, True),
        ("b2", "migrations/versions/b2_two.py", True, True),
        ("c3", "migrations/versions/c3_three.py", True, True),
    ]
    assert probe.pending[0].checksum == _digest(bench.root / "migrations/versions/a1_one.py")
    assert probe.pending[0].description == "a1 does its part"
    assert (probe.heads, probe.applied, probe.history.state) == (("c3",), (), "virgin")
    assert probe.url is not None
    assert probe.url.address.place == str(database)
    assert probe.database == f"{database.stat().st_dev}:{database.stat().st_ino}"
    assert (probe.server, probe.marker, probe.version_table) == ("", "", "alembic_version")
    assert probe.shape is Shape.NONE
    assert bench.root / "migrations/env.py" in probe.loaded
    assert bench.root / "alembic.ini" in probe.loaded
    assert bench.root / "migrations/versions/b2_two.py" in probe.loaded
    assert before[0] == _digest(database)
    assert files == sorted(tmp_path.rglob("*"))


async def test_half_way_up_shows_what_is_applied_and_what_is_pending(tmp_path: Path) -> None:
    bench = stock(tmp_path / "shop", f"sqlite:///{sqlite_file(tmp_path / 'app.db')}")
    assert bench.upgrade("b2").exit_code == 0
    probe = await bench.probe()
    assert [m.id for m in probe.applied] == ["a1", "b2"]
    assert [m.id for m in probe.pending] == ["c3"]
    assert (probe.current, probe.history.state, probe.history.applied) == (("b2",), "pending", ("a1", "b2"))
    assert bench.upgrade("c3").exit_code == 0
    assert (await bench.probe()).history.state == "up_to_date"


async def test_a_path_with_spaces_and_quotes_is_one_path(tmp_path: Path) -> None:
    root = tmp_path / 'it\'s "the" shop'
    bench = stock(root, "sqlite:///app.db")
    sqlite_file(root / "app.db")
    probe = await bench.probe()
    assert probe.error == ""
    assert probe.url is not None
    assert probe.url.database == str(root / "app.db")


async def test_noise_of_any_kind_does_not_drown_the_answer(tmp_path: Path) -> None:
    noise = (
        "import os, sys, warnings\nwarnings.warn('old')\nprint('{\"not\": \"ours\"}')\n"
        "os.write(1, bytes(range(256)) * 40)\nos.write(2, b'\\x1b]52;c;aGk=\\x07\\xff')\n"
        "sys.stdout.write('no newline')\n"
    )
    bench = stock(tmp_path / "shop", f"sqlite:///{sqlite_file(tmp_path / 'app.db')}")
    probe = await bench.write({"migrations/env.py": noise + STOCK}).probe()
    assert (probe.error, len(probe.pending)) == ("", 3)


async def test_threads_that_the_project_starts_do_not_keep_the_look_waiting(tmp_path: Path) -> None:
    threads = "import threading, time\nthreading.Thread(target=lambda: time.sleep(600)).start()\n"
    bench = stock(tmp_path / "shop", f"sqlite:///{sqlite_file(tmp_path / 'app.db')}")
    assert (await bench.write({"migrations/env.py": threads + STOCK}).probe()).error == ""


@pytest.mark.parametrize("interpreter", INTERPRETERS)
async def test_several_heads_are_shown_and_run(tmp_path: Path, interpreter: str) -> None:
    bench = stock(tmp_path / "shop", f"sqlite:///{sqlite_file(tmp_path / 'app.db')}", interpreter)
    bench.write({"migrations/versions/x9_side.py": revision("x9", "a1", *table("side"))})
    probe = await bench.probe()
    assert (probe.heads, probe.history.state, probe.history.problems) == (("c3", "x9"), "several_heads", ())
    assert {m.id for m in probe.pending} == {"a1", "b2", "c3", "x9"}
    bench.write({"migrations/versions/y9_late.py": revision("y9", "x9", *table("late"))})
    assert bench.upgrade("c3", "x9").exit_code == 0
    probe = await bench.probe()
    assert probe.current == ("c3", "x9")
    assert [m.id for m in probe.pending] == ["y9"]
    assert "late" not in tables(tmp_path / "app.db")
    assert (await bench.downgrade("b2", "a1")).exit_code == 0
    assert (await bench.probe()).current == ("b2",)


SCRATCH_DOWN: list[tuple[str, str, bool | None, bool]] = [
    ("op.execute('SELECT 1')", "raise NotImplementedError('no way back')", False, True),
    ("op.execute('SELECT 1')", "pass", False, True),
    ("pass", "pass", True, True),
    ("op.execute('SELECT 1')", "if op.get_bind():\n    raise ValueError\nop.execute('x')", None, True),
    ("with op.get_context().autocommit_block():\n    op.execute('x')", "op.execute('y')", True, False),
    ("op.execute('COMMIT')", "op.execute('y')", True, False),
    ("op.get_bind().commit()", "op.execute('y')", True, False),
    ("op.execute('commitments')\nop.add_column('t', sa.Column('end', sa.Integer))", "op.execute('y')", True, True),
]


@pytest.mark.parametrize(("up", "down", "reversible", "transactional"), SCRATCH_DOWN)
async def test_what_a_migration_says_of_its_way_back_and_its_transaction(
    tmp_path: Path, up: str, down: str, reversible: bool | None, transactional: bool
) -> None:
    bench = stock(tmp_path / "shop", f"sqlite:///{sqlite_file(tmp_path / 'app.db')}")
    probe = await bench.write({"migrations/versions/d4.py": revision("d4", "c3", up, down)}).probe()
    assert (probe.pending[-1].reversible, probe.pending[-1].transactional) == (reversible, transactional)


WRITERS: list[tuple[str, Callable[[Path], str]]] = [
    ("engine", lambda db: f"create_engine('sqlite:///{db}')"),
    ("creator", lambda db: f"create_engine('sqlite://', creator=lambda: __import__('sqlite3').connect('{db}'))"),
]


@pytest.mark.parametrize(("kind", "engine"), WRITERS)
async def test_an_env_py_that_writes_is_held_by_the_engine(
    tmp_path: Path, kind: str, engine: Callable[[Path], str]
) -> None:
    database = sqlite_file(tmp_path / "app.db")
    before = _digest(database)
    bench = own_env(tmp_path / "shop", engine(database))
    text = (bench.root / "migrations/env.py").read_text()
    write = "    connection.exec_driver_sql('CREATE TABLE mine (a)')\n    context.configure("
    probe = await bench.write({"migrations/env.py": text.replace("    context.configure(", write)}).probe()
    assert probe.error == "env_writes"
    assert before == _digest(database)
    makes = f"import sqlite3\nsqlite3.connect('{tmp_path}/new.db').execute('CREATE TABLE t (a)')\n"
    probe = await bench.write({"migrations/env.py": makes + text}).probe()
    assert (probe.error, probe.error_text) == ("database_missing", f"{tmp_path}/new.db")
    assert not (tmp_path / "new.db").exists()


async def test_a_write_ahead_log_is_not_folded_in_by_looking(tmp_path: Path) -> None:
    database = sqlite_file(tmp_path / "app.db", "PRAGMA journal_mode = WAL", "CREATE TABLE kept (a)")
    before = _digest(database)
    probe = await stock(tmp_path / "shop", f"sqlite:///{database}").probe()
    assert probe.error == ""
    assert before == _digest(database)


async def test_the_variable_that_the_project_reads_is_passed_and_no_other(tmp_path: Path) -> None:
    one, other = sqlite_file(tmp_path / "one.db"), sqlite_file(tmp_path / "other.db")
    head = "import os\nassert 'SHOP_TOKEN' not in os.environ\nassert not any(n.startswith('OTHER') for n in os.environ)"
    bench = own_env(tmp_path / "shop", "create_engine(os.environ['SHOP_DATABASE_URL'])", head)
    bench.environ.update(
        SHOP_DATABASE_URL=f"sqlite:///{one}", OTHER_DATABASE_URL=f"sqlite:///{other}", SHOP_TOKEN="hidden"
    )
    probe = await bench.probe()
    assert (probe.error, probe.error_text) == ("", "")
    assert probe.url is not None
    assert probe.url.database == str(one)


async def test_settings_and_dotenv_files_are_among_what_the_run_loads(tmp_path: Path) -> None:
    database = sqlite_file(tmp_path / "one.db")
    head = "from pathlib import Path\nfrom app.settings import url\nsecret = Path('.env').read_text()"
    bench = own_env(tmp_path / "shop", "create_engine(url)", head)
    bench.write({".env": "A=1\n", "app/__init__.py": "", "app/settings.py": f"url = 'sqlite:///{database}'\n"})
    probe = await bench.probe()
    assert probe.error == ""
    assert {bench.root / ".env", bench.root / "app/settings.py"} <= set(probe.loaded)


async def test_a_folder_named_alembic_that_is_a_package_does_not_hide_alembic(tmp_path: Path) -> None:
    database = sqlite_file(tmp_path / "one.db")
    bench = Bench(tmp_path / "shop").write(
        {
            "alembic.ini": INI.format(url=f"sqlite:///{database}").replace("/migrations", "/alembic"),
            "alembic/__init__.py": "", "alembic/env.py": STOCK, "alembic/versions/__init__.py": "",
            "alembic/versions/a1.py": revision("a1", None, *table("one")),
        }
    )  # fmt: skip
    assert [m.id for m in (await bench.probe()).pending] == ["a1"]
    assert bench.upgrade("a1").exit_code == 0
    assert "one" in tables(database)


async def test_a_pyproject_holds_the_location_and_the_ini_the_url(tmp_path: Path) -> None:
    database = sqlite_file(tmp_path / "one.db")
    bench = stock(tmp_path / "shop", f"sqlite:///{database}")
    text = (bench.root / "alembic.ini").read_text().replace("script_location = %(here)s/migrations\n", "")
    bench.write({"alembic.ini": text, "pyproject.toml": '[tool.alembic]\nscript_location = "%(here)s/migrations"\n'})
    assert len((await bench.probe()).pending) == 3
    (bench.root / "alembic.ini").unlink()
    bench.write(
        {"migrations/env.py": ONLINE.format(head="", engine=f"create_engine('sqlite:///{database}')", options="")}
    )
    probe = await bench.probe()
    assert bench.project.config.name == "pyproject.toml"
    assert len(probe.pending) == 3


async def test_a_project_behind_a_link_knows_its_files(tmp_path: Path) -> None:
    stock(tmp_path / "real", f"sqlite:///{sqlite_file(tmp_path / 'app.db')}")
    (tmp_path / "link").symlink_to(tmp_path / "real")
    bench = Bench(tmp_path / "link")
    probe = await bench.probe()
    assert tmp_path / "link/migrations/env.py" in probe.loaded
    assert probe.pending[0].path == "migrations/versions/a1_one.py"


async def test_a_virgin_postgresql_catalog_is_unchanged_by_looking(tmp_path: Path, pg_database: PgDatabase) -> None:
    catalog = "SELECT oid, relname FROM pg_class ORDER BY oid"
    before = pg_database.query(catalog)
    probe = await stock(tmp_path / "shop", pg_database.url).probe()
    assert (probe.error, probe.error_text) == ("", "")
    assert pg_database.query(catalog) == before
    assert probe.shape is Shape.WHOLE_RUN
    assert probe.url is not None
    assert (probe.url.address, probe.url.password) == (pg_database.target.address, pg_database.password)
    assert probe.server == str(pg_database.query("SELECT system_identifier FROM pg_control_system()")[0][0])
    assert probe.database == str(
        pg_database.query("SELECT oid FROM pg_database WHERE datname = current_database()")[0][0]
    )


@pytest.mark.parametrize(
    ("options", "engine", "shape"),
    [
        (", transaction_per_migration=True", "create_engine({url!r})", Shape.PER_MIGRATION),
        (", transactional_ddl=False", "create_engine({url!r})", Shape.NONE),
        ("", "create_engine({url!r}, isolation_level='AUTOCOMMIT')", Shape.NONE),
        ("", "create_engine({url!r}).execution_options(isolation_level='AUTOCOMMIT')", Shape.NONE),
        ("", "create_engine({url!r})", Shape.WHOLE_RUN),
    ],
)
async def test_the_transaction_shape_is_what_the_project_configured(
    tmp_path: Path, pg_database: PgDatabase, options: str, engine: str, shape: Shape
) -> None:
    bench = own_env(tmp_path / "shop", engine.format(url=pg_database.url), options=options)
    probe = await bench.probe()
    assert (probe.error, probe.shape) == ("", shape)


async def test_a_connection_of_the_project_s_own_making_is_seen_with_its_real_address(
    tmp_path: Path, pg_database: PgDatabase
) -> None:
    creator = f"lambda: psycopg.connect({pg_database.url.replace('+psycopg', '')!r})"
    bench = own_env(tmp_path / "shop", f"create_engine('postgresql+psycopg://', creator={creator})", "import psycopg")
    probe = await bench.probe()
    assert probe.url is not None
    assert (probe.url.database, probe.url.password) == (pg_database.name, pg_database.password)


async def test_an_env_py_that_makes_a_schema_is_held_by_the_server(tmp_path: Path, pg_database: PgDatabase) -> None:
    bench = own_env(tmp_path / "shop", f"create_engine({pg_database.url!r})")
    text = (bench.root / "migrations/env.py").read_text()
    write = "    connection.exec_driver_sql('CREATE SCHEMA mine')\n    context.configure("
    probe = await bench.write({"migrations/env.py": text.replace("    context.configure(", write)}).probe()
    assert probe.error == "env_writes"
    assert pg_database.query("SELECT 1 FROM pg_namespace WHERE nspname = 'mine'") == []


async def test_the_version_table_may_have_another_name_and_schema(tmp_path: Path, pg_database: PgDatabase) -> None:
    pg_database.execute("CREATE SCHEMA ops")
    options = ", version_table='shop_version', version_table_schema='ops'"
    bench = own_env(tmp_path / "shop", f"create_engine({pg_database.url!r})", options=options)
    assert (await bench.probe()).version_table == "ops.shop_version"

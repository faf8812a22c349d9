"""Wherever a project reads its database from, a rehearsal is led to the scratch, without the person's credentials."""

from __future__ import annotations

from pathlib import Path

import pytest

from conformance.alembic_bench import (
    CHAIN,
    MARKER,
    Bench,
    at,
    own_env,
    revision,
    sqlite_file,
    stock,
    tables,
)
from servers import PgDatabase

pytestmark = pytest.mark.integration


def _scratch(folder: Path) -> Path:
    return sqlite_file(folder / "scratch.db", marker=MARKER)


async def test_the_url_may_come_from_any_of_the_usual_places(tmp_path: Path) -> None:
    target = sqlite_file(tmp_path / "app.db")
    places: dict[str, tuple[str, str, dict[str, str]]] = {
        "environment": ("create_engine(os.environ['SHOP_DATABASE_URL'])", "import os",
                        {"SHOP_DATABASE_URL": f"sqlite:///{target}"}),
        "default": (f"create_engine(os.getenv('SHOP_DB', 'sqlite:///{target}'))", "import os", {}),
        "settings": ("create_engine(settings.url)", "from app.settings import settings", {}),
        "path": ("create_engine('sqlite:///' + os.environ['SHOP_DB_PATH'])", "import os",
                 {"SHOP_DB_PATH": str(target)}),
    }  # fmt: skip
    settings = (
        "import os\nfrom pathlib import Path\nfor line in Path('.env').read_text().splitlines():\n"
        "    os.environ.setdefault(*line.split('=', 1))\n"
        "class Settings:\n    url = os.environ['APP_DATABASE_URI']\nsettings = Settings()\n"
    )
    for name, (engine, head, environ) in places.items():
        scratch = _scratch(tmp_path / f"{name}-scratch")
        bench = own_env(tmp_path / name, engine, head)
        bench.environ.update(environ)
        bench.write(
            {"app/settings.py": settings, "app/__init__.py": "", ".env": f"APP_DATABASE_URI=sqlite:///{target}\n"}
        )
        told, _ = bench.rehearse(at(scratch), "a1")
        assert (name, told.marker, told.error) == (name, MARKER, "")
    assert tables(target) == {"kept"}


async def test_the_child_of_a_rehearsal_holds_no_credential_of_the_target(
    tmp_path: Path, pg_database: PgDatabase, pg_scratch: PgDatabase, isolated: Path
) -> None:
    (isolated / ".pgpass").write_text("*:*:*:*:the-real-password\n")
    (isolated / ".pgpass").chmod(0o600)
    bench = stock(tmp_path / "shop", pg_database.url)
    bench.environ.update(
        DATABASE_URL=pg_database.url, PGPASSWORD="the-real-password", PGSERVICE="real", PGHOST="real.example.org"
    )
    override = bench.adapter.override(bench.project, pg_scratch.target, tmp_path)
    told = " ".join([*override.env.values(), *override.files.values()])
    assert pg_database.name + "_scratch" in told
    assert f"/{pg_database.name}\n" not in told
    assert "real" not in told
    assert not Path(override.env["PGPASSFILE"]).exists()
    aside = "import os, sys\nsys.stderr.write('SEEN ' + repr(dict(os.environ)))"
    bench.write({"migrations/versions/b2_two.py": revision("b2", "a1", aside)})
    _, output = bench.rehearse(pg_scratch.target, "c3")
    assert "SEEN" in output.stdout
    assert "the-real-password" not in output.stdout
    assert "real.example.org" not in output.stdout


def test_the_redirecting_files_are_only_those_in_the_private_folder(tmp_path: Path) -> None:
    bench = Bench(tmp_path / "shop").write({"alembic.ini": "[alembic]\nscript_location = migrations\n"})
    bench.write({"migrations/env.py": ""})
    private = tmp_path / "private"
    override = bench.adapter.override(bench.project, at(tmp_path / "s.db"), private)
    assert list(override.files) == [private / "alembic.ini"]
    assert override.config == private / "alembic.ini"


async def test_a_project_without_an_ini_gets_one(tmp_path: Path) -> None:
    scratch = _scratch(tmp_path)
    env = (
        "from logging.config import fileConfig\nfrom alembic import context\nfrom sqlalchemy import create_engine\n"
        "fileConfig(context.config.config_file_name)\n"
        "with create_engine(context.config.get_main_option('sqlalchemy.url')).connect() as connection:\n"
        "    context.configure(connection=connection)\n    with context.begin_transaction():\n"
        "        context.run_migrations()\n"
    )
    bench = Bench(tmp_path / "shop").write({"migrations/env.py": env, **CHAIN})
    bench.write({"pyproject.toml": '[tool.alembic]\nscript_location = "%(here)s/migrations"\n'})
    told, _ = bench.rehearse(at(scratch), "c3")
    assert (told.error, told.applied) == ("", ("a1", "b2", "c3"))


async def test_a_server_may_be_said_in_parts_or_to_libpq_alone(
    tmp_path: Path, pg_database: PgDatabase, pg_scratch: PgDatabase
) -> None:
    parts = (
        "URL.create('postgresql+psycopg', os.environ['DB_USER'], os.environ['DB_PASSWORD'], os.environ['DB_HOST'],"
        " int(os.environ['DB_PORT']), os.environ['DB_NAME'])"
    )
    head = "import os\nfrom sqlalchemy import URL"
    said = {"HOST": pg_database.host, "PORT": str(pg_database.port), "USER": pg_database.user,
            "PASSWORD": pg_database.password}  # fmt: skip
    one = own_env(tmp_path / "one", f"create_engine({parts})", head)
    one.environ.update({f"DB_{name}": value for name, value in said.items()}, DB_NAME=pg_database.name)
    two = own_env(tmp_path / "two", "create_engine('postgresql+psycopg://')")
    two.environ.update({f"PG{name}": value for name, value in said.items()}, PGDATABASE=pg_database.name)
    for bench in (one, two):
        assert (await bench.probe()).error == ""
        told, _ = bench.rehearse(pg_scratch.target, "a1")
        assert (told.error, told.marker, told.applied) == ("", MARKER, ("a1",))
        pg_scratch.execute("DROP TABLE one; DROP TABLE alembic_version")
    assert pg_database.query("SELECT 1 FROM pg_tables WHERE schemaname = 'public'") == []

"""Which variables mean a database, and what they must say to mean another."""

from __future__ import annotations

import pytest

from diana_tools.adapters.connection_variables import as_text, is_connection, is_mode, is_url, libpq, redirected
from diana_tools.adapters.python_projects import Variable
from diana_tools.domain import DatabaseUrl

PG = DatabaseUrl("postgresql", "psycopg", "127.0.0.1", 5999, "scratch", "me", "p@ss/w:rd%")
SQLITE = DatabaseUrl("sqlite", "pysqlite", "", None, "/tmp/it's a scratch.db")
PG_TEXT = "://me:p%40ss%2Fw%3Ard%25@127.0.0.1:5999/scratch"


@pytest.mark.parametrize(
    ("name", "value", "expected"),
    [
        ("DATABASE_URL", "", True), ("SHOP_DB_URL", "", True), ("SQLALCHEMY_DATABASE_URI", "", True),
        ("POSTGRES_PASSWORD", "", True), ("PGHOST", "", True), ("DB_NAME", "", True), ("POSTGRES_SERVER", "", True),
        ("SQLITE_PATH", "", True), ("DSN_OF_SHOP", "postgresql://x", True), ("X", "sqlite:///a", True),
        ("API_URL", "https://x", False), ("SECRET_KEY", "x", False), ("OPENAI_API_KEY", "x", False),
        ("HOST", "", False), ("REDIS_URL", "redis://x", False), ("DBX", "", False), ("USER", "", False),
        ("SMTP_PASSWORD", "x", False),
    ],
)  # fmt: skip
def test_a_connection_is_known_by_its_name_or_its_value(name: str, value: str, expected: bool) -> None:
    assert is_connection(name, value) is expected


def test_urls_and_modes() -> None:
    assert is_url("postgresql+asyncpg://u@h/d")
    assert is_url("sqlite:///x")
    assert is_url("postgres://h")
    assert not is_url("https://postgresql/")
    assert not is_url("driver://user:pass@localhost/dbname")
    assert is_mode("APP_ENV")
    assert not is_mode("API_KEY")


@pytest.mark.parametrize(
    ("like", "scheme"),
    [
        ("postgresql+asyncpg://u@h/d", "postgresql+asyncpg"), ("postgres://u@h/d", "postgres"),
        ("postgresql://u@h/d", "postgresql"), ("sqlite:///x", "postgresql+psycopg"), ("", "postgresql+psycopg"),
    ],
)  # fmt: skip
def test_the_scheme_is_the_project_s_own_where_the_engine_is_the_same(like: str, scheme: str) -> None:
    assert as_text(PG, like) == scheme + PG_TEXT


def test_a_sqlite_path_is_absolute_and_taken_as_it_stands() -> None:
    assert as_text(SQLITE) == "sqlite:////tmp/it's a scratch.db"
    assert as_text(SQLITE, "sqlite+aiosqlite:///app.db") == "sqlite+aiosqlite:////tmp/it's a scratch.db"
    assert as_text(DatabaseUrl("postgresql", "", "::1", 5432, "d", "u")) == "postgresql://u@[::1]:5432/d"


def test_a_url_goes_through_sqlalchemy_unharmed() -> None:
    from sqlalchemy.engine import make_url

    url = make_url(as_text(PG))
    assert (url.username, url.password, url.host, url.port, url.database) == (
        "me", PG.password, "127.0.0.1", 5999, "scratch",
    )  # fmt: skip
    assert make_url(as_text(SQLITE)).database == SQLITE.database


def test_each_variable_says_its_part_of_the_scratch() -> None:
    read = "DATABASE_URL DB_HOST DB_PORT POSTGRES_USER DB_PASSWORD PGDATABASE SECRET_KEY API_URL"
    names = [Variable(name) for name in read.split()]
    names.append(Variable("SHOP_STORE", "postgresql+psycopg2://u:old@real/x"))
    assert redirected(names, {"DATABASE_URL": "postgresql://u:old@real/x"}, PG) == {
        "DATABASE_URL": f"postgresql{PG_TEXT}", "DB_HOST": "127.0.0.1", "DB_PORT": "5999", "POSTGRES_USER": "me",
        "DB_PASSWORD": "p@ss/w:rd%", "PGDATABASE": "scratch", "SHOP_STORE": f"postgresql+psycopg2{PG_TEXT}",
    }  # fmt: skip


def test_a_name_without_a_value_takes_the_scheme_of_another() -> None:
    names = [Variable("A_DATABASE_URL"), Variable("B_DB_URL", "postgresql+pg8000://real/x")]
    assert redirected(names, {}, PG)["A_DATABASE_URL"] == f"postgresql+pg8000{PG_TEXT}"
    assert (
        redirected(names[:1], {}, PG, "postgresql+psycopg2://real/x")["A_DATABASE_URL"]
        == f"postgresql+psycopg2{PG_TEXT}"
    )


def test_for_sqlite_only_paths_and_urls_are_said() -> None:
    names = [Variable(name) for name in ("SQLITE_FILE", "DB_HOST", "DB_NAME", "DATABASE_URL")]
    assert redirected(names, {}, SQLITE) == {
        "SQLITE_FILE": SQLITE.database, "DB_NAME": SQLITE.database, "DATABASE_URL": f"sqlite:///{SQLITE.database}",
    }  # fmt: skip


def test_the_person_s_own_files_of_passwords_stay_out_of_reach() -> None:
    told = libpq(PG, "/nowhere")
    assert (told["PGPASSFILE"], told["PGSERVICEFILE"], told["PGHOST"]) == ("/nowhere", "/nowhere", "127.0.0.1")
    assert libpq(SQLITE, "/nowhere") == {"PGPASSFILE": "/nowhere", "PGSERVICEFILE": "/nowhere"}

"""Copies of an ini that lead elsewhere: read back by Alembic's own kind of parser."""

from __future__ import annotations

import configparser
import logging.config
from pathlib import Path

from hypothesis import given
from hypothesis import strategies as st

from diana_tools.adapters.alembic.config import Section, read_ini, redirected, sections, urls

TEXT = """\
# a comment with a password: postgresql://u:in-a-comment@real/x
[DEFAULT]
shared = 1

[alembic]
script_location = %(here)s/migrations
sqlalchemy.url = postgresql://u:p%%40ss@real:5432/shop
file_template = %%(rev)s_%%(slug)s

[engine1]
sqlalchemy.url = mysql+pymysql://u:hidden@real/one
replica = postgresql://u:hidden@real/two

[logger_root]
level = WARNING
"""


def _parsed(text: str) -> configparser.ConfigParser:
    parser = configparser.ConfigParser({"here": "/the/copy's/folder"})
    parser.read_string(text)
    return parser


def test_every_url_is_replaced_and_here_stays_where_it_was() -> None:
    copy = redirected(TEXT, Path("/srv/it's a shop/100%"), "alembic", "sqlite:////tmp/a b%20c.db")
    parser = _parsed(copy)
    assert parser.get("alembic", "script_location") == "/srv/it's a shop/100%/migrations"
    assert parser.get("alembic", "sqlalchemy.url") == "sqlite:////tmp/a b%20c.db"
    assert parser.get("engine1", "sqlalchemy.url") == "sqlite:////tmp/a b%20c.db"
    assert parser.get("engine1", "replica") == "sqlite:////tmp/a b%20c.db"
    assert parser.get("alembic", "file_template") == "%(rev)s_%(slug)s"
    for secret in ("hidden", "p%%40ss", "in-a-comment", "real"):
        assert secret not in copy


@given(
    st.text(st.characters(codec="utf-8", categories=("L", "N", "P", "S")), min_size=1).filter(lambda t: t == t.strip())
)
def test_any_password_survives_the_copy(password: str) -> None:
    url = f"postgresql://u:{password}@h/x"
    assert _parsed(redirected(TEXT, Path("/srv"), "alembic", url)).get("alembic", "sqlalchemy.url") == url


def test_a_missing_ini_becomes_one_that_logging_takes(tmp_path: Path) -> None:
    copy = tmp_path / "alembic.ini"
    copy.write_text(redirected("", tmp_path, "alembic", "sqlite:///x"))
    logging.config.fileConfig(copy, disable_existing_loggers=False)
    assert _parsed(copy.read_text()).get("alembic", "sqlalchemy.url") == "sqlite:///x"


def test_an_ini_that_cannot_be_read_still_leads_to_the_scratch() -> None:
    assert (
        _parsed(redirected("broken", Path("/srv"), "main", "sqlite:///x")).get("main", "sqlalchemy.url")
        == "sqlite:///x"
    )


def test_the_urls_of_a_file_are_those_that_are_one() -> None:
    assert list(urls(TEXT)) == [
        "postgresql://u:p%40ss@real:5432/shop", "mysql+pymysql://u:hidden@real/one", "postgresql://u:hidden@real/two",
    ]  # fmt: skip
    assert list(urls("broken")) == []


def test_sections_are_read_without_interpolating() -> None:
    parser = read_ini("[alembic]\nscript_location = %(nowhere)s/x\nflag\n")
    assert parser is not None
    assert sections(parser) == (Section("alembic", "%(nowhere)s/x"),)
    assert read_ini("nothing") is None

"""A SQLite file is one database under all its names: no second name makes it a smaller one."""

from __future__ import annotations

from pathlib import Path

import pytest

from diana_agent.steps.environment import links_of
from walking import ADD, DROP, Walker, project, rows, sqlite_shop

STORE = '[stores.vault]\nkind = "folder"\nlocation = "{}"\nremote = true\n'
LIVE = '[environments.live]\nlevel = "production"\nexpected_db = "app.db"\n'


def _at(root: Path, database: Path) -> None:
    """Configure the project for another path."""
    ini = root / "alembic.ini"
    lines = [line for line in ini.read_text().splitlines() if not line.startswith("sqlalchemy.url")]
    lines.insert(1, f"sqlalchemy.url = sqlite:///{database}")
    ini.write_text("\n".join(lines))


@pytest.fixture
def shop(tmp_path: Path) -> Path:
    return sqlite_shop(tmp_path / "data/app.db")


@pytest.fixture
def root(tmp_path: Path, shop: Path) -> Path:
    return project(tmp_path / "project", f"sqlite:///{shop}", ADD, DROP)


def test_a_link_to_the_file_that_the_settings_name_is_production(
    walker: Walker, tmp_path: Path, shop: Path, root: Path
) -> None:
    walker.say(f'{STORE.format(tmp_path)}{LIVE}database = "sqlite:///{shop}"')
    (tmp_path / "hard.db").hardlink_to(shop)
    _at(root, tmp_path / "hard.db")
    found = walker.diana(root, "migrate", "--trust", "--yes", "--json")
    assert found.summary["reason"].text == "database_mismatch"
    assert "customer" in str(rows(shop, "SELECT name FROM sqlite_master"))
    found = walker.diana(root, "connect", "--trust", "--json", "--expected-db", "hard.db")
    assert (found.code, found.summary["environment"]["level"].text) == (0, "production")


def test_a_file_that_was_production_is_that_under_another_name(
    walker: Walker, tmp_path: Path, shop: Path, root: Path
) -> None:
    walker.say(STORE.format(tmp_path) + LIVE)
    words = ("connect", "--trust", "--json", "--expected-db")
    first = walker.diana(root, *words, "app.db", "--environment", "live")
    assert first.summary["environment"]["level"].text == "production"
    (tmp_path / "other.db").hardlink_to(shop)
    _at(root, tmp_path / "other.db")
    found = walker.diana(root, "connect", "--trust", "--json", "--expected-db", "other.db")
    assert (found.code, found.summary["environment"]["level"].text) == (0, "production")


def test_a_file_with_two_names_that_nobody_named_is_not_dev(
    walker: Walker, tmp_path: Path, shop: Path, root: Path
) -> None:
    (tmp_path / "hard.db").hardlink_to(shop)
    for path in (tmp_path / "hard.db", shop):
        _at(root, path)
        found = walker.diana(root, "migrate", "--trust", "--yes", "--json")
        assert found.summary["reason"].text == "environment_unnamed"
    assert links_of(str(shop)) == 2
    assert links_of(str(tmp_path / "none.db")) == 0

"""Trust is for the env.py that Alembic runs, whatever words its configuration uses for the place."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path

import pytest

from diana_prompts.catalogue import Catalogue
from walking import ADD, Terminal, Walker, project, sqlite_shop

PLAIN = "script_location = %(here)s/migrations"


def _interpolated(root: Path) -> None:
    _ini(root, PLAIN, "loc = migrations\nscript_location = %(here)s/%(loc)s")


def _from_defaults(root: Path) -> None:
    _ini(root, PLAIN, "script_location = %(here)s/%(loc)s")
    _ini(root, "[alembic]", "[DEFAULT]\nloc = migrations\n[alembic]")


def _ini(root: Path, old: str, new: str) -> None:
    file = root / "alembic.ini"
    assert old in file.read_text()
    file.write_text(file.read_text().replace(old, new, 1))


def _trusting(walker: Walker, root: Path) -> str:
    with Terminal(walker, root, "connect") as terminal:
        terminal.answers("yes_no", "y")
        assert terminal.result().code == 0
        return " ".join(terminal.seen.split())


@pytest.mark.parametrize("change", [_interpolated, _from_defaults])
def test_another_env_py_is_another_question(walker: Walker, tmp_path: Path, change: Callable[[Path], None]) -> None:
    root = project(tmp_path / "project", f"sqlite:///{sqlite_shop(tmp_path / 'app.db')}", ADD)
    change(root)
    env = root / "migrations/env.py"
    _trusting(walker, root)
    assert walker.diana(root, "connect", "--json").code == 0
    env.write_text(f"{env.read_text()}\nopen({str(tmp_path / 'ran')!r}, 'w').close()\n")
    result = walker.diana(root, "connect", "--json")
    assert (result.summary["reason"].text, (tmp_path / "ran").exists()) == ("project_not_trusted", False)


def test_where_env_py_is_not_sure_the_question_comes_each_time(walker: Walker, tmp_path: Path) -> None:
    root = project(tmp_path / "project", f"sqlite:///{sqlite_shop(tmp_path / 'app.db')}", ADD)
    (root / "pkg").mkdir()
    (root / "migrations").rename(root / "pkg/migrations")
    _ini(root, PLAIN, "script_location = pkg:migrations")
    words = Catalogue("en").say("ask.trust.untold", tool="Alembic", folder=str(root), untold="env.py")
    assert words.partition(". ")[2] in _trusting(walker, root)
    assert walker.diana(root, "connect", "--json").summary["reason"].text == "project_not_trusted"
    assert walker.diana(root, "connect", "--trust", "--json").code == 0

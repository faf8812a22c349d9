"""Which names the project's own modules take from Python's library and from packages."""

from __future__ import annotations

import sys
from dataclasses import replace
from pathlib import Path

import pytest

from diana_tools.adapters.base import Probe, Project, Shape
from diana_tools.domain import History, Migration
from diana_tools.own_modules import own_modules

PENDING = (Migration("1", "1", "", "db/versions/1.py", "", None, True),)
PROBE = Probe("1.18", None, (), (), PENDING, (), History("ok"), next(iter(Shape)), ())


def _project(root: Path, config: str = "[alembic]\n") -> Project:
    (root / "tool").mkdir(parents=True)
    (root / "tool/alembic.ini").write_text(config)
    return Project(root, root / "tool", root / "tool/alembic.ini", "", Path(sys.executable))


@pytest.mark.parametrize(
    "place", ["json.py", "tool/json.py", "db/versions/json.py", "db/json.so", "lib/json/__init__.py"]
)
def test_a_module_at_the_top_of_a_folder_counts(tmp_path: Path, place: str) -> None:
    project = _project(tmp_path / "p")
    probe = replace(PROBE, scripts=(Path("db"),), searched=(tmp_path / "p/lib",))
    assert "json" not in own_modules(project, probe)
    (project.root / place).parent.mkdir(parents=True, exist_ok=True)
    (project.root / place).touch()
    assert "json" in own_modules(project, probe)


@pytest.mark.parametrize(
    "written",
    ["prepend_sys_path = ../lib", "prepend_sys_path = .:%(here)s/../lib", "prepend_sys_path =\n    .\n    ../lib",
     'prepend_sys_path = ["a", "../lib"]'],
)  # fmt: skip
def test_a_folder_that_the_configuration_puts_first_counts(tmp_path: Path, written: str) -> None:
    project = _project(tmp_path / "p", f"[alembic]\n{written}\nscript_location = db\n")
    (project.root / "lib").mkdir()
    (project.root / "lib/json.py").touch()
    assert "json" in own_modules(project, PROBE)


def test_a_module_inside_a_package_and_a_folder_that_is_none_do_not(tmp_path: Path) -> None:
    project = _project(tmp_path / "p")
    (project.root / "app").mkdir()
    (project.root / "app/__init__.py").touch()
    (project.root / "app/json.py").touch()
    (project.root / "logging").mkdir()
    assert own_modules(project, PROBE) == {"app"}


@pytest.mark.parametrize(("more", "text", "counts"), [("", "", False), ("op.py", "", True), ("", "op = 1", True)])
def test_the_environment_of_alembic_counts_where_it_may_give_something(
    tmp_path: Path, more: str, text: str, counts: bool
) -> None:
    project = _project(tmp_path / "p")
    folder = project.root / "alembic"
    folder.mkdir()
    (folder / "env.py").touch()
    (folder / "__init__.py").write_text(text)
    if more:
        (folder / more).touch()
    assert ("alembic" in own_modules(project, PROBE)) is counts


def test_a_configuration_that_is_not_there_says_nothing(tmp_path: Path) -> None:
    assert own_modules(replace(_project(tmp_path / "p"), config=tmp_path / "none/x.ini"), PROBE) == frozenset()

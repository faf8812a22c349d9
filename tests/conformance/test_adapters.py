"""What every adapter must declare and do, whichever the registry finds; its fixture lies in tests/projects/<tool>."""

from __future__ import annotations

import os
import shutil
from pathlib import Path

import pytest

from diana_tools import registry
from diana_tools.adapters.base import Adapter, Project, Shape
from diana_tools.command import Command, WriteCommand
from diana_tools.detect import detect, listing
from diana_tools.domain import Confidence, DatabaseUrl
from diana_tools.executor import withheld

PROJECTS = Path(__file__).parents[1] / "projects"
SECRET = "s3cret-of-the-person"

pytestmark = pytest.mark.integration


@pytest.fixture(params=sorted(registry.adapters()))
def adapter(request: pytest.FixtureRequest) -> Adapter:
    """Every adapter in turn."""
    return registry.adapters()[str(request.param)]


@pytest.fixture
def project(adapter: Adapter, tmp_path: Path) -> Project:
    """The adapter's own fixture project, copied, found by detection."""
    root = tmp_path / "it's a project"
    shutil.copytree(PROJECTS / adapter.tool, root)
    [found] = detect(listing(root))
    assert (found.tool, found.confidence) == (adapter.tool, Confidence.CERTAIN)
    assert found.count > 0
    assert found.evidence
    interpreter = adapter.interpreters(root, root / found.root)[-1]
    return Project(root, root / found.root, root / found.config, found.section, interpreter)


def _commands(adapter: Adapter, project: Project, folder: Path) -> list[Command]:
    url = DatabaseUrl("postgresql", "psycopg", "h", 5432, "scratch", "u", SECRET)
    override = adapter.override(project, url, folder)
    return [
        adapter.version(project), adapter.probe(project), adapter.probe(project, override),
        adapter.apply(project, ("a",), 60), adapter.rehearse(project, override, "marker", "up", ("a",), 60),
    ]  # fmt: skip


def test_what_an_adapter_declares(adapter: Adapter) -> None:
    assert adapter.engines
    assert all(isinstance(adapter.shapes[engine], Shape) for engine in adapter.engines)
    assert all(not withheld(name) for name in adapter.child_env)
    assert [part.isdigit() for bound in adapter.tested for part in bound.split(".")]


def test_commands_hold_no_secret_and_run_in_the_project(adapter: Adapter, project: Project, tmp_path: Path) -> None:
    for command in _commands(adapter, project, tmp_path):
        assert SECRET not in " ".join(command.argv)
        assert command.cwd.is_relative_to(project.root)
        assert 0 < command.timeout <= 60
        assert Path(command.argv[0]).is_absolute()


def test_a_redirection_writes_only_into_the_private_folder(adapter: Adapter, project: Project, tmp_path: Path) -> None:
    url = DatabaseUrl("sqlite", "pysqlite", "", None, str(tmp_path / "scratch.db"))
    override = adapter.override(project, url, tmp_path / "private")
    assert all(path.is_relative_to(tmp_path / "private") for path in override.files)


def test_changes_are_write_commands_and_looks_are_not(adapter: Adapter, project: Project, tmp_path: Path) -> None:
    for command in _commands(adapter, project, tmp_path)[:3]:
        assert not isinstance(command, WriteCommand)
    for command in _commands(adapter, project, tmp_path)[3:]:
        assert isinstance(command, WriteCommand)


def test_what_looking_executes_is_listed(adapter: Adapter, project: Project) -> None:
    listed = adapter.executed(project)
    assert project.interpreter in listed
    assert project.config in listed
    assert all(path.is_file() for path in listed)


def test_the_person_s_own_interpreter_is_the_last_resort(adapter: Adapter, project: Project) -> None:
    found = adapter.interpreters(project.root, project.tool_root)
    assert all(os.access(path, os.X_OK) for path in found)
    assert all(path.is_relative_to(project.root) for path in found[:-1])

"""Third-party adapters: only by a person's word, never from a project, held to their contract, and named."""

from __future__ import annotations

import importlib
import sys
from collections.abc import Generator
from dataclasses import replace
from pathlib import Path

import pytest

import walking
from diana_agent.events import Noted, Trusted
from diana_tools import registry, third_party
from diana_tools.adapters.base import Override, Project, Tree
from diana_tools.command import CaptureCommand, Command, Output, ReadCommand, WriteCommand
from diana_tools.domain import DatabaseUrl
from diana_tools.errors import ToolError
from diana_tools.executor import Executor
from diana_tools.third_party import Origin
from diana_tools.third_party_adapter import ThirdPartyAdapter
from guard.acme import OFFERED, install, source
from guard.ground import Ground
from guard.test_ground import walk
from guard.test_list import minted
from guard.toy_adapter import ToyAdapter
from integration.conftest import walker
from walking import Walker

__all__ = ["walker"]
REACHED = "import pathlib; pathlib.Path({mark!r}).touch()\n"


def search_first(monkeypatch: pytest.MonkeyPatch, folder: Path) -> None:
    monkeypatch.setattr(sys, "path", [str(folder), *sys.path])
    importlib.invalidate_caches()


@pytest.fixture
def site(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Generator[Path]:
    """A folder of the search path, outside every project."""
    folder = tmp_path / "site"
    folder.mkdir()
    search_first(monkeypatch, folder)
    yield folder
    third_party.admit((), tmp_path)
    for name in [name for name in sys.modules if name.startswith("acme_")]:
        del sys.modules[name]


@pytest.fixture
def project(tmp_path: Path) -> Path:
    folder = tmp_path / "shop"
    folder.mkdir()
    return folder


def refused() -> ToolError:
    with pytest.raises(ToolError) as caught:
        registry.adapters()
    return caught.value


def test_nobody_admitted_it_so_nothing_of_it_is_imported(site: Path, project: Path) -> None:
    mark = site / "imported"
    install(site, source() + REACHED.format(mark=str(mark)))
    third_party.admit((), project)
    assert "toy" not in registry.adapters()
    [offer] = third_party.offers()
    assert (offer.tool, offer.origin, offer.why_not) == ("toy", Origin("Acme_Adapter", "1.4"), "adapter.not_admitted")
    assert not mark.exists()
    third_party.admit(("acme.adapter",), project)
    assert registry.origin("toy") == Origin("Acme_Adapter", "1.4")
    assert registry.origin("alembic") is None
    assert mark.exists(), "this is what an import does"


@pytest.mark.parametrize("where", [".", ".venv/lib/python3.11/site-packages"])
def test_a_project_and_its_environment_never_add_one(
    site: Path, project: Path, monkeypatch: pytest.MonkeyPatch, where: str
) -> None:
    mark = site / "imported"
    (project / ".git").mkdir()
    install(project / where, source() + REACHED.format(mark=str(mark)))
    search_first(monkeypatch, project / where)
    third_party.admit(("acme-adapter",), project / "services")
    assert "toy" not in registry.adapters()
    assert [offer.why_not for offer in third_party.offers()] == ["adapter.in_project"]
    assert not mark.exists()


def test_a_module_of_the_project_never_stands_in_for_an_admitted_one(
    site: Path, project: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    mark = site / "imported"
    install(site)
    (project / "acme_adapter").mkdir()
    for name in ("__init__", "adapter"):
        (project / "acme_adapter" / f"{name}.py").write_text(source() + REACHED.format(mark=str(mark)))
    search_first(monkeypatch, project)
    third_party.admit(("acme-adapter",), project)
    error = refused()
    assert (error.code, error.fields["name"]) == ("plugin_source", "a file of the project")
    assert not mark.exists()


def test_it_never_takes_the_place_of_another(site: Path, project: Path) -> None:
    install(site, source().replace('tool = "toy"', 'tool = "alembic"'))
    third_party.admit(("acme-adapter",), project)
    error = refused()
    assert (error.code, error.fields) == ("plugin_name_taken", {"source": "Acme_Adapter 1.4", "tool": "alembic"})


def test_an_incomplete_one_is_refused_with_its_source(site: Path, project: Path) -> None:
    install(site, source().replace("self.shapes: Mapping[str, Shape] =", "self.forms =").replace(OFFERED, "") + OFFERED)
    third_party.admit(("acme-adapter",), project)
    error = refused()
    assert (error.code, error.fields) == ("plugin_refused", {"source": "Acme_Adapter 1.4", "what": "shapes"})


@pytest.mark.parametrize(
    ("code", "name"),
    [
        ("import subprocess", "subprocess"), ("from os import system as quiet", "os.system"),
        ("import os as o\no.execv('/bin/sh', [])", "os.execv"), ("def f():\n    import socket", "socket"),
        ("import sqlite3", "sqlite3"), ("from diana_agent.guard.mint import Mint", "diana_agent"),
        ("from diana_tools.executor import Executor", "diana_tools.executor"), ("exec('1')", "exec"),
        ("from diana_tools import sessions", "diana_tools.sessions"), ("import os\nos.environ['X']", "os.environ"),
        ("m = __import__('subprocess')", "__import__"), ("import importlib\nimportlib.import_module('x')", "importlib"),
        ("async def f(loop):\n    await loop.subprocess_exec(None)", "subprocess_exec"), ("import ctypes", "ctypes"),
        ("from acme_adapter.more import x", "subprocess"), ("from . import more", "subprocess"),
        ("def (", "no readable"),
    ],
)  # fmt: skip
def test_source_that_does_what_no_adapter_may_is_not_imported(site: Path, project: Path, code: str, name: str) -> None:
    mark = site / "imported"
    folder = install(site, REACHED.format(mark=str(mark)) + code + "\n" + source().partition('"""\n')[2])
    (folder / "more.py").write_text("import subprocess\nx = 1\n")
    third_party.admit(("acme-adapter",), project)
    error = refused()
    assert error.code == "plugin_source"
    assert name in error.fields["name"]
    assert not mark.exists()


def test_one_that_cannot_be_imported_is_named(site: Path, project: Path) -> None:
    install(site, "raise RuntimeError('no licence')\n")
    third_party.admit(("acme-adapter",), project)
    error = refused()
    assert (error.code, error.fields["error"]) == ("plugin_broken", "no licence")


class Lying(ToyAdapter):
    """An adapter that hands out another kind of thing than was asked for."""

    def __init__(self, answer: object) -> None:
        super().__init__()
        self.answer = answer

    def probe(self, project: Project, override: Override | None = None) -> ReadCommand:
        return self.answer  # pyright: ignore[reportReturnType]  # it lies

    def apply(self, project: Project, target: tuple[str, ...], timeout: float) -> WriteCommand:
        return self.answer  # pyright: ignore[reportReturnType]  # it lies


class Sly(ReadCommand):
    """A command that may say something else each time it is asked."""


@pytest.fixture
def place(ground: Ground) -> Project:
    return Project(ground.project, ground.project, ground.project / "toy.ini", "", Path(sys.executable))


def held(answer: object) -> ThirdPartyAdapter:
    return ThirdPartyAdapter(Lying(answer), Origin("acme", "1"), ())


async def test_nothing_of_it_is_started_before_trust(ground: Ground, place: Project) -> None:
    """Whatever it calls its commands: one that says it runs no project code, or one to ask for a version."""
    mark = ground.folder / "ran"
    touch = ReadCommand(("/usr/bin/touch", str(mark)), ground.project, runs_project_code=False)
    executor = Executor(minted(ground)[0], lambda: False, {}, ground.folder / "runs")
    adapter = held(touch)
    for command in (adapter.probe(place), adapter.version(place)):
        with pytest.raises(ToolError, match="project_not_trusted"):
            await executor.query(command)
    assert not mark.exists()


@pytest.mark.parametrize("kind", [WriteCommand, CaptureCommand, Command, Sly])
def test_it_cannot_pass_another_command_for_a_look(place: Project, kind: type[Command]) -> None:
    with pytest.raises(ToolError, match="plugin_refused"):
        held(kind(("/usr/bin/touch", "x"), place.root)).probe(place)


@pytest.mark.parametrize("kind", [ReadCommand, CaptureCommand, Command])
def test_it_cannot_pass_a_look_for_a_change(place: Project, kind: type[Command]) -> None:
    with pytest.raises(ToolError, match="plugin_refused"):
        held(kind(("/usr/bin/touch", "x"), place.root)).apply(place, (), 1.0)


@pytest.mark.parametrize("change", [{"tool": "alembic"}, {"config": "/etc/passwd"}, {"root": "../elsewhere"}])
def test_it_detects_its_own_tool_inside_the_project(
    place: Project, monkeypatch: pytest.MonkeyPatch, change: dict[str, str]
) -> None:
    honest = ToyAdapter()
    tree = Tree(place.root, ())
    found = replace(honest.detect(tree)[0], **change)  # pyright: ignore[reportArgumentType]  # all of them are texts
    monkeypatch.setattr(honest, "detect", lambda _tree: (found,))  # pyright: ignore[reportUnknownArgumentType, reportUnknownLambdaType]  # a test's own
    with pytest.raises(ToolError, match="plugin_refused"):
        ThirdPartyAdapter(honest, Origin("acme", "1"), ()).detect(tree)


def test_an_override_writes_inside_its_private_folder(
    place: Project, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    honest, url = ToyAdapter(), DatabaseUrl("sqlite", "", "", None, "x")
    outside = Override(files={tmp_path / "private" / ".." / "elsewhere": "x"})
    monkeypatch.setattr(honest, "override", lambda *_: outside)  # pyright: ignore[reportUnknownArgumentType, reportUnknownLambdaType]  # a test's own
    with pytest.raises(ToolError, match="plugin_refused"):
        ThirdPartyAdapter(honest, Origin("acme", "1"), ()).override(place, url, tmp_path / "private")


async def test_another_version_of_it_is_another_plan_and_asked_about_again(
    ground: Ground, place: Project, monkeypatch: pytest.MonkeyPatch
) -> None:
    file = ground.folder / "adapter.py"
    file.write_text("one")
    adapter = ThirdPartyAdapter(ToyAdapter(), Origin("acme", "1"), ((file, "a" * 64),))
    assert file in adapter.executed(place)
    assert adapter.code == (("acme 1: adapter.py", "a" * 64),)
    assert adapter.parse_version(Output(0, "1.0\n", "", 0.1)) == "1.0"
    monkeypatch.setattr(registry, "adapters", lambda: {"toy": adapter})
    run = ground.open()
    await walk(run, "detect", "connect", "plan")
    assert ("acme 1: adapter.py", "a" * 64) in run.need_plan().code
    notes = [event for event in run.journal.events() if isinstance(event, Noted) and event.message == "adapter.used"]
    assert len(notes) == 2
    trusted = [event for event in run.journal.events() if isinstance(event, Trusted)]
    assert str(file) in {path for path, _ in trusted[0].files}


@pytest.mark.integration
def test_detect_and_plan_say_where_it_is_from(tmp_path: Path, walker: Walker) -> None:
    site, project = tmp_path / "site", tmp_path / "shop"
    install(site)
    walker.environ["PYTHONPATH"] = str(site)
    (project / "migrations").mkdir(parents=True)
    for name in ("toy.ini", ".env"):
        (project / name).write_text("# nothing\n")
    (project / "migrations/0001_change.sql").write_text("ALTER TABLE customer ADD COLUMN points INTEGER;")
    walking.sqlite_shop(project / "app.db", "DROP TABLE alembic_version")
    off = walker.diana(project, "detect", "--json")
    assert (off.code, off.summary["reason"]) == (5, "tool_not_found"), off
    assert 'adapters = ["Acme_Adapter"]' in off.err
    (project / "diana.toml").write_text('adapters = ["acme-adapter"]\n')
    assert walker.diana(project, "detect", "--json").summary["reason"] == "setting_forbidden"
    (project / "diana.toml").unlink()
    walker.say('adapters = ["acme-adapter"]\n')
    found = walker.diana(project, "detect", "--json")
    assert found.code == 0, found
    assert found.summary["adapter"] == {"distribution": "Acme_Adapter", "version": "1.4"}
    assert "comes from Acme_Adapter 1.4" in found.err
    untrusted = walker.diana(project, "plan", "--json")
    assert untrusted.summary["reason"] == "project_not_trusted", untrusted
    planned = walker.diana(project, "plan", "--trust", "--json")
    assert planned.code == 0, planned
    assert planned.summary["adapter"] == {"distribution": "Acme_Adapter", "version": "1.4"}
    assert "comes from Acme_Adapter 1.4" in planned.err

"""The cells of the fault matrix, from the registries: every tool on every engine, in every shape, with every fault."""

from __future__ import annotations

import os
import subprocess
import sys
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from pathlib import Path

import psutil

from answers import Result
from diana_tools import registry
from faults.grounds import PostgresqlGround, SqliteGround, measured
from faults.scene import MANY, PER_MIGRATION, Scene

Play = Callable[[Scene], tuple[Result | None, bool]]
"""Plays a fault; what Diana said at her end (None: she was killed), and whether a next call has to tell the rest."""

SHAPES = {("alembic", "sqlite"): ("",), ("alembic", "postgresql"): ("", PER_MIGRATION)}
TRAFFIC = ("", "audit_log", "customer")
"""Tables that another session writes to meanwhile: none, one of its own, one that the run changes."""


@dataclass(frozen=True, slots=True)
class Fault:
    """One thing that goes wrong: how it is played, which exit codes are right, and on which engines it can be had."""

    play: Play
    codes: tuple[int, ...]
    engines: tuple[str, ...] = ("sqlite", "postgresql")


@dataclass(frozen=True, slots=True)
class Cell:
    """One test of the matrix."""

    tool: str
    engine: str
    shape: str
    fault: str
    traffic: str

    @property
    def id(self) -> str:
        """For people: `alembic-postgresql-per_migration-tool_killed-customer`."""
        return "-".join((self.tool, self.engine, "per_migration" if self.shape else "default", self.fault,
                         self.traffic or "alone"))  # fmt: skip


def cells() -> Iterator[Cell]:
    """Every cell; what a tool or an engine of the registry lacks here fails in `test_matrix`."""
    number = 0
    for tool, adapter in registry.adapters().items():
        for engine in adapter.engines:
            for shape in SHAPES.get((tool, engine), ("",)):
                for name, fault in FAULTS.items():
                    if engine in fault.engines:
                        yield Cell(tool, engine, shape, name, TRAFFIC[number % len(TRAFFIC)])
                        number += 1


def _fails(where: str) -> Play:
    def play(scene: Scene) -> tuple[Result | None, bool]:
        scene.lay_out(where)
        return scene.walker.diana(scene.project, *scene.words), False

    return play


def _in_flight(act: Callable[[Scene], None], *more: str, extra: str = "", slow: bool = False) -> Play:
    """A fault while the second migration is half-way; then it goes on."""

    def play(scene: Scene) -> tuple[Result | None, bool]:
        scene.lay_out(extra=extra, slow=scene.ground.slow if slow else "")
        scene.starts(*more)
        act(scene)
        scene.goes_on()
        return scene.ends(), False

    return play


def _dead(*, supervisor: bool, tool: bool) -> Play:
    """Diana is killed, and more with her; the next one tells."""

    def play(scene: Scene) -> tuple[Result | None, bool]:
        scene.lay_out()
        scene.starts()
        number = scene.tool
        watcher = psutil.Process(number).parent()
        scene.dies()
        if supervisor and watcher is not None:
            watcher.kill()
        if tool:
            psutil.Process(number).kill()
        scene.goes_on()
        scene.until(scene.tool_is_over)
        return None, True

    return play


def _unwritable(scene: Scene) -> tuple[Result | None, bool]:
    """No byte more fits into the record of the run, while the change is in flight."""
    scene.lay_out()
    scene.starts()
    [journal] = scene.walker.journals()
    assert scene.process is not None
    size = journal.stat().st_size
    psutil.Process(scene.process.pid).rlimit(psutil.RLIMIT_FSIZE, (size, size))
    scene.goes_on()
    said = scene.ends()
    scene.until(scene.tool_is_over)
    return said, True


def _locked(scene: Scene) -> tuple[Result | None, bool]:
    """Another session holds what the migration needs, for longer than the tool waits."""
    scene.lay_out(extra="op.execute(\"SET lock_timeout = '700ms'\")")
    scene.starts()
    held = scene.ground.locked("orders")
    scene.goes_on()
    scene.until(scene.tool_is_over)
    held()
    return scene.ends(), False


def _cut(scene: Scene) -> None:
    assert isinstance(scene.ground, PostgresqlGround)
    for pid in scene.ground.sessions():
        scene.ground.rows(f"SELECT pg_terminate_backend({pid})")


def _full(scene: Scene) -> None:
    assert isinstance(scene.ground, SqliteGround)
    scene.ground.full(scene.tool)


def _at_question(happens: Callable[[Scene], None]) -> Play:
    def play(scene: Scene) -> tuple[Result | None, bool]:
        scene.lay_out()
        return scene.asked(lambda: happens(scene)), False

    return play


def _backups(scene: Scene) -> list[Path]:
    return [path for path in scene.walker.backups.rglob("*") if path.is_file() and path.suffix != ".json"]


def _vanish(scene: Scene) -> None:
    for path in _backups(scene):
        path.unlink()


def _truncate(scene: Scene) -> None:
    for path in _backups(scene):
        os.truncate(path, path.stat().st_size // 2)


def _edit(scene: Scene) -> None:
    path = scene.project / "migrations/versions/0003.py"
    path.write_text(path.read_text() + "\n# one more line\n")


def _by_hand(scene: Scene) -> None:
    words = [sys.executable, "-m", "alembic", "upgrade", "head"]
    subprocess.run(words, cwd=scene.project, check=True, capture_output=True)
    scene.before = measured(scene.ground)


def _second(scene: Scene) -> None:
    other = scene.walker.diana(scene.project, "migrate", "--skip-rehearsal", "--skip-backup", "--environment",
                               "production", "--expected-db", scene.ground.name, "--trust", "--json")  # fmt: skip
    assert other.code == 11, other


FAULTS: dict[str, Fault] = {
    "fails_in_statement_1": Fault(_fails("first"), (7, 8)),
    "fails_in_the_middle": Fault(_fails("middle"), (7, 8)),
    "fails_at_the_end": Fault(_fails("last"), (7, 8)),
    "tool_killed": Fault(_in_flight(Scene.kill_tool), (7, 8)),
    "supervisor_killed": Fault(_in_flight(Scene.kill_supervisor), (0, 7, 8)),
    "chat_killed": Fault(_dead(supervisor=False, tool=False), ()),
    "all_killed": Fault(_dead(supervisor=True, tool=True), ()),
    "journal_unwritable": Fault(_unwritable, (5, 8)),
    "disk_full": Fault(_in_flight(_full, extra=MANY), (7, 8), ("sqlite",)),
    "time_is_up": Fault(_in_flight(lambda scene: None, "--timeout", "4", slow=True), (7, 8), ("postgresql",)),
    "lock_timeout": Fault(_locked, (7, 8), ("postgresql",)),
    "connection_cut": Fault(_in_flight(_cut), (7, 8), ("postgresql",)),
    "backup_vanishes": Fault(_at_question(_vanish), (4,)),
    "backup_truncated": Fault(_at_question(_truncate), (4,)),
    "migration_changes": Fault(_at_question(_edit), (4,)),
    "tool_run_by_hand": Fault(_at_question(_by_hand), (4,)),
    "second_runner": Fault(_at_question(_second), (0,)),
}
"""Every fault by its name."""

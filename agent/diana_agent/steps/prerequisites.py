"""S1.4: each prerequisite shown as met or not, with its remedy; what cannot be met is a halt before anything ran."""

from __future__ import annotations

import asyncio
import shutil
from collections.abc import Mapping

from diana_agent.events import Prerequisite
from diana_agent.run import Run
from diana_agent.stores import usable_stores
from diana_tools import committed, own_programs
from diana_tools.connect import Reached
from diana_tools.domain import Level
from diana_tools.errors import BackupError, ToolError
from diana_tools.workbench import Workbench


async def check_prerequisites(run: Run, bench: Workbench, reached: Reached) -> None:
    """Look at everything a run will need.

    Raises:
        ToolError: `no_remote_store` in production without a store outside the database's failure domain.
    """
    detection = run.need_detection()
    _show(run, "tool", True, {"tool": bench.adapter.title, "version": bench.project.version})
    _show(run, "database", True, {"place": bench.url.address.place})
    _show(run, "migrations", detection.count > 0, {"count": str(detection.count), "folder": detection.migrations})
    _show(run, "committed", await _committed(run, detection.migrations), {"folder": detection.migrations})
    _backup_program(run, bench, reached)
    await asyncio.to_thread(_space, run, bench, reached.facts.size)
    others = tuple(f"{one.session} {one.state}" for one in reached.blockers)
    _show(run, "alone", not others, {"count": str(len(others)), "sessions": "; ".join(others[:3])})
    _stores(run, bench)


def _show(run: Run, name: str, met: bool | None, fields: Mapping[str, str]) -> None:
    word = {True: "met", False: "unmet", None: "unknown"}[met]
    run.write(Prerequisite(name=name, met=met, message=f"prerequisite.{name}.{word}", fields=dict(fields)), "tool")


def _backup_program(run: Run, bench: Workbench, reached: Reached) -> None:
    try:
        program = bench.database.backup_program(reached.facts.version)
    except BackupError as error:
        fields = {"error": run.catalogue.say(f"error.{error.code}", **error.fields), "program": ""}
        _show(run, "backup_program", False, fields)
    else:
        _show(run, "backup_program", True, {"program": program, "error": ""})


def _space(run: Run, bench: Workbench, size: int) -> None:
    folder = bench.backup_folder
    there = next(path for path in (folder, *folder.parents) if path.exists())
    free = shutil.disk_usage(there).free
    fields = {"free": megabytes(free), "needed": megabytes(2 * size), "folder": str(folder)}
    _show(run, "space", free > 2 * size, fields)


def megabytes(size: int) -> str:
    """A size in bytes for people: `12.3 MB`."""
    return f"{size / 1_000_000:.1f} MB" if size >= 100_000 else f"{size / 1000:.1f} kB"


def _stores(run: Run, bench: Workbench) -> None:
    """S5.7: production needs a copy elsewhere, so its absence is known before any work."""
    where = run.standing.environment
    stores = usable_stores(run, bench.url.address)
    remote = [store.name for store in stores if store.remote]
    needed = where is not None and where.level.value in run.settings.policy.remote_copy
    if not needed or run.settings.mode == "plan_only":
        return
    _show(run, "store", bool(remote), {"store": ", ".join(remote)})
    if not remote and where is not None and where.level is Level.PRODUCTION:
        raise ToolError("no_remote_store")


async def _committed(run: Run, folder: str) -> bool | None:
    """Whether the migration files are committed; None where git or a work tree is missing."""
    git = own_programs.find("git")
    if git is None or not any((path / ".git").exists() for path in (run.project, *run.project.parents)):
        return None
    try:
        output = await run.doors.executor.query(committed.command(git, run.project, folder))
    except ToolError:
        return None
    return await asyncio.to_thread(committed.same, output, run.project, folder)

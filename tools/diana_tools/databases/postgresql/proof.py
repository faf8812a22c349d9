"""The read proof: the hash, and pg_restore of the same version going through every byte of the archive."""

from __future__ import annotations

import asyncio
import time
from pathlib import Path

from diana_tools.command import ReadCommand
from diana_tools.databases.archive import measure_file, work_folder
from diana_tools.databases.base import Doors
from diana_tools.databases.postgresql.dump import programs_for, said
from diana_tools.databases.postgresql.feed import offered
from diana_tools.errors import BackupError
from diana_tools.measured import Backup, Grade, Proof

_LONGEST_S = 12 * 3600.0
_DAMAGE = ("backup_damaged", "backup_truncated")


async def read_proof(doors: Doors, backup: Backup) -> Proof:
    """Grade read, or none with the problems found.

    `pg_restore --list` would not do: it reads the table of contents alone, and passes a cut file.

    Raises:
        BackupError: `backup_program_missing`, `disk_full`, `backup_file_failed`: nothing can be said.
    """
    started, path = time.monotonic(), Path(backup.path)
    if not path.is_file():
        return Proof(Grade.NONE, "", (), ("backup_missing",))
    found = await asyncio.to_thread(measure_file, path)
    if found.size == 0:
        return Proof(Grade.NONE, found.sha256, (), ("backup_empty",))
    if (found.size, found.sha256) != (backup.size, backup.sha256):
        return Proof(Grade.NONE, found.sha256, (), ("backup_hash_wrong",))
    problem = await _problem(doors, backup)
    checks = ("sha256", *(("decompressed",) if path.suffix == ".zst" else ()), "pg_restore")
    took = time.monotonic() - started
    if problem:
        return Proof(Grade.NONE, found.sha256, (), (problem,), took)
    return Proof(Grade.READ, found.sha256, checks, (), took)


async def _problem(doors: Doors, backup: Backup) -> str:
    """What pg_restore or the decompression has against the archive; empty when both came to the end."""
    program, path = programs_for(backup.server).path("pg_restore"), Path(backup.path)
    with work_folder(path.parent, f".{backup.id}-read") as private:
        archive = private / "archive"
        command = ReadCommand(
            (program, "--format=custom", "--file=/dev/null", str(archive)), private, timeout=_LONGEST_S
        )
        try:
            async with offered(backup, archive):
                output = await doors.executor.query(command)
        except BackupError as error:
            if error.code not in _DAMAGE:
                raise
            return error.code
    return "" if output.exit_code == 0 else f"archive_unreadable:{said(output, ())}"

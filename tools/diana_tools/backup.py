"""Step 5: a backup of the target, read through by the engine, copied to stores, and proven by a restore."""

from __future__ import annotations

import asyncio
from collections.abc import Callable, Sequence
from dataclasses import replace

from diana_tools.databases.base import BackupRequest, Grant, Scratch
from diana_tools.domain import Plan
from diana_tools.errors import BackupError, DianaError
from diana_tools.measured import Backup, Copy, Grade, Proof, State
from diana_tools.permit import Act, Operation
from diana_tools.stores.base import Store
from diana_tools.traffic import uncompared
from diana_tools.workbench import Workbench


async def make_backup(bench: Workbench, plan: Plan, version_table: str, progress: Callable[[int], None]) -> Backup:
    """Dump, compress and hash in one pass, then let the engine's own reader go through it (grade read).

    Raises:
        BackupError: nothing half-made is left behind.
    """
    try:
        bench.backup_folder.mkdir(parents=True, mode=0o700, exist_ok=True)
    except OSError as error:
        fields = {"folder": str(bench.backup_folder), "error": error.strerror or ""}
        raise BackupError("backup_folder_unwritable", fields) from None
    request = BackupRequest(
        url=bench.url, identity=bench.identity, folder=bench.backup_folder, run=bench.run, version=plan.current,
        version_table=version_table, batch=bench.run, touched=plan.tables,
    )  # fmt: skip
    made = await bench.database.backup(bench.doors, request, progress)
    proof = await bench.database.read_proof(bench.doors, made)
    if proof.grade is Grade.NONE:
        raise BackupError("backup_unreadable", {"path": made.path, "error": ", ".join(proof.problems)})
    return replace(made, proof=proof)


def scratch_operation(bench: Workbench, plan_hash: str, server_version: str) -> Operation:
    """The operation of making, loading, marking and destroying a scratch."""
    return Operation(
        act=Act.SCRATCH, tool=bench.adapter.tool, identity=bench.identity.digest, plan_hash=plan_hash,
        uses=bench.database.scratch_uses(bench.scratch_folder, bench.url, server_version), recovery="destroy",
    )  # fmt: skip


async def prove_restored(bench: Workbench, backup: Backup, scratch: Scratch, grant: Grant, version_table: str) -> Proof:
    """Restore the backup into a scratch and compare it with the state measured when it was taken.

    The comparison is exact: that state came from the very snapshot that was dumped. Where the content of a table could
    not be compared the grade stays read, and the checks name the table.
    """
    await scratch.load(backup, grant)
    found = await asyncio.to_thread(_measure, bench, scratch, version_table)
    words = differences(backup.state, found)
    missing = uncompared(words)
    problems = tuple(word for word in words if word not in missing)
    if problems:
        return Proof(Grade.NONE, backup.sha256, (), problems)
    counts = (f"objects:{len(found.schema.objects)}", f"rows:{sum(t.rows for t in found.tables)}", "fingerprint")
    if missing:
        return Proof(Grade.READ, backup.sha256, (*counts, *missing))
    return Proof(Grade.RESTORED, backup.sha256, (*counts, "digests"))


def _measure(bench: Workbench, scratch: Scratch, version_table: str) -> State:
    with bench.doors.sessions.read(scratch.url) as session:
        return bench.database.state(session, version_table, (), digests=True)


def differences(expected: State, found: State) -> tuple[str, ...]:
    """What differs between two measured states, as `code:object` words; empty when they agree.

    `uncompared:TABLE` is a table whose content was asked for in both and is not known in one: it is not said to agree.
    """
    asked = expected.digests and found.digests
    diff = expected.schema.diff(found.schema)
    words = [f"missing:{o.kind}:{o.name}" for o in diff.removed]
    words += [f"extra:{o.kind}:{o.name}" for o in diff.added]
    words += [f"changed:{old.kind}:{old.name}" for old, _ in diff.changed]
    if sorted(expected.version) != sorted(found.version):
        words.append(f"version:{','.join(found.version) or '-'}")
    have = {t.table: t for t in found.tables}
    for table in expected.tables:
        other = have.get(table.table)
        if other is None:
            continue
        if other.rows != table.rows:
            words.append(f"rows:{table.table}:{table.rows}:{other.rows}")
        elif None in (table.digest, other.digest):
            words += [f"uncompared:{table.table}"] if asked else []
        elif table.digest != other.digest:
            words.append(f"content:{table.table}")
    return tuple(words)


async def copy_to(stores: Sequence[Store], backup: Backup, progress: Callable[[int], None]) -> tuple[Copy, ...]:
    """Put the backup into every store; the first that fails ends it.

    Raises:
        BackupError: the copy could not be made or did not verify.
    """
    copies: list[Copy] = []
    for store in stores:
        try:
            copies.append(await asyncio.to_thread(store.put, backup, progress))
        except BackupError:
            raise
        except (OSError, DianaError) as error:
            raise BackupError("store_put_failed", {"store": store.name, "error": str(error)}) from None
    return tuple(copies)

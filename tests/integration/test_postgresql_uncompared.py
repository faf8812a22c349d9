"""Content that could not be read in time is not said to be the same: not by a proof, not by a comparison."""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path

import pytest

from diana_tools import registry
from diana_tools.adapters.base import Project
from diana_tools.backup import differences, prove_restored
from diana_tools.databases.postgresql import DATABASE
from diana_tools.databases.postgresql import state as measuring
from diana_tools.measured import Grade, State
from diana_tools.workbench import Workbench
from integration.pg_ground import Ground, ground
from servers import PgDatabase

pytestmark = pytest.mark.integration


def bench(here: Ground) -> Workbench:
    folder = here.folder
    return Workbench(
        adapter=registry.adapters()["alembic"], database=DATABASE, doors=here.doors, url=here.url,
        project=Project(folder, folder, folder / "alembic.ini", "alembic", folder / "python"),
        identity=here.request().identity, scratch_folder=here.scratch, backup_folder=folder, run="run-1", timeout=60.0,
        server_version=here.version(),
    )  # fmt: skip


def hurried(here: Ground) -> State:
    with here.look() as session:
        return measuring.state(session, "alembic_version", (), digests=True, seconds=0.0)


def test_overwritten_rows_are_not_as_before_when_nobody_had_time_to_look(
    tmp_path: Path, pg_database: PgDatabase
) -> None:
    with ground(tmp_path, pg_database) as here:
        before = hurried(here)
        pg_database.execute("UPDATE users SET note = 'CORRUPT'")
        assert differences(before, hurried(here)) == ("uncompared:alembic_version", "uncompared:users")
        assert "uncompared:users" in differences(before, here.state())


@pytest.mark.parametrize("digests", [True, False])
async def test_a_proof_without_content_is_not_called_restored(
    tmp_path: Path, pg_database: PgDatabase, digests: bool
) -> None:
    with ground(tmp_path, pg_database) as here:
        made = await here.backup()
        if not digests:
            made = replace(made, state=hurried(here))
        grant = here.scratch_grant()
        scratch = await DATABASE.scratch(here.doors, here.scratch, here.url, here.version(), grant)
        try:
            proof = await prove_restored(bench(here), made, scratch, grant, "alembic_version")
        finally:
            await scratch.destroy()
        assert proof.problems == ()
        assert proof.grade is (Grade.RESTORED if digests else Grade.READ)
        assert ("digests" in proof.checks) == digests
        assert ("uncompared:users" in proof.checks) != digests


def test_large_objects_have_a_content_too(tmp_path: Path, pg_database: PgDatabase) -> None:
    script = "SELECT lo_from_bytea(0, 'one'); SELECT lo_from_bytea(0, 'two')"
    with ground(tmp_path, pg_database) as here:
        pg_database.execute(script)
        before = here.state()
        [found] = [one for one in before.tables if one.table == measuring.LARGE_OBJECTS]
        assert (found.rows, found.digest is not None) == (2, True)
        assert differences(before, here.state()) == ()
        pg_database.execute("SELECT lo_put(oid, 0, 'ONE') FROM pg_largeobject_metadata")
        assert differences(before, here.state()) == (f"content:{measuring.LARGE_OBJECTS}",)

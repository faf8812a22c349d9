"""A PostgreSQL backup restored and rehearsed on a server of Diana's own, and nothing of that server left."""

from __future__ import annotations

import asyncio
from pathlib import Path

import pytest
from integration.pg_ground import RICH, ground
from servers import PgDatabase

from diana_tools.backup import differences
from diana_tools.databases.postgresql import DATABASE
from diana_tools.databases.postgresql import server as throw_away

pytestmark = pytest.mark.integration


async def test_rich_database_comes_out_of_its_backup_as_it_was(tmp_path: Path, pg_database: PgDatabase) -> None:
    with ground(tmp_path, pg_database, RICH) as here:
        made = await here.backup()
        proof = await DATABASE.read_proof(here.doors, made)
        assert proof.grade.value == "read", proof
        grant = here.scratch_grant()
        scratch = await DATABASE.scratch(here.doors, here.scratch, here.url, made.server, grant)
        try:
            assert scratch.url.port != here.url.port
            assert here.scratch_processes()
            await scratch.load(made, grant)
            found = here.state(scratch.url)
            assert differences(made.state, found) == ()
            await scratch.mark("token-1", grant)
            with here.look(scratch.url) as session:
                assert session.one("SELECT token FROM public.diana_scratch_marker") == "token-1"
            assert here.schema(scratch.url) == found.schema
        finally:
            await scratch.destroy()
        assert here.scratch_processes() == []
        assert not throw_away.place_of(here.scratch).exists()
        assert list(here.scratch.iterdir()) == []

"""What the conformance tests share."""

from __future__ import annotations

from collections.abc import Generator

import pytest

from conformance.alembic_bench import MARKER
from servers import PgDatabase, PgServer


@pytest.fixture
def pg_scratch(pg_server: PgServer, pg_database: PgDatabase) -> Generator[PgDatabase]:
    """A second database with the marker, beside the one that plays the target."""
    scratch = pg_server.create(f"{pg_database.name}_scratch")
    scratch.execute(
        f"CREATE TABLE diana_scratch_marker (token text); INSERT INTO diana_scratch_marker VALUES ('{MARKER}')"
    )
    yield scratch
    pg_server.drop(scratch.name)

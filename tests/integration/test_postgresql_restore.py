"""Giving a backup's state back over a live PostgreSQL database, and ending a run's sessions on the server."""

from __future__ import annotations

import asyncio
import secrets
from collections.abc import Generator
from dataclasses import replace
from pathlib import Path

import psycopg
import pytest

from diana_tools.backup import differences
from diana_tools.databases.postgresql import DATABASE, restore, running
from diana_tools.errors import BackupError, ChangeFailed, PermitRefused
from diana_tools.measured import Backup
from diana_tools.permit import Act
from integration.pg_ground import RICH, Ground, ground
from servers import PgDatabase, PgServer

pytestmark = pytest.mark.integration


@pytest.fixture
def swept(pg_server: PgServer, pg_database: PgDatabase) -> Generator[PgDatabase]:
    """A test's database, and everything that a restore leaves beside it is dropped too."""
    yield pg_database
    for name in pg_server.databases():
        if name.startswith(pg_database.name[:40]):
            pg_server.drop(name)


async def restored(here: Ground, made: Backup) -> str:
    return await DATABASE.restore(here.doors, here.url, made, here.scratch, here.restore_grant(made))


async def test_the_state_comes_back_and_the_failed_one_is_kept(tmp_path: Path, swept: PgDatabase) -> None:
    with ground(tmp_path, swept, RICH) as here:
        owner, reader = here.role().username, here.role().username
        swept.execute(
            f"ALTER DATABASE {swept.name} OWNER TO {owner}; "
            f"ALTER DATABASE {swept.name} SET search_path = billing, public; "
            f"REVOKE CONNECT ON DATABASE {swept.name} FROM PUBLIC; GRANT CONNECT ON DATABASE {swept.name} TO {reader}; "
            f"ALTER ROLE {reader} IN DATABASE {swept.name} SET work_mem = '9MB'; GRANT SELECT ON users TO {reader}"
        )
        made = await here.backup()
        swept.execute(
            "CREATE TABLE audit (id int REFERENCES users); ALTER TABLE users DROP COLUMN status CASCADE; "
            f"ALTER TYPE mood ADD VALUE 'new'; DELETE FROM billing.inv; ALTER DATABASE {swept.name} RESET search_path"
        )
        failed_state = here.state()
        with psycopg.connect(swept.url.replace("+psycopg", ""), autocommit=True) as other:
            other.execute("BEGIN")
            other.execute("SELECT * FROM users")
            kept = await restored(here, made)
            with pytest.raises(psycopg.OperationalError):
                other.execute("SELECT 1")
        assert differences(made.state, here.state()) == ()
        assert kept.startswith(f"{swept.name}_failed_")
        assert here.state(replace(here.url, database=kept)).rows() == failed_state.rows()
        assert swept.query("SHOW search_path") == [("billing, public",)]
        assert swept.query("SELECT pg_get_userbyid(datdba) FROM pg_database WHERE datname = current_database()") == [
            (owner,)
        ]
        with here.look() as session:
            around = made.surroundings
            assert around is not None
            from diana_tools.databases.postgresql.surroundings import surroundings

            assert surroundings(session).database == around.database
        assert swept.server.databases() & {restore.side_name(swept.name, made)} == set()
        assert list(here.scratch.iterdir()) == []


async def test_odd_names_and_a_database_that_is_gone(tmp_path: Path, pg_server: PgServer) -> None:
    name = f"odd \"name' %s :x {secrets.token_hex(3)}"
    database = pg_server.create(name)
    try:
        with ground(tmp_path, database) as here:
            made = await here.backup()
            grant = here.restore_grant(made)
            pg_server.drop(name)
            assert await DATABASE.restore(here.doors, here.url, made, here.scratch, grant) == ""
            assert differences(made.state, here.state()) == ()
            database.execute("DROP TABLE users")
            kept = await restored(here, made)
            assert kept in pg_server.databases()
            assert differences(made.state, here.state()) == ()
    finally:
        for one in pg_server.databases():
            if one.startswith(name[:30]):
                pg_server.drop(one)


async def test_a_damaged_backup_changes_nothing(tmp_path: Path, swept: PgDatabase) -> None:
    with ground(tmp_path, swept) as here:
        made = await here.backup()
        raw = Path(made.path).read_bytes()
        Path(made.path).write_bytes(raw[: len(raw) * 6 // 10])
        before = here.state()
        with pytest.raises(ChangeFailed) as failed:
            await restored(here, made)
        assert failed.value.code == "restore_failed"
        assert here.state() == before
        assert {one for one in swept.server.databases() if one.startswith(swept.name)} == {swept.name}


async def test_a_backup_whose_content_is_not_what_was_measured_changes_nothing(
    tmp_path: Path, swept: PgDatabase
) -> None:
    with ground(tmp_path, swept) as here:
        made = await here.backup()
        wrong = replace(made, state=replace(made.state, version=("another",)))
        before = here.state()
        with pytest.raises(ChangeFailed) as failed:
            await restored(here, wrong)
        assert (failed.value.code, failed.value.fields["error"]) == ("restore_failed", "version:1a0000000001")
        assert here.state() == before
        assert {one for one in swept.server.databases() if one.startswith(swept.name)} == {swept.name}


async def test_without_the_right_to_make_databases_nothing_is_changed(tmp_path: Path, swept: PgDatabase) -> None:
    with ground(tmp_path, swept) as first:
        made = await first.backup()
        here = first.as_role(first.role())
        before = first.state()
        with pytest.raises(ChangeFailed) as failed:
            await restored(here, made)
        assert failed.value.code == "restore_failed"
        assert "permission denied to create database" in failed.value.fields["error"]
        assert here.url.password not in str(failed.value)
        assert first.state() == before


async def test_who_may_not_rename_is_told_where_the_copy_is(tmp_path: Path, swept: PgDatabase) -> None:
    with ground(tmp_path, swept) as first:
        role = first.role("LOGIN CREATEDB")
        swept.execute(
            f"ALTER TABLE users OWNER TO {role.username}; ALTER TABLE alembic_version OWNER TO {role.username}"
        )
        here = first.as_role(role)
        made = await here.backup()
        before = first.state()
        with pytest.raises(ChangeFailed) as failed:
            await restored(here, made)
        assert failed.value.code == "restore_swap_failed"
        assert "must be owner" in failed.value.fields["error"]
        assert failed.value.fields["side"] in swept.server.databases()
        assert first.state() == before
        swept.execute("INSERT INTO users (email) VALUES ('still works')")


async def test_a_database_that_was_replaced_is_left_alone(tmp_path: Path, swept: PgDatabase) -> None:
    with ground(tmp_path, swept) as here:
        made = await here.backup()
        grant = here.restore_grant(made)
        swept.server.drop(swept.name)
        swept.server.create(swept.name)
        with pytest.raises(ChangeFailed) as failed:
            await DATABASE.restore(here.doors, here.url, made, here.scratch, grant)
        assert failed.value.code == "database_changed"
        assert here.state().tables == ()


async def test_no_restore_without_its_permit_or_programs(
    tmp_path: Path, swept: PgDatabase, monkeypatch: pytest.MonkeyPatch
) -> None:
    with ground(tmp_path, swept) as here:
        made = await here.backup()
        grant = here.restore_grant(made)
        here.mint.burn(grant.permit)
        with pytest.raises(PermitRefused):
            await DATABASE.restore(here.doors, here.url, made, here.scratch, grant)
        assert {one for one in swept.server.databases() if one.startswith(swept.name)} == {swept.name}
        monkeypatch.setattr("diana_tools.databases.postgresql.programs.candidates", lambda: iter(()))
        with pytest.raises(BackupError):
            DATABASE.restore_uses(here.url, made, here.scratch)


async def test_a_runs_sessions_are_found_by_name_and_ended_on_the_server(tmp_path: Path, swept: PgDatabase) -> None:
    with ground(tmp_path, swept) as here:
        env = running.environment("r1", here.version())

        def work() -> str:
            with psycopg.connect(
                swept.url.replace("+psycopg", ""), application_name=env["PGAPPNAME"], options=env.get("PGOPTIONS", "")
            ) as connection:
                try:
                    connection.execute("SELECT pg_sleep(60)")
                except psycopg.errors.QueryCanceled as error:
                    return str(error)
                return "slept"

        sleeping = asyncio.ensure_future(asyncio.to_thread(work))
        found = ()
        while not found:
            await asyncio.sleep(0.05)
            with here.look() as session:
                found = running.sessions_of(session, "r1")
                assert running.sessions_of(session, "r2") == ()
        assert "pg_sleep" in found[0].query
        grant = here.grant(Act.CANCEL, running.cancel_uses(here.url))
        assert await running.end_sessions(here.doors, here.url, "r1", grant) == 0
        assert "canceling statement due to user request" in await sleeping
        with here.look() as session:
            assert running.sessions_of(session, "r1") == ()


async def test_the_server_notices_that_a_killed_tool_is_gone(tmp_path: Path, swept: PgDatabase) -> None:
    """Killing a client alone does not stop its statement."""
    with ground(tmp_path, swept) as here:
        env = running.environment("r9", here.version())
        psql = await asyncio.create_subprocess_exec(
            f"{swept.server.bin}/psql", "-X", "-c", "SELECT pg_sleep(50)", stdout=asyncio.subprocess.DEVNULL,
            env=env | {"PGHOST": swept.host, "PGPORT": str(swept.port), "PGUSER": swept.user,
                       "PGPASSWORD": swept.password, "PGDATABASE": swept.name},
        )  # fmt: skip

        async def seen(wanted: int) -> bool:
            for _ in range(150):
                with here.look() as session:
                    if len(running.sessions_of(session, "r9")) == wanted:
                        return True
                await asyncio.sleep(0.1)
            return False

        assert await seen(1)
        psql.kill()
        await psql.wait()
        assert await seen(0)

"""A PostgreSQL backup restored and rehearsed on a server of Diana's own, and nothing of that server left."""

from __future__ import annotations

import asyncio
import hashlib
import stat
from collections.abc import AsyncGenerator
from contextlib import asynccontextmanager
from dataclasses import replace
from pathlib import Path

import psutil
import pytest

from diana_tools.backup import differences
from diana_tools.databases.base import Grant
from diana_tools.databases.postgresql import DATABASE, programs, scratch
from diana_tools.databases.postgresql import server as throw_away
from diana_tools.domain import DatabaseUrl
from diana_tools.errors import BackupError, ChangeFailed, ConnectionFailed, PermitRefused, RehearsalError
from diana_tools.measured import Backup, Schema, SchemaObject
from integration.pg_ground import RICH, Ground, ground
from servers import PgDatabase

pytestmark = pytest.mark.integration


@asynccontextmanager
async def opened(here: Ground) -> AsyncGenerator[tuple[scratch.PostgresqlScratch, Grant]]:
    grant = here.scratch_grant()
    made = await DATABASE.scratch(here.doors, here.scratch, here.url, here.version(), grant)
    assert isinstance(made, scratch.PostgresqlScratch)
    try:
        yield made, grant
    finally:
        await made.destroy()
    assert nothing_left(here)


def nothing_left(here: Ground) -> bool:
    return (
        here.scratch_processes() == []
        and not throw_away.place_of(here.scratch).exists()
        and list(here.scratch.iterdir()) == []
    )


def run_as(url: DatabaseUrl, here: Ground, text: str) -> None:
    import psycopg

    with psycopg.connect(
        host=url.host, port=url.port, user=url.username, password=url.password, dbname=url.database, autocommit=True
    ) as connection:
        connection.execute(text.encode())


async def test_rich_database_comes_out_of_its_backup_as_it_was(tmp_path: Path, pg_database: PgDatabase) -> None:
    with ground(tmp_path, pg_database, RICH) as here:
        reader = here.role("NOLOGIN").username
        pg_database.execute(
            f"GRANT SELECT, INSERT ON users TO {reader} WITH GRANT OPTION; GRANT USAGE ON SCHEMA billing TO {reader}; "
            f"ALTER TABLE billing.inv OWNER TO {reader}; CREATE POLICY theirs ON users TO {reader} USING (true); "
            f"ALTER DEFAULT PRIVILEGES IN SCHEMA billing GRANT SELECT ON TABLES TO {reader}; "
            f"ALTER DATABASE {pg_database.name} SET search_path = billing, public"
        )
        made = await here.backup()
        before = here.state()
        async with opened(here) as (there, grant):
            assert there.url.port != here.url.port
            assert there.url.database == here.url.database
            assert there.url.username == here.url.username
            assert there.url.password not in ("", here.url.password)
            assert there.place == f"127.0.0.1:{there.url.port}/{here.url.database}"
            await there.load(made, grant)
            found = here.state(there.url)
            assert differences(made.state, found) == ()
            assert {o.definition for o in found.schema.objects if o.name == "table billing.inv"} >= {reader}
            with here.look(there.url) as session:
                assert session.one("SHOW search_path") == "billing, public"
                assert DATABASE.identity(session, there.url).server != made.identity
            await there.mark("token-1", grant)
            with here.look(there.url) as session:
                assert session.one("SELECT token FROM public.diana_scratch_marker") == "token-1"
            assert here.schema(there.url) == found.schema
            run_as(there.url, here, "DROP TABLE users CASCADE; INSERT INTO base VALUES (9)")
            assert here.state() == before
        assert here.state() == before


async def test_the_server_is_private_and_its_password_in_no_command_line(
    tmp_path: Path, pg_database: PgDatabase
) -> None:
    with ground(tmp_path, pg_database) as here:
        made = await here.backup()
        async with opened(here) as (there, grant):
            loading = asyncio.ensure_future(there.load(made, grant))
            seen: list[str] = []
            while not loading.done():
                for process in psutil.process_iter(["cmdline"]):
                    seen.append(" ".join(process.info["cmdline"] or ()))
                await asyncio.sleep(0.01)
            await loading
            assert not [words for words in seen if there.url.password in words or here.url.password in words]
            (pid,) = here.scratch_processes()
            assert psutil.Process(pid).uids().real != 0
            assert psutil.Process(pid).gids().real != 0
            place = throw_away.place_of(here.scratch)
            assert stat.S_IMODE(place.stat().st_mode) == 0o700
            listens = {c.laddr.ip for c in psutil.Process(pid).net_connections() if c.status == psutil.CONN_LISTEN}
            assert listens == {"127.0.0.1"}
            assert not (place / "password").exists()
            with pytest.raises(ConnectionFailed) as refused, here.look(replace(there.url, password="guessed")):
                pass
            assert refused.value.code == "wrong_password"
            settings = replace(there.url, username=scratch.KEEPER)
            with here.look(settings) as session:
                assert session.one("SHOW unix_socket_directories") == ""
        logs = b"".join(p.read_bytes() for p in (tmp_path / "runs").rglob("*") if p.is_file())
        assert there.url.password.encode() not in logs
        assert here.url.password.encode() not in logs


async def test_schema_only_keeps_nothing_but_the_history_rows(tmp_path: Path, pg_database: PgDatabase) -> None:
    with ground(tmp_path, pg_database) as here:
        pg_database.execute(
            "CREATE SCHEMA s; CREATE TABLE s.alembic_version (other int); INSERT INTO s.alembic_version VALUES (1)"
        )
        made = replace(await here.backup(), version_table="public.alembic_version")
        async with opened(here) as (there, grant):
            await there.load_schema(made, grant)
            found = here.state(there.url)
            assert found.schema == made.state.schema
            assert found.version == made.version
            assert found.rows() == {"alembic_version": 1, "s.alembic_version": 0, "users": 0}


async def test_a_plain_role_gets_no_more_rights_in_the_scratch_than_it_has(
    tmp_path: Path, pg_database: PgDatabase
) -> None:
    """So that a rehearsal fails where the run would."""
    with ground(tmp_path, pg_database) as first:
        role = first.role()
        pg_database.execute(
            f"ALTER DATABASE {pg_database.name} OWNER TO {role.username}; "
            f"ALTER SCHEMA public OWNER TO {role.username}; "
            f"ALTER TABLE users OWNER TO {role.username}; ALTER TABLE alembic_version OWNER TO {role.username}; "
            "CREATE TABLE foreign_to_it (a int); GRANT SELECT ON foreign_to_it TO PUBLIC"
        )
        here = first.as_role(role)
        made = await here.backup()
        async with opened(here) as (there, grant):
            await there.load(made, grant)
            assert differences(made.state, here.state(there.url)) == ()
            run_as(there.url, here, "ALTER TABLE users ADD COLUMN fresh int; CREATE TABLE mine (a int)")
            owners = {o.name: o.definition for o in here.schema(there.url).objects if o.kind == "owner"}
            assert owners["table mine"] == role.username
            with pytest.raises(Exception, match="must be owner"):
                run_as(there.url, here, "ALTER TABLE foreign_to_it ADD COLUMN b int")
            with pytest.raises(Exception, match="permission denied"):
                run_as(there.url, here, "CREATE ROLE another")


async def test_damage_and_missing_extensions_are_said(tmp_path: Path, pg_database: PgDatabase) -> None:
    with ground(tmp_path, pg_database) as here:
        made = await here.backup()
        objects = (*made.state.schema.objects, SchemaObject("extension", "postgis", "in public"))
        wanting = replace(made, state=replace(made.state, schema=Schema(objects)))
        async with opened(here) as (there, grant):
            with pytest.raises(BackupError) as failed:
                await there.load(wanting, grant)
            assert (failed.value.code, failed.value.fields["extensions"]) == ("extension_missing", "postgis")
        async with opened(here) as (there, grant):
            with pytest.raises(BackupError) as broken:
                await there.load(_cut(made), grant)
            assert broken.value.code in ("backup_not_restorable", "backup_truncated", "backup_damaged")
            # What was not loaded whole was not loaded at all.
            assert here.state(there.url).tables == ()


def _cut(made: Backup) -> Backup:
    path = Path(made.path)
    raw = path.read_bytes()
    path.write_bytes(raw[: len(raw) * 6 // 10])
    return replace(made, size=len(raw) * 6 // 10, sha256=hashlib.sha256(path.read_bytes()).hexdigest())


async def test_user_mappings_and_subscriptions_stay_out(tmp_path: Path, pg_database: PgDatabase) -> None:
    """They hold passwords of other servers, and would reach them."""
    with ground(tmp_path, pg_database) as here:
        pg_database.execute(
            "CREATE FOREIGN DATA WRAPPER plain; "
            "CREATE SERVER far FOREIGN DATA WRAPPER plain OPTIONS (host '127.0.0.1'); "
            "CREATE USER MAPPING FOR PUBLIC SERVER far OPTIONS (user 'u', password 'far-secret'); "
            "CREATE FOREIGN TABLE far_table (a int) SERVER far; "
            "CREATE SUBSCRIPTION s CONNECTION 'host=127.0.0.1 port=1' PUBLICATION p WITH (connect = false)"
        )
        try:
            made = await here.backup()
            async with opened(here) as (there, grant):
                await there.load(made, grant)
                assert differences(made.state, here.state(there.url)) == ()
                with here.look(replace(there.url, username=scratch.KEEPER)) as session:
                    assert session.one("SELECT count(*) FROM pg_user_mappings") == 0
                    assert session.one("SELECT count(*) FROM pg_subscription") == 0
        finally:
            pg_database.execute("ALTER SUBSCRIPTION s SET (slot_name = NONE)")
            pg_database.execute("DROP SUBSCRIPTION s")


@pytest.mark.parametrize("moment", [0.0, 0.5, 1.2])
async def test_a_cancelled_scratch_leaves_nothing(tmp_path: Path, pg_database: PgDatabase, moment: float) -> None:
    with ground(tmp_path, pg_database) as here:
        making = asyncio.ensure_future(
            DATABASE.scratch(here.doors, here.scratch, here.url, here.version(), here.scratch_grant())
        )
        await asyncio.sleep(moment)
        making.cancel()
        try:
            made = await making
        except asyncio.CancelledError:
            pass
        else:
            await made.destroy()
        assert nothing_left(here)


async def test_a_load_that_is_cancelled_ends_with_the_scratch(tmp_path: Path, pg_database: PgDatabase) -> None:
    with ground(tmp_path, pg_database) as here:
        pg_database.execute("CREATE TABLE big AS SELECT g, repeat(md5(g::text), 20) FROM generate_series(1, 40000) g")
        made = await here.backup()
        async with opened(here) as (there, grant):
            loading = asyncio.ensure_future(there.load(made, grant))
            while not [
                p
                for p in psutil.process_iter(["cmdline"])
                if f"--use-list={here.scratch}" in " ".join(p.info["cmdline"] or ())
            ]:
                await asyncio.sleep(0.02)
            loading.cancel()
            with pytest.raises(asyncio.CancelledError):
                await loading


async def test_nothing_starts_without_its_permit(tmp_path: Path, pg_database: PgDatabase) -> None:
    with ground(tmp_path, pg_database) as here:
        grant = here.scratch_grant()
        with pytest.raises(ChangeFailed) as mismatch:
            await DATABASE.scratch(here.doors, here.scratch / "elsewhere", here.url, here.version(), grant)
        assert mismatch.value.code == "command_mismatch"
        here.mint.burn(grant.permit)
        with pytest.raises(PermitRefused):
            await DATABASE.scratch(here.doors, here.scratch, here.url, here.version(), grant)
        assert here.scratch_processes() == []
        assert not throw_away.place_of(here.scratch).exists()


async def test_without_a_server_of_that_version_it_says_which(
    tmp_path: Path, pg_database: PgDatabase, monkeypatch: pytest.MonkeyPatch
) -> None:
    with ground(tmp_path, pg_database) as here:
        monkeypatch.setattr(programs, "candidates", lambda: iter(()))
        with pytest.raises(RehearsalError) as refused:
            DATABASE.scratch_uses(here.scratch, here.url, "17.2")
        assert (refused.value.code, refused.value.fields["version"]) == ("scratch_programs_missing", "17")


async def test_something_in_its_place_is_never_taken_away(
    tmp_path: Path, pg_database: PgDatabase, monkeypatch: pytest.MonkeyPatch
) -> None:
    place = tmp_path / "taken"
    place.mkdir()
    (place / "precious").touch()

    def taken(_folder: Path) -> Path:
        return place

    monkeypatch.setattr(throw_away, "place_of", taken)
    with ground(tmp_path, pg_database) as here:
        with pytest.raises(RehearsalError) as refused:
            await DATABASE.scratch(here.doors, here.scratch, here.url, here.version(), here.scratch_grant())
        assert refused.value.code == "scratch_impossible"
        assert (place / "precious").exists()

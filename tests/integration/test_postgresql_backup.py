"""Backups of PostgreSQL: one snapshot, private files, no password in sight, and proofs that find every damage."""

from __future__ import annotations

import asyncio
import gzip
import hashlib
import stat
from collections.abc import Callable
from dataclasses import replace
from pathlib import Path

import pytest

from diana_tools.databases import manifest
from diana_tools.databases.postgresql import DATABASE, programs
from diana_tools.errors import BackupError
from diana_tools.measured import Backup, Grade
from integration.pg_ground import RICH, ground
from servers import PgDatabase, Value

pytestmark = pytest.mark.integration


def commands() -> list[bytes]:
    """Command line and environment-free view of every process, as anybody on the machine sees them."""
    found: list[bytes] = []
    for entry in Path("/proc").glob("[0-9]*/cmdline"):
        try:
            found.append(entry.read_bytes())
        except OSError:
            continue
    return found


async def test_backup_is_private_whole_and_described(tmp_path: Path, pg_database: PgDatabase) -> None:
    with ground(tmp_path, pg_database, RICH) as here:
        told: list[int] = []
        made = await DATABASE.backup(here.doors, here.request(), told.append)
        path = Path(made.path)
        assert sorted(p.name for p in here.folder.iterdir()) == sorted((path.name, Path(made.manifest).name))
        assert path.name.startswith(f"backup-{pg_database.name}-")
        assert path.name.endswith((".dump", ".dump.zst"))
        assert {stat.S_IMODE(p.stat().st_mode) for p in here.folder.iterdir()} == {0o600}
        assert stat.S_IMODE(here.folder.stat().st_mode) == 0o700
        assert (made.size, made.sha256) == (path.stat().st_size, hashlib.sha256(path.read_bytes()).hexdigest())
        assert manifest.read(Path(made.manifest)) == made
        assert made.version == made.state.version == ("abc123",)
        assert made.state == here.state()
        assert made.version_table == "alembic_version"
        assert made.program.startswith(f"pg_dump {programs.major_of(made.server)}")
        assert "passwords" in made.missing
        assert told == sorted(told)
        assert told[-1] > 0
        assert here.url.password not in Path(made.manifest).read_text()


async def test_the_measured_state_is_that_of_the_dumped_snapshot(tmp_path: Path, pg_database: PgDatabase) -> None:
    """While an application writes: what the manifest says is what comes out of the archive, to the row."""
    with ground(tmp_path, pg_database) as here:
        stop = asyncio.Event()

        async def write() -> int:
            written = 0
            while not stop.is_set():
                await asyncio.to_thread(pg_database.execute, f"INSERT INTO users (email) VALUES ('w{written}')")
                written += 1
            return written

        writing = asyncio.ensure_future(write())
        await asyncio.sleep(0.2)
        made = await here.backup()
        stop.set()
        assert await writing > 0
        kept = pg_database.server.create(f"{pg_database.name}_c")
        try:
            await _restore_by_hand(made, kept)
            rows = kept.query("SELECT count(*) FROM users")[0][0]
            assert rows == made.state.rows()["users"]
            assert here.state(kept.target).tables == made.state.tables
        finally:
            pg_database.server.drop(kept.name)


async def _restore_by_hand(made: Backup, into: PgDatabase) -> None:
    """As a person would, with nothing of Diana."""
    raw = Path(made.path).read_bytes()
    if made.path.endswith(".zst"):
        import zstandard

        raw = zstandard.ZstdDecompressor().decompressobj().decompress(raw)
    env = {"PGPASSWORD": into.password, "PGHOST": into.host, "PGPORT": str(into.port), "PGUSER": into.user}
    process = await asyncio.create_subprocess_exec(
        f"{into.server.bin}/pg_restore", "-1", "-e", "-d", into.name, env=env, stdin=asyncio.subprocess.PIPE
    )
    await process.communicate(raw)
    assert process.returncode == 0


async def test_no_password_is_in_any_command_line_while_dumping(tmp_path: Path, pg_database: PgDatabase) -> None:
    with ground(tmp_path, pg_database) as here:
        pg_database.execute("CREATE TABLE big AS SELECT g, repeat(md5(g::text), 20) FROM generate_series(1, 40000) g")
        backing = asyncio.ensure_future(here.backup())
        seen: set[bytes] = set()
        passfiles: set[int] = set()
        while not backing.done():
            seen.update(await asyncio.to_thread(commands))
            passfiles.update(stat.S_IMODE(p.stat().st_mode) for p in here.folder.glob(".*/pgpass"))
            passfiles.update(stat.S_IMODE(p.parent.stat().st_mode) for p in here.folder.glob(".*/pgpass"))
            await asyncio.sleep(0)
        await backing
        assert [words for words in seen if b"pg_dump" in words and b"--snapshot" in words]
        assert not [words for words in seen if here.url.password.encode() in words]
        assert passfiles == {0o600, 0o700}
        logs = (tmp_path / "runs").rglob("*") if (tmp_path / "runs").exists() else ()
        assert not [p for p in logs if p.is_file() and here.url.password.encode() in p.read_bytes()]


async def test_a_locked_table_ends_the_dump_instead_of_holding_everybody_up(
    tmp_path: Path, pg_database: PgDatabase, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("diana_tools.databases.postgresql.dump._LOCK_WAIT_MS", 300)
    with ground(tmp_path, pg_database) as here, pg_database.server.connect(pg_database.name) as other:
        other.execute("BEGIN")
        other.execute("LOCK TABLE users IN ACCESS EXCLUSIVE MODE")
        with pytest.raises(BackupError) as failed:
            await here.backup()
        assert failed.value.code == "backup_program_failed"
        assert "timeout" in failed.value.fields["error"]
        assert list(here.folder.iterdir()) == []


async def test_a_role_that_may_not_read_everything_gets_no_backup(tmp_path: Path, pg_database: PgDatabase) -> None:
    with ground(tmp_path, pg_database) as here:
        poor = here.as_role(here.role())
        with pytest.raises(BackupError) as failed:
            await poor.backup()
        assert failed.value.code in ("backup_program_failed", "rights_missing")
        assert "permission denied" in failed.value.fields["error"]
        assert poor.url.password not in str(failed.value)
        assert list(here.folder.iterdir()) == []


@pytest.mark.parametrize(
    ("change", "code"),
    [
        ({"password": "wrong"}, "wrong_password"),
        ({"database": "gone"}, "no_such_database"),
        ({"port": 1}, "connection_refused"),
    ],
)
async def test_no_connection_no_backup(
    tmp_path: Path, pg_database: PgDatabase, change: dict[str, str | int], code: str
) -> None:
    with ground(tmp_path, pg_database) as here:
        request = here.request()
        url = replace(here.url, **change)  # pyright: ignore[reportArgumentType]  # one field at a time
        with pytest.raises(BackupError) as failed:
            await DATABASE.backup(here.doors, replace(request, url=url), lambda _done: None)
        assert failed.value.code == code
        assert list(here.folder.iterdir()) == []


async def test_without_the_servers_own_pg_dump_there_is_no_backup(
    tmp_path: Path, pg_database: PgDatabase, monkeypatch: pytest.MonkeyPatch
) -> None:
    with ground(tmp_path, pg_database) as here:
        monkeypatch.setattr(programs, "candidates", lambda: iter(()))
        with pytest.raises(BackupError) as failed:
            await here.backup()
        assert failed.value.code == "backup_program_missing"
        assert failed.value.fields == {"version": pg_database.server.version.split(".")[0], "found": "-"}
        with pytest.raises(BackupError):
            DATABASE.backup_program("15.3")
    assert list(here.folder.iterdir()) == []


async def test_a_cancelled_backup_leaves_nothing_and_no_session(tmp_path: Path, pg_database: PgDatabase) -> None:
    with ground(tmp_path, pg_database) as here:
        pg_database.execute("CREATE TABLE big AS SELECT g, repeat(md5(g::text), 20) FROM generate_series(1, 40000) g")
        started = asyncio.Event()
        loop = asyncio.get_running_loop()
        request = here.request()
        backing = asyncio.ensure_future(
            DATABASE.backup(here.doors, request, lambda _done: loop.call_soon_threadsafe(started.set) and None)
        )
        await started.wait()
        backing.cancel()
        with pytest.raises(asyncio.CancelledError):
            await backing
        assert list(here.folder.iterdir()) == []
        left: list[tuple[Value, ...]] = [("?",)]
        for _ in range(50):
            left = pg_database.query(
                "SELECT application_name FROM pg_stat_activity WHERE datname = current_database() "
                "AND pid <> pg_backend_pid() AND backend_type = 'client backend'"
            )
            if not left:
                break
            await asyncio.sleep(0.1)
        assert left == []


async def test_a_database_that_was_replaced_meanwhile_is_not_backed_up(tmp_path: Path, pg_database: PgDatabase) -> None:
    with ground(tmp_path, pg_database) as here:
        request = here.request()
        pg_database.server.drop(pg_database.name)
        pg_database.server.create(pg_database.name)
        with pytest.raises(BackupError) as failed:
            await DATABASE.backup(here.doors, request, lambda _done: None)
        assert failed.value.code == "database_changed"
        assert list(here.folder.iterdir()) == []


def truncated(raw: bytes) -> bytes:
    return raw[: len(raw) * 6 // 10]


def flipped(raw: bytes) -> bytes:
    at = len(raw) * 2 // 3
    return raw[:at] + bytes((raw[at] ^ 0xFF, raw[at + 1] ^ 0xFF)) + raw[at + 2 :]


def empty_gzip(_raw: bytes) -> bytes:
    return gzip.compress(b"")


def longer(raw: bytes) -> bytes:
    return raw + b"tail"


@pytest.mark.parametrize("damage", [truncated, flipped, empty_gzip, longer])
async def test_damage_is_found_even_when_the_hash_was_made_to_fit(
    tmp_path: Path, pg_database: PgDatabase, damage: Callable[[bytes], bytes]
) -> None:
    with ground(tmp_path, pg_database) as here:
        pg_database.execute("CREATE TABLE big AS SELECT g, md5(g::text) FROM generate_series(1, 20000) g")
        made = await here.backup()
        path = Path(made.path)
        whole = path.read_bytes()
        path.write_bytes(damage(whole))
        proof = await DATABASE.read_proof(here.doors, made)
        assert (proof.grade, proof.problems) == (Grade.NONE, ("backup_hash_wrong",))
        changed = path.read_bytes()
        fits = replace(made, size=len(changed), sha256=hashlib.sha256(changed).hexdigest())
        proof = await DATABASE.read_proof(here.doors, fits)
        if changed.startswith(whole) and not path.name.endswith(".zst"):
            # Bytes after an archive's end are nothing that its reader minds: there the hash alone tells.
            return
        assert proof.grade is Grade.NONE
        assert proof.problems[0].startswith(("archive_unreadable:", "backup_damaged", "backup_truncated"))


async def test_a_good_backup_is_read_to_its_end(tmp_path: Path, pg_database: PgDatabase) -> None:
    with ground(tmp_path, pg_database) as here:
        made = await here.backup()
        proof = await DATABASE.read_proof(here.doors, made)
        assert (proof.grade, proof.sha256, proof.problems) == (Grade.READ, made.sha256, ())
        assert {"sha256", "pg_restore"} <= set(proof.checks)
        assert sorted(p.name for p in here.folder.iterdir()) == sorted((Path(made.path).name, Path(made.manifest).name))
        path = Path(made.path)
        path.write_bytes(b"")
        assert (await DATABASE.read_proof(here.doors, made)).problems == ("backup_empty",)
        path.unlink()
        assert (await DATABASE.read_proof(here.doors, made)).problems == ("backup_missing",)


async def test_what_a_dump_leaves_out_is_noted_without_secrets(tmp_path: Path, pg_database: PgDatabase) -> None:
    with ground(tmp_path, pg_database) as here:
        reader = here.role()
        pg_database.execute(
            f"GRANT SELECT ON users TO {reader.username}; ALTER ROLE {reader.username} SET work_mem = '8MB'; "
            f'ALTER DATABASE {pg_database.name} SET search_path = "a b", public; '
            f"GRANT CONNECT ON DATABASE {pg_database.name} TO {reader.username}"
        )
        around = (await here.backup()).surroundings
        assert around is not None
        assert f'CREATE ROLE "{reader.username}"' in around.roles
        assert f'ALTER ROLE "{reader.username}" SET "work_mem" TO \'8MB\'' in around.roles
        assert f"ALTER DATABASE \"{pg_database.name}\" SET \"search_path\" TO 'a b', 'public'" in around.database
        assert f'GRANT CONNECT ON DATABASE "{pg_database.name}" TO "{reader.username}"' in around.database
        assert "ENCODING 'UTF8'" in around.options
        assert not [one for one in (*around.roles, *around.database) if "PASSWORD" in one]

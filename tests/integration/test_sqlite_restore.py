"""Scratch and restore on SQLite: made by permit alone, in one file, all or nothing, and measured."""

from __future__ import annotations

import asyncio
import sqlite3
import stat
from collections.abc import Iterator
from contextlib import closing
from dataclasses import replace
from pathlib import Path

import pytest

from diana_tools import sessions
from diana_tools.backup import differences
from diana_tools.databases.base import Grant
from diana_tools.databases.sqlite import DATABASE, restore
from diana_tools.domain import DatabaseUrl
from diana_tools.errors import BackupError, ChangeFailed, PermitRefused, RehearsalError
from diana_tools.measured import Backup, State
from diana_tools.permit import Act
from integration.sqlite_ground import Ground, another_program, ask, change, ground, url_of

MIGRATION = """
ALTER TABLE users ADD COLUMN phone TEXT;
UPDATE users SET email = 'x' || email;
DROP VIEW adults;
DELETE FROM orgs;
CREATE TABLE audit (line TEXT);
UPDATE alembic_version SET version_num = '2b';
"""


@pytest.fixture(params=["delete", "wal"])
def shop(tmp_path: Path, request: pytest.FixtureRequest) -> Iterator[Ground]:
    with ground(tmp_path, wal=str(request.param) == "wal") as made:
        yield made


def measured(shop: Ground, url: DatabaseUrl) -> State:
    with shop.doors.sessions.read(url) as session:
        return DATABASE.state(session, "alembic_version", (), digests=True)


def names(folder: Path) -> list[str]:
    return sorted(path.name for path in folder.iterdir())


async def test_a_scratch_holds_what_the_backup_holds(shop: Ground) -> None:
    backup, grant = await shop.backup(), shop.scratch_grant()
    before = shop.path.read_bytes()
    scratch = await DATABASE.scratch(shop.doors, shop.scratch, shop.url, "", grant)
    assert scratch.place == scratch.url.database
    assert stat.S_IMODE(Path(scratch.place).stat().st_mode) == 0o600
    await scratch.load(backup, grant)
    assert measured(shop, scratch.url) == backup.state
    await scratch.mark("a:b'c", grant)
    assert ask(Path(scratch.place), "SELECT token FROM diana_scratch_marker") == [("a:b'c",)]
    assert measured(shop, scratch.url) == backup.state
    await scratch.destroy()
    await scratch.destroy()
    assert names(shop.scratch) == []
    assert shop.path.read_bytes() == before


async def test_a_scratch_of_the_schema_holds_no_rows_but_the_history(shop: Ground) -> None:
    change(
        shop.path,
        'CREATE TABLE "odd \':x" ("a:b" TEXT DEFAULT \':c\' CHECK ("a:b" <> \'\\:d\'));'
        "CREATE VIRTUAL TABLE texts USING fts5(body); INSERT INTO texts VALUES ('secret words');"
        "CREATE TABLE counted (id INTEGER PRIMARY KEY AUTOINCREMENT); INSERT INTO counted VALUES (7);",
    )
    backup, grant = await shop.backup(), shop.scratch_grant()
    scratch = await DATABASE.scratch(shop.doors, shop.scratch, shop.url, "", grant)
    await scratch.load_schema(backup, grant)
    found = measured(shop, scratch.url)
    assert found.schema == backup.state.schema
    assert found.version == backup.version
    assert {name for name, rows in found.rows().items() if rows and not name.startswith("texts_")} == {
        "alembic_version"
    }
    content = Path(scratch.place).read_bytes()
    assert b"secret" not in content
    assert b"a@x" not in content
    await scratch.destroy()


async def test_a_scratch_without_a_history_is_made_too(shop: Ground) -> None:
    backup, grant = replace(await shop.backup(), version_table="none_such"), shop.scratch_grant()
    scratch = await DATABASE.scratch(shop.doors, shop.scratch, shop.url, "", grant)
    await scratch.load_schema(backup, grant)
    assert measured(shop, scratch.url).version == ()


async def test_every_step_needs_its_use_of_the_permit_once(shop: Ground) -> None:
    backup, grant = await shop.backup(), shop.scratch_grant()
    scratch = await DATABASE.scratch(shop.doors, shop.scratch, shop.url, "", grant)
    await scratch.load(backup, grant)
    with pytest.raises(PermitRefused):
        await scratch.load(backup, grant)
    with pytest.raises(PermitRefused):
        await scratch.load_schema(backup, grant)
    await scratch.destroy()
    with pytest.raises(PermitRefused):
        await DATABASE.scratch(shop.doors, shop.scratch, shop.url, "", grant)
    assert names(shop.scratch) == []


async def test_a_permit_for_another_folder_makes_no_scratch(shop: Ground, tmp_path: Path) -> None:
    grant, other = shop.scratch_grant(), tmp_path / "other"
    other.mkdir()
    with pytest.raises(ChangeFailed) as error:
        await DATABASE.scratch(shop.doors, other, shop.url, "", grant)
    assert error.value.code == "session_mismatch"
    assert names(other) == []


async def test_a_scratch_never_takes_the_place_of_a_file(shop: Ground) -> None:
    (shop.scratch / "scratch.sqlite").write_bytes(b"somebody's")
    with pytest.raises(RehearsalError) as error:
        await DATABASE.scratch(shop.doors, shop.scratch, shop.url, "", shop.scratch_grant())
    assert error.value.code == "scratch_impossible"
    assert (shop.scratch / "scratch.sqlite").read_bytes() == b"somebody's"


async def test_a_scratch_beside_the_target_is_refused(shop: Ground) -> None:
    with pytest.raises(RehearsalError) as error:
        await DATABASE.scratch(shop.doors, shop.path.parent, shop.url, "", shop.scratch_grant())
    assert error.value.code == "scratch_beside_target"


@pytest.mark.parametrize("way", ["load", "load_schema"])
async def test_a_backup_that_cannot_be_restored_says_so(shop: Ground, way: str) -> None:
    backup, grant = await shop.backup(), shop.scratch_grant()
    scratch = await DATABASE.scratch(shop.doors, shop.scratch, shop.url, "", grant)
    Path(backup.path).write_bytes(b"x" * backup.size)
    with pytest.raises(BackupError) as error:
        await (scratch.load(backup, grant) if way == "load" else scratch.load_schema(backup, grant))
    assert error.value.code == "backup_hash_wrong"
    assert names(shop.scratch) == ["scratch.sqlite"]


async def restored(shop: Ground, backup: Backup, grant: Grant | None = None) -> str:
    return await DATABASE.restore(shop.doors, shop.url, backup, shop.scratch, grant or shop.restore_grant(backup))


async def test_a_restore_gives_the_state_back_into_the_same_file(shop: Ground) -> None:
    backup = await shop.backup()
    change(shop.path, MIGRATION)
    failed, seen = shop.state(), shop.path.stat()
    mode = ask(shop.path, "PRAGMA journal_mode")
    kept = await restored(shop, backup)
    assert shop.state() == backup.state
    assert (shop.path.stat().st_ino, shop.path.stat().st_mode) == (seen.st_ino, seen.st_mode)
    assert ask(shop.path, "PRAGMA journal_mode") == mode
    assert ask(shop.path, "PRAGMA integrity_check") == [("ok",)]
    assert Path(kept).parent == shop.folder
    assert stat.S_IMODE(Path(kept).stat().st_mode) == 0o600
    assert measured(shop, url_of(Path(kept))) == failed
    assert names(shop.scratch) == []


async def test_a_restore_is_seen_by_who_has_the_file_open(shop: Ground) -> None:
    """A file put in place of the old one would go on being read and written by those who had it open, unseen."""
    backup = await shop.backup()
    with closing(sqlite3.connect(shop.path)) as other:
        other.execute("UPDATE users SET email = 'lost' || id")
        other.commit()
        await restored(shop, backup)
        assert other.execute("SELECT email FROM users WHERE id = 1").fetchone() == ("a@x",)
        other.execute("UPDATE users SET note = 'later' WHERE id = 1")
        other.commit()
    assert ask(shop.path, "SELECT email, note FROM users WHERE id = 1") == [("a@x", "later")]


@pytest.mark.parametrize("what", ["immediate", "exclusive"])
async def test_a_busy_database_is_left_as_it_was(shop: Ground, monkeypatch: pytest.MonkeyPatch, what: str) -> None:
    monkeypatch.setattr(sessions, "_SQLITE_PATIENCE_S", 0.3)
    backup = await shop.backup()
    change(shop.path, MIGRATION)
    before, grant = shop.state(), shop.restore_grant(backup)
    with another_program(shop.path, what), pytest.raises(ChangeFailed) as error:
        await restored(shop, backup, grant)
    assert error.value.code == "restore_busy"
    assert shop.state() == before
    assert len(names(shop.folder)) == 2


async def test_a_damaged_backup_changes_nothing(shop: Ground) -> None:
    backup = await shop.backup()
    change(shop.path, MIGRATION)
    before = shop.state()
    Path(backup.path).write_bytes(Path(backup.path).read_bytes()[:-1])
    with pytest.raises(ChangeFailed) as error:
        await restored(shop, backup)
    assert error.value.code == "restore_failed"
    assert error.value.fields["error"] == "backup_hash_wrong"
    assert shop.state() == before
    assert len(names(shop.folder)) == 2


async def test_another_file_in_the_place_of_the_permitted_one_is_left_alone(shop: Ground, tmp_path: Path) -> None:
    backup, grant = await shop.backup(), None
    grant = shop.restore_grant(backup)
    other = tmp_path / "other.db"
    with closing(sqlite3.connect(other)) as connection:
        connection.execute("CREATE TABLE precious (a)")
    other.replace(shop.path)
    for suffix in ("-wal", "-shm"):
        shop.path.with_name(shop.path.name + suffix).unlink(missing_ok=True)
    with pytest.raises(ChangeFailed) as error:
        await restored(shop, backup, grant)
    assert error.value.code == "identity_changed"
    assert ask(shop.path, "SELECT name FROM sqlite_master") == [("precious",)]


async def test_a_restore_without_its_permit_changes_nothing(shop: Ground) -> None:
    backup, grant = await shop.backup(), shop.scratch_grant()
    grant = Grant(
        grant.permit,
        replace(grant.operation, act=Act.RESTORE, uses=DATABASE.restore_uses(shop.url, backup, shop.scratch)),
    )
    change(shop.path, MIGRATION)
    before = shop.state()
    with pytest.raises(PermitRefused):
        await restored(shop, backup, grant)
    assert shop.state() == before
    assert len(names(shop.folder)) == 2


async def test_a_restore_that_gives_something_else_says_so(shop: Ground) -> None:
    backup = await shop.backup()
    wrong = replace(backup, state=replace(backup.state, version=("2b",)))
    with pytest.raises(ChangeFailed) as error:
        await restored(shop, wrong)
    assert error.value.code == "restored_state_differs"
    assert Path(error.value.fields["kept"]).is_file()


async def test_a_missing_database_is_not_made_by_a_restore(shop: Ground) -> None:
    backup, grant = await shop.backup(), None
    grant = shop.restore_grant(backup)
    for path in shop.path.parent.iterdir():
        path.unlink()
    with pytest.raises(ChangeFailed) as error:
        await restored(shop, backup, grant)
    assert error.value.code == "restore_failed"
    assert not shop.path.exists()


async def test_a_writer_never_sees_half_a_restore(shop: Ground) -> None:
    backup = await shop.backup()
    numbers = "WITH n(i) AS (SELECT 10 UNION ALL SELECT i + 1 FROM n WHERE i < 9999)"
    change(shop.path, f"INSERT INTO users (id, email) {numbers} SELECT i, 'mail' || i FROM n")
    seen: set[object] = set()
    done = asyncio.Event()

    def watch() -> None:
        with closing(sqlite3.connect(shop.path, timeout=10)) as other:
            while not done.is_set():
                seen.add(other.execute("SELECT count(*) FROM users").fetchone()[0])

    watching = asyncio.ensure_future(asyncio.to_thread(watch))
    try:
        await restored(shop, backup)
    finally:
        done.set()
        await watching
    assert seen <= {3, 9993}


def test_the_uses_are_known_before(shop: Ground) -> None:
    assert DATABASE.scratch_uses(shop.scratch, shop.url, "3") == DATABASE.scratch_uses(shop.scratch, shop.url, "4")
    assert [use.name for use in DATABASE.scratch_uses(shop.scratch, shop.url, "")] == [
        "scratch_make",
        "scratch_load",
        "scratch_mark",
    ]
    assert [use.name for use in restore.uses(shop.url)] == ["restore"]
    assert not {use.digest for use in restore.uses(shop.url)} & {
        use.digest for use in DATABASE.scratch_uses(shop.scratch, shop.url, "")
    }


async def test_the_way_back_is_exact_after_a_migration(shop: Ground) -> None:
    backup = await shop.backup()
    change(shop.path, MIGRATION)
    assert differences(backup.state, shop.state())
    await restored(shop, backup)
    assert differences(backup.state, shop.state()) == ()

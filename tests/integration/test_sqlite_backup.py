"""Backups of SQLite that hold one moment of a living database, prove themselves, and never half exist."""

from __future__ import annotations

import asyncio
import os
import sqlite3
import stat
import subprocess
import sys
import threading
from collections.abc import Iterator
from contextlib import closing
from dataclasses import replace
from pathlib import Path
from typing import NamedTuple

import pytest

from diana_tools import sessions
from diana_tools.databases import archive, manifest
from diana_tools.databases.archive import Writer, unpack
from diana_tools.databases.sqlite import DATABASE, copies
from diana_tools.errors import BackupError
from diana_tools.measured import Backup, Grade
from integration.sqlite_ground import Ground, another_program, ask, change, ground


@pytest.fixture
def shop(tmp_path: Path) -> Iterator[Ground]:
    with ground(tmp_path) as made:
        yield made


def taken_out(backup: Backup, into: Path) -> Path:
    with into.open("wb") as handle:
        handle.writelines(unpack(Path(backup.path)))
    return into


def names(folder: Path) -> list[str]:
    return sorted(path.name for path in folder.iterdir())


async def test_a_backup_is_two_private_files(shop: Ground, tmp_path: Path) -> None:
    seen: list[int] = []
    backup = await DATABASE.backup(shop.doors, shop.request(), seen.append)
    assert names(shop.folder) == [f"{backup.id}.json", f"{backup.id}.sqlite.zst"]
    assert backup.id.startswith("backup-app.db-")
    assert backup.id.endswith("-run-1")
    for path in shop.folder.iterdir():
        assert stat.S_IMODE(path.stat().st_mode) == 0o600
    assert backup == manifest.read(Path(backup.manifest))
    assert backup.state == shop.state()
    assert (backup.version, backup.batch, backup.version_table) == (("1a0000000001",), "run-1", "alembic_version")
    assert backup.server == sqlite3.sqlite_version
    assert backup.size == Path(backup.path).stat().st_size
    assert seen == sorted(seen)
    assert ask(taken_out(backup, tmp_path / "out.db"), "SELECT count(*) FROM users") == [(3,)]


async def test_the_database_is_untouched_by_it(shop: Ground) -> None:
    before, entries = shop.path.read_bytes(), names(shop.path.parent)
    await shop.backup()
    assert shop.path.read_bytes() == before
    assert names(shop.path.parent) == entries


BANK = """
CREATE TABLE accounts (id INTEGER PRIMARY KEY, balance INTEGER);
CREATE TABLE log (line TEXT);
WITH n(i) AS (SELECT 0 UNION ALL SELECT i + 1 FROM n WHERE i < 999) INSERT INTO accounts SELECT i, 100 FROM n;
WITH n(i) AS (SELECT 0 UNION ALL SELECT i + 1 FROM n WHERE i < 20000) INSERT INTO log SELECT hex(zeroblob(150)) FROM n;
"""


@pytest.mark.parametrize("wal", [True, False])
async def test_a_writer_does_not_tear_it(tmp_path: Path, wal: bool) -> None:
    with ground(tmp_path, wal=wal, script=BANK) as bank, another_program(bank.path, "transfer"):
        for run in ("one", "two", "three"):
            backup = await bank.backup(run)
            out = taken_out(backup, tmp_path / f"{run}.db")
            assert ask(out, "SELECT sum(balance) FROM accounts") == [(100_000,)]
            assert ask(out, "PRAGMA integrity_check") == [("ok",)]
            assert (await DATABASE.read_proof(bank.doors, backup)).grade is Grade.READ
            with bank.doors.sessions.read(replace(bank.url, database=str(out))) as session:
                assert DATABASE.state(session, "alembic_version", (), digests=True) == backup.state


async def test_what_only_the_wal_holds_is_in_it(tmp_path: Path) -> None:
    """`cp` of such a file loses every row that was not checkpointed, silently."""
    with ground(tmp_path, wal=True) as shop, closing(sqlite3.connect(shop.path)) as holder:
        holder.execute("PRAGMA wal_autocheckpoint = 0")
        holder.execute("INSERT INTO users (id, email) VALUES (77, 'wal@x')")
        holder.commit()
        assert b"wal@x" not in shop.path.read_bytes()
        backup = await shop.backup()
        assert ask(taken_out(backup, tmp_path / "o.db"), "SELECT email FROM users WHERE id = 77") == [("wal@x",)]


async def test_a_locked_database_is_no_backup(shop: Ground, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(sessions, "_SQLITE_PATIENCE_S", 0.3)
    request = shop.request()
    with another_program(shop.path, "exclusive"), pytest.raises(BackupError) as error:
        await DATABASE.backup(shop.doors, request, lambda _done: None)
    assert error.value.code == "database_locked"
    assert names(shop.folder) == []


async def test_a_proof_goes_through_all_of_it(shop: Ground) -> None:
    backup = await shop.backup()
    proof = await DATABASE.read_proof(shop.doors, backup)
    assert proof.grade is Grade.READ
    assert proof.sha256 == backup.sha256
    assert proof.checks == ("sha256", "decompressed", "integrity_check", "foreign_keys")
    assert len(names(shop.folder)) == 2


async def test_orphans_are_told_and_are_not_the_backups_fault(shop: Ground) -> None:
    change(shop.path, "INSERT INTO users (id, email, org_id) VALUES (8, 'o@x', 99)")
    proof = await DATABASE.read_proof(shop.doors, await shop.backup())
    assert proof.grade is Grade.READ
    assert proof.checks[-1] == "foreign_keys_violated:1"


@pytest.mark.parametrize("what", ["truncated", "empty", "other", "flipped", "gone"])
async def test_a_backup_that_is_not_what_was_made_is_no_proof(shop: Ground, what: str) -> None:
    backup = await shop.backup()
    path = Path(backup.path)
    whole = path.read_bytes()
    middle = len(whole) // 2
    if what == "gone":
        path.unlink()
    else:
        path.write_bytes(
            {"truncated": whole[:-1], "empty": b"", "other": os.urandom(len(whole)),
             "flipped": whole[:middle] + bytes([whole[middle] ^ 1]) + whole[middle + 1 :]}[what]
        )  # fmt: skip
    proof = await DATABASE.read_proof(shop.doors, backup)
    assert proof.grade is Grade.NONE
    expected = {"empty": "backup_empty", "gone": "backup_missing"}.get(what, "backup_hash_wrong")
    assert proof.problems == (expected,)
    assert replace(backup, proof=proof).grade is Grade.NONE


def lying(backup: Backup, content: bytes) -> Backup:
    """A file with other content whose manifest says exactly its size and hash."""
    path = Path(backup.path)
    path.write_bytes(content)
    written = archive.measure_file(path)
    return replace(backup, size=written.size, sha256=written.sha256)


async def test_a_manifest_that_lies_along_is_found_by_the_engine(shop: Ground, tmp_path: Path) -> None:
    backup = await shop.backup()
    whole = Path(backup.path).read_bytes()
    assert (await DATABASE.read_proof(shop.doors, lying(backup, whole[:-4]))).problems == ("backup_truncated",)
    assert (await DATABASE.read_proof(shop.doors, lying(backup, b"no zstd at all"))).problems == ("backup_damaged",)
    for number, damage in enumerate((b"not a database", shop.path.read_bytes()[:9000] + b"\xff" * 3288)):
        damaged = tmp_path / f"d{number}.zst"
        with Writer(damaged, compress=True) as writer:
            writer.write(damage)
            writer.commit()
        proof = await DATABASE.read_proof(shop.doors, lying(backup, damaged.read_bytes()))
        assert proof.grade is Grade.NONE
        assert proof.problems[0].startswith("integrity:")
    assert len(names(shop.folder)) == 2


class Usage(NamedTuple):
    total: int
    used: int
    free: int


async def test_too_little_room_is_said_before_anything_is_written(
    shop: Ground, monkeypatch: pytest.MonkeyPatch
) -> None:
    def little(_path: Path) -> Usage:
        return Usage(1 << 30, 1 << 29, 10_000)

    monkeypatch.setattr(archive.shutil, "disk_usage", little)
    with pytest.raises(BackupError) as error:
        await shop.backup()
    assert error.value.code == "disk_space"
    assert error.value.fields["needed"] == str(2 * shop.path.stat().st_size)
    assert error.value.fields["free"] == "10000"
    assert names(shop.folder) == []


def in_a_child(script: str, *arguments: str) -> str:
    """Run Python that may import the tests' own modules; its output."""
    env = os.environ | {"PYTHONPATH": str(Path(__file__).parents[1])}
    command = [sys.executable, "-c", script, *arguments]
    done = subprocess.run(command, capture_output=True, text=True, env=env, check=False)
    return done.stdout.strip() + done.stderr


def test_a_limit_on_the_size_of_files_leaves_nothing(tmp_path: Path) -> None:
    script = (
        "import asyncio, resource, sys\nfrom pathlib import Path\n"
        "from integration.sqlite_ground import ground\nfrom diana_tools.errors import BackupError\n"
        "with ground(Path(sys.argv[1])) as shop:\n"
        "    resource.setrlimit(resource.RLIMIT_FSIZE, (20_000, 20_000))\n"
        "    try: asyncio.run(shop.backup())\n"
        "    except BackupError as error: print(error.code)\n"
    )
    assert in_a_child(script, str(tmp_path)) == "sqlite_copy_failed"
    assert names(tmp_path / "backups") == []


async def test_a_folder_that_is_not_there_is_named(shop: Ground) -> None:
    request = replace(shop.request(), folder=shop.folder / "absent")
    with pytest.raises(BackupError) as error:
        await DATABASE.backup(shop.doors, request, lambda _done: None)
    assert error.value.code == "backup_file_failed"


async def test_a_cancelled_backup_stops_and_leaves_nothing(shop: Ground) -> None:
    change(shop.path, "UPDATE users SET note = hex(zeroblob(4000000))")
    begun = threading.Event()

    def told(_done: int) -> None:
        begun.set()

    working = asyncio.ensure_future(DATABASE.backup(shop.doors, shop.request(), told))
    await asyncio.to_thread(begun.wait)
    working.cancel()
    with pytest.raises(asyncio.CancelledError):
        await working
    assert names(shop.folder) == []


async def test_a_killed_backup_is_swept_by_the_next(shop: Ground, tmp_path: Path) -> None:
    script = (
        "import os, sys, asyncio\nfrom pathlib import Path\nfrom dataclasses import replace\n"
        "from integration import sqlite_ground as g\nfrom diana_tools.databases.sqlite import DATABASE\n"
        "with g.ground(Path(sys.argv[1])) as shop:\n"
        "    request = replace(shop.request(), folder=Path(sys.argv[2]))\n"
        "    asyncio.run(DATABASE.backup(shop.doors, request, lambda done: os.kill(os.getpid(), 9)))\n"
    )
    (tmp_path / "other").mkdir()
    in_a_child(script, str(tmp_path / "other"), str(shop.folder))
    assert [name.endswith(".part") for name in names(shop.folder)] == [True]
    backup = await shop.backup()
    assert names(shop.folder) == [f"{backup.id}.json", f"{backup.id}.sqlite.zst"]


@pytest.mark.skipif(os.getuid() != 0, reason="mounting needs root; the limit on files above needs no rights")
async def test_a_disk_that_fills_at_any_moment_leaves_nothing(
    shop: Ground, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """The look at the free space is taken out of the way, so that copy, work files, compression and manifest hit it."""

    def no_look(_folder: Path, _needed: int) -> None:
        return

    monkeypatch.setattr(copies, "require_space", no_look)
    change(shop.path, "UPDATE users SET note = hex(randomblob(15000))")
    tiny, codes = tmp_path / "tiny", list[str]()
    tiny.mkdir()
    for size in range(16, 400, 12):
        subprocess.run(["mount", "-t", "tmpfs", "-o", f"size={size}k,mode=0700", "tmpfs", str(tiny)], check=True)
        try:
            await DATABASE.backup(shop.doors, replace(shop.request(), folder=tiny), lambda _done: None)
            assert len(names(tiny)) == 2
            codes.append("done")
        except BackupError as error:
            assert names(tiny) == []
            codes.append(error.code)
        finally:
            subprocess.run(["umount", str(tiny)], check=True)
    assert set(codes) == {"disk_full", "done"}
    assert codes == sorted(codes, key="done".__eq__)

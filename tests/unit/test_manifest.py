"""The manifest beside a backup, and the private files of backups in the making."""

from __future__ import annotations

import errno
import hashlib
import json
import os
import resource
import signal
import stat
import subprocess
import sys
from dataclasses import replace
from datetime import UTC, datetime, timedelta, timezone
from pathlib import Path

import pytest

from diana_tools.databases import archive, manifest
from diana_tools.databases.archive import Writer, backup_name, unpack, work_folder
from diana_tools.domain import Address
from diana_tools.errors import BackupError
from diana_tools.measured import Backup, Copy, Grade, Proof, Schema, SchemaObject, State, TableMeasure

MADE = datetime(2026, 1, 2, 3, 4, 5, tzinfo=UTC)


def a_backup(folder: Path, *, run: str = "r1", content: bytes = b"content", made: datetime = MADE) -> Backup:
    name = backup_name("shop", made, run)
    path = folder / f"{name}.sqlite.zst"
    path.write_bytes(content)
    schema = Schema((SchemaObject("table", "users", ""), SchemaObject("column", "users.ünï", "text not null")))
    return Backup(
        id=name, engine="sqlite", path=str(path), manifest=str(folder / f"{name}.json"), size=len(content),
        sha256=hashlib.sha256(content).hexdigest(), identity="ab" * 16,
        address=Address("sqlite", "", None, "/srv/shop.db"), made_at=made.isoformat(), version=("a1",),
        state=State(schema, ("a1",), (TableMeasure("users", 3, "d"), TableMeasure("empty", 0))), server="3.40.1",
        program="online copy", batch="r1", missing=("owner",), version_table="alembic_version",
    )  # fmt: skip


def code_of(error: pytest.ExceptionInfo[BackupError]) -> str:
    return error.value.code


def test_what_was_written_is_read_back_equal(tmp_path: Path) -> None:
    backup = a_backup(tmp_path)
    manifest.write(backup)
    assert manifest.read(Path(backup.manifest)) == backup
    assert stat.S_IMODE(Path(backup.manifest).stat().st_mode) == 0o600


def test_a_moved_backup_is_read_where_it_is_now(tmp_path: Path) -> None:
    backup = a_backup(tmp_path)
    manifest.write(backup)
    there = tmp_path / "there"
    there.mkdir()
    for name in (backup.path, backup.manifest):
        Path(name).rename(there / Path(name).name)
    found = manifest.read(there / Path(backup.manifest).name)
    assert Path(found.path).read_bytes() == b"content"
    assert str(tmp_path / "backup") not in Path(found.manifest).read_text()


def test_proof_and_copies_are_added(tmp_path: Path) -> None:
    backup = a_backup(tmp_path)
    manifest.write(backup)
    proven = replace(
        backup, proof=Proof(Grade.RESTORED, backup.sha256, ("fingerprint",), (), 1.5),
        copies=(Copy("s3", "s3://b/k", remote=True, verified=True, checks=("size",)),),
    )  # fmt: skip
    manifest.update(proven)
    assert manifest.read(Path(backup.manifest)) == proven
    assert proven.grade is Grade.RESTORED
    assert sorted(p.name for p in tmp_path.iterdir()) == sorted([Path(backup.path).name, Path(backup.manifest).name])


def test_an_update_for_another_backup_is_refused(tmp_path: Path) -> None:
    backup = a_backup(tmp_path)
    manifest.write(backup)
    with pytest.raises(BackupError) as error:
        manifest.update(replace(backup, sha256="0" * 64))
    assert code_of(error) == "manifest_of_another"
    assert manifest.read(Path(backup.manifest)) == backup


def test_a_manifest_is_never_overwritten_by_write(tmp_path: Path) -> None:
    backup = a_backup(tmp_path)
    manifest.write(backup)
    with pytest.raises(BackupError) as error:
        manifest.write(backup)
    assert code_of(error) == "backup_exists"


def test_find_gives_the_newest_first_and_leaves_out_what_is_broken(tmp_path: Path) -> None:
    first, second = (a_backup(tmp_path, run=f"r{n}", made=MADE + timedelta(days=n)) for n in (1, 2))
    manifest.write(first)
    manifest.write(second)
    (tmp_path / "backup-broken-20260101T000000Z-x.json").write_text("{")
    (tmp_path / "other.json").write_text("{}")
    assert manifest.find(tmp_path) == (second, first)
    assert manifest.find(tmp_path / "absent") == ()


@pytest.mark.parametrize(
    ("field", "value"),
    [
        ("path", "../../etc/passwd"), ("path", "/etc/passwd"), ("path", "backup-other.dump"), ("manifest", "x.json"),
        ("id", "../x"), ("sha256", "abc"), ("size", 0), ("size", "many"), ("surprise", 1), ("version", "a1"),
    ],
)  # fmt: skip
def test_a_manifest_that_cannot_be_true_is_refused(tmp_path: Path, field: str, value: object) -> None:
    backup = a_backup(tmp_path)
    whole = json.loads(manifest.dump(backup))
    whole["backup"][field] = value
    path = Path(backup.manifest)
    path.write_text(json.dumps(whole))
    with pytest.raises(BackupError) as error:
        manifest.read(path)
    assert code_of(error) == "manifest_unreadable"


@pytest.mark.parametrize("text", [b"", b"{}", b"[]", b"\xff\xfe", b'{"schema": "diana.backup/2", "backup": {}}'])
def test_what_is_no_manifest_is_refused(tmp_path: Path, text: bytes) -> None:
    path = tmp_path / "backup-x.json"
    path.write_bytes(text)
    with pytest.raises(BackupError) as error:
        manifest.read(path)
    assert code_of(error) == "manifest_unreadable"
    with pytest.raises(BackupError) as error:
        manifest.read(tmp_path / "absent.json")
    assert code_of(error) == "manifest_unreadable"


def test_an_id_cannot_lead_out_of_its_folder(tmp_path: Path) -> None:
    assert manifest.manifest_path(tmp_path, "backup-a") == tmp_path / "backup-a.json"
    for wrong in ("../backup-a", "backup-a/../../b", "", "backup-\n"):
        with pytest.raises(BackupError):
            manifest.manifest_path(tmp_path, wrong)


@pytest.mark.parametrize(
    ("database", "expected"),
    [
        ("shop", "backup-shop-20260102T030405Z-r1"),
        ("app.db", "backup-app.db-20260102T030405Z-r1"),
        ("a/b c;$(x)", "backup-a_b_c_x-20260102T030405Z-r1"),
        ("../..", "backup-database-20260102T030405Z-r1"),
        ("", "backup-database-20260102T030405Z-r1"),
        ("ж" * 300, "backup-database-20260102T030405Z-r1"),
        ("x" * 300, f"backup-{'x' * 80}-20260102T030405Z-r1"),
    ],
)
def test_names_are_safe_for_files(database: str, expected: str) -> None:
    there = MADE.astimezone(timezone(timedelta(hours=5)))
    assert backup_name(database, there, "r1") == expected


def test_a_writer_hashes_what_it_writes(tmp_path: Path) -> None:
    path = tmp_path / "f.dump"
    with Writer(path) as writer:
        writer.write(b"one ")
        assert not path.exists()
        writer.write(b"two")
        written = writer.commit()
    assert path.read_bytes() == b"one two"
    assert written == archive.measure_file(path)
    assert written.sha256 == hashlib.sha256(b"one two").hexdigest()
    assert stat.S_IMODE(path.stat().st_mode) == 0o600


def test_a_writer_is_private_whatever_the_umask(tmp_path: Path) -> None:
    before = os.umask(0)
    try:
        with Writer(tmp_path / "f") as writer:
            writer.commit()
        with work_folder(tmp_path, "w") as folder:
            assert stat.S_IMODE(folder.stat().st_mode) == 0o700
    finally:
        os.umask(before)
    assert stat.S_IMODE((tmp_path / "f").stat().st_mode) == 0o600


def test_an_abandoned_writer_leaves_nothing(tmp_path: Path) -> None:
    with Writer(tmp_path / "f", compress=True) as writer:
        writer.write(b"x" * 1000)
        assert (tmp_path / "f.part").exists()
    assert list(tmp_path.iterdir()) == []


def test_a_writer_never_takes_the_place_of_another_file(tmp_path: Path) -> None:
    path = tmp_path / "f"
    with Writer(path) as writer:
        writer.write(b"mine")
        path.write_bytes(b"theirs")
        with pytest.raises(BackupError) as error:
            writer.commit()
    assert code_of(error) == "backup_exists"
    with pytest.raises(BackupError):
        Writer(path)
    assert path.read_bytes() == b"theirs"
    assert list(tmp_path.iterdir()) == [path]


def test_a_planted_link_is_not_written_through(tmp_path: Path) -> None:
    victim = tmp_path / "victim"
    victim.write_bytes(b"precious")
    (tmp_path / "f.part").symlink_to(victim)
    with pytest.raises(BackupError):
        Writer(tmp_path / "f")
    assert victim.read_bytes() == b"precious"


def packed(folder: Path, content: bytes) -> Path:
    path = folder / "f.zst"
    with Writer(path, compress=True) as writer:
        for start in range(0, len(content), 1000):
            writer.write(content[start : start + 1000])
        writer.commit()
    return path


@pytest.mark.parametrize("size", [0, 1, 3_000_000])
def test_what_was_compressed_comes_back(tmp_path: Path, size: int) -> None:
    content = os.urandom(size // 2) + b"z" * (size - size // 2)
    assert b"".join(unpack(packed(tmp_path, content))) == content


def test_a_cut_file_is_found_at_every_length(tmp_path: Path) -> None:
    path = packed(tmp_path, b"some content " * 50)
    whole = path.read_bytes()
    for length in range(len(whole)):
        path.write_bytes(whole[:length])
        with pytest.raises(BackupError) as error:
            list(unpack(path))
        assert code_of(error) == "backup_truncated"


def test_a_wrong_byte_is_found_wherever_it_is(tmp_path: Path) -> None:
    content = os.urandom(2000)
    path = packed(tmp_path, content)
    whole = path.read_bytes()
    for place in range(0, len(whole), 7):
        path.write_bytes(whole[:place] + bytes([whole[place] ^ 1]) + whole[place + 1 :])
        with pytest.raises(BackupError):
            list(unpack(path))


@pytest.mark.parametrize("more", [b"\0", b"more" * 100_000])
def test_bytes_after_the_end_are_found(tmp_path: Path, more: bytes) -> None:
    path = packed(tmp_path, b"content")
    path.write_bytes(path.read_bytes() + more)
    with pytest.raises(BackupError) as error:
        list(unpack(path))
    assert code_of(error) == "backup_damaged"


def test_a_full_disk_is_named_and_leaves_nothing(tmp_path: Path) -> None:
    """A file size limit is a full disk that needs no rights: a child gets one, writes over it and tells what it saw."""
    script = (
        "import sys\nfrom pathlib import Path\n"
        "from diana_tools.databases.archive import Writer\nfrom diana_tools.errors import BackupError\n"
        "try:\n"
        "    with Writer(Path(sys.argv[1])) as writer:\n"
        "        for _ in range(100): writer.write(b'x' * 10_000)\n"
        "except BackupError as error: print(error.code)\n"
    )
    done = subprocess.run(
        [sys.executable, "-c", script, str(tmp_path / "f")], capture_output=True, text=True, check=True,
        preexec_fn=lambda: resource.setrlimit(resource.RLIMIT_FSIZE, (100_000, 100_000)),
    )  # fmt: skip
    assert done.stdout.strip() == "disk_full"
    assert list(tmp_path.iterdir()) == []


def test_the_systems_refusals_are_named() -> None:
    place = Path("/x/y")
    assert archive.failed(OSError(errno.ENOSPC, "No space left"), place).code == "disk_full"
    assert archive.failed(OSError(errno.EACCES, "Permission denied"), place).code == "backup_file_failed"


def test_too_little_room_is_told_in_numbers(tmp_path: Path) -> None:
    archive.require_space(tmp_path, 1)
    with pytest.raises(BackupError) as error:
        archive.require_space(tmp_path, 1 << 62)
    assert code_of(error) == "disk_space"
    assert error.value.fields["needed"] == str(1 << 62)
    assert int(error.value.fields["free"]) > 0


def test_what_a_killed_diana_left_is_swept_and_nothing_else(tmp_path: Path) -> None:
    name = backup_name("shop", MADE, "r1")
    script = (
        "import os, sys\nfrom pathlib import Path\nfrom diana_tools.databases.archive import Writer, work_folder\n"
        "folder, name = Path(sys.argv[1]), sys.argv[2]\n"
        "writer = Writer(folder / f'{name}.dump')\nwriter.write(b'half')\n"
        "held = work_folder(folder, name)\nwork = held.__enter__()\n(work / 'copy').write_bytes(b'half')\n"
        "os.kill(os.getpid(), 9)\n"
    )
    done = subprocess.run([sys.executable, "-c", script, str(tmp_path), name], check=False)
    assert done.returncode == -signal.SIGKILL
    assert len(list(tmp_path.iterdir())) == 2
    foreign = tmp_path / "film.mkv.part"
    foreign.write_bytes(b"somebody's download")
    with Writer(tmp_path / f"{name}-2.dump") as alive:
        archive.sweep(tmp_path)
        left = sorted(p.name for p in tmp_path.iterdir())
        assert left == [f"{name}-2.dump.part", "film.mkv.part"]
        alive.commit()


def test_a_stale_part_of_the_same_name_is_taken_over_and_a_held_one_is_not(tmp_path: Path) -> None:
    part = tmp_path / "f.part"
    part.write_bytes(b"stale")
    with Writer(tmp_path / "f") as writer:
        writer.write(b"fresh")
        with pytest.raises(BackupError) as error:
            Writer(tmp_path / "f")
        assert code_of(error) == "backup_file_failed"
        writer.commit()
    assert (tmp_path / "f").read_bytes() == b"fresh"

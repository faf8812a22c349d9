"""A folder as a store: verified copies, never over another file, never half of one."""

from __future__ import annotations

import os
import stat
import subprocess
from collections.abc import Iterator
from dataclasses import replace
from pathlib import Path

import pytest

from diana_tools.databases import manifest
from diana_tools.databases.sqlite import DATABASE
from diana_tools.errors import BackupError, SettingsError
from diana_tools.measured import Backup, Grade
from diana_tools.stores.base import Store
from diana_tools.stores.local import open_store
from integration.sqlite_ground import Ground, ground


@pytest.fixture
def shop(tmp_path: Path) -> Iterator[Ground]:
    with ground(tmp_path) as made:
        yield made


@pytest.fixture
async def backup(shop: Ground) -> Backup:
    return await shop.backup()


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    path = tmp_path / "store"
    path.mkdir()
    return path


def names(folder: Path) -> list[str]:
    return sorted(path.name for path in folder.iterdir())


def put(folder: Path, backup: Backup) -> tuple[str, ...]:
    return open_store("disk", str(folder), True, {}).put(backup, lambda _done: None).checks


def code(store: Store, backup: Backup) -> str:
    with pytest.raises(BackupError) as error:
        store.put(backup, lambda _done: None)
    return error.value.code


def test_a_copy_is_verified_by_reading_it_back(folder: Path, backup: Backup) -> None:
    seen: list[int] = []
    store = open_store("disk", str(folder), True, {})
    store.check()
    copy = store.put(backup, seen.append)
    assert (store.kind, copy.store, copy.remote, copy.verified) == ("local", "disk", True, True)
    assert copy.checks == ("size", "sha256", "manifest", "same_volume")
    assert copy.location == str(folder / Path(backup.path).name)
    assert seen[-1] == backup.size
    assert names(folder) == [f"{backup.id}.json", f"{backup.id}.sqlite.zst"]
    assert {stat.S_IMODE(path.stat().st_mode) for path in folder.iterdir()} == {0o600}
    assert manifest.read(folder / f"{backup.id}.json").state == backup.state


def test_its_manifests_are_listed_and_nothing_else(folder: Path, backup: Backup) -> None:
    store = open_store("disk", str(folder), True, {})
    assert store.manifests() == ()
    put(folder, backup)
    for other in ("backup-a-20200101T000000Z-aaaa.json", "mark.json", "backup-.txt", "backup-a b.json"):
        (folder / other).write_text("{}")
    assert store.manifests() == ("backup-a-20200101T000000Z-aaaa.json", f"{backup.id}.json")
    with pytest.raises(BackupError) as caught:
        open_store("disk", str(folder / "gone"), True, {}).manifests()
    assert caught.value.code == "store_unreachable"


async def test_putting_again_verifies_again_and_brings_the_proof_along(
    folder: Path, backup: Backup, shop: Ground
) -> None:
    put(folder, backup)
    proven = replace(backup, proof=await DATABASE.read_proof(shop.doors, backup))
    assert put(folder, proven)[0] == "already_there"
    assert manifest.read(folder / f"{backup.id}.json").grade is Grade.READ


def test_another_file_of_the_same_name_is_never_overwritten(folder: Path, backup: Backup) -> None:
    other = folder / Path(backup.path).name
    other.write_bytes(b"somebody's")
    assert code(open_store("disk", str(folder), True, {}), backup) == "store_exists"
    assert other.read_bytes() == b"somebody's"


def test_a_manifest_of_another_backup_is_never_overwritten(folder: Path, backup: Backup) -> None:
    there = folder / f"{backup.id}.json"
    there.write_bytes(manifest.dump(replace(backup, sha256="0" * 64)))
    before = there.read_bytes()
    assert code(open_store("disk", str(folder), True, {}), backup) == "manifest_of_another"
    assert there.read_bytes() == before


def test_the_backups_own_folder_is_no_store(shop: Ground, backup: Backup) -> None:
    assert code(open_store("disk", str(shop.folder), True, {}), backup) == "store_same_folder"


def test_a_source_that_changed_makes_no_copy(folder: Path, backup: Backup) -> None:
    Path(backup.path).write_bytes(os.urandom(backup.size))
    assert code(open_store("disk", str(folder), True, {}), backup) == "store_mismatch"
    assert names(folder) == []


def test_a_folder_that_is_not_there_or_is_a_file_is_named(tmp_path: Path, backup: Backup) -> None:
    (tmp_path / "file").touch()
    for place in ("absent", "file"):
        store = open_store("disk", str(tmp_path / place), False, {})
        with pytest.raises(BackupError) as error:
            store.check()
        assert error.value.code == "store_unreachable"
        assert code(store, backup) == "store_unreachable"


def test_a_check_leaves_nothing(folder: Path) -> None:
    open_store("disk", str(folder), False, {}).check()
    assert names(folder) == []


def test_settings_that_make_no_sense_are_refused() -> None:
    with pytest.raises(SettingsError) as error:
        open_store("disk", "backups", False, {})
    assert error.value.code == "store_location_wrong"
    with pytest.raises(SettingsError) as error:
        open_store("disk", "/backups", False, {"endpoint": "x"})
    assert error.value.code == "store_option_unknown"


async def test_what_comes_back_is_the_backup(folder: Path, backup: Backup, shop: Ground, tmp_path: Path) -> None:
    put(folder, backup)
    back = tmp_path / "back"
    back.mkdir()
    store = open_store("disk", str(folder), False, {})
    path = store.get(backup.id, back)
    assert store.get(backup.id, back) == path
    fetched = manifest.read(path)
    assert Path(fetched.path).read_bytes() == Path(backup.path).read_bytes()
    assert Path(fetched.path).parent == back
    assert {stat.S_IMODE(one.stat().st_mode) for one in back.iterdir()} == {0o600}
    assert (await DATABASE.read_proof(shop.doors, fetched)).grade is Grade.READ


@pytest.mark.parametrize("what", ["content", "shorter", "longer", "gone", "manifest", "other manifest"])
def test_what_was_changed_there_does_not_come_back(folder: Path, backup: Backup, tmp_path: Path, what: str) -> None:
    put(folder, backup)
    back = tmp_path / "back"
    back.mkdir()
    there, beside = folder / Path(backup.path).name, folder / f"{backup.id}.json"
    whole = there.read_bytes()
    match what:
        case "content":
            there.write_bytes(os.urandom(len(whole)))
        case "shorter":
            there.write_bytes(whole[:-1])
        case "longer":
            there.write_bytes(whole + b"\0")
        case "gone":
            there.unlink()
        case "manifest":
            beside.write_bytes(beside.read_bytes()[:-40])
        case _:
            beside.write_bytes(manifest.dump(replace(backup, id="backup-other", manifest="backup-other.json")))
    with pytest.raises(BackupError) as error:
        open_store("disk", str(folder), False, {}).get(backup.id, back)
    assert error.value.code == ("store_missing" if what == "gone" else "store_mismatch")
    assert names(back) == []


@pytest.mark.parametrize("wrong", ["backup-none", "../backup-x", ""])
def test_what_is_not_there_is_not_found(folder: Path, tmp_path: Path, wrong: str) -> None:
    with pytest.raises(BackupError) as error:
        open_store("disk", str(folder), False, {}).get(wrong, tmp_path)
    assert error.value.code == ("store_missing" if wrong == "backup-none" else "backup_id_wrong")


def test_a_half_copy_of_a_killed_diana_is_taken_over(folder: Path, backup: Backup) -> None:
    (folder / f"{Path(backup.path).name}.part").write_bytes(b"half")
    (folder / f"{backup.id}.json.part").write_bytes(b"half")
    put(folder, backup)
    assert len(names(folder)) == 2


@pytest.mark.skipif(os.getuid() != 0, reason="mounting needs root")
def test_another_volume_that_fills_keeps_nothing(folder: Path, backup: Backup) -> None:
    for size, expected in (("4k", "disk_full"), ("1m", "")):
        subprocess.run(["mount", "-t", "tmpfs", "-o", f"size={size}", "tmpfs", str(folder)], check=True)
        try:
            store = open_store("disk", str(folder), False, {})
            if expected:
                big = Path(backup.path).with_name("backup-big.dump")
                big.write_bytes(os.urandom(20_000))
                assert code(store, replace(backup, path=str(big))) == expected
                assert names(folder) == []
            else:
                assert "same_volume" not in store.put(backup, lambda _done: None).checks
        finally:
            subprocess.run(["umount", str(folder)], check=True)

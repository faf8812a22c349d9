"""S3 as a store, against a real server over real HTTP: what goes up comes back, and nothing is overwritten."""

from __future__ import annotations

import logging
import os
from dataclasses import replace
from pathlib import Path

import pytest

from diana_tools.databases import archive, manifest
from diana_tools.databases.sqlite import DATABASE
from diana_tools.measured import Backup, Grade
from integration.s3.store_talk import nothing, objects, refused, store
from integration.s3_ground import SECRET, S3Server
from integration.sqlite_ground import Ground


def test_a_copy_and_its_manifest_are_two_objects_that_were_read_back(
    server: S3Server, bucket: Path, backup: Backup
) -> None:
    seen: list[int] = []
    there = store(bucket, server.url)
    there.check()
    assert objects(bucket) == []
    assert there.manifests() == ()
    copy = there.put(backup, seen.append)
    assert objects(bucket) == [f"team/shop/{backup.id}.json", f"team/shop/{backup.id}.sqlite.zst"]
    assert (bucket / f"team/shop/{backup.id}.sqlite.zst").read_bytes() == Path(backup.path).read_bytes()
    assert copy.location == f"s3://{bucket.name}/team/shop/{backup.id}.sqlite.zst"
    assert (copy.store, copy.remote, copy.verified) == ("cloud", True, True)
    assert set(copy.checks) >= {"size", "sha256", "manifest", "public_not_checked", "plain_http", "encryption_not_told"}
    assert seen[-1] == backup.size
    there.keep_once("backup-mark", b"x")
    assert there.manifests() == (f"{backup.id}.json",)


async def test_what_comes_back_is_the_backup(
    server: S3Server, bucket: Path, backup: Backup, shop: Ground, tmp_path: Path
) -> None:
    there, back = store(bucket, server.url, ""), tmp_path / "back"
    back.mkdir()
    proven = replace(backup, proof=await DATABASE.read_proof(shop.doors, backup))
    there.put(proven, nothing)
    fetched = manifest.read(there.get(backup.id, back))
    assert fetched.grade is Grade.READ
    assert Path(fetched.path).read_bytes() == Path(backup.path).read_bytes()
    assert (await DATABASE.read_proof(shop.doors, fetched)).grade is Grade.READ


def big(folder: Path, backup: Backup, size: int) -> Backup:
    """A backup of so many random bytes, for which only the store matters."""
    path = folder / f"{backup.id}.dump"
    with path.open("wb") as handle:
        for _ in range(size // (1 << 20)):
            handle.write(os.urandom(1 << 20))
        handle.write(os.urandom(size % (1 << 20)))
    written = archive.measure_file(path)
    return replace(backup, path=str(path), size=written.size, sha256=written.sha256)


def test_a_large_one_goes_up_in_parts_and_comes_back(
    server: S3Server, bucket: Path, backup: Backup, tmp_path: Path
) -> None:
    large, back = big(tmp_path, backup, 40_000_001), tmp_path / "back"
    back.mkdir()
    there = store(bucket, server.url)
    assert "sha256" in there.put(large, nothing).checks
    assert archive.measure_file(Path(manifest.read(there.get(backup.id, back)).path)).sha256 == large.sha256


def test_putting_again_verifies_what_is_there(server: S3Server, bucket: Path, backup: Backup) -> None:
    there = store(bucket, server.url)
    there.put(backup, nothing)
    assert "already_there" in there.put(replace(backup, batch="later"), nothing).checks
    assert manifest.load(
        (bucket / f"team/shop/{backup.id}.json").read_bytes(), Path(f"{backup.id}.json")
    ).batch == "later"  # fmt: skip


def test_an_object_of_the_same_name_is_never_overwritten(server: S3Server, bucket: Path, backup: Backup) -> None:
    content, beside = f"team/shop/{backup.id}.sqlite.zst", f"team/shop/{backup.id}.json"
    for there, code in ((b"somebody's", "store_exists"), (os.urandom(backup.size), "store_mismatch")):
        server.client.put_object(Bucket=bucket.name, Key=content, Body=there)
        assert refused(lambda: store(bucket, server.url).put(backup, nothing)).code == code
        assert (bucket / content).read_bytes() == there
    server.client.delete_object(Bucket=bucket.name, Key=content)
    other = manifest.dump(replace(backup, sha256="0" * 64))
    server.client.put_object(Bucket=bucket.name, Key=beside, Body=other)
    assert refused(lambda: store(bucket, server.url).put(backup, nothing)).code == "store_exists"
    assert (bucket / beside).read_bytes() == other


@pytest.mark.parametrize("what", ["content", "shorter", "gone", "manifest", "all gone"])
def test_what_was_changed_there_does_not_come_back(
    server: S3Server, bucket: Path, backup: Backup, tmp_path: Path, what: str
) -> None:
    there = store(bucket, server.url)
    there.put(backup, nothing)
    content, beside = f"team/shop/{backup.id}.sqlite.zst", f"team/shop/{backup.id}.json"
    whole, client = Path(backup.path).read_bytes(), server.client
    match what:
        case "content":
            client.put_object(Bucket=bucket.name, Key=content, Body=os.urandom(backup.size))
        case "shorter":
            client.put_object(Bucket=bucket.name, Key=content, Body=whole[:-1])
        case "manifest":
            client.put_object(Bucket=bucket.name, Key=beside, Body=manifest.dump(backup)[:-50])
        case "gone":
            client.delete_object(Bucket=bucket.name, Key=content)
        case _:
            client.delete_object(Bucket=bucket.name, Key=beside)
    error = refused(lambda: there.get(backup.id, tmp_path))
    assert error.code == ("store_missing" if "gone" in what else "store_mismatch")
    assert list(tmp_path.iterdir()) == []


def test_nothing_secret_is_logged(
    server: S3Server, bucket: Path, backup: Backup, caplog: pytest.LogCaptureFixture, capfd: pytest.CaptureFixture[str]
) -> None:
    with caplog.at_level(logging.INFO):
        store(bucket, server.url).put(backup, nothing)
    out, err = capfd.readouterr()
    assert SECRET not in caplog.text + out + err
    assert SECRET not in repr(store(bucket, server.url))

"""What is checked of an upload to S3, with a man in the middle for what a good server never does."""

from __future__ import annotations

import base64
import hashlib
import os
from pathlib import Path

import pytest

from diana_tools.measured import Backup
from diana_tools.stores import s3_checks
from integration.s3.store_talk import nothing, refused, store
from integration.s3_ground import Passing, S3Server, in_the_middle


@pytest.mark.parametrize(("verify", "spared"), [("checksum", True), ("auto", False), ("read_back", False)])
def test_a_servers_own_checksum_spares_the_download_where_it_is_believed(
    server: S3Server, bucket: Path, backup: Backup, verify: str, spared: bool
) -> None:
    whole = base64.b64encode(bytes.fromhex(backup.sha256)).decode()

    def spoil(passing: Passing) -> None:
        if passing.method == "HEAD" and passing.path.endswith(".zst"):
            passing.say("x-amz-checksum-sha256", whole)
            passing.say("x-amz-server-side-encryption", "AES256")

    with in_the_middle(server, spoil) as middle:
        checks = store(bucket, middle.url, verify=verify).put(backup, nothing).checks
        assert ("checksum_sha256" in checks) is spared
        assert ("sha256" in checks) is not spared
        assert "encrypted" in checks
        downloads = [line for line in middle.seen if line.startswith("GET") and line.endswith(".zst")]
        assert len(downloads) == (0 if spared else 1)


def test_a_wrong_checksum_is_never_enough(server: S3Server, bucket: Path, backup: Backup) -> None:
    def spoil(passing: Passing) -> None:
        if passing.method == "HEAD" and passing.path.endswith(".zst"):
            passing.say("x-amz-checksum-sha256", base64.b64encode(bytes(32)).decode())

    with in_the_middle(server, spoil) as middle:
        assert "sha256" in store(bucket, middle.url, verify="checksum").put(backup, nothing).checks


@pytest.mark.parametrize("what", ["content", "size", "metadata", "manifest", "cut"])
def test_an_upload_that_reads_back_different_is_no_copy(
    server: S3Server, bucket: Path, backup: Backup, what: str
) -> None:
    def spoil(passing: Passing) -> None:
        content = passing.path.endswith(".zst")
        match what:
            case "content" if passing.method == "GET" and content:
                passing.body = os.urandom(len(passing.body))
            case "size" if passing.method == "HEAD" and content and passing.status == 200:
                passing.say("content-length", str(backup.size - 1))
            case "metadata" if passing.method == "HEAD" and content and passing.status == 200:
                passing.say("x-amz-meta-sha256", "f" * 64)
            case "manifest" if passing.method == "GET" and passing.path.endswith(".json"):
                passing.body = passing.body.replace(b"run-1", b"run-2")
            case "cut" if passing.method == "GET" and content:
                passing.body = passing.body[:-1]
            case _:
                return

    with in_the_middle(server, spoil) as middle:
        error = refused(lambda: store(bucket, middle.url).put(backup, nothing))
    assert error.code == "store_mismatch"


@pytest.mark.parametrize(("size", "parts"), [(1, 0), (999, 0), (1000, 1), (1001, 2), (3000, 3), (3001, 4)])
def test_the_checksum_of_parts_is_the_one_that_s3_tells(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, size: int, parts: int
) -> None:
    """S3 tells the SHA-256 of the parts' SHA-256s and their number (user guide, "Checking object integrity")."""
    monkeypatch.setattr(s3_checks, "_PART", 1000)
    monkeypatch.setattr(s3_checks, "_MIB", 100)
    content = os.urandom(size)
    (tmp_path / "f").write_bytes(content)
    hashes = [hashlib.sha256(content[at : at + 1000]).digest() for at in range(0, size, 1000)]
    whole = hashlib.sha256(b"".join(hashes)).digest() if parts else hashes[0]
    expected = base64.b64encode(whole).decode() + (f"-{parts}" if parts else "")
    assert s3_checks.checksum_of(tmp_path / "f") == expected


@pytest.mark.parametrize(("size", "part"), [(1, 16), (100 << 30, 16), (200 << 30, 23), (5 << 40, 583)])
def test_parts_grow_so_that_there_are_never_too_many(size: int, part: int) -> None:
    assert s3_checks.part_size(size) == part << 20
    assert -(-size // s3_checks.part_size(size)) <= 10_000

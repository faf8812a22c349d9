"""S3 as a store, against a real server over real HTTP, with a man in the middle for what a good server never does."""

from __future__ import annotations

import asyncio
import base64
import hashlib
import logging
import os
import socket
from collections.abc import Callable, Generator, Iterator
from dataclasses import replace
from pathlib import Path

import pytest

from diana_tools.databases import archive, manifest
from diana_tools.databases.sqlite import DATABASE
from diana_tools.errors import BackupError, SettingsError
from diana_tools.measured import Backup, Grade
from diana_tools.stores import s3_checks
from diana_tools.stores.s3 import S3Store, open_store
from integration.s3_ground import KEY, SECRET, Passing, S3Server, in_the_middle, s3_server
from integration.sqlite_ground import Ground, ground


@pytest.fixture(scope="module")
def server(tmp_path_factory: pytest.TempPathFactory) -> Generator[S3Server]:
    with s3_server(tmp_path_factory.mktemp("s3")) as running:
        yield running


@pytest.fixture(autouse=True)
def credentials(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("AWS_ACCESS_KEY_ID", KEY)
    monkeypatch.setenv("AWS_SECRET_ACCESS_KEY", SECRET)


@pytest.fixture
def bucket(server: S3Server, request: pytest.FixtureRequest) -> Path:
    name = hashlib.sha256(str(request.node.name).encode()).hexdigest()[:20]  # pyright: ignore[reportUnknownMemberType, reportUnknownArgumentType]  # pytest leaves the node's type open
    return server.bucket(name)


@pytest.fixture(scope="module")
def shop(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Ground]:
    with ground(tmp_path_factory.mktemp("shop")) as made:
        yield made


@pytest.fixture(scope="module")
def backup(shop: Ground) -> Backup:
    return asyncio.run(shop.backup())


def store(bucket: Path, url: str, prefix: str = "/team/shop", **options: str) -> S3Store:
    settings = {"endpoint": url, "region": "eu-west-1"} | options
    return open_store("cloud", f"s3://{bucket.name}{prefix}", True, settings)


def nothing(_done: int) -> None:
    return


def refused(act: Callable[[], object]) -> BackupError:
    with pytest.raises(BackupError) as error:
        act()
    assert SECRET not in str(error.value)
    return error.value


def objects(bucket: Path) -> list[str]:
    return sorted(str(path.relative_to(bucket)) for path in bucket.rglob("*") if path.is_file())


def test_a_copy_and_its_manifest_are_two_objects_that_were_read_back(
    server: S3Server, bucket: Path, backup: Backup
) -> None:
    seen: list[int] = []
    there = store(bucket, server.url)
    there.check()
    assert objects(bucket) == []
    copy = there.put(backup, seen.append)
    assert objects(bucket) == [f"team/shop/{backup.id}.json", f"team/shop/{backup.id}.sqlite.zst"]
    assert (bucket / f"team/shop/{backup.id}.sqlite.zst").read_bytes() == Path(backup.path).read_bytes()
    assert copy.location == f"s3://{bucket.name}/team/shop/{backup.id}.sqlite.zst"
    assert (copy.store, copy.remote, copy.verified) == ("cloud", True, True)
    assert set(copy.checks) >= {"size", "sha256", "manifest", "public_not_checked", "plain_http", "encryption_not_told"}
    assert seen[-1] == backup.size


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


@pytest.mark.parametrize(
    ("change", "code"),
    [
        (("AWS_SECRET_ACCESS_KEY", "wrong-secret"), "store_refused"),
        (("AWS_ACCESS_KEY_ID", "nobody"), "store_refused"),
        (("AWS_ACCESS_KEY_ID", None), "store_no_credentials"),
        (("AWS_PROFILE", "absent"), "store_no_credentials"),
    ],
)
def test_credentials_that_do_not_work_are_named(
    server: S3Server,
    bucket: Path,
    backup: Backup,
    monkeypatch: pytest.MonkeyPatch,
    change: tuple[str, str | None],
    code: str,
) -> None:
    name, value = change
    if value is None:
        monkeypatch.delenv(name)
        monkeypatch.delenv("AWS_SECRET_ACCESS_KEY")
    else:
        monkeypatch.setenv(name, value)
    there = store(bucket, server.url)
    assert refused(there.check).code == code
    assert refused(lambda: there.put(backup, nothing)).code == code
    assert objects(bucket) == []


def test_a_profile_of_the_persons_own_configuration_is_used(
    server: S3Server, bucket: Path, isolated: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    for name in ("AWS_ACCESS_KEY_ID", "AWS_SECRET_ACCESS_KEY"):
        monkeypatch.delenv(name)
    (isolated / ".aws").mkdir()
    (isolated / ".aws/credentials").write_text(f"[vault]\naws_access_key_id={KEY}\naws_secret_access_key={SECRET}\n")
    location = f"s3://{bucket.name}"
    open_store("cloud", location, True, {"endpoint": server.url, "profile": "vault"}).check()
    other = open_store("cloud", location, True, {"endpoint": server.url, "profile": "absent"})
    assert refused(other.check).code == "store_no_credentials"


def test_a_bucket_or_server_that_is_not_there_is_named(server: S3Server, tmp_path: Path, backup: Backup) -> None:
    assert refused(store(tmp_path / "no-such-bucket", server.url).check).code == "store_no_bucket"
    with socket.socket() as closed:
        closed.bind(("127.0.0.1", 0))
        nobody = store(tmp_path / "bucket", f"http://127.0.0.1:{closed.getsockname()[1]}")
        assert refused(nobody.check).code == "store_unreachable"


def test_a_server_that_speaks_something_else_is_named(server: S3Server, bucket: Path) -> None:
    def spoil(passing: Passing) -> None:
        passing.body, passing.status = b"<html>hotel network, please log in</html>", 200

    with in_the_middle(server, spoil) as middle:
        assert refused(store(bucket, middle.url).check).code in ("store_unreachable", "store_put_failed")


def policy(answer: bytes, status: int = 200) -> Callable[[Passing], None]:
    def spoil(passing: Passing) -> None:
        if passing.path.endswith("?policyStatus"):
            passing.body, passing.status = answer, status

    return spoil


PUBLIC = b'<PolicyStatus xmlns="http://s3.amazonaws.com/doc/2006-03-01/"><IsPublic>true</IsPublic></PolicyStatus>'
NO_POLICY = b"<Error><Code>NoSuchBucketPolicy</Code><Message>none</Message></Error>"
OWN = (
    b'<AccessControlPolicy xmlns="http://s3.amazonaws.com/doc/2006-03-01/"><Owner><ID>me</ID></Owner><AccessControlList>'
    b'<Grant><Grantee xmlns:xsi="http://www.w3.org/2001/XMLSchema-instance" xsi:type="%s">%s</Grantee>'
    b"<Permission>READ</Permission></Grant></AccessControlList></AccessControlPolicy>"
)
MINE = OWN % (b"CanonicalUser", b"<ID>me</ID>")
ALL = OWN % (b"Group", b"<URI>http://acs.amazonaws.com/groups/global/AllUsers</URI>")
BLOCKED = (
    b'<PublicAccessBlockConfiguration xmlns="http://s3.amazonaws.com/doc/2006-03-01/"><BlockPublicAcls>true</BlockPublicAcls>'
    b"<IgnorePublicAcls>true</IgnorePublicAcls><BlockPublicPolicy>true</BlockPublicPolicy>"
    b"<RestrictPublicBuckets>true</RestrictPublicBuckets></PublicAccessBlockConfiguration>"
)


@pytest.mark.parametrize(
    ("status", "acl", "block", "expected"),
    [
        (PUBLIC, MINE, b"", "store_public"),
        (NO_POLICY, ALL, b"", "store_public"),
        (PUBLIC, ALL, BLOCKED, "not_public"),
        (NO_POLICY, MINE, b"", "not_public"),
        (NO_POLICY, b"", b"", "public_not_checked"),
        (b"", MINE, b"", "public_not_checked"),
    ],
)
def test_a_public_bucket_is_refused(
    server: S3Server, bucket: Path, backup: Backup, status: bytes, acl: bytes, block: bytes, expected: str
) -> None:
    """The server of these tests knows no policies; their answers are given in the words of Amazon's manual."""
    answers = {"?policyStatus": status, "?acl": acl, "?publicAccessBlock": block}

    def spoil(passing: Passing) -> None:
        for ending, body in answers.items():
            if passing.path.endswith(ending):
                passing.body = body or b"<Error><Code>NotImplemented</Code><Message>no</Message></Error>"
                passing.status = 404 if b"<Error>" in passing.body else 200
                passing.say("content-type", "application/xml")

    with in_the_middle(server, spoil) as middle:
        there = store(bucket, middle.url)
        if expected == "store_public":
            assert refused(there.check).code == expected
            assert refused(lambda: there.put(backup, nothing)).code == expected
            assert objects(bucket) == []
        else:
            there.check()
            assert expected in there.put(backup, nothing).checks


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


def test_a_server_that_fails_is_tried_again_and_then_named(server: S3Server, bucket: Path, backup: Backup) -> None:
    failures = iter([503, 503])

    def twice(passing: Passing) -> None:
        if passing.method == "PUT" and passing.path.endswith(".zst"):
            passing.status = next(failures, passing.status)

    def always(passing: Passing) -> None:
        if passing.method in ("PUT", "POST"):
            passing.status, passing.body = 500, b""

    with in_the_middle(server, twice) as middle:
        assert store(bucket, middle.url).put(backup, nothing).verified
    with in_the_middle(server, always) as middle:
        assert refused(lambda: store(bucket, middle.url, "/x").put(backup, nothing)).code == "store_put_failed"


def test_nothing_secret_is_logged(
    server: S3Server, bucket: Path, backup: Backup, caplog: pytest.LogCaptureFixture, capfd: pytest.CaptureFixture[str]
) -> None:
    with caplog.at_level(logging.INFO):
        store(bucket, server.url).put(backup, nothing)
    out, err = capfd.readouterr()
    assert SECRET not in caplog.text + out + err
    assert SECRET not in repr(store(bucket, server.url))


@pytest.mark.parametrize(
    ("location", "options", "code"),
    [
        ("bucket/prefix", {}, "store_location_wrong"),
        ("s3://", {}, "store_location_wrong"),
        ("s3://key:secretpart@bucket/x", {}, "store_location_wrong"),
        ("s3://bucket", {"endpoint": "minio:9000"}, "store_location_wrong"),
        ("s3://bucket", {"secret_key": "x"}, "store_option_unknown"),
        ("s3://bucket", {"encryption": "rot13"}, "store_option_unknown"),
    ],
)
def test_settings_that_make_no_sense_are_refused(location: str, options: dict[str, str], code: str) -> None:
    with pytest.raises(SettingsError) as error:
        open_store("cloud", location, True, options)
    assert error.value.code == code
    assert "secretpart" not in str(error.value)


def test_opening_contacts_nothing_and_loads_no_sdk() -> None:
    there = open_store("cloud", "s3://bucket/a/b/", True, {})
    assert (there.kind, there.name, there.bucket, there.prefix, there.encryption) == (
        "s3",
        "cloud",
        "bucket",
        "a/b",
        "AES256",
    )


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

"""Servers and buckets that no backup goes to: absent, failing, public or something else altogether."""

from __future__ import annotations

import socket
from pathlib import Path

import pytest

from diana_tools.measured import Backup
from integration.s3.store_talk import nothing, objects, refused, store
from integration.s3_ground import Passing, S3Server, in_the_middle


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

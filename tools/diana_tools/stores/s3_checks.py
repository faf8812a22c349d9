"""What an S3 server says about its bucket, and the checksum it should tell for a file."""

from __future__ import annotations

import base64
import hashlib
from pathlib import Path
from typing import TYPE_CHECKING

from diana_tools.stores.s3_errors import response_code

if TYPE_CHECKING:
    from mypy_boto3_s3.client import S3Client

_MIB = 1 << 20
_PART = 16 * _MIB
_MOST_PARTS = 9_000
_EVERYBODY = ("/AllUsers", "/AuthenticatedUsers")


def part_size(size: int) -> int:
    """Bytes of one part of an upload: 16 MiB, or more whole MiB where there would be too many parts for S3 (10,000)."""
    return max(_PART, -(-size // _MOST_PARTS // _MIB) * _MIB)


def checksum_of(path: Path) -> str:
    """The SHA-256 that S3 tells for this file: of the whole, or of its parts' hashes when it went up in parts."""
    part, hashes = part_size(path.stat().st_size), list[bytes]()
    with path.open("rb") as handle:
        while True:
            digest, left = hashlib.sha256(), part
            while left and (chunk := handle.read(min(left, _MIB))):
                digest.update(chunk)
                left -= len(chunk)
            if left == part and hashes:
                break
            hashes.append(digest.digest())
            if left:
                break
    if path.stat().st_size < part:
        return base64.b64encode(hashes[0]).decode()
    return f"{base64.b64encode(hashlib.sha256(b''.join(hashes)).digest()).decode()}-{len(hashes)}"


def is_public(client: S3Client, bucket: str) -> bool | None:
    """Whether everybody can read the bucket, by its policy and its access list; None where it does not tell both."""
    answers = (_by_policy(client, bucket), _by_list(client, bucket))
    if True in answers:
        return not _blocked(client, bucket)
    return None if None in answers else False


def _by_policy(client: S3Client, bucket: str) -> bool | None:
    from botocore.exceptions import ClientError
    from botocore.parsers import ResponseParserError

    try:
        return client.get_bucket_policy_status(Bucket=bucket).get("PolicyStatus", {}).get("IsPublic")
    except ClientError as error:
        return False if response_code(error) == "NoSuchBucketPolicy" else None
    except ResponseParserError:
        return None


def _by_list(client: S3Client, bucket: str) -> bool | None:
    from botocore.exceptions import ClientError
    from botocore.parsers import ResponseParserError

    try:
        grants = client.get_bucket_acl(Bucket=bucket).get("Grants")
    except (ClientError, ResponseParserError):
        return None
    # A server that does not know access lists may answer with something else, in which there are no grants.
    if not grants:
        return None
    return any(grant.get("Grantee", {}).get("URI", "").endswith(_EVERYBODY) for grant in grants)


def _blocked(client: S3Client, bucket: str) -> bool:
    """Whether what would be public is held back for the whole bucket."""
    from botocore.exceptions import ClientError
    from botocore.parsers import ResponseParserError

    try:
        block = client.get_public_access_block(Bucket=bucket).get("PublicAccessBlockConfiguration", {})
    except (ClientError, ResponseParserError):
        return False
    return block.get("IgnorePublicAcls", False) and block.get("RestrictPublicBuckets", False)

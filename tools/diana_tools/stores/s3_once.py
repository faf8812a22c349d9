"""A small S3 object that is put at most once, also where the server ignores the condition that would ensure it."""

from __future__ import annotations

import secrets
from typing import TYPE_CHECKING

from diana_tools.databases.manifest import LARGEST
from diana_tools.stores.s3_errors import response_code

if TYPE_CHECKING:
    from mypy_boto3_s3.client import S3Client

_TAKEN = frozenset({"412", "PreconditionFailed", "409", "ConditionalRequestConflict"})
_UNKNOWN = frozenset({"501", "NotImplemented"})
_MISSING = frozenset({"404", "NoSuchKey", "NotFound"})


def there(client: S3Client, bucket: str, key: str) -> bytes | None:
    """The object's content, bounded; None when there is none."""
    from botocore.exceptions import ClientError

    try:
        return client.get_object(Bucket=bucket, Key=key)["Body"].read(LARGEST)
    except ClientError as error:
        if response_code(error) in _MISSING:
            return None
        raise


def kept_once(client: S3Client, bucket: str, key: str, text: bytes) -> bytes:
    """Put the object if there is none, and return what stands there; only the first gets its own `text` back.

    Amazon decides between two at once (`If-None-Match: *`). Some servers take the condition and ignore it, which a
    second put shows: there each writes a claim under a name of its own and looks for others. Who sees one has not
    won, so of two at the same moment at most one has, and perhaps none.
    """
    found = there(client, bucket, key)
    if found is not None:
        return found
    if _put(client, bucket, key, text) and _put(client, bucket, key, text):
        rival = _rival(client, bucket, key, text)
        if rival is not None:
            return rival
    # A put whose answer was lost is told "taken" when it is repeated: the content says who was first.
    return there(client, bucket, key) or b""


def _put(client: S3Client, bucket: str, key: str, text: bytes) -> bool:
    """Whether the server took it."""
    from botocore.exceptions import ClientError

    try:
        client.put_object(Bucket=bucket, Key=key, Body=text, IfNoneMatch="*")
    except ClientError as error:
        if response_code(error) in _TAKEN:
            return False
        if response_code(error) not in _UNKNOWN:
            raise
        client.put_object(Bucket=bucket, Key=key, Body=text)
    return True


def _rival(client: S3Client, bucket: str, key: str, text: bytes) -> bytes | None:
    """Somebody else's claim to the same name, after one's own was put; None when there is none."""
    mine = f"{key}.{secrets.token_hex(8)}"
    client.put_object(Bucket=bucket, Key=mine, Body=text)
    pages = client.get_paginator("list_objects_v2").paginate(Bucket=bucket, Prefix=f"{key}.")
    names = [one.get("Key", "") for page in pages for one in page.get("Contents", [])]
    if mine not in names:
        return b""
    others = [name for name in names if name != mine]
    return (there(client, bucket, others[0]) or b"") if others else None

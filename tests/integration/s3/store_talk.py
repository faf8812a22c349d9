"""An S3 store as the person's settings open it, and what a refusal of it must not tell."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path

import pytest

from diana_tools.errors import BackupError
from diana_tools.stores.s3 import S3Store, open_store
from integration.s3_ground import SECRET


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

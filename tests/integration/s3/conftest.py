"""A real S3 server with a bucket for each test, and a real backup to keep there."""

from __future__ import annotations

import asyncio
import hashlib
from collections.abc import Generator, Iterator
from pathlib import Path

import pytest

from diana_tools.measured import Backup
from integration.s3_ground import KEY, SECRET, S3Server, s3_server
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

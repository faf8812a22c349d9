"""A person on a machine of their own, for tests of the whole command."""

from __future__ import annotations

import shutil
import tempfile
from collections.abc import Generator
from pathlib import Path

import pytest

from walking import Walker


@pytest.fixture
def walker(tmp_path: Path) -> Generator[Walker]:
    """Nobody yet knows this person; their `TMPDIR` is short and open, as /tmp is, and removed afterwards."""
    temporary = Path(tempfile.mkdtemp(prefix="diana-walk-", dir="/tmp"))
    temporary.chmod(0o1777)
    yield Walker(tmp_path / "who", temporary)
    shutil.rmtree(temporary)

"""The guard's ground, with the toy tool in place of the registry's adapters."""

from __future__ import annotations

from collections.abc import Generator
from pathlib import Path

import pytest

from diana_tools import registry
from guard.ground import Ground


@pytest.fixture
def ground(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Generator[Ground]:
    """A production database with a destructive migration pending."""
    made = Ground(tmp_path / "ground")
    monkeypatch.setattr(registry, "adapters", lambda: {"toy": made.adapter})
    yield made
    made.close()

"""A place with nothing said yet, for every test of settings."""

from __future__ import annotations

from pathlib import Path

import pytest

from unit.config.settings_place import Place


@pytest.fixture
def place(tmp_path: Path) -> Place:
    """A project and a person's folders, all empty."""
    return Place(tmp_path)

"""Paths that a person names and that cannot be used: a sentence and the table's exit code, never a bug's."""

from __future__ import annotations

from pathlib import Path

import pytest

import walking
from walking import Walker

pytestmark = pytest.mark.integration

DEV = ("--trust", "--environment", "dev", "--yes", "--skip-rehearsal", "--json")


@pytest.fixture
def shop(tmp_path: Path) -> Path:
    """A project with two pending migrations."""
    database = walking.sqlite_shop(tmp_path / "app.db")
    return walking.project(tmp_path / "shop", f"sqlite:///{database}")


@pytest.mark.parametrize(
    ("words", "code", "reason"),
    [
        (("--approval", "/nope"), 4, "approval_unreadable"),
        (("--approval", "/etc"), 4, "approval_unreadable"),
        (("--request", "/proc/x/y"), 2, "approval_unwritable"),
        (("--backup-folder", "/etc/passwd/x"), 6, "backup_folder_unwritable"),
        (("--backup-folder", "/proc/nope"), 6, "backup_folder_unwritable"),
    ],
)
def test_a_path_that_cannot_be_used(shop: Path, walker: Walker, words: tuple[str, ...], code: int, reason: str) -> None:
    result = walker.diana(shop, "migrate", *DEV, *words)
    assert (result.code, result.summary["reason"]) == (code, reason), result
    assert not (walker.state / "crashes").exists()
    assert "change_started" not in walker.kinds(result.summary["run"])


def test_links_that_go_round_in_a_circle_among_the_migrations(shop: Path, walker: Walker) -> None:
    (shop / "migrations" / "versions" / "0009.py").symlink_to("0009.py")
    result = walker.diana(shop, "plan", "--json", "--trust", "--environment", "dev")
    assert result.code in (0, 5), result
    assert not (walker.state / "crashes").exists()

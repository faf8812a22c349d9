"""Saving a log: private, new, through no link, and never half (O16)."""

from __future__ import annotations

import subprocess
import sys
from pathlib import Path

import pytest

from diana_agent.report import write
from diana_tools.errors import DianaError

NAME = "database-migration-log-2026-11-24.md"


def refused(folder: Path, name: str = NAME, inside: Path | None = None) -> str:
    with pytest.raises(DianaError) as caught:
        write("text", folder, name, inside)
    assert caught.value.code == "log_unwritable"
    return caught.value.fields["error"]


def test_nothing_is_overwritten(tmp_path: Path) -> None:
    folder = tmp_path / "new" / "folder"
    assert [write(f"log {n}", folder, NAME).name for n in (1, 2, 3)] == [
        NAME, "database-migration-log-2026-11-24-2.md", "database-migration-log-2026-11-24-3.md",
    ]  # fmt: skip
    assert (folder / NAME).read_text() == "log 1"
    assert (folder / NAME).stat().st_mode & 0o777 == 0o600
    assert folder.stat().st_mode & 0o777 == 0o700


def test_a_link_in_place_of_the_file_is_passed_by(tmp_path: Path) -> None:
    (tmp_path / NAME).symlink_to(tmp_path / "elsewhere")
    assert write("log", tmp_path, NAME).name.endswith("-2.md")
    assert not (tmp_path / "elsewhere").exists()


@pytest.mark.parametrize("inside", [True, False])
def test_links_on_the_way_are_not_followed(tmp_path: Path, inside: bool) -> None:
    (tmp_path / "secret").mkdir()
    project = tmp_path / "project"
    project.mkdir()
    (project / "docs").symlink_to(tmp_path / "secret")
    refused(project / "docs", inside=project if inside else None)
    refused(project / "docs" / "logs", inside=project if inside else None)
    assert list((tmp_path / "secret").iterdir()) == []


def test_the_folder_must_lie_inside(tmp_path: Path) -> None:
    project = tmp_path / "project"
    project.mkdir()
    assert refused(project / ".." / "other", inside=project) == "outside the project"
    assert refused(tmp_path, inside=project) == "outside the project"
    assert not (tmp_path / "other").exists()
    assert write("log", project / "a" / ".." / "b", NAME, project) == project / "b" / NAME
    assert write("log", project, NAME, project) == project / NAME


@pytest.mark.parametrize("name", ["", ".", "..", "../x.md", "a/b.md", "/etc/x", "a\0b", "x" * 300])
def test_a_name_is_a_name(tmp_path: Path, name: str) -> None:
    refused(tmp_path, name)
    assert list(tmp_path.iterdir()) == []


def test_a_file_where_a_folder_should_be(tmp_path: Path) -> None:
    (tmp_path / "docs").write_text("")
    assert "irectory" in refused(tmp_path / "docs" / "logs")


def test_a_full_disk_leaves_nothing_half_written(tmp_path: Path) -> None:
    script = (
        "import resource, sys; from pathlib import Path; from diana_agent.report import write\n"
        "from diana_tools.errors import DianaError\n"
        "resource.setrlimit(resource.RLIMIT_FSIZE, (1000, 1000))\n"
        "try: write('x' * 100_000, Path(sys.argv[1]), 'log.md')\n"
        "except DianaError as error: sys.exit(error.code)"
    )
    done = subprocess.run([sys.executable, "-c", script, str(tmp_path)], check=False, capture_output=True, text=True)
    assert done.stderr.strip() == "log_unwritable"
    assert list(tmp_path.iterdir()) == []


def test_any_text_can_be_written(tmp_path: Path) -> None:
    assert write("a\udcffb é", tmp_path, NAME).read_text("utf-8") == "a?b é"

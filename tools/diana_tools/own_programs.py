"""Where Diana's own programs (git, dump, ssh-keygen) come from: no project, no folder where everybody may write."""

from __future__ import annotations

import os
import stat
import sys
from pathlib import Path

_FOLDERS = ("/usr/bin", "/bin", "/usr/local/bin", "/opt/homebrew/bin")
_projects: set[Path] = set()


def never_from(project: Path) -> None:
    """From now on nothing inside this project is a program of Diana's own (guard's design, 16)."""
    _projects.add(Path(os.path.realpath(project)))


def trusted(path: Path) -> bool:
    """Whether no stranger could have put this program where its real path is.

    What lies inside a project, or in the folder one stands in, is not: but Diana's own environment may lie there.
    """
    real = Path(os.path.realpath(path))
    own = Path(os.path.realpath(sys.prefix))
    inside = any(real.is_relative_to(project) for project in (*_projects, Path(os.path.realpath(Path.cwd()))))
    if inside and not real.is_relative_to(own):
        return False
    try:
        return not any(
            _loose(one.stat(), up.stat()) for one, up in zip((real, *real.parents), real.parents, strict=False)
        )
    except OSError:
        return False


def find(name: str) -> Path | None:
    """A program by its name, from the system's own folders and nowhere else; None where it is not installed."""
    for folder in _FOLDERS:
        path = Path(folder) / name
        if os.access(path, os.X_OK) and path.is_file() and trusted(path):
            return path
    return None


def safe_path(path: str) -> str:
    """A PATH without entries that depend on where one stands, or in which anybody may write."""
    kept = [entry for entry in path.split(os.pathsep) if entry.startswith("/") and not _shared(Path(entry))]
    return os.pathsep.join(kept) or os.defpath


def _shared(folder: Path) -> bool:
    try:
        return bool(folder.stat().st_mode & stat.S_IWOTH)
    except OSError:
        return False


def _loose(one: os.stat_result, folder: os.stat_result) -> bool:
    """Whether everybody may write a file, or replace it in its folder; a sticky one keeps each to his own."""
    kept = folder.st_mode & stat.S_ISVTX and one.st_uid in (0, os.geteuid())
    return bool(one.st_mode & stat.S_IWOTH and not stat.S_ISDIR(one.st_mode)) or bool(
        folder.st_mode & stat.S_IWOTH and not kept
    )

"""Reads a project's files as what they are, data of somebody else: regular ones only, and never more than a limit."""

from __future__ import annotations

import hashlib
import os
import stat
from collections.abc import Iterator
from contextlib import suppress
from dataclasses import dataclass
from pathlib import Path


def bounded(path: Path, limit: int) -> bytes | None:
    """At most `limit` bytes of a regular file; None for anything else, however it is named or linked.

    Without O_NONBLOCK a named pipe would hang the very first look at a project.
    """
    try:
        handle = os.open(path, os.O_RDONLY | os.O_NONBLOCK | os.O_NOCTTY | os.O_CLOEXEC)
    except (OSError, ValueError):
        return None
    with os.fdopen(handle, "rb") as file:
        try:
            return file.read(limit) if stat.S_ISREG(os.fstat(handle).st_mode) else None
        except OSError:
            return None


def bounded_text(path: Path, limit: int) -> str:
    """The same as UTF-8, undecodable bytes replaced; empty where there is nothing to read."""
    return (bounded(path, limit) or b"").decode("utf-8", "replace")


def sha256_of(path: Path) -> str:
    """Hex digest of a regular file, however large.

    Raises:
        OSError: it cannot be read, or is no regular file.
    """
    handle = os.open(path, os.O_RDONLY | os.O_NONBLOCK | os.O_NOCTTY | os.O_CLOEXEC)
    with os.fdopen(handle, "rb") as file:
        if not stat.S_ISREG(os.fstat(handle).st_mode):
            raise OSError("not a regular file")
        return hashlib.file_digest(file, "sha256").hexdigest()


_SOURCES = frozenset(
    (
        ".py", ".pyc", ".so", ".sql", ".ddl", ".dml", ".psql", ".pgsql", ".ini", ".cfg", ".toml", ".yaml", ".yml",
        ".json", ".csv", ".tsv", ".txt", ".mako", ".j2", ".tmpl", ".in", ".xml", ".zip", ".whl", ".egg",
    )
)  # fmt: skip
_NOT_SOURCES = frozenset(
    (
        "node_modules", "__pycache__", ".git", ".hg", ".svn", ".pytest_cache", ".ruff_cache", ".mypy_cache", ".tox",
        ".nox", ".idea", ".vscode", ".cache",
    )
)  # fmt: skip


@dataclass(frozen=True, slots=True)
class Sources:
    """Where a plan's code may lie: the project's `root`, folders of migrations, and places outside to import from.

    `besides` are real paths of files that are data of the run and not its code: the database itself. `named` are the
    names of files that the code speaks of: they count whatever they end in.
    """

    root: Path
    scripts: tuple[Path, ...] = ()
    searched: tuple[Path, ...] = ()
    besides: frozenset[str] = frozenset()
    named: frozenset[str] = frozenset()


def digest_of_sources(sources: Sources) -> str:
    """SHA-256 over every file that reads like code or its data, or that the code names; over all below the migrations.

    Files are named from the root, links kept and their targets read; what cannot be read counts as such. Caches,
    virtual environments and what a version control keeps for itself are left out: two checkouts do not share them.
    """
    whole = hashlib.sha256()
    for start in (sources.root, *sources.scripts, *sources.searched):
        every = start in sources.scripts
        whole.update(f"\0{name_in_plan(start, sources.root)}\n".encode(errors="replace"))
        for path in _below(start, packages=start in sources.searched):
            counts = every or path.suffix.lower() in _SOURCES or path.name in sources.named
            if counts and os.path.realpath(path) not in sources.besides:
                name = Path(os.path.relpath(path, start)).as_posix()
                whole.update(f"{name}\0{content_of(path)}\n".encode(errors="replace"))
    return whole.hexdigest()


def name_in_plan(path: Path, root: Path) -> str:
    """A path as two checkouts agree on it: from the root, `..` for the rest of the repository; elsewhere its name."""
    return path.relative_to(root).as_posix() if path.is_relative_to(root) else f"elsewhere:{path.name}"


def content_of(path: Path) -> str:
    """Hex digest of a regular file, links followed; empty for what cannot be read."""
    try:
        return sha256_of(path)
    except OSError:
        return ""


def _below(start: Path, *, packages: bool) -> Iterator[Path]:
    """Every file below a folder by name, or the file itself; a linked folder is entered once, so that no link loops.

    With `packages` only the folders that modules can be imported from.
    """
    entered, waiting = {os.path.realpath(start)}, [start]
    while waiting:
        path = waiting.pop()
        if not _is_folder(path):
            yield path
            continue
        with suppress(OSError):
            waiting += [
                one
                for one in sorted(path.iterdir(), reverse=True)
                if not _is_folder(one)
                or (_of_the_project(one) and (one.name.isidentifier() or not packages) and _enters(one, entered))
            ]


def _is_folder(path: Path) -> bool:
    with suppress(OSError):
        return path.is_dir()
    return False


def _enters(folder: Path, entered: set[str]) -> bool:
    real = os.path.realpath(folder)
    enters = real not in entered or not folder.is_symlink()
    if folder.is_symlink():
        entered.add(real)
    return enters


def _of_the_project(folder: Path) -> bool:
    return folder.name not in _NOT_SOURCES and not _is_environment(folder)


def _is_environment(folder: Path) -> bool:
    """Whether a folder is a virtual environment: its file names a base, and an interpreter is there."""
    told = bounded_text(folder / "pyvenv.cfg", 4096)
    return "home" in told and any((folder / name / "python").exists() for name in ("bin", "Scripts"))


def repository(root: Path) -> Path:
    """The nearest folder at or above `root` with a `.git`; `root` itself where there is none."""
    return next((folder for folder in (root, *root.parents) if (folder / ".git").exists()), root)


def leads_out(path: Path, root: Path) -> bool:
    """Whether a path, its links followed, ends outside `root`."""
    return not Path(os.path.realpath(path)).is_relative_to(os.path.realpath(root))

"""The names of the project's modules that Python may find before any other of the same name."""

from __future__ import annotations

import re
from collections.abc import Iterable, Iterator
from pathlib import Path

from diana_tools.adapters.base import Probe, Project

# As an ini file writes it, further folders on indented lines below, and as TOML does.
_PREPENDED = re.compile(r"^[ \t]*prepend_sys_path[ \t]*=(.*(?:\n[ \t]+.*)*)", re.MULTILINE)
_BETWEEN = re.compile(r"[\s,;:\"'\[\]]+")
_SUFFIXES = frozenset({".py", ".pyc", ".so"})


def own_modules(project: Project, probe: Probe) -> frozenset[str]:
    """Modules and packages at the top of each folder that the tool may put before Python's own library."""
    scripts = (project.root / one for one in probe.scripts)
    searched = (project.root / one for one in probe.searched)
    versions = (project.root / Path(one.path).parent for one in probe.pending)
    folders = {project.root, project.tool_root, project.config.parent, *scripts, *searched, *versions}
    return frozenset(name for folder in folders | set(_prepended(project.config)) for name in _names(folder))


def _prepended(config: Path) -> Iterator[Path]:
    """The folders of `prepend_sys_path`, which Alembic takes from its configuration (alembic.ini, pyproject.toml)."""
    try:
        text = config.read_text(errors="replace")
    except OSError:
        return
    for found in _PREPENDED.finditer(text):
        written = found[1].replace("%(here)s", str(config.parent)).replace("%%(here)s", str(config.parent))
        yield from (config.parent / part for part in _BETWEEN.split(written) if part)


def _names(folder: Path) -> Iterator[str]:
    for entry in _entries(folder):
        if entry.suffix in _SUFFIXES:
            yield entry.name.partition(".")[0]
        elif (entry / "__init__.py").is_file() and not _environment(entry):
            yield entry.name


def _entries(folder: Path) -> Iterable[Path]:
    try:
        return sorted(folder.iterdir())
    except OSError:
        return ()


def _environment(folder: Path) -> bool:
    """Alembic's own folder is often called `alembic`; with an empty `__init__.py` and no `op.py` it gives nothing."""
    empty = not (folder / "__init__.py").read_bytes().strip()
    return empty and (folder / "env.py").is_file() and not any(one.stem == "op" for one in _entries(folder))

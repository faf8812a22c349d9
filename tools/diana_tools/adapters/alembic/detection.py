"""Alembic projects found from files alone."""

from __future__ import annotations

import re
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import PurePosixPath

from diana_tools.adapters.alembic.config import Section, read_ini, read_toml, sections
from diana_tools.adapters.base import Tree
from diana_tools.domain import Confidence, Detection, Evidence

_REVISION_FILE = re.compile(r"(?!\.#|__init__).*\.py\Z")
_LARGEST = 262_144


@dataclass(frozen=True, slots=True)
class _Place:
    """The folder to run in, the scripts' and the versions' folders; all project-relative."""

    root: str
    scripts: str
    versions: tuple[str, ...]


def detect(tree: Tree) -> tuple[Detection, ...]:
    """One detection for each section of each config, with the evidence for it."""
    files = frozenset(tree.files)
    found: list[Detection] = []
    for path in tree.files:
        name = PurePosixPath(path).name
        if name.endswith(".ini") or name == "setup.cfg":
            found += _of_ini(tree, files, path)
        elif name == "pyproject.toml":
            found += _of_toml(tree, files, path)
    return tuple(found)


def _of_ini(tree: Tree, files: frozenset[str], path: str) -> Iterator[Detection]:
    text = tree.text(path, _LARGEST)
    folder, name = _folder(path), PurePosixPath(path).name
    if name != "alembic.ini" and "script_location" not in text:
        return
    parser = read_ini(text)
    if parser is None:
        yield _broken(path, folder)
        return
    beside = read_toml(tree.text(_join(folder, "pyproject.toml"), _LARGEST)).section if name == "alembic.ini" else None
    for section in sections(parser):
        if not section.location and beside is not None:
            toml = Evidence(_join(folder, "pyproject.toml"), "pyproject_alembic")
            yield _detection(files, path, Section(section.name, *_rest(beside)), (Evidence(path, "alembic_ini"), toml))
        elif not section.location:
            yield from _without_location(files, path, section)
        else:
            why = "alembic_ini" if section.name == "alembic" else "alembic_section"
            yield _detection(files, path, section, (Evidence(path, why),))


def _rest(section: Section) -> tuple[str, tuple[str, ...], bool]:
    return section.location, section.versions, section.recursive


def _of_toml(tree: Tree, files: frozenset[str], path: str) -> Iterator[Detection]:
    if _join(_folder(path), "alembic.ini") in files:
        return
    toml = read_toml(tree.text(path, _LARGEST))
    if toml.broken:
        yield _broken(path, _folder(path))
    elif toml.section is not None:
        yield _detection(files, path, toml.section, (Evidence(path, "pyproject_alembic"),))


def _broken(path: str, folder: str) -> Detection:
    return Detection("alembic", folder, path, "", 0, (Evidence(path, "config_broken"),), Confidence.POSSIBLE)


def _without_location(files: frozenset[str], path: str, section: Section) -> Iterator[Detection]:
    """Flask-Migrate keeps its ini beside env.py and says the location in code."""
    folder = _folder(path)
    if _join(folder, "env.py") in files:
        place = _Place(_folder(folder), folder, (_join(folder, "versions"),))
        evidence = (Evidence(path, "flask_migrate"), Evidence(_join(folder, "env.py"), "env_py"))
        yield _made(files, path, section, place, evidence)
    else:
        yield Detection(
            "alembic", folder, path, "", 0, (Evidence(path, "no_location"),), Confidence.POSSIBLE, section.name
        )


def _detection(files: frozenset[str], path: str, section: Section, evidence: tuple[Evidence, ...]) -> Detection:
    place = _place(files, _folder(path), section)
    env = _join(place.scripts, "env.py")
    known = Evidence(env, "env_py") if env in files else Evidence(env, "env_py_missing")
    return _made(files, path, section, place, (*evidence, known))


def _made(
    files: frozenset[str], path: str, section: Section, place: _Place, evidence: tuple[Evidence, ...]
) -> Detection:
    count = sum(_count(files, folder, recursive=section.recursive) for folder in place.versions)
    versions = next((folder for folder in place.versions if _count(files, folder, recursive=True)), place.versions[0])
    if count:
        evidence = (*evidence, Evidence(versions, "versions"))
    certain = _join(place.scripts, "env.py") in files
    confidence = Confidence.POSSIBLE if not certain else Confidence.CERTAIN if count else Confidence.LIKELY
    return Detection("alembic", place.root, path, versions, count, evidence, confidence, section.name)


def _count(files: frozenset[str], folder: str, *, recursive: bool) -> int:
    prefix = f"{folder}/" if folder else ""
    return sum(
        1
        for path in files
        if path.startswith(prefix)
        and (recursive or "/" not in path[len(prefix) :])
        and _REVISION_FILE.match(PurePosixPath(path).name)
    )


def _place(files: frozenset[str], folder: str, section: Section) -> _Place:
    """A relative location counts from where Alembic is run: the config's folder, or one above it.

    A package's location (`shop:migrations`) may lie below `src`, as Python's import would find it.
    """
    places = ((root, base) for root in _upwards(folder) for base in (root, _join(root, "src")))
    tried = ((root, _resolved(section.location, folder, base)) for root, base in places)
    nowhere = (folder, _resolved(section.location, folder, folder))
    root, scripts = next((one for one in tried if _join(one[1], "env.py") in files), nowhere)
    versions = tuple(_resolved(place, folder, root) for place in section.versions) or (_join(scripts, "versions"),)
    return _Place(root, scripts, versions)


def _resolved(location: str, here: str, root: str) -> str:
    """A location as a project-relative folder; `package:folder` is looked up below the root, as an import would be."""
    if "%(here)s" in location:
        return _normal(location.replace("%(here)s", here or "."))
    package, mark, inner = location.partition(":")
    return _normal(_join(root, f"{package.replace('.', '/')}/{inner}" if mark else location))


def _upwards(folder: str) -> Iterator[str]:
    yield folder
    while folder:
        folder = _folder(folder)
        yield folder


def _folder(path: str) -> str:
    return path.rpartition("/")[0]


def _join(folder: str, name: str) -> str:
    return f"{folder}/{name}" if folder else name


def _normal(path: str) -> str:
    """Without `.` and `..`; a path that leaves the project stays as it is, and is then not found."""
    parts: list[str] = []
    for part in path.split("/"):
        if part == ".." and parts and parts[-1] != "..":
            parts.pop()
        elif part not in ("", "."):
            parts.append(part)
    return "/".join(parts)

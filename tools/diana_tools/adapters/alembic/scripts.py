"""Where Alembic finds env.py: its configuration interpolated as it does that itself, and still nothing is run."""

from __future__ import annotations

import configparser
import re
from dataclasses import dataclass
from pathlib import Path

from diana_tools.adapters.alembic.config import Toml, read_toml
from diana_tools.adapters.base import Project
from diana_tools.files import bounded

LARGEST = 1_000_000
_SEPARATORS = re.compile(r"[\s,;:]+")


@dataclass(frozen=True, slots=True)
class Scripts:
    """The folder of env.py; `sure` False: it is a guess, and Alembic may run another one."""

    folder: Path
    sure: bool


@dataclass(frozen=True, slots=True)
class _Said:
    location: str
    prepend: tuple[str, ...]


def located(project: Project) -> Scripts:
    """The folder that `script_location` names for this project's section, `%(name)s` and `%%` resolved."""
    try:
        said = _said(project)
    except (configparser.Error, ValueError, KeyError, TypeError):
        return Scripts(project.config.parent, sure=False)
    cwd = project.tool_root
    if not said.location:
        # Flask-Migrate keeps its configuration beside env.py and says the location in code.
        return Scripts(project.config.parent, sure=True)
    if Path(said.location).is_absolute() or ":" not in said.location:
        return Scripts(cwd / said.location, sure=True)
    return _in_package(said, cwd)


def _said(project: Project) -> _Said:
    """The ini comes first and pyproject.toml second, each with its own folder as `here`.

    Raises:
        configparser.Error, ValueError, KeyError, TypeError: what cannot be read or resolved.
    """
    of_toml = project.config.suffix == ".toml"
    ini = project.tool_root / "alembic.ini" if of_toml else project.config
    file = project.config if of_toml else project.tool_root / "pyproject.toml"
    toml, here = read_toml(_text(file)), {"here": file.parent.as_posix()}
    parser = configparser.ConfigParser({"here": ini.parent.as_posix().replace("%", "%%")})
    parser.read_string(_text(ini))
    section = project.section or "alembic"
    location = _option(parser, section, "script_location") or _location(toml) % here
    own = _option(parser, section, "prepend_sys_path")
    entries = _SEPARATORS.split(own.strip()) if own else [one % here for one in toml.prepend]
    return _Said(location, tuple(entries))


def _text(path: Path) -> str:
    content = bounded(path, LARGEST)
    if (content is None and path.exists()) or len(content or b"") == LARGEST:
        raise ValueError(path.name)
    return (content or b"").decode()


def _option(parser: configparser.ConfigParser, section: str, name: str) -> str:
    return parser.get(section, name) if parser.has_option(section, name) else ""


def _location(toml: Toml) -> str:
    return toml.section.location if toml.section else ""


def _in_package(said: _Said, cwd: Path) -> Scripts:
    """`package:folder`, as an import would find it: for sure only in the first folder that Python looks into."""
    package, *inner = said.location.split(":")
    parts = package.split(".")
    first, *others = said.prepend or (".",)
    places = [base.joinpath(*parts, *inner) for base in (cwd / first, cwd, cwd / "src")]
    if not others and (cwd / first / parts[0] / "__init__.py").is_file():
        return Scripts(places[0], sure=True)
    return Scripts(next((place for place in places if (place / "env.py").is_file()), places[0]), sure=False)

"""`alembic.ini` and `[tool.alembic]` as data: nothing is interpolated, imported or executed."""

from __future__ import annotations

import configparser
import io
import re
import tomllib
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path

from pydantic import BaseModel, ValidationError

from diana_tools.adapters.connection_variables import is_url

_LOGGING = """\
[loggers]
keys = root

[handlers]
keys =

[formatters]
keys =

[logger_root]
level = WARNING
handlers =
"""


@dataclass(frozen=True, slots=True)
class Section:
    """One way to run Alembic: where its scripts are (empty: not said) and where its versions are, as written."""

    name: str
    location: str
    versions: tuple[str, ...] = ()
    recursive: bool = False


class _Alembic(BaseModel):
    script_location: str = ""
    prepend_sys_path: list[str] | str = []
    version_locations: list[str] = []
    recursive_version_locations: bool = False


class _Tool(BaseModel):
    alembic: _Alembic = _Alembic()


class _Pyproject(BaseModel):
    tool: _Tool = _Tool()


@dataclass(frozen=True, slots=True)
class Toml:
    """The `[tool.alembic]` table of a pyproject.toml; `broken` when the file cannot be read.

    `prepend` holds the folders that Python looks into first, as written.
    """

    section: Section | None
    broken: bool = False
    prepend: tuple[str, ...] = ()


def read_ini(text: str) -> configparser.RawConfigParser | None:
    """The file as written, or None when it is not an ini file."""
    parser = configparser.RawConfigParser(strict=False, allow_no_value=True)
    try:
        parser.read_string(text)
    except configparser.Error:
        return None
    return parser


def sections(parser: configparser.RawConfigParser) -> tuple[Section, ...]:
    """The sections Alembic can be run with (`-n NAME`); `alembic` is among them even without a location."""
    found: list[Section] = []
    inherited = parser.defaults().get("script_location")
    for name in parser.sections():
        own = dict(parser.items(name))
        location = own.get("script_location") or ""
        if name == "alembic" or (location and (location != inherited or "sqlalchemy.url" in own)):
            recursive = (own.get("recursive_version_locations") or "").lower() == "true"
            found.append(Section(name, location, _locations(own), recursive))
    return tuple(found)


def _locations(own: dict[str, str]) -> tuple[str, ...]:
    text = own.get("version_locations") or ""
    word = own.get("path_separator") or own.get("version_path_separator") or ""
    pattern = {"os": ":", "space": r"\s+", "newline": r"\n", ":": ":", ";": ";"}.get(word, r", *|\s+")
    return tuple(part.strip() for part in re.split(pattern, text) if part.strip())


def read_toml(text: str) -> Toml:
    """What a pyproject.toml says of Alembic; a file that does not mention it says nothing."""
    if "tool.alembic" not in text:
        return Toml(None)
    try:
        told = _Pyproject.model_validate(tomllib.loads(text)).tool.alembic
    except (tomllib.TOMLDecodeError, ValidationError):
        return Toml(None, broken=True)
    prepend = tuple(told.prepend_sys_path)
    if not told.script_location:
        return Toml(None, prepend=prepend)
    places = tuple(told.version_locations)
    return Toml(Section("alembic", told.script_location, places, told.recursive_version_locations), prepend=prepend)


def urls(text: str) -> Iterator[str]:
    """Every value of an ini file that is a database URL, with `%%` read as `%`."""
    parser = read_ini(text)
    for name in parser.sections() if parser else ():
        for _, value in parser.items(name) if parser else ():
            if value and is_url(value):
                yield value.replace("%%", "%")


def redirected(text: str, here: Path, section: str, url: str) -> str:
    """A copy of an ini file in which every database URL is `url`, and which may lie in any folder.

    `%(here)s` goes on meaning the original's folder; a file that does not exist (empty text) becomes a small one with
    a logging configuration, which many an env.py insists on.
    """
    parser = read_ini(text) or configparser.RawConfigParser()
    if not text:
        parser.read_string(_LOGGING)
    escaped = url.replace("%", "%%")
    for name in parser.sections():
        for option, value in parser.items(name):
            if value and is_url(value):
                parser.set(name, option, escaped)
    if not parser.has_section(section):
        parser.add_section(section)
    parser.set(section, "sqlalchemy.url", escaped)
    parser.set(parser.default_section, "here", here.as_posix().replace("%", "%%"))
    copy = io.StringIO()
    parser.write(copy)
    return copy.getvalue()

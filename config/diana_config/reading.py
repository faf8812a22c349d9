"""Reads files of settings as data: bounded, regular files only, and a person's own only where nobody else writes."""

from __future__ import annotations

import os
import re
import stat
from collections.abc import Mapping
from pathlib import Path
from typing import cast

from diana_config.errors import SettingsError

LIMIT = 128 * 1024
"""Bytes a file of settings may have; the parsers are slow enough on purpose-made input to hang on more."""

UNSAFE = re.compile(
    r"[\x00-\x1f\x7f-\x9f\u00ad\u061c\u180e\u200b-\u200f\u2028-\u202e\u2060-\u206f\ud800-\udfff\ufeff"
    r"\U000e0000-\U000e0fff]"
)
"""What one line of text never holds: control, bidirectional, zero-width and tag characters, and half characters."""

_DEEP = 60
_USERINFO = re.compile(r"://\S*@")


def shown(text: str, limit: int = 60) -> str:
    """Untrusted text for one line of an error: no control characters, no URL's credentials, bounded."""
    clean = _USERINFO.sub("://***@", UNSAFE.sub("?", text[: limit * 8]))
    return clean if len(clean) <= limit else clean[: limit - 1] + "…"


def as_table(value: object) -> Mapping[str, object] | None:
    """A parsed table with text keys, or None for anything else."""
    if not isinstance(value, dict):
        return None
    table = cast("dict[object, object]", value)
    return {str(key): item for key, item in table.items()}


def as_list(value: object) -> list[object] | None:
    """A parsed array, or None for anything else."""
    return cast("list[object]", value) if isinstance(value, list) else None


def text_of(path: Path, *, own: bool = False) -> str | None:
    """The text of a file of settings, None where there is none.

    With `own`, the file must be the person's (or root's), and neither it nor its folder writable by everybody.

    Raises:
        SettingsError: `settings_unreadable`, `settings_not_a_file`, `settings_too_big`, `settings_not_text`,
            `settings_writable_by_others`, `settings_of_another_user`.
    """
    where = {"file": shown(str(path), 300)}
    try:
        # Without O_NONBLOCK a named pipe in a project would hang the very first look at it.
        descriptor = os.open(path, os.O_RDONLY | os.O_NONBLOCK | os.O_NOCTTY | os.O_CLOEXEC)
    except (FileNotFoundError, NotADirectoryError):
        if path.is_symlink():
            raise SettingsError("settings_unreadable", where | {"error": "broken link"}) from None
        return None
    except OSError as error:
        raise SettingsError("settings_unreadable", where | {"error": error.strerror or ""}) from None
    try:
        if not stat.S_ISREG(os.fstat(descriptor).st_mode):
            raise SettingsError("settings_not_a_file", where)
        if own:
            _check_owner(path, os.fstat(descriptor), where)
        content = _content(descriptor)
    except OSError as error:
        raise SettingsError("settings_unreadable", where | {"error": error.strerror or ""}) from None
    finally:
        os.close(descriptor)
    if len(content) > LIMIT:
        raise SettingsError("settings_too_big", where | {"limit": f"{LIMIT // 1024} KiB"})
    try:
        return content.decode("utf-8-sig")
    except UnicodeDecodeError as error:
        line = content.count(b"\n", 0, error.start) + 1
        raise SettingsError("settings_not_text", where | {"line": str(line)}) from None


def toml_of(text: str, where: str) -> Mapping[str, object]:
    """Parse TOML.

    Raises:
        SettingsError: `settings_broken` with the line, or `settings_too_deep`.
    """
    import tomllib

    # Long dotted keys cost the parser the square of their length.
    if max(piece.count(".") for piece in re.split(r"[=,{\n]", text)) > _DEEP:
        raise SettingsError("settings_too_deep", {"file": where})
    try:
        return tomllib.loads(text)
    except RecursionError:
        raise SettingsError("settings_too_deep", {"file": where}) from None
    except ValueError as error:
        # The parser's own words quote the file, and with it perhaps a password: only the line is taken.
        found = re.search(r"line (\d+)", str(error))
        line = found.group(1) if found else str(text.count("\n") + 1)
        raise SettingsError("settings_broken", {"file": where, "line": line}) from None


def yaml_of(text: str, where: str) -> Mapping[str, object]:
    """Parse YAML's plain data types; an empty document is an empty table.

    Raises:
        SettingsError: `settings_broken` with the line, or `settings_too_deep`.
    """
    from diana_config.plain_yaml import Broken, parse

    try:
        value = parse(text)
    except RecursionError:
        raise SettingsError("settings_too_deep", {"file": where}) from None
    except Broken as error:
        raise SettingsError("settings_broken", {"file": where, "line": str(error.line)}) from None
    if value is None:
        return {}
    table = as_table(value)
    if table is None:
        raise SettingsError("settings_broken", {"file": where, "line": "1"})
    return table


def inside(path: Path, folder: Path) -> bool:
    """Whether a path lies in a folder, as written or with its links followed."""
    for one in (Path(os.path.normpath(path)), Path(os.path.realpath(path))):
        for other in (Path(os.path.normpath(folder)), Path(os.path.realpath(folder))):
            if one.is_relative_to(other):
                return True
    return False


def repository(project: Path) -> Path:
    """The root of the work tree around a project, or the project itself; found by looking, git is not asked."""
    for folder in (project, *project.parents):
        if os.path.lexists(folder / ".git"):
            return folder
    return project


def _content(descriptor: int) -> bytes:
    content = b""
    while len(content) <= LIMIT and (block := os.read(descriptor, LIMIT + 1 - len(content))):
        content += block
    return content


def _check_owner(path: Path, found: os.stat_result, where: Mapping[str, str]) -> None:
    me = os.geteuid()
    # Root reads files that a container mounted under another number; anybody else only their own and root's.
    if me != 0 and found.st_uid not in (0, me):
        raise SettingsError("settings_of_another_user", where)
    folder = Path(os.path.realpath(path)).parent.stat()
    loose = folder.st_mode & stat.S_IWOTH and not folder.st_mode & stat.S_ISVTX
    if found.st_mode & stat.S_IWOTH or loose:
        raise SettingsError("settings_writable_by_others", where)

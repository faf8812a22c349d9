"""Checks one value of one setting: right type, right form, within its limits."""

from __future__ import annotations

import os
import re
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path

from diana_config.errors import SettingsError
from diana_config.keys import Key, Kind, Value
from diana_config.languages import language_code
from diana_config.reading import UNSAFE, as_list, shown
from diana_config.settings import Tier

NAME = re.compile(r"[A-Za-z0-9][A-Za-z0-9_.\-]{0,62}")
VARIABLE = re.compile(r"[A-Za-z_][A-Za-z0-9_]{0,127}")
_REFERENCE = re.compile(r"\$\{([^}]*)\}|\$(.*)", re.DOTALL)
_URL = re.compile(r"[A-Za-z][A-Za-z0-9+.\-]*://.*")
_LONGEST = 7 * 24 * 3600.0
_TEXT = 500
_COUNT = 10_000
_DISTRIBUTION = re.compile(r"[A-Za-z0-9](?:[A-Za-z0-9._-]{0,126}[A-Za-z0-9])?")  # as packages may be called (PEP 508)


@dataclass(frozen=True, slots=True)
class Speaker:
    """Who says a value: the tier, the flag or file as people see it, and the folders that paths are read against."""

    tier: Tier
    source: str
    project: Path
    home: Path | None
    state: Path


def checked(key: Key, raw: object, speaker: Speaker) -> Value:
    """The value of a setting in its own type.

    Raises:
        SettingsError: `setting_<kind>` with key, where and what is allowed; the value itself is never shown
            where it may hold a secret.
    """
    return _CHECKS[key.kind](key, raw, speaker)


def wrong(code: str, key: str, speaker: Speaker, **fields: str) -> SettingsError:
    """The error that a value of `key` cannot be used."""
    return SettingsError(code, {"key": key, "where": speaker.source} | fields)


def nearest(word: str, known: tuple[str, ...]) -> str:
    """The known word that was probably meant, or an empty string."""
    import difflib

    short = word[:80].lower()
    longer = [one for one in known if len(short) > 2 and one.startswith(short)]
    if len(longer) == 1:
        return longer[0]
    return next(iter(difflib.get_close_matches(short, known, 1, 0.6)), "")


def one_of(key: str, raw: object, allowed: tuple[str, ...], speaker: Speaker) -> str:
    """A word out of a closed list.

    Raises:
        SettingsError: `setting_choice`, or `setting_choice_near` with the nearest.
    """
    if isinstance(raw, str) and raw in allowed:
        return raw
    listed = ", ".join(allowed)
    value = shown(raw) if isinstance(raw, str) else shown(type(raw).__name__)
    near = nearest(raw, allowed) if isinstance(raw, str) else ""
    if near:
        raise wrong("setting_choice_near", key, speaker, value=value, allowed=listed, nearest=near)
    raise wrong("setting_choice", key, speaker, value=value, allowed=listed)


def text(key: str, raw: object, speaker: Speaker, limit: int = _TEXT) -> str:
    """One line of text.

    Raises:
        SettingsError: `setting_text`.
    """
    if not isinstance(raw, str) or len(raw) > limit or UNSAFE.search(raw):
        raise wrong("setting_text", key, speaker, limit=str(limit))
    return raw.strip()


def texts(key: str, raw: object, speaker: Speaker) -> tuple[str, ...]:
    """A list of lines of text.

    Raises:
        SettingsError: `setting_texts`.
    """
    items = as_list(raw)
    if items is None or len(items) > _COUNT:
        raise wrong("setting_texts", key, speaker)
    found: list[str] = []
    for item in items:
        if not isinstance(item, str) or not item.strip() or len(item) > _TEXT or UNSAFE.search(item):
            raise wrong("setting_texts", key, speaker)
        found.append(item.strip())
    return tuple(found)


def yes_no(key: str, raw: object, speaker: Speaker) -> bool:
    """True or false; a flag may say them as words.

    Raises:
        SettingsError: `setting_yes_no`.
    """
    words = {"true": True, "yes": True, "false": False, "no": False}
    if speaker.tier is Tier.FLAG and isinstance(raw, str) and raw.lower() in words:
        return words[raw.lower()]
    if not isinstance(raw, bool):
        raise wrong("setting_yes_no", key, speaker)
    return raw


def whole(key: str, raw: object, speaker: Speaker, low: int, high: int) -> int:
    """A whole number within limits; a flag may say it in digits.

    Raises:
        SettingsError: `setting_whole` with low and high.
    """
    if speaker.tier is Tier.FLAG and isinstance(raw, str) and re.fullmatch(r"[0-9]{1,9}", raw):
        raw = int(raw)
    if isinstance(raw, bool) or not isinstance(raw, int) or not low <= raw <= high:
        raise wrong("setting_whole", key, speaker, low=str(low), high=str(high))
    return raw


def number(key: str, raw: object, speaker: Speaker, high: float, *, zero: bool = False) -> float:
    """A number above zero (`zero`: or zero itself) and up to a limit; a flag may say it in digits.

    Raises:
        SettingsError: `setting_number` with high.
    """
    if speaker.tier is Tier.FLAG and isinstance(raw, str) and re.fullmatch(r"[0-9]{1,9}(\.[0-9]{1,9})?", raw):
        raw = float(raw)
    # Compared before it is converted: a whole number may be too large for a float. NaN fails every comparison.
    if isinstance(raw, int | float) and not isinstance(raw, bool) and (0 < raw <= high or (zero and raw == 0)):
        return float(raw)
    raise wrong("setting_number", key, speaker, high=f"{high:g}")


def name(key: str, raw: object, speaker: Speaker) -> str:
    """A name as people give them to environments and stores; empty means none.

    Raises:
        SettingsError: `setting_name`.
    """
    if raw != "" and (not isinstance(raw, str) or not NAME.fullmatch(raw)):
        raise wrong("setting_name", key, speaker)
    return raw if isinstance(raw, str) else ""


def connection(key: str, raw: object, speaker: Speaker) -> str:
    """A database URL, or the name of an environment variable, also written `$NAME` or `${NAME}` (O2).

    Raises:
        SettingsError: `setting_connection`; it never quotes the value.
    """
    if not isinstance(raw, str) or len(raw) > 4 * _TEXT or UNSAFE.search(raw):
        raise wrong("setting_connection", key, speaker)
    said = raw.strip()
    reference = _REFERENCE.fullmatch(said)
    variable = (reference.group(1) or reference.group(2) or "") if reference else said
    if said == "" or VARIABLE.fullmatch(variable) or (not reference and _URL.fullmatch(said)):
        return variable
    raise wrong("setting_connection", key, speaker)


def own_path(key: str, raw: object, speaker: Speaker) -> str:
    """An absolute path, or one below `~`; a flag's may be relative to the working folder.

    Raises:
        SettingsError: `setting_path`.
    """
    said = text(key, raw, speaker, 4 * _TEXT)
    if "://" in said:
        raise wrong("setting_path", key, speaker)
    path = Path(said)
    if said in ("", "~") or said.startswith("~/"):
        if said == "":
            return ""
        path = speaker.home / said[2:] if speaker.home else path
    elif speaker.tier is Tier.FLAG:
        path = path.absolute()
    if not path.is_absolute():
        raise wrong("setting_path", key, speaker)
    return os.path.normpath(path)


def folder_inside(key: str, raw: object, speaker: Speaker) -> str:
    """A folder of the project, as a path relative to it with forward slashes; "" is the project itself.

    Raises:
        SettingsError: `setting_outside_project`, `setting_reference`.
    """
    said = text(key, raw, speaker, 4 * _TEXT)
    path = _below(key, said, speaker)
    real = Path(os.path.realpath(path))
    if not path.is_relative_to(speaker.project) or not real.is_relative_to(os.path.realpath(speaker.project)):
        raise wrong("setting_outside_project", key, speaker)
    relative = path.relative_to(speaker.project).as_posix()
    return "" if relative == "." else relative


def output_folder(key: str, raw: object, speaker: Speaker) -> str:
    """An absolute folder inside the project or the state folder, no link on the way leading out of it (O16).

    Raises:
        SettingsError: `output_folder_outside`, `setting_reference`.
    """
    said = text(key, raw, speaker, 4 * _TEXT)
    if said == "":
        return ""
    path = _below(key, said, speaker)
    for allowed in (speaker.project, speaker.state):
        real = Path(os.path.realpath(allowed))
        if path.is_relative_to(allowed) and Path(os.path.realpath(path)).is_relative_to(real):
            return str(path)
    raise wrong("output_folder_outside", key, speaker, state=str(speaker.state))


def file_name(key: str, raw: object, speaker: Speaker) -> str:
    """A file's name below the output folder; `{output_folder}/` in front may stand there, `{date}` stays.

    Raises:
        SettingsError: `setting_file_name`.
    """
    said = text(key, raw, speaker).removeprefix("{output_folder}/")
    parts = said.split("/")
    braces = re.sub(r"\{date\}", "", said)
    if said.startswith("/") or {"", ".", ".."} & set(parts) or re.search(r"[{}\\:]", braces):
        raise wrong("setting_file_name", key, speaker)
    return said


def _below(key: str, said: str, speaker: Speaker) -> Path:
    rest = said.removeprefix("{project-root}").lstrip("/") if said.startswith("{project-root}") else said
    # A URL by mistake would be taken for a folder and be shown, with the password in it.
    if "{" in rest or "}" in rest or "://" in rest:
        raise wrong("setting_reference", key, speaker)
    return Path(os.path.normpath(speaker.project / rest))


def _tool(key: Key, raw: object, speaker: Speaker) -> Value:
    said = name(key.name, raw, speaker).lower()
    return "" if said == "auto" else said


def _choice(key: Key, raw: object, speaker: Speaker) -> Value:
    if raw == "" and key.default == "":
        return ""
    return one_of(key.name, raw, key.allowed, speaker)


def _language(key: Key, raw: object, speaker: Speaker) -> Value:
    code = language_code(raw) if isinstance(raw, str) else ""
    if not code:
        raise wrong("setting_language", key.name, speaker)
    return code


def _variables(key: Key, raw: object, speaker: Speaker) -> Value:
    names = _names(key, raw, speaker)
    if not all(VARIABLE.fullmatch(one) for one in names):
        raise wrong("setting_variables", key.name, speaker)
    return names


def _distributions(key: Key, raw: object, speaker: Speaker) -> Value:
    names = _names(key, raw, speaker)
    if not all(_DISTRIBUTION.fullmatch(one) for one in names):
        raise wrong("setting_distributions", key.name, speaker)
    return names


def _names(key: Key, raw: object, speaker: Speaker) -> tuple[str, ...]:
    if speaker.tier is Tier.FLAG and isinstance(raw, str):
        raw = [part for part in raw.split(",") if part]
    return texts(key.name, raw, speaker)


def _address(key: Key, raw: object, speaker: Speaker) -> Value:
    said = text(key.name, raw, speaker)
    if said and not re.fullmatch(r"https?://[^\s@]+", said):
        raise wrong("setting_address", key.name, speaker)
    return said


_CHECKS: dict[Kind, Callable[[Key, object, Speaker], Value]] = {
    Kind.TEXT: lambda key, raw, speaker: text(key.name, raw, speaker),
    Kind.NAME: lambda key, raw, speaker: name(key.name, raw, speaker),
    Kind.TOOL: _tool,
    Kind.YES_NO: lambda key, raw, speaker: yes_no(key.name, raw, speaker),
    Kind.WHOLE: lambda key, raw, speaker: whole(key.name, raw, speaker, 0, _COUNT),
    Kind.SECONDS: lambda key, raw, speaker: number(key.name, raw, speaker, _LONGEST),
    Kind.CHOICE: _choice,
    Kind.LANGUAGE: _language,
    Kind.CONNECTION: lambda key, raw, speaker: connection(key.name, raw, speaker),
    Kind.ADDRESS: _address,
    Kind.VARIABLES: _variables,
    Kind.DISTRIBUTIONS: _distributions,
    Kind.FOLDER_INSIDE: lambda key, raw, speaker: folder_inside(key.name, raw, speaker),
    Kind.OUTPUT_FOLDER: lambda key, raw, speaker: output_folder(key.name, raw, speaker),
    Kind.FILE_NAME: lambda key, raw, speaker: file_name(key.name, raw, speaker),
    Kind.OWN_PATH: lambda key, raw, speaker: own_path(key.name, raw, speaker),
}

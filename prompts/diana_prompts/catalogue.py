"""The message catalogue: every sentence a person reads, by id, in the person's language."""

from __future__ import annotations

import tomllib
from collections.abc import Mapping
from functools import cache
from importlib.resources import files
from string import Formatter

from diana_config.reading import UNSAFE

FALLBACK = "en"
LONGEST_FIELD = 4_000
OF_SEVERAL_LINES = "text"
"""The field that may have several lines; any other is one, so that no name begins a line of its own."""


class Sentence(str):
    """A sentence of the catalogue: its line ends are its own, and may stay when it is a field of another one."""

    __slots__ = ()


def one_line(text: str) -> str:
    """Untrusted text as one line without anything that cannot be seen, bounded."""
    seen = UNSAFE.sub("", " ".join(text[: 2 * LONGEST_FIELD].split()))
    return seen if len(seen) <= LONGEST_FIELD else seen[: LONGEST_FIELD - 1] + "…"


@cache
def _messages(language: str) -> Mapping[str, str]:
    """All messages of a language: each file of its folder is a flat TOML table of id to text."""
    found: dict[str, str] = {}
    folder = files("diana_prompts") / "messages" / language
    for entry in sorted(folder.iterdir(), key=lambda item: item.name):
        if entry.name.endswith(".toml"):
            found |= {str(key): str(text) for key, text in tomllib.loads(entry.read_text("utf-8")).items()}
    return found


def languages() -> tuple[str, ...]:
    """The shipped languages' codes."""
    return tuple(sorted(item.name for item in (files("diana_prompts") / "messages").iterdir() if item.is_dir()))


def fields_of(text: str) -> frozenset[str]:
    """The names of the fields a message needs."""
    return frozenset(name for _, name, _, _ in Formatter().parse(text) if name)


class Catalogue:
    """Looks messages up; a missing translation falls back to English, a missing id or field is an error."""

    def __init__(self, language: str = FALLBACK) -> None:
        self.language = language if language in languages() else FALLBACK

    def has(self, message: str) -> bool:
        """Whether the id exists."""
        return message in _messages(self.language) or message in _messages(FALLBACK)

    def say(self, message: str, /, **fields: str | int | float) -> Sentence:
        """The sentence of `message` with its fields filled in, each as one line; values are never expanded again.

        Raises:
            KeyError: the id is unknown, or a field is missing.
        """
        text = _messages(self.language).get(message) or _messages(FALLBACK)[message]
        return Sentence(text.format_map({name: _filled(name, value) for name, value in fields.items()}))


def _filled(name: str, value: str | int | float) -> str:
    whole = isinstance(value, Sentence) or name == OF_SEVERAL_LINES
    return str(value) if whole else one_line(str(value))

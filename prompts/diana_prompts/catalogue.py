"""The message catalogue: every sentence a person reads, by id, in the person's language."""

from __future__ import annotations

import tomllib
from collections.abc import Mapping
from functools import cache
from importlib.resources import files
from string import Formatter

FALLBACK = "en"


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

    def say(self, message: str, /, **fields: str | int | float) -> str:
        """The sentence of `message` with its fields filled in; values are never expanded again.

        Raises:
            KeyError: the id is unknown, or a field is missing.
        """
        text = _messages(self.language).get(message) or _messages(FALLBACK)[message]
        return text.format_map({name: str(value) for name, value in fields.items()})

"""Bytes of a terminal as keys: text, editing, cancel, and pastes told apart from typing."""

from __future__ import annotations

import codecs
import re
from dataclasses import dataclass
from enum import StrEnum

from diana_tools.redaction import plain

BURST = 8
"""More characters than this in one read were pasted or sent by a program: fingers are slower."""

PASTE_ON = "\x1b[?2004h"
PASTE_OFF = "\x1b[?2004l"
_PASTE_BEGIN = "\x1b[200~"
_PASTE_END = "\x1b[201~"
_SEQUENCE = re.compile(r"\x1b(?:\[[0-?]*[ -/]*[@-~]|O.)")
_UNFINISHED = re.compile(r"\x1b(?:\[[0-?]*[ -/]*|O)?\Z")
_MOST_PASTED = 10_000


class Kind(StrEnum):
    """What a key does."""

    TEXT = "text"
    ENTER = "enter"
    ERASE = "erase"
    ERASE_WORD = "erase_word"
    ERASE_LINE = "erase_line"
    CANCEL = "cancel"
    PASTE = "paste"


@dataclass(frozen=True, slots=True)
class Key:
    """One key; `text` is the character, or what was pasted."""

    kind: Kind
    text: str = ""


_CONTROLS = {
    "\r": Kind.ENTER,
    "\n": Kind.ENTER,
    "\x7f": Kind.ERASE,
    "\x08": Kind.ERASE,
    "\x17": Kind.ERASE_WORD,
    "\x15": Kind.ERASE_LINE,
    "\x03": Kind.CANCEL,
    "\x04": Kind.CANCEL,
}


class Keys:
    """Reads keys out of chunks as they come; sequences may be cut anywhere."""

    def __init__(self) -> None:
        self._decoder = codecs.getincrementaldecoder("utf-8")("replace")
        self._rest = ""
        self._pasting = False
        self._pasted = ""

    @property
    def waiting(self) -> bool:
        """Whether an unfinished sequence is held back: a lone Esc, unless more comes at once."""
        return bool(self._rest)

    def feed(self, chunk: bytes) -> list[Key]:
        """The keys of one read; a burst of text is one paste, whatever else came with it."""
        text = self._rest + self._decoder.decode(chunk)
        self._rest = ""
        keys: list[Key] = []
        while text:
            key, text = self._pasted_until_end(text) if self._pasting else self._next(text)
            if key is not None:
                keys.append(key)
        typed = "".join(key.text for key in keys if key.kind is Kind.TEXT)
        if len(typed) > BURST:
            return [Key(Kind.PASTE, typed)]
        return keys

    def settle(self) -> list[Key]:
        """Nothing more came: a lone Esc cancels, any other unfinished sequence is dropped."""
        rest, self._rest = self._rest, ""
        return [Key(Kind.CANCEL)] if rest == "\x1b" else []

    def _pasted_until_end(self, text: str) -> tuple[Key | None, str]:
        if "\x03" in text:
            # A paste whose end never comes must not hold the person: Ctrl-C is always Ctrl-C.
            self._pasted, self._pasting = "", False
            return Key(Kind.CANCEL), text.partition("\x03")[2]
        inside, end, after = text.partition(_PASTE_END)
        if not end:
            # The end marker may be cut: keep what could be its beginning.
            self._pasted = (self._pasted + text)[-_MOST_PASTED - len(_PASTE_END) :]
            if _PASTE_END not in self._pasted:
                return None, ""
            inside, _, after = self._pasted.partition(_PASTE_END)
            self._pasted = ""
        whole, self._pasted, self._pasting = self._pasted + inside, "", False
        return Key(Kind.PASTE, whole), after

    def _next(self, text: str) -> tuple[Key | None, str]:
        if text[0] != "\x1b":
            return self._plain(text[0]), text[1:]
        if text.startswith(_PASTE_BEGIN):
            self._pasting = True
            return None, text[len(_PASTE_BEGIN) :]
        if text.startswith(_PASTE_END):
            # Its beginning was swallowed before the question was ready; what came before it was pasted.
            return Key(Kind.PASTE), text[len(_PASTE_END) :]
        if _UNFINISHED.match(text):
            self._rest = text
            return None, ""
        found = _SEQUENCE.match(text)
        return (None, text[found.end() :]) if found else (Key(Kind.CANCEL), text[1:])

    def _plain(self, char: str) -> Key | None:
        if char in _CONTROLS:
            return Key(_CONTROLS[char])
        return Key(Kind.TEXT, char) if plain(char) == char and char != "\t" else None

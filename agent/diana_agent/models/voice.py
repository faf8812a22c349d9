"""How the embedded Diana says things: sentences of the catalogue for a level of skill, names and measures alike.

What comes from results is untrusted: a name is one line of code text, a longer text stands in a fence it cannot end.
"""

from __future__ import annotations

import re
from collections.abc import Iterable, Sequence
from contextlib import suppress

from diana_prompts.catalogue import Catalogue
from diana_tools.redaction import plain

_LONGEST_NAME = 160
_UNITS = ("B", "kB", "MB", "GB", "TB")


class Voice:
    """One catalogue and one level: a beginner hears `<id>.beginner` too, an expert `<id>.expert` instead.

    `<id>.one` takes the place of `<id>` where the field `count` is 1.
    """

    def __init__(self, catalogue: Catalogue, skill: str) -> None:
        self._catalogue = catalogue
        self.skill = skill

    def say(self, message: str, /, **fields: str | int | float) -> str:
        """The sentence of a message, for this level."""
        if fields.get("count") == 1 and self._catalogue.has(f"{message}.one"):
            message = f"{message}.one"
        if self.skill == "expert" and self._catalogue.has(f"{message}.expert"):
            return self._catalogue.say(f"{message}.expert", **fields)
        text = self._catalogue.say(message, **fields)
        if self.skill == "beginner" and self._catalogue.has(f"{message}.beginner"):
            text += " " + self._catalogue.say(f"{message}.beginner", **fields)
        return text

    def has(self, message: str) -> bool:
        """Whether there is such a sentence."""
        return self._catalogue.has(message)

    def either(self, message: str, otherwise: str, /, **fields: str | int | float) -> str:
        """The sentence of `message` if there is one, else that of `otherwise`."""
        return self.say(message if self.has(message) else otherwise, **fields)

    def worded(self, kind: str, code: str) -> str:
        """A code (`<code>` or `<kind>.<code>`) as words: the catalogue's, where they need no fields, else its own."""
        short = code.removeprefix(f"{kind}.")
        for message in (f"embedded.{kind}.{short}", f"{kind}.{short}"):
            if self._catalogue.has(message):
                with suppress(KeyError):
                    return self._catalogue.say(message)
        return plain(short, _LONGEST_NAME).replace("_", " ") or "?"

    def names(self, values: Sequence[str], most: int = 6) -> str:
        """A list of names, shortened when it is long."""
        shown = ", ".join(name(value) for value in values[:most])
        if len(values) > most:
            return self._catalogue.say("embedded.and_more", names=shown, count=len(values) - most)
        return shown or "-"


def name(value: str) -> str:
    """A name of the project or the database as one line of code text."""
    return f"`{' '.join(plain(value, _LONGEST_NAME).replace('`', ' ').split()) or '-'}`"


def line(value: str, longest: int = 300) -> str:
    """A foreign text as one harmless line."""
    return " ".join(plain(value, longest).split())


def fenced(text: str, language: str = "", lines: int = 40) -> str:
    """A foreign text as a block of code, cut after so many lines, in a fence longer than any inside."""
    kept = plain(text).splitlines()
    body = "\n".join([*kept[:lines], *(["…"] if len(kept) > lines else [])])
    ticks = max((len(run) for run in re.findall(r"`+", body)), default=0)
    fence = "`" * max(3, ticks + 1)
    return f"{fence}{language}\n{body}\n{fence}"


def number(value: int) -> str:
    """A count with its thousands apart."""
    return f"{value:,}"


def size(count: int) -> str:
    """Bytes in the unit that fits."""
    value, unit = float(count), 0
    while value >= 1000 and unit < len(_UNITS) - 1:
        value, unit = value / 1000, unit + 1
    return f"{value:.1f} {_UNITS[unit]}" if unit else f"{count} B"


def duration(seconds: float) -> str:
    """Seconds as a person says them."""
    if seconds < 10:
        return f"{seconds:.1f} s"
    whole = round(seconds)
    if whole < 60:
        return f"{whole} s"
    minutes, left = divmod(whole, 60)
    if minutes < 60:
        return f"{minutes} min {left} s" if left else f"{minutes} min"
    hours, minutes = divmod(minutes, 60)
    return f"{hours} h {minutes} min"


def listed(lines: Iterable[str]) -> str:
    """Lines as a list."""
    return "\n".join(f"- {one}" for one in lines)


def paragraphs(parts: Iterable[str]) -> str:
    """Parts as paragraphs, without the empty ones."""
    return "\n\n".join(part for part in parts if part)

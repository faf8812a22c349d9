"""String operations, followed as far as their pieces are known."""

from __future__ import annotations

import re
import textwrap
from collections.abc import Callable

from diana_tools.analysis.python.answers import listed, shown
from diana_tools.analysis.python.values import ANYTHING, LONGEST_STRING, Arguments, Items, Pairs, Plain, Text, Value
from diana_tools.analysis.sql.plpgsql import HOLE

_MOST_PIECES = 2_000
_SIMPLE: dict[str, Callable[[str], str]] = {
    "upper": str.upper,
    "lower": str.lower,
    "title": str.title,
    "capitalize": str.capitalize,
    "casefold": str.casefold,
}
_SAME = frozenset({"encode", "decode", "bindparams", "columns", "execution_options", "params", "options"})
_TESTS = frozenset({"startswith", "endswith"})
_PERCENT = re.compile(r"%(?:\((?P<key>[^)]*)\))?[-+ #0]*(?:\d+|\*)?(?:\.\d+)?(?P<sign>[a-zA-Z%])")
_BRACES = re.compile(r"\{\{|\}\}|\{(?P<key>[^{}!:]*)(?:![rsa])?(?::[^{}]*)?\}")


def bounded(text: str, line: int = 0) -> Value:
    """A string, unless it grew beyond what a migration can be."""
    return Text(text, line) if len(text) <= LONGEST_STRING else ANYTHING


def method(receiver: Text, name: str, given: Arguments) -> Value:
    """A method of a string, or of what `sa.text()` makes of it."""
    text = receiver.text
    if name in _SAME:
        return receiver
    if name in _SIMPLE:
        return Text(_SIMPLE[name](text), receiver.line) if not receiver.holes else Text(HOLE)
    if name in ("strip", "lstrip", "rstrip"):
        return _strip(receiver, name, given)
    if name == "format":
        return bounded(_braces(text, given), receiver.line)
    if name == "join":
        return _join(text, given.get(0))
    if name in ("split", "splitlines"):
        return _split(text, name, given)
    if name == "replace":
        return bounded(text.replace(shown(given.get(0) or ANYTHING), shown(given.get(1) or ANYTHING)), receiver.line)
    if name in _TESTS and not receiver.holes:
        return _test(text, name, given.get(0))
    return ANYTHING


def _strip(receiver: Text, name: str, given: Arguments) -> Value:
    signs = given.get(0)
    if signs is not None and not isinstance(signs, Text):
        return receiver
    chosen = signs.text if isinstance(signs, Text) else None
    stripped = {"strip": str.strip, "lstrip": str.lstrip, "rstrip": str.rstrip}[name](receiver.text, chosen)
    skipped = receiver.text[: receiver.text.find(stripped)].count("\n") if name != "rstrip" else 0
    return Text(stripped, receiver.line + skipped if receiver.line else 0)


def _join(separator: str, pieces: Value | None) -> Value:
    items = listed(pieces)
    if items is None or len(items) > _MOST_PIECES:
        return Text(HOLE)
    return bounded(separator.join(shown(piece) for piece in items))


def _split(text: str, name: str, given: Arguments) -> Value:
    sign = given.get(0)
    separator = sign.text if isinstance(sign, Text) and sign.text else None
    parts = text.splitlines() if name == "splitlines" else text.split(separator)
    return Items(tuple(Text(part) for part in parts)) if len(parts) <= _MOST_PIECES else ANYTHING


def _test(text: str, name: str, wanted: Value | None) -> Value:
    wants = listed(wanted) or (wanted,)
    if not all(isinstance(want, Text) and not want.holes for want in wants):
        return ANYTHING
    known = tuple(want.text for want in wants if isinstance(want, Text))
    return Plain(text.startswith(known) if name == "startswith" else text.endswith(known))


def percent(text: Text, value: Value) -> Value:
    """`text % value`."""
    items = listed(value)
    loose = [value] if items is None else list(items)

    def fill(match: re.Match[str]) -> str:
        if match.group("sign") == "%":
            return "%"
        key = match.group("key")
        if key is not None:
            return shown(value.get(key) or ANYTHING) if isinstance(value, Pairs) and value.known else HOLE
        return shown(loose.pop(0)) if loose else HOLE

    return bounded(_PERCENT.sub(fill, text.text), text.line)


def _braces(text: str, given: Arguments) -> str:
    counter = iter(range(len(given.positional)))

    def fill(match: re.Match[str]) -> str:
        if match.group() in ("{{", "}}"):
            return match.group()[0]
        key = match.group("key")
        if key == "":
            return shown(given.get(next(counter, -1)) or ANYTHING)
        if key.isdecimal():
            return shown(given.get(int(key)) or ANYTHING)
        return shown(given.get(-1, key) or ANYTHING)

    return _BRACES.sub(fill, text)


def dedent(value: Value | None) -> Value:
    """`textwrap.dedent` and `inspect.cleandoc`."""
    return Text(textwrap.dedent(value.text), value.line) if isinstance(value, Text) else ANYTHING


def added(left: Value, right: Value) -> Value:
    """`left + right` of strings and lists."""
    if isinstance(left, Text) or isinstance(right, Text):
        line = left.line if isinstance(left, Text) else 0
        return bounded(shown(left) + shown(right), line)
    first, second = listed(left), listed(right)
    if first is None or second is None or len(first) + len(second) > _MOST_PIECES:
        return ANYTHING
    return Items(first + second)


def repeated(left: Value, right: Value) -> Value:
    """`text * number`."""
    for text, number in ((left, right), (right, left)):
        if isinstance(text, Text) and isinstance(number, Plain) and isinstance(number.value, int):
            return bounded(text.text * min(number.value, LONGEST_STRING // max(len(text.text), 1) + 1))
    return ANYTHING

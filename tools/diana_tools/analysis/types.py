"""Whether changing a column's type can lose something: families, widths and what converts without a trace."""

from __future__ import annotations

import re
from dataclasses import dataclass

# Whole decimal digits that an integer of so many bytes can have.
_DIGITS = {1: 3, 2: 5, 3: 8, 4: 10, 8: 19}
_UNBOUNDED = 1 << 30

_INTEGERS = {
    "tinyint": 1,
    "smallint": 2,
    "int2": 2,
    "smallserial": 2,
    "mediumint": 3,
    "int": 4,
    "integer": 4,
    "int4": 4,
    "serial": 4,
    "bigint": 8,
    "int8": 8,
    "bigserial": 8,
}
_FLOATS = {"real": 4, "float4": 4, "double": 8, "double precision": 8, "float8": 8, "float": 8}
_TEXTS = {
    "varchar": 0,
    "character varying": 0,
    "char": 1,
    "character": 1,
    "bpchar": 0,
    "nchar": 1,
    "nvarchar": 0,
    "text": 0,
    "clob": 0,
    "citext": 0,
    "tinytext": 255,
    "mediumtext": 1 << 24,
    "longtext": _UNBOUNDED,
    "string": 0,
}
_TIMES = {
    "timestamp": "timestamp",
    "timestamp without time zone": "timestamp",
    "datetime": "timestamp",
    "timestamptz": "timestamptz",
    "timestamp with time zone": "timestamptz",
    "time": "time",
    "time without time zone": "time",
    "timetz": "timetz",
    "time with time zone": "timetz",
}
_SINGLE = {
    "boolean": "boolean",
    "bool": "boolean",
    "date": "date",
    "json": "json",
    "jsonb": "jsonb",
    "uuid": "uuid",
    "interval": "interval",
    "bytea": "bytes",
    "blob": "bytes",
    "longblob": "bytes",
    "binary": "bytes",
    "varbinary": "bytes",
    "oid": "oid",
    "inet": "inet",
    "cidr": "cidr",
    "xml": "xml",
}
# Length of the text form, for what turns into text without loss.
_TEXT_FORM = {"uuid": 36, "boolean": 5, "date": 10, "inet": 49, "cidr": 49}
_SHAPE = re.compile(
    r"^\s*([a-z_][\w .$]*?)\s*(?:\(([^()]*)\))?\s*((?:with|without) time zone)?\s*(unsigned)?\s*(\[\])*\s*$"
)
_ENUM = re.compile(r"^\s*enum\s*\((.*)\)\s*$", re.I | re.S)


@dataclass(frozen=True, slots=True)
class SqlType:
    """A type: its family, the spelling it came with, and width (bytes, characters or digits) and scale."""

    family: str
    spelling: str
    width: int = 0
    scale: int = 0
    unsigned: bool = False
    members: tuple[str, ...] = ()
    array: bool = False


def parse_type(text: str) -> SqlType:
    """Read a type as any dialect, SQLAlchemy or a catalogue spells it; an unknown one is a family of its own."""
    enum = _ENUM.match(text)
    if enum:
        members = tuple(part.strip().strip("'\"") for part in enum.group(1).split(","))
        return SqlType("enum", text, members=members)
    lowered = " ".join(text.lower().replace('"', "").split()).removeprefix("pg_catalog.")
    shape = _SHAPE.match(lowered)
    if shape is None:
        return SqlType(lowered or "?", text)
    word = " ".join(part for part in (shape.group(1).strip(), shape.group(3)) if part)
    unsigned = bool(shape.group(4)) or word.endswith(" unsigned")
    word = word.removesuffix(" unsigned").removesuffix(" collate").strip()
    numbers = tuple(int(part) for part in re.findall(r"\d+", shape.group(2) or ""))
    known = _family(word, numbers, text, unsigned=unsigned)
    return known if not lowered.endswith("[]") else SqlType(known.family, text, known.width, known.scale, array=True)


def _family(word: str, numbers: tuple[int, ...], text: str, *, unsigned: bool) -> SqlType:
    """The family of a bare type name with its numbers."""
    if word in _INTEGERS:
        return SqlType("integer", text, _INTEGERS[word], unsigned=unsigned)
    if word in ("numeric", "decimal", "dec", "number"):
        return SqlType("decimal", text, numbers[0] if numbers else _UNBOUNDED, _scale(numbers))
    if word in _FLOATS:
        single = word == "float" and numbers and numbers[0] <= 24
        return SqlType("float", text, 4 if single else _FLOATS[word])
    if word in _TEXTS:
        return SqlType("text", text, numbers[0] if numbers else (_TEXTS[word] or _UNBOUNDED))
    if word in _TIMES:
        return SqlType(_TIMES[word], text, numbers[0] if numbers else 6)
    if word in ("bytea", "blob", "longblob", "binary", "varbinary"):
        return SqlType("bytes", text, numbers[0] if numbers else _UNBOUNDED)
    return SqlType(_SINGLE.get(word, word), text)


def _scale(numbers: tuple[int, ...]) -> int:
    """Digits after the point: any number of them when no precision was given."""
    if not numbers:
        return _UNBOUNDED
    return numbers[1] if len(numbers) > 1 else 0


def lossy(old: SqlType, new: SqlType) -> bool:
    """Whether some value of `old` does not survive in `new`; a pair that nobody knows counts as lossy."""
    if old.array != new.array:
        return True
    if old.family == new.family:
        return _narrower(old, new)
    if new.family == "text":
        return new.width < _text_form(old)
    return not _converts(old, new)


def _narrower(old: SqlType, new: SqlType) -> bool:
    """Within one family: fewer bytes, characters, digits, members."""
    if old.family == "enum":
        return not set(old.members) <= set(new.members)
    if old.family == "decimal":
        return new.scale < old.scale or _whole(new) < _whole(old)
    if old.family == "integer" and old.unsigned != new.unsigned:
        return not (old.unsigned and new.width > old.width)
    return new.width < old.width


def _whole(kind: SqlType) -> int:
    """Digits before the point."""
    return _UNBOUNDED if kind.width == _UNBOUNDED else kind.width - kind.scale


def _text_form(old: SqlType) -> int:
    """Characters that the text form of any value needs; more than anything has where text loses something."""
    if old.family == "integer":
        return _DIGITS[old.width] + 1
    if old.family == "enum":
        return max((len(member) for member in old.members), default=0)
    return _TEXT_FORM.get(old.family, _UNBOUNDED + 1)


def _converts(old: SqlType, new: SqlType) -> bool:
    """Pairs of families in which every value survives."""
    if (old.family, new.family) == ("integer", "decimal"):
        return _whole(new) >= _DIGITS[old.width]
    if (old.family, new.family) == ("integer", "float"):
        # A double holds whole numbers up to 2**53 exactly, a single up to 2**24.
        return old.width <= (4 if new.width == 8 else 2)
    return (old.family, new.family) in {
        ("boolean", "integer"),
        ("date", "timestamp"),
        ("json", "jsonb"),
        ("cidr", "inet"),
    }

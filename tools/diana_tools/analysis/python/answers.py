"""What a value can tell: its name, its truth, its items; and values that are one of several."""

from __future__ import annotations

from diana_tools.analysis.python.values import (
    MOST_CHOICES,
    Bind,
    Choice,
    Class,
    Function,
    Handle,
    Imported,
    Items,
    Pairs,
    Plain,
    Table,
    Text,
    Unknown,
    Value,
)
from diana_tools.analysis.sql.plpgsql import HOLE
from diana_tools.analysis.statement import UNKNOWN


def either(first: Value, second: Value) -> Value:
    """What may be the one or the other."""
    if first == second:
        return first
    options = tuple(dict.fromkeys(_options(first) + _options(second)))
    foreign = any(isinstance(option, Unknown) and option.foreign for option in options)
    if foreign or len(options) > MOST_CHOICES:
        return Unknown(foreign)
    return Choice(options)


def _options(value: Value) -> tuple[Value, ...]:
    return value.options if isinstance(value, Choice) else (value,)


def options(value: Value | None) -> tuple[Value, ...]:
    """Everything that a value may be; nothing for None."""
    return () if value is None else _options(value)


def shown(value: Value) -> str:
    """A value as a string, as `str()` and f-strings would make it; a hole when it is unknown."""
    if isinstance(value, Text):
        return value.text
    if isinstance(value, Plain):
        return str(value.value)
    if isinstance(value, Table):
        return value.name if value.name != UNKNOWN else HOLE
    if isinstance(value, Handle):
        return f"{value.table}.{value.name}"
    return HOLE


def names(value: Value | None) -> tuple[str, ...]:
    """The names that a value may stand for; `?` for one that is not known."""
    found: list[str] = []
    for option in options(value):
        if isinstance(option, (Table, Handle)):
            found.append(option.name)
        elif isinstance(option, Text) and not option.holes:
            found.append(option.text)
        elif isinstance(option, Class) and option.table:
            found.append(option.table)
        else:
            found.append(UNKNOWN)
    return tuple(dict.fromkeys(found))


def name(value: Value | None) -> str:
    """The one name that a value stands for; `?` when it is not known or one of several."""
    found = names(value)
    return found[0] if len(found) == 1 else UNKNOWN


def truth(value: Value | None) -> bool | None:
    """Whether a condition holds; None when nobody can tell."""
    if isinstance(value, Plain):
        return bool(value.value)
    if isinstance(value, Text):
        return None if value.holes else bool(value.text)
    if isinstance(value, Items):
        return bool(value.items) if value.known else None
    if isinstance(value, Pairs):
        return bool(value.pairs) if value.known else None
    if isinstance(value, (Function, Class, Bind, Table)):
        return True
    if isinstance(value, Imported) and value.path == "typing.TYPE_CHECKING":
        return False
    return None


def listed(value: Value | None) -> tuple[Value, ...] | None:
    """The items of a list that is known, else None."""
    return value.items if isinstance(value, Items) and value.known else None


def paired(value: Value | None) -> tuple[tuple[Value, Value], ...] | None:
    """The pairs of a dictionary that is known, else None."""
    return value.pairs if isinstance(value, Pairs) and value.known else None

"""Other sessions go on writing: which tables a run can have changed itself, and which differences are theirs."""

from __future__ import annotations

import re
from collections.abc import Iterable, Sequence

from diana_tools.analysis.live import LiveSchema
from diana_tools.measured import Rehearsal, Schema

_UNCOMPARED = "uncompared:"
_OF_ROWS = ("rows:", "content:", _UNCOMPARED)
_FOLLOWING = ("CASCADE", "SET NULL", "SET DEFAULT")


def tables_of(live: Schema) -> tuple[str, ...]:
    """The names of a schema's tables, as a measured state has them."""
    return tuple(one.name for one in live.objects if one.kind in ("table", "partitioned table"))


def touched(live: Schema, texts: Iterable[str]) -> tuple[str, ...]:
    """The tables that code or SQL names anywhere, and those whose rows follow theirs by a foreign key; sorted.

    A bare name counts, in any case and in any place: rather one too many than one too few.
    """
    words = {word for text in texts for word in re.findall(r"[^\W]+", text.lower())}
    named = {name for name in tables_of(live) if _bare(name) in words or not re.fullmatch(r"\w+", _bare(name))}
    keys = [(table.name, key) for table in LiveSchema(live).tables for key in table.keys if key.on_delete in _FOLLOWING]
    while more := {name for name, key in keys if _bare(key.table) in map(_bare, named)} - named:
        named |= more
    return tuple(sorted(named))


def moved(rehearsal: Rehearsal) -> tuple[str, ...]:
    """The tables whose rows a rehearsal changed in number, by a trigger for example."""
    if rehearsal.after is None:
        return ()
    before, after = rehearsal.before.rows(), rehearsal.after.rows()
    return tuple(name for name, rows in before.items() if after.get(name) != rows)


def own(differences: Sequence[str], tables: Sequence[str]) -> tuple[str, ...]:
    """The differences of two states that a run which touches `tables` can have made itself."""
    return tuple(word for word in differences if not word.startswith(_OF_ROWS) or table_of(word) in tables)


def of_rows(differences: Sequence[str]) -> tuple[str, ...]:
    """The tables whose rows differ, each once."""
    rows = (word for word in differences if word.startswith(_OF_ROWS) and not word.startswith(_UNCOMPARED))
    return tuple(dict.fromkeys(table_of(word) for word in rows))


def uncompared(differences: Sequence[str]) -> tuple[str, ...]:
    """The words for tables whose content was asked for and could not be compared."""
    return tuple(word for word in differences if word.startswith(_UNCOMPARED))


def without_rows(differences: Sequence[str]) -> tuple[str, ...]:
    """The differences of schema and version alone."""
    return tuple(word for word in differences if not word.startswith(_OF_ROWS))


def table_of(word: str) -> str:
    """The table of a `rows:TABLE:n:m`, `content:TABLE` or `uncompared:TABLE` word; a name may hold colons."""
    rest = word.partition(":")[2]
    return rest.rsplit(":", 2)[0] if word.startswith("rows:") else rest


def _bare(name: str) -> str:
    return name.rpartition(".")[2].strip('"').lower()

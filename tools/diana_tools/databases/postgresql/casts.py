"""How many values a change of type would alter, cut or refuse, counted by the server without changing anything."""

from __future__ import annotations

import re
from dataclasses import dataclass

from diana_tools.analysis.types import parse_type
from diana_tools.databases.postgresql.names import Relation, built, literal, quoted
from diana_tools.domain import Finding, Loss
from diana_tools.errors import ConnectionFailed
from diana_tools.sessions import ReadSession

_STATEMENT = re.compile(
    r"alter\s+(?:column\s+)?(?:\"(?:[^\"]|\"\")+\"|[\w$.]+)\s+(?:set\s+data\s+)?type\s+(?P<type>[^;]+?)\s*"
    r"(?:\bcollate\b.*|\busing\b(?P<using>.*))?;?\s*$",
    re.IGNORECASE | re.DOTALL,
)
_SHAPE = re.compile(
    r"(?P<name>(?:\"(?:[^\"]|\"\")+\"|[a-z_][\w$]*)(?:\.(?:\"(?:[^\"]|\"\")+\"|[a-z_][\w$]*)|(?:\s+(?:precision|varying))+)?)\s*"
    r"(?:\(\s*(?P<numbers>\d+(?:\s*,\s*-?\d+)?)\s*\))?\s*(?P<zone>with(?:out)?\s+time\s+zone)?\s*(?P<array>(?:\[\d*\])*)\s*$",
    re.IGNORECASE,
)
_DETAIL = re.compile(r"(?:->|→|=>|\bto\b)\s*(?P<type>.+)$")
_OPERATION = re.compile(r"\btype_\s*=\s*(?:\w+\.)*(?P<name>\w+)\s*(?:\((?P<inside>[^()]*)\))?")
# How SQLAlchemy calls them.
_ALIASES = {
    "string": "varchar", "unicode": "varchar", "unicodetext": "text", "datetime": "timestamp",
    "double": "double precision", "biginteger": "bigint", "smallinteger": "smallint", "largebinary": "bytea",
    "float": "double precision",
}  # fmt: skip
_WHOLE = {"smallint": (-(2**15), 2**15 - 1), "integer": (-(2**31), 2**31 - 1), "bigint": (-(2**63), 2**63 - 1)}
_NUMBER = r"^\s*[+-]?(\d+\.?\d*|\.\d+)([eE][+-]?\d{1,3})?\s*$"
_INTEGER = r"^\s*[+-]?\d+\s*$"
_NUMBERS = ("integer", "decimal", "float")


@dataclass(frozen=True, slots=True)
class NewType:
    """A type that the server knows: its canonical spelling with modifiers, and the numbers of those."""

    sql: str
    family: str
    numbers: tuple[int, ...] = ()
    array: bool = False


def target_type(session: ReadSession, finding: Finding) -> NewType | None:
    """The new type out of the finding's detail (`old -> new`), its SQL or its operation; None when unknown.

    Nothing of the text reaches a statement: the name is looked up, and only digits are kept of the rest.
    """
    shape = _SHAPE.match(_new_type(finding))
    if shape is None:
        return None
    name = " ".join(shape.group("name").split())
    name = _ALIASES.get(name.lower(), name)
    if shape.group("zone"):
        name = f"{name} {' '.join(shape.group('zone').lower().split())}"
    row = session.tried(
        "SELECT pg_catalog.format_type(t.oid, NULL) FROM pg_catalog.pg_type t "
        "WHERE t.oid = pg_catalog.to_regtype(CAST(:name AS text)) AND t.typtype IN ('b', 'e')",
        {"name": name},
    )
    if not row:
        return None
    canonical = str(row[0][0])
    numbers = tuple(int(part) for part in re.findall(r"-?\d+", shape.group("numbers") or ""))
    tail = "[]" if shape.group("array") else ""
    return NewType(_with_numbers(canonical, numbers) + tail, parse_type(canonical).family, numbers, bool(tail))


def _new_type(finding: Finding) -> str:
    """The new type as the project wrote it."""
    if found := _DETAIL.search(finding.detail) or _STATEMENT.search(finding.statement):
        return found.group("type").strip()
    if (found := _OPERATION.search(finding.statement)) is None:
        return finding.detail.strip()
    name, inside = found.group("name").lower(), found.group("inside") or ""
    numbers = re.findall(r"(?<![\w.])\d+", inside)
    if "timezone=True" in inside.replace(" ", ""):
        return f"{_ALIASES.get(name, name)} with time zone"
    return f"{name}({', '.join(numbers)})" if numbers else name


def _with_numbers(canonical: str, numbers: tuple[int, ...]) -> str:
    if not numbers:
        # Plain CHAR means one character; the canonical name alone would mean any number.
        return "character(1)" if canonical == "character" else canonical
    shown = f"({', '.join(map(str, numbers))})"
    for zone in (" with time zone", " without time zone"):
        if canonical.endswith(zone):
            return canonical.removesuffix(zone) + shown + zone
    return canonical + shown


def changed_rows(session: ReadSession, relation: Relation, column: str, old: str, new: NewType) -> Loss:
    """Count the rows whose value would be refused, or would read differently after being cast there and back."""
    name = quoted(column)
    condition = built(name, "IS NOT NULL AND (", _condition(session, name, old, new), ")")
    try:
        return counted(session, relation, condition)
    except ConnectionFailed as error:
        if error.code in ("statement_timed_out", "rights_missing"):
            raise
        # A cast that fails on some row, or that does not exist: the migration would meet it too.
        return Loss(None, counted(session, relation, "true").total, "loss.conversion_fails")


def counted(session: ReadSession, relation: Relation, condition: str) -> Loss:
    """Rows for which a condition, made of quoted names, is true; and all rows."""
    sql = built("SELECT count(*) FILTER (WHERE", condition, "), count(*) FROM", relation.sql)
    rows, total = session.tried(sql)[0]
    return Loss(int(str(rows)), int(str(total)))


def _condition(session: ReadSession, name: str, old: str, new: NewType) -> str:
    """An expression that is true for a value that would be lost, and that fails for no value where that can be had."""
    kind = parse_type(old)
    if new.family == "text" and not new.array and not kind.array:
        width = new.numbers[0] if new.numbers else (1 if new.sql == "character(1)" else 0)
        return f"char_length(CAST({name} AS text)) > {width}" if width else _round_trip(name, old, new)
    if kind.family in _NUMBERS and new.family in _NUMBERS and not (new.array or kind.array):
        return _numeric(name, new)
    if kind.family == "text" and new.family in _NUMBERS and not (new.array or kind.array):
        form = literal(_INTEGER if new.family == "integer" else _NUMBER)
        return f"CASE WHEN {name} ~ {form} THEN {_numeric(f'CAST({name} AS numeric)', new)} ELSE true END"
    if kind.family == "text" and int(str(session.one("SHOW server_version_num"))) >= 160000:
        valid = f"pg_catalog.pg_input_is_valid(CAST({name} AS text), {literal(new.sql)})"
        return f"CASE WHEN {valid} THEN {_round_trip(name, old, new)} ELSE true END"
    return _round_trip(name, old, new)


def _numeric(name: str, new: NewType) -> str:
    """Out of range, or changed by rounding; compared as numeric, where nothing overflows."""
    value = f"CAST({name} AS numeric)"
    special = f"CAST({name} AS text) IN ('NaN', 'Infinity', '-Infinity')"
    if new.sql in _WHOLE:
        low, high = _WHOLE[new.sql]
        inside = f"{value} = trunc({value}) AND {value} BETWEEN {low} AND {high}"
        return f"CASE WHEN {special} THEN true ELSE NOT ({inside}) END"
    if new.family == "decimal" and new.numbers:
        precision, scale = new.numbers[0], new.numbers[1] if len(new.numbers) > 1 else 0
        rounded = f"round({value}, {scale})"
        bound = f"CAST(power(CAST(10 AS numeric), {precision - scale}) AS numeric)"
        return f"CASE WHEN {special} THEN true ELSE abs({rounded}) >= {bound} OR {rounded} <> {value} END"
    if new.family == "float":
        return f"CASE WHEN {special} THEN false ELSE CAST(CAST({name} AS {new.sql}) AS numeric) <> {value} END"
    return f"CASE WHEN {special} THEN false ELSE false END"


def _round_trip(name: str, old: str, new: NewType) -> str:
    """There and back, compared as text: some types have no equality."""
    via = f"CAST({name} AS {new.sql})"
    if parse_type(old).family == "text":
        return f"CAST({via} AS text) <> CAST({name} AS text)"
    return f"CAST(CAST({via} AS {old}) AS text) IS DISTINCT FROM CAST(CAST({name} AS {old}) AS text)"

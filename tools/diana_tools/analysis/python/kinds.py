"""SQLAlchemy's column types as SQL spells them."""

from __future__ import annotations

from diana_tools.analysis.python.answers import listed, name, options, truth
from diana_tools.analysis.python.values import Arguments, Class, Imported, Plain, Text, Type, Value
from diana_tools.analysis.statement import UNKNOWN

_PLAIN = {
    "integer": "INTEGER", "int": "INTEGER", "biginteger": "BIGINT", "bigint": "BIGINT", "smallinteger": "SMALLINT",
    "smallint": "SMALLINT", "text": "TEXT", "unicodetext": "TEXT", "boolean": "BOOLEAN", "date": "DATE",
    "interval": "INTERVAL", "json": "JSON", "jsonb": "JSONB", "uuid": "UUID", "inet": "INET", "cidr": "CIDR",
    "double": "DOUBLE PRECISION", "double_precision": "DOUBLE PRECISION", "real": "REAL", "clob": "TEXT",
    "citext": "CITEXT", "tsvector": "TSVECTOR", "hstore": "HSTORE", "macaddr": "MACADDR", "money": "MONEY",
    "oid": "OID", "xml": "XML", "serial": "SERIAL", "bigserial": "BIGSERIAL", "tinyint": "TINYINT",
    "mediumint": "MEDIUMINT", "longtext": "LONGTEXT", "mediumtext": "MEDIUMTEXT", "tinytext": "TINYTEXT",
    "longblob": "LONGBLOB",
}  # fmt: skip
_SIZED = {
    "string": "VARCHAR", "varchar": "VARCHAR", "unicode": "VARCHAR", "nvarchar": "VARCHAR", "char": "CHAR",
    "nchar": "CHAR", "autostring": "VARCHAR", "largebinary": "BLOB", "binary": "BINARY", "varbinary": "VARBINARY",
    "blob": "BLOB", "bytea": "BYTEA", "bit": "BIT",
}  # fmt: skip
_TIMES = {"datetime": "timestamp", "timestamp": "timestamp", "time": "time"}
_DECIMALS = frozenset({"numeric", "decimal"})


def column_type(word: str, arguments: Arguments, dialect: str) -> Type | None:
    """The type that calling `word` of SQLAlchemy makes; None when it makes none."""
    lowered = word.lower()
    if lowered in _PLAIN:
        return Type(_PLAIN[lowered])
    if lowered in _SIZED:
        return Type(_SIZED[lowered] + _numbers(arguments.get(0, "length")))
    if lowered in _TIMES:
        zone = truth(arguments.get(0, "timezone"))
        return Type(_TIMES[lowered] + (" with time zone" if zone and dialect == "postgresql" else ""))
    if lowered in _DECIMALS:
        return Type("NUMERIC" + _numbers(arguments.get(0, "precision"), arguments.get(1, "scale")))
    if lowered == "float":
        return Type("FLOAT" + _numbers(arguments.get(0, "precision")))
    if lowered == "array":
        item = element(arguments.get(0, "item_type"), dialect)
        return Type(f"{item.text}[]")
    return _enum(arguments) if lowered == "enum" else None


def element(value: Value | None, dialect: str) -> Type:
    """A value in the place of a type: a type, a class of SQLAlchemy that stands for one, or something unknown."""
    for option in options(value):
        if isinstance(option, Type):
            return option
        if isinstance(option, Imported):
            return column_type(option.last, Arguments(), dialect) or Type(option.last)
        if isinstance(option, Class):
            return Type(option.name)
    return Type("")


def _numbers(*values: Value | None) -> str:
    found: list[str] = []
    for value in values:
        if value is None or value == Plain(None):
            break
        if not isinstance(value, Plain):
            return f"({UNKNOWN})"
        found.append(str(value.value))
    return f"({','.join(found)})" if found else ""


def _enum(arguments: Arguments) -> Type:
    members: list[str] = []
    for value in arguments.positional:
        if isinstance(value, Text) and not value.holes:
            members.append(value.text)
        elif isinstance(value, Class) and value.enum:
            members += value.members
        elif (items := listed(value)) is not None:
            members += [name(item) for item in items]
        else:
            arguments = Arguments(arguments.positional, arguments.keywords, loose=True)
    label = name(arguments.get(-1, "name")) if arguments.given("name") else ""
    if arguments.loose:
        return Type(label or UNKNOWN, label)
    inner = ",".join("'" + member.replace("'", "''") + "'" for member in members)
    return Type(f"enum({inner})" if members else label, label)

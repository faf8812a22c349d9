"""Definitions read token by token, for every dialect but PostgreSQL, and where no parser helps."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import replace

from diana_tools.analysis.sql.cursor import Cursor, Lost
from diana_tools.analysis.sql.definitions import column_definition, elements, references
from diana_tools.analysis.sql.pieces import Piece
from diana_tools.analysis.statement import Action, Gap, Reading, Statement

_DROPS = {
    "TABLE": Action.DROP_TABLE,
    "VIEW": Action.DROP_VIEW,
    "INDEX": Action.DROP_INDEX,
    "SCHEMA": Action.DROP_SCHEMA,
    "DATABASE": Action.DROP_DATABASE,
    "SEQUENCE": Action.DROP_SEQUENCE,
}
_CONSTRAINTS = {"FOREIGN": "foreign key", "CHECK": "check", "PRIMARY": "primary key", "UNIQUE": "unique"}
_MODIFIERS = frozenset({"TEMP", "TEMPORARY", "EXTERNAL", "MATERIALIZED", "VIRTUAL", "UNIQUE", "GLOBAL", "LOCAL"})
_HARMLESS = frozenset(
    {"ANALYZE", "REINDEX", "DETACH", "EXPLAIN", "SHOW", "DESCRIBE", "DESC", "USE", "CHECKPOINT", "COMMENT"}
)
_TRANSACTION = frozenset({"BEGIN", "COMMIT", "END", "ROLLBACK", "SAVEPOINT", "RELEASE", "START"})
_UNSAFE_PRAGMAS = frozenset({"foreign_keys", "writable_schema", "ignore_check_constraints", "recursive_triggers"})


def read_head(piece: Piece, base: Statement) -> Reading | None:
    """What a definition, a switch or a transaction word does; None for what is none of these.

    What is left over behind a form that is known makes the statement a guess, with a gap beside it.
    """
    read = _HEADS.get(piece.word(0))
    if read is None:
        return _other(piece, base)
    cursor = Cursor(piece.tokens)
    cursor.step()
    try:
        statements = read(cursor, base)
    except Lost:
        return Reading((), (Gap(base.line, "AC001.not_parsed", base.text),))
    if statements is None:
        return None
    found = Reading(statements)
    if cursor.more or piece.open:
        return found.guess() + Reading((), (Gap(base.line, "AC001.not_parsed", base.text),))
    return found


def _other(piece: Piece, base: Statement) -> Reading | None:
    word = piece.word(0)
    if word in _HARMLESS:
        return Reading((base,))
    if word in _TRANSACTION:
        kind = "begin" if word in ("BEGIN", "START") else "commit" if word in ("COMMIT", "END") else word.lower()
        return Reading((replace(base, action=Action.TRANSACTION, kind=kind),))
    return None


def _drop(cursor: Cursor, base: Statement) -> tuple[Statement, ...]:
    while cursor.accept(*_MODIFIERS):
        pass
    kind = cursor.keyword()
    guarded = cursor.accept("IF") and cursor.accept("EXISTS")
    names = cursor.names()
    cascade = cursor.accept("CASCADE")
    if not cascade:
        cursor.accept("RESTRICT")
    if kind in ("INDEX", "TRIGGER", "POLICY") and cursor.accept("ON"):
        cursor.name()
    action = _DROPS.get(kind, Action.DROP_BEHAVIOUR)
    made = replace(base, action=action, kind=kind.lower(), guarded=guarded, cascade=cascade)
    if action is Action.DROP_TABLE:
        return tuple(replace(made, table=name) for name in names)
    return tuple(replace(made, name=name) for name in names)


def _truncate(cursor: Cursor, base: Statement) -> tuple[Statement, ...]:
    cursor.accept("TABLE")
    names = cursor.names()
    cascade = cursor.accept("CASCADE")
    return tuple(replace(base, action=Action.TRUNCATE, table=name, cascade=cascade) for name in names)


def _alter(cursor: Cursor, base: Statement) -> tuple[Statement, ...] | None:
    if not cursor.accept("TABLE"):
        return None
    if cursor.accept("IF"):
        cursor.accept("EXISTS")
    cursor.accept("ONLY")
    made = replace(base, table=cursor.name())
    found = [_action(cursor, made)]
    while cursor.accept(","):
        found.append(_action(cursor, made))
    return tuple(found)


def _action(cursor: Cursor, base: Statement) -> Statement:
    word = cursor.keyword()
    if word == "RENAME":
        return _rename(cursor, base)
    if word == "DROP":
        return _drop_part(cursor, base)
    if word == "ADD":
        return _add(cursor, base)
    raise Lost


def _rename(cursor: Cursor, base: Statement) -> Statement:
    if cursor.accept("TO", "AS"):
        return replace(base, action=Action.RENAME_TABLE, name=cursor.name())
    cursor.accept("COLUMN")
    column = cursor.name()
    cursor.expect("TO")
    return replace(base, action=Action.RENAME_COLUMN, column=column, name=cursor.name())


def _drop_part(cursor: Cursor, base: Statement) -> Statement:
    for word, kind in _CONSTRAINTS.items():
        if cursor.accept(word):
            cursor.accept("KEY")
            name = cursor.name() if cursor.more and cursor.peek().text != "," else ""
            return replace(base, action=Action.DROP_CONSTRAINT, kind=kind, name=name)
    if cursor.accept("CONSTRAINT"):
        return replace(base, action=Action.DROP_CONSTRAINT, name=cursor.name())
    if cursor.accept("INDEX", "KEY"):
        return replace(base, action=Action.DROP_INDEX, name=cursor.name())
    cursor.accept("COLUMN")
    guarded = cursor.accept("IF") and cursor.accept("EXISTS")
    column = cursor.name()
    cascade = cursor.accept("CASCADE")
    return replace(base, action=Action.DROP_COLUMN, column=column, guarded=guarded, cascade=cascade)


def _add(cursor: Cursor, base: Statement) -> Statement:
    if cursor.accept("CONSTRAINT"):
        cursor.name()
    for word, kind in _CONSTRAINTS.items():
        if cursor.peek_word() == word:
            part = cursor.upto_comma()
            key = references(part)
            keys = (key,) if key is not None else ()
            return replace(base, action=Action.ADD_CONSTRAINT, kind=kind, keys=keys)
    cursor.accept("COLUMN")
    made = column_definition(cursor.upto_comma())
    if made is None:
        raise Lost
    return replace(
        base, action=Action.ADD_COLUMN, column=made.name, columns=(made,), keys=made.keys, new_type=made.type
    )


def _create(cursor: Cursor, base: Statement) -> tuple[Statement, ...] | None:
    replaces = cursor.accept("OR") and cursor.accept("REPLACE", "ALTER")
    words: set[str] = set()
    while (word := cursor.peek_word()) in _MODIFIERS:
        words.add(word)
        cursor.step()
    kind = cursor.keyword()
    guarded = cursor.accept("IF") and cursor.accept("NOT") and cursor.accept("EXISTS")
    made = replace(base, replaces=replaces, guarded=guarded, temporary=bool(words & {"TEMP", "TEMPORARY"}))
    if kind == "TABLE":
        return _create_table(cursor, made)
    name = cursor.name()
    if kind == "INDEX":
        cursor.expect("ON")
        table = cursor.name()
        cursor.skip()
        unique = "unique" if "UNIQUE" in words else ""
        return (replace(made, action=Action.CREATE_INDEX, table=table, name=name, kind=unique),)
    cursor.skip()
    routine = kind in ("TRIGGER", "FUNCTION", "PROCEDURE", "EVENT")
    action = Action.CREATE_ROUTINE if routine else Action.CREATE_OTHER
    return (replace(made, action=action, kind=kind.lower(), name=name),)


def _create_table(cursor: Cursor, base: Statement) -> tuple[Statement, ...] | None:
    made = replace(base, action=Action.CREATE_TABLE, table=cursor.name())
    if cursor.peek_word() in ("AS", "SELECT", "LIKE"):
        return None
    if cursor.accept("USING"):
        cursor.skip()
        return (made,)
    columns, keys = elements(cursor.group())
    if any(word in ("AS", "SELECT") for word in cursor.words()):
        return None
    cursor.skip()
    return (replace(made, columns=columns, keys=keys),)


def _pragma(cursor: Cursor, base: Statement) -> tuple[Statement, ...]:
    """PRAGMA of SQLite: foreign_keys and the like are safety switches (sqlite.org/pragma.html)."""
    name = cursor.name().rpartition(".")[2].lower()
    value = "".join(cursor.rest()).strip("=()'\"").lower()
    if not value or name not in _UNSAFE_PRAGMAS:
        return (base,)
    on = value in ("1", "on", "yes", "true")
    safe = on is (name == "foreign_keys")
    return (replace(base, action=Action.SAFETY_ON if safe else Action.SAFETY_OFF, kind="pragma", name=name),)


def _set(cursor: Cursor, base: Statement) -> tuple[Statement, ...]:
    """SET of MySQL: foreign_key_checks and the like are safety switches."""
    words = [word.lower().strip("@") for word in cursor.rest()]
    switches = ("foreign_key_checks", "unique_checks", "sql_log_bin", "sql_safe_updates")
    name = next((word for word in words if word in switches), "")
    if not name:
        return (base,)
    off = words[-1] in ("0", "off", "false")
    return (replace(base, action=Action.SAFETY_OFF if off else Action.SAFETY_ON, kind="variable", name=name),)


def _attach(cursor: Cursor, base: Statement) -> tuple[Statement, ...]:
    cursor.skip()
    return (replace(base, action=Action.ESCAPE, name="ATTACH"),)


def _vacuum(cursor: Cursor, base: Statement) -> tuple[Statement, ...]:
    writes = "INTO" in cursor.words()
    cursor.skip()
    return (replace(base, action=Action.ESCAPE, name="VACUUM INTO") if writes else base,)


_Head = Callable[[Cursor, Statement], tuple[Statement, ...] | None]
_HEADS: dict[str, _Head] = {
    "DROP": _drop,
    "TRUNCATE": _truncate,
    "ALTER": _alter,
    "CREATE": _create,
    "PRAGMA": _pragma,
    "SET": _set,
    "ATTACH": _attach,
    "VACUUM": _vacuum,
}

"""SQL of every dialect but PostgreSQL, statement by statement: definitions by token, rows by sqlglot."""

from __future__ import annotations

import logging
from collections.abc import Iterable
from dataclasses import replace
from itertools import pairwise

from diana_tools.analysis.sql.cursor import Cursor, Lost
from diana_tools.analysis.sql.heads import read_head
from diana_tools.analysis.sql.pieces import Piece, pieces
from diana_tools.analysis.sql.tokens import Token, lexis, scan
from diana_tools.analysis.statement import UNKNOWN, Action, Gap, Reading, Statement, Where, plain

_DEEPEST = 150
_MOST_TOKENS = 6_000
_GLOT = {"sqlite": "sqlite", "mysql": "mysql", "mariadb": "mysql", "mssql": "tsql", "postgresql": "postgres"}
_BEYOND_VALUES = frozenset({"SELECT", "CONFLICT", "DUPLICATE", "REPLACE", "OR", "WITH", "OVERWRITE"})
_ALTERNATIVES = frozenset({"ROLLBACK", "ABORT", "REPLACE", "FAIL", "IGNORE"})
_ROWS = frozenset({"SELECT", "INSERT", "REPLACE", "UPDATE", "DELETE", "WITH", "VALUES", "MERGE", "CREATE"})


def read_piece(piece: Piece, dialect: str) -> Reading:
    """What one statement does; what nobody can read is a gap, with a guess beside it where there is one."""
    base = Statement(Action.READ, line=piece.line, text=plain(piece.text))
    head = read_head(piece, base)
    if head is not None:
        return _with_body(piece, head, dialect) if any(s.kind == "trigger" for s in head.statements) else head
    if piece.word(0) not in _ROWS:
        return Reading((), (Gap(piece.line, "AC001.not_parsed", base.text),))
    if _plain_insert(piece):
        return Reading((_inserted(piece, base),))
    if piece.open or len(piece.tokens) > _MOST_TOKENS or _depth(piece.tokens) > _DEEPEST:
        why = "AC001.not_parsed" if piece.open else "AC001.too_deep"
        return guess(piece, base) + Reading((), (Gap(piece.line, why, base.text),))
    statements = _parsed(piece, base, _GLOT.get(dialect, ""))
    if statements is None:
        return guess(piece, base) + Reading((), (Gap(piece.line, "AC001.not_parsed", base.text),))
    return Reading(statements)


def _plain_insert(piece: Piece) -> bool:
    """INSERT … VALUES with nothing but values: seed data can be long, and sqlglot is slow on it."""
    words = {token.upper for token in piece.tokens}
    if piece.word(0) != "INSERT" or "VALUES" not in words or words & _BEYOND_VALUES or piece.open:
        return False
    first = next(index for index, token in enumerate(piece.tokens) if token.upper == "VALUES")
    calls = pairwise(piece.tokens[first + 1 :])
    return not any(after.text == "(" and before.kind in ("word", "name") for before, after in calls)


def _with_body(piece: Piece, head: Reading, dialect: str) -> Reading:
    """A trigger, and what it does when it is set off: later, or in this very migration."""
    if not any(statement.action is Action.CREATE_ROUTINE for statement in head.statements):
        return head
    rules = lexis(dialect)
    tokens = scan(piece.text, rules).tokens
    begins = (i for i in range(3, len(tokens)) if tokens[i].upper == "BEGIN" and _opens(tokens[i - 1]))
    begin = next(begins, 0)
    if not begin or tokens[-1].upper != "END":
        return head + Reading((), (Gap(piece.line, "AC003.body_not_parsed", plain(piece.text)),))
    start = tokens[begin].start + len("BEGIN")
    line = piece.line + piece.text.count("\n", 0, start) - 1
    body = Reading()
    for inner in pieces(piece.text[start : tokens[-1].start], rules):
        body += read_piece(replace(inner, line=inner.line + line), dialect)
    return Reading(tuple(replace(statement, body=body) for statement in head.statements), head.gaps) + body.maybe()


def _opens(before: Token) -> bool:
    """Whether a BEGIN behind this token begins a body: it may also be a name."""
    return before.upper not in ("TRIGGER", "EXISTS", "OF", "ON") and before.text not in (".", ",")


def _inserted(piece: Piece, base: Statement) -> Statement:
    cursor = Cursor(piece.tokens)
    cursor.step()
    cursor.accept("INTO")
    try:
        return replace(base, action=Action.INSERT, table=cursor.name())
    except Lost:
        return replace(base, action=Action.INSERT, table=UNKNOWN)


def _depth(tokens: Iterable[Token]) -> int:
    depth = deepest = 0
    for token in tokens:
        if token.kind == "mark":
            depth += {"(": 1, ")": -1}.get(token.text, 0)
            deepest = max(deepest, depth)
    return deepest


def _parsed(piece: Piece, base: Statement, dialect: str) -> tuple[Statement, ...] | None:
    """The statements by sqlglot; None when it fails, gives up, or takes something else for a statement."""
    import sqlglot
    from sqlglot import exp
    from sqlglot.errors import SqlglotError

    from diana_tools.analysis.sql.general_rows import rows

    # It warns on the root logger's way to the terminal whenever it gives up; we count that as unread instead.
    logging.getLogger("sqlglot").setLevel(logging.CRITICAL)
    known = (exp.Delete, exp.Update, exp.Insert, exp.Select, exp.SetOperation, exp.Values, exp.Create, exp.Merge)
    try:
        trees = sqlglot.parse(_normal(piece), read=dialect)
        if any(not isinstance(tree, known) or tree.find(exp.Command) for tree in trees):
            return None
        return tuple(s for tree in trees if tree is not None for s in rows(tree, base)) or (base,)
    except (SqlglotError, RecursionError, ValueError, TypeError, AttributeError, LookupError):
        # Text from outside reaches corners of the parser that raise more than its own errors.
        return None


def _normal(piece: Piece) -> str:
    """The text without `OR action` behind UPDATE, and REPLACE INTO as what it stands for."""
    if piece.word(0) == "REPLACE":
        return "INSERT OR REPLACE " + piece.slice(1)
    for index in range(min(len(piece.tokens), 200)):
        if piece.word(index) == "UPDATE" and piece.word(index + 1) == "OR" and piece.word(index + 2) in _ALTERNATIVES:
            return piece.slice(0, index + 1) + piece.slice(index + 3)
    return piece.text


def guess(piece: Piece, base: Statement) -> Reading:
    """What an unreadable statement seems to do, from its first words."""
    action = {"DELETE": Action.DELETE, "UPDATE": Action.UPDATE}.get(piece.word(0))
    if action is None:
        return Reading()
    cursor = Cursor(piece.tokens)
    cursor.step()
    cursor.accept("FROM")
    cursor.accept("ONLY")
    try:
        table = cursor.name()
    except Lost:
        return Reading()
    where = Where.SOME if "WHERE" in cursor.words() else Where.NONE
    return Reading((replace(base, action=action, table=table, where=where),)).guess()

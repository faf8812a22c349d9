"""Pieces of SQL that SQLAlchemy puts into a statement as they stand: defaults, checks, keys of an index, conditions."""

from __future__ import annotations

import ast
import re

from diana_tools.analysis.python.answers import options
from diana_tools.analysis.python.handing import parts
from diana_tools.analysis.python.run import Run, only_values
from diana_tools.analysis.python.values import Arguments, Text, Value
from diana_tools.analysis.sql.spoken import spoken
from diana_tools.analysis.sql.tokens import Token, lexis, scan

_QUERIES = re.compile(r"[\s(]*(?:select|with|values|insert|update|delete|merge)\b", re.IGNORECASE)
_ACT_WORDS = "DELETE DROP TRUNCATE ALTER CREATE MERGE INSERT UPDATE CALL EXECUTE GRANT REVOKE COPY DO"
_ACTS = frozenset(_ACT_WORDS.split())
# What may stand before one of these words where it begins no act: `ON UPDATE CASCADE`, `FOR UPDATE`.
_JOINING = frozenset({"ON", "FOR"})
_DEEPEST = 4
_RAW_KEYWORDS = frozenset(
    {"postgresql_where", "sqlite_where", "mssql_where", "postgresql_using", "where", "sqltext", "condition"}
)
_RAW_METHODS = """
prefix_with suffix_with with_hint with_statement_hint op bool_op collate where filter having order_by group_by
"""
_RAW = frozenset(_RAW_METHODS.split())
"""Methods of statements and columns that put a string into the SQL as it stands."""
# Operators of PostgreSQL and SQLite themselves, and of their well-known extensions (PostgreSQL manual, chapter 9).
_SIGN_WORDS = """
+ - * / % ^ = <> != < > <= >= || | & # ~ << >> -> ->> #> #>> @> <@ ? ?| ?& #- @? @@ ~* !~ !~* ~~ !~~ ~~* !~~* :: : :=
=> == && -|- &< &> <<= >>= <-> <=> <#> <+> % <% %> <<% %>> ^@ |/ ||/ @ !! @-@ ## ?# ?- ?-| ?|| ~=
"""
_SIGNS = frozenset(_SIGN_WORDS.split())
_MARKS = frozenset("+-*/<>=~!@#%^&|`?:")


def embedded(run: Run, given: Arguments, node: ast.AST) -> None:
    """Read every `text()` among these arguments as what becomes a part of another statement."""
    for value in given.every():
        for part in parts(value, _DEEPEST):
            if isinstance(part, Text) and part.sql:
                _read(run, part, node)


def raw(run: Run, word: str, given: Arguments, node: ast.AST) -> None:
    """Read what a method puts into a statement: text, and strings where it takes those as SQL."""
    embedded(run, given, node)
    for value in given.every() if word in _RAW else ():
        fragment(run, value, node)


def operands(run: Run, word: str, given: Arguments, node: ast.AST, *, batch: bool) -> None:
    """Read what an operation of Alembic puts into its statement."""
    embedded(run, given, node)
    for key, value in given.keywords:
        if key in _RAW_KEYWORDS and (key != "postgresql_using" or word == "alter_column"):
            fragment(run, value, node)
    if word == "create_check_constraint":
        fragment(run, given.get(1 if batch or given.given("table_name") else 2), node)


def fragment(run: Run, value: Value | None, node: ast.AST) -> None:
    """Read a string that is a part of a statement."""
    for option in options(value):
        if isinstance(option, Text) and not option.sql:
            _read(run, option, node)


def _read(run: Run, text: Text, node: ast.AST) -> None:
    if _QUERIES.match(text.text):
        run.sql(text, node)
        return
    found = scan(text.text, lexis(run.dialect))
    doubtful = found.open or (text.holes and not only_values(text.text, run.dialect, names=False))
    if doubtful or _leaves(found.tokens) or not _plain_signs(found.tokens):
        run.gap("AC002.dynamic_sql", node)
    end = next((token.start for token in found.tokens if token.text == ";" and token.kind == "mark"), None)
    if end is not None:
        run.sql(Text(found.clean[end + 1 :]), node)
    run.emit(node, *spoken(found.tokens))


def _leaves(tokens: list[Token]) -> bool:
    """Whether a text is more than an expression: it ends the statement around it, or begins an act of its own."""
    depth = 0
    for index, token in enumerate(tokens):
        if token.kind == "mark":
            depth += (token.text == "(") - (token.text == ")")
        before = tokens[index - 1] if index else token
        acts = token.upper in _ACTS and before.upper not in _JOINING and before.text != "."
        if depth < 0 or (token.text == ";" and token.kind == "mark") or acts:
            return True
    return depth > 0


def _plain_signs(tokens: list[Token]) -> bool:
    """Whether every operator is one of the database's own: any other is a function of somebody's."""
    signs: list[str] = []
    end = -1
    for token in tokens:
        if token.kind != "mark" or not _MARKS.issuperset(token.text):
            continue
        joined = token.start == end
        signs[-1:] = [signs[-1] + token.text] if joined and signs else [*signs[-1:], token.text]
        end = token.start + len(token.text)
    return all(_known_sign(sign) for sign in signs)


def _known_sign(sign: str) -> bool:
    """A sign before a value joins the operator before it: `=-1`, `::-`."""
    return sign in _SIGNS or (sign[-1] in "+-~@?:%" and sign[:-1] in _SIGNS)

"""Routines that expressions of PL/pgSQL call, told by their tokens: a name, then a parenthesis."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from itertools import pairwise

from diana_tools.analysis.sql.known import ESCAPES, harmless
from diana_tools.analysis.sql.tokens import Token
from diana_tools.analysis.statement import Action, Statement

# Words before a parenthesis that are no names of routines: they join conditions, or a type's width follows them.
_WORD_LIST = """
ALL AND ANY ARRAY AS BETWEEN BIT BY CASE CHARACTER CURSOR DECIMAL DEFAULT DISTINCT ELSE ELSIF EXISTS FILTER FOR FROM
HALFVEC IF ILIKE IN INTERVAL IS JOIN LIKE LOOP NEXT NOT NUMERIC ON OR OVER PRECISION RETURN ROW SELECT SETOF SOME
THEN TIME TIMESTAMP TIMESTAMPTZ TIMETZ TO UNION USING VALUES VARCHAR VARYING VECTOR WHEN WHERE WHILE WITHIN WITH BPCHAR
ASSERT GROUP
"""
_WORDS = frozenset(_WORD_LIST.split())


def spoken(tokens: Sequence[Token]) -> Iterator[Statement]:
    """The routines that nobody knows, and those that reach out."""
    for index, (token, after) in enumerate(pairwise(tokens)):
        parts = _name(tokens, index) if after.text == "(" and after.kind == "mark" else ()
        name = parts[-1] if parts else ""
        if name in ESCAPES:
            yield Statement(Action.ESCAPE, name=name)
        elif parts and not _computes(parts) and token.upper not in _WORDS:
            yield Statement(Action.CALL, name=name)


def _name(tokens: Sequence[Token], index: int) -> tuple[str, ...]:
    """Schema and name, or the name alone, empty where there is none. `1..f` is one token: it begins as a number."""
    token = tokens[index]
    if token.kind == "number":
        _, dots, behind = token.text.partition("..")
        return tuple(behind.lower().split(".")[-2:]) if dots else ()
    if token.kind not in ("word", "name"):
        return ()
    name = token.text.lower() if token.kind == "word" else token.text
    qualified = index > 1 and tokens[index - 1].text == "." and tokens[index - 2].kind in ("word", "name")
    return (tokens[index - 2].text.lower(), name) if qualified else (name,)


def _computes(parts: tuple[str, ...]) -> bool:
    """Whether it is one of PostgreSQL's own; one of another schema never is."""
    return harmless(parts[-1]) if len(parts) == 1 else parts[:1] == ("pg_catalog",)

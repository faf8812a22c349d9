"""Column and key definitions as CREATE TABLE and ADD COLUMN write them, in any dialect."""

from __future__ import annotations

from collections.abc import Sequence
from itertools import pairwise

from diana_tools.analysis.sql.cursor import Cursor, Lost, split
from diana_tools.analysis.sql.tokens import Token
from diana_tools.analysis.statement import Column, ForeignKey

_TABLE_CONSTRAINTS = frozenset(
    {"CONSTRAINT", "PRIMARY", "UNIQUE", "CHECK", "FOREIGN", "EXCLUDE", "INDEX", "KEY", "FULLTEXT", "SPATIAL", "PERIOD"}
)
_AFTER_TYPE_WORDS = """
CONSTRAINT PRIMARY NOT NULL UNIQUE CHECK DEFAULT COLLATE REFERENCES GENERATED AS ON AUTO_INCREMENT IDENTITY
COMMENT KEY FIRST AFTER INVISIBLE VISIBLE STORED VIRTUAL CHARSET
"""
_AFTER_TYPE = frozenset(_AFTER_TYPE_WORDS.split())
_LONGEST_TYPE = 200


def elements(tokens: Sequence[Token]) -> tuple[tuple[Column, ...], tuple[ForeignKey, ...]]:
    """The columns and foreign keys between the parentheses of CREATE TABLE."""
    columns: list[Column] = []
    keys: list[ForeignKey] = []
    for part in split(tokens):
        key = references(part)
        if key is not None:
            keys.append(key)
        if part and part[0].upper not in _TABLE_CONSTRAINTS:
            column = column_definition(part)
            columns += [column] if column is not None else []
    return tuple(columns), tuple(keys)


def column_definition(tokens: Sequence[Token]) -> Column | None:
    """A column with type, nullability and default; None when the tokens are no definition."""
    cursor = Cursor(tokens)
    try:
        name = cursor.name()
    except Lost:
        return None
    first = last = 1
    while last < len(tokens) and tokens[last].upper not in _AFTER_TYPE:
        last += 1
    words = [token.upper for token in tokens[last:]]
    pairs = set(pairwise(words))
    key = references(tokens)
    generated = bool({"GENERATED", "AUTO_INCREMENT", "IDENTITY", "AS"} & set(words))
    return Column(
        name.rpartition(".")[2],
        _type(tokens[first:last]),
        nullable=("NOT", "NULL") not in pairs and ("PRIMARY", "KEY") not in pairs,
        default="DEFAULT" in words or generated or ("PRIMARY", "KEY") in pairs,
        keys=(key,) if key is not None else (),
    )


def _type(tokens: Sequence[Token]) -> str:
    """The type as one would write it: no blank before or inside parentheses."""
    text = ""
    for token in tokens:
        shown = f"'{token.text}'" if token.kind == "string" else token.text
        tight = not text or token.text in "(),[]" or text.endswith(("(", ",", "["))
        text += shown if tight else f" {shown}"
        if len(text) > _LONGEST_TYPE * 20:
            break
    return text if text.lower().startswith("enum") else text[:_LONGEST_TYPE]


def references(tokens: Sequence[Token]) -> ForeignKey | None:
    """The REFERENCES clause among these tokens, None when there is none."""
    for index, token in enumerate(tokens):
        if token.upper != "REFERENCES":
            continue
        cursor = Cursor(tokens[index + 1 :])
        try:
            table = cursor.name()
        except Lost:
            return None
        return ForeignKey(table, _on_delete(cursor.words()))
    return None


def _on_delete(words: Sequence[str]) -> str:
    for index, word in enumerate(words[:-2]):
        if word == "ON" and words[index + 1] == "DELETE":
            action = words[index + 2]
            return action if action in ("CASCADE", "RESTRICT") else " ".join(words[index + 2 : index + 4])
    return ""

"""SQL text to statements: the one door for files, for SQL inside migrations, and for captured SQL."""

from __future__ import annotations

import re
from dataclasses import replace

from diana_tools.analysis.sql.general import guess, read_piece
from diana_tools.analysis.sql.heads import read_head
from diana_tools.analysis.sql.pieces import Piece, pieces
from diana_tools.analysis.sql.postgresql import read_postgresql
from diana_tools.analysis.sql.tokens import lexis
from diana_tools.analysis.sql.tree import NotParsed
from diana_tools.analysis.statement import LARGEST_FILE, Action, Collected, Gap, Reading, Statement, plain

_META_HARMLESS = frozenset({"echo", "qecho", "timing", "pset", "set", "unset", "encoding", "x", "conninfo", "prompt"})
_META_ESCAPES = frozenset({"!", "copy", "o", "out", "w", "write", "setenv", "cd", "g", "gx", "lo_import", "lo_export"})


def read_sql(text: str, dialect: str, line: int = 1, *, script: bool = False) -> Reading:
    """Read SQL of a dialect; `line` is where the text begins, `script` that it is a file of its own.

    Placeholders of drivers and of SQLAlchemy (`:name`, `%(name)s`, `%s`, `?`) stand for values.
    """
    if len(text) > LARGEST_FILE:
        return Reading((), (Gap(line, "AC004.too_large"),))
    if "\0" in text:
        return Reading((), (Gap(line, "AC001.null_byte", plain(text)),))
    text = text.removeprefix("\ufeff")
    if dialect != "postgresql":
        return _each(text, dialect, line, script)
    try:
        return read_postgresql(text, line)
    except NotParsed:
        return _each(text, dialect, line, script)


def _each(text: str, dialect: str, line: int, script: bool) -> Reading:
    found = Collected()
    for piece in pieces(text, lexis(dialect), psql=script and dialect == "postgresql"):
        placed = replace(piece, line=piece.line + line - 1)
        if placed.meta:
            found.add(_meta(placed))
        elif dialect == "postgresql":
            found.add(_postgresql(placed))
        else:
            found.add(read_piece(replace(placed, text=_with_values(placed, "?")), dialect))
    return found.reading()


def _postgresql(piece: Piece) -> Reading:
    for text in (piece.text, _with_values(piece, "$1")):
        try:
            return read_postgresql(text, piece.line)
        except NotParsed:
            continue
    base = Statement(Action.READ, line=piece.line, text=plain(piece.text))
    head = read_head(piece, base)
    guessed = Reading(head.statements).guess() if head is not None else guess(piece, base)
    kept = tuple(s for s in guessed.statements if s.action is not Action.READ)
    return Reading(kept, (Gap(piece.line, "AC001.not_parsed", base.text),))


def _with_values(piece: Piece, value: str) -> str:
    """The text with `value` for every placeholder; quotes are left alone, for tokens are looked at, not characters."""
    base = piece.tokens[0].start if piece.tokens else 0
    parts: list[str] = []
    seen = 0
    for index, token in enumerate(piece.tokens):
        place = token.start - base
        match = _placeholder(piece, index, place, value)
        if match is not None and place >= seen:
            parts += [piece.text[seen:place], match[1]]
            seen = place + match[0]
    return "".join(parts) + piece.text[seen:]


_FORMS = re.compile(r"%\(\w+\)s|%s|%%|\$\d+|\?|:[A-Za-z_]\w*")


def _placeholder(piece: Piece, index: int, place: int, value: str) -> tuple[int, str] | None:
    """Length of the placeholder that begins at a token, and what to write instead."""
    token = piece.tokens[index]
    if token.kind != "mark" or token.text not in "%?:":
        return None
    match = _FORMS.match(piece.text, place)
    if match is None:
        return None
    if token.text == ":" and (place and piece.text[place - 1] == ":"):
        return None
    if match.group() == "%%":
        return 2, "%"
    listed = index > 0 and piece.tokens[index - 1].upper == "IN"
    return len(match.group()), f"({value})" if listed else value


def _meta(piece: Piece) -> Reading:
    """A command of psql: most run programs, read other files or run what a query returns."""
    word = "".join(token.text for token in piece.tokens[1:2])
    if word in _META_HARMLESS:
        return Reading((Statement(Action.READ, line=piece.line, text=plain(piece.text)),))
    gap = Gap(piece.line, "AC001.meta_command", plain(piece.text))
    if word in _META_ESCAPES:
        escape = Statement(Action.ESCAPE, name=f"\\{word}", line=piece.line, text=plain(piece.text))
        return Reading((escape,), (gap,))
    return Reading((), (gap,))

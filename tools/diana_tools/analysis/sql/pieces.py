"""SQL text cut into statements: bodies kept whole, psql's own commands and COPY data set apart."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass

from diana_tools.analysis.sql.tokens import Lexis, Scan, Token, scan

_ROUTINES = frozenset({"TRIGGER", "FUNCTION", "PROCEDURE", "EVENT"})
_AFTER_CREATE = frozenset({"OR", "REPLACE", "ALTER", "TEMP", "TEMPORARY", "DEFINER", "CONSTRAINT", "AGGREGATE"})
# Behind these a BEGIN is a name: CREATE TRIGGER begin, UPDATE OF begin ON t, NEW.begin.
_NAME_FOLLOWS = frozenset({"TRIGGER", "EXISTS", "OF", "ON", "FUNCTION", "PROCEDURE"})
_BLOCK_FOLLOWS = frozenset({"THEN", "ELSE", "LOOP", "DO", "BEGIN"})
_INNER_ENDS = frozenset({"IF", "LOOP", "WHILE", "REPEAT", "FOR"})


_MOST_COPIES = 50


@dataclass(frozen=True, slots=True)
class Piece:
    """One statement without its comments. `meta`: a command of psql; `open`: it never ends; `line` is 1-based."""

    text: str
    line: int
    tokens: tuple[Token, ...]
    open: bool = False
    meta: bool = False

    def word(self, index: int) -> str:
        """The keyword at a place, in capitals; empty when there is none."""
        return self.tokens[index].upper if index < len(self.tokens) else ""

    def slice(self, first: int, last: int | None = None) -> str:
        """The text from one token up to another."""
        begin = self.tokens[0].start if self.tokens else 0
        if first >= len(self.tokens):
            return ""
        end = self.tokens[last].start - begin if last is not None and last < len(self.tokens) else len(self.text)
        return self.text[self.tokens[first].start - begin : end]


def pieces(text: str, rules: Lexis, *, psql: bool = False) -> Iterator[Piece]:
    """The statements of a text, in order. `psql`: it is a script for psql, with its commands and COPY data.

    The text is scanned anew behind each COPY; behind the fiftieth the rest is one open piece.
    """
    rest, line = text, 1
    for _ in range(_MOST_COPIES):
        found, lines = _upto_copy(scan(rest, rules), line, psql)
        yield from found
        if lines < 0:
            return
        begin, end = _copy_data(rest, lines)
        if end < 0:
            rest = rest[begin:]
            line += lines + 1
            break
        line += rest.count("\n", 0, end)
        rest = rest[end:]
    if rest:
        yield Piece(rest, line, (), open=True)


def _upto_copy(found: Scan, line: int, psql: bool) -> tuple[list[Piece], int]:
    """Pieces up to the first COPY FROM STDIN, and how many line ends came before its end, or -1."""
    done: list[Piece] = []
    cutter = _Cutter(found, line)
    for index, token in enumerate(found.tokens):
        if index < cutter.skip:
            continue
        if psql and token.text == "\\" and token.kind == "mark":
            done += cutter.meta(index)
        elif token.text == ";" and token.kind == "mark" and cutter.outside:
            piece = cutter.cut(index)
            done += piece
            if psql and piece and _from_stdin(piece[0]):
                return done, found.clean.count("\n", 0, token.start)
        else:
            cutter.see(index)
    return done + cutter.rest(), -1


class _Cutter:
    """Where a statement began, and how deep in a body we are."""

    def __init__(self, found: Scan, line: int) -> None:
        self.found = found
        self.first = 0
        self.skip = 0
        self.depth = 0
        self.body = False
        self.line = line
        self.counted = 0

    @property
    def outside(self) -> bool:
        return self.depth <= 0

    def see(self, index: int) -> None:
        """Take notice of one token."""
        tokens = self.found.tokens
        word = tokens[index].upper
        if index == self.first or not word:
            return
        if word in _ROUTINES and not self.body and tokens[self.first].upper == "CREATE":
            between = tokens[self.first + 1 : index]
            self.body = not between or between[0].upper in _AFTER_CREATE
        elif self.body:
            self._depth(index, word)

    def _depth(self, index: int, word: str) -> None:
        tokens = self.found.tokens
        before = tokens[index - 1]
        named = before.upper in _NAME_FOLLOWS or before.text in (".", ",") or before.upper == "AS"
        following = tokens[index + 1].upper if index + 1 < len(tokens) else ""
        nested = before.text == ";" or before.upper in _BLOCK_FOLLOWS
        if word == "BEGIN" and self.depth == 0:
            self.depth = int(not named or following == "ATOMIC")
        elif self.depth and ((word == "BEGIN" and nested) or (word == "CASE" and before.upper != "END")):
            self.depth += 1
        elif word == "END" and self.depth and following not in _INNER_ENDS:
            self.depth -= 1

    def cut(self, index: int) -> list[Piece]:
        """End the statement before the token at `index`."""
        piece = self._piece(index, open_=False, meta=False)
        self.first, self.body, self.depth = index + 1, False, 0
        return piece

    def rest(self) -> list[Piece]:
        """What is left at the end of the text."""
        return self._piece(len(self.found.tokens), open_=self.found.open or self.depth > 0, meta=False)

    def meta(self, index: int) -> list[Piece]:
        """A backslash command: the statement before it ends, the command runs to the end of its line."""
        before = self._piece(index, open_=False, meta=False)
        tokens = self.found.tokens
        newline = self.found.clean.find("\n", tokens[index].start)
        last = index
        while last < len(tokens) and (newline < 0 or tokens[last].start < newline):
            last += 1
        self.first, self.body, self.depth = index, False, 0
        command = self._piece(last, open_=False, meta=True)
        self.first = self.skip = last
        return before + command

    def _piece(self, end: int, *, open_: bool, meta: bool) -> list[Piece]:
        tokens = self.found.tokens[self.first : end]
        if not tokens:
            return []
        start = tokens[0].start
        stop = self.found.tokens[end].start if end < len(self.found.tokens) else len(self.found.clean)
        self.line += self.found.clean.count("\n", self.counted, start)
        self.counted = start
        return [Piece(self.found.clean[start:stop].rstrip(), self.line, tuple(tokens), open_, meta)]


def _from_stdin(piece: Piece) -> bool:
    words = [token.upper for token in piece.tokens]
    return bool(words) and words[0] == "COPY" and "FROM" in words and "STDIN" in words


def _copy_data(text: str, lines: int) -> tuple[int, int]:
    """Where the data begin, after so many line ends and one more, and where they end; -1: they never do."""
    begin = 0
    for _ in range(lines + 1):
        begin = text.find("\n", begin) + 1
        if begin == 0:
            return len(text), len(text)
    position = begin
    while position < len(text):
        end = text.find("\n", position)
        end = len(text) if end < 0 else end
        if text[position:end].rstrip("\r") == "\\.":
            return begin, min(end + 1, len(text))
        position = end + 1
    return begin, -1

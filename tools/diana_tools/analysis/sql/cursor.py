"""A place in a list of tokens, and the few questions that definitions need to ask."""

from __future__ import annotations

from collections.abc import Sequence

from diana_tools.analysis.sql.tokens import Token

_END = Token("end", "", -1)
_OPEN, _CLOSE = frozenset("(["), frozenset(")]")


class Lost(Exception):
    """The tokens do not have the form that was expected."""


class Cursor:
    """Walks over tokens; what is not as expected raises Lost."""

    def __init__(self, tokens: Sequence[Token]) -> None:
        self._tokens = tokens
        self._place = 0

    @property
    def more(self) -> bool:
        """Whether there is a token left."""
        return self._place < len(self._tokens)

    def peek(self) -> Token:
        """The next token, or one of kind `end`."""
        return self._tokens[self._place] if self.more else _END

    def peek_word(self) -> str:
        """The next keyword in capitals, or the next mark; empty for a quoted name, a string or the end."""
        token = self.peek()
        return token.upper or (token.text if token.kind == "mark" else "")

    def step(self) -> None:
        """Leave the next token behind."""
        self._place += 1

    def accept(self, *words: str) -> bool:
        """Take the next token if it is one of these keywords or marks."""
        taken = self.peek_word() in words
        self._place += taken
        return taken

    def expect(self, word: str) -> None:
        """Take this keyword.

        Raises:
            Lost: it is not there.
        """
        if not self.accept(word):
            raise Lost

    def keyword(self) -> str:
        """Take any keyword; the word in capitals.

        Raises:
            Lost: the next token is none.
        """
        word = self.peek().upper
        if not word:
            raise Lost
        self.step()
        return word

    def name(self) -> str:
        """Take a qualified name, unquoted.

        Raises:
            Lost: the next token cannot be one.
        """
        parts = [self._part()]
        while self.accept("."):
            parts.append(self._part())
        return ".".join(parts)

    def _part(self) -> str:
        token = self.peek()
        if token.kind not in ("word", "name", "string"):
            raise Lost
        self.step()
        return token.text

    def names(self) -> tuple[str, ...]:
        """Take one or several names with commas between them.

        Raises:
            Lost: there is none.
        """
        found = [self.name()]
        while self.accept(","):
            found.append(self.name())
        return tuple(found)

    def group(self) -> list[Token]:
        """Take what stands in the parentheses that open here.

        Raises:
            Lost: none open here, or they never close.
        """
        self.expect("(")
        first, depth = self._place, 1
        while depth:
            if not self.more:
                raise Lost
            depth += _step(self.peek())
            self.step()
        return list(self._tokens[first : self._place - 1])

    def upto_comma(self) -> list[Token]:
        """Take everything up to the next comma outside parentheses."""
        first, depth = self._place, 0
        while self.more and not (depth == 0 and self.peek().text == "," and self.peek().kind == "mark"):
            depth += _step(self.peek())
            self.step()
        return list(self._tokens[first : self._place])

    def words(self) -> list[str]:
        """The keywords that are left, in capitals; nothing is taken."""
        return [token.upper for token in self._tokens[self._place :]]

    def rest(self) -> list[str]:
        """Take everything that is left, as text."""
        texts = [token.text for token in self._tokens[self._place :]]
        self.skip()
        return texts

    def skip(self) -> None:
        """Take everything that is left."""
        self._place = len(self._tokens)


def _step(token: Token) -> int:
    if token.kind != "mark":
        return 0
    return 1 if token.text in _OPEN else -1 if token.text in _CLOSE else 0


def split(tokens: Sequence[Token]) -> list[list[Token]]:
    """Cut at the commas that stand outside parentheses."""
    cursor = Cursor(tokens)
    parts = [cursor.upto_comma()]
    while cursor.accept(","):
        parts.append(cursor.upto_comma())
    return parts

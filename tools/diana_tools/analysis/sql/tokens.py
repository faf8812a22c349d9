"""SQL cut into tokens with the lexical rules of one dialect; it never fails, whatever the text is."""

from __future__ import annotations

import re
from dataclasses import dataclass
from functools import cache
from typing import NamedTuple


@dataclass(frozen=True, slots=True)
class Lexis:
    """How a dialect writes comments, strings and names.

    PostgreSQL: manual 4.1 (comments nest, a carriage return ends a line comment). SQLite: lang_comment.html
    (no nesting, end of text closes). MySQL: manual 9.7 (executable comments run).
    """

    nests: bool = False
    dollar: bool = False
    backslash: bool = False
    strings: str = "'"
    names: str = '"'
    brackets: bool = False
    hash_comments: bool = False
    executable_comments: bool = False
    return_ends_comment: bool = False


_LEXES = {
    "postgresql": Lexis(nests=True, dollar=True, return_ends_comment=True),
    "sqlite": Lexis(names='"`', brackets=True),
    "mysql": Lexis(
        backslash=True, strings="'\"", names="`", hash_comments=True, executable_comments=True
    ),
    "mssql": Lexis(nests=True, brackets=True),
}  # fmt: skip
_SAME = {"mariadb": "mysql", "tsql": "mssql", "sqlserver": "mssql", "postgres": "postgresql"}


def lexis(dialect: str) -> Lexis:
    """The lexical rules of a dialect; standard SQL for one that nobody knows."""
    return _LEXES.get(_SAME.get(dialect, dialect), Lexis())


class Token(NamedTuple):
    """A token: word, name, string, number or mark; `text` is unquoted, `start` an offset into the clean text."""

    kind: str
    text: str
    start: int

    @property
    def upper(self) -> str:
        """The word in capitals; empty for what is no word, so that a quoted name is never a keyword."""
        return self.text.upper() if self.kind == "word" else ""


@dataclass(slots=True)
class Scan:
    """The text without comments, as long as the text in lines, and its tokens. `open`: a quote was never closed."""

    clean: str
    tokens: list[Token]
    open: bool = False


@cache
def _pattern(rules: Lexis) -> re.Pattern[str]:
    """One expression for all that can be told by its beginning. Possessive, so that it is linear."""
    line_end = r"[^\n\r]" if rules.return_ends_comment else r"[^\n]"
    dash = r"--(?=\s|$)" if rules.hash_comments else "--"
    parts = [r"(?P<space>\s++)", rf"(?P<line>{dash}{line_end}*+)", r"(?P<block>/\*)"]
    if rules.hash_comments:
        parts.append(rf"(?P<hash>\#{line_end}*+)")
    if rules.dollar:
        parts += [
            r"(?P<dollar>\$(?:[A-Za-z_\x80-\U0010ffff][\w\x80-\U0010ffff]*+)?\$)",
            r"(?P<escaped>[eE]'(?:[^'\\]|\\.|'')*+')",
        ]
    for index, quote in enumerate(rules.strings):
        inner = rf"[^{quote}\\]|\\.|{quote}{quote}" if rules.backslash else rf"[^{quote}]|{quote}{quote}"
        parts.append(rf"(?P<string{index}>{quote}(?:{inner})*+{quote})")
    for index, quote in enumerate(rules.names):
        parts.append(rf"(?P<name{index}>{quote}(?:[^{quote}]|{quote}{quote})*+{quote})")
    if rules.brackets:
        parts.append(r"(?P<bracket>\[[^\]]*+\])")
    parts += [
        r"(?P<word>[A-Za-z_\x80-\U0010ffff][\w$\x80-\U0010ffff]*+)",
        r"(?P<number>\d[\w.]*+)",
        r"(?P<mark>.)",
    ]
    return re.compile("|".join(parts), re.S)


def scan(text: str, rules: Lexis) -> Scan:
    """Cut `text`; comments become a space and their line ends. Linear in the length of the text."""
    return _Scanner(text, rules).run()


class _Scanner:
    def __init__(self, text: str, rules: Lexis) -> None:
        self.text = text
        self.rules = rules
        self.parts: list[str] = []
        self.length = 0
        self.tokens: list[Token] = []
        self.open = False
        self.executable = 0

    def run(self) -> Scan:
        pattern = _pattern(self.rules)
        position = 0
        while (match := pattern.match(self.text, position)) is not None:
            position = self._take(match.lastgroup or "", match.group(), match.start(), match.end())
        return Scan("".join(self.parts), self.tokens, self.open)

    def _take(self, kind: str, text: str, start: int, end: int) -> int:
        """Handle one match; where to go on from."""
        if kind == "space":
            self._emit(text)
        elif kind in ("line", "hash"):
            self._blank(text)
        elif kind == "block":
            return self._comment(start)
        elif kind == "dollar":
            return self._dollar(text, start, end)
        elif kind == "mark":
            return self._mark(text, start)
        else:
            self._token(*_unquote(kind, text), text)
        return end

    def _emit(self, text: str) -> None:
        self.parts.append(text)
        self.length += len(text)

    def _blank(self, text: str) -> None:
        self._emit(" " + "\n" * text.count("\n"))

    def _token(self, kind: str, meaning: str, text: str) -> None:
        self.tokens.append(Token(kind, meaning, self.length))
        self._emit(text)

    def _comment(self, start: int) -> int:
        executable = self.rules.executable_comments and re.match(r"/\*M?!\d*", self.text[start : start + 12])
        if executable:
            self.executable += 1
            self._emit(" ")
            return start + executable.end()
        end = self._comment_end(start + 2)
        self._blank(self.text[start:end])
        return end

    def _comment_end(self, position: int) -> int:
        depth = 1
        pattern = re.compile(r"/\*|\*/" if self.rules.nests else r"\*/")
        while (match := pattern.search(self.text, position)) is not None:
            depth += 1 if match.group() == "/*" else -1
            position = match.end()
            if depth == 0:
                return position
        self.open = self.rules.nests or self.open
        return len(self.text)

    def _dollar(self, tag: str, start: int, end: int) -> int:
        close = self.text.find(tag, end)
        if close < 0:
            self.open = True
            close = len(self.text)
        self._token("string", self.text[end:close], self.text[start : close + len(tag)])
        return min(close + len(tag), len(self.text))

    def _mark(self, text: str, start: int) -> int:
        if self.executable and self.text.startswith("*/", start):
            self.executable -= 1
            self._emit(" ")
            return start + 2
        if text in self.rules.strings + self.rules.names or (text == "[" and self.rules.brackets):
            self.open = True
            rest = self.text[start:]
            self._token("string", rest[1:], rest)
            return len(self.text)
        self._token("mark", text, text)
        return start + 1


def _unquote(kind: str, text: str) -> tuple[str, str]:
    """Kind and meaning of a token that was matched whole."""
    if kind == "escaped":
        return "string", text[2:-1].replace("''", "'")
    if kind.startswith("string"):
        return "string", text[1:-1].replace(text[0] * 2, text[0])
    if kind.startswith("name"):
        return "name", text[1:-1].replace(text[0] * 2, text[0])
    if kind == "bracket":
        return "name", text[1:-1]
    return kind, text


def first_token(text: str) -> int:
    """Offset of the first token of PostgreSQL text, behind white space and comments; its length when there is none."""
    position, depth = 0, 0
    for match in re.finditer(r"/\*|\*/|--[^\n\r]*+|\s++|.", text, re.S):
        mark = match.group()
        if mark == "/*":
            depth += 1
        elif mark == "*/" and depth:
            depth -= 1
        elif depth == 0 and not mark.isspace() and not mark.startswith("--"):
            return match.start()
        position = match.end()
    return position

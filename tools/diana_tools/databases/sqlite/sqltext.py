"""SQL as SQLite keeps it, brought into one form, and the parts of CREATE TABLE that no PRAGMA tells."""

from __future__ import annotations

import re
from collections.abc import Iterator, Sequence
from dataclasses import dataclass

_TOKEN = re.compile(
    r"""(?P<skip>\s+|--[^\n]*|/\*.*?(?:\*/|\Z))
      | (?P<string>'(?:[^']|'')*')
      | (?P<quoted>"(?:[^"]|"")*"|`(?:[^`]|``)*`|\[[^\]]*\])
      | (?P<word>[\w$]+)
      | (?P<sign><=|>=|<>|!=|==|\|\||<<|>>|->>|->|.)""",
    re.VERBOSE | re.DOTALL,
)
_PLAIN = re.compile(r"[a-z_]\w*")
_CONSTRAINT_WORDS = frozenset({"constraint", "primary", "unique", "check", "foreign"})


@dataclass(frozen=True, slots=True)
class TableText:
    """What only the text of CREATE TABLE says; column names as keys are lower case.

    `checks` are whole expressions, in order; `generated` holds `virtual (expr)` or `stored (expr)`.
    """

    checks: tuple[str, ...]
    collations: dict[str, str]
    generated: dict[str, str]
    autoincrement: bool
    options: str


def tokens(sql: str) -> list[str]:
    """Words in lower case, names unquoted where that changes nothing, strings untouched; no comments, no spaces."""
    return [_plain(match) for match in _TOKEN.finditer(sql) if match.lastgroup != "skip"]


def _plain(match: re.Match[str]) -> str:
    text = match.group()
    if match.lastgroup == "word":
        return text.lower()
    if match.lastgroup != "quoted":
        return text
    quote = text[-1]
    name = (text[1:-1].replace(quote * 2, quote) if quote != "]" else text[1:-1]).lower()
    return name if _PLAIN.fullmatch(name) else '"' + name.replace('"', '""') + '"'


def join(parts: Sequence[str]) -> str:
    """Tokens as one readable line."""
    line = ""
    for part in parts:
        glued = not line or part in {",", ")", "."} or line[-1] in "(." or (part == "(" and re.search(r"\w$", line))
        line += part if glued else f" {part}"
    return line


def normal(sql: str) -> str:
    """One form for every spelling of the same statement: case, quotes, comments and white space do not matter."""
    return join(tokens(sql))


def default(text: str) -> str:
    """A column's default, without the parentheses that may or may not stand around it."""
    parts = tokens(text)
    while len(parts) > 1 and parts[0] == "(" and _closing(parts, 0) == len(parts) - 1:
        parts = parts[1:-1]
    return join(parts)


def index_tail(sql: str) -> str:
    """What stands after the table in CREATE INDEX: columns, expressions and the condition."""
    parts = tokens(sql)
    return join(parts[parts.index("(") :]) if "(" in parts else ""


def made(sql: str) -> str:
    """What a statement makes, without its CREATE: for views, triggers and virtual tables."""
    return join(tokens(sql)[1:])


def read_table(sql: str) -> TableText:
    """Read CREATE TABLE; a table made from a query, or a virtual one, has none of these parts."""
    parts = tokens(sql)
    start = parts.index("(") if "(" in parts else len(parts)
    end = _closing(parts, start)
    checks: list[str] = []
    collations: dict[str, str] = {}
    generated: dict[str, str] = {}
    automatic = False
    for piece in _pieces(parts[start + 1 : end]):
        checks += _checks(piece)
        if piece[0] in _CONSTRAINT_WORDS:
            continue
        name = piece[0].strip('"').replace('""', '"')
        automatic = automatic or "autoincrement" in piece
        collation, formula = _collation(piece), _generated(piece)
        if collation:
            collations[name] = collation
        if formula:
            generated[name] = formula
    return TableText(tuple(checks), collations, generated, automatic, join(parts[end + 1 :]))


def _closing(parts: Sequence[str], start: int) -> int:
    """The place of the parenthesis that closes the one at `start`; the end when none does."""
    depth = 0
    for place in range(start, len(parts)):
        depth += {"(": 1, ")": -1}.get(parts[place], 0)
        if depth == 0:
            return place
    return len(parts)


def _pieces(parts: Sequence[str]) -> Iterator[list[str]]:
    """Split at the commas that stand in no parentheses."""
    piece: list[str] = []
    depth = 0
    for part in parts:
        depth += {"(": 1, ")": -1}.get(part, 0)
        if part == "," and depth == 0:
            if piece:
                yield piece
            piece = []
        else:
            piece.append(part)
    if piece:
        yield piece


def _outside(piece: Sequence[str]) -> Iterator[int]:
    """The places of a piece that stand in no parentheses."""
    place = 0
    while place < len(piece):
        yield place
        place = _closing(piece, place) + 1 if piece[place] == "(" else place + 1


def _checks(piece: Sequence[str]) -> list[str]:
    return [
        join(piece[place + 2 : _closing(piece, place + 1)])
        for place in _outside(piece)
        if piece[place] == "check" and piece[place + 1 : place + 2] == ["("]
    ]


def _collation(piece: Sequence[str]) -> str:
    return next((piece[at + 1] for at in _outside(piece) if piece[at] == "collate" and at + 1 < len(piece)), "")


def _generated(piece: Sequence[str]) -> str:
    for at in _outside(piece):
        if piece[at] == "as" and piece[at + 1 : at + 2] == ["("]:
            end = _closing(piece, at + 1)
            kind = "stored" if "stored" in piece[end:] else "virtual"
            return f"{kind}{join(piece[at + 1 : end + 1])}"
    return ""

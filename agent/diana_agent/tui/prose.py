"""Markdown as lines: what Diana's replies are written in. Links are shown as text with their address, never clickable.

Parsed with markdown-it, which is loaded at the first reply and not before.
"""

from __future__ import annotations

import re
from collections.abc import Iterator, Sequence
from dataclasses import dataclass, field
from functools import cache
from typing import TYPE_CHECKING

from textual.content import Content

from diana_agent.tui.typeset import BLANK, columns, styled, wrapped

if TYPE_CHECKING:
    from markdown_it import MarkdownIt
    from markdown_it.token import Token

_FENCE = re.compile(r"^ {0,3}(```|~~~)")
CODE = "$running"


@dataclass(slots=True)
class Block:
    """A paragraph, heading, code line, list item or table, not yet set in lines.

    `kind` is text, code, rule or table; `first` and `rest` go before its lines; `gap` says whether a blank
    line goes before it.
    """

    kind: str
    content: Content = BLANK
    first: str = ""
    rest: str = ""
    gap: bool = True
    rows: list[list[Content]] = field(default_factory=list[list[Content]])

    def lines(self, width: int) -> list[Content]:
        """The block's lines at `width` cells."""
        first, rest = styled(self.first, "$quiet"), styled(self.rest, "$quiet")
        if self.kind == "table":
            return _table(self.rows, width)
        if self.kind == "rule":
            return [styled("─" * min(width, 40), "$faint")]
        return wrapped(self.content, width, first, rest)


@cache
def _parser() -> MarkdownIt:
    from markdown_it import MarkdownIt

    return MarkdownIt("commonmark", {"html": False}).enable(["table", "strikethrough"])


def load() -> None:
    """Load the parser ahead of the first reply; may run in a thread."""
    _parser().parse("*ready*")


def split(text: str) -> tuple[str, str]:
    """`text` cut at its last blank line outside a fence: what is finished, and the tail that may still change."""
    sealed, position, fence = 0, 0, ""
    for line in text.splitlines(keepends=True):
        position += len(line)
        if mark := _FENCE.match(line):
            fence = "" if fence == mark[1] else fence or mark[1]
        elif not fence and not line.strip():
            sealed = position
    return text[:sealed], text[sealed:]


def blocks(text: str) -> list[Block]:
    """The blocks of a piece of Markdown."""
    return list(_Reader(_parser().parse(text)).blocks())


def lines(parts: Sequence[Block], width: int) -> list[Content]:
    """All blocks set at `width`, with blank lines between those that want them."""
    found: list[Content] = []
    for number, block in enumerate(parts):
        if number and block.gap:
            found.append(BLANK)
        found.extend(block.lines(width))
    return found


class _Reader:
    """Walks markdown-it's tokens once."""

    def __init__(self, tokens: Sequence[Token]) -> None:
        self._tokens = iter(tokens)
        self._quotes = 0
        self._lists: list[int | None] = []
        self._marker = ""
        self._fresh = False

    def blocks(self) -> Iterator[Block]:
        """One block after the other."""
        heading = ""
        for token in self._tokens:
            kind = token.type
            if kind == "inline":
                yield self._block(_inline(token.children or [], heading))
            elif kind in ("fence", "code_block"):
                yield from self._code(token.content)
            elif kind == "table_open":
                yield Block("table", rows=list(self._rows()))
            elif kind == "hr":
                yield Block("rule")
            elif kind.startswith("heading"):
                heading = "bold $human" if kind == "heading_open" else ""
            else:
                self._nest(token)

    def _nest(self, token: Token) -> None:
        kind = token.type
        if kind.startswith("blockquote"):
            self._quotes += token.nesting
        elif kind in ("bullet_list_open", "ordered_list_open"):
            self._fresh = not self._lists
            self._lists.append(None if kind.startswith("bullet") else int(token.attrGet("start") or 1))
        elif kind.endswith("_list_close"):
            self._lists.pop()
        elif kind == "list_item_open":
            number = self._lists[-1]
            self._marker = "• " if number is None else f"{number}. "
            if number is not None:
                self._lists[-1] = number + 1

    def _block(self, content: Content) -> Block:
        quote = "▏ " * self._quotes
        depth = len(self._lists)
        indent = "  " * max(depth - 1, 0)
        marker, self._marker = self._marker, ""
        if not depth:
            return Block("text", content, quote, quote)
        width = len(marker) or 2
        gap, self._fresh = self._fresh or not marker, False
        return Block("text", content, quote + indent + (marker or "  "), quote + indent + " " * width, gap)

    def _code(self, text: str) -> Iterator[Block]:
        indent = "  " * (len(self._lists) + 1)
        for number, line in enumerate(text.rstrip("\n").split("\n")):
            yield Block("code", styled(line, CODE), indent, indent + "  ", gap=number == 0)

    def _rows(self) -> Iterator[list[Content]]:
        row: list[Content] = []
        heading = ""
        for token in self._tokens:
            if token.type == "table_close":
                return
            if token.type == "th_open":
                heading = "$human"
            elif token.type == "td_open":
                heading = ""
            elif token.type == "inline":
                row.append(_inline(token.children or [], heading))
            elif token.type == "tr_close":
                yield row
                row = []


def _inline(tokens: Sequence[Token], base: str) -> Content:
    parts: list[Content] = []
    styles: list[str] = [base] if base else []
    targets: list[str] = []
    for token in tokens:
        if token.type in ("text", "code_inline", "image", "html_inline"):
            style = CODE if token.type == "code_inline" else " ".join(styles)
            parts.append(styled(token.content, style))
        elif token.type in ("softbreak", "hardbreak"):
            parts.append(styled(" " if token.type == "softbreak" else "\n"))
        elif token.type == "link_open":
            targets.append(str(token.attrGet("href") or ""))
        elif token.type == "link_close":
            parts.append(_address(targets.pop(), parts))
        elif mark := {"strong": "bold", "em": "italic", "s": "strike"}.get(token.type.rsplit("_", 1)[0]):
            if token.nesting > 0:
                styles.append(mark)
            else:
                styles.remove(mark)
    return Content("").join(parts)


def _address(target: str, before: Sequence[Content]) -> Content:
    """A link's address in brackets, so that nobody has to trust its text."""
    shown = before[-1].plain if before else ""
    return BLANK if shown == target else styled(f" ({target})", "$quiet")


def _table(rows: Sequence[Sequence[Content]], width: int) -> list[Content]:
    count = max((len(row) for row in rows), default=0)
    if not count:
        return []
    even = [[*row, *([BLANK] * (count - len(row)))] for row in rows]
    wanted = [max(row[column].cell_length for row in even) for column in range(count)]
    room = max(width - 2 * (count - 1), count * 4)
    widths = wanted if sum(wanted) <= room else _shared(wanted, room)
    found: list[Content] = []
    for number, row in enumerate(even):
        found.extend(columns([[cell] for cell in row], widths))
        if number == 0:
            found.append(styled("─" * min(sum(widths) + 2 * (count - 1), width), "$faint"))
    return found


def _shared(wanted: Sequence[int], room: int) -> list[int]:
    """Widths that fit `room`: narrow columns keep theirs, the wide ones share what is left."""
    widths, left, open_columns = [0] * len(wanted), room, list(range(len(wanted)))
    while open_columns:
        share = max(left // len(open_columns), 4)
        small = [column for column in open_columns if wanted[column] <= share]
        if not small:
            for column in open_columns:
                widths[column] = share
            break
        for column in small:
            widths[column] = wanted[column]
            left -= wanted[column]
            open_columns.remove(column)
    return widths

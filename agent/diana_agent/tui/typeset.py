"""Setting lines: wrapping with a hanging indent, two ends of one line, columns; all on literal text, never markup."""

from __future__ import annotations

from collections.abc import Sequence

from textual.content import Content

BLANK = Content("")


def styled(text: str, style: str = "") -> Content:
    """Literal text in one style; brackets in it stay brackets."""
    return Content.styled(text, style)


def joined(parts: Sequence[Content], separator: str = "") -> Content:
    """Parts in one line, with `separator` between those that are not empty."""
    return Content(separator).join([part for part in parts if part.plain])


def wrapped(content: Content, width: int, first: Content = BLANK, rest: Content | None = None) -> list[Content]:
    """Lines of at most `width` cells: `first` before the first, `rest` (or as many spaces) before the others."""
    rest = Content(" " * first.cell_length) if rest is None else rest
    room = max(width - max(first.cell_length, rest.cell_length), 4)
    lines = content.wrap(room) or [BLANK]
    return [(first if number == 0 else rest) + line for number, line in enumerate(lines)]


def cut(content: Content, width: int) -> Content:
    """One line, cut with an ellipsis where it is longer than `width`."""
    return content.truncate(max(width, 1), ellipsis=True) if content.cell_length > width else content


def padded(content: Content, width: int) -> Content:
    """One line of exactly `width` cells."""
    return cut(content, width).pad_right(max(width - content.cell_length, 0))


def two_ends(left: Content, right: Content, width: int) -> list[Content]:
    """`left` and `right` at the two ends of one line; where both do not fit, `right` goes below, right-aligned."""
    gap = width - left.cell_length - right.cell_length
    if gap >= 1 or not right.plain:
        return [left + Content(" " * max(gap, 0)) + right]
    return [cut(left, width), *(line.pad_left(max(width - line.cell_length, 0)) for line in right.wrap(width))]


def columns(cells: Sequence[Sequence[Content]], widths: Sequence[int], gap: int = 2) -> list[Content]:
    """Cells side by side, each a list of paragraphs wrapped to its width; as many lines as the tallest needs."""
    wrapped_cells = [
        [line for paragraph in cell for line in (paragraph.wrap(max(width, 2)) or [BLANK])]
        for cell, width in zip(cells, widths, strict=True)
    ]
    lines: list[Content] = []
    for row in range(max(len(cell) for cell in wrapped_cells)):
        parts = [
            padded(cell[row] if row < len(cell) else BLANK, width)
            for cell, width in zip(wrapped_cells, widths, strict=True)
        ]
        lines.append(Content(" " * gap).join(parts).rstrip())
    return lines


def flowed(parts: Sequence[Content], width: int, separator: str = "  ·  ") -> list[Content]:
    """Parts after each other, broken between them where a line is full, and inside one only where it must be."""
    lines: list[Content] = []
    for part in parts:
        if lines and lines[-1].cell_length + len(separator) + part.cell_length <= width:
            lines[-1] = lines[-1] + Content(separator) + part
        else:
            lines += part.wrap(width) or [BLANK]
    return lines

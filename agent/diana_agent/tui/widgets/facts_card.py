"""A card of measured facts: a title, a result at the right, rows of name and value, and marked lines below."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

from textual.content import Content

from diana_agent.tui.typeset import cut, styled, two_ends, wrapped
from diana_agent.tui.widgets.lines import Lines
from diana_agent.tui.widgets.sentence import MARKS

LABEL = 14


@dataclass(frozen=True, slots=True)
class Row:
    """A line of a card. With `tone` it gets a mark; with `name` the value stands in the second column."""

    value: str
    name: str = ""
    tone: str = ""
    style: str = ""


class FactsCard(Lines):
    """A card whose rows may grow: a backup, then its proof, then its copies. All text must be clean."""

    def __init__(self, title: str, result: str, tone: str, rows: Sequence[Row] = ()) -> None:
        super().__init__(classes=f"-{tone}")
        self._title = title
        self._result = result
        self._tone = tone
        self._rows: list[Row] = list(rows)
        self._folded_at = 0
        self._more = ""

    @property
    def tone(self) -> str:
        """How the card is meant: good, warn, bad or info."""
        return self._tone

    def grow(self, rows: Sequence[Row], result: str = "", tone: str = "") -> None:
        """Add rows, and perhaps say something new at the right."""
        self._rows += rows
        self._result = result or self._result
        if tone:
            self._tone = tone
            self.set_classes(f"-{tone}")
        self.changed()

    def fold_after(self, rows: int, more: str) -> None:
        """Show only so many rows until it is unfolded; `more` says how."""
        self._folded_at, self._more = (rows, more) if len(self._rows) > rows else (0, "")
        self.changed()

    def fold(self, folded: bool) -> None:
        """Fold or unfold what `fold_after` hides."""
        self._folded_at = abs(self._folded_at) * (1 if folded else -1)
        self.changed()

    def build(self, width: int) -> Sequence[Content]:
        """The header and the rows."""
        mark, colour = MARKS[self._tone]
        right = styled(self._result, colour)
        left = styled(f"{mark} ", colour) + styled(self._title, "bold")
        found = two_ends(cut(left, max(width - right.cell_length - 2, 24)), right, width)
        rows = self._rows[: self._folded_at] if self._folded_at > 0 else self._rows
        names = min(max((len(row.name) for row in rows if row.tone), default=0), LABEL)
        for row in rows:
            found.extend(_row(row, width, names))
        if self._folded_at > 0:
            found.append(styled(f"  {self._more}", "$quiet"))
        return found


def _row(row: Row, width: int, names: int) -> list[Content]:
    value = styled(row.value, row.style)
    if row.tone:
        mark, colour = MARKS[row.tone]
        first = styled("  ") + styled(f"{mark} ", colour)
        return wrapped(value, width, first + styled(f"{row.name:<{names}}  ") if row.name else first)
    if row.name:
        narrow = min(LABEL, max(width // 4, 8))
        return wrapped(value, width, styled(f"  {row.name:<{narrow}} ", "$quiet"))
    return wrapped(value, width, styled("  "))

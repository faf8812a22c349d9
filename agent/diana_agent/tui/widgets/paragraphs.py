"""Paragraphs of literal text, for screens that say something."""

from __future__ import annotations

from collections.abc import Sequence

from textual.content import Content

from diana_agent.tui.typeset import BLANK, wrapped
from diana_agent.tui.widgets.lines import Lines


class Paragraphs(Lines):
    """Contents under each other, each wrapped, each with the same beginning (a bullet, say)."""

    def __init__(self, contents: Sequence[Content], first: Content = BLANK, *, id: str | None = None) -> None:
        super().__init__(id=id)
        self._contents = contents
        self._first = first

    def show(self, contents: Sequence[Content]) -> None:
        """Show other contents."""
        self._contents = contents
        self.changed()

    def build(self, width: int) -> Sequence[Content]:
        """All of them, wrapped."""
        return [line for content in self._contents for line in wrapped(content, width, self._first)]

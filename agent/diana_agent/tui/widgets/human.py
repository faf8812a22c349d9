"""What the person said, with the blue bar."""

from __future__ import annotations

from collections.abc import Sequence

from textual.content import Content

from diana_agent.tui.typeset import styled
from diana_agent.tui.widgets.lines import Lines
from diana_agent.tui.words import clean


class Human(Lines):
    """A message of the person, as literal text."""

    def __init__(self, said: str) -> None:
        super().__init__()
        self._said = clean(said)

    def build(self, width: int) -> Sequence[Content]:
        """The message, wrapped."""
        return styled(self._said, "$foreground").wrap(width)

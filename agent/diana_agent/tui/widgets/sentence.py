"""One sentence of the program itself, with a mark that says how it is meant."""

from __future__ import annotations

from collections.abc import Sequence

from textual.content import Content

from diana_agent.tui.typeset import styled, wrapped
from diana_agent.tui.widgets.lines import Lines

MARKS = {"good": ("✓", "$good"), "warn": ("▲", "$running"), "bad": ("✗", "$bad"), "info": ("·", "$quiet")}
STYLES = {"good": "$good", "warn": "$running", "bad": "bold $bad", "info": "", "quiet": "$quiet"}


class Sentence(Lines):
    """A sentence by tone: good, warn, bad, info, or quiet for what only the curious read."""

    def __init__(self, sentence: str, tone: str = "info") -> None:
        super().__init__(classes=f"-{tone}")
        self._sentence = sentence
        self._tone = tone

    def build(self, width: int) -> Sequence[Content]:
        """The mark and the sentence; what is just said needs none, what brings a sign of its own no second one."""
        mark, colour = MARKS.get(self._tone, ("·", "$quiet"))
        signed = self._tone == "info" or (
            bool(self._sentence) and not (self._sentence[0].isalnum() or self._sentence[0] in "'\"“‘(")
        )
        first = styled("" if signed else f"{mark} ", colour)
        return wrapped(styled(self._sentence, STYLES.get(self._tone, "")), width, first)

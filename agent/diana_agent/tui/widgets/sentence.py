"""One sentence of the program itself, with a mark that says how it is meant."""

from __future__ import annotations

from collections.abc import Sequence

from textual.content import Content

from diana_agent.tui.typeset import styled, wrapped
from diana_agent.tui.widgets.lines import Lines

MARKS = {"good": ("✓", "$good"), "warn": ("▲", "$running"), "bad": ("✗", "$bad"), "info": ("·", "$quiet")}
STYLES = {"good": "$good", "warn": "$running", "bad": "bold $bad", "info": "", "quiet": "$quiet"}


class Sentence(Lines):
    """A sentence by tone: good, warn, bad, info, or quiet for what only the curious read; it may have several lines."""

    def __init__(self, sentence: str, tone: str = "info") -> None:
        super().__init__(classes=f"-{tone}")
        self._sentence = sentence.strip("\n")
        self._tone = tone

    def build(self, width: int) -> Sequence[Content]:
        """The mark and the lines; what is just said needs no mark, what brings a sign of its own no second one."""
        mark, colour = MARKS.get(self._tone, ("·", "$quiet"))
        first = styled("" if self._tone == "info" or _signed(self._sentence) else f"{mark} ", colour)
        style = STYLES.get(self._tone, "")
        lines = self._sentence.split("\n")
        found = wrapped(styled(lines[0], style), width, first)
        for line in lines[1:]:
            found += wrapped(styled(line), width)
        return found


def _signed(sentence: str) -> bool:
    """Whether a sentence begins with a sign of its own."""
    return bool(sentence) and not (sentence[0].isalnum() or sentence[0] in "'\"“‘(/")

"""One reply of Diana: Markdown that grows while it streams, without being parsed again from its start."""

from __future__ import annotations

from collections.abc import Sequence
from time import monotonic

from textual.content import Content

from diana_agent.tui import prose
from diana_agent.tui.typeset import BLANK
from diana_agent.tui.widgets.lines import Lines
from diana_agent.tui.words import clean

SHARE = 4
"""Seconds without drawing for each second that drawing took."""
LONG = 10_000


class Reply(Lines):
    """What Diana said. Only the text after the last blank line is parsed again when more comes.

    A long tail without a blank line takes longer to set; it is then drawn less often, never more than a fifth
    of the time.
    """

    def __init__(self, text: str = "") -> None:
        super().__init__()
        self._sealed: list[prose.Block] = []
        self._sealed_lines: list[Content] = []
        self._sealed_for = -1
        self._tail = ""
        self._waiting = ""
        self._not_before = 0.0
        self.source = ""
        if text:
            self.finish(text)

    def feed(self, text: str) -> None:
        """Take a piece of streamed text."""
        text = clean(text, len(text) + 1)
        self.source += text
        self._waiting += text
        wait = self._not_before - monotonic()
        if wait <= 0 or not self.is_attached:
            self._absorb()
        else:
            self.set_timer(wait, self._absorb)

    def finish(self, text: str) -> None:
        """Set the finished text, parsed as a whole; a long one that was streamed stands already."""
        text = clean(text, len(text) + 1)
        if len(text) > LONG and text.strip() == self.source.strip():
            self._absorb()
            return
        self.source = text
        self._sealed, self._tail, self._waiting, self._sealed_for = prose.blocks(self.source), "", "", -1
        self.changed()

    def _absorb(self) -> None:
        if not self._waiting:
            return
        began = monotonic()
        finished, self._tail = prose.split(self._tail + self._waiting)
        self._waiting = ""
        if finished.strip():
            fresh = prose.blocks(finished)
            self._sealed += fresh
            if self._sealed_for > 0:
                self._extend(fresh, self._sealed_for)
        self.changed()
        now = monotonic()
        self._not_before = now + SHARE * (now - began)

    def build(self, width: int) -> Sequence[Content]:
        """The finished blocks, then the tail."""
        if width != self._sealed_for:
            self._sealed_lines, self._sealed_for = [], width
            self._extend(self._sealed, width)
        tail = prose.lines(prose.blocks(self._tail), width) if self._tail.strip() else []
        gap = [BLANK] if tail and self._sealed_lines else []
        return [*self._sealed_lines, *gap, *tail]

    def _extend(self, fresh: Sequence[prose.Block], width: int) -> None:
        if self._sealed_lines and fresh and fresh[0].gap:
            self._sealed_lines.append(BLANK)
        self._sealed_lines.extend(prose.lines(fresh, width))

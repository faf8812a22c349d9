"""One verb at work: its name, its arguments, its result at the right, and what it prints."""

from __future__ import annotations

from collections import deque
from collections.abc import Sequence
from itertools import islice

from textual.content import Content

from diana_agent.tui.typeset import BLANK, cut, joined, styled, two_ends, wrapped
from diana_agent.tui.widgets.lines import Lines
from diana_agent.tui.words import clean

TAIL = 6
MOST_LINES = 2_000
LONGEST = 1_000

GLYPHS = {"running": ("●", "$running"), "done": ("✓", "$good"), "failed": ("✗", "$bad")}


class ToolCard(Lines):
    """A tool call. While it runs the last six lines of its output are shown; when it is done they fold away.

    A failed one stays open. `unfold` shows everything that was kept.
    """

    def __init__(self, verb: str, arguments: str, running: str, hint: str) -> None:
        super().__init__(classes="-running")
        self._verb = clean(verb, 80)
        self._arguments = clean(arguments, 400).replace("\n", " ")
        self._hint = hint
        self._result = running
        self._time = ""
        self._state = "running"
        self._output: deque[Content] = deque(maxlen=MOST_LINES)
        self._printed = 0
        self._folded = True

    @property
    def state(self) -> str:
        """running, done or failed."""
        return self._state

    def explain(self, arguments: str) -> None:
        """Show something more exact in the place of the arguments, such as the command that runs."""
        self._arguments = clean(arguments, 400).replace("\n", " ")
        self.changed()

    def print(self, lines: Sequence[str], skipped: int = 0) -> None:
        """Take lines of live output; only the newest are kept."""
        self._printed += len(lines) + skipped
        self._output.extend(styled(clean(line, LONGEST), "$quiet") for line in lines[-MOST_LINES:])
        self.changed()

    def finish(self, ok: bool, result: str, time: str, hint: str) -> None:
        """Say how it ended, and how long it took."""
        self._state = "done" if ok else "failed"
        self._result, self._time, self._hint = result, time, hint
        self.set_classes(f"-{self._state}")
        self.changed()

    def fold(self, folded: bool) -> None:
        """Fold the output away, or show all that was kept."""
        self._folded = folded
        self.changed()

    def build(self, width: int) -> Sequence[Content]:
        """The header, then what is to be seen of the output."""
        glyph, colour = GLYPHS[self._state]
        result = joined([styled(self._result, colour), styled(self._time, "$quiet")], "  ")
        name = styled(f"{glyph} ", colour) + styled(self._verb, "bold")
        left = joined([name, styled(self._arguments, "$quiet")], "  ")
        shown = self._shown()
        if self._printed and not shown:
            result = joined([styled(self._hint, "$quiet"), result], "  ")
        room = width - result.cell_length - 2
        head = two_ends(cut(left, room) if room > 24 else left, result, width)
        if self._folded:
            return [*head, *(cut(line, width) for line in shown)]
        return [*head, *(part for line in shown for part in wrapped(line, width, BLANK, styled("    ")))]

    def _shown(self) -> Sequence[Content]:
        if self._folded and self._state == "done":
            return []
        first = max(len(self._output) - TAIL, 0) if self._folded else 0
        return [styled("  ") + line for line in islice(self._output, first, None)]

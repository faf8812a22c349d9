"""The last line: facts at the left, keys at the right."""

from __future__ import annotations

from collections.abc import Sequence

from textual.content import Content

from diana_agent.tui.typeset import BLANK, cut, joined, styled
from diana_agent.tui.widgets.lines import Lines
from diana_agent.tui.words import Words, clean


def tokens(count: int) -> str:
    """A number of tokens in as few characters as tell something."""
    return f"{count / 1000:.1f}k" if count >= 1000 else str(count)


class StatusLine(Lines):
    """Tool, model and tokens; the keys that matter now. Where both do not fit, the keys go first."""

    def __init__(self, words: Words) -> None:
        super().__init__()
        self._words = words
        self._facts: dict[str, str] = {}
        self._spent = 0
        self._cost: float | None = None
        self._doing = words("status.opening")
        self._keys = "idle"

    def tell(self, fact: str, value: str) -> None:
        """Set a fact: `tool` or `model`."""
        if self._facts.get(fact) != (told := clean(value, 60)):
            self._facts[fact] = told
            self.changed()

    def spend(self, count: int, cost: float | None) -> None:
        """Count tokens, and dollars where the price is known."""
        self._spent += count
        if cost is not None:
            self._cost = (self._cost or 0.0) + cost
        self.changed()

    def doing(self, what: str, keys: str) -> None:
        """Say what goes on now, and which keys matter: idle, busy or changing."""
        if (what, keys) != (self._doing, self._keys):
            self._doing, self._keys = what, keys
            self.changed()

    def build(self, width: int) -> Sequence[Content]:
        """One line."""
        spent = self._words("status.tokens", count=tokens(self._spent)) if self._spent else ""
        cost = f"${self._cost:.2f}" if self._cost else ""
        facts = [self._facts.get("tool", ""), self._facts.get("model", ""), f"{spent} {cost}".strip()]
        doing = styled(f"● {self._doing}", "$running") if self._doing else BLANK
        left = joined([doing, *(styled(fact, "$quiet") for fact in facts)], "  ·  ")
        for keys in (self._words(f"keys.{self._keys}"), self._words("keys.short")):
            right = styled(keys, "$quiet")
            gap = width - 2 - left.cell_length - right.cell_length
            if gap >= 2:
                return [styled(" ") + left + Content(" " * gap) + right]
        return [styled(" ") + cut(left, width - 2)]

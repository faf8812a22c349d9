"""Where the person writes: one line that grows, Enter sends, Ctrl+J makes a new line, history with the arrows."""

from __future__ import annotations

from typing import ClassVar

from textual import events
from textual.binding import Binding, BindingType
from textual.widgets import TextArea

from diana_agent.tui.messages import Sent

LONGEST = 20_000


class Prompt(TextArea):
    """The input of the chat. What is pasted goes in as it is, without control characters."""

    BINDINGS: ClassVar[list[BindingType]] = [
        Binding("ctrl+j", "newline", show=False),
    ]

    def __init__(self, placeholder: str) -> None:
        super().__init__(
            soft_wrap=True, compact=False, highlight_cursor_line=False, placeholder=placeholder, tab_behavior="focus"
        )
        self._history: list[str] = []
        self._recalled = 0

    async def _on_key(self, event: events.Key) -> None:
        """Enter sends; the arrows walk through what was said when there is nothing else they could do."""
        if event.key == "enter":
            event.stop()
            event.prevent_default()
            if self.text.strip():
                self.post_message(Sent(self.text.strip()[:LONGEST]))
            return
        if event.key in ("up", "down") and self._recalling():
            event.stop()
            event.prevent_default()
            self._recall(-1 if event.key == "up" else 1)
            return
        await super()._on_key(event)

    def action_newline(self) -> None:
        """Start a new line."""
        self.insert("\n")

    def accepted(self, text: str) -> None:
        """The message went out: remember it and empty the field."""
        if not self._history or self._history[-1] != text:
            self._history.append(text)
        self._recalled = len(self._history)
        self.clear()

    def _recalling(self) -> bool:
        """Whether the field is empty, or holds what was just recalled."""
        shown = self._history[self._recalled] if self._recalled < len(self._history) else ""
        return bool(self._history) and self.text == shown

    def _recall(self, way: int) -> None:
        self._recalled = min(max(self._recalled + way, 0), len(self._history))
        self.load_text(self._history[self._recalled] if self._recalled < len(self._history) else "")
        self.move_cursor(self.document.end)

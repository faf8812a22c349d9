"""The chat itself: top bar, steps, transcript, prompt and status line."""

from __future__ import annotations

from collections.abc import Sequence
from typing import ClassVar, Protocol, runtime_checkable

from textual.app import ComposeResult
from textual.binding import Binding, BindingType
from textual.containers import Horizontal, Vertical
from textual.screen import Screen
from textual.widget import Widget

from diana_agent.tui.widgets.prompt import Prompt
from diana_agent.tui.widgets.status_line import StatusLine
from diana_agent.tui.widgets.steps import Standing, Stepper, StepRail
from diana_agent.tui.widgets.top_bar import TopBar
from diana_agent.tui.widgets.transcript import Transcript
from diana_agent.tui.words import Words


@runtime_checkable
class Folding(Protocol):
    """A block with more than it shows."""

    def fold(self, folded: bool) -> None:
        """Fold the rest away, or show it."""
        ...


class ChatScreen(Screen[None]):
    """Below 90 columns the rail becomes one line; F2 shows the other one."""

    BINDINGS: ClassVar[list[BindingType]] = [
        Binding("pageup", "page('up')", show=False, priority=True),
        Binding("pagedown", "page('down')", show=False, priority=True),
        Binding("ctrl+end", "page('end')", show=False, priority=True),
        Binding("f2", "steps", show=False),
        Binding("ctrl+o", "unfold", show=False),
    ]

    def __init__(self, project: str, words: Words) -> None:
        super().__init__()
        self.standing = Standing()
        self.top = TopBar(project, words)
        self.rail = StepRail(self.standing, words)
        self.stepper = Stepper(self.standing, words)
        self.transcript = Transcript()
        self.prompt = Prompt(words("prompt"))
        self.status = StatusLine(words)
        self._folded = True

    def compose(self) -> ComposeResult:
        """Everything that stands still; the transcript fills later."""
        yield self.top
        yield self.stepper
        with Horizontal(id="body"):
            yield self.rail
            with Vertical(id="talk"):
                yield self.transcript
                yield self.prompt
                yield self.status

    def on_mount(self) -> None:
        """The person can write from the first frame on."""
        self.prompt.focus()

    def action_page(self, way: str) -> None:
        """Scroll the transcript by a page, or to its end."""
        {"up": self.transcript.page_up, "down": self.transcript.page_down, "end": self.transcript.to_end}[way]()

    def action_steps(self) -> None:
        """Show or hide the rail."""
        self.toggle_class("-steps")

    def action_unfold(self) -> None:
        """Show the whole output of all cards, or fold it away again."""
        self._folded = not self._folded
        _fold(self.transcript.children, self._folded)

    async def add(self, blocks: Sequence[Widget]) -> None:
        """Add blocks to the transcript, folded or not like those before them."""
        if not self._folded:
            _fold(blocks, False)
        await self.transcript.add(blocks)


def _fold(blocks: Sequence[Widget], folded: bool) -> None:
    for block in blocks:
        if isinstance(block, Folding):
            block.fold(folded)

"""The transcript: everything that was said and done, anchored to its end until the person scrolls up."""

from __future__ import annotations

from collections.abc import Sequence

from textual.containers import VerticalScroll
from textual.widget import Widget

MOST_BLOCKS = 600
PRUNED_TO = 500


class Transcript(VerticalScroll):
    """Blocks under each other. The oldest leave the screen when there are too many; the journal keeps them."""

    can_focus = False

    def on_mount(self) -> None:
        """Keep the end in view."""
        self.anchor()

    async def add(self, blocks: Sequence[Widget]) -> None:
        """Add blocks at the end, and let go of the oldest when there are more than fit."""
        if not blocks:
            return
        await self.mount_all(blocks)
        if len(self.children) > MOST_BLOCKS:
            await self.remove_children(self.children[: len(self.children) - PRUNED_TO])

    def page_up(self) -> None:
        """Scroll a page up; the end is let go."""
        self.scroll_page_up(animate=False)

    def page_down(self) -> None:
        """Scroll a page down; at the bottom the end is held again."""
        self.scroll_page_down(animate=False)

    def to_end(self) -> None:
        """Hold the end again."""
        self.anchor()

"""What all questions share: facts first, deaf to what was typed before they could be read, Esc cancels."""

from __future__ import annotations

import asyncio
import math
import sys
from collections.abc import Iterable
from contextlib import suppress
from time import monotonic
from typing import TYPE_CHECKING, ClassVar

from textual import events
from textual.app import ComposeResult
from textual.binding import Binding, BindingType
from textual.containers import Vertical, VerticalScroll
from textual.content import Content
from textual.screen import ModalScreen
from textual.widget import Widget

from diana_agent.person import Question, Reply
from diana_agent.tui.typeset import BLANK, styled, two_ends
from diana_agent.tui.widgets.lines import Lines
from diana_agent.tui.widgets.paragraphs import Paragraphs
from diana_agent.tui.words import Words, clean

if TYPE_CHECKING:
    from collections.abc import Sequence

DEAF_SECONDS = 0.7


class _Facts(VerticalScroll, can_focus=False):
    """The facts; they scroll with PgUp and PgDn when there are more than fit."""


class _Head(Lines):
    """The title at the left, the environment at the right."""

    def __init__(self, title: str, badge: Content) -> None:
        super().__init__()
        self._title = title
        self._badge = badge

    def build(self, width: int) -> Sequence[Content]:
        """One line, or two where both do not fit."""
        return two_ends(styled(self._title, "bold"), self._badge, width)


class QuestionScreen(ModalScreen[Reply]):
    """A question above the chat. Keys, clicks and pastes made before `listens_from` never reach it."""

    BINDINGS: ClassVar[list[BindingType]] = [
        Binding("escape", "cancel", show=False, priority=True),
        Binding("pageup", "facts('up')", show=False, priority=True),
        Binding("pagedown", "facts('down')", show=False, priority=True),
    ]

    def __init__(self, question: Question, words: Words, badge: Content = BLANK) -> None:
        super().__init__(classes="-danger" if question.danger else "")
        self.question = question
        self.words = words
        self.answer: asyncio.Future[Reply] | None = None
        self.listens_from = math.inf
        self._badge = badge
        self._withdrawn = False

    def compose(self) -> ComposeResult:
        """Title and environment, the facts, the question, and what the kind of question needs."""
        question = self.question
        facts = [styled(_line(fact, 2_000), "bold $bad" if fact.startswith("▲") else "") for fact in question.facts]
        with Vertical(id="dialog"):
            yield _Head(_line(question.title or self.words("question"), 200), self._badge)
            if facts:
                with _Facts(id="facts"):
                    yield Paragraphs(facts, styled("• ", "$quiet"))
            yield Paragraphs([styled(line, "bold") for line in clean(question.text).splitlines()], id="ask")
            yield from self.field()

    def field(self) -> Iterable[Widget]:
        """The widgets below the question."""
        raise NotImplementedError

    def on_mount(self) -> None:
        """Count the deaf time from when the question can be seen."""
        self.call_after_refresh(self._appeared)

    def _appeared(self) -> None:
        _empty_input()
        self.listens_from = monotonic() + DEAF_SECONDS
        self.set_timer(DEAF_SECONDS, lambda: self.add_class("-listening"))

    def on_resize(self) -> None:
        """Give the facts what the rest leaves of the screen."""
        self.call_after_refresh(self._fit)

    def _fit(self) -> None:
        dialog = self.query_one("#dialog")
        for facts in self.query(_Facts):
            others = [child for child in dialog.children if child is not facts]
            rest = sum(child.outer_size.height + child.styles.margin.height for child in others)
            room = self.size.height - rest - dialog.gutter.height - facts.styles.margin.height
            facts.styles.max_height = max(room, 3)
            facts.styles.height = min(facts.virtual_size.height, max(room, 3))

    def deaf_to(self, event: events.Event) -> bool:
        """Whether a key, click or paste was made too early to be an answer to this."""
        return event.time < self.listens_from

    def action_cancel(self) -> None:
        """Esc: no answer."""
        self.dismiss(Reply(given=False))

    def action_facts(self, way: str) -> None:
        """Scroll the facts."""
        for facts in self.query(_Facts):
            scroll = facts.scroll_page_up if way == "up" else facts.scroll_page_down
            scroll(animate=False)

    def withdraw(self) -> None:
        """Nobody waits any more: close, at once or when this is the top screen again."""
        self._withdrawn = True
        if self.is_current:
            self.dismiss(Reply(given=False))

    def on_screen_resume(self) -> None:
        """Close a question that was withdrawn while something stood above it."""
        if self._withdrawn:
            self.dismiss(Reply(given=False))


def _line(text: str, limit: int) -> str:
    """One line, whatever stands in it: no name draws a line of the question's own."""
    return " ".join(clean(text, limit).split())


def _empty_input() -> None:
    """Throw away what the terminal still holds, typed before the question appeared."""
    import termios

    stdin = sys.__stdin__
    with suppress(termios.error, ValueError, OSError):
        if stdin is not None and stdin.isatty():
            termios.tcflush(stdin.fileno(), termios.TCIFLUSH)

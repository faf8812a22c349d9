"""Questions that choose among options, or ask for a line of text. Nothing is chosen or filled in beforehand."""

from __future__ import annotations

from collections.abc import Iterable
from typing import ClassVar

from textual import on
from textual.binding import Binding, BindingType
from textual.widget import Widget
from textual.widgets import Input, OptionList
from textual.widgets.option_list import Option

from diana_agent.person import Reply
from diana_agent.tui.screens.question import QuestionScreen
from diana_agent.tui.typeset import styled
from diana_agent.tui.widgets.paragraphs import Paragraphs
from diana_agent.tui.words import clean

NUMBERED = 9


class ChoiceScreen(QuestionScreen):
    """Options with numbers; a number or the arrows move, Enter takes. Enter before that only beeps."""

    CSS_PATH = "ask.tcss"
    BINDINGS: ClassVar[list[BindingType]] = [
        *(Binding(str(number), f"aim({number - 1})", show=False) for number in range(1, NUMBERED + 1)),
    ]

    def field(self) -> Iterable[Widget]:
        """The list."""
        options = [
            Option(styled(f"{number:>2}  ", "$quiet") + styled(clean(option, 300)))
            for number, option in enumerate(self.question.options, 1)
        ]
        yield OptionList(*options, markup=False)
        yield Paragraphs([styled(self.words("choice.hint"), "$quiet")], id="hint")

    def on_mount(self) -> None:
        """The list has the keys, and points at nothing."""
        super().on_mount()
        options = self.query_one(OptionList)
        options.focus()
        options.highlighted = None

    def action_aim(self, place: int) -> None:
        """Move to an option."""
        if place < len(self.question.options):
            self.query_one(OptionList).highlighted = place

    @on(OptionList.OptionSelected)
    def _chosen(self, event: OptionList.OptionSelected) -> None:
        self.dismiss(Reply(given=True, text=self.question.options[event.option_index]))


class TextScreen(QuestionScreen):
    """One line of text; an empty one is no answer."""

    CSS_PATH = "ask.tcss"

    def field(self) -> Iterable[Widget]:
        """The empty field."""
        yield Input()
        yield Paragraphs([styled(self.words("text.hint"), "$quiet")], id="hint")

    def on_mount(self) -> None:
        """Typing goes to the field."""
        super().on_mount()
        self.query_one(Input).focus()

    @on(Input.Submitted)
    def _entered(self, event: Input.Submitted) -> None:
        text = event.value.strip()
        self.dismiss(Reply(given=bool(text), text=text))
